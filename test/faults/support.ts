/**
 * What the fault tests share: work that is killed at random moments, folders that go away, and how much is
 * done of it.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from 'lookbehind/extend';

export const ROOT = resolve(__dirname, '../..');

/**
 * `npm run test:faults` asks for more than `npm test` does, by this variable: how many kills, cases or steps.
 */
export function scale(usual: number): number {
  return Number(process.env.LB_FAULTS ?? usual);
}

/** The seed of all that is drawn at random. */
export const SEED = Number(process.env.LB_FAULTS_SEED ?? 0);

/** An empty folder that is removed after the test. */
export function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'lookbehind-faults-'));
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}

/** The processes that a process started and that live; a bare Linux has no ps. */
export function childrenOf(pid: number): number[] {
  if (process.platform !== 'linux') {
    const list = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' });
    const pairs = list.split('\n').map((line) => line.trim().split(/\s+/).map(Number));
    return pairs.filter(([, parent]) => parent === pid).map(([child]) => child);
  }
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((child) => {
      try {
        return new RegExp(`^PPid:\\s+${pid}$`, 'm').test(readFileSync(`/proc/${child}/status`, 'utf8'));
      } catch {
        return false; // it ended in the meantime
      }
    });
}

/**
 * Runs `script` in a Node process of its own, in the project, with one thread for TensorFlow. Its arguments
 * are `process.argv.slice(1)`.
 */
export function startScript(
  script: string,
  args: readonly string[] = [],
  options: { env?: NodeJS.ProcessEnv; execArgv?: string[] } = {},
): ChildProcess {
  return spawn(process.execPath, [...(options.execArgv ?? []), '-e', script, ...args], {
    cwd: ROOT,
    env: {
      ...process.env,
      TF_NUM_INTRAOP_THREADS: '1',
      TF_NUM_INTEROP_THREADS: '1',
      TF_CPP_MIN_LOG_LEVEL: '3',
      ...options.env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** What a process that ended wrote, and how it ended. */
export async function outputOf(
  child: ChildProcess,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text;
    });
  }
  const [code] = await once(child, 'close');
  return { code, ...texts };
}

/** Work that can be done in parts. */
export interface Victim {
  /**
   * Starts the work in `folder`, or goes on where it was left. It writes to standard output as soon as it is
   * under way.
   */
  start(folder: string): ChildProcess;
  /** What the finished work left, without times. */
  outcome(folder: string): unknown;
  /** The process to kill. Default: the one that was started. */
  target?(child: ChildProcess, random: Random): number | undefined;
  /**
   * Names of files that may be left in `folder` when all is done. Default: no locks, nothing half written.
   */
  leftovers?: RegExp;
}

const LEFTOVERS = /\.tmp$|\.part$|lock/;
/**
 * Share of the kills that come before the work is under way: while packages load, locks are taken, files are
 * opened.
 */
const EARLY = 0.2;
/** Kills of one piece of work; then it may end. */
const KILLS_PER_RUN = 5;

/**
 * Does each piece of work twice, once undisturbed and once killed (-9) again and again at random moments,
 * until there were so many kills in all, and asserts that both end alike, bit for bit.
 *
 * @param victims Different pieces of work, taken in turns.
 */
export async function assertSurvivesKills(
  t: TestContext,
  victims: readonly Victim[],
  kills: number,
): Promise<void> {
  const random = new Random(SEED, `kills of ${t.name}`);
  const folder = temporaryFolder(t);
  const undisturbed = new Map<Victim, { outcome: unknown; start: number; work: number }>();
  let done = 0;
  for (let run = 0; done < kills; run++) {
    const victim = victims[run % victims.length];
    if (!undisturbed.has(victim)) {
      const whole = join(folder, `whole-${run}`);
      const times = await runToEnd(victim, whole);
      undisturbed.set(victim, { outcome: victim.outcome(whole), ...times });
    }
    const { outcome, start, work } = undisturbed.get(victim)!;
    const parts = join(folder, `parts-${run}`);
    const before = done;
    for (let i = 0; i < KILLS_PER_RUN && done < kills; i++) {
      const early = random.uniform() < EARLY;
      const delay = random.uniform() * (early ? start : (2 * work) / KILLS_PER_RUN);
      if (!(await runAndKill(victim, parts, early, delay, random))) break;
      done++;
    }
    await runToEnd(victim, parts);
    assert.deepEqual(victim.outcome(parts), outcome, `run ${run}, after ${done - before} kills`);
    const left = (readdirSync(parts, { recursive: true }) as string[]).filter((name) =>
      (victim.leftovers ?? LEFTOVERS).test(name),
    );
    assert.deepEqual(left, [], `what run ${run} left`);
    rmSync(parts, { recursive: true });
  }
  t.diagnostic(`${done} kills`);
}

/** Milliseconds until the work was under way, and from there to its end. */
async function runToEnd(victim: Victim, folder: string): Promise<{ start: number; work: number }> {
  const began = performance.now();
  const child = victim.start(folder);
  const output = outputOf(child);
  await Promise.race([once(child.stdout!, 'data'), output]);
  const underWay = performance.now();
  const { code, stderr } = await output;
  assert.equal(code, 0, stderr);
  return { start: underWay - began, work: performance.now() - underWay };
}

/** Kills a process; false where there is none. */
function kill(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return false;
  }
}

/** Whether the process was killed before it ended by itself. */
async function runAndKill(
  victim: Victim,
  folder: string,
  early: boolean,
  delay: number,
  random: Random,
): Promise<boolean> {
  const child = victim.start(folder);
  const output = outputOf(child);
  if (!early) await Promise.race([once(child.stdout!, 'data'), output]);
  const ended = new AbortController();
  await Promise.race([sleep(delay, undefined, { signal: ended.signal }).catch(() => undefined), output]);
  ended.abort();
  const running = child.exitCode === null && child.signalCode === null;
  const target = running ? (victim.target?.(child, random) ?? child.pid!) : undefined;
  const killed = target !== undefined && kill(target);
  const { code, stderr } = await output;
  // Where only a helper was killed, the work goes on and ends by itself, well or with a report.
  if (!killed || target !== child.pid) return killed;
  // It may have ended while the process to kill was looked for.
  assert.ok(code === 0 || child.signalCode === 'SIGKILL', stderr);
  return code !== 0;
}
