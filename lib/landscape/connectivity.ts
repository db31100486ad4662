/**
 * Mode connectivity: the loss along a path between two minima, and the height of the barrier between them.
 *
 *     line     w(t) = (1 - t) w_0 + t w_1
 *     Bezier   w(t) = (1 - t)^2 w_0 + 2 t (1 - t) theta + t^2 w_1
 *              theta trained:  minimize E_t[ L(w(t)) ],  t ~ U(0, 1)
 *
 *     barrier = max over t of  L(w(t)) - ((1 - t) L(w_0) + t L(w_1))
 *
 * BatchNorm's statistics of the ends do not fit the weights between them, so they are recomputed at each
 * point of the path, where data for that are given.
 *
 * Garipov, Izmailov, Podoprikhin, Vetrov, Wilson, "Loss Surfaces, Mode Connectivity, and Fast Ensembling of
 * DNNs", NeurIPS 2018, arXiv:1802.10026; Frankle, Dziugaite, Roy, Carbin, "Linear Mode Connectivity and the
 * Lottery Ticket Hypothesis", ICML 2020, arXiv:1912.05671 (the barrier).
 */

import { OptionError, throwIfAborted } from '../core/errors';
import { takeNumbers } from '../core/numbers';
import {
  callback,
  checkOptions,
  number,
  type Option,
  type OptionsOf,
  object,
  signal,
  whole,
} from '../core/options';
import { Random } from '../core/random';
import * as tf from '../core/tf';
import { nextTurn } from '../core/turn';
import { BatchNormEstimator, type BatchNormOptions } from '../robustness/batchNormStatistics';
import { withModelLoss } from '../training/evaluate';
import { LOSS } from '../training/losses';
import type { Samples } from '../training/samples';
import type { WeightSets } from '../training/weightSets';
import { allVariables, trainableVariables, withWeights } from '../training/weights';
import { EVALUATION } from './evaluation';
import { checkFlatSize, slotTensor, weightLayout } from './layout';

/** A path through weight space: the weights at t in [0, 1], flat. */
export type WeightPath = (t: number) => Float32Array;

/** The straight path. */
export function linePath(from: Float32Array, to: Float32Array): WeightPath {
  checkEnds(from, to);
  return (t) => from.map((w, i) => (1 - t) * w + t * to[i]);
}

/** The quadratic Bezier curve from `from` to `to`, bent towards `middle`. */
export function bezierPath(from: Float32Array, middle: Float32Array, to: Float32Array): WeightPath {
  checkEnds(from, to);
  checkEnds(from, middle);
  return (t) => from.map((w, i) => (1 - t) ** 2 * w + 2 * t * (1 - t) * middle[i] + t ** 2 * to[i]);
}

const ALONG = {
  /** Number of points, both ends included, >= 2. Default 21. */
  points: whole({ min: 2 }, 21),
  /**
   * Recomputes BatchNorm's statistics at each point, from training data. Default: the model's present ones
   * everywhere.
   */
  recomputeBatchNorm: object<BatchNormOptions>(),
  /** Stops after the present chunk, with an AbortedError. */
  signal: signal(),
};

const PATH: typeof ALONG & typeof EVALUATION = { ...ALONG, ...EVALUATION };

/** Options of `lossAlongPath`. */
export type PathOptions = OptionsOf<typeof PATH>;

/** Loss along a path. */
export interface PathLosses {
  /** Places on the path, from 0 to 1. */
  t: number[];
  /** Mean loss at each. */
  losses: number[];
  /** Accuracy at each, in [0, 1]. */
  accuracies: number[];
  /**
   * The largest height of the loss over the straight line between the losses of the ends; 0 where it never
   * rises above.
   */
  barrier: number;
  /** Where that is. */
  barrierAt: number;
  /** The largest drop of the accuracy below the straight line between those of the ends. */
  accuracyBarrier: number;
}

/**
 * The loss of `model` on `samples` along a path. The model is the same afterwards, bit for bit.
 *
 * @throws OptionError, AbortedError
 */
export async function lossAlongPath(
  model: tf.LayersModel,
  samples: Samples,
  path: WeightPath,
  options: PathOptions = {},
): Promise<PathLosses> {
  const { points, recomputeBatchNorm, signal, ...evaluation } = checkOptions('lossAlongPath', PATH, options);
  const t = Array.from({ length: points }, (_, i) => i / (points - 1));
  const estimator = recomputeBatchNorm && new BatchNormEstimator(model, recomputeBatchNorm);
  try {
    return await withModelLoss(model, samples, evaluation, async (loss) => {
      const { losses, accuracies } = await loss.atMany(pathSets(model, path, t, estimator), { signal });
      const { height: barrier, at } = heightOverChord(t, losses);
      const { height: accuracyBarrier } = heightOverChord(
        t,
        accuracies.map((accuracy) => -accuracy),
      );
      return { t, losses: [...losses], accuracies: [...accuracies], barrier, barrierAt: at, accuracyBarrier };
    });
  } finally {
    estimator?.dispose();
  }
}

