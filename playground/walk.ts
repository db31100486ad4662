/**
 * A method on its way over a loss, step by step: the optimizer of the library on a variable of two numbers.
 */
import * as tf from '@tensorflow/tfjs';
import { lossAt, type PlaneLoss, type Point } from './losses';
import { type MethodName, type MethodSettings, optimizerOf } from './methods';
import { onCpu } from './onCpu';

/** Where a walk ended: at a minimum, by its place in the list of the loss, or at none. */
export type End = number | 'none';

/** So many steps are enough for any of the losses; a walk that hardly moves ends before. */
const MOST_STEPS = 400;
const LOOK_EVERY = 10;
const STANDS_STILL = 1e-3;
/**
 * How far from a minimum a walk may end that belongs to it: methods that climb stay about it at a distance.
 */
const NEAR = 0.35;

/** A walk. Dispose it. */
export class Walk {
  readonly method: MethodName;
  steps = 0;
  /** Whether it stands still, or took the most steps. */
  isOver = false;
  readonly #loss: PlaneLoss;
  readonly #variable: tf.Variable;
  readonly #optimizer: tf.Optimizer;
  readonly #lossAt: () => tf.Scalar;
  #point: Point;
  #looked: Point;

  constructor(method: MethodName, loss: PlaneLoss, start: Point, settings: MethodSettings) {
    this.method = method;
    this.#loss = loss;
    this.#optimizer = optimizerOf(method, settings);
    this.#variable = onCpu(() => tf.variable(tf.tensor1d([...start])));
    this.#lossAt = lossAt(loss, this.#variable);
    this.#point = start;
    this.#looked = start;
  }

  get point(): Point {
    return this.#point;
  }

  /** One step further, unless the walk is over. */
  step(): Point {
    if (this.isOver) return this.#point;
    const [x, y] = onCpu(() => {
      this.#optimizer.minimize(this.#lossAt, false, [this.#variable]);
      return this.#variable.dataSync();
    });
    this.#point = [x!, y!];
    this.steps++;
    if (this.steps % LOOK_EVERY === 0) {
      const moved = Math.hypot(x! - this.#looked[0], y! - this.#looked[1]);
      this.#looked = this.#point;
      this.isOver = !(moved > STANDS_STILL) || this.steps >= MOST_STEPS;
    }
    return this.#point;
  }

  /** Which minimum it is at. */
  get end(): End {
    const distances = this.#loss.minima.map(({ point: [x, y] }) =>
      Math.hypot(x - this.#point[0], y - this.#point[1]),
    );
    const nearest = distances.indexOf(Math.min(...distances));
    return distances[nearest]! < NEAR ? nearest : 'none';
  }

  dispose(): void {
    this.#variable.dispose();
    this.#optimizer.dispose();
  }
}
