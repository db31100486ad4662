/** The runs of a sweep, by label, in the shapes that figures and tables want. */
import { OptionError } from '../core/errors';
import type { RunRow } from '../runs';
import type { FlatRow } from '../runs/config/flat';
import { settingNames } from '../runs/config/names';
import { methodOf } from '../runs/paperMethods';
import type { EpochRecord } from '../training/loop';
import type { MetricName } from '../training/metrics';
import { type PairedDifference, pairedDifferences } from './comparisons';
import { flattenRow } from './rows';
import type { Sample } from './sample';

/** How figures draw a label: `method` and `k` choose the style. */
export interface LabelStyle {
  /** A name that `methodStyle` knows, or another one. */
  method: string;
  /** Inner steps, if the method's name leaves them open. */
  k?: number;
  /** The text of the legend. */
  label: string;
}

/** The difference of a label to a baseline: a row of `figures.dotRange`. */
export type LabelDifference = LabelStyle & PairedDifference;

/** The runs of a sweep with what figures and tables need of them. */
export class SweepResults {
  /**
   * Labels of the configurations, in order of first appearance; where there is none, what tells them apart.
   */
  readonly labels: string[];
  readonly #flat: ReadonlyMap<RunRow, FlatRow>;
  readonly #byLabel = new Map<string, RunRow[]>();

