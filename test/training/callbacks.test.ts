/**
 * Callbacks of tf.js in a Trainer: the calls and logs of model.fit, early stopping, TensorBoard, learning
 * rates that they change.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { sgd } from 'lookbehind';
import { digits } from 'lookbehind/data';
import { OptionError } from 'lookbehind/errors';
import { Trainer, type TrainerOptions } from 'lookbehind/train';

const { train, selection } = digits();
const data = train.subset(50).flattened();
const held = selection.subset(20).flattened();

function network(): tf.Sequential {
  const kernelInitializer = tf.initializers.glorotNormal({ seed: 3 });
  return tf.sequential({ layers: [tf.layers.dense({ units: 10, inputShape: [64], kernelInitializer })] });
}

async function trained<T>(
  options: Partial<TrainerOptions>,
  work: (trainer: Trainer, optimizer: ReturnType<typeof sgd>) => Promise<T>,
) {
  const [model, optimizer] = [network(), sgd({ learningRate: 0.1 })];
  const trainer = new Trainer(model, optimizer, data, { epochs: 3, batchSize: 20, test: held, ...options });
  try {
    return await work(trainer, optimizer);
  } finally {
    for (const part of [trainer, optimizer, model]) part.dispose();
  }
}

/** Writes down what is called, with the numbers of epoch or batch and the names of the logs. */
function recorder(): { calls: string[]; callback: tf.CustomCallbackArgs } {
  const calls: string[] = [];
  const write = (name: string) => (at: number | tf.Logs | undefined, logs?: tf.Logs) => {
    const { learningRate: _, gradientEvaluations: __, ...named } = (typeof at === 'number' ? logs : at) ?? {};
    calls.push([name, typeof at === 'number' ? at : '', ...Object.keys(named).sort()].join(' '));
  };
  const names = ['onTrainBegin', 'onTrainEnd', 'onEpochBegin', 'onEpochEnd', 'onBatchBegin', 'onBatchEnd'];
  return {
    calls,
    callback: Object.fromEntries(names.map((name) => [name, write(name)])) as tf.CustomCallbackArgs,
  };
}

test('calls and logs are those of model.fit, but for the accuracy in training, rate and cost', async () => {
  const mine = recorder();
  await trained({ epochs: 2, metrics: ['accuracy'] }, (trainer) =>
    trainer.train({ callbacks: mine.callback }),
  );
  const stock = recorder();
  const model = network();
  model.compile({
    optimizer: 'sgd',
    loss: (y, z) => tf.losses.softmaxCrossEntropy(y, z),
    metrics: ['accuracy'],
  });
  const [a, b] = [data, held].map((set) => set.tensors());
  const validationData = [b.xs, tf.oneHot(b.ys, 10)] as [tf.Tensor, tf.Tensor];
  await model.fit(a.xs, tf.oneHot(a.ys, 10), {
    epochs: 2,
    batchSize: 20,
    validationData,
    callbacks: stock.callback,
    verbose: 0,
  });
  assert.deepEqual(
    mine.calls,
    stock.calls.map((call) => call.replace(' acc', '')),
  );
  model.dispose();
});

test('values of logs, several callbacks, and all that trainers know at each call', async () => {
  await trained({}, async (trainer) => {
    const seen: number[][] = [];
    const order: string[] = [];
    const first: tf.CustomCallbackArgs = {
      onEpochEnd: async (epoch, logs) => {
        await new Promise((resolve) => setTimeout(resolve, 2));
        order.push(`first ${epoch}`);
        const { trainLoss, testLoss, testAccuracy } = trainer.history[epoch];
        assert.deepEqual([logs!.loss, logs!.val_loss, logs!.val_acc], [trainLoss, testLoss, testAccuracy]);
        assert.equal(trainer.position.epoch, epoch + 1);
      },
      onBatchEnd: (batch, logs) => void seen.push([batch, logs!.size as number]),
    };
    await trainer.train({
      callbacks: [first, { onEpochEnd: (epoch) => void order.push(`second ${epoch}`) }],
    });
    assert.deepEqual(
      order,
      [0, 1, 2].flatMap((epoch) => [`first ${epoch}`, `second ${epoch}`]),
    );
    assert.deepEqual(seen.slice(0, 3), [
      [0, 20],
      [1, 20],
      [2, 10],
    ]);
  });
});

test('early stopping of tf.js ends a training, also within an epoch; the model is as it was', async () => {
  await trained({ epochs: 9 }, async (trainer, optimizer) => {
    optimizer.learningRate = 0;
    assert.equal(
      await trainer.train({ callbacks: tf.callbacks.earlyStopping({ monitor: 'val_loss', patience: 2 }) }),
      'finished',
    );
    assert.equal(trainer.history.length, 3);
    assert.equal(await trainer.train(), 'finished');
    assert.ok(!Object.hasOwn(trainer.model, 'stopTraining'));
  });
  await trained({ epochs: 9 }, async (trainer) => {
    const stop = {
      onBatchEnd: (batch: number) =>
        void (batch === 1 && Object.assign(trainer.model, { stopTraining: true })),
    };
    assert.equal(await trainer.train({ callbacks: stop }), 'finished');
    assert.equal(trainer.history.length, 1);
    assert.equal(trainer.optimizer.gradientEvaluations, 2);
  });
});

test('a learning rate that a callback sets holds from the next step on, under the schedule', async () => {
  await trained(
    { schedule: { kind: 'multiStep', milestones: [2], gamma: 0.5 } },
    async (trainer, optimizer) => {
      await trainer.train({
        callbacks: { onEpochEnd: () => void optimizer.setLearningRate(optimizer.learningRate / 10) },
      });
      const rates = trainer.history.map(({ learningRate }) => learningRate);
      for (const [i, rate] of [0.1, 0.01, 0.0005].entries())
        assert.ok(Math.abs(rates[i] - rate) < 1e-12, String(rates));
    },
  );
});

test('TensorBoard of tfjs-node gets the losses', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lookbehind-board-'));
  const { node } = require('@tensorflow/tfjs-node-gpu') as {
    node: { tensorBoard(folder: string): tf.CustomCallback };
  };
  await trained({}, (trainer) =>
    trainer.train({ callbacks: [node.tensorBoard(folder), tf.callbacks.earlyStopping({ patience: 5 })] }),
  );
  for (const [part, tag] of [
    ['train', 'epoch_loss'],
    ['val', 'epoch_acc'],
  ]) {
    const [file] = readdirSync(join(folder, part));
    assert.ok(readFileSync(join(folder, part, file)).includes(tag), `${part} ${tag}`);
  }
  rmSync(folder, { recursive: true });
});

test('what is no callback is refused, and what one throws ends the training', async () => {
  await trained({}, async (trainer) => {
    for (const callbacks of [{ onEpoch: () => {} }, { onEpochEnd: 3 }, [null], 'x', () => {}]) {
      await assert.rejects(trainer.train({ callbacks: callbacks as never }), OptionError);
    }
    const failing = { onEpochEnd: () => Promise.reject(new Error('on purpose')) };
    await assert.rejects(trainer.train({ callbacks: failing }), /on purpose/);
    assert.equal(await trainer.train(), 'finished');
  });
});
