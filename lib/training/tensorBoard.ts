/** The epochs of a training as events for TensorBoard. */
import { makeFolder } from '../files/atomicFile';
import { EventFile, type HyperParameter } from '../files/tfevents';
import type { EpochRecord } from './loop';

/**
 * Writes each epoch for TensorBoard: `tensorboard --logdir logs` then shows the folders in `logs` as runs. Sweeps
 * do so by themselves, into the folder `tensorboard` of their store.
 *
 * @example await trainer.train({ onEpoch: tensorBoard('logs/lookbehindSAM k=5', { k: 5, rho: 0.05 }) });
 * @param folder A folder of its own; made where it is missing.
 * @param parameters What the training depends on, for the page HParams. Default nothing.
 * @returns What `onEpoch` of `train` wants.
 * @throws StorageError where the folder cannot be made.
 */
export function tensorBoard(
  folder: string,
  parameters: Readonly<Record<string, HyperParameter>> = {},
): (record: EpochRecord) => void {
  makeFolder(folder);
  const file = new EventFile(folder);
  file.begin(parameters, folder);
  return (record) => writeEpoch(file, record);
}

/** Writes one epoch. */
export function writeEpoch(file: EventFile, record: EpochRecord): void {
  const values = {
    'loss/train': record.trainLoss,
    'loss/test': record.testLoss,
    'accuracy/test': record.testAccuracy,
    learningRate: record.learningRate,
    gradientEvaluations: record.gradientEvaluations,
  };
  const known = Object.entries(values).filter(([, value]) => value !== null);
  file.scalars(record.epoch, Object.fromEntries(known) as Record<string, number>);
}
