/**
 * Runs many configurations: those that are done are taken from the store, the others are executed, several at
 * a time.
 */
import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { OptionError, throwIfAborted } from '../core/errors';
import {
  callback,
  checkOptions,
  either,
  number,
  type OptionsOf,
  oneOf,
  signal,
  text,
  where,
  whole,
  withDefault,
} from '../core/options';
import { isLocked } from '../files/lock';
import type { EpochRecord } from '../training/loop';
import { configHash, type FullRunConfig, workOf } from './config/config';
import { expandGrid, type SweepGrid } from './config/grid';
import { settingNames } from './config/names';
import { type Engine, InProcessEngine, WorkerDiedError } from './engines/engine';
import { ProcessEngine } from './engines/processes';
import type { RunOutcome } from './execute';
import { type RunResult, RunStore } from './store';

/** How often a run is begun before its worker's death is its outcome, where the engine does not say. */
const ATTEMPTS = 2;
/**
 * Milliseconds until a run that another sweep works on is looked at again; up to twice as long, at random.
 */
const LOCKED_WAIT = 150;

/** One run of a sweep. */
export interface RunRow {
  /** The name of the run in the store. */
  hash: string;
  /** The configuration of the run. */
  config: FullRunConfig;
  /** `failed`: an error ended it, see `error`. Nothing is stored then, so that the next sweep tries again. */
  status: 'finished' | 'diverged' | 'failed';
  /** Null where the run failed. */
  result: RunResult | null;
  /** What went wrong, or null. */
  error: string | null;
  /** Whether the result was there before this sweep. */
  reused: boolean;
  /** How it went, epoch by epoch: read from the store at each call. Rows of a sweep have it. */
  history?(): EpochRecord[];
}

/** Where a sweep stands. */
export interface SweepProgress {
  /** Runs in all. */
  total: number;
  /** Runs that are done, failed ones included. */
  done: number;
  /** Runs whose results were there before. */
  reused: number;
  /** Runs that an error ended. */
  failed: number;
  /** Runs under way. */
  running: number;
  /** Share of the work that is done, 0 to 1, by an estimate from epochs, samples and gradients per step. */
  share: number;
  /** Seconds left at the speed measured in this sweep; undefined as long as there is none. */
  secondsLeft: number | undefined;
}

const ENGINE = where<Engine>(
  'object',
  'an engine',
  (value) => typeof (value as Engine | null)?.run === 'function',
);

const OPTIONS = {
  /** The store, or its folder. Default: `data/runs` of the project. */
  store: either(
    text(),
    where<RunStore>('object', 'a RunStore', (value) => value instanceof RunStore),
  ),
  /** Worker processes. A whole number, at least 1. Default: one per core. */
  workers: whole({ min: 1 }),
  /**
   * `processes`, `inProcess` (one run at a time, with all threads of this process), or an engine of one's
   * own. Default `processes`.
   */
  engine: withDefault(either(oneOf(['processes', 'inProcess']), ENGINE), 'processes'),
  /**
   * Stops all runs at their next step and saves them; the sweep then throws an AbortedError. The same sweep
   * goes on where it was.
   */
  signal: signal(),
  /** Called with each run as it gets done, those of earlier sweeps first. */
  onRow: callback<(row: RunRow) => void>(),
  /** Called when a run is done and, while runs are under way, about ten times a second. */
  onProgress: callback<(progress: SweepProgress) => void>(),
  /** Shortest time between two checkpoints of a run, in seconds. At least 0. Default 2. */
  checkpointSeconds: number({ min: 0 }, 2),
};

/** Options of `sweep`. */
export type SweepOptions = OptionsOf<typeof OPTIONS>;

/**
 * Runs all configurations of a grid, or of several, and returns one row for each, in their order.
 *
 * Runs that are done are not repeated, runs that were interrupted go on where they were, and runs that
 * another sweep works on are waited for. A run that fails, or whose worker dies twice, becomes a row with its
 * error; the others go on.
 *
 * @example
 * const rows = await sweep({
 *   data: 'mnist1d', model: { kind: 'mlp', hidden: [100, 100] }, epochs: 30,
 *   optimizer: { kind: 'lookbehindSAM', k: [2, 5], alpha: [0.5, 'adaptive'], momentum: 0.9 }, seeds: 5,
 * });
 * @throws OptionError before anything is run, where a configuration is wrong. AbortedError after `signal`.
 */
