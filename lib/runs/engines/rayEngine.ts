/**
 * Executes runs on a Ray cluster: each is a task that Ray places where the processors and GPUs it asks for are free.
 *
 *     this process  <->  ray_driver.py  <->  Ray: one task per run, on any machine  <->  the Node worker, as ProcessEngine starts it
 *
 * Results, checkpoints and locks are in the store, so that the machines must share its folder, and find the project at the same path.
 * A run whose worker or machine dies is begun again, from its checkpoint, on whatever machine Ray finds; a sweep that dies is taken
 * up by the same command on any machine. Work goes to the machines in the order it is given, and waits in Ray's queue.
 *
 * Ray is a Python package: `npm run setup -- --ray` installs it, as the commands do by themselves with `--engine ray`.
 * https://docs.ray.io
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { withoutGreeting } from '../../compile/greeting';
import { checkKnownOptions, checkNumber, checkText, LookbehindError } from '../../core/errors';
import { parseNumbers } from '../../files/numberJson';
import type { RunOutcome } from '../execute';
import { type Engine, RunError, type RunTask, type TaskOptions, WorkerDiedError } from './engine';
import type { Reply } from './messages';

/** Milliseconds that a cluster has to answer, or to start. */
const CONNECT_PATIENCE = 180_000;
/** Milliseconds that the driver has to end when it is asked to: a cluster of its own takes a few seconds. */
const PATIENCE = 30_000;
/** Characters of the driver's error output that are kept for the message about its death. */
const KEPT_OUTPUT = 2000;
/** Ray sends no usage statistics, and does not warn of a change to come that has no effect here. */
const SETTINGS = { RAY_USAGE_STATS_ENABLED: '0', RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO: '0' };
/** A cluster of this machine alone listens on the loopback address (Ray names the variable after the systems where it does so by itself). */
const LOCAL_SETTINGS = { RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER: '0', RAY_enable_metrics_collection: '0' };
const DRIVER = join(__dirname, '..', '..', '..', 'runs', 'engines', 'ray_driver.py');
const WORKER = join(__dirname, 'worker.js');
const PROJECT_PYTHON = resolve(__dirname, '..', '..', '..', '..', '.venv', 'bin', 'python');

/** Options of `RayEngine`. */
export interface RayEngineOptions {
  /**
   * Address `host:port` of a cluster that this machine belongs to, or `auto` for the one that runs here. Default: the environment
   * variable RAY_ADDRESS, or else a cluster of this machine alone, which ends with the engine.
   */
  address?: string;
  /** Processors of each run, and its threads. A number >= 0, fractions too. Default 1. */
  cpus?: number;
  /** GPUs of each run; .25: four runs share one. A number >= 0, whole above 1. Default 0. */
  gpus?: number;
  /** Runs that are given to Ray at a time; those for which there is no room wait there. A whole number >= 1. Default 256. */
  slots?: number;
  /** How often a run is begun before the death of its worker is its outcome. A whole number >= 1. Default 5. */
  attempts?: number;
  /** The Python that has Ray. Default: the environment variable LB_RAY_PYTHON, or else that of the project. */
  python?: string;
}

/** A Ray cluster, when an engine joined it. */
export interface RayCluster {
  /** Machines. */
  nodes: number;
  /** Processors of all machines. */
  cpus: number;
  /** GPUs of all machines. */
  gpus: number;
  /** How many runs have room at a time. */
  fits: number;
}

/** There is no Ray, no cluster, or no room in it for a run. */
export class RayError extends LookbehindError {}

const OPTIONS: readonly string[] = ['address', 'cpus', 'gpus', 'slots', 'attempts', 'python'];

/** Executes runs on a Ray cluster. It joins, or starts, the cluster with the first run, or by `connect`. */
export class RayEngine implements Engine {
  readonly slots: number;
  readonly attempts: number;
  readonly #python: string;
  readonly #options: DriverOptions;
  #driver: Promise<Driver> | undefined;

