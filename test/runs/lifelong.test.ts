/** Runs that learn a sequence of tasks: stored, resumed and swept as other runs. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { CIFAR100_STATISTICS } from 'lookbehind/data';
import { lifelongMeasures } from 'lookbehind/lifelong';
import {
  buildLifelongRun,
  configHash,
  executeRun,
  expandGrid,
  type LifelongConfig,
  openLifelongRun,
  openRun,
  type RunConfig,
  type RunRow,
  resolveConfig,
  sweep,
} from 'lookbehind/runs';
import { flattenRow, taskRows } from 'lookbehind/statistics';
import { SMALL, temporaryStore } from './support';

const ROTATED: RunConfig = {
  ...SMALL,
  epochs: 2,
  batchSize: 10,
  lifelong: { kind: 'rotated', angles: [0, 60, 120], trainSamples: 40, replay: 30 },
};

test('a run is stored with its matrix, its measures and one row per epoch, and its learner can be opened', async (t) => {
  const store = temporaryStore(t);
  const outcome = await executeRun({ ...ROTATED, measures: [{ kind: 'sharpness', radii: [0.1] }] }, store);
  assert.ok(outcome.kind === 'done');
  const { lifelong, measures, last, best, hash, gradientEvaluations } = outcome.result;
  assert.deepEqual(store.readResult(hash), outcome.result);
  assert.ok(lifelong !== undefined && lifelong.initialAccuracies !== null);
  assert.deepEqual(lifelong.tasks, ['0°', '60°', '120°']);
  assert.deepEqual(lifelong.recipe.angles, [0, 60, 120]);
  const { forgetting, ...expected } = lifelongMeasures(lifelong.accuracy, lifelong.initialAccuracies);
  assert.deepEqual(measures, {
    ...expected,
    'forgetting.firstMinusLast': forgetting.firstMinusLast,
    'forgetting.maximumMinusLast': forgetting.maximumMinusLast,
    'forgetting.maximumEarlierMinusNow': forgetting.maximumEarlierMinusNow,
  });
  assert.equal(lifelong.measures.length, 3);
  assert.ok(lifelong.measures.every((values) => values['sharpness@0.1'] > 0));
  // 4 steps in each of 2 epochs of 3 tasks, of 3 gradients each.
  assert.equal(gradientEvaluations, 72);
  assert.equal(best, null);

  const history = store.readHistory(hash);
  assert.deepEqual(
    history.map(({ epoch, testAccuracy }) => [epoch, testAccuracy === null]),
    [1, 2, 3, 4, 5, 6].map((epoch) => [epoch, epoch % 2 === 1]),
  );
  assert.equal(last?.testAccuracy, measures.averageAccuracy);

  const config = resolveConfig({
    ...ROTATED,
    measures: [{ kind: 'sharpness', radii: [0.1] }],
    label: 'rotated',
    seed: 0,
  });
  const row: RunRow = {
    hash,
    config,
    status: 'finished',
    result: outcome.result,
    error: null,
    reused: false,
  };
  assert.deepEqual(
    taskRows([row]),
    [0, 1].map((j) => {
      const [first, second, third] = lifelong.accuracy.map((accuracies) => accuracies[j]);
      const best = j === 0 ? Math.max(first, second) : second;
      return {
        label: 'rotated',
        hash,
        seed: 0,
        task: j + 1,
        name: ['0°', '60°'][j],
        learned: [first, second][j],
        last: third,
        firstMinusLast: [first, second][j] - third,
        maximumMinusLast: Math.max(best, third) - third,
        maximumEarlierMinusNow: best - third,
        ...lifelong.measures[j],
      };
    }),
  );
  assert.deepEqual(taskRows([{ ...row, status: 'diverged' }]), []);
  assert.deepEqual(
    taskRows([{ ...row, config: { ...config, lifelong: { ...config.lifelong!, regime: 'joint' } } }]),
    [],
  );

  const run = await openLifelongRun({ ...ROTATED, measures: [{ kind: 'sharpness', radii: [0.1] }] }, store);
  assert.deepEqual(run.learner.accuracy, lifelong.accuracy);
  assert.equal(run.learner.status, 'finished');
  run.dispose();
  await assert.rejects(
    openRun({ ...ROTATED, measures: [{ kind: 'sharpness', radii: [0.1] }] }, store),
    /Use buildLifelongRun/,
  );
});

test('a run stopped within a task goes on and ends the same', async (t) => {
  const [stopped, whole] = [temporaryStore(t), temporaryStore(t)];
  const controller = new AbortController();
  const onProgress = (share: number): void => void (share > 0.6 && controller.abort());
  assert.equal(
    (await executeRun(ROTATED, stopped, { signal: controller.signal, onProgress })).kind,
    'aborted',
  );
  const outcomes = [await executeRun(ROTATED, stopped), await executeRun(ROTATED, whole)];
  const [a, b] = outcomes.map((outcome) => (outcome.kind === 'done' ? outcome.result : undefined));
  assert.ok(a !== undefined);
  assert.deepEqual([a.lifelong, a.measures], [b?.lifelong, b?.measures]);
  const hash = configHash(ROTATED);
  assert.deepEqual(stopped.readCheckpoint(hash)?.weights, whole.readCheckpoint(hash)?.weights);
});

test('grids sweep over lifelong options, and their rows have columns for them', async (t) => {
  const rows = await sweep(
    {
      ...ROTATED,
      epochs: 1,
      lifelong: { kind: 'split', tasks: 5, replay: [0, 20], scenario: 'class-incremental' },
    },
    { store: temporaryStore(t), engine: 'inProcess' },
  );
  assert.deepEqual(
    rows.map((row) => {
      const flat = flattenRow(row);
      return [flat.status, flat.lifelong, flat['lifelong.tasks'], flat['lifelong.replay']];
    }),
    [
      ['finished', 'split', 5, 0],
      ['finished', 'split', 5, 20],
    ],
  );
  const flat = flattenRow(rows[0]);
  assert.equal(flat.averageAccuracy, rows[0].result?.measures.averageAccuracy);
  assert.ok(Math.abs(Number(flat.testError) - 100 * (1 - Number(flat.averageAccuracy))) < 1e-9);
});

test('the hash tells lifelong runs apart, not how their defaults are written', () => {
  const hashOf = (lifelong?: LifelongConfig | 'rotated' | 'permuted'): string =>
    configHash({ ...ROTATED, lifelong });
  assert.equal(
    hashOf('rotated'),
    hashOf({ kind: 'rotated', angles: [0, 36, 72, 108, 144], replay: 0, regime: 'sequential' }),
  );
  const different = [
    undefined,
    'rotated',
    'permuted',
    { kind: 'split', tasks: 5 },
    { kind: 'split', tasks: 2 },
  ] as const;
  assert.equal(new Set(different.map(hashOf)).size, different.length);
  assert.equal(configHash(SMALL), configHash({ ...SMALL, lifelong: undefined }));
  assert.deepEqual(
    expandGrid({
      ...ROTATED,
      lifelong: {
        kind: 'rotated',
        angles: [
          [0, 10],
          [0, 20, 40],
        ],
      },
    }).map(({ lifelong }) => lifelong?.kind === 'rotated' && lifelong.angles),
    [
      [0, 10],
      [0, 20, 40],
    ],
  );
});

test('what does not go together is refused by name', () => {
  const refused = (message: RegExp, fields: object, rest: object = {}): void => {
    assert.throws(
      () => resolveConfig({ ...ROTATED, ...rest, lifelong: { kind: 'split', tasks: 5, ...fields } }),
      message,
    );
  };
  refused(/lifelong.tasks/, { tasks: 0 });
  refused(/lifelong.replay must be 0 in the regime "joint"/, { replay: 10, regime: 'joint' });
  refused(/lifelong.replayBatchSize must be <= replay, 10, got 11/, { replay: 10, replayBatchSize: 11 });
  refused(/lifelong.switchReplay must be left out/, { switchReplay: true });
  refused(/angles/, { angles: [0] });
  refused(/schedule must be left out/, {}, { schedule: 'cosine' });
  refused(/evaluateEvery must be left out/, {}, { evaluateEvery: 2 });
});

/**
 * Files of CIFAR-100's binary format: per class `train` and `test` images whose pixels all have the number of
 * the class.
 */
