import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { DataError, OptionError } from 'lookbehind/errors';
import {
  configHash,
  executeRun,
  openRun,
  type RunConfig,
  type RunResult,
  type RunStore,
  resolveConfig,
} from 'lookbehind/runs';
import { executeKilled, SMALL, temporaryStore, traceOf } from './support';

async function finish(config: RunConfig, store: RunStore): Promise<RunResult> {
  const outcome = await executeRun(config, store, { checkpointSeconds: 0 });
  assert.equal(outcome.kind, 'done');
  return (outcome as { result: RunResult }).result;
}

/** Runs and stops after `steps` steps. */
async function stopAfter(
  steps: number,
  config: RunConfig,
  store: RunStore,
  checkpointSeconds = 0,
): Promise<void> {
  const controller = new AbortController();
  let count = 0;
  const onProgress = (): void => {
    if (++count === steps) controller.abort();
  };
  const outcome = await executeRun(config, store, {
    signal: controller.signal,
    onProgress,
    checkpointSeconds,
  });
  assert.equal(outcome.kind, 'aborted');
}

function paths(t: TestContext, config: RunConfig): { store: RunStore; folder: string; hash: string } {
  const store = temporaryStore(t);
  const hash = configHash(config);
  return { store, folder: store.runFolder(hash), hash };
}

test('a run leaves what the result depends on, how it went and what came out', async (t) => {
  const config: RunConfig = {
    ...SMALL,
    label: 'mine',
    measures: [
      { kind: 'sharpness', radii: [0, 0.2] },
      { kind: 'noisyAccuracy', sigmas: [0], draws: 2 },
    ],
  };
  const { store, folder, hash } = paths(t, config);
  const before = tf.memory().numTensors;
  const result = await finish(config, store);
  assert.equal(tf.memory().numTensors, before);
  assert.deepEqual(readdirSync(folder).sort(), ['checkpoint', 'config.json', 'history.csv', 'result.json']);
  assert.deepEqual(store.readConfig(hash), resolveConfig(config));
  assert.deepEqual(store.readResult(hash), result);
  const history = store.readHistory(hash);
  assert.equal(history.length, 3);
  assert.deepEqual(result.last, history[2]);
  assert.deepEqual(
    result.best,
    history.reduce((best, record) => (record.testAccuracy! > best.testAccuracy! ? record : best)),
  );
  assert.equal(result.gradientEvaluations, 3 * 4 * 3); // epochs, batches, k + 1
  assert.equal(result.parameters, 64 * 12 + 12 + 12 * 10 + 10);
  assert.equal(result.measures['sharpness@0'], 0);
  assert.ok(result.measures['sharpness@0.2'] > 0);
  assert.ok(Math.abs(result.measures['noisyAccuracy@0'] - history[2].testAccuracy!) < 1e-9);
  const events = join(store.tensorboard, `mine seed 0 (${hash.slice(0, 8)})`);
  assert.deepEqual(store.eventFolders(hash), [events]);
  const [file] = readdirSync(events);
  const bytes = readFileSync(join(events, file)).toString('latin1');
  for (const tag of ['loss/train', 'loss/test', 'accuracy/test'])
    assert.equal(bytes.split(tag).length - 1, 3, tag);
  for (const once of ['optimizer.k', 'sharpness@0.2', '_hparams_/session_end_info'])
    assert.equal(bytes.split(once).length - 1, 1, once);

  // It is not run again, and its model can be looked at.
  const again = await finish(config, store);
  assert.deepEqual(again, result);
  const run = await openRun(config, store);
  const { accuracy } = await run.trainer.evaluate(run.data.test);
  run.dispose();
  assert.equal(accuracy, history[2].testAccuracy);
  assert.equal(tf.memory().numTensors, before);
});

describe('an interrupted run', () => {
  const lookahead: RunConfig = {
    ...SMALL,
    model: { kind: 'mlp', hidden: [12], batchNorm: true, dropout: 0.2 },
    optimizer: { kind: 'lookahead', k: 3, base: { kind: 'sam', momentum: 0.9 } },
    schedule: { kind: 'cosine', warmUpEpochs: 1 },
  };
  const noisy: RunConfig = { ...SMALL, noise: { kind: 'gaussian', sigma: 0.3 } };
  const composed: RunConfig = {
    ...lookahead,
    noise: {
      kind: 'composed',
      stages: [
        { kind: 'quantization', bits: 4 },
        { kind: 'additive', sigma: 0.05 },
        { kind: 'additive', sigma: 0.05 },
      ],
      tensors: 'all',
    },
  };
  for (const [name, config] of Object.entries({
    'of Lookbehind': SMALL,
    'of Lookahead, with all that has state': lookahead,
    'with noise on the weights': noisy,
    'with noise of three kinds, and all that has state': composed,
  })) {
    test(`${name} ends bit-identical to an uninterrupted one`, async (t) => {
      const [whole, parts] = [temporaryStore(t), temporaryStore(t)];
      const expected = await finish(config, whole);
      await stopAfter(2, config, parts);
      await stopAfter(4, config, parts, 1000);
      const result = await finish(config, parts);
      assert.deepEqual(traceOf(parts, config), traceOf(whole, config));
      assert.equal(result.gradientEvaluations, expected.gradientEvaluations);
    });
  }

  test('of a sequence of tasks with noise, too', async (t) => {
    const tasks: RunConfig = {
      ...noisy,
      epochs: 1,
      batchSize: 10,
      lifelong: { kind: 'rotated', angles: [0, 60], trainSamples: 40, replay: 20 },
    };
    const [whole, parts] = [temporaryStore(t), temporaryStore(t)];
    await finish(tasks, whole);
    await stopAfter(3, tasks, parts);
    await stopAfter(3, tasks, parts);
    await finish(tasks, parts);
    assert.deepEqual(traceOf(parts, tasks), traceOf(whole, tasks));
  });

  test('of a killed process, too', async (t) => {
    const config: RunConfig = { ...SMALL, epochs: 60 };
    const [whole, parts] = [temporaryStore(t), temporaryStore(t)];
    const steps = [1, 1].map(() => 1 + Math.floor(Math.random() * 100)); // of 240
    const [ends] = await Promise.all([executeKilled(parts, config, steps), executeKilled(whole, config, [])]);
    assert.deepEqual(ends, ['SIGKILL', 'SIGKILL', 0], `killed after ${steps} steps`);
    assert.deepEqual(traceOf(parts, config), traceOf(whole, config));
  });
});