  /** @throws OptionError */
  constructor(options: RayEngineOptions = {}) {
    checkKnownOptions('RayEngine', options, OPTIONS);
    const { cpus = 1, gpus = 0, slots = 256, attempts = 5 } = options;
    const address = checkText('address', options.address ?? (process.env.RAY_ADDRESS || 'local'));
    this.slots = checkNumber('slots', slots, { min: 1, integer: true });
    this.attempts = checkNumber('attempts', attempts, { min: 1, integer: true });
    this.#python = checkText('python', options.python ?? (process.env.LB_RAY_PYTHON || PROJECT_PYTHON));
    this.#options = {
      address,
      cpus: checkNumber('cpus', cpus, { min: 0 }),
      gpus: checkNumber('gpus', gpus, { min: 0, integer: gpus > 1 }),
      command: [process.execPath, WORKER, '--lines'],
      environment: workerEnvironment(cpus, gpus),
    };
  }

  /** Process id of the driver; undefined where none runs. */
  get pid(): Promise<number | undefined> {
    return (
      this.#driver?.then(
        ({ pid }) => pid,
        () => undefined,
      ) ?? Promise.resolve(undefined)
    );
  }

  /**
   * Joins the cluster, or starts one.
   *
   * @throws RayError where there is no Ray, no cluster, or no machine with room for a run.
   */
  async connect(): Promise<RayCluster> {
    return (await this.#connected()).cluster;
  }

  async run(task: RunTask, options: TaskOptions = {}): Promise<RunOutcome> {
    return (await this.#connected()).run(task, options);
  }

  async close(): Promise<void> {
    const driver = this.#driver;
    this.#driver = undefined;
    await driver?.then(
      (one) => one.end(),
      () => {}, // there is none
    );
  }

  /** The driver: a new one after the death of the last. */
  async #connected(): Promise<Driver> {
    const present = this.#driver;
    const driver = await present;
    if (driver?.isAlive) return driver;
    // Of several that wait here, the first starts a driver.
    if (this.#driver === present) {
      const next = Driver.start(this.#python, this.#options);
      next.catch(() => {
        if (this.#driver === next) this.#driver = undefined;
      });
      this.#driver = next;
    }
    return this.#connected();
  }
}

/** What the driver is told in the first line of its input. */
interface DriverOptions {
  address: string;
  cpus: number;
  gpus: number;
  /** Starts a worker. */
  command: string[];
  /** Environment variables of workers. */
  environment: Record<string, string>;
}

/** What the driver says. */
type DriverReply =
  | ({ kind: 'ready' } & RayCluster)
  | { kind: 'refused'; message: string }
  | { kind: 'progress'; id: number; share: number }
  | { kind: 'reply'; id: number; line: string }
  | { kind: 'aborted'; id: number }
  | { kind: 'died'; id: number; message: string };

/**
 * Variables of this library and of TensorFlow reach the workers of other machines, too. Ray says which GPUs a run has; a run that asks for
 * none sees none.
 */
function workerEnvironment(cpus: number, gpus: number): Record<string, string> {
  const passed = Object.entries(process.env).filter(([name]) => /^(LB|TF)_/.test(name)) as [string, string][];
  return {
    ...Object.fromEntries(passed),
    TF_NUM_INTRAOP_THREADS: String(Math.max(1, Math.floor(cpus))),
    TF_NUM_INTEROP_THREADS: '1',
    ...(gpus === 0 ? { CUDA_VISIBLE_DEVICES: '-1' } : {}),
  };
}

/** One process of ray_driver.py. */
class Driver {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #runs = new Map<number, (reply: DriverReply) => void>();
  #output = '';
  /** How the process ended; undefined while it runs. */
  #end: string | undefined;
  #lastRun = 0;
  #onStart: (reply: DriverReply | undefined) => void = () => {};
  cluster!: RayCluster;

  /** @throws RayError */
  static async start(python: string, options: DriverOptions): Promise<Driver> {
    if (!existsSync(python)) throw new RayError(`${python} does not exist. ${INSTALL}`);
    const driver = new Driver(python, options);
    const late: DriverReply = { kind: 'refused', message: `no answer in ${CONNECT_PATIENCE / 1000} s.` };
    const timer = setTimeout(() => driver.#onStart(late), CONNECT_PATIENCE);
    const reply = await new Promise<DriverReply | undefined>((settle) => {
      driver.#onStart = settle;
      if (driver.#end !== undefined) settle(undefined);
    });
    clearTimeout(timer);
    if (reply === late) driver.#child.kill('SIGKILL');
    if (reply?.kind === 'ready') {
      const { kind: _, ...cluster } = reply;
      driver.cluster = cluster;
      if (cluster.fits > 0) {
        driver.#keepAlive();
        return driver;
      }
    }
    await driver.end();
    if (reply?.kind === 'ready') throw new RayError(noRoom(options, reply));
    if (reply?.kind === 'refused') throw new RayError(`There is no Ray cluster at ${options.address}: ${reply.message}`);
    const output = withoutGreeting(driver.#output).trim();
    if (/No module named 'ray'/.test(output)) throw new RayError(`Ray is not installed in ${python}. ${INSTALL}`);
    throw new RayError(`Ray did not start: its driver ended with ${driver.#end}. It said: ${output}`);
  }

  private constructor(python: string, options: DriverOptions) {
    // Out of the terminal's process group: Ctrl-C is for this process, which then stops the runs one by one.
    this.#child = spawn(python, ['-I', DRIVER], {
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
      env: { ...process.env, ...SETTINGS, ...(options.address === 'local' ? LOCAL_SETTINGS : {}) },
    });
    this.#child.stdin?.on('error', () => {}); // its end is reported below
    // Not as an argument: everybody on the machine can read those, and the options have values of environment variables.
    this.#send(options);
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#output = (this.#output + text).slice(-KEPT_OUTPUT);
    });
    const lines = createInterface({ input: this.#child.stdout! });
    lines.on('line', (line) => this.#take(JSON.parse(line) as DriverReply));
    this.#ended = new Promise((ended) => {
      const end = (how: string): void => {
        this.#end ??= how;
        this.#onStart(undefined);
        const message = `The driver of the Ray cluster ended with ${how}. It said: ${withoutGreeting(this.#output).trim()}`;
        for (const [id, settle] of this.#runs) settle({ kind: 'died', id, message });
        ended();
      };
      this.#child.on('error', (error) => end(error.message));
      this.#child.on('close', (code, signal) => end(signal === null ? `exit code ${code}` : `signal ${signal}`));
    });
  }

  get pid(): number | undefined {
    return this.#end === undefined ? this.#child.pid : undefined;
  }

  get isAlive(): boolean {
    return this.#end === undefined;
  }

  run(task: RunTask, { signal, onProgress }: TaskOptions): Promise<RunOutcome> {
    const id = ++this.#lastRun;
    return new Promise<RunOutcome>((fulfil, reject) => {
      const abort = (): void => this.#send({ kind: 'abort', id });
      this.#runs.set(id, (reply) => {
        if (reply.kind === 'progress') {
          onProgress?.(reply.share);
          return;
        }
        this.#runs.delete(id);
        this.#keepAlive();
        signal?.removeEventListener('abort', abort);
        if (reply.kind === 'aborted') fulfil({ kind: 'aborted' });
        else if (reply.kind === 'died') reject(new WorkerDiedError(reply.message));
        else if (reply.kind === 'reply') {
          const last = parseNumbers(reply.line) as Reply;
          if (last.kind === 'outcome') fulfil(last.outcome);
          else if (last.kind === 'error') reject(new RunError(last.name, last.message));
        }
      });
      if (this.#end !== undefined)
        this.#runs.get(id)?.({ kind: 'died', id, message: `The driver of the Ray cluster ended with ${this.#end}.` });
      this.#keepAlive();
      this.#send({ kind: 'run', id, task });
      if (signal?.aborted) abort();
      else signal?.addEventListener('abort', abort, { once: true });
    });
  }

  /** Lets the driver stop what runs and end, by force where it does not. */
  async end(): Promise<void> {
    if (this.#end !== undefined) return;
    this.#child.stdin?.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), PATIENCE);
    await this.#ended;
    clearTimeout(timer);
  }

  #take(reply: DriverReply): void {
    if (reply.kind === 'ready' || reply.kind === 'refused') this.#onStart(reply);
    else this.#runs.get(reply.id)?.(reply);
  }

  /** Lets this process end without the driver as long as no run is under way, where an engine was not closed. */
  #keepAlive(): void {
    const action = this.#runs.size > 0 ? 'ref' : 'unref';
    this.#child[action]();
    for (const stream of [this.#child.stdin, this.#child.stdout, this.#child.stderr]) (stream as Socket | null)?.[action]();
  }

  #send(request: object): void {
    if (this.#end === undefined) this.#child.stdin?.write(`${JSON.stringify(request)}\n`);
  }
}

const INSTALL = 'Install Ray with: npm run setup -- --ray';

function noRoom({ address, cpus, gpus }: DriverOptions, { nodes, ...cluster }: RayCluster): string {
  const there = `${nodes} ${nodes === 1 ? 'machine' : 'machines'} with ${cluster.cpus} processors and ${cluster.gpus} GPUs`;
  return `No machine of the Ray cluster (${address}: ${there}) has room for a run of ${cpus} processors and ${gpus} GPUs. Ask for less, or add machines.`;
}
