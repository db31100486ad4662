/**
 * The models' layers against PyTorch: losses and gradients of recorded weights, in training and in evaluation
 * mode.
 */
import 'lookbehind/compile';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import * as models from 'lookbehind/models';
import { activate, batchNorm, conv2d, dense } from '../../lib/dist/models/layers';

interface Golden {
  model: { inputShape: number[]; classes: number };
  parameters: { name: string; shape: number[]; values: number[] }[];
  buffers: { name: string; shape: number[]; values: number[] }[];
  data: { inputs: number[]; labels: number[] };
  batches: number[][][];
  firstGradients: { ascentGradient: Record<string, number[]> };
  steps: {
    inner: { loss: number }[];
    slow: Record<string, number[]>;
    buffers: Record<string, number[]> | null;
  }[];
  final: { evalLoss: number; evalAccuracy: number };
}

function read(file: string): Golden {
  return JSON.parse(readFileSync(join(__dirname, '..', 'golden', file), 'utf8')) as Golden;
}

function assertClose(actual: ArrayLike<number>, expected: ArrayLike<number>, what: string): void {
  assert.equal(actual.length, expected.length, what);
  for (let i = 0; i < actual.length; i++) {
    assert.ok(
      Math.abs(actual[i] - expected[i]) <= 2e-5 * Math.max(1, Math.abs(expected[i])),
      `${what}[${i}]: ${actual[i]}, expected ${expected[i]}`,
    );
  }
}

/** Holds a model whose weights are, in order, the parameters and then the buffers of `golden`. */
function check(model: tf.LayersModel, golden: Golden): void {
  const { parameters, buffers, data, steps, final } = golden;
  const shapes = [...parameters, ...buffers].map(({ shape }) => shape);
  const setWeights = (values: number[][]): void =>
    tf.tidy(() => model.setWeights(values.map((list, i) => tf.tensor(list, shapes[i]))));
  const batch = (indices?: number[]): { xs: tf.Tensor; ys: tf.Tensor } => {
    const xs = tf.tensor(data.inputs, [data.labels.length, ...golden.model.inputShape]);
    const ys = tf.oneHot(tf.tensor1d(data.labels, 'int32'), golden.model.classes);
    return indices === undefined ? { xs, ys } : { xs: tf.gather(xs, indices), ys: tf.gather(ys, indices) };
  };
  tf.tidy(() => {
    setWeights([...parameters, ...buffers].map(({ values }) => values));
    const { xs, ys } = batch(golden.batches[0][0]);
    const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
    const { value, grads } = tf.variableGrads(
      () => tf.losses.softmaxCrossEntropy(ys, model.apply(xs, { training: true }) as tf.Tensor).asScalar(),
      variables,
    );
    assertClose(value.dataSync(), [steps[0].inner[0].loss], 'loss in training mode');
    parameters.forEach(({ name }, i) => {
      assertClose(
        grads[variables[i].name].dataSync(),
        golden.firstGradients.ascentGradient[name],
        `gradient of ${name}`,
      );
    });
  });
  tf.tidy(() => {
    const last = steps[steps.length - 1];
    setWeights([
      ...parameters.map(({ name }) => last.slow[name]),
      ...buffers.map(({ name }) => last.buffers![name]),
    ]);
    const { xs, ys } = batch();
    const logits = model.predict(xs) as tf.Tensor;
    assertClose(
      tf.losses.softmaxCrossEntropy(ys, logits).dataSync(),
      [final.evalLoss],
      'loss in evaluation mode',
    );
    assertClose(
      logits.argMax(1).equal(ys.argMax(1)).cast('float32').mean().dataSync(),
      [final.evalAccuracy],
      'accuracy',
    );
  });
}

test('the MLP agrees with PyTorch', () => {
  const golden = read('mlp-lookbehind-sam-k5-a0p8.json');
  const model = models.mlp({ inputs: 4, hidden: [5, 4], classes: 3, activation: ['tanh', 'relu'] });
  check(model, golden);
  model.dispose();
});

test('convolution, padding at stride 2, BatchNorm and mean over positions agree with PyTorch', () => {
  const golden = read('convnet-lookbehind-asam-k5-adaptive.json');
  const input = tf.input({ shape: [6, 6, 2] });
  let x = conv2d(input, { filters: 2, kernelSize: 3, useBias: false, name: 'conv1' });
  x = activate(batchNorm(x, 'bn1'), 'relu', 'relu1');
  x = activate(conv2d(x, { filters: 3, kernelSize: 3, stride: 2, name: 'conv2' }), 'relu', 'relu2');
  x = tf.layers.globalAveragePooling2d({}).apply(x) as tf.SymbolicTensor;
  const model = tf.model({ inputs: input, outputs: dense(x, 3, 'fc') });
  check(model, golden);
  model.dispose();
});

test('padding at stride 2 follows PyTorch on even and odd sides, with any kernel', () => {
  for (const side of [5, 6, 7, 8]) {
    for (const kernelSize of [1, 3, 5, 7]) {
      const input = tf.input({ shape: [side, side + 1, 1] });
      const model = tf.model({
        inputs: input,
        outputs: conv2d(input, { filters: 1, kernelSize, stride: 2, name: `conv_${side}_${kernelSize}` }),
      });
      tf.tidy(() => {
        model.setWeights([tf.randomNormal([kernelSize, kernelSize, 1, 1], 0, 1, 'float32', 1), tf.ones([1])]);
        const x = tf.randomNormal([1, side, side + 1, 1], 0, 1, 'float32', 2) as tf.Tensor4D;
        const half = (kernelSize - 1) / 2;
        const padded = x.pad([
          [0, 0],
          [half, half],
          [half, half],
          [0, 0],
        ]) as tf.Tensor4D;
        const expected = tf.conv2d(padded, model.getWeights()[0] as tf.Tensor4D, 2, 'valid').add(1);
        const actual = model.predict(x) as tf.Tensor;
        assert.deepEqual(actual.shape, expected.shape);
        assertClose(actual.dataSync(), expected.dataSync(), `side ${side}, kernel ${kernelSize}`);
      });
      model.dispose();
    }
  }
});
