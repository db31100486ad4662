/**
 * The tables and figures of the paper's experiments, made from their runs.
 *
 *     generalization    test error, sharpness and cost of every setting; differences to SAM
 *     noise             accuracy over the level of the noise, BatchNorm's statistics kept and estimated anew
 *     lifelong          average accuracy, accuracy on tasks just learned, forgetting; differences to SGD
 *     ablation          test error over k and alpha
 *
 * Tables have every setting. Figures of methods show each at the setting with the best mean; that is chosen on what is reported, so that methods
 * with many settings gain by it.
 */

import { checkOneOf, OptionError } from '../core/errors';
import type { Figure } from '../figures';
import * as figures from '../figures';
import { gradientsPerBatch, type OptimizerConfig, type RunRow } from '../runs';
import { dataName, modelName } from '../runs/config/names';
import { describeIntervals, SweepResults, type TableOptions, type TableRow } from '../statistics';
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

const KEPT = 'noisyAccuracy';
const ESTIMATED = 'noisyAccuracy.estimate';
/** The radius whose sharpness is in the table. */
const RADIUS = 0.1;
const CHOSEN = 'Each method at the setting with the best mean, chosen on these numbers.';

/**
 * Tables and figures of a table's runs. Tables say how many runs of a setting diverged or failed; figures leave these runs out.
 *
 * @param rows Rows of a sweep over `paperGrids(table)`.
 * @throws OptionError where there is no row.
 */
export function paperReport(table: PaperTable, rows: readonly RunRow[]): PaperReport {
  checkOneOf('table', table, PAPER_TABLES);
  if (rows.length === 0) throw new OptionError('rows', rows, 'at least one run');
  const make = { generalization, noise, lifelong, ablation }[table];
  const parts = problemsOf(rows).map(make);
  return {
    table,
    tables: parts.flatMap((part) => part.tables),
    figures: Object.assign({}, ...parts.map((part) => part.figures)),
  };
}

type Part = Pick<PaperReport, 'tables' | 'figures'>;

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

function generalization({ results, ...problem }: Problem): Part {
  const [error, sharpness] = ['test error (%)', `sharpness (ρ = ${RADIUS})`];
  const rows = results.labels.map((label) => ({
    method: label,
    'gradients per batch': costOf(results, label),
    [error]: results.cell(label, 'testError'),
    'training loss': results.cell(label, 'trainLoss'),
    [sharpness]: results.cell(label, `sharpness@${RADIUS}`),
  }));
  const chosen = bestOfEachMethod(results, (label) => results.values(label, 'testError'), 'lowest');
  return {
    tables: [tableOf(problem, rows, { best: { [error]: 'min' }, digits: digits(rows, { 'training loss': 4, [sharpness]: 4 }) })],
    figures: {
      [`generalization-${problem.name}`]: comparison(results, chosen, (label) => results.values(label, 'testError'), {
        baseline: 'SAM',
        quantity: 'Test error',
        better: 'left',
        caption: problem.caption,
      }),
    },
  };
}

function noise({ results, ...problem }: Problem): Part {
  const { sigmas } = PAPER.noise;
  const variants = [
    { measure: KEPT, title: 'Statistics kept' },
    { measure: ESTIMATED, title: 'Statistics estimated anew' },
  ];
  const chosen = bestOfEachMethod(results, (label) => results.values(label, 'testError'), 'lowest');
  return {
    tables: variants.map(({ measure, title }) => {
      const rows = results.labels.map((label) => {
        const levels = sigmas.map((sigma) => [`σ = ${sigma}`, results.cell(label, `${measure}@${sigma}`, 100)]);
        return { method: label, ...Object.fromEntries(levels) };
      });
      const best = Object.fromEntries(sigmas.map((sigma) => [`σ = ${sigma}`, 'max' as const]));
      return tableOf(problem, rows, { best, digits: 1 }, `accuracy in per cent, BatchNorm: ${title.toLowerCase()}`);
    }),
    figures: {
      [`noise-${problem.name}`]: figures.panels({
        panels: variants.map(({ measure, title }) => ({
          title,
          figure: figures.noiseCurve({ series: results.noiseSeries(chosen, measure, sigmas) }),
        })),
        shareY: true,
        title: 'Accuracy under weight noise',
        caption: { ...problem.caption, note: `${problem.caption.note}. Each method at the setting with the lowest test error.` },
      }),
    },
  };
}

function lifelong({ results, ...problem }: Problem): Part {
  const parts = [false, true].map((replay): Part => {
    const labels = results.labels.filter((label) => label.endsWith(REPLAY) === replay);
    if (labels.length === 0) return { tables: [], figures: {} };
    const percent = (label: string, column: string): number[] => results.values(label, column).map((value) => 100 * value);
    const accuracy = 'average accuracy (%)';
    const rows = labels.map((label) => ({
      method: withoutReplay(label),
      'gradients per batch': costOf(results, label),
      [accuracy]: results.cell(label, 'averageAccuracy', 100),
      'just learned (%)': results.cell(label, 'learningAccuracy', 100),
      'forgetting (%)': results.cell(label, 'forgetting.firstMinusLast', 100),
    }));
    const chosen = bestOfEachMethod(results, (label) => results.values(label, 'averageAccuracy'), 'highest', labels);
    const memory = replay ? 'with replay' : 'without replay';
    return {
      tables: [tableOf(problem, rows, { best: { [accuracy]: 'max' }, digits: digits(rows) }, memory)],
      figures: {
        [`lifelong-${problem.name}${replay ? '-replay' : ''}`]: comparison(
          results,
          chosen,
          (label) => percent(label, 'averageAccuracy'),
          {
            baseline: `SGD${replay ? REPLAY : ''}`,
            quantity: 'Average accuracy',
            better: 'right',
            subtitle: `Split ${problem.data}, ${memory}`,
            caption: { ...problem.caption, note: `${problem.caption.note} per task` },
          },
        ),
      },
    };
  });
  return { tables: parts.flatMap(({ tables }) => tables), figures: Object.assign({}, ...parts.map((part) => part.figures)) };
}

