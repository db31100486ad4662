import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import {
  adamw,
  asam,
  lookahead,
  lookbehindASAM,
  lookbehindSAM,
  multistepASAM,
  multistepSAM,
  sam,
  sgd,
} from 'lookbehind';
import { compile, crossEntropy } from 'lookbehind/compile';
import { OptionError } from 'lookbehind/errors';
import { isRescaled } from 'lookbehind/extend';
import * as models from 'lookbehind/models';

const SMALL: models.VitOptions = {
  inputs: [8, 8, 3],
  patchSize: 4,
  width: 12,
  depth: 2,
  heads: 3,
  classes: 4,
};

/** Images and classes. The caller disposes them. */
function batch(n = 6): { xs: tf.Tensor4D; ys: tf.Tensor1D } {
  return {
    xs: tf.randomNormal([n, 8, 8, 3], 0, 1, 'float32', 1),
    ys: tf.tensor1d(
      Array.from({ length: n }, (_, i) => i % 4),
      'int32',
    ),
  };
}

/** Number of trainable weights. */
function parameters(model: tf.LayersModel): number {
  return model.trainableWeights.reduce(
    (total, { shape }) => total + (shape as number[]).reduce((a, b) => a * b, 1),
    0,
  );
}

test('it has the published numbers of parameters', () => {
  // As counted by timm for vit_tiny_patch16_224 and vit_small_patch16_224; the paper has 86 M for ViT-B/16.
  const published: [models.VitOptions, number][] = [
    [{ width: 192, heads: 3, classes: 1000 }, 5_717_416],
    [{ width: 384, heads: 6, classes: 1000 }, 22_050_664],
  ];
  for (const [options, expected] of published) {
    const before = tf.memory().numTensors;
    const model = models.vit({ inputs: [224, 224, 3], patchSize: 16, ...options });
    assert.equal(parameters(model), expected);
    model.dispose();
    assert.equal(tf.memory().numTensors, before);
  }
});

test('it trains through model.compile and model.fit with every optimizer of the family', async () => {
  const { xs, ys } = batch();
  const labels = tf.oneHot(ys, 4);
  const common = { learningRate: 0.05, momentum: 0.9 };
  const optimizers = {
    sgd: () => sgd(common),
    adamw: () => adamw({ learningRate: 0.01 }),
    sam: () => sam({ ...common, rho: 0.05 }),
    asam: () => asam({ ...common, rho: 0.5 }),
    multistepSAM: () => multistepSAM({ ...common, k: 2, rho: 0.05 }),
    multistepASAM: () => multistepASAM({ ...common, k: 2, rho: 0.5 }),
    lookahead: () => lookahead(sgd(common), { k: 2, alpha: 0.8 }),
    lookbehindSAM: () => lookbehindSAM({ ...common, k: 2, alpha: 0.8, rho: 0.05 }),
    lookbehindASAM: () => lookbehindASAM({ ...common, k: 2, alpha: 'adaptive', rho: 0.5 }),
  };
  for (const [name, make] of Object.entries(optimizers)) {
    const model = models.vit({ ...SMALL, depth: 1, name: `fit-${name}` });
    const before = model.getWeights().map((weight) => weight.dataSync().slice());
    const optimizer = make();
    const compiled = tf.sequential({ layers: [model as unknown as tf.layers.Layer, tf.layers.softmax()] });
    compiled.compile({ optimizer, loss: 'categoricalCrossentropy', metrics: ['accuracy'] });
    const { history } = await compiled.fit(xs, labels, { epochs: 8, batchSize: 6, verbose: 0 });
    const losses = history.loss as number[];
    assert.ok(losses[7] < losses[0], `${name}: ${losses}`);
    model.getWeights().forEach((weight, i) => {
      assert.ok(
        weight.dataSync().some((value, j) => value !== before[i][j]),
        `${name}: weight ${i} did not move`,
      );
    });
    optimizer.dispose();
    compiled.dispose();
  }
  tf.dispose([xs, ys, labels]);
});

test('a compiled Lookbehind step is the eager one, and tensors stay flat', () => {
  const { xs, ys } = batch();
  const run = (eager: boolean): number[][] => {
    const before = tf.memory().numTensors;
    const model = models.vit({ ...SMALL, name: `compiled-${eager}` });
    const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
    const optimizer = lookbehindSAM({ learningRate: 0.1, momentum: 0.9, k: 2, alpha: 0.5, rho: 0.05 });
    const step = compile(
      (x: tf.Tensor, y: tf.Tensor) =>
        optimizer.step(() => crossEntropy(y, model.apply(x, { training: true }) as tf.Tensor), variables)
          .loss,
      { eager },
    );
    for (let i = 0; i < 4; i++) step(xs, ys).dispose();
    const weights = variables.map((variable) => [...variable.dataSync()]);
    step.dispose();
    optimizer.dispose();
    model.dispose();
    assert.equal(tf.memory().numTensors, before);
    return weights;
  };
  const [eager, compiled] = [run(true), run(false)];
  eager.forEach((weight, i) => {
    weight.forEach((value, j) => {
      assert.ok(Math.abs(value - compiled[i][j]) < 1e-5, `weight ${i}: ${value} and ${compiled[i][j]}`);
    });
  });
  tf.dispose([xs, ys]);
});

