/** Native kernels and gradients against formulas, brute force and other routes, op by op and compiled. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { compile, crossEntropy } from 'lookbehind/compile';
import { OptionError } from 'lookbehind/errors';
import { assertClose, normal, numbersOf } from './support';

type Fn = (...inputs: tf.Tensor[]) => tf.Tensor;

/**
 * Gradients of sum(fn(inputs) * weights), for weights of no symmetry, with respect to each input; op by op
 * and compiled.
 */
function gradientsOf(fn: Fn, inputs: tf.Tensor[]): { eager: number[][]; compiled: number[][] } {
  const weighted = (...xs: tf.Tensor[]) => {
    const y = fn(...xs);
    return tf.sum(tf.mul(y, tf.reshape(tf.cos(tf.range(0, y.size)), y.shape)));
  };
  const gradients = (...xs: tf.Tensor[]) => tf.grads(weighted)(xs);
  const eager = gradients(...inputs).map((gradient) => numbersOf(gradient));
  const program = compile(gradients);
  tf.dispose(program(...inputs));
  const compiled = program(...inputs).map((gradient) => numbersOf(gradient));
  program.dispose();
  return { eager, compiled };
}

function assertGradients(
  what: string,
  fn: Fn,
  inputs: tf.Tensor[],
  expected: number[][],
  tolerance = 1e-5,
): void {
  const { eager, compiled } = gradientsOf(fn, inputs);
  expected.forEach((values, i) => {
    assertClose(eager[i], values, tolerance, `${what}, input ${i}, op by op`);
    assertClose(compiled[i], values, tolerance, `${what}, input ${i}, compiled`);
  });
}

const weightAt = (i: number) => Math.cos(i);

test('gradients of elementwise functions are those of their formulas', () => {
  const values = [-3, -1.2, -0.4, 0.3, 0.9, 2, 5, 6.5];
  const x = tf.tensor1d(values);
  const sigmoid = (v: number) => 1 / (1 + Math.exp(-v));
  const formulas: Record<string, [Fn, (v: number) => number]> = {
    relu: [tf.relu, (v) => (v > 0 ? 1 : 0)],
    relu6: [tf.relu6, (v) => (v > 0 && v < 6 ? 1 : 0)],
    elu: [tf.elu, (v) => (v > 0 ? 1 : Math.exp(v))],
    tanh: [tf.tanh, (v) => 1 - Math.tanh(v) ** 2],
    sigmoid: [tf.sigmoid, (v) => sigmoid(v) * (1 - sigmoid(v))],
    exp: [tf.exp, (v) => Math.exp(v)],
    'pow in the base': [(a) => tf.pow(tf.square(a), 1.5), (v) => 3 * v * Math.abs(v)],
    'pow in the exponent': [(a) => tf.pow(2, a), (v) => Math.log(2) * 2 ** v],
    'where with a condition of the input': [
      (a) => tf.where(tf.greater(a, 0.5), tf.square(a), a),
      (v) => (v > 0.5 ? 2 * v : 1),
    ],
  };
  for (const [name, [fn, derivative]] of Object.entries(formulas)) {
    assertGradients(name, fn, [x], [values.map((v, i) => derivative(v) * weightAt(i))]);
  }
});

test('pow sums its gradients over broadcast axes', () => {
  const base = tf.tensor2d([
    [1, 2, 3],
    [4, 5, 6],
  ]);
  const exponent = tf.tensor1d([1, 2, 0.5]);
  const [a, b] = [numbersOf(base), numbersOf(exponent)];
  const forBase = a.map((v, i) => b[i % 3] * v ** (b[i % 3] - 1) * weightAt(i));
  const forExponent = b.map((e, j) =>
    [0, 1].reduce((sum, r) => sum + a[3 * r + j] ** e * Math.log(a[3 * r + j]) * weightAt(3 * r + j), 0),
  );
  assertGradients('pow', tf.pow, [base, exponent], [forBase, forExponent]);
});

