/** One further step after every kind of loading is the step of a run that never stopped. */
import 'lookbehind/compile';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { lookahead, sgd } from 'lookbehind';
import { StateMismatchError } from 'lookbehind/errors';
import type { FamilyOptimizer } from 'lookbehind/extend';
import { build, fit, MAKERS, withState } from './loading';

const weightsOf = (model: tf.LayersModel): number[] =>
  model.getWeights().flatMap((weight) => Array.from(weight.dataSync()));

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
      for (const other of [loaded, twice, restored])
        assert.equal(slots(other), slots(model), `${name}: no dead slots`);
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

  it('shows the slow weights before the first step, of the loaded model alone', async () => {
    const model = build();
    model.compile({
      optimizer: lookahead(sgd({ learningRate: 0.1, momentum: 0.9 }), { k: 5 }),
      loss: 'meanSquaredError',
    });
    const start = weightsOf(model);
    await fit(model, 3);
    const fast = weightsOf(model);
    const url = `file://${folder}`;
    await model.save(url, { includeOptimizer: true });
    const loaded = await tf.loadLayersModel(`${url}/model.json`);
    const optimizer = loaded.optimizer as FamilyOptimizer;
    const seen = await optimizer.withSlowWeights(() => [weightsOf(loaded), weightsOf(model)]);
    assert.deepEqual(seen, [start, fast], 'before the fifth step the slow weights are those at the start');
    assert.deepEqual(weightsOf(loaded), fast);
    assert.deepEqual(await fit(loaded, 3), await fit(model, 3));
  });

  it('shows no slow weights of variables that are not known, and stays usable', async () => {
    const [one, other] = [1, 2].map((value) => tf.variable(tf.scalar(value)));
    const saved = lookahead(sgd({ learningRate: 0.1 }), { k: 5 });
    saved.minimize(() => tf.square(one) as tf.Scalar, false, [one]);
    const loaded = lookahead(sgd({ learningRate: 0.1 }), { k: 5 });
    await loaded.setWeights(await saved.getWeights());
    one.dispose();
    await assert.rejects(
      loaded.withSlowWeights(() => undefined),
      StateMismatchError,
    );
    loaded.prepare([other]);
    assert.deepEqual(await loaded.withSlowWeights(() => other.dataSync()[0]), 1);
    assert.equal(other.dataSync()[0], 2);
    other.dispose();
  });

  /**
   * Trains two lists in turns, as the two halves of a GAN are, and goes on with new variables in one process.
   */
  const alternation = async (
    make: () => FamilyOptimizer,
    shapes: [number[][], number[][]],
    before: number,
    { names = [], prepared = false }: { names?: [string[][], string[][]] | []; prepared?: boolean } = {},
  ): Promise<{ expected: number[]; resumed: number[] }> => {
    const lists = (copied?: number[][][], named?: string[][]): tf.Variable[][] =>
      shapes.map((list, l) =>
        list.map((shape, i) =>
          tf.tidy(() =>
            tf.variable(
              copied === undefined ? tf.fill(shape, 1 + i + l) : tf.tensor(copied[l][i], shape),
              true,
              named?.[l][i],
            ),
          ),
        ),
      );
    const step = (optimizer: FamilyOptimizer, both: tf.Variable[][], n: number): void => {
      const list = both[n % 2];
      const loss = (): tf.Scalar =>
        tf.addN(list.map((one, i) => tf.mul(tf.sum(tf.square(one)), i + 1))) as tf.Scalar;
      optimizer.minimize(loss, false, list);
    };
    const values = (both: tf.Variable[][]): number[][][] =>
      both.map((list) => list.map((one) => Array.from(one.dataSync())));
    const optimizer = make();
    const first = lists(undefined, names[0]);
    for (let n = 0; n < before; n++) step(optimizer, first, n);
    const middle = values(first);
    const weights = await optimizer.getWeights();
    const kept = weights.map(({ name, tensor }) => ({
      name,
      tensor: tf.tensor(tensor.dataSync(), tensor.shape, tensor.dtype),
    }));
    for (let n = before; n < before + 5; n++) step(optimizer, first, n);
    const expected = values(first).flat(2);
    tf.dispose(first);

    const second = lists(middle, names[1]);
    const other = make();
    await other.setWeights(kept);
    if (prepared) other.prepare(second.flat());
    for (let n = before; n < before + 5; n++) step(other, second, n);
    const resumed = values(second).flat(2);
    tf.dispose([second, kept]);
    return { expected, resumed };
  };
  const different: [number[][], number[][]] = [
    [[2, 2], [2]],
    [[3, 2], [2]],
  ];
  const equal: [number[][], number[][]] = [
    [[2, 2], [2]],
    [[2, 2], [2]],
  ];
  for (const [name, make] of Object.entries(MAKERS)) {
    it(`${name} goes on with two lists of variables in turns, whichever comes first`, async () => {
      for (const before of [2, 4, 5]) {
        const { expected, resumed } = await alternation(make, different, before);
        assert.deepEqual(resumed, expected);
      }
      const { expected, resumed } = await alternation(make, equal, 5, { prepared: true });
      assert.deepEqual(resumed, expected);
    });
  }

  it('does not mix up two lists where a new variable has the name of another saved one', async () => {
    const saved = [
      ['a', 'b'],
      ['c', 'd'],
    ];
    const present = [
      ['c', 'x'],
      ['a', 'd'],
    ];
    const { expected, resumed } = await alternation(MAKERS['lookahead(lookahead(adamw))'], different, 4, {
      names: [saved, present],
    });
    assert.deepEqual(resumed, expected);
  });

  it('refuses to guess which of two equal lists is meant, and says what to do', async () => {
    const momentum = () => sgd({ learningRate: 0.02, momentum: 0.9 });
    await assert.rejects(
      alternation(momentum, equal, 5),
      (error: unknown) => error instanceof StateMismatchError && /prepare/.test(error.message),
    );
  });

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
