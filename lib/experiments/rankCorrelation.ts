/**
 * Does the one number order runs as the other does? Spearman's rank correlation, with a bootstrap interval.
 *
 *     r = correlation of the ranks of x and the ranks of y; equal values share the mean of their ranks
 *     interval: the quantiles (1 - level) / 2 and (1 + level) / 2 of r over resamples of the pairs
 *     within groups: of x and y each less the mean of its group, so that what tells groups apart does not count
 *
 * Spearman, "The proof and measurement of association between two things", American Journal of Psychology 15 (1904).
 */
import { checkKnownOptions, checkNumber, OptionError } from '../runtime/errors';
import { Random } from '../runtime/random';
import type { BootstrapOptions, Interval } from './bootstrap';

/** A rank correlation and its interval. */
export interface RankCorrelation extends Interval {
  /** Spearman's r, -1 to 1. NaN where one side has equal values only, or there are fewer than two pairs. */
  r: number;
  /** Number of pairs with two finite values; the others are left out. */
  count: number;
}

/** Options of `rankCorrelation`. */
export interface RankCorrelationOptions extends BootstrapOptions {
  /** The group of each pair, such as its task or method: the correlation is then that within the groups. Default: all are one group. */
  within?: ArrayLike<string | number>;
}

/**
 * Spearman's rank correlation of paired values.
 *
 * @throws OptionError where the lists differ in length.
 */
export function rankCorrelation(
  x: ArrayLike<number>,
  y: ArrayLike<number>,
  options: RankCorrelationOptions = {},
): RankCorrelation {
  checkKnownOptions('rankCorrelation', options, ['level', 'resamples', 'seed', 'within']);
  const { level = 0.95, resamples = 2000, seed = 0, within } = options;
  checkNumber('level', level, { min: 0, exclusiveMin: true, max: 1 - 1e-9 });
  checkNumber('resamples', resamples, { min: 100, integer: true });
  if (x.length !== y.length) throw new OptionError('y', y.length, `${x.length} values, as many as x`);
  if (within !== undefined && within.length !== x.length)
    throw new OptionError('within', within.length, `${x.length} groups, one per pair`);
  const all = Array.from(x, (value, i) => ({ pair: [value, y[i]] as const, group: within?.[i] }));
  const finite = all.filter(({ pair }) => pair.every(Number.isFinite));
  const pairs = within === undefined ? finite.map(({ pair }) => pair) : withoutMeans(finite);
  const r = spearman(pairs);
  const random = new Random(seed, 'rankCorrelation');
  const resampled = Array.from({ length: Number.isNaN(r) ? 0 : resamples }, () =>
    spearman(pairs.map(() => pairs[random.int(pairs.length)])),
  )
    .filter(Number.isFinite)
    .sort((a, b) => a - b);
  const at = (p: number): number => resampled[Math.round(p * (resampled.length - 1))] ?? Number.NaN;
  return { r, low: at((1 - level) / 2), high: at((1 + level) / 2), count: pairs.length };
}

/** The pairs, less the means of their groups. */
function withoutMeans<G>(members: readonly { pair: readonly [number, number]; group: G }[]): (readonly [number, number])[] {
  const sums = new Map<G, [number, number, number]>();
  for (const { pair, group } of members) {
    const [a, b, count] = sums.get(group) ?? [0, 0, 0];
    sums.set(group, [a + pair[0], b + pair[1], count + 1]);
  }
  return members.map(({ pair, group }) => {
    const [a, b, count] = sums.get(group)!;
    return [pair[0] - a / count, pair[1] - b / count];
  });
}

function spearman(pairs: readonly (readonly [number, number])[]): number {
  const a = ranksOf(pairs.map(([x]) => x));
  const b = ranksOf(pairs.map(([, y]) => y));
  const mean = (pairs.length + 1) / 2;
  let product = 0;
  let squareA = 0;
  let squareB = 0;
  for (let i = 0; i < pairs.length; i++) {
    product += (a[i] - mean) * (b[i] - mean);
    squareA += (a[i] - mean) ** 2;
    squareB += (b[i] - mean) ** 2;
  }
  return product / Math.sqrt(squareA * squareB);
}

/** Ranks from 1; equal values share the mean of their ranks. */
function ranksOf(values: readonly number[]): Float64Array {
  const order = values.map((_, i) => i).sort((i, j) => values[i] - values[j]);
  const ranks = new Float64Array(values.length);
  for (let start = 0; start < order.length; ) {
    let end = start;
    while (end < order.length && values[order[end]] === values[order[start]]) end++;
    for (let i = start; i < end; i++) ranks[order[i]] = (start + 1 + end) / 2;
    start = end;
  }
  return ranks;
}
