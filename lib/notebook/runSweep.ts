/** A sweep in a cell, and its results in the shapes that figures and tables want. */

import { OptionError } from '../core/errors';
import type { DotRangeRow, NoiseSeries } from '../figures';
import { describeForecast, expandGrid, forecast, type RunRow, RunStore, type SweepGrid, type SweepOptions, sweep } from '../runs';
import { methodOf } from '../runs/paperMethods';
import { flattenRow, pairedDifferences } from '../statistics';
import { interruptible } from './interrupt';
import { progress } from './progress';
import type { Sample } from './sample';

/** Options of `runSweep`. */
export interface RunSweepOptions extends Omit<SweepOptions, 'signal' | 'onProgress'> {
  /** What the progress bar says. Default: Training. */
  title?: string;
}

/** The runs of a sweep with what figures and tables need of them. */
export interface SweepResults {
  /** The runs, in the order of their configurations. */
  rows: readonly RunRow[];
  /** Labels of the configurations, in order of first appearance. */
  labels: string[];
  /** The runs whose labels begin with `prefix`, labelled by what follows it. Throws an OptionError where there are none. */
  part(prefix: string): SweepResults;
  /** The runs of a label, by seed. Throws an OptionError for an unknown label. */
  of(label: string): RunRow[];
  /** A number of each run of a label, by seed: a column of `flattenRow`, such as `testError` or `noisyAccuracy@0.2`. NaN where the run has none. */
  values(label: string, column: string): number[];
  /**
   * What `values` gives, as the cell of a `table`: it tells apart a run that diverged (NaN), one that an error ended (`failed`), and one that
   * has no such number (null).
   *
   * @param scale What the numbers are multiplied by. Default 1.
   */
  cell(label: string, column: string, scale?: number): Sample;
  /** Several numbers of each run of a label: one row per seed, one value per column, as curves over radii or noise levels want them. */
  across(label: string, columns: readonly string[]): number[][];
  /** A number of the runs of several labels: one row per seed, one value per label, as curves over settings want them. NaN where a label has fewer runs. */
  along(labels: readonly string[], column: string): number[][];
  /**
   * Accuracies of each run of a label in per cent: one row per seed, one value per level.
   *
   * @param measure What a run calls the accuracy: `noisyAccuracy`, `noisyAccuracy.estimate`, or the name of a `robustness` measure.
   * @param levels Levels of the noise that were measured.
   */
  percentAt(label: string, measure: string, levels: readonly number[]): number[][];
  /**
   * Curves of labels for `figures.noiseCurve`: `percentAt` with the labels' styles.
   *
   * @param options `lost`: per cent lost since the first level, in place of those reached. Default false.
   */
  noiseSeries(labels: readonly string[], measure: string, levels: readonly number[], options?: { lost?: boolean }): NoiseSeries[];
  /**
   * How figures draw a label: the method and its number of inner steps, by the optimizer of its runs. SGD with a learning rate that falls
   * from task to task is the method `stable SGD`.
   */
  style(label: string): { method: string; k?: number; label: string };
  /**
   * Differences of labels to `baseline`, paired by seed, with their 95 % intervals: the rows of `figures.dotRange`.
   *
   * @param value A column, as for `values`, or a function that gives the number of each run of a label, by seed.
   * @param options `baseline`: the label to compare with. `labels`: what is compared with it. Default: all others.
   */
  differences(
    value: string | ((label: string) => readonly number[]),
    options: { baseline: string; labels?: readonly string[] },
  ): DotRangeRow[];
  /** A number of each epoch of each run of a label: what `curves` draws. NaN after a run diverged. */
  history(label: string, column: 'trainLoss' | 'testLoss' | 'testAccuracy' | 'learningRate'): number[][];
}

/**
 * Runs a sweep in a cell: with a progress bar, stopped by interrupting the cell, taken up again by running it again.
 * Runs that are done come from the store. At the paper's scale (`profile: 'paper'`) it first measures a step and says how long the runs take.
 *
 * @throws {OptionError} for a wrong configuration. {AbortedError} after an interrupt. An Error that names the first failed run.
 */
export async function runSweep(grids: SweepGrid | readonly SweepGrid[], options: RunSweepOptions = {}): Promise<SweepResults> {
  const { title = 'Training', ...rest } = options;
  const store = rest.store instanceof RunStore ? rest.store : new RunStore(rest.store);
  await interruptible((signal) => announce(grids, store, signal));
  const bar = progress({ title, total: 1, unit: '%' });
  try {
    const rows = await interruptible((signal) =>
      sweep(grids, {
        ...rest,
        store,
        signal,
        onProgress: ({ share, done, total, reused }) =>
          bar.update(share, { runs: `${done}/${total}`, ...(reused > 0 ? { kept: reused } : {}) }),
      }),
    );
    const failed = rows.find(({ status }) => status === 'failed');
    if (failed) throw new Error(`The run ${failed.config.label ?? failed.hash} failed: ${failed.error}`);
    return resultsOf(rows, store);
  } finally {
    bar.finish();
  }
}