test('the gradient of softmax is that of its Jacobian, along any axis', () => {
  const x = normal([3, 4], 5);
  for (const transposed of [false, true]) {
    const fn: Fn = (a) => (transposed ? tf.transpose(tf.softmax(tf.transpose(a))) : tf.softmax(a));
    const p = fn(x).arraySync() as number[][];
    const along = (i: number, j: number) =>
      transposed ? p.map((_, k) => [k, j]) : p[0].map((_, k) => [i, k]);
    const expected = p.flatMap((row, i) =>
      row.map(
        (pij, j) =>
          pij *
          (weightAt(4 * i + j) - along(i, j).reduce((sum, [r, q]) => sum + p[r][q] * weightAt(4 * r + q), 0)),
      ),
    );
    assertGradients('softmax', fn, [x], [expected]);
  }
});

test('products and biases have the gradients of linear algebra', () => {
  for (const [transposeA, transposeB] of [
    [false, false],
    [true, false],
    [false, true],
    [true, true],
  ]) {
    const a = normal(transposeA ? [3, 2] : [2, 3], 1);
    const b = normal(transposeB ? [4, 3] : [3, 4], 2);
    const bias = normal([4], 3);
    const [A, B] = [transposeA ? tf.transpose(a) : a, transposeB ? tf.transpose(b) : b].map(
      (t) => t.arraySync() as number[][],
    );
    const w = (i: number, j: number) => weightAt(4 * i + j);
    const forA = A.map((row, i) => row.map((_, k) => B[k].reduce((sum, v, j) => sum + v * w(i, j), 0)));
    const forB = B.map((row, k) =>
      row.map((_, j) => A.reduce((sum, values, i) => sum + values[k] * w(i, j), 0)),
    );
    const laidOut = (rows: number[][], isTransposed: boolean) =>
      (isTransposed ? rows[0].map((_, j) => rows.map((row) => row[j])) : rows).flat();
    const forBias = [0, 1, 2, 3].map((j) => w(0, j) + w(1, j));
    const expected = [laidOut(forA, transposeA), laidOut(forB, transposeB), forBias];
    const plain: Fn = (x, y, z) => tf.add(tf.matMul(x, y, transposeA, transposeB), z);
    const fused: Fn = (x, y, z) =>
      tf.fused.matMul({ a: x as tf.Tensor2D, b: y as tf.Tensor2D, bias: z, transposeA, transposeB });
    assertGradients('matMul', plain, [a, b, bias], expected);
    assertGradients('fused matMul', fused, [a, b, bias], expected);
  }
});

test('a fused product applies its activation, and a batched one is left as it was', () => {
  const [a, b] = [normal([2, 3], 1), normal([3, 4], 2)];
  const fused = (activation: 'relu' | 'elu' | 'linear') =>
    numbersOf(tf.fused.matMul({ a: a as tf.Tensor2D, b: b as tf.Tensor2D, activation }));
  assertClose(fused('relu'), numbersOf(tf.relu(tf.matMul(a, b))), 1e-6);
  assertClose(fused('elu'), numbersOf(tf.elu(tf.matMul(a, b))), 1e-6);
  const batch = tf.stack([a, tf.mul(a, 2)]);
  const weights = tf.stack([b, tf.mul(b, 3)]);
  assertClose(
    numbersOf(tf.matMul(batch, weights)),
    numbersOf(tf.stack([tf.matMul(a, b), tf.mul(tf.matMul(a, b), 6)])),
    1e-5,
  );
});

