/**
 * Bias and variance of one step: how far the direction that a batch gives is from that of all data, and why.
 *
 *     s_b = weighted mean of the k gradients that descend in the step on batch b, at the present weights
 *
 *     bias         cosine of s_b, and of its mean over batches, with the gradient of all data at two points:
 *                  SAM's at a distance r, and the worst one within r, by APGD
 *     variance     between batches:  tr Cov_b(s_b) / |mean_b s_b|^2
 *                  along the path:   tr Cov_i(g_i) / |mean_i g_i|^2, i = 1 .. k, mean over batches
 *
 * Where each of the k gradients has another one of the B batches, steps share batches, and so lie closer
 * together than independent ones. If batch j has the share a_j of a step's weights, the variance that is seen
 * is (B A - 1) / ((B - 1) A) times the true one, A = sum_j a_j^2; it is divided by that.
 *
 * Points are those of Lookbehind-SAM (lookbehind.ts), of its controls (controls.ts), or of Multistep-SAM,
 * which descends with the last gradient alone. Momentum that starts at 0 makes the sum of the k base steps
 * one of gradients with the weights (1 - momentum^(k - i + 1)) / (1 - momentum).
 */
import { disposing } from '../core/disposing';
import { throwIfAborted } from '../core/errors';
import { takeNumbers } from '../core/numbers';
import { checkOptions, flag, number, type OptionsOf, oneOf, signal, whole } from '../core/options';
import * as tf from '../core/tf';
import { ascentStep } from '../optimizers/ascent';
import type { FlatLoss } from '../training/flatLoss';
import { ApgdSearch, type SearchedLoss } from './apgd';
import { addScaled, divided, dot, length } from './vectors';

const OPTIONS = {
  /** Where the gradients are taken. Default `lookbehind`. */
  path: oneOf(['lookbehind', 'straight', 'repeated', 'multistep'], 'lookbehind'),
  /** Steps back, >= 1; 1 is SAM. Paper: k. Default 5. */
  k: whole({ min: 1 }, 5),
  /** Length of one step back, >= 0; 0 is no ascent. Paper: rho. Default 0.05. */
  rho: number({ min: 0 }, 0.05),
  /** Momentum of the base steps, in [0, 1). Default 0. */
  momentum: number({ min: 0, max: 1, exclusiveMax: true }, 0),
  /** Takes another batch for each of the k steps: the next ones. Default false. */
  switchBatches: flag(false),
  /**
   * Distance of the points that the step is compared with, >= 0. Default: the mean distance of the step's
   * own, (k + 1) rho / 2.
   */
  radius: number({ min: 0 }),
  /** Gradient evaluations of the search for the worst point, >= 1. Default 20. */
  apgdSteps: whole({ min: 1 }, 20),
  /** Stops after the present batch, with an AbortedError. */
  signal: signal(),
};

/** Options of `stepNoise`. */
export type StepNoiseOptions = OptionsOf<typeof OPTIONS>;

/** Bias and variance of one step. */
export interface StepNoise {
  /** Mean over batches of the cosine of a batch's step with the gradient of all data at SAM's point. */
  samCosine: number;
  /** Likewise at the worst point that APGD finds. */
  apgdCosine: number;
  /** The cosine of the mean step with the gradient of all data at SAM's point: what is left is bias. */
  meanSamCosine: number;
  /** Likewise at the worst point that APGD finds. */
  meanApgdCosine: number;
  /**
   * Variance between batches: tr Cov / |mean|^2 of the steps. NaN for one batch, and where every step has all
   * batches alike.
   */
  betweenBatches: number;
  /** Variance along the path: mean over batches of tr Cov / |mean|^2 of the k gradients; 0 for one. */
  alongPath: number;
  /** Distance of the points compared with. */
  radius: number;
  /** Batches that were measured: those of full size. */
  batches: number;
}

/**
 * Measures one step from the present weights on each batch of full size.
 *
 * @throws OptionError, AbortedError
 */
