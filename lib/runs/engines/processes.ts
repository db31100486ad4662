/**
 * Executes runs in worker processes of this machine, which stay for many runs.
 *
 * By default one single-threaded process per core: small networks gain little from a second thread, but everything from a second run.
 */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { checkKnownOptions, checkNumber } from '../../core/errors';
import type { RunOutcome } from '../execute';
import type { Engine, RunTask, TaskOptions } from './engine';
import { RunnerProcess } from './runner';

/** Milliseconds that a worker has to end when it is asked to. */
const PATIENCE = 10_000;

/** Options of `ProcessEngine`. */
export interface ProcessEngineOptions {
  /** Number of processes. A whole number, at least 1. Default: the number of cores. */
  workers?: number;
  /** Threads of each process. A whole number, at least 1. Default: the cores shared out among the workers, at least 1. */
  threads?: number;
}

/** Executes runs in worker processes. They start when they are needed. */
export class ProcessEngine implements Engine {
  readonly slots: number;
  readonly #threads: number;
  readonly #idle: RunnerProcess[] = [];
  readonly #all = new Set<RunnerProcess>();

  /** @throws OptionError */
  constructor(options: ProcessEngineOptions = {}) {
    checkKnownOptions('ProcessEngine', options, ['workers', 'threads']);
    const cores = availableParallelism();
    this.slots = checkNumber('workers', options.workers ?? cores, { min: 1, integer: true });
    const threads = options.threads ?? Math.max(1, Math.floor(cores / this.slots));
    this.#threads = checkNumber('threads', threads, { min: 1, integer: true });
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
    const env = { ...process.env, TF_NUM_INTRAOP_THREADS: String(this.#threads), TF_NUM_INTEROP_THREADS: '1' };
    const worker = new RunnerProcess(process.execPath, [join(__dirname, 'worker.js')], {
      name: 'The worker process',
      patience: PATIENCE,
      env,
    });
    this.#all.add(worker);
    return worker;
  }
}
