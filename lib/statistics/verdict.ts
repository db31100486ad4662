/**
 * Findings that are computed: a claim, the interval that was measured, and what follows.
 *
 *     holds here            the whole interval lies where the claim puts the true value: below zero, above
 *                           it, or between two bounds
 *     does not hold here    none of it lies there
 *     not decided (n = 5)   else; always with one value, which says nothing of others
 *
 * The checks of a table are one family: intervals that no figure has corrected before are corrected by Holm
 * together.
 */
import { checkOneOf } from '../core/errors';
import { type Estimate, holm, type Interval } from './interval';

/** A claim and what was measured of it. */
export interface Check {
  /** What is claimed, as a sentence. */
  claim: string;
  /** How it was measured, in a few words. */
  protocol: string;
  /** Where the claim puts the true value: below zero, above it, or between two bounds. */
  says: 'less' | 'more' | Interval;
  /** What was measured: a mean of paired differences, for example, or a correlation with its interval. */
  found: Interval & Pick<Estimate, 'estimate' | 'count'> & Partial<Estimate>;
  /** The unit of the estimate. Default: none. */
  unit?: string;
  /** Gradients: what the claim's side takes, and what the other takes. */
  cost?: string;
}

/** A check with its verdict, of plain data. */
export interface Judged {
  /** What is claimed. */
  claim: string;
  /** How it was measured. */
  protocol: string;
  /** The estimate with its interval and unit, as text. */
  found: string;
  /** Number of values behind the estimate. */
  n: number;
  /** How many intervals it is corrected for. */
  comparisons: number;
  /** Gradients. */
  cost: string;
  /** `holds here`, `does not hold here` or `not decided (n = ...)`. */
  verdict: string;
}

/**
 * Judges the checks of one table.
 *
 * @throws OptionError for a claim of another kind.
 */
export function judge(checks: readonly Check[]): Judged[] {
  const uncorrected = checks.flatMap(({ found }) =>
    isEstimate(found) && found.comparisons === 1 ? [found] : [],
  );
  const corrected = new Map(holm([uncorrected])[0].map((one, i) => [uncorrected[i] as Check['found'], one]));
  return checks.map(({ claim, protocol, says, found: measured, unit = '', cost = '' }) => {
    const known = corrected.get(measured) ?? measured;
    const found = known.count < 2 ? { ...known, low: Number.NaN, high: Number.NaN } : known;
    const text = Number.isNaN(found.estimate)
      ? formatEstimate(found)
      : `${formatEstimate(found)} ${unit}`.trim();
    const comparisons = found.comparisons ?? 1;
    return {
      claim,
      protocol,
      found: text,
      n: found.count,
      comparisons,
      cost,
      verdict: verdictOf(found, says),
    };
  });
}

/**
 * An estimate and its interval, with two digits of the interval's half: `-1.2 [-2.5, 0.2]`, tiny ones as
 * `6.0e-7`. An estimate that is NaN comes from runs of which one has no value.
 */
export function formatEstimate({ estimate, low, high }: Interval & Pick<Estimate, 'estimate'>): string {
  if (Number.isNaN(estimate)) return 'not every run has a value';
  const half = (high - low) / 2;
  const size = half > 0 ? half : Math.abs(estimate) || 1;
  const digits = Number.isFinite(size) ? Math.min(Math.max(1 - Math.floor(Math.log10(size)), 0), 12) : 2;
  const text = (value: number): string =>
    digits > 5 && value !== 0
      ? value.toExponential(1)
      : Number(value.toFixed(digits))
          .toFixed(digits)
          .replace(/^-(0\.?0*)$/, '$1');
  return Number.isFinite(half)
    ? `${text(estimate)} [${text(low)}, ${text(high)}]`
    : `${text(estimate)} [no interval]`;
}

function verdictOf({ low, high, count }: Check['found'], says: Check['says']): string {
  const [least, most] =
    typeof says === 'object'
      ? [says.low, says.high]
      : checkOneOf('says', says, ['less', 'more']) === 'less'
        ? [Number.NEGATIVE_INFINITY, 0]
        : [0, Number.POSITIVE_INFINITY];
  if (low > least && high < most) return 'holds here';
  if (high < least || low > most) return 'does not hold here';
  return `not decided (n = ${count})`;
}

function isEstimate(found: Check['found']): found is Estimate {
  return found.p !== undefined && found.error !== undefined && found.comparisons !== undefined;
}
