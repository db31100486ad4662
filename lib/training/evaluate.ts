/**
 * Loss and accuracy of a model on data.
 */

import { type Compiled, compile } from '../compile/compile';
import { withBatchNormUpdates, withFrozenBatchNorm } from '../core/batchNorm';
import { checkKnownOptions, checkNumber, checkObject, checkOneOf, throwIfAborted } from '../core/errors';
import * as tf from '../core/tf';
import { lossFor, outputKind } from './modelLoss';
import { type Samples, sampleBatches, type TensorSamples } from './samples';

/** A loss: the mean over a batch, from labels (int32 `[n]`, or one row per sample) and what the model puts out. */
export type BatchLoss = (labels: tf.Tensor, outputs: tf.Tensor) => tf.Scalar;

/** By which statistics BatchNorm normalises. */
export type BatchNormMode = 'moving' | 'batch';

/** How a model is evaluated. */
export interface EvaluateOptions {
  /** Samples per forward pass, >= 1. The result depends on it by rounding only, unless `batchNorm` is `'batch'`. Default 250. */
  batchSize?: number;
  /** The loss. Default: mean cross-entropy, on logits or on what the model's last activation makes of them. */
  loss?: BatchLoss;
  /**
   * `'moving'`: by the moving averages, as in `model.predict`. `'batch'`: by each batch's own mean and variance, as in training; the
   * moving averages stay as they are, and Dropout is active. Default `'moving'`.
   */
  batchNorm?: BatchNormMode;
  /** Changes what the model puts out, before loss and accuracy are taken: masks the heads of other tasks, for example. */
  outputs?: (outputs: tf.Tensor) => tf.Tensor;
  /** Stops the evaluation at the next batch, with an AbortedError. */
  signal?: AbortSignal;
}

/** Result of an evaluation. */
export interface EvaluationResult {
  /** Mean loss over all samples. */
  loss: number;
  /**
   * Share of samples whose largest output is at their label, in [0, 1]; with one output, of those where it is on the side of its label, 0
   * or 1: above 0, or above 0.5 where it is a sigmoid's. NaN where labels are no classes.
   */
  accuracy: number;
  /** Number of samples. */
  count: number;
}

/**
 * Loss and accuracy of `model` on all samples: exact means, so a smaller last batch counts by its size.
 *
 * Runs op by op. Where the same model is evaluated again and again, use an `Evaluator`, which compiles the forward pass.
 *
 * @example const { loss, accuracy } = await evaluate(model, test);
 * @throws OptionError, DataError, AbortedError
 */
export async function evaluate(
  model: tf.LayersModel,
  samples: Samples,
  options: EvaluateOptions = {},
): Promise<EvaluationResult> {
  checkObject('options', options);
  const evaluator = new Evaluator(model, { ...options, eager: true });
  try {
    return await evaluator.run(samples, options.signal);
  } finally {
    evaluator.dispose();
  }
}

/** Like `evaluate`, without giving way to other work in between. */
export function evaluateSync(
  model: tf.LayersModel,
  samples: Samples,
  options: Omit<EvaluateOptions, 'signal'> = {},
): EvaluationResult {
  checkObject('options', options);
  const evaluator = new Evaluator(model, { ...options, eager: true });
  try {
    return evaluator.runSync(samples);
  } finally {
    evaluator.dispose();
  }
}

/** Options of an `Evaluator`. */
export interface EvaluatorOptions extends Omit<EvaluateOptions, 'signal'> {
  /** Runs op by op in place of compiling the forward pass. Default false. */
  eager?: boolean;
}

/** Data sets of different sizes end in batches of different sizes; a forward pass is compiled for each. */
const MAX_SIGNATURES = 32;

/** Evaluates one model, at the weights it has at each call, by a compiled forward pass. Dispose it after use. */
export class Evaluator {
  /** Samples per forward pass. */
  readonly batchSize: number;
  readonly #step: Compiled<[xs: tf.Tensor, ys: tf.Tensor], tf.Tensor>;

  /** @throws OptionError */
  constructor(model: tf.LayersModel, options: EvaluatorOptions = {}) {
    checkKnownOptions('evaluate', options, ['batchSize', 'loss', 'batchNorm', 'outputs', 'signal', 'eager']);
    const { batchSize = 250, batchNorm = 'moving', outputs: change, eager = false } = options;
    this.batchSize = checkNumber('batchSize', batchSize, { min: 1, integer: true });
    checkOneOf('batchNorm', batchNorm, ['moving', 'batch']);
    const loss = lossFor(model, options.loss);
    const boundary = classBoundary(model);
    const step = (xs: tf.Tensor, ys: tf.Tensor): tf.Tensor =>
      tf.tidy(() => {
        const unchanged = forward(model, xs, batchNorm);
        const outputs = change === undefined ? unchanged : change(unchanged);
        return tf.stack([loss(ys, outputs), correctCount(ys, outputs, boundary)]);
      });
    this.#step = compile(step, { name: 'evaluate', eager: eager || undefined, maxSignatures: MAX_SIGNATURES });
  }

