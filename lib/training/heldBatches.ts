/**
 * Batches of samples that are evaluated again and again: as many as fit a budget are held as tensors, the
 * others are made anew for each use.
 *
 * A data set of bytes is four times as large as tensors. Small ones are converted once, large ones do not
 * fill the memory.
 */

import { defaultMemoryBudget } from '../compile/memoryBudget';
import { checkNumber } from '../core/errors';
import * as tf from '../core/tf';
import { type Samples, sampleBatches, sampleCount, samplesFrom, type TensorSamples } from './samples';

/** Share of a memory budget that samples may take; the rest is for what is computed from them. */
const SHARE = 1 / 2;

/**
 * The batches of `samples`. Dispose it after use; tensors that were given stay the caller's, who may dispose
 * them.
 */
export class HeldBatches {
  /** Samples in each batch. */
  readonly sizes: readonly number[];
  readonly #batchSize: number;
  readonly #held: TensorSamples[] = [];
  /** What batches that are not held are made from: where that are tensors, own references to them. */
  readonly #source: Samples;

  /**
   * @param batchSize Samples per batch; the last one may be smaller.
   * @param memoryBudget Bytes, half of which may be held. Default: that of the machine.
   * @throws OptionError, DataError
   */
  constructor(samples: Samples, batchSize: number, memoryBudget: number = defaultMemoryBudget()) {
    const count = sampleCount(samples);
    this.#batchSize = checkNumber('batchSize', batchSize, { min: 1, integer: true });
    this.#source = 'tensors' in samples ? samples : keptClones(samples);
    let bytes = 0;
    for (const batch of sampleBatches(samples, batchSize)) {
      bytes += bytesOf(batch);
      if (bytes > memoryBudget * SHARE) {
        tf.dispose([batch.xs, batch.ys]);
        break;
      }
      this.#held.push({ xs: tf.keep(batch.xs), ys: tf.keep(batch.ys) });
    }
    this.sizes = Array.from({ length: Math.ceil(count / batchSize) }, (_, i) =>
      Math.min(batchSize, count - i * batchSize),
    );
    if (this.#held.length === this.sizes.length) this.#disposeSource();
  }

  /** Number of batches that are held as tensors. */
  get heldCount(): number {
    return this.#held.length;
  }

  /**
   * Calls `fn` with batch `index`. Its tensors stay the batch's: `fn` keeps none, and must be synchronous.
   */
  use<T>(index: number, fn: (xs: tf.Tensor, ys: tf.Tensor) => T): T {
    const held = this.#held[index];
    const { xs, ys } = held ?? samplesFrom(this.#source, index * this.#batchSize, this.sizes[index]);
    try {
      return fn(xs, ys);
    } finally {
      if (held === undefined) tf.dispose([xs, ys]);
    }
  }

  /** Frees what is held. */
  dispose(): void {
    for (const { xs, ys } of this.#held) tf.dispose([xs, ys]);
    this.#disposeSource();
  }

  #disposeSource(): void {
    if (!('tensors' in this.#source)) tf.dispose([this.#source.xs, this.#source.ys]);
  }
}

function bytesOf({ xs, ys }: TensorSamples): number {
  return [xs, ys].reduce((sum, { size, dtype }) => sum + size * tf.util.bytesPerElement(dtype), 0);
}

/** Own references to tensors that were given, past every tf.tidy. The caller disposes them. */
export function keptClones({ xs, ys }: TensorSamples): TensorSamples {
  return { xs: tf.keep(xs.clone()), ys: tf.keep(ys.clone()) };
}
