/**
 * Average-direction sharpness:
 *
 *     S(rho) = E_z[ L(w + rho T z) ] - L(w),   z ~ N(0, 1) in each coordinate,   T = 1, or |w| + eta
 *
 * rho is a standard deviation per weight here, not the length of a step, which is about rho sqrt(n) for n
 * weights. All radii share the same draws, so the curve is smooth.
 *
 * Andriushchenko et al., "A Modern Look at the Relationship between Sharpness and Generalization", ICML 2023,
 * arXiv:2302.07011.
 */
import { checkOptions, needed, type OptionsOf, signal, whole } from '../core/options';
import { Random } from '../core/random';
import * as tf from '../core/tf';
import type { FlatLoss } from '../training/flatLoss';
import { lossesAlong, measureCurve, RADII, type SharpnessCurve } from './curve';
import { METRIC, type MetricOptions, metricScale } from './scale';

const OWN = {
  /** Standard deviations of the noise, each >= 0. */
  radii: needed(RADII),
  /** Random directions for each batch, >= 1. Default 20. */
  draws: whole({ min: 1 }, 20),
  /** Seed of the directions, a whole number. Default 0. */
  seed: whole({}, 0),
  /** Stops after the present draw, with an AbortedError. */
  signal: signal(),
};

/** Options of `averageSharpness`. */
export type AverageOptions = OptionsOf<typeof OWN> & MetricOptions;

/**
 * The mean rise of the loss in random directions, at each radius. It can be negative away from a minimum.
 *
 * @throws OptionError, AbortedError
 */
export async function averageSharpness(loss: FlatLoss, options: AverageOptions): Promise<SharpnessCurve> {
  const { radii, draws, seed, signal, ...metric } = checkOptions(
    'averageSharpness',
    { ...METRIC, ...OWN },
    options,
  );
  const what = 'The measurement of average sharpness';
  const randoms = loss.batchSizes.map((_, batch) => new Random(seed, `average sharpness/${batch}`));
  return measureCurve(
    { kind: 'average', norm: 'l2', adaptive: metric.adaptive, radii },
    loss.batchSizes,
    { draws, what, signal },
    (batch) =>
      tf.tidy(() => {
        const w = loss.weights();
        const direction = tf.mul(metricScale(loss, w, metric), tf.tensor1d(randoms[batch].normals(w.size)));
        return lossesAlong(loss, batch, { w, here: loss.loss(w, batch), direction }, radii);
      }),
  );
}
