/**
 * Surfaces of loss and accuracy over a plane of weight space (or along a line).
 *
 * Coarse to fine over nested grids, chunk by chunk; each chunk is written to disk as it is done, so a run
 * that was stopped or killed goes on where it was, and ends with the same numbers as one that never stopped.
 */
import { AbortedError, OptionError, StateMismatchError } from '../core/errors';
import {
  callback,
  checkOptions,
  flag,
  needed,
  nested,
  type OptionsOf,
  oneOf,
  signal,
  text,
  where,
  whole,
} from '../core/options';
import type * as tf from '../core/tf';
import { withModelLoss } from '../training/evaluate';
import type { BatchNormMode } from '../training/forward';
import type { Loss } from '../training/losses';
import type { ModelLoss } from '../training/modelLoss';
import type { Samples } from '../training/samples';
import type { WeightSlot } from '../training/weights';
import { EVALUATION } from './evaluation';
import { AXIS, axisCoordinates, gridLevels } from './grid';
import { weightLayout } from './layout';
import { atPoints, Plane } from './plane';
import { fingerprint, type PointRecord, SurfaceFile } from './surfaceFile';

const OWN = {
  /** The plane; a `Plane` without y gives a line. */
  plane: needed(where<Plane>('object', 'a Plane', (value) => value instanceof Plane)),
  /** Range and points along the plane's x. Default: -1 to 1 in 25 points. */
  x: nested(AXIS),
  /** Range and points along the plane's y. Default: as x. */
  y: nested(AXIS),
  /**
   * By which statistics BatchNorm normalizes, as in `evaluate`. Default `'moving'`: those of the plane's
   * origin, all over the plane.
   */
  batchNorm: oneOf<BatchNormMode>(['moving', 'batch'], 'moving'),
  /** Weight sets that are evaluated together, in place of a number chosen from the budget; >= 1. */
  chunkSize: whole({ min: 1 }),
  /** Runs op by op in place of compiling. Default false. */
  eager: flag(false),
  /**
   * File that keeps the points. A run with the same file, model, plane, data and loss goes on where the last
   * one ended; the loss is known by its values at the plane's origin and at the last point of the grid.
   * Default: none.
   */
  path: text(),
  /** Stops after the present chunk: the surface of the points so far is returned. */
  signal: signal(),
  /** Called after each chunk, and once at the start. */
  onProgress: callback<(progress: SurfaceProgress) => void | Promise<void>>(),
};

const SURFACE: typeof OWN & typeof EVALUATION = { ...OWN, ...EVALUATION };

/** Options of `lossSurface`. */
export type SurfaceOptions = OptionsOf<typeof SURFACE>;

/** How far a surface is. */
export interface SurfaceProgress {
  /** The surface so far; it changes as the run goes on. */
  surface: Surface;
  /** Points evaluated. */
  done: number;
  /** Points in all. */
  total: number;
  /** The level of the nested grids that is being evaluated, from 0. */
  level: number;
  /** How many levels there are. */
  levels: number;
  /** Points per second in this run; NaN before the first chunk. */
  pointsPerSecond: number;
  /** Seconds left at that rate; NaN before the first chunk. */
  secondsLeft: number;
}

/** Loss and accuracy over a plane. */
export interface Surface {
  /** Coordinates along the plane's x, ascending. */
  x: number[];
  /** Coordinates along the plane's y, ascending; `[0]` for a line. */
  y: number[];
  /**
   * `loss[i][j]` is the mean loss at `x[i]`, `y[j]`. NaN where it was not evaluated (or is NaN itself: see
   * `evaluated`).
   */
  loss: number[][];
  /** The same for the accuracy, in [0, 1]. */
  accuracy: number[][];
  /** Which points were evaluated. */
  evaluated: boolean[][];
  /** Labels of the directions. */
  labels: { x: string; y: string };
  /** Whether all points were evaluated. */
  complete: boolean;
  /**
   * The plane's origin, as `evaluate` has it. The grid point (0, 0), where there is one, has these numbers.
   */
  center: { loss: number; accuracy: number };
  /**
   * How far the fast evaluation of the center is from that of `evaluate`; NaN where (0, 0) is not on the grid
   * or not evaluated in this run.
   */
  centerDeviation: number;
  /** How the numbers came about. */
  provenance: SurfaceProvenance;
}

