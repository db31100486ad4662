import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OptionError } from 'lookbehind/errors';
import { configHash, expandGrid, type SweepGrid } from 'lookbehind/runs';
import { SMALL } from './support';

const { optimizer: _, ...REST } = SMALL;

test('a configuration is a grid of one', () => {
  assert.equal(expandGrid(SMALL as SweepGrid).length, 1);
});

test('a list stands for each of its values, also of one kind only', () => {
  const configs = expandGrid({
    ...(REST as SweepGrid),
    optimizer: [
      { kind: 'sam', rho: [0.05, 0.1] },
      { kind: 'asam', rho: [0.5, 1], eta: [0, 0.01] },
    ],
    seeds: 3,
  });
  assert.equal(configs.length, (2 + 4) * 3);
  assert.deepEqual(
    configs
      .slice(0, 4)
      .map(({ optimizer, seed }) => [optimizer.kind, 'rho' in optimizer && optimizer.rho, seed]),
    [
      ['sam', 0.05, 0],
      ['sam', 0.05, 1],
      ['sam', 0.05, 2],
      ['sam', 0.1, 0],
    ],
  );
  assert.ok(configs.every(({ optimizer }) => 'eta' in optimizer === (optimizer.kind === 'asam')));
});

test('a field that holds a list varies by a list of lists', () => {
  const one = expandGrid({ ...(SMALL as SweepGrid), model: { kind: 'mlp', hidden: [8, 4] } });
  assert.equal(one.length, 1);
  const two = expandGrid({ ...(SMALL as SweepGrid), model: { kind: 'mlp', hidden: [[8], [8, 4]] } });
  assert.deepEqual(
    two.map(({ model }) => model.kind === 'mlp' && model.hidden),
    [[8], [8, 4]],
  );
  const schedules = expandGrid({
    ...(SMALL as SweepGrid),
    schedule: ['cosine', { kind: 'multiStep', milestones: [[1], [1, 2]] }],
  });
  assert.equal(schedules.length, 3);
});

test('noise varies by its kind and its strength', () => {
  const configs = expandGrid({
    ...(SMALL as SweepGrid),
    noise: [
      'none',
      { kind: 'gaussian', sigma: [0.1, 0.2] },
      {
        kind: 'composed',
        stages: [
          { kind: 'quantization', bits: 4 },
          { kind: 'gaussian', sigma: 0.1 },
        ],
        tensors: ['kernels', 'all'],
      },
    ],
  });
  assert.deepEqual(
    configs.map(({ noise }) => noise),
    [
      { kind: 'none' },
      { kind: 'gaussian', sigma: 0.1, tensors: 'kernels' },
      { kind: 'gaussian', sigma: 0.2, tensors: 'kernels' },
      ...['kernels', 'all'].map((tensors) => ({
        kind: 'composed',
        stages: [
          { kind: 'quantization', bits: 4, scheme: 'symmetric', per: 'tensor' },
          { kind: 'gaussian', sigma: 0.1 },
        ],
        tensors,
      })),
    ],
  );
  assert.equal(new Set(configs.map(configHash)).size, configs.length);
});

test('seeds are a number or a list, and measures are for all', () => {
  const measures = [{ kind: 'sharpness' as const, radii: [0.1, 0.2] }];
  const configs = expandGrid({ ...(SMALL as SweepGrid), seeds: [7, 9], measures });
  assert.deepEqual(
    configs.map(({ seed }) => seed),
    [7, 9],
  );
  assert.deepEqual(configs[1].measures, [
    { kind: 'sharpness', radii: [0.1, 0.2], m: 128, adaptive: false, on: 'train' },
  ]);
});

test('wrong grids are refused', () => {
  for (const change of [
    { seeds: 0 },
    { seeds: [] },
    { seeds: 2, seed: 1 },
    { epochs: [] },
    { epochs: [1, 0] },
    { seeds: 'two' },
  ]) {
    assert.throws(
      () => expandGrid({ ...SMALL, ...change } as SweepGrid),
      OptionError,
      JSON.stringify(change),
    );
  }
  assert.throws(() => expandGrid([SMALL] as unknown as SweepGrid), OptionError);
});
