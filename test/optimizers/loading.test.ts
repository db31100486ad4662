/** One further step after every kind of loading is the step of a run that never stopped. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type FamilyOptimizer, StateMismatchError, sgd, tf } from 'lookbehind';
import { build, fit, MAKERS, withState } from './loading';

describe('loading', () => {
  const folder = mkdtempSync(join(tmpdir(), 'loading-'));
  const expected: Record<string, number[]> = {};
  const sameProcess: Record<string, number[][]> = {};
  let otherProcess: Record<string, number[][]> = {};

  before(async () => {
    for (const [i, [name, make]] of Object.entries(MAKERS).entries()) {
      const model = build();
      const optimizer = make();
      model.compile({ optimizer, loss: 'meanSquaredError' });
      await fit(model, 4);
      mkdirSync(join(folder, `${i}`));
      const url = `file://${join(folder, `${i}`)}`;
      await model.save(url, { includeOptimizer: true });
      const { manifest, data } = optimizer.saveState();
      writeFileSync(join(folder, `${i}.json`), JSON.stringify({ manifest, data: [...data] }));
      const loaded = await tf.loadLayersModel(`${url}/model.json`);
      // Saved again before any step: nothing is lost on the way.
      await loaded.save(url, { includeOptimizer: true });
      const twice = await tf.loadLayersModel(`${url}/model.json`);
      const restored = withState(make, model.getWeights(), { manifest, data });
      expected[name] = await fit(model, 3);
      sameProcess[name] = [await fit(loaded, 3), await fit(twice, 3), await fit(restored, 3)];
      const slots = (one: tf.LayersModel): number =>
        (one.optimizer as FamilyOptimizer).family().reduce((sum, part) => sum + part.slots.list().length, 0);
      for (const other of [loaded, twice, restored]) assert.equal(slots(other), slots(model), `${name}: no dead slots`);
    }
    const script = join(__dirname, 'loading.ts');
    const output = execFileSync(process.execPath, ['--import', 'tsx', script], {
      env: { ...process.env, LOADING_FOLDER: folder },
      encoding: 'utf8',
    });
    otherProcess = JSON.parse(/^results (.*)$/m.exec(output)![1]);
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const name of Object.keys(MAKERS)) {
    it(`${name} goes on bit for bit in the process that saved it`, () => {
      for (const weights of sameProcess[name]) assert.deepEqual(weights, expected[name]);
    });

    it(`${name} goes on bit for bit in a fresh process`, () => {
      for (const weights of otherProcess[name]) assert.deepEqual(weights, expected[name]);
    });
  }

  it('says what does not fit', async () => {
    const optimizer = sgd({ momentum: 0.9 });
    const model = build();
    model.compile({ optimizer, loss: 'meanSquaredError' });
    await fit(model, 1);
    const loaded = sgd({ momentum: 0.9 });
    await loaded.setWeights(await optimizer.getWeights());
    const step = (...shapes: number[][]): void => {
      const variables = shapes.map((shape) => tf.variable(tf.ones(shape)));
      const loss = () => tf.addN(variables.map((one) => tf.sum(one))) as tf.Scalar;
      loaded.minimize(loss, false, variables);
    };
    assert.throws(() => step([2, 2], [3], [2, 2], [2]), StateMismatchError);
    assert.throws(() => step([2, 2], [2]), StateMismatchError);
    step([2, 2], [2], [2, 2], [2]);
    assert.equal(loaded.slots.list().length, 4);
  });
});
