import 'lookbehind/compile';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { digits } from 'lookbehind/data';
import { OptionError } from 'lookbehind/errors';
import * as models from 'lookbehind/models';

/** SHA-256 of all weights in order. */
function fingerprint(model: tf.LayersModel): string {
  const hash = createHash('sha256');
  for (const weight of model.getWeights()) hash.update(weight.dataSync());
  return hash.digest('hex');
}

/** Number of trainable weights. */
function parameters(model: tf.LayersModel): number {
  return model.trainableWeights.reduce(
    (total, { shape }) => total + (shape as number[]).reduce((a, b) => a * b, 1),
    0,
  );
}

/** Builds a model, hands it to `use`, disposes it, and holds the number of tensors flat. */
function withModel<T>(build: () => tf.LayersModel, use: (model: tf.LayersModel) => T): T {
  const before = tf.memory().numTensors;
  const model = build();
  try {
    return use(model);
  } finally {
    model.dispose();
    assert.equal(tf.memory().numTensors, before);
  }
}

test('the MLP takes vectors and images, puts out logits, and names its variables after model and layer', () => {
  withModel(
    () => models.mlp({ inputs: 40, hidden: [100, 90], classes: 10, name: 'named' }),
    (model) => {
      assert.equal(parameters(model), 40 * 100 + 100 + 100 * 90 + 90 + 90 * 10 + 10);
      assert.deepEqual(model.inputs[0].shape, [null, 40]);
      assert.deepEqual(model.outputs[0].shape, [null, 10]);
      assert.deepEqual(
        model.weights.map(({ name }) => name),
        ['dense1', 'dense2', 'logits'].flatMap((layer) => [`named/${layer}/kernel`, `named/${layer}/bias`]),
      );
    },
  );
  const { train } = digits();
  withModel(
    () =>
      models.mlp({
        inputs: train.inputShape,
        hidden: [8],
        classes: 10,
        batchNorm: true,
        dropout: 0.5,
        activation: 'tanh',
      }),
    (model) => {
      assert.deepEqual(
        model.layers.map((layer) => layer.name.split('/')[1]),
        ['input', 'flatten', 'dense1', 'norm1', 'activation1', 'dropout1', 'logits'],
      );
      tf.tidy(() => {
        const { xs } = train.tensors([0, 1, 2]);
        const logits = model.predict(xs) as tf.Tensor;
        assert.deepEqual(logits.shape, [3, 10]);
        assert.ok(Math.abs(logits.sum(1).dataSync()[0] - 1) > 1e-3, 'logits, not probabilities');
      });
    },
  );
});

test('the MLP computes what its layers say', () => {
  withModel(
    () => models.mlp({ inputs: 3, hidden: [4, 2], classes: 2, activation: ['tanh', 'relu'], seed: 9 }),
    (model) => {
      const [k1, b1, k2, b2, k3, b3] = model.getWeights().map((weight) => weight.arraySync() as never);
      const dense = (x: number[], kernel: number[][], bias: number[]): number[] =>
        bias.map((b, unit) => x.reduce((sum, value, i) => sum + value * kernel[i][unit], b));
      const x = [0.3, -1.2, 2];
      const hidden1 = dense(x, k1, b1).map(Math.tanh);
      const hidden2 = dense(hidden1, k2, b2).map((v) => Math.max(0, v));
      const expected = dense(hidden2, k3, b3);
      const logits = tf.tidy(() => (model.predict(tf.tensor2d([x])) as tf.Tensor).dataSync());
      expected.forEach((value, i) => {
        assert.ok(Math.abs(logits[i] - value) < 1e-6);
      });
    },
  );
});

test('the ConvNet takes images and signals, with each option', () => {
  const cases: [models.ConvNetOptions, number][] = [
    [{ inputs: [28, 28, 1], classes: 10 }, 9 * 16 + 16 + 9 * 16 * 32 + 32 + 7 * 7 * 32 * 10 + 10],
    [
      { inputs: [28, 28, 1], classes: 10, batchNorm: true },
      9 * 16 + 32 + 9 * 16 * 32 + 64 + 7 * 7 * 32 * 10 + 10,
    ],
    [
      { inputs: [40], classes: 10, filters: [25, 25], kernelSize: 5 },
      5 * 25 + 25 + 5 * 25 * 25 + 25 + 10 * 25 * 10 + 10,
    ],
    [
      { inputs: [40, 2], classes: 3, filters: [4], pooling: 'average', globalPooling: true, batchNorm: true },
      24 + 8 + 12 + 3,
    ],
    [
      {
        inputs: [8, 8, 2],
        classes: 3,
        filters: [4],
        pooling: 'average',
        globalPooling: true,
        activation: 'tanh',
      },
      72 + 4 + 12 + 3,
    ],
    [
      { inputs: [6, 6, 1], classes: 2, filters: [3], pooling: 'none', hidden: [5], dropout: 0.2 },
      27 + 3 + 36 * 3 * 5 + 5 + 12,
    ],
  ];
  for (const [options, expected] of cases) {
    withModel(
      () => models.convNet(options),
      (model) => {
        assert.equal(parameters(model), expected, JSON.stringify(options));
        tf.tidy(() => {
          const x = tf.randomNormal([4, ...options.inputs], 0, 1, 'float32', 1);
          assert.deepEqual((model.predict(x) as tf.Tensor).shape, [4, options.classes]);
          assert.deepEqual((model.apply(x, { training: true }) as tf.Tensor).shape, [4, options.classes]);
        });
      },
    );
  }
});

