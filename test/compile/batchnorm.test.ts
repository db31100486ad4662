/** BatchNorm of tf.layers on the fused kernels, against formulas in float64. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { compile, setBatchNormConvention } from 'lookbehind/compile';
import { isMovingStatistic, withBatchNormUpdates } from '../../lib/dist/core/batchNorm';
import { assertClose, assertNoLeak, normal, numbersOf } from './support';

const EPSILON = 1e-3;
const MOMENTUM = 0.9;
const CHANNELS = 3;

type Convention = 'tensorflow' | 'pytorch';
type Count = 0 | 1 | 2;

function makeLayer(
  rank: number,
  args: { axis?: number; scale?: boolean; center?: boolean } = {},
): tf.layers.Layer {
  const layer = tf.layers.batchNormalization({ momentum: MOMENTUM, epsilon: EPSILON, ...args });
  const shape: (number | null)[] = [null, ...Array.from({ length: rank - 1 }, () => 4)];
  const axis = args.axis ?? -1;
  shape[axis < 0 ? rank + axis : axis] = CHANNELS;
  layer.build(shape);
  const weights = [
    ...(args.scale === false ? [] : [[0.5, 1, 2]]),
    ...(args.center === false ? [] : [[-1, 0, 1]]),
    [0.1, 0.2, 0.3],
    [1, 2, 3],
  ];
  layer.setWeights(weights.map((values) => tf.tensor1d(values)));
  return layer;
}

/**
 * The layer in training mode, in float64: output, and gradients of sum(output * cos(i)), for channels in the
 * last place.
 */
function reference(x: number[], gamma: number[], beta: number[]) {
  const n = x.length / CHANNELS;
  const channel = (values: number[], c: number) => values.filter((_, i) => i % CHANNELS === c);
  const mean = gamma.map((_, c) => channel(x, c).reduce((sum, v) => sum + v, 0) / n);
  const variance = gamma.map((_, c) => channel(x, c).reduce((sum, v) => sum + (v - mean[c]) ** 2, 0) / n);
  const scale = variance.map((v) => 1 / Math.sqrt(v + EPSILON));
  const xHat = x.map((v, i) => (v - mean[i % CHANNELS]) * scale[i % CHANNELS]);
  const dy = x.map((_, i) => Math.cos(i));
  const dBeta = gamma.map((_, c) => channel(dy, c).reduce((sum, v) => sum + v, 0));
  const dGamma = gamma.map((_, c) =>
    channel(
      dy.map((v, i) => v * xHat[i]),
      c,
    ).reduce((sum, v) => sum + v, 0),
  );
  const dx = dy.map((v, i) => {
    const c = i % CHANNELS;
    return gamma[c] * scale[c] * (v - dBeta[c] / n - (xHat[i] * dGamma[c]) / n);
  });
  return {
    n,
    y: xHat.map((v, i) => v * gamma[i % CHANNELS] + beta[i % CHANNELS]),
    dx,
    dGamma,
    dBeta,
    mean,
    variance,
  };
}

function moved(old: number[], batch: number[], count: Count): number[] {
  let now = old;
  for (let i = 0; i < count; i++) now = now.map((value, c) => MOMENTUM * value + (1 - MOMENTUM) * batch[c]);
  return now;
}

/** Output, gradients of input, gamma and beta, and the layer's weights after one pass in training mode. */
function pass(layer: tf.layers.Layer, x: tf.Tensor, count: Count): tf.Tensor[] {
  return withBatchNormUpdates(count, () => {
    const [gamma, beta] = layer.trainableWeights.map((weight) => weight.read() as tf.Variable);
    let y: tf.Tensor | undefined;
    const loss = () => {
      y = tf.keep(layer.apply(x, { training: true }) as tf.Tensor);
      return tf.sum(tf.mul(y, tf.reshape(tf.cos(tf.range(0, x.size)), x.shape))) as tf.Scalar;
    };
    const { grads } = tf.variableGrads(loss, [gamma, beta]);
    const dx = tf.grad((a) =>
      tf.sum(
        tf.mul(
          layer.apply(a, { training: true }) as tf.Tensor,
          tf.reshape(tf.cos(tf.range(0, x.size)), x.shape),
        ),
      ),
    );
    const statistics = layer.nonTrainableWeights.map((weight) => weight.read().clone());
    const gradient = withBatchNormUpdates(0, () => dx(x));
    return [y as tf.Tensor, gradient, grads[gamma.name], grads[beta.name], ...statistics];
  });
}

