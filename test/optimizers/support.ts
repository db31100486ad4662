/** Small problems and readings for the optimizer tests. */
import 'lookbehind/compile';
import * as tf from '@tensorflow/tfjs';
import {
  adam,
  asam,
  lookahead,
  lookbehindASAM,
  lookbehindSAM,
  multistepASAM,
  multistepSAM,
  repeatedSAM,
  rmsprop,
  sam,
  sgd,
  straightSAM,
} from 'lookbehind';
import type { FamilyOptimizer } from 'lookbehind/extend';

/** f(w) = w'Aw / 2 - b'w over two variables of 2 and 1 numbers, with a positive definite A. */
export class Quadratic {
  readonly variables: tf.Variable[];
  readonly #A = tf.tensor2d([3, 0.5, 0.2, 0.5, 1, -0.1, 0.2, -0.1, 2], [3, 3]);
  readonly #b = tf.tensor1d([1, -2, 0.5]);
  /** Times the loss was evaluated. */
  evaluations = 0;

  constructor(start: readonly number[] = [0.8, -0.6, 1.5]) {
    this.variables = tf.tidy(() => [
      tf.variable(tf.tensor1d(start.slice(0, 2))),
      tf.variable(tf.tensor1d(start.slice(2, 3))),
    ]);
  }

  readonly loss = (): tf.Scalar => {
    this.evaluations++;
    return tf.tidy(() => {
      const w = tf.concat1d(this.variables as unknown as tf.Tensor1D[]);
      return tf.sub(tf.mul(tf.dot(w, tf.dot(this.#A, w)), 0.5), tf.dot(this.#b, w)) as tf.Scalar;
    });
  };

  /** The gradient Aw - b. */
  gradient(w: readonly number[]): number[] {
    const A = this.#A.arraySync();
    const b = this.#b.arraySync();
    return A.map((row, i) => row.reduce((sum, a, j) => sum + a * w[j], -b[i]));
  }

  get values(): number[] {
    return this.variables.flatMap((variable) => Array.from(variable.dataSync()));
  }

  dispose(): void {
    tf.dispose([...this.variables, this.#A, this.#b]);
  }
}

/** One of each algorithm, by name, with the given base options. */
export const FAMILY: Record<
  string,
  (base: { learningRate: number; momentum?: number; weightDecay?: number }) => FamilyOptimizer
> = {
  sgd: (base) => sgd(base),
  'adam, clipped': ({ learningRate, weightDecay }) =>
    adam({ learningRate, weightDecay, beta1: 0.8, clipNorm: 5, clipValue: 4 }),
  rmsprop: (base) => rmsprop({ ...base, smoothing: 0.9, centered: true }),
  sam: (base) => sam(base),
  asam: (base) => asam(base),
  multistepSAM: (base) => multistepSAM({ ...base, k: 3 }),
  multistepASAM: (base) => multistepASAM({ ...base, k: 3 }),
  'lookahead(sgd)': (base) => lookahead(sgd(base), { k: 3 }),
  'lookahead(sam)': (base) => lookahead(sam(base), { k: 3, alpha: 0.8 }),
  'lookahead(lookbehindSAM)': (base) => lookahead(lookbehindSAM(base), { k: 2 }),
  lookbehindSAM: (base) => lookbehindSAM({ ...base, k: 3 }),
  'lookbehindSAM adaptive': (base) => lookbehindSAM({ ...base, k: 3, alpha: 'adaptive' }),
  lookbehindASAM: (base) => lookbehindASAM({ ...base, k: 3 }),
  repeatedSAM: (base) => repeatedSAM({ ...base, k: 3 }),
  straightSAM: (base) => straightSAM({ ...base, k: 3 }),
};

/** The weights after each of `steps` steps of `optimizer` on the quadratic from `start`. */
export function walk(optimizer: FamilyOptimizer, steps: number, start?: readonly number[]): number[][] {
  const problem = new Quadratic(start);
  const path: number[][] = [];
  for (let i = 0; i < steps; i++) {
    optimizer.minimize(problem.loss, false, problem.variables);
    path.push(problem.values);
  }
  problem.dispose();
  optimizer.dispose();
  return path;
}

/** Largest absolute difference. */
export function difference(a: number[][], b: number[][]): number {
  return Math.max(...a.flatMap((row, i) => row.map((value, j) => Math.abs(value - b[i][j]))));
}
