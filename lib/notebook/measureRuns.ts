/** Looks at finished runs of a sweep, one model after the other: for measures that need the model itself. */
import { type BuiltRun, DataLoader, openRun, RunStore } from '../experiments';
import { interruptible } from './interrupt';
import { progress } from './progress';
import type { SweepResults } from './runSweep';

/** Options of `measureRuns`. */
export interface MeasureRunsOptions {
  /** What the progress bar says. Default: Measuring. */
  title?: string;
  /** Looks at the first runs of each label only, >= 1. Default: all. */
  seeds?: number;
  /** The store of the runs, or its folder. Default: that of `runSweep`. */
  store?: RunStore | string;
}

/**
 * Opens the runs of some labels with their last weights, one at a time, and keeps what `measure` says of each: by label, in the order of seeds. The model is
 * freed after its turn. Stopped by interrupting the cell.
 *
 * @example const sharpness = await measureRuns(results, ['SAM'], ({ model, data }, signal) => mySharpness(model, data.train, signal));
 * @throws {OptionError} for an unknown label. {DataError} where a run has no checkpoint. {AbortedError} after an interrupt.
 */
export async function measureRuns<T>(
  results: SweepResults,
  labels: readonly string[],
  measure: (run: BuiltRun, signal: AbortSignal) => Promise<T>,
  options: MeasureRunsOptions = {},
): Promise<Record<string, T[]>> {
  const { title = 'Measuring', seeds = Number.POSITIVE_INFINITY } = options;
  const store = options.store instanceof RunStore ? options.store : new RunStore(options.store);
  const rows = labels.flatMap((label) =>
    results
      .of(label)
      .slice(0, seeds)
      .map((row) => ({ label, config: row.config })),
  );
  const measured: Record<string, T[]> = Object.fromEntries(labels.map((label) => [label, []]));
  const loader = new DataLoader();
  const bar = progress({ title, total: rows.length, unit: 'runs' });
  try {
    await interruptible(async (signal) => {
      for (const [done, { label, config }] of rows.entries()) {
        const run = await openRun(config, store, loader);
        try {
          measured[label].push(await measure(run, signal));
        } finally {
          run.dispose();
        }
        bar.update(done + 1);
      }
    });
  } finally {
    bar.finish();
  }
  return measured;
}
