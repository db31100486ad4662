/**
 * A network that learns in the page, and what is measured of it meanwhile: on a copy, so that neither waits
 * for the other.
 */
import * as tf from '@tensorflow/tfjs';
import type { Dataset } from 'lookbehind/data';
import {
  lossSurface,
  Plane,
  randomDirection,
  readFlatWeights,
  type SurfaceProgress,
  setFlatWeights,
} from 'lookbehind/landscape';
import { mlp } from 'lookbehind/models';
import { evaluateUnderNoise, gaussianNoise } from 'lookbehind/robustness';
import { oneStepSharpness } from 'lookbehind/sharpness';
import { evaluate, trainableVariables, withModelLoss } from 'lookbehind/train';
import { type MethodName, type MethodSettings, optimizerOf } from './methods';
import type { Task } from './trainingData';

const BATCH_SIZE = 64;
/** Samples that surface and sharpness are measured on. */
const MEASURED = 256;
/** Points of a surface along each axis. */
export const SURFACE_POINTS = 33;
/** Levels of noise on the weights. */
export const NOISE_LEVELS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8];

/** The weights are no numbers any more. */
export class Diverged extends Error {
  constructor() {
    super('the training diverged. Choose a smaller learning rate, and train new weights.');
  }
}

/** A network in training. Dispose it. */
export class Training {
  readonly task: Task;
  epoch = 0;
  steps = 0;
  readonly #seed: number;
  readonly #model: tf.LayersModel;
  readonly #copy: tf.LayersModel;
  readonly #variables: tf.Variable[];
  readonly #measured: Dataset;
  #optimizer: ReturnType<typeof optimizerOf>;
  #batches: Int32Array[] = [];

  constructor(task: Task, seed: number, method: MethodName, settings: MethodSettings) {
    this.task = task;
    this.#seed = seed;
    const make = () =>
      mlp({ inputs: task.train.inputSize, hidden: task.hidden, classes: task.train.classes.length, seed });
    this.#model = make();
    this.#copy = make();
    this.#variables = trainableVariables(this.#model);
    if (task.weights) setFlatWeights(this.#model, task.weights);
    this.#measured = task.train.subset(Math.min(MEASURED, task.train.size));
    this.#optimizer = optimizerOf(method, settings);
  }

  /** Goes on by another method, or by the same with other settings; momentum gathers anew. */
  use(method: MethodName, settings: MethodSettings): void {
    this.#optimizer.dispose();
    this.#optimizer = optimizerOf(method, settings);
  }

  /** One step on the next batch. The caller owns the loss before it. */
  step(): tf.Scalar {
    if (this.#batches.length === 0) {
      this.epoch++;
      this.#batches = this.task.train.batches({ batchSize: BATCH_SIZE, seed: this.#seed, epoch: this.epoch });
    }
    this.steps++;
    const { xs, ys } = this.task.train.tensors(this.#batches.shift()!);
    const labels = tf.oneHot(ys as tf.Tensor1D, this.task.train.classes.length);
    const loss = () =>
      tf.losses.softmaxCrossEntropy(
        labels,
        this.#model.apply(xs, { training: true }) as tf.Tensor,
      ) as tf.Scalar;
    try {
      return this.#optimizer.minimize(loss, true, this.#variables)!;
    } finally {
      tf.dispose([xs, ys, labels]);
    }
  }

  /** Takes the present weights for what is measured next. */
  hold(): void {
    this.#copy.setWeights(this.#model.getWeights());
  }

  /** Accuracy on the test set, of the present weights: no step may be taken meanwhile. */
  async accuracy(): Promise<number> {
    return (await evaluate(this.#model, this.task.test)).accuracy;
  }

  /** The loss along two random directions around the held weights. */
  async surface(
    chunkSize: number,
    signal: AbortSignal,
    onProgress: (progress: SurfaceProgress) => Promise<void>,
  ): Promise<void> {
    const model = this.#copy;
    const weights = await readFlatWeights(model);
    if (!weights.every(Number.isFinite)) throw new Diverged();
    const plane = new Plane(
      weights,
      randomDirection(model, { seed: 1 }),
      randomDirection(model, { seed: 2 }),
    );
    const x = { from: -1, to: 1, points: SURFACE_POINTS };
    await lossSurface(model, this.#measured, { plane, x, chunkSize, signal, onProgress });
  }

  /** How much the loss rises after a step back of each length, from the held weights. */
  async sharpness(radii: readonly number[], signal: AbortSignal): Promise<number[]> {
    const { values } = await withModelLoss(this.#copy, this.#measured, { batchSize: MEASURED }, (loss) =>
      oneStepSharpness(loss, { radii, signal }),
    );
    return values;
  }

  /** Accuracy on the test set under noise on the held weights, at each level: the mean of some draws. */
  async underNoise(signal: AbortSignal): Promise<number[]> {
    const { levels } = await evaluateUnderNoise(this.#copy, this.task.test, {
      noise: (sigma) => gaussianNoise({ sigma }),
      levels: NOISE_LEVELS,
      draws: 4,
      signal,
    });
    return levels.map(({ accuracy }) => accuracy.mean);
  }

  /** How many samples surface and sharpness are measured on. */
  get measured(): number {
    return this.#measured.size;
  }

  dispose(): void {
    this.#optimizer.dispose();
    this.#model.dispose();
    this.#copy.dispose();
  }
}
