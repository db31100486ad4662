/**
 * Multiplicative Gaussian noise, the noise of the Lookbehind paper's robustness experiments:
 *
 *     w' = w * (1 + sigma * z),   z ~ N(0, 1) per weight
 *
 * so w' has mean w and standard deviation sigma * |w|. Zero weights stay zero.
 *
 * Mordido, Malviya, Baratin, Chandar, "Lookbehind-SAM: k steps back, 1 step forward", ICML 2024, after Joshi
 * et al., "Accurate deep neural network inference using computational phase-change memory", Nature
 * Communications 11, 2473 (2020).
 */
import { checkOptions, needed, number, type OptionsOf } from '../core/options';
import * as tf from '../core/tf';
import type { DifferentiableNoise } from './noise';

/** Describes the options of `gaussianNoise`. */
export const GAUSSIAN = {
  /** Standard deviation relative to each weight. At least 0. */
  sigma: needed(number({ min: 0 })),
};

/** Options of `gaussianNoise`. */
export type GaussianNoiseOptions = OptionsOf<typeof GAUSSIAN>;

/** Multiplicative Gaussian noise. Its gradient is that of w * (1 + sigma * z) for the given z. */
export function gaussianNoise(options: GaussianNoiseOptions): DifferentiableNoise {
  const { sigma } = checkOptions('gaussianNoise', GAUSSIAN, options);
  return {
    name: `gaussian(sigma=${sigma})`,
    kind: 'gaussian',
    changesNothing: sigma === 0,
    apply(weights, site) {
      const z = site.normals('gaussian');
      const values = new Float32Array(weights.length);
      for (let i = 0; i < values.length; i++) values[i] = weights[i] * (1 + sigma * z[i]);
      return { values };
    },
    perturb: (weights, site) => tf.mul(weights, tf.add(1, tf.mul(sigma, site.normals('gaussian')))),
  };
}
