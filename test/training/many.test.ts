import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { Random } from 'lookbehind/extend';
import * as models from 'lookbehind/models';
import { evaluateMany, ModelLoss, type WeightSets } from 'lookbehind/train';
import { evaluateSync } from '../../lib/dist/training/evaluate';

/** Random inputs and labels: 37 samples, so that batches of 10 leave a rest. */
function samples(inputShape: number[], classes = 4, count = 37): { xs: tf.Tensor; ys: tf.Tensor } {
  const random = new Random(1, 'samples');
  const size = inputShape.reduce((a, b) => a * b, count);
  const labels = Int32Array.from({ length: count }, () => random.int(classes));
  return { xs: tf.tensor(random.normals(size), [count, ...inputShape]), ys: tf.tensor1d(labels, 'int32') };
}

/** The weights of `model` with noise added: `count` sets. */
function noisySets(variables: tf.Tensor[], count: number): tf.Tensor[][] {
  const random = new Random(2, 'noise');
  return Array.from({ length: count }, () =>
    variables.map((v) => tf.tidy(() => tf.add(v, tf.tensor(random.normals(v.size, 0, 0.3), v.shape)).abs())),
  );
}

const NETWORKS: Record<string, { inputShape: number[]; way: string; build: () => tf.LayersModel }> = {
  'dense, relu': {
    inputShape: [6],
    way: 'stacked',
    build: () => models.mlp({ inputs: [6], hidden: [8, 5], classes: 4, name: 'many-relu' }),
  },
  'dense, tanh, BatchNorm': {
    inputShape: [6],
    way: 'stacked',
    build: () =>
      models.mlp({
        inputs: [6],
        hidden: [8, 5],
        classes: 4,
        activation: 'tanh',
        batchNorm: true,
        name: 'many-bn',
      }),
  },
  'Sequential, flatten, activation inside Dense, dropout': {
    inputShape: [2, 3],
    way: 'stacked',
    build: () =>
      tf.sequential({
        layers: [
          tf.layers.flatten({ inputShape: [2, 3] }),
          tf.layers.dense({ units: 7, activation: 'sigmoid' }),
          tf.layers.dropout({ rate: 0.5 }),
          tf.layers.dense({ units: 4, useBias: false }),
        ],
      }),
  },
  'convolutions, BatchNorm': {
    inputShape: [8, 8, 2],
    way: 'loop',
    build: () =>
      models.convNet({ inputs: [8, 8, 2], filters: [3, 4], classes: 4, batchNorm: true, name: 'many-conv' }),
  },
  'two branches': {
    inputShape: [6],
    way: 'loop',
    build: () => {
      const input = tf.input({ shape: [6] });
      const left = tf.layers.dense({ units: 4 }).apply(input) as tf.SymbolicTensor;
      const right = tf.layers.dense({ units: 4 }).apply(input) as tf.SymbolicTensor;
      return tf.model({ inputs: input, outputs: tf.layers.add().apply([left, right]) as tf.SymbolicTensor });
    },
  },
};

for (const [name, { inputShape, way, build }] of Object.entries(NETWORKS)) {
  test(`many weight sets give what evaluate gives, one by one: ${name}`, async () => {
    const model = build();
    const data = samples(inputShape);
    const before = model.getWeights().map((w) => w.dataSync().slice());
    const sets = noisySets(model.getWeights(), 5);
    const trainableOnly = sets.map((set) => set.slice(0, model.trainableWeights.length));

    const evaluator = new ModelLoss(model, data, {
      batchSize: 10,
      chunkSize: way === 'stacked' ? 4 : undefined,
    });
    assert.equal(evaluator.way, way);
    const all = await evaluator.atMany(sets);
    evaluator.dispose();
    const trainable = await evaluateMany(model, data, trainableOnly, {
      batchSize: 10,
      chunkSize: 2,
      eager: true,
    });

    assert.deepEqual(
      model.getWeights().map((w) => w.dataSync()),
      before,
    );
    const held = model.getWeights().map((w) => w.clone());
    for (let i = 0; i < sets.length; i++) {
      model.setWeights(sets[i]);
      const expected = evaluateSync(model, data, { batchSize: 16 });
      assert.ok(
        Math.abs(all.losses[i] - expected.loss) < 2e-6 * Math.max(1, expected.loss),
        `${all.losses[i]} ${expected.loss}`,
      );
      assert.equal(all.accuracies[i], expected.accuracy);
      model.setWeights([
        ...sets[i].slice(0, model.trainableWeights.length),
        ...held.slice(model.trainableWeights.length),
      ]);
      const withOldStatistics = evaluateSync(model, data);
      assert.ok(
        Math.abs(trainable.losses[i] - withOldStatistics.loss) < 2e-6 * Math.max(1, withOldStatistics.loss),
      );
    }
    tf.dispose([sets, held, data.xs, data.ys]);
    model.dispose();
  });
}

