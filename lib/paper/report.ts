/**
 * The tables and figures of the paper's experiments, made from their runs.
 *
 *     generalization    test error, sharpness and cost of every setting; differences to SAM
 *     noise             accuracy over the level of the noise, BatchNorm's statistics kept and estimated anew
 *     lifelong          average accuracy, accuracy on tasks just learned, forgetting; differences to SGD
 *     ablation          test error over k and alpha
 *
 * Tables have every setting. Figures of methods show each at the setting with the best mean; that is chosen
 * on what is reported, so that methods with many settings gain by it.
 */

import { checkOneOf, OptionError } from '../core/errors';
import { mean } from '../core/spread';
import type { Figure } from '../figures';
import * as figures from '../figures';
import { gradientsPerBatch, type OptimizerConfig, type RunRow } from '../runs';
import { dataName, modelName } from '../runs/config/names';
import { describeIntervals, SweepResults, type TableRow } from '../statistics';
import type { TableOptions } from '../statistics/table';
import { PAPER } from './settings';
import { PAPER_TABLES, type PaperTable, REPLAY } from './tables';

/** What was found on one data set with one network. */
export interface ReportTable {
  /** Name of the data set. */
  data: string;
  /** Name of the network. */
  model: string;
  /** What of it; undefined where there is one part. */
  part: string | undefined;
  /** One row per setting; samples are lists with one value per seed. */
  rows: TableRow[];
  /** How `table` shows the rows, with a caption. */
  options: TableOptions;
}

/** A table of the paper: a part for each data set and network, and figures by name. */
export interface PaperReport {
  /** Which table. */
  table: PaperTable;
  /** Its parts. */
  tables: ReportTable[];
  /** Its figures, by names that can be those of files. */
  figures: Record<string, Figure>;
}

/** The runs on one data set with one network. */
interface Problem {
  data: string;
  model: string;
  /** Data and network as the name of a file. */
  name: string;
  results: SweepResults;
  caption: figures.Caption;
}

/** The radius whose sharpness is in the table. */
const RADIUS = 0.1;
const CHOSEN = 'Each method at the setting with the best mean, chosen on these numbers.';

/**
 * Tables and figures of a table's runs. Tables say how many runs of a setting diverged or failed; figures
 * leave these runs out.
 *
 * @param rows Rows of a sweep over `paperGrids(table)`.
 * @throws OptionError where there is no row.
 */
export function paperReport(table: PaperTable, rows: readonly RunRow[]): PaperReport {
  checkOneOf('table', table, PAPER_TABLES);
  if (rows.length === 0) throw new OptionError('rows', rows, 'at least one run');
  const make = { generalization, noise, lifelong, ablation }[table];
  return { table, ...joined(problemsOf(rows).map(make)) };
}

type Part = Pick<PaperReport, 'tables' | 'figures'>;

function joined(parts: readonly Part[]): Part {
  return {
    tables: parts.flatMap((part) => part.tables),
    figures: Object.assign({}, ...parts.map((part) => part.figures)),
  };
}