test('gradients can be differentiated again: layer norm, softmax and gelu, eagerly and compiled', () => {
  const model = models.vit({ ...SMALL, depth: 1, name: 'twice', seed: 3 });
  const { xs, ys } = batch(4);
  const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
  tf.tidy(() => {
    // Larger weights than the initial ones, so that softmax and gelu are not nearly linear.
    for (const [i, variable] of variables.entries())
      variable.assign(variable.add(tf.randomNormal(variable.shape, 0, 0.4, 'float32', 1 + i)));
  });
  const start = variables.map((variable) => variable.clone());
  const direction = start.map(({ shape }, i) => tf.randomNormal(shape, 0, 1, 'float32', 100 + i));
  const loss = (): tf.Scalar => crossEntropy(ys, model.apply(xs, { training: true }) as tf.Tensor);
  const gradients = (): tf.Tensor[] => {
    const { value, grads } = tf.variableGrads(loss, variables);
    value.dispose();
    return variables.map(({ name }) => grads[name]);
  };
  const product = (): tf.Tensor[] => {
    const { grads, value } = tf.variableGrads(
      () => tf.addN(gradients().map((g, i) => tf.sum(tf.mul(g, direction[i])))) as tf.Scalar,
      variables,
    );
    value.dispose();
    return variables.map(({ name }) => grads[name]);
  };
  const h = 2e-3;
  const shifted = (sign: number): Float32Array[] =>
    tf.tidy(() => {
      for (const [i, variable] of variables.entries())
        variable.assign(start[i].add(direction[i].mul(sign * h)));
      return gradients().map((g) => g.dataSync() as Float32Array);
    });
  const [plus, minus] = [shifted(1), shifted(-1)];
  for (const [i, variable] of variables.entries()) variable.assign(start[i]);
  const compiled = compile(product);
  const exact = [product(), compiled(), compiled()];
  for (const result of exact) {
    let [error, size] = [0, 0];
    result.forEach((tensor, i) => {
      tensor.dataSync().forEach((value, j) => {
        const numeric = (plus[i][j] - minus[i][j]) / (2 * h);
        error += (value - numeric) ** 2;
        size += numeric ** 2;
      });
    });
    assert.ok(Math.sqrt(error / size) < 5e-3, `off by ${Math.sqrt(error / size)}`);
  }
  compiled.dispose();
  tf.dispose([...exact.flat(), ...start, ...direction, xs, ys]);
  model.dispose();
});

test('it survives saving and loading', async () => {
  const model = models.vit({ ...SMALL, dropout: 0.1, name: 'saved-vit' });
  let saved: tf.io.ModelArtifacts | undefined;
  await model.save(
    tf.io.withSaveHandler(async (artifacts) => {
      saved = artifacts;
      return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } };
    }),
  );
  const artifacts = { ...saved!, modelTopology: JSON.parse(JSON.stringify(saved!.modelTopology)) };
  const loaded = await tf.loadLayersModel(tf.io.fromMemory(artifacts));
  const { xs, ys } = batch();
  tf.tidy(() => {
    assert.deepEqual(
      (loaded.predict(xs) as tf.Tensor).dataSync(),
      (model.predict(xs) as tf.Tensor).dataSync(),
    );
  });
  tf.dispose([xs, ys]);
  for (const each of [model, loaded]) each.dispose();
});

test('initial weights: small kernels and positions, zero biases and token, the same for the same seed', () => {
  const draw = (seed: number, name?: string): Record<string, Float32Array> => {
    const model = models.vit({ ...SMALL, width: 48, seed, name });
    const weights = Object.fromEntries(
      model.weights.map((weight) => [
        weight.originalName.replace(/^[^/]*\//, ''),
        weight.read().dataSync() as Float32Array,
      ]),
    );
    model.dispose();
    return weights;
  };
  const weights = draw(1);
  assert.deepEqual(draw(1, 'other'), weights);
  assert.notDeepEqual(draw(2)['head/kernel'], weights['head/kernel']);
  for (const [name, values] of Object.entries(weights)) {
    const std = Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0) / values.length);
    if (/patch_embed\/proj/.test(name)) assert.ok(Math.abs(std * Math.sqrt(3 * 48) - 1) < 0.25, name);
    else if (/kernel$|positions$/.test(name)) assert.ok(Math.abs(std / 0.02 - 1) < 0.25, `${name}: ${std}`);
    else assert.equal(std, /gamma$/.test(name) ? 1 : 0, name);
  }
});

test('ASAM rescales what PyTorch calls weight: kernels and gamma', () => {
  const model = models.vit({ ...SMALL, depth: 1, name: 'rescaled' });
  const rescaled = model.weights
    .filter((weight) => isRescaled(weight.read() as tf.Variable))
    .map(({ name }) => name);
  assert.ok(rescaled.every((name) => /\/(kernel|gamma)(_\d+)?$/.test(name)));
  const weights = [...models.stateDict(model).keys()].filter((name) => name.endsWith('.weight'));
  assert.equal(rescaled.length, weights.length);
  model.dispose();
});

test('wrong options are refused by name', () => {
  const before = tf.memory().numTensors;
  const wrong: [object, RegExp][] = [
    [{ patchSize: 3 }, /patchSize must be a divisor of height and width of the images, 8 and 8, got 3/],
    [{ heads: 5 }, /heads must be a divisor of the width, 12, got 5/],
    [{ depth: 0 }, /depth/],
    [{ mlpWidth: 0 }, /mlpWidth/],
    [{ dropout: -0.1 }, /dropout/],
    [{ inputs: [8] }, /inputs/],
    [{ initializer: 'he' }, /option "initializer"/],
  ];
  for (const [options, message] of wrong) {
    assert.throws(
      () => models.vit({ ...SMALL, ...options } as never),
      (error: Error) => error instanceof OptionError && message.test(error.message),
    );
  }
  assert.equal(tf.memory().numTensors, before);
});