/** How a surface came about. */
export interface SurfaceProvenance {
  /** Number of samples. */
  samples: number;
  /** Number of trainable weights. */
  weights: number;
  /** Samples per forward pass. */
  batchSize: number;
  /** By which statistics BatchNorm normalized. */
  batchNorm: BatchNormMode;
  /** How weight sets were evaluated: see `evaluateMany`. */
  way: 'stacked' | 'loop';
  /** How many weight sets were evaluated at a time. */
  chunkSize: number;
  /** Points evaluated in this run; those read from the file are not counted. */
  evaluatedPoints: number;
  /** Seconds that these points took. */
  seconds: number;
}

/**
 * Loss and accuracy of `model` on `samples` over a plane. The model's weights are the same afterwards, bit
 * for bit; its present trainable weights do not matter, its other state (BatchNorm's moving averages) does.
 *
 * A run that is stopped by its signal returns what it has, with `complete` false.
 *
 * @example
 * const [x, y] = [1, 2].map((seed) => randomDirection(model, { seed }));
 * const plane = new Plane(flatWeights(model), x, y);
 * const surface = await lossSurface(model, test, { plane, x: { from: -1, to: 1, points: 33 } });
 *
 * @throws OptionError, DataError; StateMismatchError where `path` holds the points of another surface.
 */
export async function lossSurface(
  model: tf.LayersModel,
  samples: Samples,
  options: SurfaceOptions,
): Promise<Surface> {
  const settings = checkOptions('lossSurface', SURFACE, options);
  const { plane, batchSize, batchNorm, path } = settings;
  if (plane.y === undefined && settings.y !== undefined)
    throw new OptionError('y', settings.y, 'left out where the plane is a line');
  const xOptions = settings.x ?? { from: -1, to: 1 };
  const x = axisCoordinates('x', xOptions);
  const y = plane.y === undefined ? [0] : axisCoordinates('y', settings.y ?? xOptions);
  const evaluation = { loss: settings.loss, batchSize, batchNorm, eager: settings.eager };
  const file =
    path === undefined
      ? undefined
      : new SurfaceFile(path, fingerprint(model, samples, plane, { x, y, batchSize, batchNorm }));
  // These samples are freed before the next evaluation takes its own.
  const corner = [x[x.length - 1], y[y.length - 1]] as const;
  const [center, ...probes] = await evaluateExactly(
    model,
    samples,
    plane,
    evaluation,
    file === undefined ? [] : [corner],
  );
  file?.check([center.loss, ...probes.map(({ loss }) => loss)]);
  // A chunk's numbers may depend on its size in their last digits, so a run goes on with the size it began
  // with.
  const chunkSize = file?.chunkSize ?? settings.chunkSize;
  const { memoryBudget } = settings;
  return withModelLoss(model, samples, { ...evaluation, memoryBudget, chunkSize }, async (loss) => {
    const { way, chunkSize, sampleCount } = loss;
    const provenance: SurfaceProvenance = {
      samples: sampleCount,
      weights: plane.origin.length,
      batchSize,
      batchNorm,
      way,
      chunkSize,
      evaluatedPoints: 0,
      seconds: 0,
    };
    const surface = emptySurface(x, y, plane, center, provenance);
    for (const point of file?.points ?? []) setPoint(surface, point);
    file?.open(chunkSize);
    try {
      await fill(surface, weightLayout(model), loss, settings, file);
    } finally {
      file?.close();
    }
    return surface;
  });
}

/** A grid for figures: `z[j][i]` at `x[i]`, `y[j]`. */
export interface SurfaceGrid {
  /** Coordinates of the columns. */
  x: number[];
  /** Coordinates of the rows. */
  y: number[];
  /** One row of values per y; NaN where there is none yet. */
  z: number[][];
}

/**
 * The surface as figures take it. Rows and columns without any point yet are left out, so that an unfinished
 * surface shows its coarse picture; points that are missing in the others are NaN.
 */
export function surfaceGrid(surface: Surface, what: 'loss' | 'accuracy' = 'loss'): SurfaceGrid {
  const { x, y, evaluated } = surface;
  const columns = x.map((_, i) => i).filter((i) => evaluated[i].some(Boolean));
  const rows = y.map((_, j) => j).filter((j) => columns.some((i) => evaluated[i][j]));
  return {
    x: columns.map((i) => x[i]),
    y: rows.map((j) => y[j]),
    z: rows.map((j) => columns.map((i) => surface[what][i][j])),
  };
}

