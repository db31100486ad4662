/**
 * What evaluation and analysis take as data: a data set, or tensors that the caller owns.
 */
import { checkNumber, DataError, OptionError } from '../core/errors';
import * as tf from '../core/tf';

/** Anything that makes tensors of its samples on demand, such as a `Dataset`. */
export interface SampleSource {
  /** Number of samples. */
  readonly size: number;
  /**
   * Names of the classes; empty where labels are numbers. Default: labels are classes, or one row for each
   * sample.
   */
  readonly classes?: readonly string[];
  /**
   * The samples at `indices` as tensors, owned by the caller: inputs `[n, ...]` and labels, int32 `[n]` or
   * one row each.
   */
  tensors(indices: ArrayLike<number>): TensorSamples;
}

/**
 * Inputs and labels as tensors: `xs` is `[n, ...inputShape]`; `ys` is int32 `[n]`, or has one row per sample.
 */
export interface TensorSamples {
  /** Inputs, float32 `[n, ...inputShape]`. */
  xs: tf.Tensor;
  /** Labels: int32 `[n]`, or one row per sample. */
  ys: tf.Tensor;
}

/** Samples to evaluate on: a data set, or tensors, which stay the caller's. */
export type Samples = SampleSource | TensorSamples;

/**
 * Number of samples. Throws a DataError where there are none, or where inputs and labels differ in number.
 */
export function sampleCount(samples: Samples): number {
  if (!isSamples(samples)) throw new OptionError('data', samples, 'a data set, or tensors { xs, ys }');
  const count = 'tensors' in samples ? samples.size : samples.xs.shape[0];
  if (!('tensors' in samples) && samples.ys.shape[0] !== count) {
    throw new DataError(
      `There are ${count} inputs but ${samples.ys.shape[0]} labels; give one label per input.`,
    );
  }
  if (count === 0) throw new DataError('There are no samples to evaluate on.');
  return count;
}

/** Whether the labels are known to be numbers to learn, not classes. */
export function labelsAreNumbers(samples: Samples): boolean {
  return 'tensors' in samples && samples.classes?.length === 0;
}

function isSamples(value: unknown): value is Samples {
  if (typeof value !== 'object' || value === null) return false;
  return (
    'tensors' in value ||
    ('xs' in value && value.xs instanceof tf.Tensor && 'ys' in value && value.ys instanceof tf.Tensor)
  );
}

/**
 * The samples in order, in batches of `batchSize`; the last one may be smaller. The caller disposes both
 * tensors of each.
 */
export function* sampleBatches(
  samples: Samples,
  batchSize: number,
): Generator<TensorSamples, void, undefined> {
  checkNumber('batchSize', batchSize, { min: 1, integer: true });
  const count = sampleCount(samples);
  for (let start = 0; start < count; start += batchSize)
    yield samplesFrom(samples, start, Math.min(batchSize, count - start));
}

/** `size` samples from `start` on. The caller disposes both tensors. */
export function samplesFrom(samples: Samples, start: number, size: number): TensorSamples {
  if ('tensors' in samples) return samples.tensors(Int32Array.from({ length: size }, (_, i) => start + i));
  return { xs: rows(samples.xs, start, size), ys: rows(samples.ys, start, size) };
}

function rows(tensor: tf.Tensor, start: number, size: number): tf.Tensor {
  return tf.slice(tensor, [start], [size]);
}
