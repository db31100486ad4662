/**
 * Executes runs in worker processes of this machine, which stay for many runs.
 *
 * By default one single-threaded process per core: small networks gain little from a second thread, but
 * everything from a second run.
 */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { checkOptions, type OptionsOf, whole } from '../../core/options';
import type { RunOutcome } from '../execute';
import type { Engine, RunTask, TaskOptions } from './engine';
import { RunnerProcess } from './runner';

/** Milliseconds that a worker has to end when it is asked to. */
const PATIENCE = 10_000;

const OPTIONS = {
  /** Number of processes. A whole number, at least 1. Default: the number of cores. */
  workers: whole({ min: 1 }),
  /**
   * Threads of each process. A whole number, at least 1. Default: the cores shared out among the workers, at
   * least 1.
   */
  threads: whole({ min: 1 }),
};

/** Options of `ProcessEngine`. */
export type ProcessEngineOptions = OptionsOf<typeof OPTIONS>;

/** Executes runs in worker processes. They start when they are needed. */
export class ProcessEngine implements Engine {
  readonly slots: number;
  readonly #threads: number;
  readonly #idle: RunnerProcess[] = [];
  readonly #all = new Set<RunnerProcess>();

  /** @throws OptionError */
  constructor(options: ProcessEngineOptions = {}) {
    const settings = checkOptions('ProcessEngine', OPTIONS, options);
    const cores = availableParallelism();
    this.slots = settings.workers ?? cores;
    this.#threads = settings.threads ?? Math.max(1, Math.floor(cores / this.slots));
  }

  /** Process ids of the workers. */
  get pids(): number[] {
    return [...this.#all].flatMap(({ pid }) => pid ?? []);
  }

  async run(task: RunTask, options: TaskOptions = {}): Promise<RunOutcome> {
    const worker = this.#idle.pop() ?? this.#start();
    try {
      return await worker.run(task, options);
    } finally {
      if (worker.isAlive) this.#idle.push(worker);
      else this.#all.delete(worker);
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#all].map((worker) => worker.end()));
    this.#all.clear();
    this.#idle.length = 0;
  }

  #start(): RunnerProcess {
    const env = {
      ...process.env,
      TF_NUM_INTRAOP_THREADS: String(this.#threads),
      TF_NUM_INTEROP_THREADS: '1',
    };
    const worker = new RunnerProcess(process.execPath, [join(__dirname, 'worker.js')], {
      name: 'The worker process',
      patience: PATIENCE,
      env,
    });
    this.#all.add(worker);
    return worker;
  }
}