test('models of one seed are identical, whatever their name, and in every process', () => {
  const build = (seed: number, name?: string): string =>
    withModel(() => models.convNet({ inputs: [8, 8, 1], classes: 4, hidden: [6], seed, name }), fingerprint);
  assert.equal(build(3), build(3, 'other'));
  assert.notEqual(build(3), build(4));
  const script = `
    const { createHash } = require('node:crypto');
    const models = require(${JSON.stringify(require.resolve('lookbehind/models'))});
    models.mlp({ inputs: 2, hidden: [1], classes: 2 });
    const hash = createHash('sha256');
    const model = models.convNet({ inputs: [8, 8, 1], classes: 4, hidden: [6], seed: 3 });
    for (const weight of model.getWeights()) hash.update(weight.dataSync());
    console.log(hash.digest('hex'));`;
  assert.equal(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' }).trim(), build(3));
});

test('a model survives saving and loading', async () => {
  const model = models.convNet({
    inputs: [8, 8, 1],
    classes: 4,
    batchNorm: true,
    dropout: 0.1,
    name: 'saved',
  });
  let saved: tf.io.ModelArtifacts | undefined;
  await model.save(
    tf.io.withSaveHandler(async (artifacts) => {
      saved = artifacts;
      return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } };
    }),
  );
  const loaded = await tf.loadLayersModel(tf.io.fromMemory(saved!));
  assert.equal(fingerprint(loaded), fingerprint(model));
  tf.tidy(() => {
    const x = tf.randomNormal([2, 8, 8, 1], 0, 1, 'float32', 1);
    assert.deepEqual((loaded.predict(x) as tf.Tensor).dataSync(), (model.predict(x) as tf.Tensor).dataSync());
  });
  loaded.dispose();
  model.dispose();
});

test('initial weights have the distribution of their initializer', () => {
  const moments = (values: ArrayLike<number>): { mean: number; std: number; max: number } => {
    const list = Array.from(values);
    const mean = list.reduce((a, b) => a + b) / list.length;
    return {
      mean,
      std: Math.sqrt(list.reduce((sum, v) => sum + (v - mean) ** 2, 0) / list.length),
      max: Math.max(...list.map(Math.abs)),
    };
  };
  const draw = (initializer: models.Initializer): { kernel: Float32Array; bias: Float32Array } =>
    withModel(
      () => models.convNet({ inputs: [4, 4, 30], filters: [100], kernelSize: 3, classes: 2, initializer }),
      (model) => {
        const [kernel, bias] = model.getWeights();
        return { kernel: kernel.dataSync() as Float32Array, bias: bias.dataSync() as Float32Array };
      },
    );
  const fanIn = 3 * 3 * 30;
  const pytorch = draw('pytorch');
  const bound = 1 / Math.sqrt(fanIn);
  for (const values of [pytorch.kernel, pytorch.bias]) {
    const { mean, std, max } = moments(values);
    assert.ok(max <= bound && max > 0.95 * bound);
    assert.ok(
      Math.abs(mean) < (4 * bound) / Math.sqrt(3 * values.length) &&
        Math.abs(std / bound - 1 / Math.sqrt(3)) < 0.08,
    );
  }
  const he = draw('he');
  const { mean, std, max } = moments(he.kernel);
  const expected = Math.sqrt(2 / fanIn);
  assert.ok(Math.abs(mean) < 0.03 * expected && Math.abs(std / expected - 1) < 0.02 && max > 3.5 * expected);
  assert.ok(he.bias.every((v) => v === 0));
  assert.notDeepEqual(
    pytorch.kernel.slice(0, 100),
    pytorch.bias,
    'kernel and bias have streams of their own',
  );
});

test('wrong options are refused by name', () => {
  const mlp = { inputs: 2, hidden: [3], classes: 2 };
  const convNet = { inputs: [8, 8, 1], classes: 2 };
  const wrong: [() => tf.LayersModel, RegExp][] = [
    [() => models.mlp({ ...mlp, classes: 0 }), /classes must be a whole number >= 1, got 0/],
    [() => models.mlp({ ...mlp, hidden: [0] }), /hidden/],
    [() => models.mlp({ ...mlp, dropout: 1 }), /dropout/],
    [
      () => models.mlp({ ...mlp, activation: 'selu' as never }),
      /activation must be one of "relu", "tanh", or a list, got "selu"/,
    ],
    [() => models.mlp({ ...mlp, activation: ['relu', 'relu'] }), /activation/],
    [() => models.mlp({ ...mlp, initializer: 'zeros' as never }), /initializer/],
    [() => models.mlp({ ...mlp, seed: 0.5 }), /seed/],
    [() => models.mlp({ ...mlp, name: 'a b' }), /name/],
    [() => models.mlp({ ...mlp, units: 3 } as never), /option "units"/],
    [
      () => models.convNet({ ...convNet, kernelSize: 4 }),
      /kernelSize must be an odd whole number >= 1, got 4/,
    ],
    [() => models.convNet({ ...convNet, filters: [0] }), /filters/],
    [() => models.convNet({ ...convNet, pooling: 'min' as never }), /pooling/],
    [() => models.convNet({ ...convNet, inputs: [2, 2, 1] }), /inputs/],
    [
      () => models.resNet({ depth: 19 as never, classes: 2 }),
      /depth must be one of 18, 20, 32, 34, 50, 56, got 19/,
    ],
    [() => models.resNet({ depth: 20, classes: 2, width: 0 }), /width/],
    [() => models.resNet({ depth: 20, classes: 2, inputs: [32, 32] }), /inputs/],
  ];
  const before = tf.memory().numTensors;
  for (const [build, message] of wrong) {
    assert.throws(
      build,
      (error: Error) => error instanceof OptionError && message.test(error.message),
      String(message),
    );
  }
  assert.equal(tf.memory().numTensors, before, 'a refused model leaves nothing behind');
});
