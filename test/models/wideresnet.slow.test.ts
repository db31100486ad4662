import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { OptionError } from 'lookbehind/errors';
import * as models from 'lookbehind/models';
import { foldedForward } from '../../lib/dist/training/folded';

/** Number of trainable weights. */
function parameters(model: tf.LayersModel): number {
  return model.trainableWeights.reduce(
    (total, { shape }) => total + (shape as number[]).reduce((a, b) => a * b, 1),
    0,
  );
}

test('Wide ResNets have the published numbers of parameters', () => {
  // The paper's table 5 has 36.5 M for WRN-28-10 and table 1 .6 M for WRN-40-1, both for 10 classes; 1.47 M
  // for WRN-28-2 is from Oliver et al. 2018, arXiv:1804.09170. To the digit they follow from the layers: n
  // blocks in three stages from 16 to 64 w filters.
  const published: [depth: number, widen: number, millions: number, digits: number][] = [
    [28, 10, 36.5, 1],
    [28, 2, 1.47, 2],
    [40, 1, 0.6, 1],
    [16, 8, 11, 0],
  ];
  for (const [depth, widen, millions, digits] of published) {
    const before = tf.memory().numTensors;
    const model = models.wideResNet({ depth, widen, classes: 10 });
    const count = parameters(model);
    assert.equal((count / 1e6).toFixed(digits), millions.toFixed(digits));
    const n = (depth - 4) / 6;
    let expected = 9 * 3 * 16;
    let filters = 16;
    for (const outputs of [16 * widen, 32 * widen, 64 * widen]) {
      const shortcut = filters === outputs ? 0 : filters * outputs;
      expected += 2 * filters + 9 * filters * outputs + shortcut + 2 * outputs + 9 * outputs ** 2;
      expected += (n - 1) * (4 * outputs + 18 * outputs ** 2);
      filters = outputs;
    }
    expected += 2 * filters + 10 * filters + 10;
    assert.equal(count, expected);
    assert.equal(model.layers.filter(({ name }) => /\/(conv\d|fc)$/.test(name)).length, depth - 3 + 1);
    model.dispose();
    assert.equal(tf.memory().numTensors, before);
  }
});

test('the forward pass with BatchNorm folded into convolutions is the same', () => {
  const model = models.wideResNet({ depth: 10, widen: 2, width: 2, inputs: [8, 8, 3], classes: 4, seed: 5 });
  tf.tidy(() => {
    model.setWeights(
      model.getWeights().map(({ shape }, i) => tf.randomUniform(shape, 0.2, 1, 'float32', i + 1)),
    );
    const x = tf.randomNormal([3, 8, 8, 3], 0, 1, 'float32', 1);
    const plain = model.predict(x) as tf.Tensor;
    const folded = foldedForward(model)(x);
    const off = tf.norm(plain.sub(folded)).div(tf.norm(plain)).dataSync()[0];
    assert.ok(off < 1e-5, String(off));
  });
  model.dispose();
});

test('wrong options are refused by name', () => {
  const before = tf.memory().numTensors;
  const wrong: [models.WideResNetOptions, RegExp][] = [
    [{ classes: 2, depth: 20 }, /depth must be 6 n \+ 4/],
    [{ classes: 2, depth: 4 }, /depth must be 6 n \+ 4/],
    [{ classes: 2, widen: 0 }, /widen/],
    [{ classes: 2, width: 1.5 }, /width/],
    [{ classes: 2, dropout: 1 }, /dropout/],
    [{ classes: 2, inputs: [32, 32] }, /inputs/],
    [{ classes: 2, wide: 3 } as never, /option "wide"/],
  ];
  for (const [options, message] of wrong) {
    assert.throws(
      () => models.wideResNet(options),
      (error: Error) => error instanceof OptionError && message.test(error.message),
    );
  }
  assert.equal(tf.memory().numTensors, before);
});