/** The origin and further points of the plane, op by op, as `evaluate` does it. */
async function evaluateExactly(
  model: tf.LayersModel,
  samples: Samples,
  plane: Plane,
  evaluation: { loss?: Loss; batchSize: number; batchNorm: BatchNormMode },
  points: readonly (readonly [number, number])[],
): Promise<Surface['center'][]> {
  return withModelLoss(
    model,
    samples,
    { ...evaluation, way: 'loop', chunkSize: 1, eager: true },
    async (loss) => {
      const { losses, accuracies } = await atPoints(loss, plane, weightLayout(model), [[0, 0], ...points]);
      return Array.from(losses, (loss, i) => ({ loss, accuracy: accuracies[i] }));
    },
  );
}

/** Evaluates what is missing, level by level. */
async function fill(
  surface: Surface,
  slots: readonly WeightSlot[],
  loss: ModelLoss,
  { plane, signal, onProgress }: SurfaceOptions,
  file: SurfaceFile | undefined,
): Promise<void> {
  const levels = gridLevels(surface.x.length, surface.y.length);
  const total = surface.x.length * surface.y.length;
  const began = performance.now();
  let present = 0;
  const report = async (): Promise<void> => {
    const { provenance } = surface;
    provenance.seconds = (performance.now() - began) / 1000;
    const pointsPerSecond =
      provenance.evaluatedPoints === 0 ? Number.NaN : provenance.evaluatedPoints / provenance.seconds;
    const done = surface.evaluated.flat().filter(Boolean).length;
    surface.complete = done === total;
    const secondsLeft = (total - done) / pointsPerSecond;
    await onProgress?.({
      surface,
      done,
      total,
      level: present,
      levels: levels.length,
      pointsPerSecond,
      secondsLeft,
    });
  };
  await report();
  for (const [level, all] of levels.entries()) {
    present = level;
    const missing = all.filter(([i, j]) => !surface.evaluated[i][j]);
    if (missing.length === 0) continue;
    const points = missing.map(([i, j]) => [surface.x[i], surface.y[j]] as const);
    try {
      await atPoints(loss, plane, slots, points, {
        signal,
        onChunk: async ({ from, losses, accuracies }) => {
          const found = Array.from(
            losses,
            (value, m): PointRecord => [...missing[from + m], value, accuracies[m]],
          );
          const stored = found.map((point) => centered(surface, point));
          file?.append(stored);
          for (const point of stored) setPoint(surface, point);
          surface.provenance.evaluatedPoints += found.length;
          await report();
        },
      });
    } catch (error) {
      if (error instanceof AbortedError && signal?.aborted) return;
      throw error;
    }
  }
}

/** The point itself; at the center with the numbers of `evaluate`, after noting how far the others are. */
function centered(surface: Surface, point: PointRecord): PointRecord {
  const [i, j, loss] = point;
  if (surface.x[i] !== 0 || surface.y[j] !== 0) return point;
  const { center } = surface;
  surface.centerDeviation = Object.is(loss, center.loss) ? 0 : Math.abs(loss - center.loss);
  return [i, j, center.loss, center.accuracy];
}

function setPoint(surface: Surface, [i, j, loss, accuracy]: PointRecord): void {
  if (surface.evaluated[i]?.[j] === undefined)
    throw new StateMismatchError(`The file has a point (${i}, ${j}) outside of the grid.`);
  surface.loss[i][j] = loss;
  surface.accuracy[i][j] = accuracy;
  surface.evaluated[i][j] = true;
}

function emptySurface(
  x: number[],
  y: number[],
  plane: Plane,
  center: Surface['center'],
  provenance: SurfaceProvenance,
): Surface {
  const table = <T>(value: T): T[][] => x.map(() => y.map(() => value));
  return {
    x,
    y,
    loss: table(Number.NaN),
    accuracy: table(Number.NaN),
    evaluated: table(false),
    labels: { x: plane.x.label, y: plane.y?.label ?? '' },
    complete: false,
    center,
    centerDeviation: Number.NaN,
    provenance,
  };
}
