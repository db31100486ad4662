/**
 * What the commands that run sweeps share: where runs are executed, Ctrl-C, and a line of progress.
 */

import type { ParseArgsConfig, parseArgs } from 'node:util';
import { duration } from '../core/duration';
import { AbortedError, checkOneOf, LookbehindError, OptionError } from '../core/errors';
import { terminalLine, terminalText } from '../core/escape';
import { ERASE_LINE, progressBar } from '../core/progressBar';
import { configHash, type FullRunConfig } from '../runs/config/config';
import type { SweepGrid } from '../runs/config/grid';
import { runNames } from '../runs/config/names';
import { type Engine, InProcessEngine } from '../runs/engines/engine';
import { ProcessEngine } from '../runs/engines/processes';
import { RayEngine } from '../runs/engines/rayEngine';
import { submitToSlurm } from '../runs/engines/slurm';
import type { RunStore } from '../runs/store';
import { type RunRow, type SweepOptions, type SweepProgress, sweep } from '../runs/sweep';
import { SweepResults } from '../statistics/results';
import { flattenRow } from '../statistics/rows';
import { renderTable } from '../statistics/table';

/** Exit codes: all runs are there; a run failed or the call was wrong; interrupted. */
export const EXIT = { good: 0, failed: 1, interrupted: 130 } as const;

/** Options of every command that runs a sweep, for node:util's parseArgs. */
export const ENGINE_OPTIONS = {
  store: { type: 'string' },
  engine: { type: 'string', default: 'processes' },
  workers: { type: 'string' },
  address: { type: 'string' },
  cpus: { type: 'string' },
  gpus: { type: 'string' },
  attempts: { type: 'string' },
  sbatch: { type: 'string', multiple: true },
  help: { type: 'boolean', short: 'h' },
} as const satisfies ParseArgsConfig['options'];

/** Lines on them for a usage message, where `preset` is the default engine. */
export function engineUsage(preset: EngineChoice['engine']): string {
  return `  --store DIR     where runs are kept (default: data/runs of the project)
  --engine E      processes: worker processes of this machine
                  inProcess: one run at a time, with all threads
                  ray: a Ray cluster
                  slurm: writes and submits a job array, and leaves (default: ${preset})
  --workers N     runs at a time (default: one per core; on a cluster as many as there is room for)
  --address A     ray: host:port of a cluster that this machine belongs to, or auto
                  (default: RAY_ADDRESS, else this machine alone)
  --cpus C        ray, slurm: processors and threads of each run (default 1)
  --gpus G        ray, slurm: GPUs of each run; with Ray also a part, such as 0.25 (default 0)
  --attempts N    ray: how often a run is begun before the death of its worker is its outcome (default 5)
  --sbatch OPT    slurm: an option of sbatch, such as --sbatch=--partition=gpu; may be repeated`;
}

/** Engines by name. */
const ENGINES = ['processes', 'inProcess', 'ray', 'slurm'] as const;

/** Which engine a command line asks for, and what with. */
export interface EngineChoice {
  engine: (typeof ENGINES)[number];
  workers?: number;
  /** Threads of each worker process. Default: the cores, shared among the workers. */
  threads?: number;
  address?: string;
  cpus?: number;
  gpus?: number;
  attempts?: number;
  sbatch?: readonly string[];
}

/** Values of `ENGINE_OPTIONS` as parseArgs returns them. */
type EngineValues = ReturnType<typeof parseArgs<{ options: typeof ENGINE_OPTIONS }>>['values'];

/**
 * Reads the options of `ENGINE_OPTIONS`.
 *
 * @throws OptionError for a wrong one, also one that the engine does not have.
 */
export function engineChoice(values: EngineValues): EngineChoice {
  const engine = checkOneOf('--engine', values.engine, ENGINES);
  const known = {
    processes: ['workers'],
    inProcess: [],
    slurm: ['workers', 'cpus', 'gpus', 'sbatch'],
    ray: ['workers', 'address', 'cpus', 'gpus', 'attempts'],
  };
  for (const name of ['workers', 'address', 'cpus', 'gpus', 'attempts', 'sbatch'] as const) {
    if (values[name] !== undefined && !(known[engine] as string[]).includes(name)) {
      throw new OptionError(`--${name}`, values[name], `left out with --engine ${engine}`);
    }
  }
  const number = (text: string | undefined): number | undefined =>
    text === undefined ? undefined : Number(text);
  const { workers, cpus, gpus, attempts } = values;
  return {
    engine,
    workers: number(workers),
    cpus: number(cpus),
    gpus: number(gpus),
    attempts: number(attempts),
    address: values.address,
    sbatch: values.sbatch,
  };
}

/**
 * Makes the engine. A cluster is joined, and described in one line, before anything is run.
 *
 * @throws OptionError; RayError
 */
export async function makeEngine({
  engine,
  workers,
  threads,
  address,
  cpus,
  gpus,
  attempts,
}: EngineChoice): Promise<Engine> {
  if (engine === 'inProcess') return new InProcessEngine();
  if (engine !== 'ray') return new ProcessEngine({ workers, threads });
  const ray = new RayEngine({ address, cpus, gpus, attempts, slots: workers });
  const cluster = await ray.connect();
  const machines = `${cluster.nodes} ${cluster.nodes === 1 ? 'machine' : 'machines'}`;
  console.log(
    `Ray: ${machines}, ${cluster.cpus} processors, ${cluster.gpus} GPUs; ` +
      `room for ${cluster.fits} runs at a time.`,
  );
  return ray;
}

