/** Second derivatives: exact Hessian-vector products, or an error. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { compile, crossEntropy, SecondDerivativeError } from 'lookbehind/compile';
import type { GoldenAnalysis } from '../replay/analysis';
import { buildModel } from '../replay/model';
import { assertClose, normal, numbersOf, relativeError } from './support';

type Loss = (weights: tf.Tensor[]) => tf.Tensor;

function gradient(loss: Loss, weights: tf.Tensor[]): tf.Tensor[] {
  return tf.grads((...ws: tf.Tensor[]) => loss(ws))(weights);
}

/** H v, by differentiating g . v. */
function hessianVector(loss: Loss, weights: tf.Tensor[], direction: tf.Tensor[]): tf.Tensor[] {
  return tf.grads((...ws: tf.Tensor[]) =>
    tf.addN(gradient(loss, ws).map((g, i) => tf.sum(tf.mul(g, direction[i])))),
  )(weights);
}

/**
 * H v, by central differences of the gradient. The best of a few step sizes: float32 allows no single good
 * one.
 */
function assertHessian(what: string, loss: Loss, weights: tf.Tensor[], tolerance = 3e-4): void {
  const direction = weights.map((weight, i) => normal(weight.shape, 100 + i));
  const exact = numbersOf(tf.tidy(() => hessianVector(loss, weights, direction)));
  const at = (step: number) =>
    numbersOf(
      tf.tidy(() =>
        gradient(
          loss,
          weights.map((weight, i) => tf.add(weight, tf.mul(direction[i], step))),
        ),
      ),
    );
  const errors = [1e-1, 3e-2, 1e-2, 3e-3, 1e-3].map((step) => {
    const behind = at(-step);
    return relativeError(
      exact,
      at(step).map((value, i) => (value - behind[i]) / (2 * step)),
    );
  });
  assert.ok(Math.min(...errors) < tolerance, `${what}: relative error ${Math.min(...errors)}`);
  const compiled = compile((...inputs: tf.Tensor[]) =>
    hessianVector(loss, inputs.slice(0, weights.length), inputs.slice(weights.length)),
  );
  tf.dispose(compiled(...weights, ...direction));
  assert.ok(relativeError(numbersOf(compiled(...weights, ...direction)), exact) < 1e-5, `${what}: compiled`);
  compiled.dispose();
}

const inputs = normal([5, 4], 1);
const labels = tf.tensor1d([0, 1, 2, 1, 0], 'int32');

test('products through every activation are exact', () => {
  const activations: Record<string, (x: tf.Tensor) => tf.Tensor> = {
    tanh: tf.tanh,
    sigmoid: tf.sigmoid,
    softmax: tf.softmax,
    exp: (x) => tf.exp(tf.mul(x, 0.5)),
    elu: tf.elu,
    softplus: tf.softplus,
    swish: (x) => tf.mul(x, tf.sigmoid(x)),
    gelu: (x) => tf.mul(x, tf.add(tf.erf(x), 1)),
    pow: (x) => tf.pow(tf.add(tf.square(x), 1), tf.sigmoid(x)),
    logSumExp: (x) => tf.mul(x, tf.logSumExp(x, 1, true)),
  };
  const weights = [normal([4, 6], 2, 0.5), normal([6], 3, 0.5), normal([6, 3], 4, 0.5)];
  for (const [name, activation] of Object.entries(activations)) {
    assertHessian(
      name,
      ([a, b, c]) => crossEntropy(labels, tf.matMul(activation(tf.add(tf.matMul(inputs, a), b)), c)),
      weights,
    );
  }
});

