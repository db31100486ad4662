/** What the tests of runs share: small runs, folders that go away, processes that are killed. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { TestContext } from 'node:test';
import { AbortedError } from 'lookbehind/errors';
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
 * Calls `attempt` with more and more epochs until it returns true: on a slow or busy machine short runs are
 * over before a test has seen, or stopped, them.
 */
export async function inRunsLongEnough(
  epochs: number,
  attempt: (epochs: number) => Promise<boolean>,
): Promise<void> {
  for (const factor of [1, 4, 16, 64]) if (await attempt(epochs * factor)) return;
  assert.fail(`What was waited for did not come about in runs of ${64 * epochs} epochs.`);
}

/** Whether a sweep was stopped on request; false where it came to its end first. */
export function wasStopped(sweep: Promise<unknown>): Promise<boolean> {
  return sweep.then(
    () => false,
    (error) => {
      if (error instanceof AbortedError) return true;
      throw error;
    },
  );
}

/**
 * Executes a run with a checkpoint after each epoch, in processes that kill themselves after so many steps,
 * one after the other; the last may end.
 *
 * @returns How they ended: signal or exit code.
 */
export async function executeKilled(
  store: RunStore,
  config: RunConfig,
  steps: readonly number[],
): Promise<Array<string | number>> {
  const script = `
    const { executeRun, RunStore } = require('lookbehind/runs');
    const [folder, config, steps] = process.argv.slice(1);
    let left = Number(steps);
    executeRun(JSON.parse(config), new RunStore(folder), {
      checkpointSeconds: 0,
      onProgress: () => --left === 0 && process.kill(process.pid, 'SIGKILL'),
    });`;
  const ends: Array<string | number> = [];
  for (const limit of [...steps, -1]) {
    const child = spawn(process.execPath, ['-e', script, store.folder, JSON.stringify(config), `${limit}`], {
      cwd: ROOT,
      env: { ...process.env, TF_NUM_INTRAOP_THREADS: '1', TF_NUM_INTEROP_THREADS: '1' },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const [code, signal] = await once(child, 'exit');
    ends.push(signal ?? code);
  }
  return ends;
}
