/**
 * Numbers that go wrong: training says at which step and why, stops unless told otherwise, and names the last
 * good state.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { sgd } from 'lookbehind';
import { Dataset } from 'lookbehind/data';
import { DataError, DivergenceError, OptionError } from 'lookbehind/errors';
import * as models from 'lookbehind/models';
import { executeRun, openRun, RunStore } from 'lookbehind/runs';
import { Trainer } from 'lookbehind/train';

const CLASSES = ['a', 'b'];

function dataset(inputs: number[], labels: number[], inputSize = 2): Dataset {
  const fields = { name: 'points', split: 'train', classes: CLASSES, inputShape: [inputSize] };
  return new Dataset({ ...fields, inputs: Float32Array.from(inputs), labels });
}

const GOOD = dataset([0, 1, 1, 0, 0.5, 1, 1, 0.5], [0, 1, 0, 1]);

function trainerOn(data: Dataset, options: object, learningRate = 0.1, batchNorm = false): Trainer {
  const model = models.mlp({ inputs: data.inputShape, hidden: [3], classes: 2, batchNorm });
  return new Trainer(model, sgd({ learningRate }), data, { epochs: 4, batchSize: 2, ...options });
}

async function divergenceOf(trainer: Trainer): Promise<DivergenceError> {
  const error = await trainer.train().then(
    () => assert.fail('it did not diverge'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof DivergenceError, String(error));
  return error;
}

test('overflow: step, cause and the last good state are named', async () => {
  const trainer = trainerOn(GOOD, { epochs: 20 });
  await trainer.train({ untilEpoch: 2 });
  trainer.save();
  trainer.optimizer.learningRate = 1e38;
  const { message, divergence } = await divergenceOf(trainer);
  assert.ok(divergence!.epoch >= 3);
  assert.deepEqual(divergence?.lastSaved, { epoch: 2, step: 0 });
  assert.match(
    message,
    /step \d of epoch \d+, at learning rate 1e\+38\. Cause: .* The last good state was saved after epoch 2\./,
  );
});

test('a divergence of the last step of an epoch is seen before the epoch is recorded', async () => {
  let steps = 0;
  const loss = (labels: tf.Tensor, outputs: tf.Tensor): tf.Scalar => {
    // Finite as a loss, infinite as a gradient: the square root at 0.
    steps++;
    return tf.tidy(() =>
      tf.sum(tf.sqrt(tf.mul(outputs, tf.zerosLike(outputs)))).add(labels.sum().toFloat()),
    ) as tf.Scalar;
  };
  const trainer = trainerOn(GOOD, { batchSize: 4, loss, eager: true });
  const { message } = await divergenceOf(trainer);
  assert.ok(steps > 0);
  assert.match(message, /step 1 of epoch 1/);
  assert.match(message, /weights that are not finite/);
  assert.deepEqual(trainer.history, []);
});

test('inputs that augmentation spoils, and weights that were never good, are told apart', async () => {
  const augment = (data: Dataset, indices: ArrayLike<number>) => {
    const { xs, ys } = data.tensors(indices);
    const spoiled = tf.tidy(() => tf.div(xs, 0));
    xs.dispose();
    return { xs: spoiled, ys };
  };
  assert.match(
    (await divergenceOf(trainerOn(GOOD, { augment }))).message,
    /Cause: the batch has inputs that are not finite/,
  );
  const bad = trainerOn(GOOD, {});
  bad.model.setWeights(bad.model.getWeights().map((weight) => tf.fill(weight.shape, Number.NaN)));
  assert.match(
    (await divergenceOf(bad)).message,
    /at the weights that training began with\..* No state was saved\./,
  );
});

test('training stops or goes on as it is told', async () => {
  const notFinite = (_: tf.Tensor, outputs: tf.Tensor) =>
    tf.tidy(() => tf.sum(tf.log(tf.neg(tf.exp(outputs)))));
  const stopping = trainerOn(GOOD, { onDivergence: 'stop', loss: notFinite });
  assert.equal(await stopping.train(), 'diverged');
  assert.ok(stopping.divergence!.cause.length > 0);
  const going = trainerOn(GOOD, { onDivergence: 'continue', loss: notFinite });
  assert.equal(await going.train(), 'finished');
  assert.deepEqual(
    going.history.map(({ trainLoss }) => trainLoss),
    [Number.NaN, Number.NaN, Number.NaN, Number.NaN],
  );
  assert.ok(going.divergence !== undefined);
});

test('a run that diverges names its last good checkpoint, which opens', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lookbehind-numbers-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const store = new RunStore(folder);
  const config = {
    data: { kind: 'digits', trainSize: 100 },
    model: { kind: 'mlp', hidden: [4] },
    optimizer: { kind: 'sgd', learningRate: 1e18 },
    schedule: { kind: 'multiStep', milestones: [2], gamma: 1e18 },
    epochs: 4,
  } as const;
  const small = {
    ...config,
    optimizer: { kind: 'sgd', learningRate: 1e-3 },
    schedule: { ...config.schedule, gamma: 1e30 },
  } as never;
  const outcome = await executeRun(small, store, { checkpointSeconds: 0 });
  assert.ok(outcome.kind === 'done');
  const { status, divergence, last } = outcome.result;
  assert.equal(status, 'diverged');
  assert.equal(
    divergence?.checkpoint,
    join('checkpoint', `${String(last!.epoch).padStart(8, '0')}.checkpoint`),
  );
  const run = await openRun(small, store);
  assert.ok(
    tf
      .tidy(() => tf.addN(run.model.getWeights().map((weight) => tf.sum(tf.mul(weight, 0)))))
      .dataSync()[0] === 0,
  );
  run.dispose();
});

test('sets without samples, inputs that are not finite, constant features', () => {
  const empty = GOOD.subset(0);
  assert.throws(
    () => trainerOn(empty, {}),
    (error: Error) =>
      error instanceof DataError && /trainingSet \(points, train\) has no samples/.test(error.message),
  );
  assert.throws(() => trainerOn(GOOD, { test: empty }), DataError);
  assert.throws(
    () => dataset([0, Number.NaN], [0]),
    /inputs must be finite numbers, got NaN. It is number 1 of points/,
  );
  const constant = dataset([3, 3, 3, 3], [0, 1]);
  assert.throws(
    () => constant.standardized(),
    (error: Error) => error instanceof OptionError && /Constant features/.test(error.message),
  );
});

test('what makes numbers mean less than they seem to is said', async () => {
  const oneClass = trainerOn(dataset([0, 1, 1, 0], [1, 1]), {});
  assert.match(oneClass.warnings.join(), /All training samples are of one class \("b"\)/);
  await oneClass.train();
  assert.ok(Number.isFinite(oneClass.history.at(-1)!.trainLoss));
  assert.match(trainerOn(dataset([1, 1, 1, 1], [0, 1]), {}).warnings.join(), /have the same inputs/);
  assert.match(
    trainerOn(GOOD.subset([0, 1, 2]), {}, 0.1, true).warnings.join(),
    /Batches of one sample \(3 samples in batches of 2\)/,
  );
  const dead = trainerOn(GOOD, {
    loss: (_: tf.Tensor, outputs: tf.Tensor) => tf.tidy(() => tf.sum(tf.mul(outputs, 0))),
  });
  await dead.train();
  assert.match(dead.warnings.join(), /No weight changed in epoch 2/);
  assert.deepEqual(trainerOn(GOOD, {}).warnings, []);
});
