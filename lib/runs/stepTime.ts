/**
 * How long one gradient of one batch takes, from a measured step.
 */

import { throwIfAborted } from '../core/errors';
import { checkOptions, type OptionsOf, signal } from '../core/options';
import { Dataset } from '../data';
import { sgd } from '../optimizers/sgd';
import { Trainer } from '../training/trainer';
import type { FullRunConfig } from './config/config';
import { DataLoader, dataSetOf } from './config/dataConfig';
import { buildModel } from './config/modelConfig';

/** Steps that are not counted: the first is recorded, the second sets the compiled graph up. */
const WARM_UP = 2;
const TIMED = 2;

const OPTIONS = {
  /** Stops the measurement after its present step, with an AbortedError. */
  signal: signal(),
};

/** Options of `secondsPerGradient`. */
export type StepTimeOptions = OptionsOf<typeof OPTIONS>;

/**
 * Seconds that one gradient of one batch takes in this process: a step of SGD on the model, batch size and
 * kind of data of `config`, the faster of two after a warm-up. CIFAR's and TinyImageNet's images are made up
 * for it; other data is loaded.
 *
 * @throws OptionError, DataError; AbortedError
 */
export async function secondsPerGradient(
  config: FullRunConfig,
  options: StepTimeOptions = {},
): Promise<number> {
  const { signal } = checkOptions('secondsPerGradient', OPTIONS, options);
  const { batchSize, seed } = config;
  const data = await someData(config, batchSize * (WARM_UP + TIMED));
  const model = buildModel(config.model, data, seed);
  const optimizer = sgd({ learningRate: 1e-4 });
  const epochs = Math.ceil(((WARM_UP + TIMED) * batchSize) / data.size);
  const trainer = new Trainer(model, optimizer, data, { epochs, batchSize, onDivergence: 'continue' });
  const ends: number[] = [];
  try {
    await trainer.train({ signal, callbacks: { onBatchEnd: () => void ends.push(performance.now()) } });
    throwIfAborted(signal, 'The measurement of a step');
  } finally {
    trainer.dispose();
    optimizer.dispose();
    model.dispose();
  }
  const seconds = ends.slice(1).map((end, i) => (end - ends[i]) / 1000);
  return Math.min(...seconds.slice(WARM_UP - 1, WARM_UP - 1 + TIMED));
}

/** Runs with one key take the same time per gradient, but for the number of classes. */
export function stepKey({ data, model, batchSize }: FullRunConfig): string {
  return JSON.stringify([dataSetOf(data).made?.inputShape ?? data, model, batchSize]);
}

async function someData(config: FullRunConfig, size: number): Promise<Dataset> {
  const made = dataSetOf(config.data).made;
  if (made === undefined) {
    const { train } = await new DataLoader().load(config.data, config.seed);
    // Full batches only, where there is one.
    const whole = train.size - (train.size % config.batchSize) || train.size;
    return train.subset(Math.min(size, whole), { seed: config.seed });
  }
  const { inputShape, classes } = made;
  return new Dataset({
    name: config.data.kind,
    split: 'made',
    inputs: Uint8Array.from({ length: size * inputShape.reduce((a, b) => a * b) }, (_, i) => (i * 31) % 251),
    labels: Int32Array.from({ length: size }, (_, i) => i % classes),
    inputShape,
    classes: Array.from({ length: classes }, (_, i) => String(i)),
    scale: 1 / 255,
  });
}
