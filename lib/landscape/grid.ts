/**
 * Nested grids: a coarse picture first, then finer ones that reuse its points.
 *
 *     25 points:   5 (every 6th)  ->  9 (every 3rd)  ->  25
 *     65 points:   5  ->  9  ->  17  ->  33  ->  65
 */
import { checkNumber, OptionError } from '../core/errors';
import { checkFields, needed, number, type OptionsOf, whole } from '../core/options';

/** Describes the points of one axis. */
export const AXIS = {
  /** First coordinate. */
  from: needed(number()),
  /** Last coordinate, > `from`. */
  to: needed(number()),
  /** Number of points, both ends included, >= 2. Default 25. 5, 9, 17, 33, 65 refine in even steps. */
  points: whole({ min: 2 }, 25),
};

/** The points of one axis. */
export type AxisOptions = OptionsOf<typeof AXIS>;

/** Intervals of the coarsest level. */
const COARSEST = 4;

/** The coordinates of an axis. Throws an OptionError that names it by `option`. */
export function axisCoordinates(option: string, axis: AxisOptions): number[] {
  const { from, to, points } = checkFields(option, axis, AXIS, 'full') as Required<AxisOptions>;
  if (to <= from) throw new OptionError(`${option}.to`, to, `above ${option}.from, ${from}`);
  // The middle of a range around 0 must be 0 itself, so both ends weigh in alike.
  return Array.from({ length: points }, (_, i) => (from * (points - 1 - i) + to * i) / (points - 1));
}

/** An axis around some coordinates, with `room` on both sides: a share of their extent, >= 0. Default 0.2. */
export function axisAround(
  coordinates: readonly number[],
  { room = 0.2, points }: { room?: number; points?: number } = {},
): AxisOptions {
  checkNumber('room', room, { min: 0 });
  const low = coordinates.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const high = coordinates.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  if (!(high > low)) throw new OptionError('coordinates', coordinates, 'at least two different numbers');
  const around = { from: low - room * (high - low), to: high + room * (high - low) };
  return points === undefined ? around : { ...around, points };
}

/**
 * Which indices of an axis of `points` points each level has, coarse to fine: each level contains the one
 * before.
 */
export function axisLevels(points: number): number[][] {
  if (points <= 2) return [Array.from({ length: points }, (_, i) => i)];
  const levels: number[][] = [];
  let present = new Set([0, points - 1]);
  for (let stride = Math.max(1, Math.round((points - 1) / COARSEST)); ; stride /= smallestFactor(stride)) {
    present = new Set(present);
    for (let i = 0; i < points; i += stride) present.add(i);
    levels.push([...present].sort((a, b) => a - b));
    if (stride === 1) return levels;
  }
}

/**
 * The points that each level of a grid adds, as pairs of indices, row by row. Together they are all points,
 * each once.
 */
export function gridLevels(nx: number, ny: number): [i: number, j: number][][] {
  const alongX = axisLevels(nx);
  const alongY = axisLevels(ny);
  const seen = new Set<number>();
  return Array.from({ length: Math.max(alongX.length, alongY.length) }, (_, level) => {
    const added: [number, number][] = [];
    for (const j of levelAt(alongY, level)) {
      for (const i of levelAt(alongX, level)) {
        if (seen.has(j * nx + i)) continue;
        seen.add(j * nx + i);
        added.push([i, j]);
      }
    }
    return added;
  });
}

/** An axis with fewer levels than the other is complete before. */
function levelAt(levels: number[][], level: number): number[] {
  return levels[Math.min(level, levels.length - 1)];
}

function smallestFactor(n: number): number {
  for (let factor = 2; factor * factor <= n; factor++) if (n % factor === 0) return factor;
  return n;
}