/** Says what runs at the paper's scale cost before they begin; nothing where there are none, or all are done. */
async function announce(grids: SweepGrid | readonly SweepGrid[], store: RunStore, signal: AbortSignal): Promise<void> {
  const runs = (Array.isArray(grids) ? (grids as readonly SweepGrid[]) : [grids as SweepGrid])
    .flatMap(expandGrid)
    .filter(({ profile }) => profile === 'paper');
  const expected = await forecast(runs, { store, signal });
  if (expected.done < expected.runs) console.log(describeForecast(expected));
}

/** Results of runs that are done, for example of `sweep`. */
export function resultsOf(rows: readonly RunRow[], store: RunStore = new RunStore()): SweepResults {
  const flat = new Map(rows.map((row) => [row, flattenRow(row)]));
  const labelOf = (row: RunRow): string => String(flat.get(row)!.label);
  const byLabel = new Map<string, RunRow[]>();
  for (const row of rows) {
    const label = labelOf(row);
    const found = byLabel.get(label);
    if (found === undefined) byLabel.set(label, [row]);
    else found.push(row);
  }
  for (const found of byLabel.values()) found.sort((a, b) => a.config.seed - b.config.seed);
  const labels = [...byLabel.keys()];
  const of = (label: string): RunRow[] => {
    const found = byLabel.get(label);
    if (found === undefined) throw new OptionError('label', label, `one of ${labels.join(', ')}`);
    return [...found];
  };
  const number = (row: RunRow, column: string): number => Number(flat.get(row)![column] ?? Number.NaN);
  const values = (label: string, column: string): number[] => of(label).map((row) => number(row, column));
  const cell: SweepResults['cell'] = (label, column, scale = 1) =>
    of(label).map((row) => {
      const value = flat.get(row)![column] ?? null;
      if (row.status === 'failed') return 'failed';
      if (value !== null) return scale * Number(value);
      return row.status === 'diverged' ? Number.NaN : null;
    });
  const across = (label: string, columns: readonly string[]): number[][] =>
    of(label).map((row) => columns.map((column) => number(row, column)));
  const percentAt: SweepResults['percentAt'] = (label, measure, levels) =>
    across(
      label,
      levels.map((level) => `${measure}@${level}`),
    ).map((row) => row.map((accuracy) => 100 * accuracy));
  const style = (label: string) => ({ ...styleOf(of(label)[0].config), label });
  return {
    rows,
    labels,
    part(prefix) {
      const found = rows.filter((row) => labelOf(row).startsWith(prefix));
      if (found.length === 0) throw new OptionError('prefix', prefix, `the beginning of one of ${labels.join(', ')}`);
      const renamed = (row: RunRow) => ({ ...row, config: { ...row.config, label: labelOf(row).slice(prefix.length) } });
      return resultsOf(found.map(renamed), store);
    },
    of,
    values,
    cell,
    style,
    differences(value, { baseline, labels: compared = labels.filter((label) => label !== baseline) }) {
      const valuesOf = typeof value === 'string' ? (label: string) => values(label, value) : value;
      const numbers = [...new Set([baseline, ...compared])].flatMap((label) => {
        const runs = of(label);
        return valuesOf(label).map((one, i) => ({ label, seed: runs[i].config.seed, value: one }));
      });
      return pairedDifferences(numbers, { value: 'value', baseline }).map(({ group, mean, low, high }) => ({
        ...style(String(group.label)),
        estimate: mean,
        low,
        high,
      }));
    },
    across,
    percentAt,
    noiseSeries: (chosen, measure, levels, { lost = false } = {}) =>
      chosen.map((label) => {
        const reached = percentAt(label, measure, levels);
        return {
          ...style(label),
          sigma: levels,
          accuracy: lost ? reached.map((row) => row.map((value) => row[0] - value)) : reached,
        };
      }),
    along(along, column) {
      const columns = along.map((label) => values(label, column));
      const seeds = Math.max(0, ...columns.map((one) => one.length));
      return Array.from({ length: seeds }, (_, i) => columns.map((one) => one[i] ?? Number.NaN));
    },
    history: (label, column) =>
      of(label).map(({ hash, config }) => {
        const history = store.readHistory(hash);
        return Array.from({ length: config.epochs }, (_, epoch) => history[epoch]?.[column] ?? Number.NaN);
      }),
  };
}

function styleOf({ optimizer, lifelong }: RunRow['config']): { method: string; k?: number } {
  const isStable = optimizer.kind === 'sgd' && (lifelong?.learningRateDecay ?? 1) < 1;
  return isStable ? { method: 'stable SGD' } : methodOf(optimizer);
}
