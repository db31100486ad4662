/**
 * Methods compared at their best, with an equal search for each: as many random draws, over the same ranges,
 * chosen on selection data over several seeds, reported on fresh seeds; and all with the same number of
 * gradients per training sample, or of epochs.
 */
import { OptionError } from '../core/errors';
import {
  callback,
  checkOptions,
  listOf,
  needed,
  number,
  type OptionsOf,
  object,
  text,
  whole,
  withDefault,
} from '../core/options';
import { mean } from '../core/spread';
import { gradientsPerBatch, type OptimizerConfig, type RunRow, type SweepGrid, sweep } from '../runs';
import type { ComparedTask } from './compareMethods';
import { drawSettings, edgeOf, type SearchRanges, type SearchSetting } from './randomSearch';
import { flattenRow } from './rows';

/** What all runs of a search have in common. */
export type SearchedTask = Omit<ComparedTask, 'epochs'>;

/** A method whose settings are searched. */
export interface SearchedMethod {
  /** What is searched. Give an option of one meaning the same name and range in all methods. */
  ranges: SearchRanges;
  /** The optimizer at a setting. */
  optimizer: (setting: SearchSetting) => OptimizerConfig;
  /** What a setting changes of the task beside the optimizer: a model with dropout, for example. */
  change?: (setting: SearchSetting, task: SearchedTask) => Partial<SearchedTask>;
}

const SEEDS = listOf(whole());

const OPTIONS = {
  /**
   * What all runs have in common. Its data need a selection set; `measures` are taken of what is reported.
   */
  task: needed(object<SearchedTask>()),
  /** The set to report on, as `evaluateOn` calls it. Default `test`. */
  reportOn: text('test'),
  /**
   * Gradients per training sample that each run may take: it has as many whole epochs as they allow, at least
   * one. At least 1. Give these, or `epochs`.
   */
  gradients: whole({ min: 1 }),
  /** Epochs of each run, or of each of its tasks, whatever they cost. At least 1. */
  epochs: whole({ min: 1 }),
  /** Settings that are drawn for each method. At least 1. Default 16. */
  draws: whole({ min: 1 }, 16),
  /** Seed of the draws. Default 0. */
  drawSeed: whole({}, 0),
  /** Seeds of the choice. */
  selectionSeeds: needed(SEEDS),
  /** Seeds of what is reported: others than those of the choice. */
  reportSeeds: needed(SEEDS),
  /** Trains grids; `what` says what for. Default: `sweep` with its own defaults. */
  train: withDefault(
    callback<(grids: SweepGrid[], what: 'selection' | 'report') => Promise<readonly RunRow[]>>(),
    (grids) => sweep(grids),
  ),
  /**
   * Error in per cent that a run counts for in the choice if it diverged: that of guessing. Default 90, of
   * ten classes.
   */
  guessing: number({ min: 0, max: 100 }, 90),
};

/** Said in `FairSearchOptions`: their types have the names of the methods. */
const BY_METHOD = {
  methods: needed(object<Readonly<Record<string, SearchedMethod>>>()),
  finalists: object<Readonly<Record<string, readonly number[]>>>(),
};

/** What is searched, and how. */
export type FairSearchOptions<Name extends string> = OptionsOf<typeof OPTIONS> & {
  /** The methods by name. */
  methods: Readonly<Record<Name, SearchedMethod>>;
  /**
   * The numbers of the draws that are tried, for each method as many, at least one: the best ones of a
   * search at a smaller budget, for example. Default: all draws.
   */
  finalists?: Readonly<Record<Name, readonly number[]>>;
};

/** One draw of a method, and how it did. */
export interface SearchedDraw {
  /** Its number, from 0. */
  draw: number;
  /** The values drawn. */
  setting: SearchSetting;
  /** Its runs on the selection set, by seed. */
  rows: readonly RunRow[];
  /** Mean of their errors in per cent, in lifelong learning of 100 less the average accuracy. */
  error: number;
}

/** What was found of a method. */
export interface SearchedResult {
  /** The draws that were tried, by number. */
  draws: SearchedDraw[];
  /** The draw with the lowest mean error. */
  best: SearchedDraw;
  /** The options whose best value lies on an edge of its range, see `edgeOf`: better ones may lie outside. */
  edges: Readonly<Record<string, 'low' | 'high'>>;
  /** The runs of the best draw on fresh seeds. */
  report: readonly RunRow[];
}

/**
 * Searches settings of each method, and trains the best of each with fresh seeds.
 *
 * @throws OptionError where options are wrong, seeds of choice and report overlap, or a run failed. Else as
 * `train`.
 */
