/** Means, and spreads over seeds with diverged runs (NaN, infinite) left out and counted. */

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

/** The mean; NaN of no values. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The standard deviation of a sample (divided by n - 1); 0 for one value. */
export function deviation(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const middle = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1));
}

/** Mean and spread of one sample. */
export function spread(values: ArrayLike<number>): Spread {
  const finite = Array.from(values).filter(Number.isFinite);
  const count = finite.length;
  return { mean: mean(finite), std: deviation(finite), count, diverged: values.length - count };
}

/** Mean and spread at each point of curves: `runs[seed][point]`. */
export function spreadAlong(runs: readonly ArrayLike<number>[]): Spread[] {
  const points = Math.max(0, ...runs.map((run) => run.length));
  return Array.from({ length: points }, (_, i) => spread(runs.map((run) => run[i] ?? Number.NaN)));
}
