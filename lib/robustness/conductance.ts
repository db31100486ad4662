/**
 * Weights as differential pairs of conductances, the way analog in-memory hardware stores them:
 *
 *     w > 0:  G+ = |w| / max|w|,  G- = 0        w < 0:  G+ = 0,  G- = |w| / max|w|
 *     w' = (G+' - G-') * max|w|
 *
 * Conductances are relative to the largest one of the device (g_max). The device at zero is noisy too, so
 * zero weights do not stay zero.
 */
import * as tf from '../core/tf';

/** What a device makes of a target conductance. Both in units of g_max; `i` is the index of the weight. */
export type Device = (target: number, i: number) => number;

/** Weights in units of the largest absolute one, read from pairs of noisy devices, and that largest one. */
export interface PairReading {
  /** G+' - G-' per weight. */
  relative: Float64Array;
  /** max|w| of the clean weights. */
  largest: number;
}

/** Stores weights in pairs of devices and reads them. */
export function readPairs(weights: Float32Array, plus: Device, minus: Device): PairReading {
  const largest = weights.reduce((most, w) => Math.max(most, Math.abs(w)), 0);
  const relative = new Float64Array(weights.length);
  if (largest === 0) return { relative, largest };
  for (let i = 0; i < weights.length; i++) {
    const target = weights[i] / largest;
    relative[i] = plus(Math.max(target, 0), i) - minus(Math.max(-target, 0), i);
  }
  return { relative, largest };
}

/**
 * A device as tensor operations: targets in, conductances out, both in units of g_max. `side` names the
 * device of each pair.
 */
export type TensorDevice = (targets: tf.Tensor, side: '+' | '-') => tf.Tensor;

/**
 * `readPairs` with tensor operations: weights in units of the largest absolute one, and that largest one.
 * Call inside tf.tidy.
 */
export function readTensorPairs(
  weights: tf.Tensor,
  device: TensorDevice,
): { relative: tf.Tensor; largest: tf.Tensor } {
  const largest = tf.max(tf.abs(weights));
  // All-zero weights stay zero, whatever the devices do.
  const targets = tf.divNoNan(weights, largest);
  return { relative: tf.sub(device(tf.relu(targets), '+'), device(tf.relu(tf.neg(targets)), '-')), largest };
}

/** c0 + c1 x + c2 x^2 + ..., by Horner's rule. */
export function polynomial(x: tf.Tensor, coefficients: readonly number[]): tf.Tensor {
  return coefficients
    .slice(0, -1)
    .reduceRight<tf.Tensor>(
      (sum, c) => tf.add(tf.mul(sum, x), c),
      tf.fill(x.shape, coefficients[coefficients.length - 1]),
    );
}