export async function fairSearch<Name extends string>(
  options: FairSearchOptions<Name>,
): Promise<Record<Name, SearchedResult>> {
  const settled = checkOptions('fairSearch', { ...OPTIONS, ...BY_METHOD }, options);
  const {
    task,
    reportOn,
    methods,
    gradients,
    epochs: given,
    draws,
    drawSeed,
    selectionSeeds,
    reportSeeds,
    train,
    guessing,
    finalists,
  } = settled;
  if (reportSeeds.some((seed) => selectionSeeds.includes(seed))) {
    throw new OptionError(
      'reportSeeds',
      reportSeeds,
      `other seeds than selectionSeeds, ${selectionSeeds.join(', ')}`,
    );
  }
  if ((gradients === undefined) === (given === undefined))
    throw new OptionError('gradients', gradients, 'given where `epochs` is not, and only there');
  const names = Object.keys(methods) as Name[];
  const settings = new Map(
    names.map((name) => [name, drawSettings(methods[name].ranges, { draws, seed: drawSeed })]),
  );
  const grid = (name: Name, draw: number, evaluateOn: string, seeds: readonly number[]): SweepGrid => {
    const { optimizer: optimizerAt, change } = methods[name];
    const setting = settings.get(name)![draw];
    const optimizer = optimizerAt(setting);
    const epochs = given ?? epochsWithin(gradients!, optimizer);
    const measures = evaluateOn === 'selection' ? [] : task.measures;
    const data = { ...task.data, evaluateOn } as ComparedTask['data'];
    return {
      ...task,
      data,
      measures,
      ...change?.(setting, task),
      optimizer,
      epochs,
      ...(task.lifelong === undefined && { evaluateEvery: epochs }), // tasks are evaluated at their ends
      label: labelOf(name, draw),
      seeds,
    };
  };
  const numbers = new Map(names.map((name) => [name, triedOf(name, draws, finalists?.[name])]));
  if (new Set([...numbers.values()].map(({ length }) => length)).size > 1)
    throw new OptionError('finalists', finalists, 'as many draws for each method');
  const trials = names.flatMap((name) =>
    numbers.get(name)!.map((draw) => grid(name, draw, 'selection', selectionSeeds)),
  );
  const tried = unfailed(await train(trials, 'selection'));
  const found = new Map(
    names.map((name): [Name, Omit<SearchedResult, 'report'>] => {
      const drawn = numbers.get(name)!.map((draw): SearchedDraw => {
        const rows = tried.filter(({ config }) => config.label === labelOf(name, draw));
        const errors = rows.map((row) => finiteOr(guessing, errorOf(row)));
        return { draw, setting: settings.get(name)![draw], rows, error: mean(errors) };
      });
      const best = drawn.reduce((a, b) => (b.error < a.error ? b : a));
      const edges = Object.entries(best.setting).flatMap(([option, value]) => {
        const edge = edgeOf(methods[name].ranges[option], value);
        return edge === null ? [] : [[option, edge] as const];
      });
      return [name, { draws: drawn, best, edges: Object.fromEntries(edges) }];
    }),
  );
  const reports = names.map((name) => grid(name, found.get(name)!.best.draw, reportOn, reportSeeds));
  const reported = unfailed(await train(reports, 'report'));
  const results = names.map((name): [Name, SearchedResult] => {
    const one = found.get(name)!;
    const report = reported.filter(({ config }) => config.label === labelOf(name, one.best.draw));
    return [name, { ...one, report }];
  });
  return Object.fromEntries(results) as Record<Name, SearchedResult>;
}

/** The numbers of the draws that are tried. */
function triedOf(name: string, draws: number, finalists: readonly number[] | undefined): readonly number[] {
  if (finalists === undefined) return Array.from({ length: draws }, (_, draw) => draw);
  const given = [...new Set(finalists)].sort((a, b) => a - b);
  const areDraws = given.every((draw) => Number.isInteger(draw) && draw >= 0 && draw < draws);
  if (areDraws && given.length > 0 && given.length === finalists.length) return given;
  throw new OptionError(`finalists.${name}`, finalists, `different numbers of draws, from 0 to ${draws - 1}`);
}

/** The whole epochs that a number of gradients per training sample allows, at least one. */
function epochsWithin(gradients: number, optimizer: OptimizerConfig): number {
  return Math.max(1, Math.floor(gradients / gradientsPerBatch(optimizer)));
}

function labelOf(name: string, draw: number): string {
  return `${name} ${draw}`;
}

/** The rows, if none of their runs failed: the best of what is left is not the best. */
function unfailed(rows: readonly RunRow[]): readonly RunRow[] {
  const failed = rows.find(({ status }) => status === 'failed');
  if (failed === undefined) return rows;
  throw new OptionError(
    'train',
    `${failed.config.label}: ${failed.error}`,
    'a function whose runs do not fail',
  );
}

function errorOf(row: RunRow): unknown {
  const { testError, averageAccuracy } = flattenRow(row);
  return row.config.lifelong === undefined ? testError : 100 * (1 - Number(averageAccuracy ?? Number.NaN));
}

function finiteOr(other: number, value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : other;
}
