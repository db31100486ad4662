/**
 * Average-direction sharpness:
 *
 *     S(rho) = E_z[ L(w + rho T z) ] - L(w),   z ~ N(0, 1) in each coordinate,   T = 1, or |w| + eta
 *
 * rho is a standard deviation per weight here, not the length of a step, which is about rho sqrt(n) for n weights. All radii share
 * the same draws, so the curve is smooth.
 *
 * Andriushchenko et al., "A Modern Look at the Relationship between Sharpness and Generalization", ICML 2023, arXiv:2302.07011.
 */
import { checkKnownOptions, checkNumber, throwIfAborted } from '../core/errors';
import { Random } from '../core/random';
import * as tf from '../core/tf';
import { type CurveSample, checkRadii, curveOf, type SharpnessCurve } from './curve';
import type { Objective } from './objective';
import { type MetricOptions, metricScale } from './scale';

/** Options of `averageSharpness`. */
export interface AverageOptions extends MetricOptions {
  /** Standard deviations of the noise, each >= 0. */
  radii: readonly number[];
  /** Random directions for each batch, >= 1. Default 20. */
  draws?: number;
  /** Seed of the directions, a whole number. Default 0. */
  seed?: number;
  /** Stops after the present draw, with an AbortedError. */
  signal?: AbortSignal;
}

/**
 * The mean rise of the loss in random directions, at each radius. It can be negative away from a minimum.
 *
 * @throws OptionError, AbortedError
 */
export async function averageSharpness(objective: Objective, options: AverageOptions): Promise<SharpnessCurve> {
  checkKnownOptions('averageSharpness', options, ['radii', 'adaptive', 'eta', 'draws', 'seed', 'signal']);
  const { adaptive = false, draws = 20, seed = 0, signal } = options;
  const radii = checkRadii(options.radii);
  checkNumber('draws', draws, { min: 1, integer: true });
  const samples: CurveSample[] = [];
  for (let batch = 0; batch < objective.batchCount; batch++) {
    const random = new Random(seed, `average sharpness/${batch}`);
    for (let draw = 0; draw < draws; draw++) {
      throwIfAborted(signal, 'The measurement of average sharpness');
      const [loss, ...perturbed] = tf.tidy(() => {
        const w = objective.weights();
        const direction = tf.mul(metricScale(objective, w, options), tf.tensor1d(random.normals(w.size)));
        const losses = radii.map((radius) => objective.loss(tf.add(w, tf.mul(direction, radius)), batch));
        return tf.stack([objective.loss(w, batch), ...losses]).dataSync();
      });
      samples.push({ size: objective.batchSizes[batch], loss, perturbed });
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  return curveOf({ kind: 'average', norm: 'l2', adaptive, radii }, samples);
}
