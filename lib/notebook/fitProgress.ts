/**
 * `model.fit` in a cell: one bar that changes in place. The native package's own bar writes a line for each
 * batch there, because it looks for the width of a terminal.
 */
import { nativePackage } from '../compile/native';
import { type Progress, progress } from './progress';

/** What is used of tf.js's callbacks: what a CustomCallback does, and what it knows of the training. */
interface Logger {
  params: { epochs: number; samples?: number; batchSize?: number; steps?: number | null };
  epochBegin?: (epoch: number) => Promise<void>;
  batchEnd?: (batch: number) => Promise<void>;
  epochEnd?: (epoch: number, logs: Record<string, number>) => Promise<void>;
  trainEnd?: () => Promise<void>;
}

/** Replaces the progress bar of the native package in a kernel. */
export function replaceFitProgress(): void {
  if (nativePackage === undefined) return;
  const { ProgbarLogger } = require(`${nativePackage}/dist/callbacks`) as {
    ProgbarLogger: { prototype: object };
  };
  Object.defineProperty(ProgbarLogger.prototype, 'onTrainBegin', {
    configurable: true,
    async value(this: Logger): Promise<void> {
      report(this);
    },
  });
}

function report(logger: Logger): void {
  const { epochs, samples, batchSize, steps } = logger.params;
  const batches = samples == null ? steps : Math.ceil(samples / batchSize!);
  const bar: Progress = progress({ title: 'fit', total: 1, unit: '%' });
  let epoch = 0;
  logger.epochBegin = async (index) => {
    epoch = index;
  };
  logger.batchEnd = async (batch) => {
    if (batches) bar.update((epoch + (batch + 1) / batches) / epochs, { epoch: `${epoch + 1}/${epochs}` });
  };
  logger.epochEnd = async (index, values) => {
    epoch = index + 1;
    bar.update(epoch / epochs, { epoch: `${epoch}/${epochs}`, ...inOrder(values) });
  };
  logger.trainEnd = async () => bar.finish();
}

/** The loss first, and what is of validation behind what is of training. */
function inOrder(values: Readonly<Record<string, number>>): Record<string, number> {
  const key = (name: string): string => {
    const own = name.replace(/^val_/, '');
    return `${own === 'loss' ? 0 : 1}${own} ${name.startsWith('val_')}`;
  };
  const names = Object.keys(values).sort((a, b) => (key(a) < key(b) ? -1 : 1));
  return Object.fromEntries(names.map((name) => [name, values[name]!]));
}