  /** Loss and accuracy on all samples. Gives way to other work after each batch. */
  async run(samples: Samples, signal?: AbortSignal): Promise<EvaluationResult> {
    const total = new Total();
    for (const batch of sampleBatches(samples, this.batchSize)) {
      this.#add(total, batch);
      await new Promise((resolve) => setImmediate(resolve));
      throwIfAborted(signal, 'The evaluation');
    }
    return total.means();
  }

  /** Like `run`, in one go. */
  runSync(samples: Samples): EvaluationResult {
    const total = new Total();
    for (const batch of sampleBatches(samples, this.batchSize)) this.#add(total, batch);
    return total.means();
  }

  /** Frees the compiled function. */
  dispose(): void {
    this.#step.dispose();
  }

  #add(total: Total, { xs, ys }: TensorSamples): void {
    try {
      const result = this.#step(xs, ys);
      const [loss, correct] = result.dataSync();
      result.dispose();
      total.add(loss, correct, xs.shape[0]);
    } finally {
      tf.dispose([xs, ys]);
    }
  }
}

/** What `model` puts out for `xs`. Dropout is off in the mode `'moving'`. The caller owns the result. */
export function forward(model: tf.LayersModel, xs: tf.Tensor, batchNorm: BatchNormMode): tf.Tensor {
  if (batchNorm === 'moving') return model.apply(xs, { training: false }) as tf.Tensor;
  return withBatchNormUpdates(0, () => model.apply(xs, { training: true }) as tf.Tensor);
}

/**
 * What `model` puts out for `xs` in training: Dropout is on, and BatchNorm layers that are frozen stay as they are. The caller owns the
 * result.
 */
export function trainingForward(model: tf.LayersModel, xs: tf.Tensor): tf.Tensor {
  return withFrozenBatchNorm(model, () => model.apply(xs, { training: true }) as tf.Tensor);
}

/**
 * For how many samples the largest output is at the label, as a float32 scalar: labels are int32 `[n]` or one-hot, outputs `[n, classes]`.
 * With one output, labels are 0 or 1 (`[n]` or `[n, 1]`), and an output above `boundary` means 1. NaN where labels are no classes.
 *
 * @param boundary Between the two classes of a model with one output: `classBoundary`.
 */
export function correctCount(labels: tf.Tensor, outputs: tf.Tensor, boundary: number): tf.Scalar {
  if (outputs.rank === 2 && outputs.shape[1] === 1) return correctOfTwo(labels, outputs, boundary);
  const isClass = labels.rank === 1 && labels.dtype === 'int32';
  const isOneHot = labels.rank === 2 && tf.util.arraysEqual(labels.shape, outputs.shape);
  if (outputs.rank !== 2 || !(isClass || isOneHot)) return tf.scalar(Number.NaN);
  const classes = isClass ? labels : labels.argMax(1);
  return tf.sum(tf.cast(tf.equal(outputs.argMax(1), classes), 'float32')) as tf.Scalar;
}

/** As `correctCount`, for outputs `[n, 1]`. */
function correctOfTwo(labels: tf.Tensor, outputs: tf.Tensor, boundary: number): tf.Scalar {
  if (labels.size !== outputs.size) return tf.scalar(Number.NaN);
  return tf.tidy(() => {
    const isOne = tf.reshape(tf.equal(labels, 1), [-1]);
    const isZero = tf.reshape(tf.equal(labels, 0), [-1]);
    const saysOne = tf.reshape(tf.greater(outputs, boundary), [-1]);
    const correct = tf.sum(tf.cast(tf.equal(tf.cast(saysOne, 'int32'), tf.cast(isOne, 'int32')), 'float32'));
    const areClasses = tf.all(tf.logicalOr(isOne, isZero));
    return tf.where(areClasses, correct, tf.scalar(Number.NaN)) as tf.Scalar;
  });
}

/** Where the one output of a model changes from class 0 to class 1: 0.5 where its last activation is a sigmoid, else 0, as for logits. */
export function classBoundary(model: tf.LayersModel): number {
  return outputKind(model) === 'sigmoid' ? 0.5 : 0;
}

/** Sums in float64, weighted by batch size. */
class Total {
  #loss = 0;
  #correct = 0;
  #count = 0;

  add(meanLoss: number, correct: number, size: number): void {
    this.#loss += meanLoss * size;
    this.#correct += correct;
    this.#count += size;
  }

  means(): EvaluationResult {
    return { loss: this.#loss / this.#count, accuracy: this.#correct / this.#count, count: this.#count };
  }
}