export async function sweep(
  grids: SweepGrid | readonly SweepGrid[],
  options: SweepOptions = {},
): Promise<RunRow[]> {
  const settings = checkOptions('sweep', OPTIONS, options);
  const { signal, engine, workers } = settings;
  const store = settings.store instanceof RunStore ? settings.store : new RunStore(settings.store);
  const configs = (Array.isArray(grids) ? (grids as readonly SweepGrid[]) : [grids as SweepGrid]).flatMap(
    expandGrid,
  );
  if (configs.length === 0) throw new OptionError('grids', grids, 'at least one configuration');
  throwIfAborted(signal, 'The sweep');
  const present = typeof engine === 'object' ? engine : undefined;
  const used = typeof engine === 'object' ? engine : makeEngine(engine, workers);
  try {
    return await new Sweep(configs, store, used, settings).run();
  } finally {
    if (present === undefined) await used.close();
  }
}

function makeEngine(kind: string, workers: number | undefined): Engine {
  return kind === 'inProcess' ? new InProcessEngine() : new ProcessEngine({ workers });
}

/** One run of the sweep that is not done: several rows may stand for it. */
interface Job {
  hash: string;
  config: FullRunConfig;
  /** Its places among the rows. */
  rows: number[];
  work: number;
  attempts: number;
  /** Not to be looked at earlier, in milliseconds of the steady clock. */
  notBefore: number;
  /** Share that is done, and that was done when this sweep took it up. */
  share: number;
  shareAtStart: number | undefined;
}

class Sweep {
  readonly #rows: RunRow[] = [];
  readonly #queue: Job[] = [];
  readonly #running = new Set<Job>();
  readonly #stop = new AbortController();
  readonly #started = performance.now();
  readonly #totalWork: number;
  /** What the runs are called, but for their seeds. */
  readonly #names: readonly string[];
  #count = { done: 0, reused: 0, failed: 0 };
  #workDone = 0;
  #workDoneHere = 0;
  #reported = 0;

