/**
 * Trajectories (checkpoints of a training) on a plane, told honestly: what a plane shows of a way through
 * many dimensions is a shadow. Each point comes with its true loss, the loss of its shadow, and the share of
 * its distance that lies outside of the plane.
 */
import { checkNumber, OptionError, throwIfAborted } from '../core/errors';
import { checkOptions, type OptionsOf, oneOf, signal, whole } from '../core/options';
import * as tf from '../core/tf';
import { topEigenvalues } from '../sharpness';
import { addCombined, divided, dot, length } from '../sharpness/vectors';
import { withModelLoss } from '../training/evaluate';
import type { Samples } from '../training/samples';
import type { Trainer } from '../training/trainer';
import type { WeightSets } from '../training/weightSets';
import { type Direction, directionOf } from './directions';
import { EVALUATION } from './evaluation';
import { readFlatWeights, slotTensor, weightLayout } from './layout';
import { atPoints, Plane, type Projection } from './plane';

/** A point of a trajectory on a plane. */
export interface TrajectoryPoint extends Projection {
  /** Loss at the point itself. */
  loss: number;
  /** Accuracy at the point itself. */
  accuracy: number;
  /** Loss at its shadow on the plane. */
  planeLoss: number;
}

const OWN = {
  /** Stops after the present chunk, with an AbortedError. */
  signal: signal(),
};

const SETTINGS: typeof OWN & typeof EVALUATION = { ...OWN, ...EVALUATION };

/** Options of `trajectoryOnPlane`. */
export type TrajectoryOptions = OptionsOf<typeof SETTINGS>;

/**
 * Where a trajectory lies on a plane, and how much of it the plane shows.
 *
 * @param trajectory Trainable weights along the way, flat.
 * @throws OptionError, AbortedError
 */
export async function trajectoryOnPlane(
  model: tf.LayersModel,
  samples: Samples,
  plane: Plane,
  trajectory: readonly Float32Array[],
  options: TrajectoryOptions = {},
): Promise<TrajectoryPoint[]> {
  const { signal, ...evaluation } = checkOptions('trajectoryOnPlane', SETTINGS, options);
  const projections = trajectory.map((weights) => plane.project(weights));
  const shadows = projections.map(({ a, b }) => [a, b] as const);
  return withModelLoss(model, samples, evaluation, async (loss) => {
    const real = await loss.atMany(weightSetsOf(model, trajectory), { signal });
    const seen = await atPoints(loss, plane, weightLayout(model), shadows, { signal });
    return projections.map((projection, i) => ({
      ...projection,
      loss: real.losses[i],
      accuracy: real.accuracies[i],
      planeLoss: seen.losses[i],
    }));
  });
}

const RECORD = {
  /**
   * Epochs between two points, a whole number >= 1: each holds all weights of the model in memory. Default 1.
   */
  every: whole({ min: 1 }, 1),
  /** Stops at the next step, with an AbortedError. */
  signal: signal(),
};

/** Options of `recordTrajectory`. */
export type RecordOptions = OptionsOf<typeof RECORD>;

/**
 * Trains to the end and returns the trainable weights before the first epoch, after each `every`-th and after
 * the last, flat.
 *
 * @throws OptionError; AbortedError after `signal`.
 */
export async function recordTrajectory(
  model: tf.LayersModel,
  trainer: Trainer,
  options: RecordOptions = {},
): Promise<Float32Array[]> {
  const { every, signal } = checkOptions('recordTrajectory', RECORD, options);
  const trajectory = [await readFlatWeights(model)];
  await trainer.train({
    signal,
    callbacks: {
      async onEpochEnd() {
        const { epoch } = trainer.position;
        if (epoch % every === 0 || epoch === trainer.epochs) trajectory.push(await readFlatWeights(model));
      },
    },
  });
  throwIfAborted(signal, 'The recorded training');
  return trajectory;
}

/** Flat weight vectors as weight sets for `evaluateMany`. */
function weightSetsOf(model: tf.LayersModel, flats: readonly Float32Array[]): WeightSets {
  const slots = weightLayout(model);
  return {
    count: flats.length,
    chunk: (from, to) =>
      tf.tidy(() =>
        slots.map((slot) => tf.stack(flats.slice(from, to).map((flat) => slotTensor(flat, slot)))),
      ),
  };
}

/** Principal components of a trajectory. */
export interface TrajectoryComponents {
  /** Unit directions, the one with most variance first. */
  directions: Direction[];
  /** Share of the variance along each, in [0, 1]. */
  explained: number[];
}

/**
 * The directions in which a trajectory moves most: the principal components of its points around their mean.
 *
 * Computed from the scalar products of the points with each other, so memory and work grow with the number of
 * weights only linearly.
 *
 * @param trajectory At least two sets of weights, flat.
 * @param count Number of components, >= 1, at most the number of points less one. Default 2.
 */
export async function trajectoryComponents(
  trajectory: readonly Float32Array[],
  count = 2,
): Promise<TrajectoryComponents> {
  const n = trajectory.length;
  if (n < 2) throw new OptionError('trajectory', `${n} points`, 'at least 2 points');
  checkNumber('count', count, { min: 1, max: n - 1, integer: true });
  const size = trajectory[0].length;
  const mean = new Float64Array(size);
  for (const weights of trajectory) for (let i = 0; i < size; i++) mean[i] += weights[i] / n;
  const centered = trajectory.map((weights) => Float64Array.from(weights, (w, i) => w - mean[i]));
  const gram = centered.map((a) => Float64Array.from(centered, (b) => dot(a, b)));
  const operator = {
    size: n,
    multiply: async (v: Float64Array) => Float64Array.from(gram, (row) => dot(row, v)),
  };
  const { values, vectors } = await topEigenvalues(operator, {
    count,
    maxSteps: 10 * n,
    tolerance: 1e-12,
    vectors: true,
  });
  const total = gram.reduce((sum, row, i) => sum + row[i], 0);
  const directions = vectors!.map((vector, c) => {
    const along = new Float64Array(size);
    addCombined(along, centered, vector);
    // An eigenvector has no sign of its own: the end of the trajectory lies on the positive side of its
    // start.
    const sign = dot(along, centered[n - 1]) < dot(along, centered[0]) ? -1 : 1;
    const share = total === 0 ? 0 : values[c] / total;
    const unit = divided(along, sign * (length(along) || 1));
    return directionOf(unit, `component ${c + 1} (${(100 * share).toFixed(1)} % of the variance)`);
  });
  return { directions, explained: values.map((value) => (total === 0 ? 0 : Math.max(0, value) / total)) };
}

const PLANE = {
  /** The point of the trajectory that is the plane's origin. Default `last`. */
  through: oneOf(['first', 'last'], 'last'),
};

/** Options of `trajectoryPlane`. */
export type TrajectoryPlaneOptions = OptionsOf<typeof PLANE>;

/**
 * The plane of the first two principal components of a trajectory, through its last point or its first.
 *
 * @throws OptionError where the trajectory has fewer than three points or moves along a line.
 */
export async function trajectoryPlane(
  trajectory: readonly Float32Array[],
  options: TrajectoryPlaneOptions = {},
): Promise<Plane> {
  const { through } = checkOptions('trajectoryPlane', PLANE, options);
  const { directions } = await trajectoryComponents(trajectory, 2);
  return new Plane(trajectory[through === 'first' ? 0 : trajectory.length - 1], directions[0], directions[1]);
}
