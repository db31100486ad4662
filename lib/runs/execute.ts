/**
 * Executes one run in this process, from where it was left.
 *
 *     done before               its result is read
 *     at work elsewhere         nothing is done: `locked`
 *     otherwise                 resumed from the newest good checkpoint, or begun; saved every few seconds,
 *                               and when it is stopped
 */
import { AbortedError, DataError, StateMismatchError } from '../core/errors';
import { callback, checkOptions, number, type OptionsOf, signal, text, where } from '../core/options';
import * as tf from '../core/tf';
import { tryLock } from '../files/lock';
import type { LifelongState } from '../lifelong';
import type { EpochRecord, TrainingLoop } from '../training/loop';
import type { TrainerState } from '../training/trainerState';
import { type BuiltLifelongRun, type BuiltRun, buildLifelongRun, buildRun } from './build';
import { configHash, type FullRunConfig, type RunConfig, resolveConfig } from './config/config';
import { DataLoader } from './config/dataConfig';
import type { MeasuredValues } from './config/measure';
import { takeMeasures } from './config/measures';
import { settingNames } from './config/names';
import { EventWriter } from './events';
import { type LifelongResult, lifelongResult, lifelongValues } from './lifelongRun';
import { presentMachine, presentVersions } from './machine';
import { type RunResult, RunStore } from './store';

/** What became of a run. */
export type RunOutcome =
  | {
      /** The run is done. */
      kind: 'done';
      /** What it reached. */
      result: RunResult;
      /** Whether another sweep had done it in the meantime. */
      reused: boolean;
    }
  /** Another process works on it. */
  | { kind: 'locked' }
  /** Stopped on request; what was done is saved. */
  | { kind: 'aborted' };

const OPTIONS = {
  /** Stops at the next step and saves. */
  signal: signal(),
  /** Called after each step with the share of the run that is done, 0 to 1. */
  onProgress: callback<(share: number) => void>(),
  /**
   * Shortest time between two checkpoints, in seconds; they are taken at the end of epochs. At least 0.
   * Default 2.
   */
  checkpointSeconds: number({ min: 0 }, 2),
  /** What TensorBoard calls the run, but for its seed. Default: its label, or its optimizer. */
  name: text(),
  /** Loads the data; give the same one to runs that follow. */
  loader: where<DataLoader>('object', 'a DataLoader', (value) => value instanceof DataLoader),
};

/** Options of `executeRun`. */
export type ExecuteOptions = OptionsOf<typeof OPTIONS>;

/**
 * Executes a run.
 *
 * @throws What building and training throw: OptionError, DataError. StorageError where the disk is full or
 *   read-only: what was saved before is kept. A divergence is a result, not an error.
 */
export async function executeRun(
  config: RunConfig,
  store: RunStore,
  options: ExecuteOptions = {},
): Promise<RunOutcome> {
  const settings = checkOptions('executeRun', OPTIONS, options);
  const full = resolveConfig(config);
  const hash = configHash(full);
  const done = store.readResult(hash);
  if (done !== undefined) return { kind: 'done', result: done, reused: true };
  const lock = tryLock(store.runFolder(hash));
  if (lock === undefined) return { kind: 'locked' };
  try {
    const present = store.readResult(hash);
    const result = present ?? (await work(hash, full, store, lock.lost, settings));
    if (lock.lost.aborted) return { kind: 'locked' };
    return result === undefined
      ? { kind: 'aborted' }
      : { kind: 'done', result, reused: present !== undefined };
  } finally {
    lock.release();
  }
}

/**
 * The model of a finished run with its last weights, and all that belongs to it, for a look at what was
 * learned. The caller disposes it.
 *
 * Lookahead's variables may hold fast weights: use `optimizer.withSlowWeights`.
 *
 * @throws DataError where the run has no checkpoint.
 */
export async function openRun(
  config: RunConfig,
  store: RunStore = new RunStore(),
  loader?: DataLoader,
): Promise<BuiltRun> {
  const state = checkpointOf<TrainerState>(config, store);
  const run = await buildRun(config, loader);
  run.trainer.restore(state);
  return run;
}

/**
 * The learner of a finished run with `lifelong`, with its last weights, and all that belongs to it. The
 * caller disposes it. As `openRun`.
 *
 * @throws DataError where the run has no checkpoint.
 */
export async function openLifelongRun(
  config: RunConfig,
  store: RunStore = new RunStore(),
  loader?: DataLoader,
): Promise<BuiltLifelongRun> {
  const state = checkpointOf<LifelongState>(config, store);
  const run = await buildLifelongRun(config, loader);
  run.learner.restore(state);
  return run;
}

function checkpointOf<S extends TrainerState>(config: RunConfig, store: RunStore): S {
  const hash = configHash(config);
  const state = store.readCheckpoint<S>(hash);
  if (state === undefined) {
    const again =
      store.readResult(hash) !== undefined
        ? `Delete ${store.runFolder(hash)} and run it again`
        : 'Run it first';
    throw new DataError(
      `Run ${hash} has no checkpoint in ${store.folder} that can be read. ${again}: executeRun or sweep.`,
    );
  }
  return state;
}

