/**
 * Additive Gaussian noise:
 *
 *     w' = w + sigma * s * z,   z ~ N(0, 1) per weight
 *
 * with the scale s of each tensor: max|w| (`maximum`, analog hardware that maps the largest weight to the
 * largest conductance), the root mean square of its weights (`rms`), or 1 (`none`: sigma is in units of the
 * weights).
 *
 * The additive weight noise of IBM's aihwkit (`ADD_NORMAL`, relative to the actual max|w|) is `maximum`.
 */
import { checkOptions, needed, number, type OptionsOf, oneOf, type SettingsOf } from '../core/options';
import * as tf from '../core/tf';
import type { DifferentiableNoise } from './noise';
import { straightThrough } from './straightThrough';

/** Describes the options of `additiveNoise`. */
export const ADDITIVE = {
  /** Standard deviation, in units of `relativeTo`. At least 0. */
  sigma: needed(number({ min: 0 })),
  /** The unit of sigma, per tensor. Default `maximum`. */
  relativeTo: oneOf(['maximum', 'rms', 'none'], 'maximum'),
};

/** Options of `additiveNoise`. */
export type AdditiveNoiseOptions = OptionsOf<typeof ADDITIVE>;

type NoiseScale = SettingsOf<typeof ADDITIVE>['relativeTo'];

/** Additive Gaussian noise. Its gradient takes the scale as a constant, so it is that of w itself. */
export function additiveNoise(options: AdditiveNoiseOptions): DifferentiableNoise {
  const { sigma, relativeTo } = checkOptions('additiveNoise', ADDITIVE, options);
  return {
    name: `additive(sigma=${sigma}, relativeTo=${relativeTo})`,
    kind: 'additive',
    changesNothing: sigma === 0,
    apply(weights, site) {
      const z = site.normals('additive');
      const deviation = sigma * scaleOf(weights, relativeTo);
      const values = new Float32Array(weights.length);
      for (let i = 0; i < values.length; i++) values[i] = weights[i] + deviation * z[i];
      return { values };
    },
    perturb: (weights, site) =>
      straightThrough(weights, (w) => {
        const deviation = tf.mul(sigma, scaleOfTensor(w, relativeTo));
        return tf.add(w, tf.mul(deviation, site.normals('additive')));
      }),
  };
}

function scaleOf(weights: Float32Array, relativeTo: NoiseScale): number {
  if (relativeTo === 'none') return 1;
  if (relativeTo === 'maximum') return weights.reduce((most, w) => Math.max(most, Math.abs(w)), 0);
  return Math.sqrt(weights.reduce((sum, w) => sum + w * w, 0) / weights.length);
}

function scaleOfTensor(weights: tf.Tensor, relativeTo: NoiseScale): tf.Tensor {
  if (relativeTo === 'none') return tf.scalar(1);
  return relativeTo === 'maximum' ? tf.max(tf.abs(weights)) : tf.sqrt(tf.mean(tf.square(weights)));
}
