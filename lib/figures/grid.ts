/** A function of two variables on a regular grid: the ground under trajectories and landscapes. */
import { checkNumber, checkOneOf } from '../core/errors';

/** Values over a plane. */
export interface Grid {
  /** Places along x, ascending. */
  x: number[];
  /** Places along y, ascending. */
  y: number[];
  /** `z[j][i]` is the value at `x[i]`, `y[j]`. NaN if it is not known (yet). */
  z: number[][];
}

/** Options of `gridOf`. */
export interface GridOptions {
  /** Smallest and largest x. */
  x: readonly [number, number];
  /** Smallest and largest y. */
  y: readonly [number, number];
  /** Points along each axis. Default 81. */
  points?: number;
}

/** Evaluates a plain function of two numbers on a grid: for toy losses. */
export function gridOf(f: (x: number, y: number) => number, { x, y, points = 81 }: GridOptions): Grid {
  checkNumber('points', points, { min: 2, integer: true });
  const along = ([from, to]: readonly [number, number]) =>
    Array.from({ length: points }, (_, i) => from + ((to - from) * i) / (points - 1));
  const xs = along(x);
  const ys = along(y);
  return { x: xs, y: ys, z: ys.map((b) => xs.map((a) => f(a, b))) };
}

/** What a grid needs of a landscape's surface: `loss[i][j]` and `accuracy[i][j]` at `x[i]`, `y[j]`. */
export interface SurfaceLike {
  /** Coordinates along the first direction, ascending. */
  x: readonly number[];
  /** Coordinates along the second direction, ascending; `[0]` for a line. */
  y: readonly number[];
  /** Mean loss at each point; NaN if there is none. */
  loss: readonly (readonly number[])[];
  /** Accuracy at each point, 0 to 1; NaN if there is none. */
  accuracy: readonly (readonly number[])[];
}

/** The loss of a surface as a grid to draw, or its accuracy in percent. */
export function gridOfSurface(surface: SurfaceLike, value: 'loss' | 'accuracy' = 'loss'): Grid {
  checkOneOf('value', value, ['loss', 'accuracy']);
  const at = (i: number, j: number) =>
    value === 'loss' ? surface.loss[i]![j]! : 100 * surface.accuracy[i]![j]!;
  return {
    x: [...surface.x],
    y: [...surface.y],
    z: surface.y.map((_, j) => surface.x.map((_, i) => at(i, j))),
  };
}
