/** Long work in a cell. */
import { interruptible } from './interrupt';
import { type ProgressValues, progress } from './progress';

/** What long work takes: how it is stopped, and how it says where it stands. */
export interface Watch {
  /** Aborted when the cell is interrupted. */
  signal: AbortSignal;
  /** Takes the share that is done, 0 to 1, and values to show beside the bar. */
  onProgress(progress: { share: number } & ProgressValues): void;
}

/**
 * Does long work in a cell: with a progress bar, stopped by interrupting the cell.
 *
 * @example
 * const sharpness = await watched('Sharpness', (watch) => measureRuns(results, ['SAM'], mySharpness, watch));
 * @throws AbortedError after an interrupt, and what the work throws.
 */
export async function watched<T>(title: string, work: (watch: Watch) => Promise<T>): Promise<T> {
  const bar = progress({ title, total: 1, unit: '%' });
  const onProgress: Watch['onProgress'] = ({ share, ...values }) => bar.update(share, values);
  try {
    return await interruptible((signal) => work({ signal, onProgress }));
  } finally {
    bar.finish();
  }
}
