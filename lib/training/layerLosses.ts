/**
 * What the layers of a model add to the loss that training minimizes: regularizers, and what a layer adds by
 * `addLoss`.
 *
 *     training loss = loss of the batch + sum of the layers' losses
 */
import { allLayers } from '../core/modelGraph';
import * as tf from '../core/tf';

/**
 * `loss` of a batch plus the losses of the layers of `model`, those of nested models and wrappers included,
 * each once. Call it inside of tf.tidy, after the model was applied.
 */
export function withLayerLosses(model: tf.LayersModel, loss: tf.Scalar): tf.Scalar {
  const losses = new Set(allLayers(model).flatMap((layer) => (layer as unknown as Losses).losses ?? []));
  return Array.from(losses).reduce((sum, one) => tf.add(sum, one()), loss);
}

interface Losses {
  /** Functions, each of a scalar. */
  losses?: ReadonlyArray<() => tf.Scalar>;
}
