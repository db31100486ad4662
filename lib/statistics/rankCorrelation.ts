/**
 * Does the one number order runs as the other does? Spearman's rank correlation, with a bootstrap interval.
 *
 *     r = correlation of the ranks of x and the ranks of y; equal values share the mean of their ranks
 *     interval: the quantiles (1 - level) / 2 and (1 + level) / 2 of r over resamples of clusters of pairs
 *     within groups: of x and y each less the mean of its group: what tells groups apart does not count;
 *     differences that are no larger than the rounding of the values count as equal
 *
 * Pairs of one run, of its tasks for example, are no independent ones: they are a cluster that is drawn as a
 * whole. The interval is too narrow for fewer than about ten clusters.
 *
 * Spearman, "The proof and measurement of association between two things", American Journal of Psychology 15
 * (1904).
 */
import { OptionError } from '../core/errors';
import { checkOptions, type OptionsOf, where, whole } from '../core/options';
import { Random } from '../core/random';
import { INTERVAL, type Interval, type IntervalOptions } from './interval';

/** A rank correlation and its interval. */
export interface RankCorrelation extends Interval {
  /** Spearman's r, -1 to 1. NaN where one side has equal values only, or there are fewer than two pairs. */
  r: number;
  /** Number of pairs with two finite values; the others are left out. */
  count: number;
  /** Number of clusters that they make. */
  clusters: number;
}

const names = where<readonly (string | number)[]>('list', 'a list of names, one per pair', Array.isArray);

const CORRELATION = {
  /** Number of resamples. A whole number, at least 100. Default 2,000. */
  resamples: whole({ min: 100 }, 2000),
  /** Seed of the resamples. Default 0. */
  seed: whole({}, 0),
  /**
   * The group of each pair, such as its task or method: the correlation is then that within the groups.
   * Default: one group.
   */
  within: names,
  /** The cluster of each pair: the run that it is from. Default: each pair is one. */
  clusters: names,
};

/** Options of `rankCorrelation`. */
export type RankCorrelationOptions = IntervalOptions & OptionsOf<typeof CORRELATION>;

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
  const all = { ...INTERVAL, ...CORRELATION };
  const { level, resamples, seed, within, clusters } = checkOptions('rankCorrelation', all, options);
  if (x.length !== y.length) throw new OptionError('y', y.length, `${x.length} values, as many as x`);
  for (const [name, list] of Object.entries({ within, clusters })) {
    if (list !== undefined && list.length !== x.length)
      throw new OptionError(name, list.length, `${x.length} names, one per pair`);
  }
  const members = Array.from(x, (value, i) => ({
    pair: [value, y[i]] as const,
    group: within?.[i],
    cluster: clusters?.[i] ?? i,
  }));
  const finite = members.filter(({ pair }) => pair.every(Number.isFinite));
  const pairs =
    within === undefined
      ? finite.map(({ pair: [x, y] }) => [exact(x), exact(y)] as const)
      : withoutMeans(finite);
  const drawn = [...indicesBy(finite, ({ cluster }) => cluster).values()].map((indices) =>
    indices.map((i) => pairs[i]),
  );
  const r = spearman(pairs);
  const random = new Random(seed, 'rankCorrelation');
  const resampled = Array.from({ length: Number.isNaN(r) ? 0 : resamples }, () =>
    spearman(drawn.flatMap(() => drawn[random.int(drawn.length)])),
  )
    .filter(Number.isFinite)
    .sort((a, b) => a - b);
  const at = (p: number): number => resampled[Math.round(p * (resampled.length - 1))] ?? Number.NaN;
  return {
    r,
    low: at((1 - level) / 2),
    high: at((1 + level) / 2),
    count: pairs.length,
    clusters: drawn.length,
  };
}

/** The places of the members of each group. */
function indicesBy<T, G>(members: readonly T[], groupOf: (member: T) => G): Map<G, number[]> {
  const groups = new Map<G, number[]>();
  members.forEach((member, i) => {
    const group = groupOf(member);
    if (!groups.has(group)) groups.set(group, []);
    groups.get(group)!.push(i);
  });
  return groups;
}

/** A number, and how far it may be off by rounding. */
export interface Rounded {
  value: number;
  slack: number;
}

type Pair = readonly [Rounded, Rounded];

function exact(value: number): Rounded {
  return { value, slack: 0 };
}

/** The pairs, less the means of their groups. */
function withoutMeans<G>(members: readonly { pair: readonly [number, number]; group: G }[]): Pair[] {
  const pairs = new Array<Pair>(members.length);
  for (const indices of indicesBy(members, ({ group }) => group).values()) {
    const [xs, ys] = [0, 1].map((side) => withoutMean(indices.map((i) => members[i].pair[side])));
    indices.forEach((i, j) => {
      pairs[i] = [xs[j], ys[j]];
    });
  }
  return pairs;
}

/** The values less their mean; exactly 0 where all are equal, since they are taken from the first of them. */
function withoutMean(values: readonly number[]): Rounded[] {
  const moved = values.map((value) => value - values[0]);
  const mean = moved.reduce((sum, value) => sum + value, 0) / values.length;
  const constant = moved.every((value) => value === 0);
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const slack = constant ? 0 : 2 * Number.EPSILON * largest;
  return moved.map((value) => ({ value: value - mean, slack }));
}

function spearman(pairs: readonly Pair[]): number {
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

/** Ranks from 1; values that are equal within their slack share the mean of their ranks. */
export function ranksOf(values: readonly Rounded[]): Float64Array {
  const order = values.map((_, i) => i).sort((i, j) => values[i].value - values[j].value);
  const isTied = (i: number, j: number): boolean =>
    values[j].value - values[i].value <= values[i].slack + values[j].slack;
  const ranks = new Float64Array(values.length);
  for (let start = 0; start < order.length; ) {
    let end = start + 1;
    while (end < order.length && isTied(order[end - 1], order[end])) end++;
    for (let i = start; i < end; i++) ranks[order[i]] = (start + 1 + end) / 2;
    start = end;
  }
  return ranks;
}