  constructor(
    /** The runs, in the order of their configurations. */
    readonly rows: readonly RunRow[],
  ) {
    const names = settingNames(rows.map(({ config }) => config));
    this.#flat = new Map(
      rows.map((row, i) => [row, { ...flattenRow(row), label: row.config.label ?? names[i]! }]),
    );
    for (const row of rows) {
      const label = this.#labelOf(row);
      if (!this.#byLabel.has(label)) this.#byLabel.set(label, []);
      this.#byLabel.get(label)!.push(row);
    }
    for (const found of this.#byLabel.values()) found.sort((a, b) => a.config.seed - b.config.seed);
    this.labels = [...this.#byLabel.keys()];
  }

  #labelOf(row: RunRow): string {
    return String(this.#flat.get(row)!.label);
  }

  /**
   * The runs whose labels begin with `prefix`, labeled by what follows it. Throws an OptionError if there
   * are none.
   */
  part(prefix: string): SweepResults {
    const found = this.rows.filter((row) => this.#labelOf(row).startsWith(prefix));
    if (found.length === 0)
      throw new OptionError('prefix', prefix, `the beginning of one of ${this.labels.join(', ')}`);
    const renamed = found.map((row) => ({
      ...row,
      config: { ...row.config, label: this.#labelOf(row).slice(prefix.length) },
    }));
    return new SweepResults(renamed);
  }

  /** The runs of a label, by seed. Throws an OptionError for an unknown label. */
  of(label: string): RunRow[] {
    const found = this.#byLabel.get(label);
    if (found === undefined) throw new OptionError('label', label, `one of ${this.labels.join(', ')}`);
    return [...found];
  }

  /**
   * A number of each run of a label, by seed: a column of `flattenRow`, such as `noisyAccuracy@0.2`. NaN if
   * the run has none.
   */
  values(label: string, column: string): number[] {
    return this.across(label, [column]).flat();
  }

  /**
   * What `values` gives, as the cell of a `table`: it tells apart a run that diverged (NaN), one that an
   * error ended (`failed`), and one that has no such number (null).
   *
   * @param scale What the numbers are multiplied by. Default 1.
   */
  cell(label: string, column: string, scale = 1): Sample {
    return this.of(label).map((row) => {
      const value = this.#flat.get(row)![column] ?? null;
      if (row.status === 'failed') return 'failed';
      if (value !== null) return scale * Number(value);
      return row.status === 'diverged' ? Number.NaN : null;
    });
  }

  /**
   * Several numbers of each run of a label: one row per seed, one value per column, as curves over radii or
   * noise levels want.
   */
  across(label: string, columns: readonly string[]): number[][] {
    return this.of(label).map((row) =>
      columns.map((column) => Number(this.#flat.get(row)![column] ?? Number.NaN)),
    );
  }

  /**
   * A number of the runs of several labels: one row per seed, one value per label. NaN if a label has fewer
   * runs.
   */
  along(labels: readonly string[], column: string): number[][] {
    const columns = labels.map((label) => this.values(label, column));
    const seeds = Math.max(0, ...columns.map((one) => one.length));
    return Array.from({ length: seeds }, (_, i) => columns.map((one) => one[i] ?? Number.NaN));
  }

  /**
   * Accuracies of each run of a label in per cent: one row per seed, one value per level.
   *
   * @param measure What a run calls the accuracy: `noisyAccuracy`, `noisyAccuracy.estimate`, or the name of a
   * `robustness` measure.
   * @param levels Levels of the noise that were measured.
   */
  percentAt(label: string, measure: string, levels: readonly number[]): number[][] {
    const columns = levels.map((level) => `${measure}@${level}`);
    return this.across(label, columns).map((row) => row.map((accuracy) => 100 * accuracy));
  }

  /**
   * Curves of labels for `figures.noiseCurve`: `percentAt` with the labels' styles.
   *
   * @param options `lost`: per cent lost since the first level, in place of those reached. Default false.
   */
  noiseSeries(labels: readonly string[], measure: string, levels: readonly number[], { lost = false } = {}) {
    return labels.map((label) => {
      const reached = this.percentAt(label, measure, levels);
      const accuracy = lost ? reached.map((row) => row.map((value) => row[0] - value)) : reached;
      return { ...this.style(label), sigma: levels, accuracy };
    });
  }

  /**
   * How figures draw a label. SGD with a learning rate that falls from task to task is the method
   * `stable SGD`.
   */
  style(label: string): LabelStyle {
    const { optimizer, lifelong } = this.of(label)[0].config;
    const isStable = optimizer.kind === 'sgd' && (lifelong?.learningRateDecay ?? 1) < 1;
    return { ...(isStable ? { method: 'stable SGD' } : methodOf(optimizer)), label };
  }

  /**
   * Differences of labels to `baseline`, paired by seed, with 95 % t intervals, Holm-corrected for their
   * number.
   *
   * @param value A column, as for `values`, or a function that gives the number of each run of a label, by
   * seed.
   * @param options `baseline`: the label to compare with. `labels`: what is compared with it. Default: all
   * others.
   */
  differences(
    value: string | ((label: string) => readonly number[]),
    { baseline, labels }: { baseline: string; labels?: readonly string[] },
  ): LabelDifference[] {
    const compared = labels ?? this.labels.filter((label) => label !== baseline);
    const valuesOf = typeof value === 'string' ? (label: string) => this.values(label, value) : value;
    const numbers = [...new Set([baseline, ...compared])].flatMap((label) => {
      const runs = this.of(label);
      return valuesOf(label).map((one, i) => ({ label, seed: runs[i].config.seed, value: one }));
    });
    const differences = pairedDifferences(numbers, { value: 'value', baseline });
    return differences.map((one) => ({ ...this.style(String(one.group.label)), ...one }));
  }

  /**
   * A number of each epoch of each run of a label: what `figures.curves` draws. A metric is `test.mae`. NaN
   * after a run diverged.
   */
  history(
    label: string,
    column: 'trainLoss' | 'testLoss' | 'testAccuracy' | 'learningRate' | `test.${MetricName}`,
  ): number[][] {
    const metric = column.startsWith('test.') ? column.slice('test.'.length) : undefined;
    return this.of(label).map(({ config, ...row }) => {
      const history = row.history?.() ?? [];
      const at = (record: EpochRecord | undefined) =>
        metric === undefined ? record?.[column as 'trainLoss'] : record?.testMetrics?.[metric];
      return Array.from({ length: config.epochs }, (_, epoch) => at(history[epoch]) ?? Number.NaN);
    });
  }
}
