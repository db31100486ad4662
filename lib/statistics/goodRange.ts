/**
 * How sensitive is a result to a setting? The best value of a curve over the setting, and how far the setting
 * may move around it before the result is worse by more than a tolerance.
 *
 *     best = argmin y;   the range is the longest run of points around best with  y <= y(best) + tolerance
 */
import { checkOptions, needed, number, type OptionsOf } from '../core/options';
import { BEST, signOf } from './comparisons';
import { checkCurve, type MeasuredCurve } from './curveDistance';

const TOLERANCE = {
  /** How much worse than the best still counts as good, in units of y. A number, at least 0. */
  tolerance: needed(number({ min: 0 })),
};

/** Options of `goodRange`. */
export type GoodRangeOptions = OptionsOf<typeof TOLERANCE> & OptionsOf<typeof BEST>;

/** Where a curve is good. */
export interface GoodRange {
  /** The x of the best y, the first where several are equal; NaN where no y is finite. */
  best: number;
  /** The y there. */
  value: number;
  /** The smallest x of the range. */
  low: number;
  /** The largest x of the range. */
  high: number;
  /** `high / low`: 1 where a single point is good. */
  factor: number;
  /**
   * Whether the curve ends where it is still good, below or above: the range may then be wider than what was
   * tried.
   */
  open: { low: boolean; high: boolean };
}

/**
 * The best point of a curve and the range around it that is as good within `tolerance`. A point without a
 * finite y, as of runs that diverged, is not good. Only what was measured counts: nothing is interpolated.
 *
 * @throws OptionError where x and y have different lengths, x is not positive and ascending, or an option is
 * out of range.
 */
export function goodRange(curve: MeasuredCurve, options: GoodRangeOptions): GoodRange {
  const { tolerance, best } = checkOptions('goodRange', { ...TOLERANCE, ...BEST }, options);
  checkCurve('curve', curve);
  const sign = signOf(best);
  const { x } = curve;
  const cost = curve.y.map((value) => (Number.isFinite(value) ? sign * value : Number.POSITIVE_INFINITY));
  const least = Math.min(...cost);
  if (!Number.isFinite(least)) {
    const none = Number.NaN;
    return {
      best: none,
      value: none,
      low: none,
      high: none,
      factor: none,
      open: { low: false, high: false },
    };
  }
  const at = cost.indexOf(least);
  let first = at;
  let last = at;
  while (cost[first - 1] <= least + tolerance) first--;
  while (cost[last + 1] <= least + tolerance) last++;
  return {
    best: x[at],
    value: curve.y[at],
    low: x[first],
    high: x[last],
    factor: x[last] / x[first],
    open: { low: first === 0, high: last === x.length - 1 },
  };
}