function cifar100Folder(t: TestContext, train: number, test: number): string {
  const folder = mkdtempSync(join(tmpdir(), 'lookbehind-cifar100-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const records = (perClass: number): Buffer =>
    Buffer.concat(
      Array.from({ length: 100 * perClass }, (_, i) =>
        Buffer.alloc(3074, i % 100).fill(Math.floor((i % 100) / 5), 0, 1),
      ),
    );
  writeFileSync(join(folder, 'train.bin'), records(train));
  writeFileSync(join(folder, 'test.bin'), records(test));
  return folder;
}

test('Split-CIFAR-100 through the loader: 20 tasks of 5 classes and 10 of 10, each with its own images', async (t) => {
  const folder = cifar100Folder(t, 3, 1);
  for (const [tasks, perTask] of [
    [20, 5],
    [10, 10],
  ]) {
    const run = await buildLifelongRun({
      ...SMALL,
      data: { kind: 'cifar100', folder, standardize: true },
      lifelong: { kind: 'split', tasks, classOrder: 'random' },
      seed: 3,
    });
    const { sequence } = run;
    assert.deepEqual([sequence.length, sequence.outputs, sequence.inputShape], [tasks, 100, [32, 32, 3]]);
    const order = sequence.recipe.classOrder as number[];
    assert.deepEqual(
      [...order].sort((a, b) => a - b),
      Array.from({ length: 100 }, (_, c) => c),
    );
    assert.notDeepEqual(
      order,
      [...order].sort((a, b) => a - b),
    );
    sequence.tasks.forEach(({ name, classes, train, test }, task) => {
      const own = order.slice(task * perTask, (task + 1) * perTask).sort((a, b) => a - b);
      assert.deepEqual([...classes], own);
      assert.equal(name, own.map((c) => train.classes[c]).join(', '));
      assert.deepEqual([train.size, test.size], [3 * perTask, perTask]);
      for (const set of [train, test]) {
        assert.deepEqual(
          [...new Set(set.labels)].sort((a, b) => a - b),
          own,
        );
        set.labels.forEach((label, i) => {
          const [mean, std] = [CIFAR100_STATISTICS.mean[2], CIFAR100_STATISTICS.std[2]];
          assert.ok(Math.abs(set.values([i])[2] - (label / 255 - mean) / std) < 1e-5);
        });
      }
    });
    run.dispose();
  }
});

test('20 tasks with a head each are learned as a run, with replay', async (t) => {
  const config: RunConfig = {
    ...SMALL,
    data: { kind: 'cifar100', folder: cifar100Folder(t, 2, 1), standardize: true },
    optimizer: { kind: 'lookbehindSAM', k: 2, learningRate: 0.01 },
    epochs: 1,
    batchSize: 5,
    lifelong: { kind: 'split', tasks: 20, replay: 20 },
  };
  const outcome = await executeRun(config, temporaryStore(t));
  assert.ok(outcome.kind === 'done');
  const { lifelong, measures, gradientEvaluations } = outcome.result;
  assert.deepEqual([lifelong?.accuracy.length, lifelong?.accuracy[19].length], [20, 20]);
  assert.ok(
    measures.averageAccuracy >= 0.1,
    `${measures.averageAccuracy}, where chance is 0.2 with a head of 5 and 0.01 without`,
  );
  assert.equal(gradientEvaluations, 20 * 2 * 3);
});
