/**
 * Samples that are evaluated again and again take no more memory than the budget allows, and give the same
 * numbers.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { Dataset } from 'lookbehind/data';
import * as models from 'lookbehind/models';
import { ModelLoss } from 'lookbehind/train';
import { defaultMemoryBudget } from '../../lib/dist/compile/memoryBudget';
import { BatchNormEstimator } from '../../lib/dist/robustness/batchNormStatistics';
import { HeldBatches } from '../../lib/dist/training/heldBatches';

const SIZE = 1001;
const WIDTH = 64;
const BATCH = 100;

const common = { name: 'bytes', split: 'test', classes: ['a', 'b', 'c'], scale: 1 / 255 };

const data = new Dataset({
  ...common,
  inputs: Uint8Array.from({ length: SIZE * WIDTH }, (_, i) => (i * 2654435761) >>> 24),
  labels: Array.from({ length: SIZE }, (_, i) => i % 3),
  inputShape: [WIDTH],
});

/** Bytes of a batch: float32 inputs and int32 labels. */
const BATCH_BYTES = BATCH * (WIDTH + 1) * 4;

test('as many batches are held as half of the budget allows, the others are made for each use', () => {
  const all = data.tensors();
  for (const samples of [data, all]) {
    for (const [budget, held] of [
      [1, 0],
      [6 * BATCH_BYTES, 3],
      [1e9, 11],
    ]) {
      const before = tf.memory().numTensors;
      const batches = new HeldBatches(samples, BATCH, budget);
      assert.equal(batches.heldCount, held);
      assert.deepEqual(batches.sizes, [...new Array(10).fill(BATCH), 1]);
      const during = tf.memory().numTensors;
      for (let pass = 0; pass < 2; pass++) {
        const labels: number[] = batches.sizes.flatMap((size, i) =>
          batches.use(i, (xs, ys) => {
            assert.deepEqual(xs.shape, [size, WIDTH]);
            const start = i * BATCH;
            const expected = data.values(Int32Array.from({ length: size }, (_, j) => start + j));
            assert.deepEqual(xs.dataSync(), expected);
            return [...ys.dataSync()];
          }),
        );
        assert.deepEqual(labels, [...data.labels]);
      }
      assert.throws(() =>
        batches.use(10, () => {
          throw new Error('from the function');
        }),
      );
      assert.equal(tf.memory().numTensors, during);
      batches.dispose();
      assert.equal(tf.memory().numTensors, before);
    }
  }
  tf.dispose([all.xs, all.ys]);
});

test('tensors that were given may be disposed by their owner', () => {
  const { xs, ys } = data.tensors();
  const batches = new HeldBatches({ xs, ys }, BATCH, 1);
  tf.dispose([xs, ys]);
  assert.equal(
    batches.use(10, (_, last) => last.dataSync()[0]),
    (SIZE - 1) % 3,
  );
  batches.dispose();
});

test('evaluators of many weight sets take no more than the budget for samples, and give the same numbers', async () => {
  const model = models.mlp({ inputs: [WIDTH], hidden: [8], classes: 3, seed: 1 });
  const results: unknown[] = [];
  for (const memoryBudget of [2 * BATCH_BYTES, 1e9]) {
    const before = tf.memory().numBytes;
    const evaluator = new ModelLoss(model, data, { batchSize: BATCH, chunkSize: 1, memoryBudget });
    results.push(await evaluator.atMany([model.getWeights(true)]));
    const taken = tf.memory().numBytes - before;
    assert.ok(taken > 0);
    if (memoryBudget < 1e9) assert.ok(taken <= memoryBudget / 2, `${taken} bytes`);
    evaluator.dispose();
    assert.equal(tf.memory().numBytes, before);
  }
  assert.deepEqual(results[0], results[1]);
  model.dispose();
});

test('gradients and many weight sets on more samples than fit take no more than half of the budget', async () => {
  // 80,000 samples of 512 bytes are 164 MB as float32, of which 128 MB may be held where there is no GPU.
  const many = new Dataset({
    ...common,
    inputs: new Uint8Array(80_000 * 512),
    labels: new Array<number>(80_000).fill(0),
    inputShape: [512],
  });
  const model = models.mlp({ inputs: [512], hidden: [], classes: 3, seed: 1 });
  const before = tf.memory().numBytes;
  const objective = new ModelLoss(model, many, { batchSize: 1000 });
  const w = objective.weights();
  const own = tf.memory().numBytes - before;
  const isWithin = (): void => assert.ok(tf.memory().numBytes - before - own <= defaultMemoryBudget() / 2);
  const losses = [0, objective.batchCount - 1].map((batch) => {
    const loss = objective.loss(w, batch);
    const [value] = loss.dataSync();
    loss.dispose();
    return value;
  });
  // All samples are alike.
  assert.equal(losses[0], losses[1]);
  isWithin();
  // Batches of another size take the place of the others.
  objective.dispose();
  const sets = new ModelLoss(model, many);
  const gradient = sets.gradient(w, 0);
  await sets.atMany([model.getWeights(true)]);
  isWithin();
  tf.dispose([gradient.loss, gradient.gradient]);
  sets.dispose();
  const normalized = models.mlp({ inputs: [512], hidden: [2], classes: 3, batchNorm: true, seed: 1 });
  const estimator = new BatchNormEstimator(normalized, { data: many });
  const held = tf.memory().numBytes - before - own;
  assert.ok(held > 0 && held <= defaultMemoryBudget() / 2 + 1e5, `${held} bytes of batches for statistics`);
  estimator.dispose();
  normalized.dispose();
  w.dispose();
  assert.equal(tf.memory().numBytes, before);
  model.dispose();
});
