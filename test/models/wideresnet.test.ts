import assert from 'node:assert/strict';
import { test } from 'node:test';
import { models, OptionError, tf } from 'lookbehind';
import { foldedForward } from 'lookbehind/dist/training/folded';

test('the forward pass with BatchNorm folded into convolutions is the same', () => {
  const model = models.wideResNet({ depth: 10, widen: 2, width: 2, inputs: [8, 8, 3], classes: 4, seed: 5 });
  tf.tidy(() => {
    model.setWeights(model.getWeights().map(({ shape }, i) => tf.randomUniform(shape, 0.2, 1, 'float32', i + 1)));
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
    [{ classes: 2, depth: 4 }, /depth must be a whole number >= 10/],
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
