/**
 * Statistics over seeds: means, paired differences against a baseline, ranks. Groups are told apart by
 * columns of the flat rows.
 *
 * Diverged runs (NaN) and failed ones (null) are counted, and left out of means; a difference needs both of
 * its runs.
 */
import { checkOneOf, OptionError } from '../core/errors';
import { checkOptions, listOf, needed, type OptionsOf, oneOf, text, where } from '../core/options';
import { own } from '../core/records';
import { mean, type Spread, spread } from '../core/spread';
import type { FlatRow, FlatValue } from '../runs/config/flat';
import { type Estimate, holm, INTERVAL, type IntervalOptions, meanInterval } from './interval';
import { ranksOf } from './rankCorrelation';

/** Describes what makes a group, and what is looked at. */
export const GROUP = {
  /** Columns whose values make a group. Default `['label']`. */
  by: listOf(text(), ['label']),
  /** The column of numbers. Default `testError`. */
  value: text('testError'),
};

/** What makes a group, and what is looked at. */
export type GroupOptions = OptionsOf<typeof GROUP>;

/** Describes which value is the best. */
export const BEST = {
  /** Which value is the best. Default `lowest`. */
  best: oneOf(['lowest', 'highest'], 'lowest'),
};

/** What to multiply numbers by, so that the best is the smallest. */
export function signOf(best: 'lowest' | 'highest'): number {
  return checkOneOf('best', best, ['lowest', 'highest']) === 'lowest' ? 1 : -1;
}

const PAIRING = {
  /** The column that pairs runs. Default `seed`. */
  pairedBy: text('seed'),
};

/** Mean and spread of the finite values of one group. */
export interface GroupSummary extends Omit<Spread, 'diverged'> {
  /** The values of the columns `by`. */
  group: FlatRow;
  /** Runs without one. */
  missing: number;
  /** The finite values, in the order of the rows. */
  values: number[];
}

/** Mean ± std of each group, in order of first appearance. */
export function summarize(rows: readonly FlatRow[], options: GroupOptions = {}): GroupSummary[] {
  const { by, value } = checkOptions('summarize', GROUP, options);
  return groupsOf(rows, by).map(({ group, members }) => {
    const values = members.map((row) => row[value]).filter(isFiniteNumber);
    const { diverged: _, ...found } = spread(values);
    return { group, ...found, missing: members.length - found.count, values };
  });
}

const BASELINE = {
  /** The group to compare with: its values of the columns `by`; a text for the one column. */
  baseline: needed(where<FlatRow | FlatValue>('other', 'one of the groups', () => true)),
};

/** Options of `pairedDifferences`. */
export type PairedOptions = GroupOptions &
  IntervalOptions &
  OptionsOf<typeof BASELINE> &
  OptionsOf<typeof PAIRING>;

/** How a group differs from the baseline: the mean of the differences group - baseline. */
export interface PairedDifference extends Estimate {
  /** The values of the columns `by`. */
  group: FlatRow;
  /** Runs of the group without a partner, or without a finite value on one side. */
  missing: number;
  /** The differences, in the order of the group's rows. */
  values: number[];
}

/**
 * Differences of all other groups to the baseline, seed by seed, with t intervals that are corrected for
 * their number by Holm.
 *
 * @throws OptionError if no group is the baseline, or a group has two runs of one seed.
 */
