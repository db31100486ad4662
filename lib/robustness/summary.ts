/**
 * How a measured number spreads over noise draws.
 */
import { deviation, mean } from '../core/spread';

/**
 * Summary of one number over draws. Infinite values (diverged draws) enter as they are; a NaN makes all NaN,
 * as in NumPy.
 */
export interface DrawSummary {
  /** The value of each draw; draws of equal index are paired across levels and models. */
  values: number[];
  /** The mean. */
  mean: number;
  /** Sample standard deviation (divided by n - 1); 0 for one draw. */
  std: number;
  /** The smallest value. */
  min: number;
  /** The 5 % quantile. */
  q05: number;
  /** The 25 % quantile. */
  q25: number;
  /** The median. */
  median: number;
  /** The 75 % quantile. */
  q75: number;
  /** The 95 % quantile. */
  q95: number;
  /** The largest value. */
  max: number;
}

/** Summary of `values`, at least one. */
export function summarize(values: readonly number[]): DrawSummary {
  const sorted = values.some(Number.isNaN)
    ? values.map(() => Number.NaN)
    : Array.from(Float64Array.from(values).sort());
  return {
    values: [...values],
    mean: mean(values),
    std: deviation(values),
    min: sorted[0],
    q05: quantile(sorted, 0.05),
    q25: quantile(sorted, 0.25),
    median: quantile(sorted, 0.5),
    q75: quantile(sorted, 0.75),
    q95: quantile(sorted, 0.95),
    max: sorted[sorted.length - 1],
  };
}

/** Linear interpolation between order statistics, the default of NumPy and R (type 7). */
function quantile(sorted: readonly number[], p: number): number {
  const position = p * (sorted.length - 1);
  const below = Math.floor(position);
  const above = Math.min(below + 1, sorted.length - 1);
  // The value itself at a whole position: beside an infinite one, 0 * Infinity would be NaN.
  if (sorted[below] === sorted[above] || position === below) return sorted[below];
  return sorted[below] + (position - below) * (sorted[above] - sorted[below]);
}
