import * as tf from '@tensorflow/tfjs';
import { functionLoss } from 'lookbehind/train';
import type { FlatLoss } from '../../lib/dist/training/flatLoss';

/** The quadratic loss w'Aw/2 + b'w over one variable of n numbers, at `at`. */
export function quadratic(
  a: number[][],
  b: number[],
  at: number[],
  name = 'weights',
): { objective: FlatLoss; variable: tf.Variable } {
  const variable = tf.variable(tf.tensor1d(at), true, `quadratic-${name}-${counter++}`);
  const matrix = tf.tensor2d(a);
  const linear = tf.tensor1d(b);
  const objective = functionLoss([variable], () => {
    const image = tf.reshape(tf.matMul(matrix, tf.reshape(variable, [-1, 1])), [-1]);
    return tf.add(
      tf.mul(0.5, tf.sum(tf.mul(variable, image))),
      tf.sum(tf.mul(linear, variable)),
    ) as tf.Scalar;
  });
  return { objective, variable };
}

let counter = 0;

/** A matrix as an operator in float64. */
export function matrixOperator(a: number[][]): {
  size: number;
  multiply(v: Float64Array): Promise<Float64Array>;
} {
  return {
    size: a.length,
    multiply: async (v) => Float64Array.from(a, (row) => row.reduce((sum, x, j) => sum + x * v[j], 0)),
  };
}

export function diagonal(values: number[]): number[][] {
  return values.map((value, i) => values.map((_, j) => (i === j ? value : 0)));
}