test('generated chunks, reports and the budget', async () => {
  const model = models.mlp({ inputs: [6], hidden: [8], classes: 4, name: 'many-chunks' });
  const data = samples([6]);
  const base = model.getWeights(true);
  const asked: [number, number][] = [];
  const sets: WeightSets = {
    count: 21,
    chunk(from, to) {
      asked.push([from, to]);
      return base.map((w) =>
        tf.tidy(() => tf.stack(Array.from({ length: to - from }, (_, i) => tf.mul(w, 1 + (from + i) / 10)))),
      );
    },
  };
  const evaluator = new ModelLoss(model, data, { chunkSize: 8 });
  const reported: number[] = [];
  const first = await evaluator.atMany(sets, {
    onChunk: ({ from, losses }) => void reported.push(from, losses.length),
  });
  assert.deepEqual(asked, [
    [0, 8],
    [8, 16],
    [16, 21],
  ]);
  assert.deepEqual(reported, [0, 8, 8, 8, 16, 5]);
  const tensors = tf.memory().numTensors;
  assert.deepEqual(await evaluator.atMany(sets), first);
  assert.equal(tf.memory().numTensors, tensors);

  const stop = new AbortController();
  await assert.rejects(evaluator.atMany(sets, { signal: stop.signal, onChunk: () => stop.abort() }), {
    name: 'AbortedError',
  });
  assert.equal(tf.memory().numTensors, tensors);
  evaluator.dispose();

  const small = new ModelLoss(model, data, { memoryBudget: 1 });
  const large = new ModelLoss(model, data, { memoryBudget: 2 ** 30 });
  assert.equal(small.chunkSize, 1);
  assert.equal(large.chunkSize, 64);
  small.dispose();
  large.dispose();
  await assert.rejects(evaluateMany(model, data, [base.slice(1)]), { name: 'StateMismatchError' });
  tf.dispose([data.xs, data.ys]);
  model.dispose();
});

test('any loss, also on weight sets that diverge', async () => {
  const model = models.mlp({ inputs: [6], hidden: [], classes: 1, name: 'many-regression' });
  const { xs } = samples([6]);
  const ys = tf.tidy(() => tf.sum(xs, 1, true));
  const squared = (labels: tf.Tensor, outputs: tf.Tensor): tf.Scalar =>
    tf.losses.meanSquaredError(labels, outputs) as tf.Scalar;
  const exact = [tf.ones([6, 1]), tf.zeros([1])];
  const infinite = [tf.fill([6, 1], 1e30), tf.zeros([1])];
  const { losses, accuracies } = await evaluateMany(model, { xs, ys }, [exact, infinite], { loss: squared });
  assert.ok(losses[0] < 1e-12);
  assert.equal(losses[1], Number.POSITIVE_INFINITY);
  assert.ok(Number.isNaN(accuracies[0]));
  tf.dispose([xs, ys, exact, infinite]);
  model.dispose();
});

test('Dense over [time, features] is as one by one, for every size of chunk', async () => {
  const { layers } = tf;
  const model = tf.sequential({
    layers: [layers.dense({ units: 5, activation: 'tanh', inputShape: [6, 4] }), layers.dense({ units: 3 })],
  });
  const random = new Random(4, 'time');
  const xs = tf.tensor(random.normals(96), [4, 6, 4]);
  const ys = tf.tensor(random.normals(72), [4, 6, 3]);
  const loss = (labels: tf.Tensor, outputs: tf.Tensor) =>
    tf.losses.meanSquaredError(labels, outputs) as tf.Scalar;
  const sets = noisySets(
    model.trainableWeights.map((weight) => weight.read()),
    4,
  );
  const before = model.getWeights().map((weight) => weight.clone());
  const wanted = sets.map((set) => {
    model.setWeights(set);
    return evaluateSync(model, { xs, ys }, { loss }).loss;
  });
  model.setWeights(before);
  for (const chunkSize of [1, 2, 4]) {
    const evaluator = new ModelLoss(model, { xs, ys }, { loss, chunkSize });
    const { losses } = await evaluator.atMany(sets);
    wanted.forEach((value, i) => {
      assert.ok(Math.abs(losses[i] - value) < 1e-5 * value, `${losses[i]} ${value}`);
    });
    evaluator.dispose();
  }
  model.dispose();
});
