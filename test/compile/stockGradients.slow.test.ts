/**
 * Gradients of code that only uses tf.js, in processes with and without the import of the library, on both
 * backends.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { nativePackage } from '../../lib/dist/compile/native';
import { assertClose } from './support';

/**
 * First derivatives of many ops; second ones of those that stock tf.js differentiates rightly: it is wrong,
 * without a word, where a gradient uses the op's output (sigmoid, tanh, exp). No two numbers are equal.
 */
const PROGRAM = `
  const x = tf.tensor4d(Array.from({ length: 2 * 4 * 4 * 3 }, (_, i) => Math.sin(3 * i + 1)), [2, 4, 4, 3]);
  const filter = tf.tensor4d(Array.from({ length: 81 }, (_, i) => Math.cos(2 * i)), [3, 3, 3, 3]);
  const bias = tf.tensor1d([0.1, -0.2, 0.3]);
  const rows = (at) => tf.reshape(at, [32, 3]);
  const norm = tf.layers.batchNormalization();
  const layerNorm = tf.layers.layerNormalization();
  norm.apply(x); layerNorm.apply(x);
  const activations = ['relu', 'relu6', 'elu', 'selu', 'leakyRelu', 'sigmoid', 'tanh', 'softplus', 'exp', 'abs', 'square'];
  const ops = {
    ...Object.fromEntries(activations.map((name) => [name, (at) => tf[name](at)])),
    prelu: (at) => tf.prelu(at, bias),
    softmax: (at) => tf.softmax(at),
    logSoftmax: (at) => tf.logSoftmax(rows(at)),
    conv2d: (at) => tf.conv2d(at, filter, 1, 'same'),
    depthwise: (at) => tf.depthwiseConv2d(at, tf.reshape(filter, [3, 3, 3, 3]), 1, 'valid'),
    transposed: (at) => tf.conv2dTranspose(at, filter, [2, 8, 8, 3], 2, 'same'),
    maxPool: (at) => tf.maxPool(at, 2, 2, 'valid'),
    overlapping: (at) => tf.maxPool(at, 3, 1, 'same'),
    avgPool: (at) => tf.avgPool(at, 2, 2, 'valid'),
    addBias: (at) => tf.mul(tf.add(at, bias), at),
    biasSum: (at) => tf.square(tf.sum(at, [0, 1, 2])),
    mean: (at) => tf.square(tf.mean(at, [1, 2])),
    product: (at) => tf.matMul(rows(at), tf.reshape(filter, [3, 27])),
    max: (at) => tf.max(at, -1),
    min: (at) => tf.min(at, [1, 2]),
    gather: (at) => tf.gather(rows(at), tf.tensor1d([0, 5, 5], 'int32')),
    batchNorm: (at) => norm.apply(at, { training: true }),
    layerNorm: (at) => layerNorm.apply(at),
    crossEntropy: (at) => tf.losses.softmaxCrossEntropy(tf.oneHot(tf.range(0, 32, 1, 'int32').mod(tf.scalar(3, 'int32')), 3), rows(at)),
  };
  const twice = ['square', 'addBias', 'biasSum', 'mean', 'product'];
  const results = {};
  for (const [name, op] of Object.entries(ops)) {
    const first = tf.grad((at) => tf.sum(tf.square(op(at))));
    results[name] = Array.from(first(x).dataSync());
    if (twice.includes(name)) results[name + ', twice'] = Array.from(tf.grad((at) => tf.sum(tf.square(first(at))))(x).dataSync());
  }
  console.log(JSON.stringify(results));`;

type Results = Record<string, number[]>;

/** @param load What is loaded before the ops run, beside the stock package. */
function derivatives(backend: string, load?: 'lookbehind' | 'lookbehind/compile'): Results {
  const packages = [
    backend === 'cpu' ? '@tensorflow/tfjs' : nativePackage!,
    ...(load === undefined ? [] : [load]),
  ];
  const loading = packages.map((name) => `require(${JSON.stringify(require.resolve(name))});`).join(' ');
  const tf = `${loading} const tf = require(${JSON.stringify(require.resolve('@tensorflow/tfjs'))});`;
  // tfjs-node calls two functions that newer Nodes lack; lookbehind/compile brings them, stock code does not.
  const code = `
    Object.assign(require('node:util'), { isNullOrUndefined: (value) => value == null, isArray: Array.isArray });
    ${tf} (async () => { await tf.setBackend('${backend}'); ${PROGRAM} })();`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', code], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout.slice(stdout.indexOf('{"'))) as Results;
}

for (const backend of ['tensorflow', 'cpu']) {
  describe(`on the backend ${backend}`, () => {
    const stock = derivatives(backend);

    it('the import of lookbehind changes no bit of the gradients of stock code', () => {
      assert.ok(Object.keys(stock).length >= 33);
      assert.deepEqual(derivatives(backend, 'lookbehind'), stock);
    });

    it('the import of lookbehind/compile changes no gradient of stock code', () => {
      const imported = derivatives(backend, 'lookbehind/compile');
      assert.deepEqual(Object.keys(imported), Object.keys(stock));
      for (const [name, expected] of Object.entries(stock)) {
        assert.ok(expected.some((value) => value !== 0) && expected.every(Number.isFinite), name);
        assertClose(imported[name], expected, 1e-4, name);
      }
    });
  });
}
