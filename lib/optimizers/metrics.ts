/**
 * Metrics of model.fit and model.trainOnBatch beside losses that are evaluated more than once in a step.
 *
 * The loss that tf.js hands to `minimize` also computes the model's metrics, marks them with tf.keep and
 * appends them to the list of what the step returns. With one evaluation per step that is right. Each further
 * one would append metrics at weights that nobody asked for, and nobody frees them. They are therefore not
 * computed: the metrics of a step are those of its first evaluation.
 */
import * as tf from '../core/tf';

/** What is used of tf.js's class beside its public methods. */
interface TrainedModel {
  makeTrainFunction(): (data: tf.Tensor[]) => tf.Scalar[];
  metricsTensors: unknown[];
}

/** The models whose train function runs now, innermost last. */
const training: TrainedModel[] = [];

/**
 * Runs `fn`, an evaluation of the loss after the first one of a step, without the metrics of the model that
 * is being trained.
 */
export function withoutMetrics<T>(fn: () => T): T {
  const model = training.at(-1);
  if (model === undefined) return fn();
  const { metricsTensors } = model;
  model.metricsTensors = [];
  try {
    return fn();
  } finally {
    model.metricsTensors = metricsTensors;
  }
}

/**
 * Notes of the prototype of tf.js's models which of them runs its train function. tf.js without layers has
 * none.
 */
function watch(prototype: TrainedModel | undefined): void {
  if (prototype === undefined) return;
  const { makeTrainFunction } = prototype;
  prototype.makeTrainFunction = function (this: TrainedModel): (data: tf.Tensor[]) => tf.Scalar[] {
    const train = makeTrainFunction.call(this);
    return (data) => {
      training.push(this);
      try {
        return train(data);
      } finally {
        training.pop();
      }
    };
  };
}
watch(tf.LayersModel?.prototype as unknown as TrainedModel | undefined);