/** Submits what is not done as a SLURM job array, and says so. Returns the exit code. */
export function submit(configs: readonly FullRunConfig[], store: RunStore, choice: EngineChoice): number {
  const { cpus, gpus, workers, sbatch } = choice;
  const { script, runs, job } = submitToSlurm(configs, store, { cpus, gpus, workers, sbatch });
  if (runs === 0) console.log('All runs are done: the same command with another engine shows them.');
  else if (job === undefined)
    console.log(
      `${runs} runs are in ${script}. There is no sbatch on this machine: submit it where there is.`,
    );
  else
    console.log(
      `Job ${job} has ${runs} runs. Results appear in ${store.folder}; ` +
        'submit again what a time limit stopped.',
    );
  return EXIT.good;
}

/** Callbacks of a sweep that is watched in a terminal. */
export interface Watch {
  /** Aborted by Ctrl-C. */
  signal: AbortSignal;
  onRow(row: RunRow): void;
  onProgress(progress: SweepProgress): void;
  /** Removes the line of progress. */
  clear(): void;
}

/**
 * Shows the runs of `configs` as they get done, and progress on a terminal. The first Ctrl-C stops the sweep,
 * which saves; the second ends the process.
 */
export function watch(configs: readonly FullRunConfig[]): Watch {
  const called = runNames(configs);
  const names = new Map(configs.map((config, i) => [configHash(config), called[i]!]));
  const controller = new AbortController();
  process.once('SIGINT', () => {
    process.once('SIGINT', () => process.exit(EXIT.interrupted));
    process.stderr.write('\nStopping; press Ctrl-C again to stop at once.\n');
    controller.abort(new AbortedError('Interrupted.'));
  });
  const line = process.stderr.isTTY ? (text: string) => process.stderr.write(ERASE_LINE + text) : () => {};
  return {
    signal: controller.signal,
    onRow(row) {
      if (row.reused) return;
      line('');
      console.log(describe(row, names.get(row.hash)!));
    },
    onProgress: (progress) => line(bar(progress)),
    clear: () => line(''),
  };
}

/**
 * Runs a sweep that is watched, with the engine of the command line, and then `report` on its rows before the
 * engine is closed. Returns the exit code, which is the report's.
 */
export async function watchedSweep(
  grids: readonly SweepGrid[],
  choice: EngineChoice,
  { clear, ...watched }: Watch,
  options: Pick<SweepOptions, 'store' | 'checkpointSeconds'>,
  report: (rows: RunRow[]) => number | Promise<number>,
): Promise<number> {
  const engine = await makeEngine(choice);
  try {
    const rows = await sweep(grids, { ...options, ...watched, engine });
    clear();
    return await report(rows);
  } finally {
    clear();
    await engine.close();
  }
}

/**
 * Runs a command, and ends the process with its exit code; errors that a user can mend are shown without
 * their stack.
 */
export function runCommand(main: () => Promise<number>): void {
  main().then(
    (code) => process.exit(code),
    (error: Error) => {
      const known = error instanceof LookbehindError || 'code' in error;
      console.error(terminalText(String(known ? error.message : error.stack)));
      process.exit(error instanceof AbortedError ? EXIT.interrupted : EXIT.failed);
    },
  );
}

/**
 * What all runs together cost, those of earlier sweeps included:
 * `12,300 gradients of one batch, 3 h 20 min of training`.
 */
export function describeCost(rows: readonly RunRow[]): string {
  const results = rows.flatMap(({ result }) => result ?? []);
  const gradients = results.reduce((sum, { gradientEvaluations }) => sum + gradientEvaluations, 0);
  const seconds = results.reduce((sum, one) => sum + one.seconds, 0);
  return `${gradients.toLocaleString('en')} gradients of one batch, ${duration(seconds)} of training`;
}

/** A table of what each label reached, and of what its runs lack. */
export function describeResults(rows: readonly RunRow[]): string {
  const results = new SweepResults(rows);
  // Labels that are numbers have a loss, and no error in percent.
  const ofNumbers = rows.some(
    ({ result }) => result?.last?.testAccuracy == null && result?.last?.testLoss != null,
  );
  const [title, column, digits] = ofNumbers
    ? ['test loss', 'testLoss', 4]
    : ['test error (%)', 'testError', 2];
  const reached = results.labels.map((label) => ({
    label,
    runs: results.of(label).length,
    [title]: results.cell(label, column),
  }));
  return renderTable(reached, { digits: { [title]: digits } }).text;
}

function describe(row: RunRow, name: string): string {
  const { testError, testLoss, trainLoss, seconds } = flattenRow(row);
  const head = terminalLine(`${row.hash}  ${name}`);
  if (row.status === 'failed') return `${head}: failed. ${terminalText(row.error ?? '')}`;
  if (row.status === 'diverged') return `${head}: diverged`;
  const fixed = (value: unknown, digits: number): string =>
    Number.isFinite(value) ? (value as number).toFixed(digits) : '-';
  const test = testError === null ? `loss ${fixed(testLoss, 4)}` : `error ${fixed(testError, 2)} %`;
  return `${head}: test ${test}, train loss ${fixed(trainLoss, 4)}, ${fixed(seconds, 1)} s`;
}

function bar({ total, done, reused, failed, share, secondsLeft }: SweepProgress): string {
  const left = secondsLeft === undefined || done === total ? '' : ` · ${duration(secondsLeft)} left`;
  const notes = `${reused > 0 ? ` · ${reused} reused` : ''}${failed > 0 ? ` · ${failed} failed` : ''}`;
  return `${progressBar(share)} ${done}/${total} runs${notes}${left}`;
}
