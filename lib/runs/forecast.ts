/**
 * What runs will cost, before anything is run:
 *
 *     seconds of a run = gradients of one batch * seconds that one takes here, measured
 *
 * Evaluations come on top: after each epoch about a third of a gradient per test image, which is 7 % of an
 * epoch of SGD on CIFAR and less for the others, and the measures at the end.
 */
import { duration } from '../core/duration';
import { configHash, type FullRunConfig, workOf } from './config/config';
import { dataName, modelName } from './config/names';
import { gradientsPerBatch } from './config/optimizerConfig';
import { type StepTimeOptions, secondsPerGradient, stepKey } from './stepTime';
import type { RunStore } from './store';

/** Runs that cost the same. */
export interface ForecastRow {
  /** Names of the data sets. */
  data: string;
  /** Name of the network. */
  model: string;
  /** Names of the methods. */
  methods: string;
  /** Whether samples of earlier tasks are replayed. */
  replay: boolean;
  /** Gradients that one batch costs. */
  perBatch: number;
  /** Runs in all. */
  runs: number;
  /** How many of them are done. */
  done: number;
  /** Gradients of one batch, of each run. */
  gradients: number;
  /** Samples of that batch. */
  batchSize: number;
  /** Seconds of training of each run on this machine; NaN where no step was measured. */
  seconds: number;
}

/** The cost of runs. */
export interface Forecast {
  /** By network and data; the dearest runs last. */
  rows: ForecastRow[];
  /** Runs in all. */
  runs: number;
  /** How many of them are done. */
  done: number;
  /** Gradients of one batch of all runs that are not done. */
  gradients: number;
  /** Seconds that these take on this machine, one run after the other. */
  seconds: number;
}

/** Options of `forecast`. */
export interface ForecastOptions extends StepTimeOptions {
  /** Where runs that are done are kept. Default: none is done. */
  store?: RunStore;
  /** Measures the step of a configuration, in place of `secondsPerGradient`. */
  measure?: (config: FullRunConfig, options: StepTimeOptions) => Promise<number>;
  /** Called before a step is measured, with data and network in words. */
  onMeasure?: (what: string) => void;
}

/**
 * The cost of `runs`. Takes a few steps of each network, unless all of its runs are done.
 *
 * @throws as `secondsPerGradient`
 */
export async function forecast(
  runs: readonly FullRunConfig[],
  options: ForecastOptions = {},
): Promise<Forecast> {
  const { store, signal, measure = secondsPerGradient, onMeasure } = options;
  const groups = new Map<string, FullRunConfig[]>();
  for (const run of runs) {
    const key = JSON.stringify([stepKey(run), workOf(run), gradientsPerBatch(run.optimizer)]);
    groups.set(key, [...(groups.get(key) ?? []), run]);
  }
  const isDone = (run: FullRunConfig): boolean => store?.readResult(configHash(run)) !== undefined;
  const measured = new Map<string, number>();
  const rows: ForecastRow[] = [];
  for (const group of groups.values()) {
    const [first] = group;
    const done = group.filter(isDone).length;
    const key = stepKey(first);
    if (done < group.length && !measured.has(key)) {
      onMeasure?.(`${modelName(first.model)} on ${dataName(first.data)}, batches of ${first.batchSize}`);
      measured.set(key, await measure(first, { signal }));
    }
    const gradients = Math.round(workOf(first) / first.batchSize);
    rows.push({
      data: namesOf(group, ({ data }) => dataName(data), ' and '),
      model: modelName(first.model),
      methods: namesOf(group, ({ label, optimizer }) => (label ?? optimizer.kind).split(',')[0], ', '),
      replay: (first.lifelong?.replay ?? 0) > 0,
      perBatch: gradientsPerBatch(first.optimizer),
      runs: group.length,
      done,
      gradients,
      batchSize: first.batchSize,
      seconds: gradients * (measured.get(key) ?? Number.NaN),
    });
  }
  rows.sort(
    (a, b) => a.model.localeCompare(b.model) || a.data.localeCompare(b.data) || a.gradients - b.gradients,
  );
  const open = rows.filter((row) => row.done < row.runs);
  const total = (cost: (row: ForecastRow) => number): number =>
    open.reduce((sum, row) => sum + (row.runs - row.done) * cost(row), 0);
  return {
    rows,
    runs: runs.length,
    done: rows.reduce((sum, row) => sum + row.done, 0),
    gradients: total((row) => row.gradients),
    seconds: total((row) => row.seconds),
  };
}

/** A forecast in a sentence or two: how many runs, and how long they take. */
export function describeForecast({ rows, runs, done, gradients, seconds }: Forecast): string {
  const left = runs - done;
  const each = rows.filter((row) => row.done < row.runs).map((row) => row.seconds);
  const [shortest, longest] = [Math.min(...each), Math.max(...each)].map(duration);
  const before = done === 0 ? '' : `, ${done} of them from before`;
  if (left === 0) return `${runs} runs${before}. All are done.`;
  const time = shortest === longest ? `${longest} each` : `${shortest} to ${longest} each`;
  const cost =
    `${gradients.toLocaleString('en')} gradients of one batch, ` +
    `${duration(seconds)} on this machine, one after the other`;
  const who = done === 0 ? 'All take' : left === 1 ? 'The other one takes' : `The other ${left} take`;
  return `${runs} runs${before}. ${who} ${cost} (${time}); evaluations come on top, less than a tenth.`;
}

function namesOf(
  runs: readonly FullRunConfig[],
  nameOf: (run: FullRunConfig) => string,
  glue: string,
): string {
  return [...new Set(runs.map(nameOf))].join(glue);
}
