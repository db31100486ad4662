/** A sweep in a cell. */
import {
  describeForecast,
  expandGrid,
  forecast,
  RunStore,
  runNames,
  type SweepGrid,
  type SweepOptions,
  sweep,
} from '../runs';
import { SweepResults } from '../statistics/results';
import { interruptible } from './interrupt';
import { watched } from './watched';

/** Options of `runSweep`. */
export interface RunSweepOptions extends Omit<SweepOptions, 'signal' | 'onProgress'> {
  /** What the progress bar says. Default: Training. */
  title?: string;
}

/**
 * Runs a sweep in a cell: with a progress bar, stopped by interrupting the cell, taken up again by running it
 * again. Runs that are done come from the store. At the paper's scale (`profile: 'paper'`) it first measures
 * a step and says how long the runs take.
 *
 * @throws OptionError for a wrong configuration. AbortedError after an interrupt. An Error that names the
 * first failed run.
 */
export async function runSweep(
  grids: SweepGrid | readonly SweepGrid[],
  { title = 'Training', ...options }: RunSweepOptions = {},
): Promise<SweepResults> {
  const store = options.store instanceof RunStore ? options.store : new RunStore(options.store);
  await interruptible((signal) => announce(grids, store, signal));
  const rows = await watched(title, ({ signal, onProgress }) =>
    sweep(grids, {
      ...options,
      store,
      signal,
      onProgress: ({ share, done, total, reused }) =>
        onProgress({ share, runs: `${done}/${total}`, ...(reused > 0 ? { kept: reused } : {}) }),
    }),
  );
  const failed = rows.findIndex(({ status }) => status === 'failed');
  if (failed >= 0) {
    const name = runNames(rows.map(({ config }) => config))[failed];
    throw new Error(`The run ${name} failed: ${rows[failed]!.error}`);
  }
  return new SweepResults(rows);
}

/** Says what runs at the paper's scale cost before they begin; nothing if there are none, or all are done. */
async function announce(
  grids: SweepGrid | readonly SweepGrid[],
  store: RunStore,
  signal: AbortSignal,
): Promise<void> {
  const all = Array.isArray(grids) ? (grids as readonly SweepGrid[]) : [grids as SweepGrid];
  const runs = all.flatMap(expandGrid).filter(({ profile }) => profile === 'paper');
  const expected = await forecast(runs, { store, signal });
  if (expected.done < expected.runs) console.log(describeForecast(expected));
}
