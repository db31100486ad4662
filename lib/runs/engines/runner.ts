/**
 * A process that executes runs for this one: a worker, or the driver of a cluster. Both say the same, in
 * lines of JSON through standard input and output.
 */
import { type SpawnOptions, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { withoutGreeting } from '../../compile/greeting';
import { LookbehindError } from '../../core/errors';
import { parseNumbers } from '../../files/checkedJson';
import type { RunOutcome } from '../execute';
import { type RunTask, type TaskOptions, WorkerDiedError } from './engine';

/** To the process. A worker takes one run at a time; a driver many, and tells them apart by `id`. */
export type Request = { kind: 'run'; id?: number; task: RunTask } | { kind: 'abort'; id?: number };

/** What became of a run, from the process. */
export type Reply =
  | { kind: 'progress'; share: number }
  | { kind: 'outcome'; outcome: RunOutcome }
  | { kind: 'error'; name: string; message: string }
  | { kind: 'died'; message: string };

/** An error that a run threw in another process. */
export class RunError extends LookbehindError {
  constructor(name: string, message: string) {
    super(message);
    this.name = name;
  }
}

/** Characters of a process's error output that are kept for the message about its death. */
const KEPT_OUTPUT = 2000;

/** How a `RunnerProcess` is started, and what it is called in messages. */
export interface RunnerOptions extends Pick<SpawnOptions, 'env' | 'detached'> {
  /** What messages call it: `The worker process`. */
  name: string;
  /** Milliseconds that it has to end when it is asked to. */
  patience: number;
  /** What it says that is about no run. */
  onLine?: (line: unknown) => void;
}

/** A process that executes runs. */
export class RunnerProcess {
  /** Fulfilled when the process has ended, and all it said was read. */
  readonly ended: Promise<void>;
  readonly #child: ReturnType<typeof spawn>;
  readonly #options: RunnerOptions;
  readonly #runs = new Map<number, (reply: Reply) => void>();
  #lastRun = 0;
  #output = '';
  /** How the process ended; undefined while it runs. */
  #end: string | undefined;

  constructor(command: string, args: readonly string[], options: RunnerOptions) {
    const { env, detached, onLine } = options;
    this.#options = options;
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], env, detached });
    const { stdin, stdout, stderr } = this.#child;
    stdin!.on('error', () => {}); // its end is reported below
    stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#output = (this.#output + text).slice(-KEPT_OUTPUT);
    });
    createInterface({ input: stdout! }).on('line', (line) => {
      if (!line.startsWith('{"kind":')) return; // a library printed it
      const { id, ...said } = parseNumbers(line) as Reply & { id?: number };
      if (id === undefined) onLine?.(said);
      else this.#runs.get(id)?.(said);
    });
    this.ended = new Promise((resolve) => {
      const end = (how: string): void => {
        this.#end ??= how;
        for (const take of [...this.#runs.values()]) take({ kind: 'died', message: this.lastWords });
        resolve();
      };
      this.#child.on('error', (error) => end(error.message));
      this.#child.on('close', (code, signal) =>
        end(signal === null ? `exit code ${code}` : `signal ${signal}`),
      );
    });
    this.#keepAlive();
  }

  /** Its number; undefined where it does not run. */
  get pid(): number | undefined {
    return this.isAlive ? this.#child.pid : undefined;
  }

  /** Whether it can be given runs. */
  get isAlive(): boolean {
    return this.#end === undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** How it ended, and what it wrote to its standard error before. */
  get lastWords(): string {
    const output = withoutGreeting(this.#output).trim();
    return `${this.#options.name} ended with ${this.#end}.${output === '' ? '' : ` It said: ${output}`}`;
  }

  /** Executes a run, as an `Engine` does. */
  run(task: RunTask, { signal, onProgress }: TaskOptions): Promise<RunOutcome> {
    const id = ++this.#lastRun;
    return new Promise<RunOutcome>((fulfil, reject) => {
      const abort = (): void => this.send({ kind: 'abort', id });
      const take = (reply: Reply): void => {
        if (reply.kind === 'progress') {
          onProgress?.(reply.share);
          return;
        }
        this.#runs.delete(id);
        this.#keepAlive();
        signal?.removeEventListener('abort', abort);
        if (reply.kind === 'outcome') fulfil(reply.outcome);
        else
          reject(
            reply.kind === 'error'
              ? new RunError(reply.name, reply.message)
              : new WorkerDiedError(reply.message),
          );
      };
      this.#runs.set(id, take);
      this.#keepAlive();
      this.send({ kind: 'run', id, task });
      if (this.#end !== undefined) take({ kind: 'died', message: this.lastWords });
      else if (signal?.aborted) abort();
      else signal?.addEventListener('abort', abort, { once: true });
    });
  }

  /** Tells it something. One that just died is reported by its end, not by the failed sending. */
  send(request: Request | object): void {
    if (this.isAlive) this.#child.stdin!.write(`${JSON.stringify(request)}\n`);
  }

  /** Lets it save and end, by force where it does not. */
  async end(): Promise<void> {
    if (this.#end !== undefined) return;
    this.#child.stdin!.end();
    const timer = setTimeout(() => this.kill(), this.#options.patience);
    await this.ended;
    clearTimeout(timer);
  }

  /** Ends it at once. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** This process does not wait for one without runs before it ends, where an engine was not closed. */
  #keepAlive(): void {
    const action = this.#runs.size > 0 ? 'ref' : 'unref';
    const { stdin, stdout, stderr } = this.#child;
    this.#child[action]();
    for (const stream of [stdin, stdout, stderr]) (stream as Socket | null)?.[action]();
  }
}
