/**
 * What the import of the library changes for code that only uses tf.js: nothing may get wrong or less exact,
 * on either backend.
 */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type { Tensor, Tensor4D } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import { compile } from 'lookbehind/compile';
import { Random } from 'lookbehind/extend';
import { withBatchNormUpdates } from '../../lib/dist/core/batchNorm';

/** The derivative of the sum of `f`, and the derivative of that, at `x`. */
function derivatives(f: (x: Tensor) => Tensor, x: Tensor): [first: number[], second: number[]] {
  const first = tf.grad((at) => tf.sum(f(at)));
  const second = tf.grad((at) => tf.sum(tf.square(first(at))));
  return [Array.from(first(x).dataSync()), Array.from(second(x).dataSync())];
}

function near(actual: number[], expected: number[]): void {
  assert.equal(actual.length, expected.length);
  for (const [i, value] of expected.entries())
    assert.ok(Math.abs(actual[i] - value) < 1e-5, `${actual} is not ${expected}`);
}

for (const backend of ['tensorflow', 'cpu']) {
  describe(`gradients of stock code on the backend ${backend}`, () => {
    after(() => tf.setBackend('tensorflow'));

    it('has the derivatives of activations, first and second', async () => {
      await tf.setBackend(backend);
      const e = Math.exp(-1);
      const x = tf.tensor1d([-1, 2, 7]);
      near(
        Array.from(
          tf
            .grad((at) => tf.relu(at))(x)
            .dataSync(),
        ),
        [0, 1, 1],
      );
      near(
        Array.from(
          tf
            .grad((at) => tf.relu6(at))(x)
            .dataSync(),
        ),
        [0, 1, 0],
      );
      const squared = (f: (x: Tensor) => Tensor) => (at: Tensor) => tf.square(f(at));
      near(derivatives(squared(tf.relu), x)[1], [0, 16, 56]);
      near(derivatives(squared(tf.relu6), x)[1], [0, 16, 0]);
      const [first, second] = derivatives(tf.elu, x);
      near(first, [e, 1, 1]);
      near(second, [2 * e * e, 0, 0]);
    });

    it('has the second derivative of max-pooling', async () => {
      await tf.setBackend(backend);
      const x = tf.tensor4d([1, 2, 3, 4, 8, 7, 6, 5], [1, 2, 4, 1]);
      const pooled = (at: Tensor) => tf.pow(tf.maxPool(at as Tensor4D, 2, 2, 'valid'), 2);
      near(derivatives(pooled, x)[0], [0, 0, 0, 0, 16, 0, 12, 0]);
      near(derivatives(pooled, x)[1], [0, 0, 0, 0, 64, 0, 48, 0]);
    });

    it('shares the gradient of an extreme among equals', async () => {
      await tf.setBackend(backend);
      const x = tf.tensor2d([2, 2, 1, 1, 1, 1], [2, 3]);
      const third = 1 / 3;
      near(derivatives((at) => tf.max(at, 1), x)[0], [0.5, 0.5, 0, third, third, third]);
      near(derivatives((at) => tf.min(at, 1), x)[0], [0, 0, 1, third, third, third]);
      near(derivatives((at) => tf.max(at), x)[0], [0.5, 0.5, 0, 0, 0, 0]);
      // d/dx of sum (2 m / k)^2 over the k equals = 8 m / k, shared: 8 m / k^2
      near(derivatives((at) => tf.square(tf.max(at, 1)), x)[1], [4, 4, 0, 8 / 9, 8 / 9, 8 / 9]);
    });

    it('trains a stock model with relu', async () => {
      await tf.setBackend(backend);
      const model = tf.sequential({
        layers: [
          tf.layers.dense({ units: 4, activation: 'relu', inputShape: [2] }),
          tf.layers.dense({ units: 1 }),
        ],
      });
      model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
      const { history } = await model.fit(tf.ones([4, 2]), tf.ones([4, 1]), { verbose: 0, epochs: 2 });
      assert.ok((history.loss[1] as number) < (history.loss[0] as number));
    });
  });
}

it('shares the gradient of equal maxima in a compiled function too', () => {
  const gradient = compile((x: Tensor) => tf.grad((at: Tensor) => tf.max(at))(x));
  near(Array.from((gradient(tf.tensor1d([3, 3, 1])) as Tensor).dataSync()), [0.5, 0.5, 0]);
});