function ablation({ results, ...problem }: Problem): Part {
  const error = 'test error (%)';
  const rows = results.labels.map((label) => ({
    method: label,
    'gradients per batch': costOf(results, label),
    [error]: results.cell(label, 'testError'),
  }));
  const maps = (['SAM', 'ASAM'] as const).flatMap((rule): [string, Figure][] => {
    const found = results.labels.flatMap((label) => {
      const { optimizer } = results.of(label)[0].config;
      if (optimizer.kind !== (`lookbehind${rule}` as const) || !('alpha' in optimizer)) return [];
      const spread = figures.spread(results.values(label, 'testError'));
      const failed = results.of(label).every(({ status }) => status !== 'diverged');
      return [{ k: optimizer.k ?? 2, alpha: String(optimizer.alpha), ...spread, missing: failed ? 'failed' : 'diverged' }];
    });
    if (found.length === 0) return [];
    const k = [...new Set(found.map((one) => one.k))];
    const alpha = [...new Set(found.map((one) => one.alpha))];
    const settings = k.map((row) => alpha.map((column) => found.find((one) => one.k === row && one.alpha === column)));
    const along = (field: 'mean' | 'std'): number[][] =>
      settings.map((row) => row.map((setting) => setting?.[field] ?? Number.NaN));
    const reference = figures.spread(results.labels.includes(rule) ? results.values(rule, 'testError') : []);
    return [
      [
        `ablation-${problem.name}-${rule.toLowerCase()}`,
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
          ...(reference.count > 0 && { subtitle: `${rule}: ${reference.mean.toFixed(2)} ± ${reference.std.toFixed(2)} %` }),
          caption: problem.caption,
        }),
      ],
    ];
  });
  return {
    tables: [tableOf(problem, rows, { best: { [error]: 'min' }, digits: digits(rows) })],
    figures: Object.fromEntries(maps),
  };
}

function tableOf(
  { data, model, caption }: Omit<Problem, 'results'>,
  rows: TableRow[],
  options: TableOptions,
  part?: string,
): ReportTable {
  const seeds = `${caption.seeds} ${caption.seeds === 1 ? 'seed' : 'seeds'}`;
  return { data, model, part, rows, options: { ...options, caption: [data, model, seeds, part].filter(Boolean).join(', ') } };
}

/** Two digits for all samples, unless said otherwise. */
function digits(rows: readonly TableRow[], others: Record<string, number> = {}): Record<string, number> {
  const samples = Object.keys(rows[0]).filter((column) => Array.isArray(rows[0][column]));
  return { ...Object.fromEntries(samples.map((column) => [column, 2])), ...others };
}

function costOf(results: SweepResults, label: string): number {
  return gradientsPerBatch(results.of(label)[0].config.optimizer as OptimizerConfig);
}

/** Of each method the label with the best mean; methods all of whose settings lack a value in some run are left out. */
function bestOfEachMethod(
  results: SweepResults,
  valuesOf: (label: string) => readonly number[],
  best: 'lowest' | 'highest',
  labels: readonly string[] = results.labels,
): string[] {
  const sign = best === 'lowest' ? 1 : -1;
  const found = new Map<string, { label: string; cost: number }>();
  for (const label of labels) {
    const values = valuesOf(label);
    const cost = (sign * values.reduce((sum, value) => sum + value, 0)) / values.length;
    const { method } = results.style(label);
    if (Number.isFinite(cost) && !(cost >= (found.get(method)?.cost ?? Number.POSITIVE_INFINITY)))
      found.set(method, { label, cost });
  }
  return Array.from(found.values(), ({ label }) => label);
}

/** How two or more methods are compared. */
interface ComparisonOptions {
  /** What the others are compared with; the first one where it is not among them. */
  baseline: string;
  /** What is compared, in per cent. */
  quantity: string;
  better: 'left' | 'right';
  subtitle?: string;
  caption: figures.Caption;
}

/** Differences to the baseline, paired by seed; the values themselves where one seed leaves no interval, or there is one method. */
function comparison(
  results: SweepResults,
  labels: readonly string[],
  valuesOf: (label: string) => readonly number[],
  options: ComparisonOptions,
): Figure {
  const { quantity, better, subtitle } = options;
  const caption = { ...options.caption, note: `${options.caption.note}. ${CHOSEN}` };
  if (labels.length < 2 || (caption.seeds as number) < 2) {
    return figures.bars({
      bars: labels.map((label) => ({ ...results.style(label), label: withoutReplay(label), values: valuesOf(label) })),
      x: { title: quantity, unit: '%' },
      digits: 2,
      title: quantity,
      subtitle,
      caption,
    });
  }
  const baseline = labels.includes(options.baseline) ? options.baseline : labels[0];
  const rows = results.differences(valuesOf, { baseline, labels: labels.filter((label) => label !== baseline) });
  return figures.dotRange({
    rows: rows.map((row) => ({ ...row, label: withoutReplay(row.label!) })),
    x: { title: `Difference in ${quantity.toLowerCase()}`, unit: 'percentage points' },
    better,
    title: `${quantity} against that of ${withoutReplay(baseline)}`,
    subtitle: [...(subtitle === undefined ? [] : [subtitle]), describeIntervals(rows)].join('; '),
    caption,
  });
}

/** A label where it is said elsewhere that there is replay. */
function withoutReplay(label: string): string {
  return label.endsWith(REPLAY) ? label.slice(0, -REPLAY.length) : label;
}