for (const shape of [
  [7, 3],
  [2, 5, 3],
  [2, 4, 4, 3],
  [2, 2, 2, 2, 3],
]) {
  for (const convention of ['tensorflow', 'pytorch'] as Convention[]) {
    test(`rank ${shape.length}, ${convention}: output, gradients and moving averages are those of the formulas`, () => {
      const x = tf.add(tf.mul(normal(shape, 1), 2), 1);
      for (const count of [0, 1, 2] as Count[]) {
        const layer = makeLayer(shape.length);
        setBatchNormConvention(layer, convention);
        const expected = reference(numbersOf(x), [0.5, 1, 2], [-1, 0, 1]);
        const bessel = convention === 'pytorch' ? expected.n / (expected.n - 1) : 1;
        const [y, dx, dGamma, dBeta, mean, variance] = pass(layer, x, count).map((tensor) =>
          numbersOf(tensor),
        );
        assertClose(y, expected.y, 1e-5, 'output');
        assertClose(dx, expected.dx, 2e-5, 'dx');
        assertClose(dGamma, expected.dGamma, 2e-5, 'dGamma');
        assertClose(dBeta, expected.dBeta, 2e-5, 'dBeta');
        assertClose(mean, moved([0.1, 0.2, 0.3], expected.mean, count), 1e-6, 'moving mean');
        const batchVariance = expected.variance.map((v) => v * bessel);
        assertClose(variance, moved([1, 2, 3], batchVariance, count), 2e-6, 'moving variance');
      }
    });
  }
}

test('channels in another place take the composed way, with the same updates', () => {
  const x = tf.add(tf.mul(normal([2, 3, 4, 4], 1), 2), 1);
  const last = tf.transpose(x, [0, 2, 3, 1]);
  for (const convention of ['tensorflow', 'pytorch'] as Convention[]) {
    for (const count of [0, 1, 2] as Count[]) {
      const [first, fused] = [makeLayer(4, { axis: 1 }), makeLayer(4)];
      for (const layer of [first, fused]) setBatchNormConvention(layer, convention);
      const run = (layer: tf.layers.Layer, input: tf.Tensor) =>
        withBatchNormUpdates(count, () => [
          layer.apply(input, { training: true }) as tf.Tensor,
          ...layer.getWeights(),
        ]);
      const [y, ...weights] = run(first, x);
      const [expected, ...expectedWeights] = run(fused, last);
      assertClose(numbersOf(tf.transpose(y, [0, 2, 3, 1])), numbersOf(expected), 1e-5, 'output');
      assertClose(numbersOf(weights), numbersOf(expectedWeights), 1e-5, `${convention}, ${count} updates`);
    }
  }
});

test('a layer without gamma or beta normalizes in training mode', () => {
  const x = normal([8, 3], 2);
  for (const args of [{ scale: false }, { center: false }, { scale: false, center: false }]) {
    const layer = makeLayer(2, args);
    const { y } = reference(
      numbersOf(x),
      args.scale === false ? [1, 1, 1] : [0.5, 1, 2],
      args.center === false ? [0, 0, 0] : [-1, 0, 1],
    );
    assertClose(numbersOf(layer.apply(x, { training: true }) as tf.Tensor), y, 1e-5);
  }
});

test('evaluation mode uses the moving statistics and leaves them', () => {
  const layer = makeLayer(2);
  const x = [1, 2, 3, 4, 5, 6];
  const y = layer.apply(tf.tensor2d(x, [2, 3]), { training: false }) as tf.Tensor;
  const [gamma, beta, mean, variance] = [
    [0.5, 1, 2],
    [-1, 0, 1],
    [0.1, 0.2, 0.3],
    [1, 2, 3],
  ];
  const expected = x.map(
    (v, i) => ((v - mean[i % 3]) / Math.sqrt(variance[i % 3] + EPSILON)) * gamma[i % 3] + beta[i % 3],
  );
  assertClose(numbersOf(y), expected, 1e-5);
  assertClose(numbersOf(layer.getWeights().slice(2)), [...mean, ...variance], 1e-7);
});

