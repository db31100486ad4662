/**
 * How good an inner maximizer are Lookbehind's k ascent steps?
 *
 *     p_0 = w;  p_{i+1} = p_i + eps(p_i)      the ascents of one outer step, on one batch, without going back
 *
 * After i steps the weights are at a distance r_i from w. Two references at that same distance: the one step
 * of SAM (ASAM) of that length, and the largest loss that APGD finds. The share of the possible rise that is
 * reached,
 *
 *     (L(p_i) - L(w)) / (L_APGD(r_i) - L(w)),
 *
 * tells how much of the worst case the steps see. Distances are those of the metric (scale.ts), with T at w.
 *
 * The ascents are those of Mordido et al., "Lookbehind-SAM: k steps back, 1 step forward", ICML 2024,
 * arXiv:2307.16704; with ASAM, T is taken anew at each p_i, as there.
 */
import { throwIfAborted } from '../core/errors';
import { takeNumbers } from '../core/numbers';
import { checkOptions, number, type OptionsOf, signal, whole } from '../core/options';
import * as tf from '../core/tf';
import { ascentStep } from '../optimizers/ascent';
import type { FlatLoss } from '../training/flatLoss';
import { ApgdSearch } from './apgd';
import { METRIC, type Metric, type MetricOptions, metricScale, norm } from './scale';

const OWN = {
  /** Number of ascent steps, >= 1. Paper: k. Default 5. */
  k: whole({ min: 1 }, 5),
  /** Length of one ascent step, > 0. Paper: rho. Default 0.05. */
  rho: number({ min: 0, exclusiveMin: true }, 0.05),
  /** Gradient evaluations of each APGD search, >= 1. Default 20. */
  apgdSteps: whole({ min: 1 }, 20),
  /** APGD searches from random points, beside the one from the center, >= 0. Default 0. */
  apgdRandomStarts: whole({ min: 0 }, 0),
  /** Seed of the random starts, a whole number. Default 0. */
  seed: whole({}, 0),
  /** Stops after the present search, with an AbortedError. */
  signal: signal(),
};

/** Options of `ascentQuality`. */
export type AscentQualityOptions = OptionsOf<typeof OWN> & MetricOptions;

/**
 * What the ascent of one step meets: means over batches, weighted by their sizes. The last four have one
 * entry per ascent.
 */
export interface AscentQuality {
  /** Loss at the start, and after each ascent. */
  losses: number[];
  /** Distance from the start. */
  distances: number[];
  /** The loss after one step of SAM or ASAM of that length. */
  oneStepLosses: number[];
  /** The largest loss that APGD finds within that distance; it knows the ascent's own points, too. */
  worstLosses: number[];
  /** Rise of the ascent over the largest rise: 1 is perfect. NaN if the loss cannot rise. */
  shares: number[];
}

/** What the ascent on one batch meets. */
type Ascent = Omit<AscentQuality, 'worstLosses' | 'shares'>;

/**
 * The losses along the k ascent steps of Lookbehind, against the one-step point and the worst case at the
 * same distances.
 *
 * @throws OptionError, AbortedError
 */
export async function ascentQuality(
  objective: FlatLoss,
  options: AscentQualityOptions = {},
): Promise<AscentQuality> {
  const settings = checkOptions('ascentQuality', { ...METRIC, ...OWN }, options);
  const { k, rho, apgdSteps, apgdRandomStarts, seed, signal, ...metric } = settings;
  const search = new ApgdSearch(objective, {
    ...metric,
    steps: apgdSteps,
    restarts: 1 + apgdRandomStarts,
    seed,
    signal,
  });
  const batches: Array<Omit<AscentQuality, 'shares'>> = [];
  try {
    for (let batch = 0; batch < objective.batchCount; batch++) {
      throwIfAborted(signal, 'The measurement of the ascent');
      const ascent = await ascend(objective, batch, k, rho, metric);
      const worstLosses: number[] = [];
      let [worst] = ascent.losses;
      for (const [i, distance] of ascent.distances.entries()) {
        const found = await search.within(distance, batch);
        // Points at a smaller distance, and the ascent's own, lie in the ball, too.
        worst = Math.max(worst, found.loss, ascent.losses[i + 1]);
        worstLosses.push(worst);
      }
      batches.push({ ...ascent, worstLosses });
    }
  } finally {
    search.dispose();
  }
  const { batchSizes } = objective;
  const total = batchSizes.reduce((sum, size) => sum + size, 0);
  const mean = (field: keyof (typeof batches)[number]): number[] =>
    batches[0][field].map(
      (_, i) => batches.reduce((sum, batch, b) => sum + batch[field][i] * batchSizes[b], 0) / total,
    );
  const [losses, worstLosses] = [mean('losses'), mean('worstLosses')];
  const shares = worstLosses.map((worst, i) =>
    worst > losses[0] ? (losses[i + 1] - losses[0]) / (worst - losses[0]) : Number.NaN,
  );
  return { losses, distances: mean('distances'), oneStepLosses: mean('oneStepLosses'), worstLosses, shares };
}

/** The k ascents on one batch, and the one-step losses at the same distances. */
async function ascend(
  objective: FlatLoss,
  batch: number,
  k: number,
  rho: number,
  metric: Metric,
): Promise<Ascent> {
  const [w, direction, met] = tf.tidy(() => {
    const w = objective.weights();
    const scale = metricScale(objective, w, metric);
    const start = objective.gradient(w, batch);
    const [direction] = ascentStep([start.gradient], [scale], 1);
    const losses = [start.loss];
    const distances: tf.Scalar[] = [];
    let [p, gradient] = [w, start.gradient];
    for (let i = 0; i < k; i++) {
      const [eps] = ascentStep([gradient], [metricScale(objective, p, metric)], rho);
      p = tf.add(p, eps);
      const here = objective.gradient(p, batch);
      gradient = here.gradient;
      losses.push(here.loss);
      distances.push(norm(tf.div(tf.sub(p, w), scale)));
    }
    return [w, direction, tf.stack([...losses, ...distances])] as const;
  });
  try {
    const numbers = [...(await takeNumbers(met))];
    const [losses, distances] = [numbers.slice(0, k + 1), numbers.slice(k + 1)];
    const oneStep = tf.tidy(() =>
      tf.stack(distances.map((distance) => objective.loss(tf.add(w, tf.mul(direction, distance)), batch))),
    );
    return { losses, distances, oneStepLosses: [...(await takeNumbers(oneStep))] };
  } finally {
    tf.dispose([w, direction]);
  }
}
