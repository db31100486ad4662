/**
 * The run store: a folder of runs, each a folder named by the hash of its configuration.
 *
 *     <hash>/config.json      the configuration; can be run again as it is
 *     <hash>/history.csv      one row per epoch
 *     <hash>/result.json      there when the run is done
 *     <hash>/checkpoint/      the state of the training, to resume and to evaluate
 *     <hash>/lock-*.json      who works on the run now
 *     tensorboard/NAME (HASH)/    events of a run for TensorBoard, with the first 8 digits of its hash
 *
 * Files appear whole or not at all, and carry checksums. Whatever can be made again from other files is made
 * again where it is damaged.
 */
import { readdirSync, rmSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { checkText, DataError, type Divergence, OptionError } from '../core/errors';
import { dataFolder } from '../data/files';
import { makeFolder, writeFileAtomic } from '../files/atomicFile';
import { parseChecked, stringifyChecked } from '../files/checkedJson';
import { readRegularText } from '../files/regularFile';
import {
  keepNewestCheckpoint,
  loadCheckpoint,
  newestCheckpoint,
  saveCheckpoint,
} from '../training/checkpoint';
import type { EpochRecord } from '../training/loop';
import type { TrainerState } from '../training/trainerState';
import { configHash, type FullRunConfig, resolveConfig } from './config/config';
import type { MeasuredValues } from './config/measure';
import { historyFromCsv, historyToCsv } from './history';
import type { LifelongResult } from './lifelongRun';
import type { Machine, Versions } from './machine';

const FORMAT = 'lookbehind-result/2';
const HASH = /^[0-9a-f]{16}$/;
/** Digits of a hash in the name of a folder of events. */
const EVENT_DIGITS = 8;

/** The outcome of a run. */
export interface RunResult {
  /** Format and version of the file. */
  format: typeof FORMAT;
  /** The hash of the configuration. */
  hash: string;
  /** `diverged` where a training loss was not finite: the run ended there. */
  status: 'finished' | 'diverged';
  /** The last epoch; null where the run diverged in its first. */
  last: EpochRecord | null;
  /**
   * The evaluated epoch with the highest test accuracy (the lowest loss where labels are numbers), the first
   * of equals; null in lifelong learning. Report `last`: `best` is chosen on the test set.
   */
  best: EpochRecord | null;
  /** Gradients taken, each of one batch. */
  gradientEvaluations: number;
  /** Seconds spent in training steps. */
  seconds: number;
  /** Weights that were trained. */
  parameters: number;
  /**
   * Where and why the run diverged, and the last good checkpoint: its file in the run's folder, or null where
   * there is none.
   */
  divergence?: Divergence & { checkpoint: string | null };
  /** What makes the numbers mean less than they seem to, in words; absent where nothing does. */
  warnings?: string[];
  /** What `measures` asked for, or the measures of lifelong learning. Empty where the run diverged. */
  measures: MeasuredValues;
  /** What a run with `lifelong` learned; absent in others. */
  lifelong?: LifelongResult;
  /** The seed of the configuration. */
  seed: number;
  /** Versions of what computed it. */
  versions: Versions;
  /** The machine that computed it. */
  machine: Machine;
  /** When the run ended, ISO 8601. */
  finishedAt: string;
}

/**
 * The default store: the environment variable LB_RUNS where it is set, else `runs` in the project's data
 * folder.
 *
 * @throws OptionError outside of a checkout.
 */
export function defaultStore(): string {
  if (process.env.LB_RUNS) return resolve(process.env.LB_RUNS);
  try {
    return join(dataFolder(), 'runs');
  } catch {
    throw new OptionError(
      'store',
      undefined,
      'the folder where runs are kept (on the command line: --store runs)',
      'Or set the environment variable LB_RUNS. Only a checkout of the project has a folder for it.',
    );
  }
}

/** A folder of runs. */
export class RunStore {
  /** Absolute path. */
  readonly folder: string;

  /** @param folder Made when the first run starts. Default: `defaultStore()`. */
  constructor(folder: string = defaultStore()) {
    this.folder = resolve(checkText('store', folder));
  }

  /** The folder of a run. Throws an OptionError for what is no hash: no name leads out of the store. */
  runFolder(hash: string): string {
    if (!HASH.test(hash)) throw new OptionError('hash', hash, 'the 16 hexadecimal digits that name a run');
    return join(this.folder, hash);
  }

  /** The folder that TensorBoard shows. */
  get tensorboard(): string {
    return join(this.folder, 'tensorboard');
  }

  /** Where a run that is called `name` writes events. Letters that are no part of file names are replaced. */
  eventFolder(hash: string, name: string): string {
    const plain = name.replace(/[^\p{L}\p{N} =.,()+-]/gu, '_');
    const short = Buffer.from(plain).subarray(0, 200).toString().replace('\ufffd', '').trim();
    return join(this.tensorboard, `${short} (${hash.slice(0, EVENT_DIGITS)})`);
  }

  /** Where a run wrote events, under whatever names. */
  eventFolders(hash: string): string[] {
    const end = ` (${hash.slice(0, EVENT_DIGITS)})`;
    return foldersIn(this.tensorboard)
      .filter((name) => name.endsWith(end))
      .map((name) => join(this.tensorboard, name));
  }

  /** Hashes of all runs, started or done. */
  hashes(): string[] {
    return foldersIn(this.folder).filter((name) => HASH.test(name));
  }

  /** Removes what a killed process left half written. Only for who holds the lock. */
  clean(hash: string): void {
    const folder = this.runFolder(hash);
    for (const name of readdirSync(folder)) {
      if (/^(config|history|result)\..*\.tmp$/.test(name)) rmSync(join(folder, name), { force: true });
    }
  }

  /** Records that a run is under way. */
  writeConfig(hash: string, config: FullRunConfig): void {
    makeFolder(this.runFolder(hash));
    writeFileAtomic(this.#path(hash, 'config.json'), `${JSON.stringify(config, undefined, 2)}\n`);
  }

  /**
   * The configuration of a run.
   *
   * @throws DataError where it is missing, damaged, or belongs to another run.
   */
  readConfig(hash: string): FullRunConfig {
    const path = this.#path(hash, 'config.json');
    let config: FullRunConfig;
    try {
      config = resolveConfig(JSON.parse(readRegularText(path)));
    } catch (error) {
      throw new DataError(
        `${path} cannot be used: ${(error as Error).message} Run its ` +
          'configuration again, or delete the folder.',
        {
          cause: error,
        },
      );
    }
    if (configHash(config) !== hash) {
      throw new DataError(
        `${path} was changed: its hash is ${configHash(config)}. Delete the folder ${this.runFolder(hash)}.`,
      );
    }
    return config;
  }

  /**
   * Writes the result of a run with its checksum: it is done then. Throws a StorageError where that is
   * impossible.
   */
  writeResult(result: RunResult): void {
    const path = this.#path(result.hash, 'result.json');
    writeFileAtomic(path, `${stringifyChecked(result, 2)}\n`);
  }

  /**
   * The result of a run; undefined where it is not done, or its file is damaged, so that the run must be
   * taken up again.
   */
  readResult(hash: string): RunResult | undefined {
    const path = this.#path(hash, 'result.json');
    try {
      const result = parseChecked(readRegularText(path)) as unknown as RunResult;
      return result.format === FORMAT && result.hash === hash ? result : undefined;
    } catch {
      return undefined;
    }
  }

  /** Writes the history of a run, one line per epoch. Throws a StorageError where that is impossible. */
  writeHistory(hash: string, history: readonly EpochRecord[]): void {
    writeFileAtomic(this.#path(hash, 'history.csv'), historyToCsv(history));
  }

  /**
   * The history of a run, from its checkpoint where the file is damaged.
   *
   * @throws DataError where there is neither.
   */
  readHistory(hash: string): EpochRecord[] {
    const path = this.#path(hash, 'history.csv');
    try {
      const history = historyFromCsv(readRegularText(path), path);
      const { last } = this.readResult(hash) ?? {};
      if (last === undefined || (last?.epoch ?? 0) === history.length) return history;
      throw new DataError(`${path} is damaged: it has ${history.length} of ${last?.epoch ?? 0} epochs.`);
    } catch (error) {
      const state = this.readCheckpoint(hash);
      if (state !== undefined) return state.manifest.history;
      throw new DataError(
        `The history of run ${hash} is missing or damaged. Delete the ` +
          `folder ${this.runFolder(hash)} and run it again.`,
        {
          cause: error,
        },
      );
    }
  }

  /**
   * The newest checkpoint of a run that is not damaged, as a path from the run's folder; undefined where
   * there is none.
   */
  checkpointFile(hash: string): string | undefined {
    const path = newestCheckpoint(this.#path(hash, 'checkpoint'));
    return path && relative(this.runFolder(hash), path);
  }

  /**
   * Writes a checkpoint beside the last one, see `saveCheckpoint`. Throws a StorageError where that is
   * impossible.
   */
  writeCheckpoint(hash: string, state: TrainerState): void {
    saveCheckpoint(this.#path(hash, 'checkpoint'), state);
  }

  /**
   * Removes all checkpoints of a run that is done but the newest. One that cannot be removed stays, and does
   * no harm.
   */
  keepNewestCheckpoint(hash: string): void {
    try {
      keepNewestCheckpoint(this.#path(hash, 'checkpoint'));
    } catch {
      // The result is written: the run is done.
    }
  }

  /** The newest state of a run that is not damaged; undefined where there is none. */
  readCheckpoint<S extends TrainerState = TrainerState>(hash: string): S | undefined {
    try {
      return loadCheckpoint<S>(this.#path(hash, 'checkpoint'));
    } catch (error) {
      if (error instanceof DataError) return undefined;
      throw error;
    }
  }

  #path(hash: string, file: string): string {
    return join(this.runFolder(hash), file);
  }
}

function foldersIn(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
