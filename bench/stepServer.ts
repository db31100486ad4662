/**
 * Times steps of this library against those of programs in other processes, round by round in turn.
 */
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { alphaOf, defaultBatch, positive } from './settings';

/**
 * Each program takes steps for so long (and at least one) before it is another one's turn: a single short
 * step would run on cold caches.
 */
const TURN_MS = 50;

/** What one step took, as the mean over a turn. */
export interface Cost {
  ms: number;
  /** Of all threads together. Says more than the time where other programs run beside. */
  processorMs: number;
}

/**
 * A Python process that takes steps on request: it reads the name of a program per line and answers with
 * `ms processorMs`.
 */
export class StepServer {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #answers: AsyncIterator<string>;

  constructor(python: string, script: string, options: string[]) {
    this.#process = spawn(python, [join(__dirname, script), ...options], {
      // Idle OpenMP threads would spin while the other program is timed.
      env: { ...process.env, OMP_WAIT_POLICY: 'PASSIVE' },
    });
    this.#process.stderr.pipe(process.stderr);
    this.#answers = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  /** Takes steps for one turn. */
  async run(program: string): Promise<Cost> {
    this.#process.stdin.write(`${program}\n`);
    const { value, done } = await this.#answers.next();
    if (done) throw new Error('The other program ended. Its message is above.');
    const [ms, processorMs] = value.split(' ').map(Number);
    return { ms, processorMs };
  }

  close(): void {
    this.#process.stdin.end();
  }
}

/** The other side of a comparison. */
export interface Others {
  python: string;
  /** Its file in this folder. */
  script: string;
  /** What it can run, by the names that it answers to. */
  programs: readonly string[];
  /** Options of its own. */
  options?: string[];
}

/**
 * Compares steps of one model, and prints one JSON line: medians, and medians of the quotients of each round.
 */
export async function compareSteps(
  model: string,
  values: Record<string, unknown>,
  others: Others,
): Promise<void> {
  const { median, prepareStep, round } = await import('./measure.js');
  const [batch, k, alpha] = [
    String(values.batch ?? defaultBatch(model)),
    String(values.k),
    String(values.alpha),
  ];
  const threads = values.threads === undefined ? [] : ['--threads', String(values.threads)];
  const shared = ['--model', model, '--batch', batch, '--k', k, '--alpha', alpha, ...threads];
  const server = new StepServer(others.python, others.script, [...shared, ...(others.options ?? [])]);
  try {
    const setting = {
      model,
      batch: positive('batch', batch),
      k: positive('k', k),
      alpha: alphaOf(alpha),
      eager: false,
      reuse: true,
    };
    const ours = prepareStep(setting);
    for (const program of others.programs) await server.run(program);
    const rounds: Record<string, Cost>[] = [];
    for (let i = 0; i < positive('rounds', String(values.rounds)); i++) {
      const costs: Record<string, Cost> = {};
      for (const program of others.programs) costs[program] = await server.run(program);
      rounds.push({ ...costs, ours: turn(() => ours.step().ms) });
    }
    const middle = (of: (one: (typeof rounds)[number]) => number) => round(median(rounds.map(of)));
    const all = (what: keyof Cost) => ({
      ours: middle((one) => one.ours[what]),
      ...Object.fromEntries(others.programs.map((name) => [name, middle((one) => one[name][what])])),
      times: Object.fromEntries(
        others.programs.map((name) => [name, middle((one) => one[name][what] / one.ours[what])]),
      ),
    });
    console.log(
      JSON.stringify({
        model,
        batch: Number(batch),
        k: Number(k),
        ms: all('ms'),
        processorMs: all('processorMs'),
      }),
    );
  } finally {
    server.close();
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

/** The Python of the virtual environment `bench/.venv` with some packages, made where it is not there yet. */
export function pythonWith(...packages: string[]): string {
  const folder = join(__dirname, '.venv');
  const python = join(folder, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
  const run = (args: string[]) =>
    execFileSync(python, ['-m', 'pip', '--quiet', ...args], { stdio: ['inherit', 2, 2] });
  if (!existsSync(python)) {
    console.error(`Making ${folder}, once.`);
    execFileSync('python3', ['-m', 'venv', folder], { stdio: ['inherit', 2, 2] });
  }
  run(['install', ...packages]);
  return python;
}