/** A run as it is executed, whatever trains it. */
interface Execution extends Pick<BuiltRun, 'config' | 'model' | 'optimizer' | 'dispose'> {
  trainer: TrainingLoop;
  /** The values of the result, when training is finished. */
  measure(signal: AbortSignal | undefined): Promise<MeasuredValues>;
  /** What was learned from a sequence of tasks. */
  lifelong?(): LifelongResult;
}

async function build(config: FullRunConfig, loader: DataLoader): Promise<Execution> {
  if (config.lifelong !== undefined) {
    const run = await buildLifelongRun(config, loader);
    const { learner } = run;
    return {
      ...run,
      trainer: learner,
      measure: async () => lifelongValues(learner),
      lifelong: () => lifelongResult(learner),
    };
  }
  const run = await buildRun(config, loader);
  const { model, data, optimizer } = run;
  return {
    ...run,
    measure: (signal) =>
      optimizer.withSlowWeights(() =>
        takeMeasures(config.measures, { model, data, loss: config.loss, signal }),
      ),
  };
}

/**
 * The work itself; undefined where it was stopped.
 *
 * @param lost Aborted where the lock of the run was lost: nothing is written from then on.
 */
async function work(
  hash: string,
  config: FullRunConfig,
  store: RunStore,
  lost: AbortSignal,
  options: ExecuteOptions,
): Promise<RunResult | undefined> {
  const { onProgress, checkpointSeconds = 2, loader = new DataLoader() } = options;
  const signal = options.signal === undefined ? lost : AbortSignal.any([options.signal, lost]);
  store.clean(hash);
  store.writeConfig(hash, config);
  const run = await build(config, loader);
  const { trainer } = run;
  try {
    resume(run, store, hash);
    const { name = settingNames([config])[0]! } = options;
    const events = new EventWriter(store, hash, config, name);
    for (const record of trainer.history) events.write(record);
    let saved = performance.now();
    const status = await trainer.train({
      signal,
      callbacks: {
        onBatchEnd: () => onProgress?.(trainer.share),
        onEpochEnd() {
          if (lost.aborted) return;
          events.write(trainer.history.at(-1)!);
          store.writeHistory(hash, trainer.history);
          if (
            performance.now() - saved < checkpointSeconds * 1000 ||
            trainer.position.epoch === trainer.epochs
          )
            return;
          store.writeCheckpoint(hash, trainer.save());
          saved = performance.now();
        },
      },
    });
    if (lost.aborted) return undefined; // the run's folder is another's now
    store.writeHistory(hash, trainer.history);
    if (status === 'diverged') return finish(hash, run, store, events, {});
    store.writeCheckpoint(hash, trainer.save());
    if (status !== 'finished') return undefined;
    return finish(hash, run, store, events, await run.measure(signal));
  } catch (error) {
    if (error instanceof AbortedError) return undefined;
    throw error;
  } finally {
    run.dispose();
  }
}

/** Goes on from the newest checkpoint that fits; a run without one begins. */
function resume({ trainer }: Execution, store: RunStore, hash: string): void {
  const state = store.readCheckpoint(hash);
  if (state === undefined) return;
  try {
    trainer.restore(state);
  } catch (error) {
    if (!(error instanceof StateMismatchError)) throw error;
  }
}

function finish(
  hash: string,
  { trainer, optimizer, model, config, lifelong }: Execution,
  store: RunStore,
  events: EventWriter,
  measures: MeasuredValues,
): RunResult {
  const { history, status, position, divergence, warnings } = trainer;
  const best = lifelong === undefined ? bestOf(history) : null;
  const result: RunResult = {
    format: 'lookbehind-result/2',
    hash,
    status: status === 'diverged' ? 'diverged' : 'finished',
    last: history.at(-1) ?? null,
    best,
    gradientEvaluations: optimizer.gradientEvaluations,
    seconds: position.seconds,
    parameters: model.trainableWeights.reduce(
      (sum, { shape }) => sum + tf.util.sizeFromShape(shape as number[]),
      0,
    ),
    measures,
    ...(divergence === undefined
      ? {}
      : { divergence: { ...divergence, checkpoint: store.checkpointFile(hash) ?? null } }),
    ...(warnings.length === 0 ? {} : { warnings: [...warnings] }),
    ...(lifelong === undefined ? {} : { lifelong: lifelong() }),
    seed: config.seed,
    versions: presentVersions(),
    machine: presentMachine(),
    finishedAt: new Date().toISOString(),
  };
  store.writeResult(result);
  events.end(result);
  store.keepNewestCheckpoint(hash);
  return result;
}

/**
 * The evaluated epoch of the highest accuracy, or where labels are numbers of the lowest loss; the first of
 * equals.
 */
function bestOf(history: readonly EpochRecord[]): EpochRecord | null {
  const worth = ({ testAccuracy, testLoss }: EpochRecord): number => testAccuracy ?? -testLoss!;
  return history
    .filter(({ testLoss }) => testLoss !== null)
    .reduce<EpochRecord | null>(
      (best, one) => (best === null || worth(one) > worth(best) ? one : best),
      null,
    );
}
