/**
 * One Lookbehind-SAM outer step here and in PyTorch, round by round in turn, on the same machine.
 *
 *   npm run -s bench:pytorch -- --official /path/to/lookbehind.py --model convnet
 *
 * lookbehind.py is that of https://github.com/chandar-lab/Lookbehind-SAM. Unless --python is given, a virtual environment with
 * PyTorch is made in bench/.venv at the first call.
 */
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import {
  alphaOf,
  defaultBatch,
  oneOf,
  positive,
  report,
  SETTING_OPTIONS,
  SETTING_USAGE,
  setThreads,
  UsageError,
} from './settings';

const USAGE = `Usage: npm run -s bench:pytorch -- --official PATH [options]
  --official P   the official lookbehind.py
  --model NAME   mlp, convnet, resnet20 or resnet34 (default: all but resnet34, one line each)
  --python P     a Python with PyTorch (default: bench/.venv, made on first use)
${SETTING_USAGE}`;

/** Each program takes steps for so long (and at least one) before it is another one's turn: a single short step would run on cold caches. */
const TURN_MS = 50;

const PROGRAMS = ['official', 'optimised'] as const;

/** What one step took, as the mean over a turn. */
interface Cost {
  ms: number;
  /** Of all threads together. Says more than the time where other programs run beside. */
  processorMs: number;
}

/** A Python process that takes steps on request. */
class PyTorchSteps {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #answers: AsyncIterator<string>;

  constructor(python: string, options: string[]) {
    this.#process = spawn(python, [join(__dirname, 'pytorch.py'), ...options], {
      // Idle OpenMP threads would spin while the other program is timed.
      env: { ...process.env, OMP_WAIT_POLICY: 'PASSIVE' },
    });
    this.#process.stderr.pipe(process.stderr);
    this.#answers = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  /** Takes steps for one turn. */
  async run(program: (typeof PROGRAMS)[number]): Promise<Cost> {
    this.#process.stdin.write(`${program}\n`);
    const { value, done } = await this.#answers.next();
    if (done) throw new Error('The PyTorch process ended. Its message is above.');
    const [ms, processorMs] = value.split(' ').map(Number);
    return { ms, processorMs };
  }

  close(): void {
    this.#process.stdin.end();
  }
}

async function compare(python: string, official: string, model: string, values: Record<string, unknown>): Promise<void> {
  const { median, prepareStep, round } = await import('./measure.js');
  const [batch, k, alpha] = [String(values.batch ?? defaultBatch(model)), String(values.k), String(values.alpha)];
  const threads = values.threads === undefined ? [] : ['--threads', String(values.threads)];
  const options = ['--official', official, '--model', model, '--batch', batch, '--k', k, '--alpha', alpha, ...threads];
  const pytorch = new PyTorchSteps(python, options);
  try {
    const ours = prepareStep({
      model,
      batch: positive('batch', batch),
      k: positive('k', k),
      alpha: alphaOf(alpha),
      eager: false,
      reuse: true,
    });
    for (const program of PROGRAMS) await pytorch.run(program);
    const rounds: Record<'ours' | (typeof PROGRAMS)[number], Cost>[] = [];
    for (let i = 0; i < positive('rounds', String(values.rounds)); i++) {
      const [officialCost, optimised] = [await pytorch.run('official'), await pytorch.run('optimised')];
      rounds.push({ ours: turn(ours.run), official: officialCost, optimised });
    }
    const middle = (of: (one: (typeof rounds)[number]) => number) => round(median(rounds.map(of)));
    const all = (what: keyof Cost) => ({
      ours: middle((one) => one.ours[what]),
      official: middle((one) => one.official[what]),
      optimised: middle((one) => one.optimised[what]),
      timesOfficial: middle((one) => one.official[what] / one.ours[what]),
      timesOptimised: middle((one) => one.optimised[what] / one.ours[what]),
    });
    console.log(JSON.stringify({ model, batch: Number(batch), k: Number(k), ms: all('ms'), processorMs: all('processorMs') }));
  } finally {
    pytorch.close();
  }
}

/** Takes steps for one turn, and returns the means. */
function turn(run: () => number): Cost {
  const before = process.cpuUsage();
  let [count, ms] = [0, 0];
  for (; count === 0 || ms < TURN_MS; count++) ms += run();
  const { user, system } = process.cpuUsage(before);
  return { ms: ms / count, processorMs: (user + system) / 1000 / count };
}

/** The Python of a virtual environment with PyTorch, made where it is not there yet. */
function pythonWithTorch(): string {
  const folder = join(__dirname, '.venv');
  const python = join(folder, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
  if (!existsSync(python)) {
    console.error(`Making ${folder} with PyTorch, once.`);
    execFileSync('python3', ['-m', 'venv', folder], { stdio: 'inherit' });
    execFileSync(python, ['-m', 'pip', 'install', '--quiet', 'torch', 'numpy'], { stdio: 'inherit' });
  }
  return python;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { official: { type: 'string' }, model: { type: 'string' }, python: { type: 'string' }, ...SETTING_OPTIONS },
  });
  if (values.help) {
    console.log(USAGE);
    return;
  }
  if (values.official === undefined || !existsSync(values.official)) {
    throw new UsageError('--official must be the path of the official lookbehind.py.');
  }
  setThreads(values.threads);
  const { MODEL_NAMES } = await import('./measure.js');
  const models = values.model === undefined ? ['mlp', 'convnet', 'resnet20'] : [oneOf('model', values.model, MODEL_NAMES)];
  const python = values.python ?? pythonWithTorch();
  for (const model of models) await compare(python, values.official, model, values);
}

main().catch((error: unknown) => report(error, USAGE));
