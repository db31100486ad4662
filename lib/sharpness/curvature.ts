/**
 * The curvature of a loss at the present weights, all at once: self-test of the Hessian, largest and smallest
 * eigenvalues, trace, density; and one check from outside, which takes neither gradients nor the Hessian:
 *
 *     (L(w + h v) - 2 L(w) + L(w - h v)) / h^2        v: the unit eigenvector of the largest eigenvalue
 *
 * Kinks of the loss count in it, but not in the Hessian, so that it lies somewhat above the eigenvalue of a
 * relu network.
 */
import { disposing } from '../core/disposing';
import { takeNumbers } from '../core/numbers';
import { checkOptions, either, nested, number, type OptionsOf, oneOf, whole } from '../core/options';
import * as tf from '../core/tf';
import type { FlatLoss } from '../training/flatLoss';
import { DENSITY, type SpectralDensity, spectralDensity } from './density';
import {
  HESSIAN,
  type HessianOperator,
  type HessianOptions,
  type HessianSelfTest,
  hessianOperator,
} from './hessian';
import { type TopEigenvalues, topEigenvalues } from './lanczos';
import { hutchPlusPlus, type TraceEstimate } from './trace';

const OF_DENSITY = {
  /** Random vectors, at least 1. Default 10. */
  probes: DENSITY.probes,
  /** Lanczos steps for each, at least 1; never more than the operator's size. Default 80. */
  steps: DENSITY.steps,
};

const OWN = {
  /** How many of the largest eigenvalues, >= 1. Default 3. */
  count: whole({ min: 1 }, 3),
  /** Residual of the eigenvalues, as a share of the largest in magnitude; > 0. Default 1e-3. */
  tolerance: number({ min: 0, exclusiveMin: true }, 1e-3),
  /** Products with the Hessian for each search of eigenvalues at most, >= 1. Default 300. */
  maxSteps: whole({ min: 1 }, 300),
  /** Products with the Hessian for the trace, >= 6. Default 45. */
  traceProducts: whole({ min: 6 }, 45),
  /** How the density is estimated, or false: not at all. Default: as `spectralDensity`. */
  density: either(oneOf([false]), nested(OF_DENSITY)),
};

/** Options of `measureCurvature`. */
export type CurvatureOptions = OptionsOf<typeof OWN> &
  Pick<HessianOptions, 'method' | 'step' | 'seed' | 'signal'>;

/** The curvature at some weights. */
export interface Curvature {
  /** How products with the Hessian were computed. */
  method: HessianOperator['method'];
  /** The step of their differences. */
  step: number;
  /** What the Hessian found out about itself. */
  selfTest: HessianSelfTest;
  /** The largest eigenvalues, the largest first. */
  largest: TopEigenvalues;
  /** The curvature along the eigenvector of the largest eigenvalue, from three losses `STEP` apart. */
  largestByLoss: number;
  /** The smallest eigenvalue. */
  smallest: TopEigenvalues;
  /** The trace. */
  trace: TraceEstimate;
  /** The density of all eigenvalues; absent where it was not asked for. */
  density?: SpectralDensity;
}

/** Between the losses of the check: small against the valley, large against the rounding of float32. */
const STEP = 0.05;

/**
 * Measures the Hessian of the mean loss over all batches.
 *
 * @throws OptionError, AbortedError; LookbehindError where the loss has no Hessian.
 */
export async function measureCurvature(loss: FlatLoss, options: CurvatureOptions = {}): Promise<Curvature> {
  const settings = checkOptions('measureCurvature', { ...HESSIAN, ...OWN }, options);
  const { count, tolerance, maxSteps, traceProducts, density = {}, ...hessianOptions } = settings;
  const { seed, signal } = hessianOptions;
  return disposing(await hessianOperator(loss, hessianOptions), async (hessian) => {
    const { method, step, selfTest } = hessian;
    const search = { tolerance, maxSteps, seed, signal };
    const { vectors, ...largest } = await topEigenvalues(hessian, { ...search, count, vectors: true });
    return {
      method,
      step,
      selfTest,
      largest,
      largestByLoss: await curvatureAlong(loss, vectors![0]),
      smallest: await topEigenvalues(hessian, { ...search, which: 'smallest' }),
      trace: await hutchPlusPlus(hessian, { products: traceProducts, seed, signal }),
      ...(density === false ? {} : { density: await spectralDensity(hessian, { ...density, seed, signal }) }),
    };
  });
}

/** The second difference of the mean loss along a unit vector. */
async function curvatureAlong(loss: FlatLoss, direction: Float64Array): Promise<number> {
  const { batchSizes } = loss;
  let sum = 0;
  for (const [batch, size] of batchSizes.entries()) {
    const losses = tf.tidy(() => {
      const w = loss.weights();
      const step = tf.tensor1d(new Float32Array(direction.map((x) => STEP * x)));
      const places = [tf.add(w, step), w, tf.sub(w, step)] as tf.Tensor1D[];
      return tf.stack(places.map((place) => loss.loss(place, batch)));
    });
    const [ahead, here, behind] = await takeNumbers(losses);
    sum += size * (ahead - 2 * here + behind);
  }
  return sum / batchSizes.reduce((total, size) => total + size, 0) / STEP ** 2;
}
