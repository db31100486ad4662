import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OptionError } from 'lookbehind/errors';
import { configHash, expandGrid, type RunRow, type SweepGrid } from 'lookbehind/runs';
import { bestAlong, bestSettings } from 'lookbehind/statistics';
import { SMALL } from '../runs/support';

/** Rows of the runs of `grid`, as if they had these accuracies; null: failed, NaN: diverged. */
function rowsOf(grid: Partial<SweepGrid>, accuracies: readonly (number | null)[]): RunRow[] {
  const configs = expandGrid({ ...SMALL, ...grid } as SweepGrid);
  assert.equal(configs.length, accuracies.length);
  return configs.map((config, i): RunRow => {
    const accuracy = accuracies[i];
    const status = accuracy === null ? 'failed' : Number.isNaN(accuracy) ? 'diverged' : 'finished';
    const result =
      accuracy === null
        ? null
        : ({ last: { testAccuracy: accuracy }, measures: { accuracy } } as unknown as RunRow['result']);
    return { hash: configHash(config), config, status, result, error: null, reused: false };
  });
}

const sam = rowsOf(
  {
    label: 'SAM',
    optimizer: { kind: 'sam', learningRate: [0.1, 0.2, 0.3], rho: [0.05, 0.1] },
    seeds: [100, 101],
  },
  [0.5, 0.7, 0.9, 0.1, 0.8, 0.6, 0.65, 0.75, 0.99, Number.NaN, null, 1],
);
const sgd = rowsOf(
  { label: 'SGD', optimizer: { kind: 'sgd', learningRate: [0.1, 0.2] }, seeds: [100, 101] },
  [0.1, 0.2, 0.3, 0.1],
);

test('the best mean over seeds of each group is chosen, without settings that diverged or failed', () => {
  // Interleaved, as they may come from several sweeps.
  const [first, second] = bestSettings([...sam.slice(0, 3), ...sgd, ...sam.slice(3)]);
  assert.deepEqual([first.group, second.group], [{ label: 'SAM' }, { label: 'SGD' }]);
  assert.deepEqual(
    first.settings.map(({ values }) => values.map((error) => Math.round(error))),
    [
      [50, 30],
      [10, 90],
      [20, 40],
      [35, 25],
      [1, Number.NaN],
      [Number.NaN, 0],
    ],
  );
  assert.deepEqual(
    first.settings.map(({ mean }) => Math.round(mean)),
    [40, 50, 30, 30, Number.NaN, Number.NaN],
  );
  // Two are equally good up to rounding; both have the learning rate 0.2.
  assert.equal((first.best.config.optimizer as { learningRate: number }).learningRate, 0.2);
  assert.ok(first.settings.includes(first.best));
  assert.equal(first.best.config, sam[first.settings.indexOf(first.best) * 2].config);
  assert.deepEqual(second.best.config.optimizer, sgd[2].config.optimizer);
});

test('groups, column and direction can be chosen', () => {
  const groups = bestSettings(sam, { by: ['label', 'optimizer.rho'], value: 'accuracy', best: 'highest' });
  assert.deepEqual(
    groups.map(({ group, settings }) => [group['optimizer.rho'], settings.length]),
    [
      [0.05, 3],
      [0.1, 3],
    ],
  );
  assert.deepEqual(
    groups.map(({ best }) => best.config),
    [sam[4].config, sam[6].config],
  );
  const lowest = bestSettings(sam, { by: ['label', 'optimizer.rho'], value: 'accuracy' });
  assert.deepEqual(
    lowest.map(({ best }) => best.config),
    [sam[0].config, sam[2].config],
  );
});

test('along an option there is the best of the others at each of its values, in their order, without diverged ones', () => {
  const [{ settings }] = bestSettings(sam, { value: 'accuracy' });
  const rate = ({ optimizer }: RunRow['config']) => (optimizer as { learningRate: number }).learningRate;
  const [lowest, highest] = (['lowest', 'highest'] as const).map((best) =>
    bestAlong([...settings].reverse(), rate, best),
  );
  for (const found of [lowest, highest]) {
    assert.deepEqual(
      found.map(({ at, config }) => [at, rate(config)]),
      [
        [0.1, 0.1],
        [0.2, 0.2],
      ],
    );
  }
  assert.deepEqual([lowest[0].config, highest[0].config], [sam[2].config, sam[0].config]);
  assert.deepEqual(bestAlong(settings, rate)[0], lowest[0]);
  assert.throws(() => bestAlong(settings, rate, 'most' as 'highest'), OptionError);
});

test('options at the least or the largest of three values and more are named, each value counted once', () => {
  const tried = {
    kind: 'lookahead',
    k: [2, 5],
    alpha: [0.5],
    base: { kind: 'sgd', learningRate: [0.1, 0.2, 0.4] },
  };
  const grid = { label: 'Lookahead', optimizer: tried, seeds: [100] } as unknown as Partial<SweepGrid>;
  const edgesWhere = (accuracies: number[]) => bestSettings(rowsOf(grid, accuracies))[0].edges;
  assert.deepEqual(edgesWhere([0.9, 0.5, 0.5, 0.5, 0.5, 0.5]), { 'optimizer.base.learningRate': 'low' });
  assert.deepEqual(edgesWhere([0.5, 0.5, 0.5, 0.5, 0.5, 0.9]), { 'optimizer.base.learningRate': 'high' });
  assert.deepEqual(edgesWhere([0.5, 0.5, 0.5, 0.5, 0.9, 0.5]), {}, 'two values of k have no inside');
  // A setting that diverged was tried, too.
  assert.deepEqual(edgesWhere([0.5, 0.9, Number.NaN, 0.5, 0.6, Number.NaN]), {});
  assert.deepEqual(bestSettings(sgd)[0].edges, {});
});

test('what cannot be chosen from is refused by name', () => {
  assert.throws(() => bestSettings(sgd, { value: 'acuracy' }), /"SGD".*acuracy/);
  assert.throws(() => bestSettings(sgd, { by: ['method'] }), OptionError);
  assert.throws(() => bestSettings(sgd, { best: 'biggest' as 'highest' }), OptionError);
  assert.deepEqual(bestSettings([]), []);
});
