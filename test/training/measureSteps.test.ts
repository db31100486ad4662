import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { lookbehindSAM, multistepSAM, sgd } from 'lookbehind';
import { digits } from 'lookbehind/data';
import { OptionError } from 'lookbehind/errors';
import type { FamilyOptimizer } from 'lookbehind/extend';
import * as models from 'lookbehind/models';
import { measureSteps, Trainer } from 'lookbehind/train';

function trainerOf(optimizer: FamilyOptimizer, name: string, batchNorm = true) {
  const data = digits().train.subset(200);
  const model = models.mlp({ inputs: data.inputShape, hidden: [12], classes: 10, seed: 1, batchNorm, name });
  return new Trainer(model, optimizer, data, { epochs: 2, batchSize: 50 });
}

test('distances of the first ascent are rho, of the later ones at most i * rho; alphas are the optimizer’s', async () => {
  const rho = 0.07;
  const optimizer = lookbehindSAM({ k: 4, alpha: 0.3, rho, learningRate: 0.1, momentum: 0.9 });
  const trainer = trainerOf(optimizer, 'measure-distances');
  await trainer.train({ untilEpoch: 1 });
  const { distances, losses, gradientNorms, alphas } = measureSteps(trainer, { batches: 3, batchSize: 50 });
  assert.equal(distances.length, 4);
  assert.ok(Math.abs(distances[0] - rho) < 1e-5, String(distances[0]));
  distances.forEach((distance, i) => {
    assert.ok(distance <= (i + 1) * rho * (1 + 1e-5));
  });
  assert.ok(distances[3] > 2 * rho);
  assert.deepEqual([losses.length, gradientNorms.length], [5, 5]);
  assert.ok(
    losses.every((loss, i) => i === 0 || loss > losses[i - 1]),
    `climbs: ${losses}`,
  );
  assert.equal(alphas.length, trainer.model.trainableWeights.length);
  assert.ok(alphas.every((alpha) => Math.abs(alpha - 0.3) < 1e-6));
  trainer.dispose();
  optimizer.dispose();
  trainer.model.dispose();
});

/** The weights, after which all is disposed. */
function weightsAtLast(trainer: Trainer, optimizer: FamilyOptimizer): number[][] {
  const weights = trainer.model.getWeights().map((weight) => Array.from(weight.dataSync()));
  trainer.dispose();
  optimizer.dispose();
  trainer.model.dispose();
  return weights;
}

test('the training goes on as if nothing had been measured, and no tensor is left', async () => {
  const weightsOf = async (measured: boolean) => {
    const optimizer = multistepSAM({ k: 2, rho: 0.1, learningRate: 0.1, momentum: 0.9 });
    const trainer = trainerOf(optimizer, 'measure-aside');
    await trainer.train({ untilEpoch: 1 });
    const before = tf.memory().numTensors;
    if (measured) measureSteps(trainer, { batches: 2, batchSize: 40 });
    assert.equal(tf.memory().numTensors, before);
    await trainer.train();
    return weightsAtLast(trainer, optimizer);
  };
  assert.deepEqual(await weightsOf(true), await weightsOf(false));
});

test('a training that has not begun can be measured, and begins as if it had not been', async () => {
  const weightsOf = async (measured: boolean) => {
    const optimizer = lookbehindSAM({ k: 2, rho: 0.1, learningRate: 0.1, momentum: 0.9 });
    const trainer = trainerOf(optimizer, 'measure-first');
    const before = tf.memory().numTensors;
    if (measured) assert.equal(measureSteps(trainer, { batches: 3, batchSize: 50 }).losses.length, 3);
    assert.equal(tf.memory().numTensors, before);
    await trainer.train({ untilEpoch: 1 });
    return weightsAtLast(trainer, optimizer);
  };
  assert.deepEqual(await weightsOf(true), await weightsOf(false));
});

test('all batches are taken from the same weights', () => {
  const optimizer = sgd({ learningRate: 5 });
  const trainer = trainerOf(optimizer, 'measure-same', false);
  const one = measureSteps(trainer, { batches: 1, batchSize: 200 });
  const several = measureSteps(trainer, { batches: 4, batchSize: 50 });
  assert.equal(one.distances.length, 0);
  // The mean over four parts is that over the whole, unless a step of learning rate 5 came between.
  assert.ok(Math.abs(one.losses[0] - several.losses[0]) < 1e-5, `${one.losses} ${several.losses}`);
  assert.throws(() => measureSteps(trainer, { batches: 0 }), OptionError);
  trainer.dispose();
  optimizer.dispose();
  trainer.model.dispose();
});

test('steps are measured at the learning rate of the last step', async () => {
  const measuredAt = async (learningRate: number, gamma: number) => {
    const optimizer = lookbehindSAM({ k: 3, learningRate });
    const data = digits().train.subset(200);
    const model = models.mlp({
      inputs: data.inputShape,
      hidden: [12],
      classes: 10,
      seed: 1,
      name: 'measure-rate',
    });
    const schedule = { kind: 'multiStep' as const, milestones: [0, 1], gamma };
    const trainer = new Trainer(model, optimizer, data, { epochs: 2, batchSize: 50, schedule });
    await trainer.train({ untilEpoch: 1 });
    const state = trainer.save();
    const measured = measureSteps(trainer, { batches: 2, batchSize: 50 });
    trainer.restore(state);
    assert.deepEqual(
      measureSteps(trainer, { batches: 2, batchSize: 50 }),
      measured,
      'also when it was restored',
    );
    assert.equal(optimizer.learningRate, learningRate);
    for (const one of [trainer, optimizer, model]) one.dispose();
    return measured;
  };
  const scheduled = await measuredAt(1, 0.25);
  assert.deepEqual(scheduled, await measuredAt(0.25, 1));
  assert.notDeepEqual(scheduled.losses, (await measuredAt(1, 1)).losses);
});