function problemsOf(rows: readonly RunRow[]): Problem[] {
  const groups = new Map<string, RunRow[]>();
  for (const row of rows) {
    const key = JSON.stringify([row.config.data, row.config.model]);
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return Array.from(groups.values(), (members) => {
    const { config } = members[0];
    const [data, model] = [dataName(config.data), modelName(config.model)];
    const seeds = new Set(members.map((row) => row.config.seed)).size;
    return {
      data,
      model,
      name: `${data} ${model}`.toLowerCase().replace(/[^a-z0-9]+/g, '-'),
      results: new SweepResults(members),
      caption: { data, model, seeds, profile: 'paper', note: `${config.epochs} epochs` },
    };
  });
}

const ERROR: Record<string, Column> = { 'test error (%)': { value: 'testError', best: 'min' } };

function generalization(problem: Problem): Part {
  const columns = {
    ...ERROR,
    'training loss': { value: 'trainLoss', digits: 4 },
    [`sharpness (ρ = ${RADIUS})`]: { value: `sharpness@${RADIUS}`, digits: 4 },
  };
  const figure = comparison(problem, {
    value: 'testError',
    baseline: 'SAM',
    quantity: 'Test error',
    better: 'left',
  });
  return { tables: [tableOf(problem, columns)], figures: { [`generalization-${problem.name}`]: figure } };
}

function noise(problem: Problem): Part {
  const { sigmas } = PAPER.noise;
  const { results, caption } = problem;
  const variants = [
    { measure: 'noisyAccuracy', title: 'Statistics kept' },
    { measure: 'noisyAccuracy.estimate', title: 'Statistics estimated anew' },
  ];
  const chosen = bestOfEachMethod(results, 'testError', 'lowest');
  return {
    tables: variants.map(({ measure, title }) => {
      const columns = sigmas.map((sigma): [string, Column] => [
        `σ = ${sigma}`,
        { value: `${measure}@${sigma}`, scale: 100, digits: 1, best: 'max' },
      ]);
      const part = `accuracy in per cent, BatchNorm: ${title.toLowerCase()}`;
      return tableOf(problem, Object.fromEntries(columns), { part });
    }),
    figures: {
      [`noise-${problem.name}`]: figures.panels({
        panels: variants.map(({ measure, title }) => ({
          title,
          figure: figures.noiseCurve({ series: results.noiseSeries(chosen, measure, sigmas) }),
        })),
        shareY: true,
        title: 'Accuracy under weight noise',
        caption: {
          ...caption,
          note: `${caption.note}. Each method at the setting with the lowest test error.`,
        },
      }),
    },
  };
}

const LIFELONG: Record<string, Column> = {
  'average accuracy (%)': { value: 'averageAccuracy', scale: 100, best: 'max' },
  'just learned (%)': { value: 'learningAccuracy', scale: 100 },
  'forgetting (%)': { value: 'forgetting.firstMinusLast', scale: 100 },
};

function lifelong(problem: Problem): Part {
  const { results, data, name, caption } = problem;
  const parts = [false, true].flatMap((replay): Part[] => {
    const labels = results.labels.filter((label) => label.endsWith(REPLAY) === replay);
    if (labels.length === 0) return [];
    const part = replay ? 'with replay' : 'without replay';
    const perTask = { ...problem, caption: { ...caption, note: `${caption.note} per task` } };
    const figure = comparison(perTask, {
      ...{ value: 'averageAccuracy', scale: 100, labels, baseline: `SGD${replay ? REPLAY : ''}` },
      ...{ quantity: 'Average accuracy', better: 'right', subtitle: `Split ${data}, ${part}` },
    });
    return [
      {
        tables: [tableOf(problem, LIFELONG, { labels, part })],
        figures: { [`lifelong-${name}${replay ? '-replay' : ''}`]: figure },
      },
    ];
  });
  return joined(parts);
}

function ablation(problem: Problem): Part {
  const { results, name, caption } = problem;
  const maps = (['SAM', 'ASAM'] as const).flatMap((rule): [string, Figure][] => {
    const found = results.labels.flatMap((label) => {
      const { optimizer } = results.of(label)[0].config;
      if (optimizer.kind !== (`lookbehind${rule}` as const) || !('alpha' in optimizer)) return [];
      const spread = figures.spread(results.values(label, 'testError'));
      const failed = results.of(label).every(({ status }) => status !== 'diverged');
      return [
        {
          k: optimizer.k ?? 2,
          alpha: String(optimizer.alpha),
          ...spread,
          missing: failed ? 'failed' : 'diverged',
        },
      ];
    });
    if (found.length === 0) return [];
    const k = [...new Set(found.map((one) => one.k))];
    const alpha = [...new Set(found.map((one) => one.alpha))];
    const settings = k.map((row) =>
      alpha.map((column) => found.find((one) => one.k === row && one.alpha === column)),
    );
    const along = (field: 'mean' | 'std'): number[][] =>
      settings.map((row) => row.map((setting) => setting?.[field] ?? Number.NaN));
    const reference = figures.spread(results.labels.includes(rule) ? results.values(rule, 'testError') : []);
    return [
      [
        `ablation-${name}-${rule.toLowerCase()}`,
        figures.heatmap({
          rows: k,
          columns: alpha,
          values: along('mean'),
          spreads: along('std'),
          missing: settings.map((row) => row.map((setting) => setting?.missing ?? '')),
          x: 'α',
          y: 'k',
          z: 'Test error (%)',
          digits: 2,
          best: 'min',
          title: `Lookbehind-${rule}: test error over k and α`,
          ...(reference.count > 0 && {
            subtitle: `${rule}: ${reference.mean.toFixed(2)} ± ${reference.std.toFixed(2)} %`,
          }),
          caption,
        }),
      ],
    ];
  });
  return { tables: [tableOf(problem, ERROR)], figures: Object.fromEntries(maps) };
}

/** What a table shows of each run of a setting. */
interface Column {
  /** Column of `flattenRow`. */
  value: string;
  /** What the numbers are multiplied by. Default 1. */
  scale?: number;
  /** Default 2. */
  digits?: number;
  best?: 'min' | 'max';
}

/** A row for each setting, with what a batch costs it. */
function tableOf(
  { data, model, caption, results }: Problem,
  columns: Readonly<Record<string, Column>>,
  { labels = results.labels, part }: { labels?: readonly string[]; part?: string } = {},
): ReportTable {
  const rows = labels.map((label) => ({
    method: withoutReplay(label),
    'gradients per batch': gradientsPerBatch(results.of(label)[0].config.optimizer as OptimizerConfig),
    ...mapped(columns, ({ value, scale }) => results.cell(label, value, scale)),
  }));
  const seeds = `${caption.seeds} ${caption.seeds === 1 ? 'seed' : 'seeds'}`;
  const best = Object.fromEntries(
    Object.entries(columns).flatMap(([head, one]) => (one.best ? [[head, one.best]] : [])),
  );
  return {
    ...{ data, model, part, rows },
    options: {
      best,
      digits: mapped(columns, ({ digits = 2 }) => digits),
      caption: [data, model, seeds, part].filter(Boolean).join(', '),
    },
  };
}

function mapped<T, U>(record: Readonly<Record<string, T>>, value: (one: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([name, one]) => [name, value(one)]));
}