test('sums over all but the last axis equal sums one axis at a time', () => {
  for (const shape of [
    [3, 4],
    [2, 3, 4],
    [2, 3, 2, 4],
  ]) {
    const x = normal(shape, 6);
    const axes = shape.slice(1).map((_, i) => i);
    const byAxis = axes.reduce<tf.Tensor>(
      (sum) => tf.sum(tf.transpose(sum, [...sum.shape.keys()].reverse()), -1).transpose(),
      x,
    );
    assertClose(numbersOf(tf.sum(x, axes)), numbersOf(byAxis), 1e-5);
    assert.deepEqual(tf.sum(x, axes, true).shape, [...axes.map(() => 1), 4]);
  }
  assert.deepEqual(
    numbersOf(
      tf.sum(
        tf.tensor2d(
          [
            [1, 2],
            [3, 4],
          ],
          [2, 2],
          'int32',
        ),
        [0],
      ),
    ),
    [4, 6],
  );
  assert.deepEqual(
    numbersOf(
      tf.add(
        tf.tensor2d(
          [
            [1, 2],
            [3, 4],
          ],
          [2, 2],
          'int32',
        ),
        tf.tensor1d([1, 2], 'int32'),
      ),
    ),
    [2, 4, 4, 6],
  );
});

/** Value and gradient of max-pooling by search: the first of equal maxima in a window gets the gradient. */
function searchedMaxPool(
  x: number[],
  [height, width, channels]: number[],
  size: number,
  stride: number,
): { y: number[]; dx: number[] } {
  const [rows, columns] = [height, width].map((side) => Math.floor((side - size) / stride) + 1);
  const y: number[] = [];
  const dx = x.map(() => 0);
  for (let r = 0; r < rows; r++) {
    for (let q = 0; q < columns; q++) {
      for (let c = 0; c < channels; c++) {
        const window = Array.from({ length: size * size }, (_, i) => {
          const [row, column] = [r * stride + Math.floor(i / size), q * stride + (i % size)];
          return (row * width + column) * channels + c;
        });
        const best = window.reduce((found, at) => (x[at] > x[found] ? at : found));
        dx[best] += weightAt(y.length);
        y.push(x[best]);
      }
    }
  }
  return { y, dx };
}

test('max-pooling and its gradient are those of a search, ties included', () => {
  for (const [size, stride, shape] of [
    [2, 2, [4, 6, 3]],
    [3, 3, [6, 9, 2]],
    [2, 2, [5, 5, 2]],
    [3, 2, [7, 7, 2]],
    [1, 1, [2, 2, 1]],
  ] as const) {
    const x = tf.cast(tf.round(tf.mul(normal([1, ...shape], size), 1.5)), 'float32');
    const { y, dx } = searchedMaxPool(numbersOf(x), [...shape], size, stride);
    const pool: Fn = (a) => tf.maxPool(a as tf.Tensor4D, size, stride, 'valid');
    assertClose(numbersOf(pool(x)), y, 0);
    assertGradients(`max-pool ${size}/${stride}`, pool, [x], [dx], 1e-6);
  }
});

