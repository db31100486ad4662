/** What the tests of experiments share: small runs, folders that go away, processes that are killed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { TestContext } from 'node:test';
import { configHash, type RunConfig, RunStore } from 'lookbehind/runs';
import type { EpochRecord } from 'lookbehind/train';

export const ROOT = resolve(__dirname, '../..');

/** A run that takes a fraction of a second. */
export const SMALL: RunConfig = {
  data: { kind: 'digits', trainSize: 200 },
  model: { kind: 'mlp', hidden: [12] },
  optimizer: { kind: 'lookbehindSAM', k: 2, momentum: 0.9, learningRate: 0.1 },
  epochs: 3,
  batchSize: 50,
};

/** An empty store that is removed after the test. */
export function temporaryStore(t: TestContext): RunStore {
  const folder = mkdtempSync(join(tmpdir(), 'lookbehind-runs-'));
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  return new RunStore(folder);
}

/** What must be equal in two executions of a run: everything but the time it took. */
export interface Trace {
  weights: string;
  optimizer: string;
  history: Array<Omit<EpochRecord, 'seconds'>>;
}

/** What a finished run left in `store`. */
export function traceOf(store: RunStore, config: RunConfig): Trace {
  const hash = configHash(config);
  const state = store.readCheckpoint(hash);
  if (state === undefined) throw new Error(`Run ${hash} has no checkpoint.`);
  return {
    weights: Buffer.from(state.weights).toString('base64'),
    optimizer: Buffer.from(state.optimizer).toString('base64'),
    history: store.readHistory(hash).map(({ seconds: _, ...record }) => record),
  };
}

/**
 * Executes one run in a process of its own, with a checkpoint after each epoch. It writes a line per step.
 */
export function startRun(store: RunStore, config: RunConfig): ChildProcess {
  const script = `
    const { executeRun, RunStore } = require('lookbehind/runs');
    const [folder, config] = process.argv.slice(1);
    executeRun(JSON.parse(config), new RunStore(folder), {
      checkpointSeconds: 0,
      onProgress: () => process.stdout.write('step\\n'),
    });`;
  return spawn(process.execPath, ['-e', script, store.folder, JSON.stringify(config)], {
    cwd: ROOT,
    env: { ...process.env, TF_NUM_INTRAOP_THREADS: '1', TF_NUM_INTEROP_THREADS: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/**
 * Executes a run, killing the process that does it again and again, until it ends.
 *
 * @param delays Milliseconds from the first step to each kill; after the last, the run may end.
 * @returns How often a process was killed before it ended.
 */
export async function executeKilled(
  store: RunStore,
  config: RunConfig,
  delays: readonly number[],
): Promise<number> {
  let kills = 0;
  for (const delay of [...delays, undefined]) {
    const child = startRun(store, config);
    const ended = once(child, 'exit');
    if (delay === undefined) {
      child.stdout?.resume();
      await ended;
      break;
    }
    await Promise.race([once(child.stdout!, 'data'), ended]);
    child.stdout?.resume();
    const timer = setTimeout(() => child.kill('SIGKILL'), delay);
    const [, signal] = await ended;
    clearTimeout(timer);
    if (signal !== 'SIGKILL') break;
    kills++;
  }
  return kills;
}