describe('sums along all but the last axis', () => {
  for (const shape of [
    [300, 2],
    [1_000_000, 1],
    [1_000_000, 3],
    [100_000, 16],
    [128, 32, 32, 8],
    [99_991, 2],
    [10_000_000, 1],
  ]) {
    it(`are exact to a few roundings: [${shape}]`, () => {
      const relative = tf.tidy(() => {
        const x = tf.fill(shape, 0.1);
        const rows = x.size / shape[shape.length - 1];
        const sum = tf.sum(
          x,
          shape.slice(1).map((_, axis) => axis),
        );
        return Math.max(
          ...Array.from(sum.dataSync(), (value) => Math.abs(value / (rows * Math.fround(0.1)) - 1)),
        );
      });
      // The prime number of rows is left to the stock kernel, which is less exact for few columns.
      assert.ok(relative < (shape[0] === 99_991 ? 3e-4 : 2e-5), `${relative}`);
    });
  }
});

it('keeps the statistics of a BatchNorm of momentum 1 on the JavaScript backend', async () => {
  await tf.setBackend('cpu');
  const layer = tf.layers.batchNormalization({ momentum: 1 });
  const x = tf.tensor2d([1, 2, 3, 6], [2, 2]);
  withBatchNormUpdates(2, () => layer.apply(x, { training: true }));
  const [, , mean, variance] = layer.getWeights().map((weight) => Array.from(weight.dataSync()));
  await tf.setBackend('tensorflow');
  near(mean, [0, 0]);
  near(variance, [1, 1]);
});

describe('reductions of all but the last axis are as exact as the stock kernels', () => {
  /** The op of TensorFlow that tfjs-node calls, past the kernels of this library. */
  function stock(op: string, x: Tensor): Tensor {
    const backend = tf.backend() as unknown as {
      executeSingleOutput(op: string, attributes: object[], inputs: Tensor[]): Tensor;
    };
    const attributes = [
      { name: 'keep_dims', type: 3, value: false },
      { name: 'T', type: 4, value: 1 },
      { name: 'Tidx', type: 4, value: 3 },
    ];
    return tf.tidy(() => backend.executeSingleOutput(op, attributes, [x, tf.tensor1d([0], 'int32')]));
  }

  const kinds: Record<string, (random: Random) => number> = {
    equal: () => 0.1,
    positive: (random) => random.uniform(),
    'of both signs': (random) => random.uniform() - 0.5,
  };

  /** The worst error of a column of `actual`, relative to the sum of absolute values. */
  function worst(actual: Tensor, exact: Float64Array, scale: Float64Array): number {
    return Math.max(...Array.from(actual.dataSync(), (value, i) => Math.abs(value - exact[i]) / scale[i]));
  }

  const shapes = [
    [2, 5],
    [16, 10],
    [17, 3],
    [64, 128],
    [128, 16],
    [128, 1],
    [251, 4],
    [256, 10],
    [257, 10],
    [1000, 3],
  ];
  const large = [
    [99_991, 2],
    [100_000, 16],
    [1_000_003, 1],
    [1_000_000, 3],
    [5_000_000, 2],
  ];
  for (const [rows, columns] of [...shapes, ...large]) {
    it(`[${rows}, ${columns}]`, () => {
      // Large ones take their time: one kind is enough.
      for (const [kind, draw] of Object.entries(kinds).filter(
        ([name]) => rows < 10_000 || name === 'positive',
      )) {
        const random = new Random(1, 'reductions');
        const values = Float32Array.from({ length: rows * columns }, () => draw(random));
        const [exact, scale] = [new Float64Array(columns), new Float64Array(columns)];
        values.forEach((value, i) => {
          exact[i % columns] += value;
          scale[i % columns] += Math.abs(value);
        });
        tf.tidy(() => {
          const x = tf.tensor2d(values, [rows, columns]);
          // Two roundings of one number are forgiven: below that, errors are a matter of luck.
          const allowed = (op: string, divisor: number) =>
            Math.max(
              worst(
                stock(op, x),
                exact.map((sum) => sum / divisor),
                scale.map((sum) => sum / divisor),
              ),
              2 ** -23,
            );
          const sum = worst(tf.sum(x, 0), exact, scale);
          assert.ok(
            sum <= 1.3 * allowed('Sum', 1),
            `sum of ${kind} numbers: ${sum}, stock ${allowed('Sum', 1)}`,
          );
          const mean = worst(
            tf.mean(x, 0),
            exact.map((one) => one / rows),
            scale.map((one) => one / rows),
          );
          assert.ok(
            mean <= 1.3 * allowed('Mean', rows),
            `mean of ${kind} numbers: ${mean}, stock ${allowed('Mean', rows)}`,
          );
          const factors = tf.add(1, tf.mul(x, 1e-6));
          assert.deepEqual(
            tf.prod(factors, 0).dataSync(),
            stock('Prod', factors).dataSync(),
            `product of ${kind} numbers`,
          );
        });
      }
    });
  }
});