test('a convolution with explicit padding is that of the padded input', () => {
  const paddings = [
    [
      [0, 0],
      [1, 1],
      [1, 1],
      [0, 0],
    ],
    [
      [0, 0],
      [1, 2],
      [0, 1],
      [0, 0],
    ],
    [
      [0, 0],
      [2, 0],
      [3, 1],
      [0, 0],
    ],
  ] as [number, number][][];
  const x = normal([2, 7, 6, 2], 1);
  const filter = normal([3, 3, 2, 4], 2);
  const bias = normal([4], 3);
  type Pad = Parameters<typeof tf.conv2d>[3];
  for (const stride of [1, 2]) {
    for (const padding of paddings) {
      const explicit: Fn = (a, f) =>
        tf.conv2d(a as tf.Tensor4D, f as tf.Tensor4D, stride, padding as unknown as Pad);
      const padded: Fn = (a, f) =>
        tf.conv2d(tf.pad(a, padding) as tf.Tensor4D, f as tf.Tensor4D, stride, 'valid');
      assertClose(numbersOf(explicit(x, filter)), numbersOf(padded(x, filter)), 1e-5);
      const expected = gradientsOf(padded, [x, filter]).eager;
      assertGradients(`stride ${stride}, padding ${padding}`, explicit, [x, filter], expected, 1e-4);
    }
    const symmetric: Fn = (a, f) => tf.conv2d(a as tf.Tensor4D, f as tf.Tensor4D, stride, 1);
    const explicit: Fn = (a, f) =>
      tf.conv2d(a as tf.Tensor4D, f as tf.Tensor4D, stride, paddings[0] as unknown as Pad);
    assertClose(numbersOf(symmetric(x, filter)), numbersOf(explicit(x, filter)), 1e-6);
    const fused: Fn = (a, f, b) =>
      tf.fused.conv2d({ x: a as tf.Tensor4D, filter: f as tf.Tensor4D, strides: stride, pad: 1, bias: b });
    const composed: Fn = (a, f, b) => tf.add(explicit(a, f), b);
    assertClose(numbersOf(fused(x, filter, bias)), numbersOf(composed(x, filter, bias)), 1e-5);
    assertGradients('fused', fused, [x, filter, bias], gradientsOf(composed, [x, filter, bias]).eager, 1e-4);
  }
});

test('1 x 1 convolutions with stride have the filter gradient of a sum over pixels, where rows are left over too', () => {
  for (const [height, width] of [
    [6, 8],
    [7, 12],
  ]) {
    for (const [inputs, outputs] of [
      [1, 2],
      [2, 4],
      [5, 7],
      [8, 16],
    ]) {
      for (const stride of [2, 3]) {
        const x = normal([3, height, width, inputs], 1);
        const filter = normal([1, 1, inputs, outputs], 2);
        const strided: Fn = (f) => tf.conv2d(x as tf.Tensor4D, f as tf.Tensor4D, stride, 'valid');
        const [, rows, columns] = strided(filter).shape;
        const expected = new Array<number>(inputs * outputs).fill(0);
        const image = x.arraySync() as number[][][][];
        let at = 0;
        for (const sample of image) {
          for (let y = 0; y < rows; y++) {
            for (let z = 0; z < columns; z++) {
              for (let o = 0; o < outputs; o++, at++) {
                for (let i = 0; i < inputs; i++)
                  expected[i * outputs + o] += sample[y * stride][z * stride][i] * weightAt(at);
              }
            }
          }
        }
        assertGradients(
          `${height} x ${width}, ${inputs} to ${outputs}, stride ${stride}`,
          strided,
          [filter],
          [expected],
          1e-4,
        );
      }
    }
  }
});

test('gather in a graph takes the rows that it takes op by op', () => {
  const table = normal([5, 3], 1);
  const fn = (indices: tf.Tensor) =>
    tf.grad((t) => tf.sum(tf.square(tf.gather(t, indices as tf.Tensor1D))))(table);
  const compiled = compile(fn);
  for (const rows of [
    [0, 4, 4],
    [1, 2, 3],
  ]) {
    const indices = tf.tensor1d(rows, 'int32');
    assertClose(numbersOf(compiled(indices)), numbersOf(fn(indices)), 1e-6);
  }
  assert.throws(() => tf.gather(table, tf.tensor1d([5], 'int32')), /range|index/i);
});

