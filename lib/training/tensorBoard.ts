/** The epochs of a training as events for TensorBoard. */
import { checkText, OptionError } from '../core/errors';
import type * as tf from '../core/tf';
import { makeFolder } from '../files/atomicFile';
import { EventFile, type HyperParameter } from '../files/tfevents';

/**
 * Writes each epoch for TensorBoard: `tensorboard --logdir logs` then shows the folders in `logs` as runs.
 * Sweeps do so by themselves, into the folder `tensorboard` of their store.
 *
 * @example await trainer.train({ callbacks: tensorBoard('logs/k=5', { k: 5, rho: 0.05 }) });
 * @param folder A folder of its own; made where it is missing.
 * @param parameters What the training depends on, for the page HParams. Default nothing.
 * @returns A callback, which `model.fit` takes, too.
 * @throws OptionError where a parameter is none of these; StorageError where the folder cannot be made, or
 *   later, in the training, an epoch cannot be written.
 */
export function tensorBoard(
  folder: string,
  parameters: Readonly<Record<string, HyperParameter>> = {},
): tf.CustomCallbackArgs {
  checkText('folder', folder);
  for (const [name, value] of Object.entries(parameters)) {
    if (!['string', 'number', 'boolean'].includes(typeof value))
      throw new OptionError(`parameters.${name}`, value, 'a text, a number, true or false');
  }
  makeFolder(folder);
  const file = new EventFile(folder);
  file.begin(parameters, folder);
  return { onEpochEnd: (epoch, logs = {}) => writeEpoch(file, epoch, logs) };
}

/** Writes the logs of one epoch, counted from 0. */
export function writeEpoch(file: EventFile, epoch: number, logs: tf.Logs): void {
  file.scalars(
    epoch + 1,
    Object.fromEntries(Object.entries(logs).map(([name, value]) => [tagOf(name), value])),
  );
}

/** `loss/train`, `loss/test`, `accuracy/test`, `mae/test`; other names as they are. */
function tagOf(name: string): string {
  if (name === 'loss') return 'loss/train';
  if (!name.startsWith('val_')) return name;
  const metric = name.slice('val_'.length);
  return `${metric === 'acc' ? 'accuracy' : metric}/test`;
}
