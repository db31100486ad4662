/** A function of two variables on a regular grid: the ground under trajectories and landscapes. */
import { checkNumber } from '../runtime/errors';

/** Values over a plane. */
export interface Grid {
  /** Places along x, ascending. */
  x: number[];
  /** Places along y, ascending. */
  y: number[];
  /** `z[j][i]` is the value at `x[i]`, `y[j]`. NaN where it is not known (yet). */
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
