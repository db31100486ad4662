/**
 * Executes runs on a Ray cluster: each is a task that Ray places where the processors and GPUs it asks for
 * are free.
 *
 *     this process  <->  ray_driver.py  <->  Ray: one task per run, on any machine
 *                                       <->  the Node worker, as ProcessEngine starts it
 *
 * Results, checkpoints and locks are in the store, so that the machines must share its folder, and find the
 * project at the same path. A run whose worker or machine dies is begun again, from its checkpoint, on
 * whatever machine Ray finds; a sweep that dies is taken up by the same command on any machine. Work goes to
 * the machines in the order it is given, and waits in Ray's queue.
 *
 * Ray is a Python package: `npm run setup -- --ray` installs it, as the commands do by themselves with
 * `--engine ray`. https://docs.ray.io
 */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { checkNumber, LookbehindError } from '../../core/errors';
import { checkOptions, number, type OptionsOf, text, whole } from '../../core/options';
import type { RunOutcome } from '../execute';
import type { Engine, RunTask, TaskOptions } from './engine';
import { RunnerProcess } from './runner';

/** Milliseconds that a cluster has to answer, or to start. */
const CONNECT_PATIENCE = 180_000;
/** Milliseconds that the driver has to end when it is asked to: a cluster of its own takes a few seconds. */
const PATIENCE = 30_000;
/** Ray sends no usage statistics, and does not warn of a change to come that has no effect here. */
const SETTINGS = { RAY_USAGE_STATS_ENABLED: '0', RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO: '0' };
/**
 * A cluster of this machine alone listens on the loopback address (Ray names the variable after the systems
 * where it does so by itself).
 */
const LOCAL_SETTINGS = { RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER: '0', RAY_enable_metrics_collection: '0' };
const DRIVER = join(__dirname, '..', '..', '..', 'runs', 'engines', 'ray_driver.py');
const WORKER = join(__dirname, 'worker.js');
const PROJECT_PYTHON = resolve(__dirname, '..', '..', '..', '..', '.venv', 'bin', 'python');

const OPTIONS = {
  /**
   * Address `host:port` of a cluster that this machine belongs to, or `auto` for the one that runs here.
   * Default: the environment variable RAY_ADDRESS, or else a cluster of this machine alone, which ends with
   * the engine.
   */
  address: text(),
  /** Processors of each run, and its threads. A number >= 0, fractions too. Default 1. */
  cpus: number({ min: 0 }, 1),
  /** GPUs of each run; .25: four runs share one. A number >= 0, whole above 1. Default 0. */
  gpus: number({ min: 0 }, 0),
  /**
   * Runs that are given to Ray at a time; those for which there is no room wait there. A whole number >= 1.
   * Default 256.
   */
  slots: whole({ min: 1 }, 256),
  /**
   * How often a run is begun before the death of its worker is its outcome. A whole number >= 1. Default 5.
   */
  attempts: whole({ min: 1 }, 5),
  /**
   * The Python that has Ray. Default: the environment variable LB_RAY_PYTHON, or else that of the project.
   */
  python: text(),
};

/** Options of `RayEngine`. */
export type RayEngineOptions = OptionsOf<typeof OPTIONS>;

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

/** Executes runs on a Ray cluster. It joins, or starts, the cluster with the first run, or by `connect`. */
export class RayEngine implements Engine {
  readonly slots: number;
  readonly attempts: number;
  readonly #python: string;
  readonly #options: DriverOptions;
  #driver: Promise<Driver> | undefined;

