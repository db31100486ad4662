/** An equal search for every method, on runs of a fraction of a second. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OptionError } from 'lookbehind/errors';
import { InProcessEngine, type RunRow, type SweepGrid, sweep } from 'lookbehind/runs';
import { fairSearch, flattenRow, type SearchedMethod } from 'lookbehind/statistics';
import { temporaryStore } from '../runs/support';

const ranges = { step: { log: [0.05, 0.5] }, radius: { log: [0.01, 0.2] } } as const;
const methods: Record<'SGD' | 'SAM', SearchedMethod> = {
  SGD: { ranges: { step: ranges.step }, optimizer: ({ step }) => ({ kind: 'sgd', learningRate: step }) },
  SAM: { ranges, optimizer: ({ step, radius }) => ({ kind: 'sam', learningRate: step, rho: radius }) },
};
const options = {
  task: {
    data: { kind: 'digits', trainSize: 100, labelNoise: 0.2 },
    model: { kind: 'mlp', hidden: [8] },
    measures: [{ kind: 'sharpness', radii: [0.1] }],
  },
  methods,
  gradients: 5,
  draws: 3,
  selectionSeeds: [10, 11],
  reportSeeds: [0, 1, 2],
} satisfies Omit<Parameters<typeof fairSearch<'SGD' | 'SAM'>>[0], 'train'>;

test('every method gets the same search, the lowest mean error is chosen, and reported on fresh seeds of the test set', async (t) => {
  const store = temporaryStore(t);
  const engine = new InProcessEngine();
  const seen: Record<string, readonly RunRow[]> = {};
  const train = async (grids: SweepGrid[], what: string): Promise<readonly RunRow[]> => {
    seen[what] = await sweep(grids, { store, engine });
    return seen[what];
  };
  const found = await fairSearch({ ...options, train });
  assert.deepEqual([seen.selection!.length, seen.report!.length], [12, 6]);
  for (const [name, { draws, best, report }] of Object.entries(found)) {
    assert.equal(draws.length, 3);
    for (const { rows, error } of draws) {
      assert.deepEqual(
        rows.map(({ config }) => [
          config.seed,
          (config.data as { evaluateOn?: string }).evaluateOn,
          config.measures.length,
        ]),
        [10, 11].map((seed) => [seed, 'selection', 0]),
      );
      const mean = rows.reduce((sum, row) => sum + (flattenRow(row).testError as number) / 2, 0);
      assert.ok(Math.abs(error - mean) < 1e-9);
      assert.ok(error >= best.error);
    }
    const epochs = name === 'SAM' ? 2 : 5;
    for (const { config } of report) {
      assert.deepEqual(config.optimizer, {
        ...config.optimizer,
        ...methods[name as 'SAM'].optimizer(best.setting),
      });
      assert.equal(config.epochs, epochs, 'whole epochs within the gradients');
      assert.equal((config.data as { evaluateOn?: string }).evaluateOn, 'test');
    }
    assert.deepEqual(
      report.map(({ config, result }) => [config.seed, Object.keys(result!.measures)[0]]),
      [0, 1, 2].map((seed) => [seed, 'sharpness@0.1']),
    );
  }
  const finals = await fairSearch({ ...options, train, finalists: { SGD: [2, 0], SAM: [1, 2] } });
  for (const [name, tried] of [
    ['SGD', [0, 2]],
    ['SAM', [1, 2]],
  ] as const) {
    const { draws, best } = finals[name];
    const ofAll = found[name].draws.filter(({ draw }) => (tried as readonly number[]).includes(draw));
    const scored = (list: typeof draws) => list.map(({ draw, setting, error }) => ({ draw, setting, error }));
    assert.deepEqual(scored(draws), scored(ofAll));
    assert.ok(draws.every(({ error }) => error >= best.error));
  }
  for (const finalists of [
    { SGD: [0], SAM: [0, 1] },
    { SGD: [0, 0], SAM: [0, 1] },
    { SGD: [3], SAM: [0] },
    { SGD: [], SAM: [] },
    { SGD: [0.5], SAM: [0] },
  ])
    await assert.rejects(fairSearch({ ...options, train, finalists }), OptionError);
  await assert.rejects(fairSearch({ ...options, train, reportSeeds: [9, 10] }), OptionError);
});

test('in lifelong learning all have the same epochs, the highest average accuracy is chosen, and a setting may change the task', async (t) => {
  const [store, engine] = [temporaryStore(t), new InProcessEngine()];
  const task = {
    data: { kind: 'digits', trainSize: 100 },
    model: { kind: 'mlp', hidden: [8] },
    batchSize: 10,
    lifelong: { kind: 'split', tasks: 2, replay: 10 },
  } as const;
  const fading: SearchedMethod = {
    ranges: { step: ranges.step, decay: { of: [0.5, 0.9] } },
    optimizer: methods.SGD.optimizer,
    change: ({ decay }) => ({ lifelong: { ...task.lifelong, learningRateDecay: decay } }),
  };
  const search = {
    ...{ task, methods: { ...methods, fading }, epochs: 2, draws: 3, selectionSeeds: [10], reportSeeds: [0] },
    train: (grids: SweepGrid[]) => sweep(grids, { store, engine }),
  };
  for (const { draws, best, report } of Object.values(await fairSearch(search))) {
    for (const { rows, error, setting } of draws) {
      const [{ config, result }] = rows as [RunRow];
      assert.ok(Math.abs(error - 100 * (1 - result!.measures.averageAccuracy!)) < 1e-9);
      assert.ok(error >= best.error);
      assert.equal(config.epochs, 2);
      assert.equal(config.lifelong!.learningRateDecay, setting.decay ?? 1);
      assert.equal(config.lifelong!.replay, 10, 'the rest of the task stays');
    }
    assert.equal(report[0]!.config.lifelong!.learningRateDecay, best.setting.decay ?? 1);
  }
  for (const wrong of [{ gradients: 5 }, { epochs: undefined }])
    await assert.rejects(fairSearch({ ...search, ...wrong }), OptionError);
});