export function pairedDifferences(rows: readonly FlatRow[], options: PairedOptions): PairedDifference[] {
  const all = { ...GROUP, ...BASELINE, ...PAIRING, ...INTERVAL };
  const { by, value, baseline, pairedBy, level } = checkOptions('pairedDifferences', all, options);
  const wanted = typeof baseline === 'object' && baseline !== null ? baseline : { [by[0]]: baseline };
  const groups = groupsOf(rows, by);
  const chosen = groups.find(({ group }) =>
    by.every((column) => group[column] === (own(wanted, column) ?? null)),
  );
  if (chosen === undefined) {
    const names = groups.slice(0, 20).map(({ group }) => Object.values(group).join(' '));
    throw new OptionError('baseline', baseline, `one of the groups: ${names.join('; ')}`);
  }
  const reference = bySeed(chosen.members, pairedBy);
  const differences = groups
    .filter((one) => one !== chosen)
    .map(({ group, members }): PairedDifference => {
      const runs = [...bySeed(members, pairedBy)];
      const values = runs.flatMap(([key, row]) => {
        const [a, b] = [row[value], reference.get(key)?.[value] ?? null];
        return isFiniteNumber(a) && isFiniteNumber(b) ? [a - b] : [];
      });
      return { group, ...meanInterval(values, { level }), missing: runs.length - values.length, values };
    });
  return holm([differences], { level })[0];
}

/** Options of `ranks`. */
export type RankOptions = GroupOptions & OptionsOf<typeof BEST> & OptionsOf<typeof PAIRING>;

/** The rank of a group. */
export interface GroupRank {
  /** The values of the columns `by`. */
  group: FlatRow;
  /** Mean over seeds of the rank among the groups, 1 the best; equal values share the mean of their ranks. */
  meanRank: number;
  /** In how many seeds it is the best, alone or with others. */
  wins: number;
  /**
   * Seeds that were ranked: those for which every group has a row. Diverged and failed runs are the worst.
   */
  count: number;
}

/** Ranks of the groups, the best first. */
export function ranks(rows: readonly FlatRow[], options: RankOptions = {}): GroupRank[] {
  const { by, value, best, pairedBy } = checkOptions('ranks', { ...GROUP, ...BEST, ...PAIRING }, options);
  const all = groupsOf(rows, by).map(({ group, members }) => ({ group, runs: bySeed(members, pairedBy) }));
  const seeds = [...(all[0]?.runs.keys() ?? [])].filter((key) => all.every(({ runs }) => runs.has(key)));
  const costOf = (row: FlatRow): number => {
    const number = row[value];
    return isFiniteNumber(number) ? (best === 'lowest' ? number : -number) : Number.MAX_VALUE;
  };
  const rankings = seeds.map((key) => {
    const costs = all.map(({ runs }) => costOf(runs.get(key)!));
    return {
      costs,
      ranks: ranksOf(costs.map((value) => ({ value, slack: 0 }))),
      least: costs.reduce((a, b) => Math.min(a, b)),
    };
  });
  return all
    .map(({ group }, i) => ({
      group,
      meanRank: mean(rankings.map(({ ranks: list }) => list[i])),
      // If all diverged nobody wins.
      wins: rankings.filter(({ costs, least }) => costs[i] === least && least < Number.MAX_VALUE).length,
      count: seeds.length,
    }))
    .sort((a, b) => a.meanRank - b.meanRank);
}

/** Rows by the values of some columns, in order of first appearance. */
export function groupsOf<R extends FlatRow>(
  rows: readonly R[],
  by: readonly string[],
): { group: FlatRow; members: R[] }[] {
  const found = new Map<string, { group: FlatRow; members: R[] }>();
  for (const row of rows) {
    const missing = by.find((column) => !Object.hasOwn(row, column));
    if (missing !== undefined)
      throw new OptionError('by', missing, `one of the columns: ${Object.keys(row).join(', ')}`);
    const group = Object.fromEntries(by.map((column) => [column, row[column]]));
    const key = JSON.stringify(Object.values(group));
    if (!found.has(key)) found.set(key, { group, members: [] });
    found.get(key)!.members.push(row);
  }
  return [...found.values()];
}

function bySeed(rows: readonly FlatRow[], column: string): Map<FlatValue, FlatRow> {
  const map = new Map<FlatValue, FlatRow>();
  for (const row of rows) {
    if (map.has(row[column])) {
      const advice = 'Name in by what else tells the runs apart.';
      throw new OptionError(column, row[column], 'different in each run of a group', advice);
    }
    map.set(row[column], row);
  }
  return map;
}

function isFiniteNumber(value: FlatValue): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}