test('products through convolutions, pooling and normalization are exact', () => {
  const images = normal([3, 8, 8, 2], 5);
  const classes = tf.tensor1d([0, 1, 2], 'int32');
  const weights = [
    normal([3, 3, 2, 3], 6, 0.4),
    normal([3], 7, 0.4),
    normal([3, 3, 3, 4], 8, 0.4),
    normal([4, 3], 9, 0.4),
  ];
  const head = (x: tf.Tensor, dense: tf.Tensor) =>
    crossEntropy(classes, tf.matMul(tf.mean(x, [1, 2]), dense));
  const conv = (x: tf.Tensor, f: tf.Tensor, stride = 1, pad: 'same' | number = 'same') =>
    tf.conv2d(x as tf.Tensor4D, f as tf.Tensor4D, stride, pad);
  assertHessian(
    'strides',
    ([f, b, g, d]) => head(tf.tanh(conv(tf.tanh(tf.add(conv(images, f), b)), g, 2)), d),
    weights,
  );
  assertHessian(
    'explicit padding',
    ([f, b, g, d]) => head(tf.tanh(conv(tf.tanh(tf.add(conv(images, f, 2, 1), b)), g, 1, 1)), d),
    weights,
  );
  assertHessian(
    'fused',
    ([f, b, g, d]) => {
      const x = tf.fused.conv2d({
        x: images as tf.Tensor4D,
        filter: f as tf.Tensor4D,
        strides: 1,
        pad: 'same',
        bias: b,
      });
      return head(tf.tanh(conv(tf.tanh(x), g)), d);
    },
    weights,
  );
  assertHessian(
    'average pooling',
    ([f, b, g, d]) =>
      head(tf.tanh(conv(tf.avgPool(tf.tanh(tf.add(conv(images, f), b)) as tf.Tensor4D, 3, 2, 'same'), g)), d),
    weights,
  );
  assertHessian(
    'normalization by moving statistics',
    ([f, b, g, d]) => {
      const x = tf.batchNorm(
        conv(images, f),
        tf.tensor1d([0.1, 0, -0.2]),
        tf.tensor1d([1, 2, 0.5]),
        b,
        b,
        1e-3,
      );
      return head(tf.tanh(conv(tf.tanh(x), g)), d);
    },
    weights,
  );
});

test('products through normalization by batch statistics are exact', () => {
  const layer = tf.layers.batchNormalization({ inputShape: [6] });
  layer.build([null, 6]);
  const weights = [normal([4, 6], 2, 0.5), normal([6, 3], 4, 0.5)];
  assertHessian(
    'batch statistics',
    ([a, c]) =>
      crossEntropy(
        labels,
        tf.matMul(tf.tanh(layer.apply(tf.matMul(inputs, a), { training: true }) as tf.Tensor), c),
      ),
    weights,
  );
});

test('the second derivative of max-pooling is the adjoint of its gradient', () => {
  for (const [size, stride, pad] of [
    [2, 2, 'valid'],
    [3, 2, 'same'],
    [3, 1, 'valid'],
  ] as const) {
    const x = normal([2, 8, 8, 3], size) as tf.Tensor4D;
    const pool = (a: tf.Tensor) => tf.maxPool(a as tf.Tensor4D, size, stride, pad);
    const dy = normal(pool(x).shape, 11);
    const v = normal(x.shape, 12);
    const pulled = (weights: tf.Tensor) => tf.grad((a) => tf.sum(tf.mul(pool(a), weights)))(x);
    const pushed = tf.grad((weights) => tf.sum(tf.mul(pulled(weights), v)))(dy);
    assertClose(
      numbersOf(tf.sum(tf.mul(pushed, dy))),
      numbersOf(tf.sum(tf.mul(pulled(dy), v))),
      1e-4,
      `${size}/${stride}`,
    );
  }
});

test('the Hessian is symmetric and, put together column by column, that of differences', () => {
  const weights = [normal([4, 2], 2), normal([2, 3], 3)];
  const loss: Loss = ([a, c]) => crossEntropy(labels, tf.matMul(tf.tanh(tf.matMul(inputs, a)), c));
  const size = 14;
  const unit = (i: number) =>
    tf.split(
      tf
        .oneHot(tf.tensor1d([i], 'int32'), size)
        .reshape([size])
        .toFloat(),
      [8, 6],
    );
  const product = compile((...ts: tf.Tensor[]) => hessianVector(loss, ts.slice(0, 2), ts.slice(2)));
  const columns = Array.from({ length: size }, (_, i) => {
    const [a, c] = unit(i);
    return numbersOf(product(...weights, tf.reshape(a, [4, 2]), tf.reshape(c, [2, 3])));
  });
  const transposed = columns[0].map((_, i) => columns.map((column) => column[i]));
  columns.forEach((column, i) => {
    assertClose(column, transposed[i], 1e-6, `column ${i}`);
  });
  assertHessian('whole', loss, weights);
});

