/**
 * Methods compared at their best, with an equal search for each: as many random draws, over the same ranges,
 * chosen on selection data over several seeds, reported on fresh seeds; and all with the same number of
 * gradients per training sample.
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

/** A method whose settings are searched. */
export interface SearchedMethod {
  /** What is searched. Give an option of one meaning the same name and range in all methods. */
  ranges: SearchRanges;
  /** The optimizer at a setting. */
  optimizer: (setting: SearchSetting) => OptimizerConfig;
}

const SEEDS = listOf(whole());

const OPTIONS = {
  /**
   * What all runs have in common. Its data need a selection set; `measures` are taken of what is reported.
   */
  task: needed(object<Omit<ComparedTask, 'epochs'>>()),
  /** The set to report on, as `evaluateOn` calls it. Default `test`. */
  reportOn: text('test'),
  /**
   * Gradients per training sample that each run may take: it has as many whole epochs as they allow, at least
   * one. At least 1.
   */
  gradients: needed(whole({ min: 1 })),
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
  chosen: object<Readonly<Record<string, number>>>(),
};

/** What is searched, and how. */
export type FairSearchOptions<Name extends string> = OptionsOf<typeof OPTIONS> & {
  /** The methods by name. */
  methods: Readonly<Record<Name, SearchedMethod>>;
  /**
   * The numbers of the draws to report, in place of a choice: those of a search at another budget, for
   * example.
   */
  chosen?: Readonly<Record<Name, number>>;
};

/** One draw of a method, and how it did. */
export interface SearchedDraw {
  /** Its number, from 0. */
  draw: number;
  /** The values drawn. */
  setting: SearchSetting;
  /** Its runs on the selection set, by seed. Empty where nothing was chosen. */
  rows: readonly RunRow[];
  /** Mean of their errors in per cent; NaN where there are none. */
  error: number;
}

/** What was found of a method. */
export interface SearchedResult {
  /** All draws. */
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
    draws,
    drawSeed,
    selectionSeeds,
    reportSeeds,
    train,
    guessing,
    chosen,
  } = settled;
  if (reportSeeds.some((seed) => selectionSeeds.includes(seed))) {
    throw new OptionError(
      'reportSeeds',
      reportSeeds,
      `other seeds than selectionSeeds, ${selectionSeeds.join(', ')}`,
    );
  }
  const names = Object.keys(methods) as Name[];
  const settings = new Map(
    names.map((name) => [name, drawSettings(methods[name].ranges, { draws, seed: drawSeed })]),
  );
  const grid = (name: Name, draw: number, evaluateOn: string, seeds: readonly number[]): SweepGrid => {
    const optimizer = methods[name].optimizer(settings.get(name)![draw]);
    const epochs = epochsWithin(gradients, optimizer);
    const measures = evaluateOn === 'selection' ? [] : task.measures;
    const data = { ...task.data, evaluateOn } as ComparedTask['data'];
    return {
      ...task,
      data,
      measures,
      optimizer,
      epochs,
      evaluateEvery: epochs,
      label: labelOf(name, draw),
      seeds,
    };
  };
  const trials =
    chosen === undefined
      ? names.flatMap((name) =>
          settings.get(name)!.map((_, draw) => grid(name, draw, 'selection', selectionSeeds)),
        )
      : [];
  const tried = trials.length === 0 ? [] : unfailed(await train(trials, 'selection'));
  const found = new Map(
    names.map((name): [Name, Omit<SearchedResult, 'report'>] => {
      const drawn = settings.get(name)!.map((setting, draw): SearchedDraw => {
        const rows = tried.filter(({ config }) => config.label === labelOf(name, draw));
        const errors = rows.map((row) => finiteOr(guessing, flattenRow(row).testError));
        return { draw, setting, rows, error: mean(errors) };
      });
      const best =
        chosen === undefined ? drawn.reduce((a, b) => (b.error < a.error ? b : a)) : drawn[chosen[name]];
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

function finiteOr(other: number, value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : other;
}
