/** What figures take from the results of a sweep: styles of methods, paired differences. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OptionError } from 'lookbehind/errors';
import {
  type MeasureConfig,
  type OptimizerConfig,
  type RunRow,
  resolveConfig,
  type SweepGrid,
  sweep,
} from 'lookbehind/runs';
import { flattenRow, pairedDifferences, SweepResults } from 'lookbehind/statistics';
import { SMALL, temporaryStore } from '../runs/support';

const OPTIMIZERS: Record<string, { optimizer: OptimizerConfig; style: object }> = {
  SGD: { optimizer: { kind: 'sgd' }, style: { method: 'sgd' } },
  LA: { optimizer: { kind: 'lookahead', base: { kind: 'sam' } }, style: { method: 'lookaheadSAM' } },
  LB: { optimizer: { kind: 'lookbehindSAM', k: 3 }, style: { method: 'lookbehindSAM', k: 3 } },
  adaptive: {
    optimizer: { kind: 'lookbehindASAM', alpha: 'adaptive' },
    style: { method: 'lookbehindASAMAdaptive' },
  },
};

test('results have the style of each method, and differences paired by seed', async (t) => {
  const store = temporaryStore(t);
  const measures: MeasureConfig[] = [{ kind: 'noisyAccuracy', sigmas: [0, 0.5], draws: 2 }];
  const grids = Object.entries(OPTIMIZERS).map(
    ([label, { optimizer }]): SweepGrid => ({
      ...(SMALL as SweepGrid),
      epochs: 1,
      seeds: 2,
      measures,
      optimizer,
      label,
    }),
  );
  const rows = await sweep(grids, { store, engine: 'inProcess' });
  const results = new SweepResults(rows);
  for (const [label, { style }] of Object.entries(OPTIMIZERS))
    assert.deepEqual(results.style(label), { ...style, label });

  const expected = pairedDifferences(rows.map(flattenRow), { baseline: 'SGD' });
  const differences = results.differences('testError', { baseline: 'SGD' });
  assert.deepEqual(
    differences,
    expected.map((one) => ({ ...results.style(String(one.group.label)), ...one })),
  );
  const halved = results.differences(
    (label) => results.values(label, 'testError').map((error) => error / 2),
    {
      baseline: 'SGD',
      labels: ['LB'],
    },
  );
  assert.deepEqual(
    halved.map(({ label, estimate }) => [label, estimate]),
    [['LB', differences.find(({ label }) => label === 'LB')!.estimate / 2]],
  );

  const reached = results.percentAt('LB', 'noisyAccuracy', [0, 0.5]);
  const columns = [0, 0.5].map((level) =>
    results.values('LB', `noisyAccuracy@${level}`).map((accuracy) => 100 * accuracy),
  );
  assert.deepEqual(
    reached,
    columns[0].map((clean, seed) => [clean, columns[1][seed]]),
  );
  const series = { method: 'lookbehindSAM', k: 3, label: 'LB', sigma: [0, 0.5] };
  assert.deepEqual(results.noiseSeries(['LB'], 'noisyAccuracy', [0, 0.5]), [
    { ...series, accuracy: reached },
  ]);
  const lost = reached.map(([clean, noisy]) => [0, clean - noisy]);
  assert.deepEqual(results.noiseSeries(['LB'], 'noisyAccuracy', [0, 0.5], { lost: true }), [
    { ...series, accuracy: lost },
  ]);

  const part = results.part('L');
  assert.deepEqual(part.labels, ['A', 'B']);
  assert.deepEqual(part.values('B', 'testError'), results.values('LB', 'testError'));
  assert.deepEqual(part.style('B'), { ...results.style('LB'), label: 'B' });
  const testLosses = results
    .of('LA')
    .map(({ hash }) => store.readHistory(hash).map(({ testLoss }) => testLoss));
  assert.deepEqual(part.history('A', 'testLoss'), testLosses);
  assert.throws(() => results.part('M'), OptionError);

  const [first, second] = results.along(['LB', 'SGD'], 'testError');
  assert.deepEqual([first[0], second[0]], results.values('LB', 'testError'));
  assert.deepEqual([first[1], second[1]], results.values('SGD', 'testError'));
  assert.throws(() => results.along(['none'], 'testError'), OptionError);
});

test('SGD whose learning rate falls from task to task has a style of its own', () => {
  const config = (learningRateDecay: number): RunRow['config'] =>
    resolveConfig({
      ...SMALL,
      optimizer: { kind: 'sgd' },
      lifelong: { kind: 'split', tasks: 2, learningRateDecay },
    });
  const row = (decay: number, label: string): RunRow => {
    const known = { hash: label, status: 'finished', result: null, error: null, reused: true } as const;
    return { ...known, config: { ...config(decay), label } };
  };
  const results = new SweepResults([row(0.8, 'falling'), row(1, 'constant')]);
  assert.deepEqual(results.style('falling'), { method: 'stable SGD', label: 'falling' });
  assert.deepEqual(results.style('constant'), { method: 'sgd', label: 'constant' });
});

test('the runs of a label are found without a look at all others', () => {
  let looks = 0;
  const config = resolveConfig({ ...SMALL, optimizer: { kind: 'sgd' } });
  const rows = Array.from({ length: 300 }, (_, i): RunRow => {
    const known = { hash: `${i}`, status: 'finished', result: null, error: null, reused: true } as const;
    return {
      ...known,
      get config() {
        looks++;
        return { ...config, label: `run ${i}` };
      },
    };
  });
  const results = new SweepResults(rows);
  looks = 0;
  for (const label of results.labels) assert.equal(results.of(label).length, 1);
  assert.ok(looks <= rows.length, `${looks} looks`);
});
