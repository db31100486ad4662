/**
 * How good an inner maximiser are Lookbehind's k ascent steps?
 *
 *     p_0 = w;  p_{i+1} = p_i + eps(p_i)          the ascents of one outer step, on one batch, without going back
 *
 * After i steps the weights are at a distance r_i from w. Two references at that same distance: the one step of SAM (ASAM) of that length,
 * and the largest loss that APGD finds. The share of the possible rise that is reached,
 *
 *     (L(p_i) - L(w)) / (L_APGD(r_i) - L(w)),
 *
 * tells how much of the worst case the steps see. Distances are those of the metric (scale.ts), with T at w.
 *
 * The ascents are those of Mordido et al., "Lookbehind-SAM: k steps back, 1 step forward", ICML 2024, arXiv:2307.16704; with ASAM, T is taken
 * anew at each p_i, as there.
 */
import { checkKnownOptions, checkNumber, throwIfAborted } from '../core/errors';
import * as tf from '../core/tf';
import { ApgdSearch } from './apgd';
import type { Objective } from './objective';
import { type MetricOptions, metricScale, norm, unit } from './scale';

/** Options of `ascentQuality`. */
export interface AscentQualityOptions extends MetricOptions {
  /** Number of ascent steps, >= 1. Paper: k. Default 5. */
  k?: number;
  /** Length of one ascent step, > 0. Paper: rho. Default 0.05. */
  rho?: number;
  /** Gradient evaluations of each APGD search, >= 1. Default 20. */
  apgdSteps?: number;
  /** APGD searches from random points, beside the one from the centre, >= 0. Default 0. */
  apgdRandomStarts?: number;
  /** Seed of the random starts, a whole number. Default 0. */
  seed?: number;
  /** Stops after the present search, with an AbortedError. */
  signal?: AbortSignal;
}

/** The state after ascent step `step`, as means over batches, weighted by their sizes. */
export interface AscentStepQuality {
  /** 1 to k. */
  step: number;
  /** The loss that the ascent has reached. */
  loss: number;
  /** Distance from the start. */
  distance: number;
  /** The loss after one step of SAM or ASAM of that length. */
  oneStepLoss: number;
  /** The largest loss that APGD finds within that distance; it knows the ascent's own point too. */
  worstLoss: number;
  /** Rise of the ascent over the largest rise: 1 is perfect. NaN where the loss cannot rise. */
  share: number;
}

/** Result of `ascentQuality`. */
export interface AscentQuality {
  /** Mean loss at the start. */
  baseLoss: number;
  /** One entry for each ascent step. */
  steps: AscentStepQuality[];
}

interface BatchSteps {
  size: number;
  loss: number;
  steps: Omit<AscentStepQuality, 'step' | 'share'>[];
}

/**
 * The losses along the k ascent steps of Lookbehind, against the one-step point and the worst case at the same distances.
 *
 * @throws OptionError, AbortedError
 */
export async function ascentQuality(objective: Objective, options: AscentQualityOptions = {}): Promise<AscentQuality> {
  checkKnownOptions('ascentQuality', options, ['k', 'rho', 'adaptive', 'eta', 'apgdSteps', 'apgdRandomStarts', 'seed', 'signal']);
  const { k = 5, rho = 0.05, apgdSteps = 20, apgdRandomStarts = 0, seed = 0, signal, ...metric } = options;
  checkNumber('k', k, { min: 1, integer: true });
  checkNumber('rho', rho, { min: 0, exclusiveMin: true });
  checkNumber('apgdSteps', apgdSteps, { min: 1, integer: true });
  checkNumber('apgdRandomStarts', apgdRandomStarts, { min: 0, integer: true });
  const search = new ApgdSearch(objective, { ...metric, steps: apgdSteps, restarts: 1 + apgdRandomStarts, seed, signal });
  const batches: BatchSteps[] = [];
  try {
    for (let batch = 0; batch < objective.batchCount; batch++) {
      throwIfAborted(signal, 'The measurement of the ascent');
      const { loss, climbed, oneStep } = ascend(objective, batch, k, rho, metric);
      const steps: BatchSteps['steps'] = [];
      let worstLoss = loss;
      for (let i = 0; i < k; i++) {
        const { distance, loss: reached } = climbed[i];
        const found = await search.within(distance, batch);
        // Points at a smaller distance, and the ascent's own, lie in the ball too.
        worstLoss = Math.max(worstLoss, found.loss, reached);
        steps.push({ loss: reached, distance, oneStepLoss: oneStep[i], worstLoss });
      }
      batches.push({ size: objective.batchSizes[batch], loss, steps });
    }
  } finally {
    search.dispose();
  }
  return summary(batches, k);
}

/** The k ascent steps on one batch, and the one-step losses at the same distances. */
function ascend(
  objective: Objective,
  batch: number,
  k: number,
  rho: number,
  metric: MetricOptions,
): { loss: number; climbed: { distance: number; loss: number }[]; oneStep: number[] } {
  return tf.tidy(() => {
    const w = objective.weights();
    const scale = metricScale(objective, w, metric);
    const start = objective.gradient(w, batch);
    const firstDirection = tf.mul(scale, unit(tf.mul(scale, start.gradient)));
    const climbed: { distance: number; loss: number }[] = [];
    let p = w;
    let { gradient } = start;
    for (let i = 0; i < k; i++) {
      const local = metricScale(objective, p, metric);
      p = tf.add(p, tf.mul(tf.mul(local, unit(tf.mul(local, gradient))), rho));
      const at = objective.gradient(p, batch);
      gradient = at.gradient;
      const [distance, loss] = tf.stack([norm(tf.div(tf.sub(p, w), scale)), at.loss]).dataSync();
      climbed.push({ distance, loss });
    }
    const oneStep = climbed.map(({ distance }) => objective.loss(tf.add(w, tf.mul(firstDirection, distance)), batch));
    return { loss: start.loss.dataSync()[0], climbed, oneStep: [...tf.stack(oneStep).dataSync()] };
  });
}

function summary(batches: BatchSteps[], k: number): AscentQuality {
  const total = batches.reduce((sum, { size }) => sum + size, 0);
  const mean = (of: (batch: BatchSteps) => number): number =>
    batches.reduce((sum, batch) => sum + of(batch) * batch.size, 0) / total;
  const baseLoss = mean(({ loss }) => loss);
  const steps = Array.from({ length: k }, (_, i) => {
    const loss = mean(({ steps }) => steps[i].loss);
    const worstLoss = mean(({ steps }) => steps[i].worstLoss);
    return {
      step: i + 1,
      loss,
      distance: mean(({ steps }) => steps[i].distance),
      oneStepLoss: mean(({ steps }) => steps[i].oneStepLoss),
      worstLoss,
      share: worstLoss > baseLoss ? (loss - baseLoss) / (worstLoss - baseLoss) : Number.NaN,
    };
  });
  return { baseLoss, steps };
}
