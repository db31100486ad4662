/** Mean and spread over seeds, with diverged runs (NaN, infinite) left out and counted. */

/** Mean and sample standard deviation of the finite values of a sample. */
export interface Spread {
  /** NaN if no value is finite. */
  mean: number;
  /** Divided by n - 1; 0 for one value. */
  std: number;
  /** Number of finite values. */
  count: number;
  /** Number of values that were NaN or infinite. */
  diverged: number;
}

/** Mean and spread of one sample. */
export function spread(values: ArrayLike<number>): Spread {
  const finite = Array.from(values).filter(Number.isFinite);
  const count = finite.length;
  const mean = count === 0 ? Number.NaN : finite.reduce((sum, value) => sum + value, 0) / count;
  const std =
    count < 2 ? 0 : Math.sqrt(finite.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1));
  return { mean, std, count, diverged: values.length - count };
}

/** Mean and spread at each point of curves: `runs[seed][point]`. */
export function spreadAlong(runs: readonly ArrayLike<number>[]): Spread[] {
  const points = Math.max(0, ...runs.map((run) => run.length));
  return Array.from({ length: points }, (_, i) => spread(runs.map((run) => run[i] ?? Number.NaN)));
}
