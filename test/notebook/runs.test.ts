/** What cells do with finished runs and with surfaces, outside of a notebook. */
import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { mnist1d } from 'lookbehind/data';
import { OptionError } from 'lookbehind/errors';
import { flatWeights } from 'lookbehind/landscape';
import * as models from 'lookbehind/models';
import { runSweep, showSurfaces } from 'lookbehind/notebook';
import type { SweepGrid } from 'lookbehind/runs';
import { measureRuns } from 'lookbehind/statistics';
import { SMALL, temporaryStore } from '../runs/support';

test('runs at the paper’s scale are announced with their cost, until they are done', async (t) => {
  const store = temporaryStore(t);
  const said: string[] = [];
  t.mock.method(console, 'log', (text: string) => said.push(text));
  const cost = () => said.splice(0).filter((text) => /gradients/.test(text));
  const grid = { ...SMALL, label: 'LB', seeds: 2, epochs: 2 } as SweepGrid;
  await runSweep({ ...grid, epochs: 1 }, { store, engine: 'inProcess' });
  assert.deepEqual(cost(), []);
  await runSweep({ ...grid, profile: 'paper' }, { store, engine: 'inProcess' });
  // 2 epochs of 4 batches, k + 1 = 3 gradients each
  assert.match(
    cost().join(),
    /^2 runs\. All take 48 gradients of one batch, \d\.\d s on this machine, one after the other \(\d\.\d s each\)/,
  );
  await runSweep({ ...grid, profile: 'paper', seeds: 3 }, { store, engine: 'inProcess' });
  assert.match(cost().join(), /^3 runs, 2 of them from before\. The other one takes 24 gradients/);
  await runSweep({ ...grid, profile: 'paper' }, { store, engine: 'inProcess' });
  assert.deepEqual(cost(), []);
});

test('finished runs are opened one by one, with the weights that they ended with', async (t) => {
  const store = temporaryStore(t);
  const grids = [
    { ...SMALL, seeds: 2, label: 'a' },
    { ...SMALL, seeds: 2, label: 'b', epochs: 1 },
  ] as SweepGrid[];
  const results = await runSweep(grids, { store, engine: 'inProcess' });
  const tensors = tf.memory().numTensors;
  const measured = await measureRuns(
    results,
    ['b', 'a'],
    async ({ model, config, trainer, data }) => {
      const { accuracy } = await trainer.evaluate(data.test);
      return { seed: config.seed, accuracy, first: flatWeights(model)[0] };
    },
    { store },
  );
  assert.equal(tf.memory().numTensors, tensors);
  assert.deepEqual(Object.keys(measured), ['b', 'a']);
  for (const label of ['a', 'b']) {
    assert.deepEqual(
      measured[label]!.map(({ seed }) => seed),
      [0, 1],
    );
    assert.deepEqual(
      measured[label]!.map(({ accuracy }) => 100 * (1 - accuracy)),
      results.values(label, 'testError'),
    );
  }
  assert.notEqual(measured.a![0]!.first, measured.a![1]!.first);
  const first = await measureRuns(results, ['a'], async ({ config }) => config.seed, { store, seeds: 1 });
  assert.deepEqual(first, { a: [0] });
  // What is kept is measured once for each run and setting.
  let count = 0;
  const counted = (radius: number, damage = false) => {
    for (const { hash } of damage ? results.rows : []) {
      const folder = store.runFolder(hash);
      for (const name of readdirSync(folder))
        if (name.startsWith('measure-')) writeFileSync(join(folder, name), '{');
    }
    const measure = async ({ config }: { config: { seed: number } }) => [
      radius,
      config.seed,
      Number.NaN,
      ++count,
    ];
    return measureRuns(results, ['a'], measure, { store, keep: { name: 'my measure', radius } });
  };
  const kept = await counted(1);
  assert.deepEqual(kept, {
    a: [
      [1, 0, Number.NaN, 1],
      [1, 1, Number.NaN, 2],
    ],
  });
  assert.deepEqual(await counted(1), kept);
  assert.deepEqual((await counted(2)).a[0], [2, 0, Number.NaN, 3]);
  assert.deepEqual((await counted(1, true)).a[1], [1, 1, Number.NaN, 6]);
  await assert.rejects(
    measureRuns(results, ['c'], async () => 0, { store }),
    OptionError,
  );
});

test('surfaces that are shown are those that further figures draw', async () => {
  const { train } = mnist1d();
  const pair = [1, 2].map((seed) => ({
    label: `seed ${seed}`,
    model: models.mlp({ inputs: [40], hidden: [8], classes: 10, seed }),
  }));
  const shown = await showSurfaces(pair, train.subset(50), {
    x: { from: -1, to: 1, points: 5 },
    figure: { title: 'Two' },
  });
  assert.deepEqual(
    shown.landscapes.map(({ title }) => title),
    ['seed 1', 'seed 2'],
  );
  shown.landscapes.forEach(({ grid }, i) => {
    const { surface } = shown.surfaces[i]!;
    assert.deepEqual(grid, {
      x: surface.x,
      y: surface.y,
      z: surface.y.map((_, j) => surface.loss.map((column) => column[j])),
    });
  });
  assert.equal(shown.evaluatedPoints, 50);
  for (const { model } of pair) model.dispose();
});
