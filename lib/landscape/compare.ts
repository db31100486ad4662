/**
 * Surfaces of several models side by side: the same random directions, each normalized against the model's
 * own weights, the same ranges, one range of losses for colors and heights.
 */
import { checkNumber, OptionError } from '../core/errors';
import type * as tf from '../core/tf';
import type { Samples } from '../training/samples';
import { type NormalizeOptions, randomDirection } from './directions';
import { readFlatWeights } from './layout';
import { Plane } from './plane';
import { lossSurface, type Surface, type SurfaceOptions, type SurfaceProgress } from './surface';

/**
 * Options of `compareSurfaces`: those of `lossSurface` without the plane, and what the planes are made of.
 */
export interface CompareOptions
  extends Omit<SurfaceOptions, 'plane' | 'path' | 'onProgress'>,
    Omit<NormalizeOptions, 'weights'> {
  /** Seeds of the two random directions, whole numbers. Default 1 and 2. */
  seeds?: readonly [number, number];
  /** The file of each model's surface, by its label. Default: none. */
  path?: (label: string) => string;
  /** Called after each chunk of each surface. */
  onProgress?: (label: string, progress: SurfaceProgress) => void | Promise<void>;
}

/** Surfaces that can be drawn side by side. */
export interface SurfaceComparison {
  /** The surface of each model, in the order of the models. */
  surfaces: { label: string; surface: Surface }[];
  /** Smallest and largest finite loss of all of them. */
  range: [number, number];
  /** Points that were evaluated now; those read from files are left out. */
  evaluatedPoints: number;
  /** Seconds that these points took. */
  seconds: number;
}

/**
 * A surface for each model, around its own weights.
 *
 * @param models Models of one architecture, each with a label of its own.
 * @throws OptionError, and what `lossSurface` throws.
 */
export async function compareSurfaces(
  models: readonly { label: string; model: tf.LayersModel }[],
  samples: Samples,
  options: CompareOptions = {},
): Promise<SurfaceComparison> {
  const { seeds = [1, 2], normalization, include, path, onProgress, ...surfaceOptions } = options;
  for (const seed of seeds) checkNumber('seeds', seed, { integer: true });
  if (models.length === 0) throw new OptionError('models', 0, 'at least one model');
  const labels = models.map(({ label }) => label);
  if (new Set(labels).size < labels.length)
    throw new OptionError('models', labels, 'models with different labels');
  const surfaces: SurfaceComparison['surfaces'] = [];
  for (const { label, model } of models) {
    const [x, y] = seeds.map((seed) => randomDirection(model, { seed, normalization, include }));
    const surface = await lossSurface(model, samples, {
      ...surfaceOptions,
      plane: new Plane(await readFlatWeights(model), x, y),
      ...(path === undefined ? {} : { path: path(label) }),
      ...(onProgress === undefined
        ? {}
        : { onProgress: (progress: SurfaceProgress) => onProgress(label, progress) }),
    });
    surfaces.push({ label, surface });
  }
  const total = (of: 'evaluatedPoints' | 'seconds'): number =>
    surfaces.reduce((sum, { surface }) => sum + surface.provenance[of], 0);
  return {
    surfaces,
    range: lossRange(surfaces.map(({ surface }) => surface)),
    evaluatedPoints: total('evaluatedPoints'),
    seconds: total('seconds'),
  };
}

/** Smallest and largest finite loss of some surfaces. */
function lossRange(surfaces: readonly Surface[]): [number, number] {
  const losses = surfaces.flatMap(({ loss }) => loss.flat()).filter(Number.isFinite);
  return [
    losses.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY),
    losses.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY),
  ];
}