test('compiled passes move the statistics as often as those op by op', () => {
  const x = normal([8, 3], 2);
  for (const count of [0, 1, 2] as Count[]) {
    const [layer, other] = [makeLayer(2), makeLayer(2)];
    const compiled = compile((input: tf.Tensor) => other.apply(input, { training: true }) as tf.Tensor);
    for (let i = 0; i < 3; i++) {
      withBatchNormUpdates(count, () =>
        tf.dispose([layer.apply(x, { training: true }) as tf.Tensor, compiled(x)]),
      );
    }
    assertClose(numbersOf(other.getWeights()), numbersOf(layer.getWeights()), 1e-6, `${count} updates`);
    compiled.dispose();
  }
});

test('a compiled function follows a change of scope and of convention', () => {
  const x = normal([8, 3], 2);
  const { variance } = reference(numbersOf(x), [1, 1, 1], [0, 0, 0]);
  const layer = makeLayer(2);
  const compiled = compile((input: tf.Tensor) => layer.apply(input, { training: true }) as tf.Tensor);
  const step = (count: Count) => {
    layer.setWeights([...layer.getWeights().slice(0, 3), tf.tensor1d([1, 2, 3])]);
    withBatchNormUpdates(count, () => tf.dispose(compiled(x)));
    return numbersOf(layer.getWeights()[3]);
  };
  for (const count of [1, 0, 2, 1] as Count[])
    assertClose(step(count), moved([1, 2, 3], variance, count), 1e-5, `${count}`);
  setBatchNormConvention(layer, 'pytorch');
  const unbiased = variance.map((v) => (v * 8) / 7);
  for (const count of [1, 2] as Count[])
    assertClose(step(count), moved([1, 2, 3], unbiased, count), 1e-5, `pytorch ${count}`);
});

test('the scope ends with its function, also by an error', () => {
  const layer = makeLayer(2);
  assert.throws(() =>
    withBatchNormUpdates(0, () => {
      throw new Error('on purpose');
    }),
  );
  tf.dispose(layer.apply(normal([8, 3], 2), { training: true }) as tf.Tensor);
  assert.notDeepEqual(numbersOf(layer.getWeights()[2]), numbersOf(tf.tensor1d([0.1, 0.2, 0.3])));
  assert.throws(() => withBatchNormUpdates(3 as 2, () => undefined), /count must be one of 0, 1, 2/);
});

test('the convention reaches the layers of nested models', () => {
  const inner = tf.sequential({
    layers: [tf.layers.batchNormalization({ inputShape: [3], momentum: MOMENTUM })],
  });
  const model = tf.sequential();
  model.add(tf.layers.inputLayer({ inputShape: [3] }));
  model.add(inner);
  setBatchNormConvention(model, 'pytorch');
  const x = normal([4, 3], 2);
  tf.dispose(model.apply(x, { training: true }) as tf.Tensor);
  const { variance } = reference(numbersOf(x), [1, 1, 1], [0, 0, 0]);
  assertClose(
    numbersOf(inner.layers[0].getWeights()[3]),
    moved(
      [1, 1, 1],
      variance.map((v) => (v * 4) / 3),
      1,
    ),
    1e-6,
  );
  assert.throws(() => setBatchNormConvention(model, 'keras' as 'pytorch'), /convention must be one of/);
});

test('moving statistics are known as such after the first pass, and nothing leaks', () => {
  const layer = makeLayer(2);
  const x = normal([8, 3], 2);
  assertNoLeak(() => tf.dispose(layer.apply(x, { training: true }) as tf.Tensor));
  const variables = layer.weights.map((weight) => weight.read() as tf.Variable);
  assert.deepEqual(variables.map(isMovingStatistic), [false, false, true, true]);
});