for (const id of [
  'mlp-sgd',
  'mlp-lookbehind-sam-k5-a0p8',
  'convnet-sgd',
  'convnet-lookbehind-asam-k5-adaptive',
  'softmax-lookbehind-sam-k2-adaptive',
]) {
  test(`the product of analysis-${id} is the one computed in float64`, () => {
    const file = join(__dirname, '..', 'golden', `analysis-${id}.json`);
    const golden = JSON.parse(readFileSync(file, 'utf8')) as GoldenAnalysis;
    const { network, variables, dispose } = buildModel(golden);
    const { data, parameters, model, hessian } = golden;
    const xs = tf.tensor(data!.inputs, [data!.count, ...model.inputShape!]);
    const ys = tf.tensor1d(data!.labels, 'int32');
    const direction = parameters.map(({ name, shape }) => tf.tensor(hessian.vector[name], shape));
    const expected = parameters.flatMap(({ name }) => hessian.hessianVectorProduct[name]);
    const product = tf.tidy(() => {
      const slope = () => {
        const { grads } = tf.variableGrads(
          () => crossEntropy(ys, network!.apply(xs) as tf.Tensor) as tf.Scalar,
          variables,
        );
        return tf.addN(
          variables.map(({ name }, i) => tf.sum(tf.mul(grads[name], direction[i]))),
        ) as tf.Scalar;
      };
      const { grads } = tf.variableGrads(slope, variables);
      return numbersOf(variables.map(({ name }) => grads[name]));
    });
    assert.ok(relativeError(product, expected) < 1e-5, `relative error ${relativeError(product, expected)}`);
    dispose();
  });
}

test('what tf.js would get wrong is refused', () => {
  const weights = [normal([4, 6], 2, 0.5), normal([6, 3], 4, 0.5)];
  const network = ([a, c]: tf.Tensor[]) => tf.matMul(tf.tanh(tf.matMul(inputs, a)), c);
  const refused: Record<string, Loss> = {
    softmaxCrossEntropy: (ws) => tf.losses.softmaxCrossEntropy(tf.oneHot(labels, 3), network(ws)),
    logSoftmax: (ws) => tf.mean(tf.square(tf.logSoftmax(network(ws)))),
    'custom gradient': (ws) =>
      tf.sum(
        tf.customGrad((x, save) => {
          const y = tf.exp(x as tf.Tensor);
          (save as (tensors: tf.Tensor[]) => void)([y]);
          return { value: y, gradFunc: (dy, [saved]) => tf.mul(dy, saved) };
        })(network(ws)),
      ),
  };
  const direction = weights.map((weight) => tf.onesLike(weight));
  for (const [name, loss] of Object.entries(refused)) {
    assert.ok(numbersOf(gradient(loss, weights)).every(Number.isFinite), `${name}: first derivatives work`);
    assert.throws(() => hessianVector(loss, weights, direction), SecondDerivativeError, name);
  }
});

test('it is refused on other backends, too, where the cross-entropy of this library is right', async () => {
  await tf.setBackend('cpu');
  try {
    const logits = () => [normal([5, 3], 6, 1)];
    const rows = tf.oneHot(tf.tensor1d([0, 2, 1, 1, 0], 'int32'), 3);
    const direction = [normal([5, 3], 7, 1)];
    const stock: Loss = ([z]) => tf.losses.softmaxCrossEntropy(rows, z);
    const ours: Loss = ([z]) => crossEntropy(rows, z);
    assert.ok(
      relativeError(numbersOf(gradient(ours, logits())), numbersOf(gradient(stock, logits()))) < 1e-6,
    );
    assert.throws(() => hessianVector(stock, logits(), direction), SecondDerivativeError);
    // The Hessian of a row is diag(p) - p p', here a fifth of it.
    const expected = tf.tidy(() => {
      const p = tf.softmax(logits()[0]);
      const weighted = tf.mul(p, direction[0]);
      return numbersOf([tf.div(tf.sub(weighted, tf.mul(p, tf.sum(weighted, -1, true))), 5)]);
    });
    assert.ok(relativeError(numbersOf(hessianVector(ours, logits(), direction)), expected) < 1e-6);
  } finally {
    await tf.setBackend('tensorflow');
  }
});

test('a custom gradient that saves its inputs can be differentiated again', () => {
  const cube = tf.customGrad((x, save) => {
    (save as (tensors: tf.Tensor[]) => void)([x as tf.Tensor]);
    return {
      value: tf.pow(x as tf.Tensor, 3),
      gradFunc: (dy, [saved]) => tf.mul(dy, tf.mul(3, tf.square(saved))),
    };
  });
  const second = tf.grad((x) => tf.sum(tf.grad((y) => tf.sum(cube(y)))(x)))(tf.tensor1d([1, 2, -3]));
  assertClose(numbersOf(second), [6, 12, -18], 1e-5);
});
