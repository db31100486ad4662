/**
 * The loss along several random directions: what a single random plane cannot tell, the spread between
 * directions.
 *
 *     L(w + r d_i),   d_i random, normalized against w (or of a plain length),   r = 0 ... 1
 */
import { checkNumber } from '../core/errors';
import type * as tf from '../core/tf';
import { withModelLoss } from '../training/evaluate';
import type { Samples } from '../training/samples';
import { type NormalizeOptions, randomDirection, withLength } from './directions';
import { readFlatWeights, weightLayout } from './layout';
import { atPoints, Plane } from './plane';
import type { SurfaceOptions } from './surface';

/** Options of `lossAlongDirections`. */
export interface DirectionsOptions
  extends Pick<SurfaceOptions, 'loss' | 'batchSize' | 'batchNorm' | 'memoryBudget' | 'eager' | 'signal'>,
    Omit<NormalizeOptions, 'weights'> {
  /** Number of directions, >= 1. Default 10. */
  count?: number;
  /** Seed of the first direction, a whole number; the others follow. Default 100. */
  seed?: number;
  /** Gives all directions this Euclidean length, > 0, after they were normalized. Default: as they are. */
  length?: number;
  /** Points along each direction, both ends included, >= 2. Default 9. */
  points?: number;
}

/** The loss along some directions. */
export interface DirectionLosses {
  /** Places along each direction, from 0 to 1; with a plain length, from 0 to that. */
  distances: number[];
  /** `losses[i][j]`: direction i, place j. */
  losses: number[][];
}

/**
 * The loss of `model` on `samples` from its present weights along random directions, of which other models
 * with the same seeds have the same before they are normalized.
 *
 * @throws OptionError, DataError, AbortedError
 */
export async function lossAlongDirections(
  model: tf.LayersModel,
  samples: Samples,
  options: DirectionsOptions = {},
): Promise<DirectionLosses> {
  const {
    count = 10,
    seed = 100,
    length,
    points = 9,
    normalization,
    include,
    signal,
    ...evaluation
  } = options;
  checkNumber('count', count, { min: 1, integer: true });
  checkNumber('seed', seed, { integer: true });
  checkNumber('points', points, { min: 2, integer: true });
  if (length !== undefined) checkNumber('length', length, { min: 0, exclusiveMin: true });
  const places = Array.from({ length: points }, (_, j) => j / (points - 1));
  const slots = weightLayout(model);
  const origin = await readFlatWeights(model);
  const losses = await withModelLoss(model, samples, evaluation, async (loss) => {
    const along: number[][] = [];
    for (let i = 0; i < count; i++) {
      const direction = randomDirection(model, { seed: seed + i, normalization, include });
      const line = new Plane(origin, length === undefined ? direction : withLength(direction, length));
      along.push([
        ...(
          await atPoints(
            loss,
            line,
            slots,
            places.map((place) => [place, 0] as const),
            { signal },
          )
        ).losses,
      ]);
    }
    return along;
  });
  return { distances: places.map((place) => place * (length ?? 1)), losses };
}
