/**
 * What a model puts out, in evaluation and in training.
 */
import { withBatchNormUpdates, withFrozenBatchNorm } from '../core/batchNorm';
import type * as tf from '../core/tf';

/** By which statistics BatchNorm normalizes. */
export type BatchNormMode = 'moving' | 'batch';

/** What `model` puts out for `xs`. Dropout is off in the mode `'moving'`. The caller owns the result. */
export function forward(model: tf.LayersModel, xs: tf.Tensor, batchNorm: BatchNormMode): tf.Tensor {
  if (batchNorm === 'moving') return model.apply(xs, { training: false }) as tf.Tensor;
  return withBatchNormUpdates(0, () => model.apply(xs, { training: true }) as tf.Tensor);
}

/**
 * What `model` puts out for `xs` in training: Dropout is on, and BatchNorm layers that are frozen stay as
 * they are. The caller owns the result.
 */
export function trainingForward(model: tf.LayersModel, xs: tf.Tensor): tf.Tensor {
  return withFrozenBatchNorm(model, () => model.apply(xs, { training: true }) as tf.Tensor);
}
