/**
 * The metric of a ball around the weights: ||T^-1 d|| <= rho, T = 1, or |w| + eta for the weights that ASAM
 * rescales.
 *
 * Everything is done in u = T^-1 d, where the ball is round: d = T u, and the gradient in u is T g.
 */
import { flag, number, type OptionsOf, type SettingsOf } from '../core/options';
import * as tf from '../core/tf';
import type { FlatLoss } from '../training/flatLoss';

/** Describes which ball. */
export const METRIC = {
  /** Measures distances relative to the size of each weight, as ASAM does. Default false. */
  adaptive: flag(false),
  /**
   * Added to |w| in the adaptive metric, so that zero weights can move too; >= 0. Paper: eta. Default 0.01.
   */
  eta: number({ min: 0 }, 0.01),
};

/** Which ball. */
export type MetricOptions = OptionsOf<typeof METRIC>;

/** Which ball, with defaults. */
export type Metric = SettingsOf<typeof METRIC>;

/** T at the weights `w` as a flat vector, owned by the caller. */
export function metricScale(
  { parameters }: Pick<FlatLoss, 'parameters'>,
  w: tf.Tensor1D,
  { adaptive, eta }: Metric,
): tf.Tensor1D {
  return tf.tidy(() => {
    if (!adaptive) return tf.onesLike(w);
    const parts = parameters.map(({ adaptive: rescaled, offset, size }) =>
      rescaled ? tf.add(tf.abs(tf.slice(w, [offset], [size])), eta) : tf.ones([size]),
    );
    return tf.concat(parts) as tf.Tensor1D;
  });
}

/** Keeps 0 / 0 away; the value of the official code. */
const NORM_EPSILON = 1e-16;

/** The unit vector along `v` in the Euclidean norm; 0 for 0. The caller owns it. */
export function unit(v: tf.Tensor1D): tf.Tensor1D {
  return tf.tidy(() => tf.div(v, tf.add(norm(v), NORM_EPSILON)) as tf.Tensor1D);
}

/** The Euclidean norm. The caller owns it. */
export function norm(v: tf.Tensor1D): tf.Scalar {
  return tf.tidy(() => tf.sqrt(tf.sum(tf.square(v))) as tf.Scalar);
}
