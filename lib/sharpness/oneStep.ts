/**
 * One-step sharpness: what SAM and ASAM themselves see.
 *
 *     SAM    S(rho) = L(w + rho g / ||g||) - L(w)
 *     ASAM   S(rho) = L(w + rho T^2 g / ||T g||) - L(w),   T = |w| + eta
 *
 * On batches of m samples, each with its own gradient, then averaged: m-sharpness, as in Foret et al. 2021
 * (arXiv:2010.01412, section 4.1) and Andriushchenko & Flammarion 2022 (arXiv:2206.06232).
 */
import { checkOptions, needed, type OptionsOf, signal } from '../core/options';
import * as tf from '../core/tf';
import { ascentStep } from '../optimizers/ascent';
import type { FlatLoss } from '../training/flatLoss';
import { lossesAlong, measureCurve, RADII, type SharpnessCurve } from './curve';
import { METRIC, type MetricOptions, metricScale } from './scale';

const OWN = {
  /** Radii, each >= 0. Paper: rho. */
  radii: needed(RADII),
  /** Stops after the present batch, with an AbortedError. */
  signal: signal(),
};

/** Options of `oneStepSharpness`. */
export type OneStepOptions = OptionsOf<typeof OWN> & MetricOptions;

/**
 * The loss after one ascent step of SAM (of ASAM, where `adaptive`), at each radius.
 *
 * @throws OptionError, AbortedError
 */
export async function oneStepSharpness(loss: FlatLoss, options: OneStepOptions): Promise<SharpnessCurve> {
  const { radii, signal, ...metric } = checkOptions('oneStepSharpness', { ...METRIC, ...OWN }, options);
  const what = 'The measurement of one-step sharpness';
  return measureCurve(
    { kind: 'one-step', norm: 'l2', adaptive: metric.adaptive, radii },
    loss.batchSizes,
    { what, signal },
    (batch) =>
      tf.tidy(() => {
        const w = loss.weights();
        const scale = metricScale(loss, w, metric);
        const { loss: here, gradient } = loss.gradient(w, batch);
        const [direction] = ascentStep([gradient], [scale], 1);
        return lossesAlong(loss, batch, { w, here, direction }, radii);
      }),
  );
}
