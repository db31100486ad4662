/**
 * A confidence interval for a mean from few values, by the bootstrap.
 *
 *     resample n of the n values with replacement, B times; take the quantiles p and 1 - p of the B means
 *     p = Phi(-sqrt(n / (n - 1)) * t)       t: the quantile 1 - (1 - level) / 2 of Student's distribution with n - 1 degrees of freedom
 *
 * The plain percentile interval (p = .025) is too narrow for few values. Measured on normal values, it covers the true mean in 83 % of
 * cases where n is 5; widened by p in 91 %, and in 93 % for 10 values and 95 % for 20. No resampled mean lies outside of the values, so
 * that n of them cannot cover more than 1 - 2^(1-n): 75 % for 3. With fewer than 5 seeds, read it as a range.
 *
 * Hesterberg, "What Teachers Should Know About the Bootstrap", The American Statistician 69 (2015), section 4.4.2: the expanded
 * percentile interval.
 */
import { checkKnownOptions, checkNumber } from '../core/errors';
import { Random } from '../core/random';

/** Options of `bootstrapMean`. */
export interface BootstrapOptions {
  /** Share of intervals that are to hold the true mean, above 0 and below 1. Default 0.95. */
  level?: number;
  /** Number of resamples B. A whole number, at least 100. Default 10,000. */
  resamples?: number;
  /** Seed of the resamples. Default 0. */
  seed?: number;
}

/** An interval. */
export interface Interval {
  /** Lower end. */
  low: number;
  /** Upper end. */
  high: number;
}

/**
 * The interval for the mean of `values`. NaN for fewer than two values, and where one is not finite.
 *
 * @throws OptionError
 */
export function bootstrapMean(values: readonly number[], options: BootstrapOptions = {}): Interval {
  checkKnownOptions('bootstrapMean', options, ['level', 'resamples', 'seed']);
  const { level = 0.95, resamples = 10_000, seed = 0 } = options;
  checkNumber('level', level, { min: 0, exclusiveMin: true, max: 1 - 1e-9 });
  checkNumber('resamples', resamples, { min: 100, integer: true });
  const n = values.length;
  if (n < 2 || !values.every(Number.isFinite)) return { low: Number.NaN, high: Number.NaN };
  const random = new Random(seed, 'bootstrap');
  const means = new Float64Array(resamples);
  for (let b = 0; b < resamples; b++) {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += values[random.int(n)];
    means[b] = sum / n;
  }
  means.sort();
  const p = normalTail(Math.sqrt(n / (n - 1)) * studentQuantile(1 - (1 - level) / 2, n - 1));
  return { low: quantile(means, p), high: quantile(means, 1 - p) };
}

/** P(Z > z) of the normal distribution, z >= 0: the density integrated by Simpson's rule to where nothing is left. */
export function normalTail(z: number): number {
  const steps = 400;
  const width = 12 / steps;
  let sum = 0;
  for (let i = 0; i <= steps; i++) {
    const x = z + i * width;
    const weight = i === 0 || i === steps ? 1 : i % 2 === 1 ? 4 : 2;
    sum += weight * Math.exp((-x * x) / 2);
  }
  return (sum * width) / 3 / Math.sqrt(2 * Math.PI);
}

/** The quantile `p` >= 1/2 of Student's distribution with a whole number of degrees of freedom, by bisection. */
export function studentQuantile(p: number, degrees: number): number {
  let low = 0;
  let high = 1;
  while (studentCdf(high, degrees) < p) high *= 2;
  for (let i = 0; i < 100; i++) {
    const middle = (low + high) / 2;
    if (studentCdf(middle, degrees) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** P(T <= t), t >= 0: Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4. */
function studentCdf(t: number, degrees: number): number {
  const angle = Math.atan(t / Math.sqrt(degrees));
  const cosine = Math.cos(angle);
  const odd = degrees % 2 === 1;
  let term = odd ? cosine : 1;
  let sum = odd && degrees === 1 ? 0 : term;
  for (let j = odd ? 3 : 2; j < degrees; j += 2) {
    term *= (cosine * cosine * (j - 1)) / j;
    sum += term;
  }
  const between = odd ? (2 / Math.PI) * (angle + Math.sin(angle) * sum) : Math.sin(angle) * sum;
  return (1 + between) / 2;
}

/** Linear interpolation between order statistics. */
function quantile(sorted: Float64Array, p: number): number {
  const position = p * (sorted.length - 1);
  const below = Math.floor(position);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (position - below) * (sorted[above] - sorted[below]);
}