test('a run that lost its lock stops, and leaves its folder to others', async (t) => {
  const config = { ...SMALL, epochs: 1_000_000 };
  const { store, folder, hash } = paths(t, config);
  let lost = false;
  const onProgress = (): void => {
    if (lost || store.readCheckpoint(hash) === undefined) return;
    lost = true;
    for (const name of readdirSync(folder)) if (name.startsWith('lock-')) rmSync(join(folder, name));
  };
  const ended = executeRun(config, store, { onProgress });
  assert.equal((await ended).kind, 'locked');
  const left = readFileSync(join(folder, 'history.csv'), 'utf8');
  assert.equal(store.readResult(hash), undefined);
  assert.ok(store.readCheckpoint(hash)!.manifest.position.epoch <= left.trim().split('\n').length - 1);
});

test('a run that diverges is a result', async (t) => {
  const config: RunConfig = { ...SMALL, optimizer: { kind: 'sgd', learningRate: 1e30 } };
  const { store, hash } = paths(t, config);
  const result = await finish(config, store);
  assert.equal(result.status, 'diverged');
  assert.deepEqual(store.readResult(hash), result);
});

test('a run that cannot be built fails with a typed error, and is not locked after it', async (t) => {
  const config: RunConfig = { ...SMALL, data: 'mnist1d', model: { kind: 'resNet', depth: 20 } };
  const { store } = paths(t, config);
  for (let i = 0; i < 2; i++) await assert.rejects(executeRun(config, store), OptionError);
  await assert.rejects(openRun(config, store), DataError);
});

describe('damaged files', () => {
  test('of a run under way are passed over', async (t) => {
    const { store, folder } = paths(t, SMALL);
    const whole = temporaryStore(t);
    await finish(SMALL, whole);
    await stopAfter(6, SMALL, store);
    writeFileSync(join(folder, 'config.json'), '{');
    writeFileSync(join(folder, 'history.csv'), 'epoch,');
    const checkpoints = readdirSync(join(folder, 'checkpoint')).sort();
    assert.equal(checkpoints.length, 2);
    writeFileSync(join(folder, 'checkpoint', checkpoints[1]), 'damaged');
    await finish(SMALL, store);
    assert.deepEqual(traceOf(store, SMALL), traceOf(whole, SMALL));
    assert.deepEqual(store.readConfig(configHash(SMALL)), resolveConfig(SMALL));
  });

  test('leave no run that cannot begin anew', async (t) => {
    const { store, folder } = paths(t, SMALL);
    const whole = temporaryStore(t);
    await finish(SMALL, whole);
    await stopAfter(6, SMALL, store);
    for (const file of readdirSync(join(folder, 'checkpoint')))
      writeFileSync(join(folder, 'checkpoint', file), '');
    await finish(SMALL, store);
    assert.deepEqual(traceOf(store, SMALL), traceOf(whole, SMALL));
  });

  test('of a finished run are made again, or reported', async (t) => {
    const { store, folder, hash } = paths(t, SMALL);
    const result = await finish(SMALL, store);
    const history = store.readHistory(hash);

    writeFileSync(
      join(folder, 'history.csv'),
      readFileSync(join(folder, 'history.csv'), 'utf8').replace(/^2,/m, '7,'),
    );
    assert.deepEqual(store.readHistory(hash), history);

    writeFileSync(join(folder, 'result.json'), '{"format": "look');
    assert.equal(store.readResult(hash), undefined);
    const { finishedAt: _a, ...again } = await finish(SMALL, store);
    const { finishedAt: _b, ...first } = result;
    assert.deepEqual(again, first);

    writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...SMALL, epochs: 4 }));
    assert.throws(() => store.readConfig(hash), /was changed.*Delete the folder/s);
    writeFileSync(join(folder, 'config.json'), '[]');
    assert.throws(() => store.readConfig(hash), DataError);

    rmSync(join(folder, 'checkpoint'), { recursive: true });
    writeFileSync(join(folder, 'history.csv'), 'nothing');
    assert.throws(() => store.readHistory(hash), DataError);
  });
});
