/**
 * The t interval of a mean, and Holm's correction of many.
 *
 *     mean ± t s / sqrt(n)       t: the quantile (1 + level) / 2 of Student's distribution with n - 1
 *                                degrees of freedom
 *     p = P(|T| >= |mean| / (s / sqrt(n)))                      how probable that is if the true mean is 0
 *
 *     Holm: of m means in rising order of p, the i-th differs from 0 if p_i <= (1 - level) / (m - i + 1),
 *     and so do all before it
 *
 * A corrected interval has the level of its mean's test, or of the first test that failed. So it excludes 0
 * exactly if Holm's test says so, and in a share `level` of all families no interval excludes 0 wrongly.
 *
 * Degrees of freedom are whole numbers here, for which Student's distribution has a closed form. A package
 * for it was not worth its price: @stdlib's brings 233 packages and takes 0.2 s to load, jstat has neither
 * types nor releases.
 *
 * Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6
 * (1979).
 */
import { checkOptions, number, type OptionsOf } from '../core/options';
import { spread } from '../core/spread';

/** An interval. */
export interface Interval {
  /** Lower end. */
  low: number;
  /** Upper end. */
  high: number;
}

/** A mean with its interval: what `figures.dotRange` draws. */
export interface Estimate extends Interval {
  /** The mean. */
  estimate: number;
  /** Its standard error: the standard deviation of the values, divided by the root of their number. */
  error: number;
  /** Number of values. */
  count: number;
  /**
   * Probability of such a mean if the true one is 0, before any correction. NaN for fewer than two values.
   */
  p: number;
  /** How many means the interval is corrected for; 1: not corrected. */
  comparisons: number;
}

/** Describes the options of intervals. */
export const INTERVAL = {
  /** Share of intervals that are to hold the true mean, above 0 and below 1. Default 0.95. */
  level: number({ min: 0, exclusiveMin: true, max: 1 - 1e-9 }, 0.95),
};

/** Options of intervals. */
export type IntervalOptions = OptionsOf<typeof INTERVAL>;

/**
 * The mean of `values` and its t interval. The interval is NaN for fewer than two values, all is NaN if one
 * is not finite.
 *
 * @throws OptionError
 */
export function meanInterval(values: readonly number[], options: IntervalOptions = {}): Estimate {
  const { level } = checkOptions('meanInterval', INTERVAL, options);
  const { mean, std, count } = spread(values);
  const known = count === values.length;
  const estimate = known ? mean : Number.NaN;
  const error = known && count > 1 ? std / Math.sqrt(count) : Number.NaN;
  const p = estimate === 0 && error === 0 ? 1 : 2 * (1 - studentCdf(Math.abs(estimate / error), count - 1));
  const found = { estimate, error, count, p, comparisons: 1 };
  return { ...found, ...intervalOf(found, 1 - level) };
}

/**
 * Estimates with their intervals corrected by Holm, all lists together: those of the panels of one figure,
 * for example. Estimates without a standard error do not count.
 *
 * @throws OptionError
 */
export function holm<T extends Estimate>(
  lists: readonly (readonly T[])[],
  options: IntervalOptions = {},
): T[][] {
  const share = 1 - checkOptions('holm', INTERVAL, options).level;
  const sorted = lists
    .flat()
    .filter(({ p }) => Number.isFinite(p))
    .sort((a, b) => a.p - b.p);
  const comparisons = sorted.length;
  const corrected = new Map<T, T>();
  let failed: number | undefined;
  sorted.forEach((one, i) => {
    const alpha = failed ?? share / (comparisons - i);
    if (one.p > alpha) failed = alpha;
    corrected.set(one, { ...one, comparisons, ...intervalOf(one, alpha) });
  });
  return lists.map((list) => list.map((one) => corrected.get(one) ?? one));
}

/**
 * What kind of intervals these are, as far as there are some:
 * `95 % t intervals, n = 5, Holm-corrected for 11 comparisons`.
 */
export function describeIntervals(estimates: readonly Estimate[], options: IntervalOptions = {}): string {
  const { level } = checkOptions('describeIntervals', INTERVAL, options);
  const known = estimates.filter(({ p }) => !Number.isNaN(p));
  if (known.length === 0) return 'no intervals: n < 2';
  const counts = known.map(({ count }) => count);
  const [fewest, most] = [Math.min(...counts), Math.max(...counts)];
  const n = fewest === most ? most : `${fewest} to ${most}`;
  const comparisons = Math.max(...known.map((one) => one.comparisons));
  const correction = comparisons > 1 ? `, Holm-corrected for ${comparisons} comparisons` : '';
  return `${Number((100 * level).toPrecision(6))} % t intervals, n = ${n}${correction}`;
}

function intervalOf(
  { estimate, error, count }: Pick<Estimate, 'estimate' | 'error' | 'count'>,
  alpha: number,
): Interval {
  if (!Number.isFinite(error)) return { low: Number.NaN, high: Number.NaN };
  const half = studentQuantile(1 - alpha / 2, count - 1) * error;
  return { low: estimate - half, high: estimate + half };
}

/**
 * The quantile `p` >= 1/2 of Student's distribution with a whole number of degrees of freedom, by bisection.
 */
export function studentQuantile(p: number, degrees: number): number {
  let low = 0;
  let high = 1;
  while (studentCdf(high, degrees) < p) high *= 2;
  for (let i = 0; i < 60; i++) {
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
