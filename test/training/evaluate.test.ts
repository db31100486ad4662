import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { digits } from 'lookbehind/data';
import * as models from 'lookbehind/models';
import { evaluate, ModelLoss, trainableVariables, withWeights } from 'lookbehind/train';
import { evaluateSync } from '../../lib/dist/training/evaluate';

test('the exact mean over all samples, whatever the batch size, as tf.js has it', async () => {
  const data = digits().test.subset(101);
  const model = models.mlp({ inputs: data.inputShape, hidden: [16], classes: 10, name: 'evaluate' });
  const { xs, ys } = data.tensors();
  const oneHot = tf.oneHot(ys, 10);
  model.compile({
    optimizer: 'sgd',
    loss: (a, b) => tf.losses.softmaxCrossEntropy(a, b),
    metrics: ['accuracy'],
  });
  const [loss, accuracy] = (model.evaluate(xs, oneHot, { batchSize: 101 }) as tf.Scalar[]).map(
    (t) => t.dataSync()[0],
  );

  const tensors = tf.memory().numTensors;
  const compiled = new ModelLoss(model, data, { batchSize: 25 });
  const results = [
    await evaluate(model, data),
    await evaluate(model, data, { batchSize: 7 }),
    evaluateSync(model, { xs, ys }),
    evaluateSync(model, { xs, ys: oneHot }, { batchSize: 100 }),
    await compiled.at(),
    compiled.atSync(),
  ];
  compiled.dispose();
  for (const result of results) {
    assert.ok(Math.abs(result.loss - loss) < 1e-6 * loss, `${result.loss} ${loss}`);
    assert.equal(result.accuracy, Math.round(accuracy * 101) / 101);
    assert.equal(result.count, 101);
  }
  assert.equal(tf.memory().numTensors, tensors);
  model.dispose();
  tf.dispose([xs, ys, oneHot]);
});

test('a compiled evaluator sees the weights of the moment', async () => {
  const data = digits().test.subset(50);
  const model = models.mlp({ inputs: data.inputShape, hidden: [], classes: 10, name: 'evaluate-moment' });
  const evaluator = new ModelLoss(model, data);
  const before = evaluator.atSync();
  model.setWeights(model.getWeights().map((w) => tf.zerosLike(w)));
  const after = evaluator.atSync();
  assert.notEqual(before.loss, after.loss);
  assert.ok(Math.abs(after.loss - Math.log(10)) < 1e-6);
  evaluator.dispose();
  model.dispose();
});

test('BatchNorm by moving averages or by the batch; the averages stay', () => {
  const model = models.mlp({ inputs: [3], hidden: [4], classes: 2, batchNorm: true, name: 'evaluate-bn' });
  const xs = tf.tensor2d([1, 2, 3, -1, 5, 2, 0, 0, 1, 7, 1, 1], [4, 3]);
  const ys = tf.tensor1d([0, 1, 1, 0], 'int32');
  const before = model.getWeights().map((w) => w.dataSync().slice());
  const moving = evaluateSync(model, { xs, ys });
  const batch = evaluateSync(model, { xs, ys }, { batchNorm: 'batch' });
  assert.deepEqual(
    model.getWeights().map((w) => w.dataSync()),
    before,
  );

  // By the moving averages it is one fixed affine map; by the batch, a batch doubled in size has the same
  // statistics.
  const doubled = { xs: xs.concat(xs), ys: ys.concat(ys) };
  assert.ok(Math.abs(evaluateSync(model, doubled, { batchNorm: 'batch' }).loss - batch.loss) < 1e-6);
  assert.ok(Math.abs(evaluateSync(model, doubled, { batchSize: 3 }).loss - moving.loss) < 1e-6);
  assert.notEqual(moving.loss, batch.loss);
  tf.dispose([xs, ys, doubled.xs, doubled.ys]);
  model.dispose();
});

test('other weights for the time of a function, also one that throws', () => {
  const model = models.mlp({ inputs: [2], hidden: [], classes: 2, name: 'evaluate-with' });
  const variables = trainableVariables(model);
  const before = variables.map((v) => v.dataSync().slice());
  const others = variables.map((v) => tf.onesLike(v));
  const tensors = tf.memory().numTensors;
  withWeights(variables, others, () => assert.ok(variables[0].dataSync().every((value) => value === 1)));
  assert.throws(() => withWeights(variables, others, () => assert.fail('on purpose')), /on purpose/);
  assert.deepEqual(
    variables.map((v) => v.dataSync()),
    before,
  );
  assert.throws(() => withWeights(variables, others.slice(1), () => 0), { name: 'StateMismatchError' });
  assert.throws(() => withWeights(variables, [...others].reverse(), () => 0), { name: 'StateMismatchError' });
  assert.equal(tf.memory().numTensors, tensors);
  tf.dispose(others);
  model.dispose();
});

test('wrong use is told by name', async () => {
  const model = models.mlp({ inputs: [2], hidden: [], classes: 2, name: 'evaluate-errors' });
  const xs = tf.zeros([3, 2]);
  const ys = tf.zeros([2], 'int32');
  await assert.rejects(evaluate(model, { xs, ys }), /3 inputs but 2 labels/);
  await assert.rejects(evaluate(model, { xs, ys: xs }, { batchSize: 0 }), /batchSize must be/);
  await assert.rejects(evaluate(model, { xs, ys }, { batchSise: 1 } as object), /batchSise/);
  const stop = new AbortController();
  stop.abort();
  const labels = tf.zeros([3], 'int32');
  await assert.rejects(evaluate(model, { xs, ys: labels }, { signal: stop.signal }), {
    name: 'AbortedError',
  });
  tf.dispose([xs, ys, labels]);
  model.dispose();
});

test('one output: accuracy is the share on the side of the label, of logits and of probabilities', async () => {
  for (const [activation, shift] of [
    ['linear', 0],
    ['sigmoid', 0.5],
  ] as const) {
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, activation, inputShape: [1] })] });
    model.setWeights([tf.tensor2d([[1]]), tf.tensor1d([0])]);
    const xs = tf.tensor2d([-2, -1, 0.2, 2, 3], [5, 1]);
    const labels = tf.tensor1d([0, 1, 1, 1, 0], 'int32');
    const loss = (_: tf.Tensor, outputs: tf.Tensor) => tf.mean(tf.sub(outputs, shift)) as tf.Scalar;
    for (const ys of [labels, tf.reshape(tf.cast(labels, 'float32'), [5, 1])]) {
      assert.equal(evaluateSync(model, { xs, ys }, { loss }).accuracy, 3 / 5);
      const compiled = new ModelLoss(model, { xs, ys }, { loss, batchSize: 2 });
      assert.equal((await compiled.at()).accuracy, 3 / 5);
      compiled.dispose();
    }
    const targets = tf.tensor2d([0, 1, 0.5, 1, 0], [5, 1]);
    assert.ok(Number.isNaN(evaluateSync(model, { xs, ys: targets }, { loss }).accuracy), 'no classes');
    model.dispose();
  }
});