const BEZIER = {
  /** Steps of training, >= 1. Default 200. */
  steps: whole({ min: 1 }, 200),
  /** Samples per step, >= 1. Default 128. */
  batchSize: whole({ min: 1 }, 128),
  /** Learning rate of the middle point, > 0; it falls to 0 along a half cosine. Default 0.05. */
  learningRate: number({ min: 0, exclusiveMin: true }, 0.05),
  /** Momentum in [0, 1). Default 0.9. */
  momentum: number({ min: 0, max: 0.999 }, 0.9),
  /** Where the middle starts. Default: half way. */
  start: object() as Option<Float32Array, 'optional'>,
  /** The loss, by name or as a function. Default: as of a `ModelLoss`. */
  loss: LOSS,
  /** Seed of places and order of batches, a whole number. Default 0. */
  seed: whole({}, 0),
  /** Stops after the present step, with an AbortedError. */
  signal: signal(),
  /** Called after each step with the loss at its place on the path. */
  onStep: callback<(step: number, loss: number) => void>(),
};

/** Options of `connectByBezier`. */
export type BezierOptions = OptionsOf<typeof BEZIER>;

/** A trained curve. */
export interface BezierConnection {
  /** The trained middle, flat. */
  middle: Float32Array;
  /** The curve. */
  path: WeightPath;
}

/**
 * Finds a curve of low loss between two minima: trains the middle of a quadratic Bezier curve by SGD with
 * momentum. BatchNorm normalizes by the batch meanwhile, as in training; the model is the same afterwards,
 * bit for bit.
 *
 * @throws OptionError, AbortedError
 */
export async function connectByBezier(
  model: tf.LayersModel,
  samples: Samples,
  from: Float32Array,
  to: Float32Array,
  options: BezierOptions = {},
): Promise<BezierConnection> {
  const settings = checkOptions('connectByBezier', BEZIER, options);
  const { steps, batchSize, learningRate, momentum, loss, seed, signal, onStep } = settings;
  checkEnds(from, to);
  const slots = weightLayout(model);
  checkFlatSize(from, slots);
  if (settings.start !== undefined && !(settings.start instanceof Float32Array)) {
    throw new OptionError('start', settings.start, 'a Float32Array, as flatWeights gives it');
  }
  const middle = settings.start?.slice() ?? linePath(from, to)(0.5);
  checkEnds(from, middle);
  const random = new Random(seed, 'bezier');
  const velocity = new Float32Array(middle.length);
  return withModelLoss(model, samples, { batchSize, loss, batchNorm: 'batch' }, async (losses) => {
    let order: Int32Array = new Int32Array(0);
    for (let step = 0; step < steps; step++) {
      throwIfAborted(signal, 'The training of the curve');
      if (step % losses.batchCount === 0) order = random.permutation(losses.batchCount);
      const t = random.uniform();
      const here = bezierPath(from, middle, to)(t);
      const w = tf.tensor1d(here);
      const at = losses.gradient(w, order[step % losses.batchCount]);
      w.dispose();
      const [[value], gradient] = await Promise.all([takeNumbers(at.loss), takeNumbers(at.gradient)]);
      const rate = (learningRate * (1 + Math.cos((Math.PI * step) / steps))) / 2;
      // d w(t) / d theta = 2 t (1 - t)
      for (let i = 0; i < middle.length; i++) {
        velocity[i] = momentum * velocity[i] + 2 * t * (1 - t) * gradient[i];
        middle[i] -= rate * velocity[i];
      }
      onStep?.(step + 1, value);
      await nextTurn();
    }
    return { middle, path: bezierPath(from, middle, to) };
  });
}

/** The points of a path as weight sets, with BatchNorm's statistics where they are recomputed. */
function pathSets(
  model: tf.LayersModel,
  path: WeightPath,
  t: readonly number[],
  estimator: BatchNormEstimator | undefined,
): WeightSets {
  const slots = weightLayout(model);
  const trainable = trainableVariables(model);
  const weightsAt = async (place: number): Promise<tf.Tensor[]> => {
    const flat = path(place);
    checkFlatSize(flat, slots);
    const weights = slots.map((slot) => slotTensor(flat, slot));
    if (estimator === undefined || estimator.statistics.length === 0) return weights;
    const estimated = await estimator.estimate(withWeights(trainable, weights, () => estimator.measure()));
    const values = new Map<tf.Variable, tf.Tensor>(trainable.map((variable, i) => [variable, weights[i]]));
    estimator.statistics.forEach((variable, i) => {
      values.set(variable, tf.tensor(estimated[i], variable.shape));
    });
    return allVariables(model).map((variable) => values.get(variable) ?? variable.clone());
  };
  return {
    count: t.length,
    async chunk(from, to) {
      const sets: tf.Tensor[][] = [];
      try {
        for (const place of t.slice(from, to)) sets.push(await weightsAt(place));
        return sets[0].map((_, i) => tf.stack(sets.map((set) => set[i])));
      } finally {
        tf.dispose(sets);
      }
    },
  };
}

/**
 * The largest height of `values` over the straight line between the first and the last; at least 0, the
 * height of the ends.
 */
function heightOverChord(t: readonly number[], values: Float64Array): { height: number; at: number } {
  const last = values[values.length - 1];
  let height = 0;
  let at = 0;
  t.forEach((place, i) => {
    const over = values[i] - ((1 - place) * values[0] + place * last);
    if (over > height) {
      height = over;
      at = place;
    }
  });
  return { height, at };
}

function checkEnds(from: Float32Array, to: Float32Array): void {
  if (from.length !== to.length)
    throw new OptionError('to', `${to.length} weights`, `${from.length} weights, as many as from`);
}
