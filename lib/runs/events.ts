/**
 * TensorBoard events of runs: `tensorboard --logdir data/runs/tensorboard` shows their curves beside each
 * other, and on its page HParams what they depend on and reached. Each run is a folder there, named by what
 * tells it from others.
 */
import { rmSync } from 'node:fs';
import { makeFolder } from '../files/atomicFile';
import { EventFile, type HyperParameter } from '../files/tfevents';
import { type EpochRecord, logsOf } from '../training/loop';
import { writeEpoch } from '../training/tensorBoard';
import { configHash, type FullRunConfig } from './config/config';
import { flattenConfig } from './config/flat';
import type { RunResult, RunStore } from './store';

/** Writes the epochs of one run. When that fails, as on a full disk, the run goes on without. */
export class EventWriter {
  #file: EventFile | undefined;

  /**
   * @param setting What the run is called but for its seed. Events that it wrote before are removed: a
   *   resumed run writes its earlier epochs again.
   */
  constructor(store: RunStore, hash: string, config: FullRunConfig, setting: string) {
    this.#try(() => {
      for (const old of store.eventFolders(hash)) rmSync(old, { recursive: true, force: true });
      const folder = store.eventFolder(hash, `${setting} seed ${config.seed}`);
      makeFolder(folder);
      this.#file = new EventFile(folder);
      const parameters = Object.entries(flattenConfig(config)).filter(([, value]) => value != null);
      const group = `${setting} (${configHash({ ...config, seed: 0 })})`;
      this.#file.begin(Object.fromEntries(parameters) as Record<string, HyperParameter>, group);
    });
  }

  /** Writes one epoch. */
  write(record: EpochRecord): void {
    this.#try(() => this.#file && writeEpoch(this.#file, record.epoch - 1, logsOf(record)));
  }

  /** Writes what was measured at the end, and that the run is done. */
  end({ status, last, measures }: RunResult): void {
    this.#try(() => {
      if (last !== null && Object.keys(measures).length > 0) this.#file?.scalars(last.epoch, measures);
      this.#file?.end(status === 'finished');
    });
  }

  #try(work: () => void): void {
    try {
      work();
    } catch {
      this.#file = undefined;
    }
  }
}
