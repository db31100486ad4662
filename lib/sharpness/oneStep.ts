/**
 * One-step sharpness: what SAM and ASAM themselves see.
 *
 *     SAM    S(rho) = L(w + rho g / ||g||) - L(w)
 *     ASAM   S(rho) = L(w + rho T^2 g / ||T g||) - L(w),   T = |w| + eta
 *
 * On batches of m samples, each with its own gradient, then averaged: m-sharpness, as in Foret et al. 2021 (arXiv:2010.01412,
 * section 4.1) and Andriushchenko & Flammarion 2022 (arXiv:2206.06232).
 */
import { checkKnownOptions, throwIfAborted } from '../core/errors';
import * as tf from '../core/tf';
import { ascentStep } from '../optimizers/ascent';
import { type CurveSample, checkRadii, curveOf, type SharpnessCurve } from './curve';
import type { Objective } from './objective';
import { type MetricOptions, metricScale } from './scale';

/** Options of `oneStepSharpness`. */
export interface OneStepOptions extends MetricOptions {
  /** Radii, each >= 0. Paper: rho. */
  radii: readonly number[];
  /** Stops after the present batch, with an AbortedError. */
  signal?: AbortSignal;
}

/**
 * The loss after one ascent step of SAM (of ASAM, where `adaptive`), at each radius.
 *
 * @throws OptionError, AbortedError
 */
export async function oneStepSharpness(objective: Objective, options: OneStepOptions): Promise<SharpnessCurve> {
  checkKnownOptions('oneStepSharpness', options, ['radii', 'adaptive', 'eta', 'signal']);
  const { adaptive = false, signal } = options;
  const radii = checkRadii(options.radii);
  const samples: CurveSample[] = [];
  for (let batch = 0; batch < objective.batchCount; batch++) {
    throwIfAborted(signal, 'The measurement of one-step sharpness');
    const [loss, ...perturbed] = tf.tidy(() => {
      const w = objective.weights();
      const scale = metricScale(objective, w, options);
      const { loss, gradient } = objective.gradient(w, batch);
      const [direction] = ascentStep([gradient], [scale], 1);
      const losses = radii.map((radius) => objective.loss(tf.add(w, tf.mul(direction, radius)), batch));
      return tf.stack([loss, ...losses]).dataSync();
    });
    samples.push({ size: objective.batchSizes[batch], loss, perturbed });
    await new Promise((resolve) => setImmediate(resolve));
  }
  return curveOf({ kind: 'one-step', norm: 'l2', adaptive, radii }, samples);
}
