/** Sessions, results and state are given back. LB_SOAK=1 runs the long form. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as tf from '@tensorflow/tfjs';
import { lookbehindSAM } from 'lookbehind';
import { compile, crossEntropy } from 'lookbehind/compile';
import * as models from 'lookbehind/models';
import { assertNoLeak, normal } from './support';

const SOAK = process.env.LB_SOAK === '1';

const tick = () => new Promise((resolve) => setImmediate(resolve));

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Resident memory in MB, without what only waits for the garbage collector. */
async function residentMB(): Promise<number> {
  collectGarbage();
  await tick();
  collectGarbage();
  await tick();
  return process.memoryUsage.rss() / 2 ** 20;
}

test('the folder of a killed process is removed at the first compilation', () => {
  const left = join(tmpdir(), 'lookbehind-graph-999999999-test');
  mkdirSync(left, { recursive: true });
  writeFileSync(join(left, 'saved_model.pb'), 'cut off');
  const compiled = compile((a: tf.Tensor) => tf.add(a, 1));
  for (let i = 0; i < 2; i++) tf.dispose(compiled(tf.scalar(i)));
  assert.equal(existsSync(left), false);
  assert.deepEqual(
    readdirSync(tmpdir()).filter((name) => name.startsWith(`lookbehind-graph-${process.pid}-`)),
    [],
  );
  compiled.dispose();
});

test('compiling and disposing again and again does not grow the process', async () => {
  const cycles = SOAK ? 200 : 40;
  const weight = tf.variable(normal([100, 100], 1));
  const x = normal([64, 100], 2);
  let count = 0;
  const cycle = async () => {
    const constant = normal([500, 500], count++); // an equal graph would come from the sessions that are kept
    const compiled = compile((a: tf.Tensor) => {
      weight.assign(tf.mul(weight, 0.999));
      return tf.add(tf.sum(tf.tanh(tf.matMul(a, weight))), tf.sum(constant));
    });
    for (let i = 0; i < 3; i++) tf.dispose(compiled(x));
    compiled.dispose();
    constant.dispose();
    // Garbage that piles up would raise the peak, and the C library keeps what it once had.
    collectGarbage();
    await tick();
  };
  for (let i = 0; i < 10; i++) await cycle();
  const before = await residentMB();
  const tensors = tf.memory().numTensors;
  for (let i = 0; i < cycles; i++) await cycle();
  assert.equal(tf.memory().numTensors, tensors);
  // Each graph holds 1 MB: where none were unloaded, the process would grow by more than 1 MB per cycle.
  const grown = (await residentMB()) - before;
  assert.ok(grown < cycles / 2, `grew by ${grown.toFixed(1)} MB in ${cycles} cycles`);
});

test('what was recorded is let go as soon as TensorFlow has the graph', async () => {
  const MB = 20;
  const buffersMB = async () => {
    await residentMB();
    return process.memoryUsage().arrayBuffers / 2 ** 20;
  };
  const before = await buffersMB();
  const constant = normal([(MB * 2 ** 20) / 4], 1);
  const compiled = compile((a: tf.Tensor) => tf.sum(tf.mul(a, constant)));
  for (let i = 0; i < 2; i++) tf.dispose(compiled(tf.scalar(i)));
  let grown = (await buffersMB()) - before;
  // Buffers of native code are freed some time after they were collected.
  for (let i = 0; grown >= MB / 4 && i < 50; i++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    grown = (await buffersMB()) - before;
  }
  assert.ok(grown < MB / 4, `JavaScript holds ${grown.toFixed(1)} MB for a graph with ${MB} MB`);
  compiled.dispose();
  constant.dispose();
});

test('running a training step again and again does not grow the process', async () => {
  const runs = SOAK ? 3000 : 300;
  const model = models.mlp({ inputs: 16, hidden: [32, 32], classes: 4, name: 'memory' });
  const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
  const optimizer = lookbehindSAM({ k: 2, learningRate: 0.01, momentum: 0.9 });
  const step = compile(
    (xs: tf.Tensor, ys: tf.Tensor) =>
      optimizer.step(() => crossEntropy(ys, model.apply(xs, { training: true }) as tf.Tensor), variables)
        .loss,
  );
  const xs = normal([32, 16], 1);
  const ys = tf.tensor1d(
    Int32Array.from({ length: 32 }, (_, i) => i % 4),
    'int32',
  );
  for (let i = 0; i < 100; i++) step(xs, ys).dispose();
  const before = await residentMB();
  assertNoLeak(() => {
    for (let i = 0; i < runs; i++) step(xs, ys).dispose();
  });
  const grown = (await residentMB()) - before;
  assert.ok(grown < 5, `grew by ${grown.toFixed(1)} MB in ${runs} runs`);
  step.dispose();
  model.dispose();
});
