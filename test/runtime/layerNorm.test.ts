import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { tf } from 'lookbehind';

/** What the layer computes, of ops whose gradients are tf.js's own. */
function composed(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, epsilon: number): tf.Tensor {
  const { mean, variance } = tf.moments(x, -1, true);
  return x.sub(mean).div(variance.add(epsilon).sqrt()).mul(gamma).add(beta);
}

test('LayerNormalization of tf.layers and its gradients, first and second, are those of its formula', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 }),
      fc.integer({ min: 2, max: 7 }),
      (outer, width) => {
        const before = tf.memory().numTensors;
        const layer = tf.layers.layerNormalization({ epsilon: 1e-3 });
        const shape = [...outer, width];
        tf.tidy(() => {
          layer.apply(tf.zeros(shape));
          const random = (like: number[], seed: number): tf.Tensor => tf.randomNormal(like, 0.5, 1, 'float32', seed);
          const [gamma, beta] = [random([width], 1), random([width], 2)];
          layer.setWeights([gamma, beta]);
          const [x, dy, v] = [3, 4, 5].map((seed) => random(shape, seed));
          const variables = layer.trainableWeights.map((weight) => weight.read() as tf.Variable);
          const close = (actual: tf.Tensor, expected: tf.Tensor, what: string): void => {
            const off = tf.max(tf.abs(actual.sub(expected))).dataSync()[0];
            const size = tf.max(tf.abs(expected)).dataSync()[0];
            assert.ok(off <= 1e-3 * Math.max(1, size), `${what}: ${off} of ${size}`);
          };
          const byLayer = (input: tf.Tensor): tf.Tensor => layer.apply(input) as tf.Tensor;
          const byFormula = (input: tf.Tensor): tf.Tensor => composed(input, gamma, beta, 1e-3);
          close(byLayer(x), byFormula(x), 'value');
          close(tf.grad(byLayer)(x, dy), tf.grad(byFormula)(x, dy), 'gradient');
          const second = (fn: (input: tf.Tensor) => tf.Tensor): tf.Tensor =>
            tf.grad((input) => tf.sum(tf.mul(tf.grad(fn)(input, dy), v)))(x);
          close(second(byLayer), second(byFormula), 'second gradient');
          const { grads } = tf.variableGrads(() => tf.sum(byLayer(x).mul(dy)), variables);
          const [dGamma, dBeta] = tf.grads((g: tf.Tensor, b: tf.Tensor) => tf.sum(composed(x, g, b, 1e-3).mul(dy)))([
            gamma,
            beta,
          ]);
          close(grads[variables[0].name], dGamma, 'gradient of gamma');
          close(grads[variables[1].name], dBeta, 'gradient of beta');
        });
        layer.dispose();
        assert.equal(tf.memory().numTensors, before);
      },
    ),
    { numRuns: 15 },
  );
});

test('other axes, and layers without gamma or beta, give what they gave', () => {
  tf.tidy(() => {
    const x = tf.randomNormal([3, 4, 5], 0, 1, 'float32', 1);
    const first = tf.layers.layerNormalization({ axis: 1 }).apply(x) as tf.Tensor;
    const { mean, variance } = tf.moments(first, 1);
    assert.ok(tf.max(tf.abs(mean)).dataSync()[0] < 1e-5 && tf.max(tf.abs(variance.sub(1))).dataSync()[0] < 0.05);
    const bare = tf.layers.layerNormalization({ center: false, scale: false, epsilon: 1e-3 });
    const expected = composed(x, tf.ones([5]), tf.zeros([5]), 1e-3);
    assert.ok(tf.max(tf.abs((bare.apply(x) as tf.Tensor).sub(expected))).dataSync()[0] < 1e-5);
  });
});
