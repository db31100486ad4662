/**
 * Random search: settings that are drawn, and what the best of some draws is worth.
 *
 * Whoever compares methods gives each the same number of draws from the same ranges; else the method with
 * more settings wins by trying more. Options of one name and place are drawn by the same numbers for all
 * methods, so the comparison is paired.
 *
 *     u_i = fractional part of (u_0 + i a_j)        draw i of the j-th option, as a share of its range
 *
 * with a random u_0 for each option, and irrational a_j: each draw by itself is uniform, and a dozen of them
 * leave no gaps, as independent ones do (Kronecker's sequence; Bergstra and Bengio, "Random Search for
 * Hyper-Parameter Optimization", JMLR 13, 2012, compare such).
 *
 * The best of t trials, from n >= t that were made: v_1 <= ... <= v_n are their values, t of them are taken
 * without replacement, so
 *
 *     P(best = v_i) = C(n - i, t - 1) / C(n, t)
 *
 * Dodge, Gururangan, Card, Schwartz, Smith, "Show Your Work: Improved Reporting of Experimental Results",
 * EMNLP 2019, arXiv:1909.03004, take them with replacement, which makes the mean too good; without it has no
 * bias: Tang et al., "Showing Your Work Doesn't Always Work", ACL 2020, arXiv:2004.13705.
 */
import { checkNumbers, OptionError } from '../core/errors';
import { checkOptions, number, type OptionsOf, whole } from '../core/options';
import { Random } from '../core/random';
import { BEST, signOf } from './comparisons';
import type { Interval } from './interval';

/** What an option is drawn from. */
export type SearchRange =
  | {
      /** All numbers between these two, evenly in the logarithm. */
      readonly log: readonly [low: number, high: number];
    }
  | {
      /** One of these. */
      readonly of: readonly number[];
    };

/** The range of each option that is searched. */
export type SearchRanges = Readonly<Record<string, SearchRange>>;

/** A value of each option that is searched. */
export type SearchSetting = Readonly<Record<string, number>>;

const DRAWS = {
  /** How many. The first of more draws are the same. At least 1. Default 16. */
  draws: whole({ min: 1 }, 16),
  /** Seed of the draws. Default 0. */
  seed: whole({}, 0),
};

/** Options of `drawSettings`. */
export type DrawOptions = OptionsOf<typeof DRAWS>;

/** Digits of a drawn number: so that it can be read, and written down again. */
const DIGITS = 3;
/**
 * By how much of its range an option goes on from draw to draw; as many as options can be searched together.
 */
const STRIDES = [(Math.sqrt(5) - 1) / 2, Math.sqrt(2) - 1, Math.sqrt(3) - 1, Math.sqrt(7) - 2];
/** Share of a range that counts as its edge, on each side. */
const EDGE = 0.1;

/**
 * Random settings. Values of one option depend on its name, place and range and on the seed only.
 *
 * @throws OptionError
 */
export function drawSettings(ranges: SearchRanges, options: DrawOptions = {}): SearchSetting[] {
  const { draws, seed } = checkOptions('drawSettings', DRAWS, options);
  const all = Object.entries(ranges);
  if (all.length > STRIDES.length)
    throw new OptionError('ranges', Object.keys(ranges), `at most ${STRIDES.length} options`);
  const columns = all.map(([name, range], j): [string, number[]] => {
    checkRange(name, range);
    const start = new Random(seed, `draws of ${name}`).uniform();
    return [name, Array.from({ length: draws }, (_, i) => valueAt(range, (start + i * STRIDES[j]) % 1))];
  });
  return Array.from({ length: draws }, (_, i) =>
    Object.fromEntries(columns.map(([name, values]) => [name, values[i]])),
  );
}

/**
 * On which edge of its range a value lies: within a tenth of it, or the first or last of three or more. Then
 * the best may lie outside.
 */
export function edgeOf(range: SearchRange, value: number): 'low' | 'high' | null {
  if ('log' in range) {
    const [low, high] = range.log;
    const place = Math.log(value / low) / Math.log(high / low);
    return place < EDGE ? 'low' : place > 1 - EDGE ? 'high' : null;
  }
  if (range.of.length < 3) return null;
  return value <= Math.min(...range.of) ? 'low' : value >= Math.max(...range.of) ? 'high' : null;
}

/**
 * A value that was chosen among those of a grid, as text of three digits: followed by * where it lies on an
 * edge of them (`edgeOf`), so that a reader knows of it.
 */
export function markEdge(value: number, tried: readonly number[]): string {
  const edge = edgeOf({ of: [...new Set(tried)] }, value);
  return `${Number(value.toPrecision(3))}${edge === null ? '' : '*'}`;
}

/** What the best of some trials is worth. */
export interface BestOfTrials extends Interval {
  /** How many trials. */
  trials: number;
  /** The expected value of the best of them. */
  mean: number;
}

const OF_TRIALS = {
  /** Share of searches whose best lies in the band, above 0 and below 1. Default 0.8. */
  level: number({ min: 0, exclusiveMin: true, max: 1, exclusiveMax: true }, 0.8),
  ...BEST,
};

/** Options of `bestOfTrials`. */
export type BestOfTrialsOptions = OptionsOf<typeof OF_TRIALS>;

/**
 * The expected best of 1, 2, ..., n trials, and the band that holds the best of a share `level` of searches,
 * from n that were made.
 *
 * @param values One per trial, all finite: give a run that diverged what it is worth, such as the error of
 * guessing.
 * @throws OptionError
 */
export function bestOfTrials(values: readonly number[], options: BestOfTrialsOptions = {}): BestOfTrials[] {
  const { level, best } = checkOptions('bestOfTrials', OF_TRIALS, options);
  checkNumbers('values', values);
  const sign = signOf(best);
  const n = values.length;
  const sorted = [...values].sort((a, b) => sign * (a - b));
  return Array.from({ length: n }, (_, taken) => {
    const trials = taken + 1;
    let chance = trials / n;
    let mean = 0;
    let sum = 0;
    const [ends, bounds]: [number[], number[]] = [[], [(1 - level) / 2, (1 + level) / 2]];
    sorted.forEach((value, i) => {
      mean += chance * value;
      sum += chance;
      while (ends.length < 2 && (sum >= bounds[ends.length] - 1e-12 || i === n - 1)) ends.push(value);
      chance *= (n - trials - i) / (n - 1 - i);
    });
    return { trials, mean, low: Math.min(...ends), high: Math.max(...ends) };
  });
}

function checkRange(name: string, range: SearchRange): void {
  const right =
    'log' in range
      ? range.log.length === 2 &&
        range.log[0] > 0 &&
        range.log[1] > range.log[0] &&
        Number.isFinite(range.log[1])
      : Array.isArray(range.of) && range.of.length > 0 && range.of.every(Number.isFinite);
  if (!right)
    throw new OptionError(
      `ranges.${name}`,
      range,
      '{ log: [low, high] } with 0 < low < high, or { of: [numbers] }',
    );
}

function valueAt(range: SearchRange, uniform: number): number {
  if ('of' in range) return range.of[Math.floor(uniform * range.of.length)];
  const [low, high] = range.log;
  return Number((low * (high / low) ** uniform).toPrecision(DIGITS));
}
