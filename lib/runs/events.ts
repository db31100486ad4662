/**
 * TensorBoard events of a run: `tensorboard --logdir data/runs` shows all runs beside each other.
 */
import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { isNative, runOpWithOutputs } from '../compile/backend';
import { nativeNode, type SummaryFileWriter } from '../compile/native';
import * as tf from '../core/tf';
import { makeFolder } from '../files/atomicFile';
import type { EpochRecord } from '../training/loop';

/** Writes the epochs of one run. Without the native runtime it does nothing. */
export class EventWriter {
  #writer: SummaryFileWriter | undefined;

  /**
   * @param folder The folder of events: emptied, because a resumed run writes its earlier epochs again.
   */
  constructor(folder: string) {
    rmSync(folder, { recursive: true, force: true });
    const node = nativeNode();
    if (node === undefined || !isNative()) return;
    // The package keeps the writer of a folder for ever; after it was closed, only another folder gets a new
    // one.
    const own = join(folder, randomUUID().slice(0, 8));
    makeFolder(own);
    tf.tidy(() => {
      this.#writer = node.summaryFileWriter(own);
      tf.keep(this.#writer.resourceHandle);
    });
  }

  /** Writes one epoch. */
  write({ epoch, trainLoss, testLoss, testAccuracy, learningRate, gradientEvaluations }: EpochRecord): void {
    const values = {
      'loss/train': trainLoss,
      'loss/test': testLoss,
      'accuracy/test': testAccuracy,
      learningRate,
      gradientEvaluations,
    };
    for (const [name, value] of Object.entries(values)) {
      if (value !== null) this.#writer?.scalar(name, value, epoch);
    }
  }

  /** Writes what is buffered and closes the file. */
  close(): void {
    if (this.#writer === undefined) return;
    runOpWithOutputs('CloseSummaryWriter', [], [this.#writer.resourceHandle], 0);
    this.#writer.resourceHandle.dispose();
  }
}
