/** BatchNorm folded into the layers before it gives what the layers give one after the other. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { compile } from 'lookbehind/compile';
import { Random } from 'lookbehind/extend';
import * as models from 'lookbehind/models';
import { foldedForward } from '../../lib/dist/training/folded';

/** Gives every weight other values, so that no statistic is at its start. */
function shake(model: tf.LayersModel): void {
  const random = new Random(1, 'shake');
  tf.tidy(() => {
    model.setWeights(
      model.getWeights().map(({ shape, size }) => tf.abs(tf.tensor(random.normals(size), shape)).add(0.1)),
    );
  });
}

function check(model: tf.LayersModel, folds: number): void {
  shake(model);
  const shape = model.inputs[0].shape.slice(1) as number[];
  const size = shape.reduce((product, side) => product * side, 3);
  const xs = tf.tensor(new Random(2, 'inputs').normals(size), [3, ...shape]);
  const before = model.getWeights().map((tensor) => [...tensor.dataSync()]);
  const forward = foldedForward(model);
  const expected = tf.tidy(() => (model.apply(xs, { training: false }) as tf.Tensor).dataSync());
  const compiled = compile(forward);
  for (const run of [forward, compiled, compiled]) {
    const tensors = tf.memory().numTensors;
    const actual = tf.tidy(() => run(xs).dataSync());
    assert.equal(tf.memory().numTensors, tensors);
    const largest = Math.max(1, ...Array.from(expected, Math.abs));
    actual.forEach((value, i) => {
      assert.ok(
        Math.abs(value - expected[i]) <= 2e-5 * largest,
        `output ${i}: ${value}, expected ${expected[i]}`,
      );
    });
  }
  assert.equal(compiled.graph?.ops.FusedBatchNorm ?? 0, folds === 0 ? 1 : 0, 'BatchNorm ops that are left');
  assert.deepEqual(
    model.getWeights().map((tensor) => [...tensor.dataSync()]),
    before,
  );
  const again = tf.tidy(() => (model.apply(xs, { training: false }) as tf.Tensor).dataSync());
  assert.deepEqual(again, expected, 'the layers are as before');
  compiled.dispose();
  xs.dispose();
  model.dispose();
}

describe('foldedForward', () => {
  it('folds into convolutions without bias, in chains and in residual networks', () => {
    check(
      models.convNet({
        inputs: [6, 6, 2],
        filters: [3, 4],
        classes: 3,
        batchNorm: true,
        name: 'folded_images',
      }),
      2,
    );
    check(
      models.convNet({ inputs: [8], filters: [3], classes: 3, batchNorm: true, name: 'folded_signals' }),
      1,
    );
    check(models.resNet({ depth: 20, inputs: [8, 8, 3], width: 2, classes: 3, name: 'folded_resnet' }), 19);
  });

  it('folds into layers with bias, and BatchNorm without gamma or beta', () => {
    const input = tf.input({ shape: [4, 4, 2] });
    let x = tf.layers.conv2d({ filters: 3, kernelSize: 3 }).apply(input) as tf.SymbolicTensor;
    x = tf.layers.batchNormalization({ scale: false }).apply(x) as tf.SymbolicTensor;
    x = tf.layers.flatten().apply(tf.layers.reLU().apply(x)) as tf.SymbolicTensor;
    x = tf.layers.dense({ units: 4, useBias: false }).apply(x) as tf.SymbolicTensor;
    x = tf.layers.batchNormalization({ center: false }).apply(x) as tf.SymbolicTensor;
    check(tf.model({ inputs: input, outputs: x }), 2);
  });

  it('leaves BatchNorm after a non-linearity alone', () => {
    const input = tf.input({ shape: [4, 4, 2] });
    const x = tf.layers
      .conv2d({ filters: 3, kernelSize: 3, activation: 'relu' })
      .apply(input) as tf.SymbolicTensor;
    check(
      tf.model({ inputs: input, outputs: tf.layers.batchNormalization().apply(x) as tf.SymbolicTensor }),
      0,
    );
  });

  it('leaves BatchNorm alone where its input is used elsewhere too', () => {
    const input = tf.input({ shape: [4, 4, 2] });
    const x = tf.layers.conv2d({ filters: 3, kernelSize: 3 }).apply(input) as tf.SymbolicTensor;
    const y = tf.layers.batchNormalization().apply(x) as tf.SymbolicTensor;
    check(tf.model({ inputs: input, outputs: tf.layers.add().apply([x, y]) as tf.SymbolicTensor }), 0);
  });
});