export async function stepNoise(loss: FlatLoss, options: StepNoiseOptions = {}): Promise<StepNoise> {
  const settings = checkOptions('stepNoise', OPTIONS, options);
  const { k, rho, momentum, apgdSteps, signal, radius = ((k + 1) / 2) * rho } = settings;
  const largest = Math.max(...loss.batchSizes);
  const batches = [...loss.batchSizes.keys()].filter((batch) => loss.batchSizes[batch] === largest);
  const steps: Float64Array[] = [];
  let alongPath = 0;
  let apart = 1;
  for (const index of batches.keys()) {
    throwIfAborted(signal, 'The measurement of steps');
    const gradients = await gradientsOfStep(
      loss,
      settings,
      (inner) => batches[(index + inner) % batches.length],
    );
    alongPath += relativeVariance(gradients, gradients.length) / batches.length;
    const weights = gradients.map((_, i) => (1 - momentum ** (gradients.length - i)) / (1 - momentum));
    steps.push(weightedMean(gradients, weights));
    if (settings.switchBatches) apart = shareOfVariance(weights, batches.length);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const whole = wholeLoss(loss);
  const [sam] = await take(() => {
    const w = whole.weights();
    const [eps] = ascentStep([whole.gradient(w, 0).gradient], [undefined], radius);
    return [whole.gradient(tf.add(w, eps), 0).gradient];
  });
  const worst = await worstGradient(whole, radius, { steps: apgdSteps, signal });
  const mean = weightedMean(
    steps,
    steps.map(() => 1),
  );
  const meanCosine = (reference: Float64Array): number =>
    steps.reduce((sum, step) => sum + cosine(step, reference) / steps.length, 0);
  return {
    samCosine: meanCosine(sam),
    apgdCosine: meanCosine(worst),
    meanSamCosine: cosine(mean, sam),
    meanApgdCosine: cosine(mean, worst),
    betweenBatches: apart > 0 ? relativeVariance(steps, (steps.length - 1) * apart) : Number.NaN,
    alongPath,
    radius,
    batches: batches.length,
  };
}

/**
 * The share of the variance that is seen between steps whose gradients, of such weights, have successive ones
 * of so many batches. 0 where it cannot be told.
 */
function shareOfVariance(weights: readonly number[], batches: number): number {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const shares = new Array<number>(batches).fill(0);
  weights.forEach((weight, i) => {
    shares[i % batches] += weight / total;
  });
  const squares = shares.reduce((sum, share) => sum + share ** 2, 0);
  const share = (batches * squares - 1) / ((batches - 1) * squares);
  return share > 1e-9 ? share : 0;
}

/** The gradients that descend in one step; `batchOf` says which batch an inner step sees. */
function gradientsOfStep(
  loss: FlatLoss,
  { path, k, rho, switchBatches }: { path: string; k: number; rho: number; switchBatches: boolean },
  batchOf: (inner: number) => number,
): Promise<Float64Array[]> {
  return take(() => {
    const at = (p: tf.Tensor1D, inner: number): tf.Tensor1D =>
      loss.gradient(p, batchOf(switchBatches ? inner : 0)).gradient;
    const climb = (p: tf.Tensor1D, gradient: tf.Tensor1D, distance: number): tf.Tensor1D =>
      tf.add(p, ascentStep([gradient], [undefined], distance)[0]);
    const w = loss.weights();
    const first = at(w, 0);
    const found: tf.Tensor1D[] = [];
    if (path === 'repeated') found.push(at(climb(w, first, ((k + 1) / 2) * rho), 0));
    let [p, gradient] = [w, first];
    for (let inner = 0; path !== 'repeated' && inner < k; inner++) {
      if (path === 'straight') p = climb(w, first, (inner + 1) * rho);
      else p = climb(p, inner > 0 && switchBatches ? at(p, inner) : gradient, rho);
      gradient = at(p, inner);
      found.push(gradient);
    }
    return path === 'multistep' ? found.slice(-1) : found;
  });
}

/** The numbers of tensors, which are freed. */
async function take(make: () => tf.Tensor[]): Promise<Float64Array[]> {
  const numbers = await Promise.all(tf.tidy(make).map(takeNumbers));
  return numbers.map((one) => Float64Array.from(one));
}

/** The gradient of all data at the worst point within `radius`. */
async function worstGradient(
  whole: SearchedLoss,
  radius: number,
  options: { steps: number; signal?: AbortSignal },
): Promise<Float64Array> {
  return disposing(new ApgdSearch(whole, options), async (search) => {
    let found: tf.Tensor1D | undefined;
    await search.within(radius, 0, (gradient) => {
      found = gradient.clone();
    });
    return Float64Array.from(await takeNumbers(found!));
  });
}

/** The mean loss over all batches as the loss of one. */
function wholeLoss(loss: FlatLoss): SearchedLoss {
  const total = loss.batchSizes.reduce((sum, size) => sum + size, 0);
  return {
    parameters: loss.parameters,
    size: loss.size,
    weights: () => loss.weights(),
    gradient: (w) =>
      tf.tidy(() => {
        const parts = loss.batchSizes.map((size, batch) => {
          const part = loss.gradient(w, batch);
          return [tf.mul(part.loss, size / total), tf.mul(part.gradient, size / total)] as const;
        });
        return {
          loss: tf.addN(parts.map(([value]) => value)) as tf.Scalar,
          gradient: tf.addN(parts.map(([, gradient]) => gradient)) as tf.Tensor1D,
        };
      }),
  };
}

/** tr Cov / |mean|^2, where the sum of squares is divided by `divisor`. */
function relativeVariance(vectors: readonly Float64Array[], divisor: number): number {
  const mean = weightedMean(
    vectors,
    vectors.map(() => 1),
  );
  const squares = vectors.reduce((sum, vector) => {
    const rest = vector.slice();
    addScaled(rest, mean, -1);
    return sum + dot(rest, rest);
  }, 0);
  return squares / divisor / dot(mean, mean);
}

function weightedMean(vectors: readonly Float64Array[], weights: readonly number[]): Float64Array {
  const sum = new Float64Array(vectors[0].length);
  vectors.forEach((vector, i) => {
    addScaled(sum, vector, weights[i]);
  });
  return divided(
    sum,
    weights.reduce((total, weight) => total + weight, 0),
  );
}

function cosine(a: Float64Array, b: Float64Array): number {
  return dot(a, b) / (length(a) * length(b));
}
