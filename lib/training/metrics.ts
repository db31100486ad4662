/**
 * Metrics by the names that tf.js gives them: means over the samples.
 */
import { OptionError } from '../core/errors';
import { listOf, oneOf } from '../core/options';
import * as tf from '../core/tf';
import { labelsLike } from './losses';

type Metric = (labels: tf.Tensor, outputs: tf.Tensor) => tf.Tensor;

/** Metrics of numbers, for labels in the shape of the outputs. */
const OF_NUMBERS: Readonly<Record<'mse' | 'mae' | 'mape' | 'cosine', Metric>> = {
  mse: tf.metrics.meanSquaredError,
  mae: tf.metrics.meanAbsoluteError,
  mape: tf.metrics.meanAbsolutePercentageError,
  cosine: tf.metrics.cosineProximity,
};

/**
 * A metric: `accuracy` of classes; mean squared, absolute and absolute percentage error, and cosine
 * proximity, of numbers.
 */
export type MetricName = 'accuracy' | keyof typeof OF_NUMBERS;

/** The option `metrics`. */
export const METRICS = listOf(oneOf<MetricName>(['accuracy', 'mse', 'mae', 'mape', 'cosine']));

/** Throws an OptionError where `metrics` ask for the accuracy of numbers. */
export function checkMetrics(metrics: readonly MetricName[], ofNumbers: boolean): void {
  if (!ofNumbers || !metrics.includes('accuracy')) return;
  throw new OptionError(
    'metrics',
    metrics,
    'mse, mae, mape and cosine',
    'Labels are numbers here; only classes have an accuracy.',
  );
}

/** The mean of a metric over a batch. `accuracy` is the share of right answers. */
export function metricOf(
  name: MetricName,
  accuracy: () => tf.Scalar,
  labels: tf.Tensor,
  outputs: tf.Tensor,
): tf.Scalar {
  if (name === 'accuracy') return accuracy();
  return tf.tidy(() => tf.mean(OF_NUMBERS[name](labelsLike(labels, outputs), outputs)) as tf.Scalar);
}