test('cross-entropy and its gradient are those of their formulas', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 2, max: 5 }),
      fc.integer({ min: 1, max: 1000 }),
      (n, classes, seed) => {
        const logits = normal([n, classes], seed, 3);
        const labels = Array.from({ length: n }, (_, i) => (i * seed) % classes);
        const z = logits.arraySync() as number[][];
        const p = z.map((row) => {
          const largest = Math.max(...row);
          const powers = row.map((value) => Math.exp(value - largest));
          return powers.map((power) => power / powers.reduce((sum, one) => sum + one, 0));
        });
        const loss = p.reduce((sum, row, i) => sum - Math.log(row[labels[i]]), 0) / n;
        const gradient = p.flatMap((row, i) =>
          row.map((value, j) => (value - (j === labels[i] ? 1 : 0)) / n),
        );
        const classesAsTensor = tf.tensor1d(labels, 'int32');
        for (const ys of [
          classesAsTensor,
          tf.oneHot(classesAsTensor, classes),
          tf.cast(tf.oneHot(classesAsTensor, classes), 'float32'),
        ]) {
          const { value, grad } = tf.valueAndGrad((a: tf.Tensor) => crossEntropy(ys, a))(logits);
          assertClose(numbersOf(value), [loss], 1e-5, 'loss');
          assertClose(numbersOf(grad), gradient, 1e-5, 'gradient');
        }
      },
    ),
    { numRuns: 20 },
  );
});

test('cross-entropy takes distributions as labels, and refuses other shapes', () => {
  const logits = normal([3, 4], 1);
  const smooth = tf.softmax(normal([3, 4], 2));
  const stock = tf.losses.softmaxCrossEntropy(smooth, logits);
  assertClose(numbersOf(crossEntropy(smooth, logits)), numbersOf(stock), 1e-6);
  assert.throws(() => crossEntropy(tf.tensor1d([0, 1], 'int32'), logits), OptionError);
  assert.throws(
    () => crossEntropy(tf.tensor1d([0, 1, 2]), logits),
    /labels must be int32 classes of shape \[3\]/,
  );
  assert.throws(() => crossEntropy(smooth, tf.tensor1d([1, 2])), /logits must be/);
});

/** What the layer computes, of ops whose gradients are tf.js's own. */
function layerNorm(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, epsilon: number): tf.Tensor {
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
          const random = (like: number[], seed: number): tf.Tensor =>
            tf.randomNormal(like, 0.5, 1, 'float32', seed);
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
          const byFormula = (input: tf.Tensor): tf.Tensor => layerNorm(input, gamma, beta, 1e-3);
          close(byLayer(x), byFormula(x), 'value');
          close(tf.grad(byLayer)(x, dy), tf.grad(byFormula)(x, dy), 'gradient');
          const second = (fn: (input: tf.Tensor) => tf.Tensor): tf.Tensor =>
            tf.grad((input) => tf.sum(tf.mul(tf.grad(fn)(input, dy), v)))(x);
          close(second(byLayer), second(byFormula), 'second gradient');
          const { grads } = tf.variableGrads(() => tf.sum(byLayer(x).mul(dy)), variables);
          const [dGamma, dBeta] = tf.grads((g: tf.Tensor, b: tf.Tensor) =>
            tf.sum(layerNorm(x, g, b, 1e-3).mul(dy)),
          )([gamma, beta]);
          close(grads[variables[0].name], dGamma, 'gradient of gamma');
          close(grads[variables[1].name], dBeta, 'gradient of beta');
        });
        layer.dispose();
        assert.equal(tf.memory().numTensors, before);
      },
    ),
    { numRuns: 5 },
  );
});

test('other axes, and layers without gamma or beta, give what they gave', () => {
  tf.tidy(() => {
    const x = tf.randomNormal([3, 4, 5], 0, 1, 'float32', 1);
    const first = tf.layers.layerNormalization({ axis: 1 }).apply(x) as tf.Tensor;
    const { mean, variance } = tf.moments(first, 1);
    assert.ok(
      tf.max(tf.abs(mean)).dataSync()[0] < 1e-5 && tf.max(tf.abs(variance.sub(1))).dataSync()[0] < 0.05,
    );
    const bare = tf.layers.layerNormalization({ center: false, scale: false, epsilon: 1e-3 });
    const expected = layerNorm(x, tf.ones([5]), tf.zeros([5]), 1e-3);
    assert.ok(tf.max(tf.abs((bare.apply(x) as tf.Tensor).sub(expected))).dataSync()[0] < 1e-5);
  });
});