/**
 * Of each method the label with the best mean; methods all of whose settings lack a value in some run are
 * left out.
 */
function bestOfEachMethod(
  results: SweepResults,
  value: string,
  best: 'lowest' | 'highest',
  labels: readonly string[] = results.labels,
): string[] {
  const found = new Map<string, { label: string; cost: number }>();
  for (const label of labels) {
    const values = results.values(label, value);
    const cost = (best === 'lowest' ? 1 : -1) * mean(values);
    const { method } = results.style(label);
    if (Number.isFinite(cost) && !(cost >= (found.get(method)?.cost ?? Number.POSITIVE_INFINITY)))
      found.set(method, { label, cost });
  }
  return Array.from(found.values(), ({ label }) => label);
}

/** How two or more methods are compared. */
interface ComparisonOptions {
  /** What is compared, in per cent: a column of `flattenRow`. */
  value: string;
  /** What it is multiplied by. Default 1. */
  scale?: number;
  /** What it is called. */
  quantity: string;
  better: 'left' | 'right';
  /** The settings of all methods. Default: all. */
  labels?: readonly string[];
  /** What the others are compared with; the first one if it is not among them. */
  baseline: string;
  subtitle?: string;
}

/**
 * Differences to the baseline, paired by seed; the values themselves if one seed leaves no interval, or there
 * is one method.
 */
function comparison({ results, caption: facts }: Problem, options: ComparisonOptions): Figure {
  const { value, scale = 1, quantity, better, subtitle } = options;
  const labels = bestOfEachMethod(results, value, better === 'left' ? 'lowest' : 'highest', options.labels);
  const valuesOf = (label: string): number[] => results.values(label, value).map((one) => scale * one);
  const caption = { ...facts, note: `${facts.note}. ${CHOSEN}` };
  if (labels.length < 2 || (caption.seeds as number) < 2) {
    return figures.bars({
      bars: labels.map((label) => ({
        ...results.style(label),
        label: withoutReplay(label),
        values: valuesOf(label),
      })),
      x: { title: quantity, unit: '%' },
      digits: 2,
      title: quantity,
      ...{ subtitle, caption },
    });
  }
  const baseline = labels.includes(options.baseline) ? options.baseline : labels[0];
  const rows = results.differences(valuesOf, {
    baseline,
    labels: labels.filter((label) => label !== baseline),
  });
  return figures.dotRange({
    rows: rows.map((row) => ({ ...row, label: withoutReplay(row.label) })),
    x: { title: `Difference in ${quantity.toLowerCase()}`, unit: 'percentage points' },
    better,
    title: `${quantity} against that of ${withoutReplay(baseline)}`,
    subtitle: [...(subtitle === undefined ? [] : [subtitle]), describeIntervals(rows)].join('; '),
    caption,
  });
}

/** A label if it is said elsewhere that there is replay. */
function withoutReplay(label: string): string {
  return label.endsWith(REPLAY) ? label.slice(0, -REPLAY.length) : label;
}