  /** @throws OptionError */
  constructor(options: RayEngineOptions = {}) {
    const settings = checkOptions('RayEngine', OPTIONS, options);
    const { cpus, gpus, address = process.env.RAY_ADDRESS || 'local' } = settings;
    checkNumber('gpus', gpus, { integer: gpus > 1 });
    this.slots = settings.slots;
    this.attempts = settings.attempts;
    this.#python = settings.python ?? (process.env.LB_RAY_PYTHON || PROJECT_PYTHON);
    this.#options = {
      address,
      cpus,
      gpus,
      command: [process.execPath, WORKER],
      environment: workerEnvironment(cpus, gpus),
    };
  }

  /** Process id of the driver; undefined where none runs. */
  get pid(): Promise<number | undefined> {
    return Promise.resolve(this.#driver).then(
      (driver) => driver?.process.pid,
      () => undefined,
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
    return (await this.#connected()).process.run(task, options);
  }

  async close(): Promise<void> {
    const driver = this.#driver;
    this.#driver = undefined;
    await driver?.then(
      (one) => one.process.end(),
      () => {}, // there is none
    );
  }

  /** The driver: a new one after the death of the last. */
  async #connected(): Promise<Driver> {
    const present = this.#driver;
    const driver = await present;
    if (driver?.process.isAlive) return driver;
    // Of several that wait here, the first starts a driver.
    if (this.#driver === present) {
      const next = startDriver(this.#python, this.#options);
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

/** One process of ray_driver.py, and the cluster that it joined. */
interface Driver {
  process: RunnerProcess;
  cluster: RayCluster;
}

/** What the driver says of the cluster. */
type Greeting = ({ kind: 'ready' } & RayCluster) | { kind: 'refused'; message: string };

/**
 * Variables of this library and of TensorFlow reach the workers of other machines, too. Ray says which GPUs a
 * run has; a run that asks for none sees none.
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

/** @throws RayError */
async function startDriver(python: string, options: DriverOptions): Promise<Driver> {
  if (!existsSync(python)) throw new RayError(`${python} does not exist. ${INSTALL}`);
  let hear: (greeting: Greeting | undefined) => void;
  const heard = new Promise<Greeting | undefined>((settle) => {
    hear = settle;
  });
  const driver = new RunnerProcess(python, ['-I', DRIVER], {
    name: 'The driver of the Ray cluster',
    patience: PATIENCE,
    // Out of the terminal's process group: Ctrl-C is for this process, which then stops the runs one by one.
    detached: true,
    env: { ...process.env, ...SETTINGS, ...(options.address === 'local' ? LOCAL_SETTINGS : {}) },
    onLine: (greeting) => hear(greeting as Greeting),
  });
  // Not as an argument: everybody on the machine can read those, and the options have values of environment
  // variables.
  driver.send(options);
  driver.ended.then(() => hear(undefined));
  const timer = setTimeout(() => {
    hear({ kind: 'refused', message: `no answer in ${CONNECT_PATIENCE / 1000} s.` });
    driver.kill();
  }, CONNECT_PATIENCE);
  const greeting = await heard;
  clearTimeout(timer);
  if (greeting?.kind === 'ready' && greeting.fits > 0) {
    const { kind: _, ...cluster } = greeting;
    return { process: driver, cluster };
  }
  await driver.end();
  if (greeting?.kind === 'ready') throw new RayError(noRoom(options, greeting));
  if (greeting?.kind === 'refused')
    throw new RayError(`There is no Ray cluster at ${options.address}: ${greeting.message}`);
  if (/No module named 'ray'/.test(driver.lastWords))
    throw new RayError(`Ray is not installed in ${python}. ${INSTALL}`);
  throw new RayError(`Ray did not start. ${driver.lastWords}`);
}

const INSTALL = 'Install Ray with: npm run setup -- --ray';

function noRoom({ address, cpus, gpus }: DriverOptions, { nodes, ...cluster }: RayCluster): string {
  const there =
    `${nodes} ${nodes === 1 ? 'machine' : 'machines'} with ${cluster.cpus} processors and ` +
    `${cluster.gpus} GPUs`;
  return (
    `No machine of the Ray cluster (${address}: ${there}) has room for a run of ${cpus} processors and ` +
    `${gpus} GPUs. Ask for less, or add machines.`
  );
}
