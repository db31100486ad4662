/**
 * Executes runs in worker processes of this machine, which stay for many runs.
 *
 * By default one single-threaded process per core: small networks gain little from a second thread, but everything from a second run.
 */
import { type ChildProcess, fork } from 'node:child_process';
import type { Socket } from 'node:net';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { withoutGreeting } from '../../compile/greeting';
import { checkKnownOptions, checkNumber } from '../../core/errors';
import type { RunOutcome } from '../execute';
import { type Engine, RunError, type RunTask, type TaskOptions, WorkerDiedError } from './engine';
import type { Reply, Request } from './messages';

/** Milliseconds that a worker has to end when it is asked to. */
const PATIENCE = 10_000;
/** Milliseconds between the end of a worker and the end of what it wrote. */
const LAST_WORDS = 20;
/** Characters of a worker's error output that are kept for the message about its death. */
const KEPT_OUTPUT = 2000;

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
  readonly #idle: Worker[] = [];
  readonly #all = new Set<Worker>();

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
    return [...this.#all].map(({ pid }) => pid);
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

  #start(): Worker {
    const worker = new Worker(this.#threads);
    this.#all.add(worker);
    return worker;
  }
}

class Worker {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #output = '';
  /** How the process ended; undefined while it runs. */
  #end: string | undefined;
  #onReply: (reply: Reply) => void = () => {};
  #onDeath: () => void = () => {};

  constructor(threads: number) {
    this.#child = fork(join(__dirname, 'worker.js'), [], {
      execArgv: [],
      serialization: 'advanced', // NaN survives
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: { ...process.env, TF_NUM_INTRAOP_THREADS: String(threads), TF_NUM_INTEROP_THREADS: '1' },
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#output = (this.#output + text).slice(-KEPT_OUTPUT);
    });
    this.#child.on('message', (reply: Reply) => this.#onReply(reply));
    this.#ended = new Promise((resolve) => {
      const ended = (how: string): void => {
        this.#end ??= how;
        this.#onDeath();
        resolve();
      };
      this.#child.on('error', (error) => ended(error.message));
      this.#child.on('exit', (code, signal) => {
        // Its last words may still be on their way.
        setTimeout(() => ended(signal === null ? `exit code ${code}` : `signal ${signal}`), LAST_WORDS);
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  get isAlive(): boolean {
    return this.#end === undefined && this.#child.connected;
  }

  run(task: RunTask, { signal, onProgress }: TaskOptions): Promise<RunOutcome> {
    return new Promise<RunOutcome>((resolve, reject) => {
      const abort = (): void => this.#send({ kind: 'abort' });
      const settle = (): void => {
        this.#keepsAlive(false);
        signal?.removeEventListener('abort', abort);
        this.#onReply = () => {};
        this.#onDeath = () => {};
      };
      this.#onReply = (reply) => {
        if (reply.kind === 'progress') {
          onProgress?.(reply.share);
          return;
        }
        settle();
        if (reply.kind === 'outcome') resolve(reply.outcome);
        else reject(new RunError(reply.name, reply.message));
      };
      this.#onDeath = () => {
        settle();
        const output = withoutGreeting(this.#output).trim();
        reject(new WorkerDiedError(`The worker process ended with ${this.#end}.${output === '' ? '' : ` It said: ${output}`}`));
      };
      this.#keepsAlive(true);
      this.#send({ kind: 'run', task });
      if (signal?.aborted) abort();
      else signal?.addEventListener('abort', abort, { once: true });
    });
  }

  /** Lets the process end, by force where it does not. */
  async end(): Promise<void> {
    if (this.#end !== undefined) return;
    if (this.#child.connected) this.#child.disconnect();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), PATIENCE);
    await this.#ended;
    clearTimeout(timer);
  }

  /** Whether this process waits for the worker before it ends: not for one without work, where an engine was not closed. */
  #keepsAlive(value: boolean): void {
    const action = value ? 'ref' : 'unref';
    this.#child[action]();
    this.#child.channel?.[action]();
    (this.#child.stderr as Socket | null)?.[action]();
  }

  #send(request: Request): void {
    // A worker that just died is reported by its end, not by the failed sending.
    if (this.#child.connected) this.#child.send(request, () => {});
  }
}
