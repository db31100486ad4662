/** Runs that learn a sequence of tasks: stored, resumed and swept as other runs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  configHash,
  executeRun,
  expandGrid,
  flattenRow,
  type LifelongConfig,
  lifelongMeasures,
  openLifelongRun,
  openRun,
  type RunConfig,
  resolveConfig,
  sweep,
} from 'lookbehind';
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

  const run = await openLifelongRun({ ...ROTATED, measures: [{ kind: 'sharpness', radii: [0.1] }] }, store);
  assert.deepEqual(run.learner.accuracy, lifelong.accuracy);
  assert.equal(run.learner.status, 'finished');
  run.dispose();
  await assert.rejects(openRun({ ...ROTATED, measures: [{ kind: 'sharpness', radii: [0.1] }] }, store), /Use buildLifelongRun/);
});

test('a run stopped within a task goes on and ends the same', async (t) => {
  const [stopped, whole] = [temporaryStore(t), temporaryStore(t)];
  const controller = new AbortController();
  const onProgress = (share: number): void => void (share > 0.6 && controller.abort());
  assert.equal((await executeRun(ROTATED, stopped, { signal: controller.signal, onProgress })).kind, 'aborted');
  const outcomes = [await executeRun(ROTATED, stopped), await executeRun(ROTATED, whole)];
  const [a, b] = outcomes.map((outcome) => (outcome.kind === 'done' ? outcome.result : undefined));
  assert.ok(a !== undefined);
  assert.deepEqual([a.lifelong, a.measures], [b?.lifelong, b?.measures]);
  const hash = configHash(ROTATED);
  assert.deepEqual(stopped.readCheckpoint(hash)?.weights, whole.readCheckpoint(hash)?.weights);
});

test('grids sweep over lifelong options, and their rows have columns for them', async (t) => {
  const rows = await sweep(
    { ...ROTATED, epochs: 1, lifelong: { kind: 'split', tasks: 5, replay: [0, 20], scenario: 'class-incremental' } },
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
  const hashOf = (lifelong?: LifelongConfig | 'rotated' | 'permuted'): string => configHash({ ...ROTATED, lifelong });
  assert.equal(hashOf('rotated'), hashOf({ kind: 'rotated', angles: [0, 36, 72, 108, 144], replay: 0, regime: 'sequential' }));
  const different = [undefined, 'rotated', 'permuted', { kind: 'split', tasks: 5 }, { kind: 'split', tasks: 2 }] as const;
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
    assert.throws(() => resolveConfig({ ...ROTATED, ...rest, lifelong: { kind: 'split', tasks: 5, ...fields } }), message);
  };
  refused(/lifelong.tasks/, { tasks: 0 });
  refused(/lifelong.replay must be 0 in the regime "joint"/, { replay: 10, regime: 'joint' });
  refused(/lifelong.replayBatchSize must be <= replay, 10, got 11/, { replay: 10, replayBatchSize: 11 });
  refused(/lifelong.switchReplay must be left out/, { switchReplay: true });
  refused(/angles/, { angles: [0] });
  refused(/schedule must be left out/, {}, { schedule: 'cosine' });
  refused(/evaluateEvery must be left out/, {}, { evaluateEvery: 2 });
});