  constructor(
    private readonly configs: readonly FullRunConfig[],
    private readonly store: RunStore,
    private readonly engine: Engine,
    private readonly options: SweepOptions,
  ) {
    this.#names = settingNames(configs);
    this.#totalWork = configs.reduce((sum, config) => sum + workOf(config), 0);
    setMaxListeners(0, this.#stop.signal);
  }

  async run(): Promise<RunRow[]> {
    const { signal } = this.options;
    const stop = (): void => this.#stop.abort(signal?.reason);
    signal?.addEventListener('abort', stop, { once: true });
    try {
      this.#takeWhatIsDone();
      if (this.#queue.length > 0) await this.engine.connect?.();
      const lanes = Array.from({ length: Math.min(this.engine.slots, this.#queue.length) }, () =>
        this.#lane(),
      );
      const ends = await Promise.allSettled(lanes);
      const failure = ends.find((end) => end.status === 'rejected');
      if (failure !== undefined) throw failure.reason;
    } finally {
      signal?.removeEventListener('abort', stop);
    }
    throwIfAborted(this.#stop.signal, 'The sweep');
    return this.#rows;
  }

  #takeWhatIsDone(): void {
    const jobs = new Map<string, Job>();
    this.configs.forEach((config, row) => {
      const hash = configHash(config);
      const job = jobs.get(hash);
      if (job !== undefined) job.rows.push(row);
      else {
        const work = workOf(config);
        jobs.set(hash, {
          hash,
          config,
          rows: [row],
          work,
          attempts: 0,
          notBefore: 0,
          share: 0,
          shareAtStart: undefined,
        });
      }
    });
    for (const job of jobs.values()) {
      const result = this.store.readResult(job.hash);
      if (result === undefined) this.#queue.push(job);
      else this.#finish(job, { result, reused: true });
    }
    // The longest first, so that no worker is left alone with a long run at the end.
    this.#queue.sort((a, b) => b.work - a.work);
    this.#report(true);
  }

  /** Executes one run after the other until none is left. */
  async #lane(): Promise<void> {
    try {
      for (let job = await this.#next(); job !== undefined; job = await this.#next()) {
        this.#running.add(job);
        await this.#execute(job);
        this.#running.delete(job);
      }
    } catch (error) {
      this.#stop.abort(error); // the other lanes stop, too
      throw error;
    }
  }

  /** The next run that nobody works on; undefined where none is left, or the sweep stops. */
  async #next(): Promise<Job | undefined> {
    while (!this.#stop.signal.aborted && this.#queue.length > 0) {
      const now = performance.now();
      const ready = this.#queue.findIndex(({ notBefore }) => notBefore <= now);
      if (ready < 0) {
        await sleep(LOCKED_WAIT / 3);
        continue;
      }
      const [job] = this.#queue.splice(ready, 1);
      const result = this.store.readResult(job.hash);
      if (result !== undefined) this.#finish(job, { result, reused: true });
      else if (isLocked(this.store.runFolder(job.hash))) this.#postpone(job);
      else return job;
    }
    return undefined;
  }

  #postpone(job: Job): void {
    job.notBefore = performance.now() + LOCKED_WAIT * (1 + Math.random());
    this.#queue.push(job);
  }

  /** Executes a run, or puts it back into the queue. */
  async #execute(job: Job): Promise<void> {
    job.attempts++;
    job.shareAtStart = undefined;
    const onProgress = (share: number): void => {
      job.shareAtStart ??= share;
      job.share = share;
      this.#report(false);
    };
    const { checkpointSeconds } = this.options;
    const task = {
      config: job.config,
      store: this.store.folder,
      checkpointSeconds,
      name: this.#names[job.rows[0]!],
    };
    let outcome: RunOutcome;
    try {
      outcome = await this.engine.run(task, { signal: this.#stop.signal, onProgress });
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#failed(job, error as Error);
      return;
    }
    if (outcome.kind === 'done') this.#finish(job, { result: outcome.result, reused: outcome.reused });
    if (outcome.kind !== 'locked') return;
    job.attempts--;
    this.#postpone(job);
  }

  #failed(job: Job, error: Error): void {
    if (!(error instanceof WorkerDiedError))
      this.#finish(job, { error: `${error.name}: ${error.message}`, reused: false });
    else if (job.attempts < (this.engine.attempts ?? ATTEMPTS)) this.#queue.push(job);
    else this.#finish(job, { error: error.message, reused: false });
  }

  #finish(
    job: Job,
    {
      result = null,
      error = null,
      reused,
    }: { result?: RunResult | null; error?: string | null; reused: boolean },
  ): void {
    const { hash } = job;
    const count = job.rows.length;
    this.#count.done += count;
    this.#count.reused += reused ? count : 0;
    this.#count.failed += error === null ? 0 : count;
    this.#workDone += job.work * count;
    if (!reused) this.#workDoneHere += job.work * (1 - (job.shareAtStart ?? 0));
    this.#running.delete(job);
    for (const row of job.rows) {
      this.#rows[row] = {
        hash,
        config: this.configs[row],
        status: result?.status ?? 'failed',
        result,
        error,
        reused,
        history: () => this.store.readHistory(hash),
      };
      this.options.onRow?.(this.#rows[row]);
    }
    this.#report(true);
  }

  #report(always: boolean): void {
    const { onProgress } = this.options;
    const now = performance.now();
    if (onProgress === undefined || !(always || now - this.#reported > 100)) return;
    this.#reported = now;
    const shares = [...this.#running].map((job) => job.work * job.share);
    const here = [...this.#running].map((job) => job.work * (job.share - (job.shareAtStart ?? job.share)));
    const done = this.#workDone + sum(shares);
    const doneHere = this.#workDoneHere + sum(here);
    const speed = doneHere / ((now - this.#started) / 1000);
    onProgress({
      total: this.configs.length,
      ...this.#count,
      running: this.#running.size,
      share: done / this.#totalWork,
      secondsLeft: speed > 0 ? Math.max(0, this.#totalWork - done) / speed : undefined,
    });
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
