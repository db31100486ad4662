/** Sizes of the published networks, and the training of a ViT with each optimizer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  adamw,
  asam,
  compile,
  crossEntropy,
  lookahead,
  lookbehindASAM,
  lookbehindSAM,
  models,
  multistepASAM,
  multistepSAM,
  sam,
  sgd,
  tf,
} from 'lookbehind';

/** Number of trainable weights. */
function parameters(model: tf.LayersModel): number {
  return model.trainableWeights.reduce((total, { shape }) => total + (shape as number[]).reduce((a, b) => a * b, 1), 0);
}

test('Wide ResNets have the published numbers of parameters', () => {
  // The paper's table 5 has 36.5 M for WRN-28-10 and table 1 .6 M for WRN-40-1, both for 10 classes; 1.47 M for WRN-28-2 is from Oliver
  // et al. 2018, arXiv:1804.09170. To the digit they follow from the layers: n blocks in three stages from 16 to 64 w filters.
  const published: [depth: number, widen: number, millions: number, digits: number][] = [
    [28, 10, 36.5, 1],
    [28, 2, 1.47, 2],
    [40, 1, 0.6, 1],
    [16, 8, 11, 0],
  ];
  for (const [depth, widen, millions, digits] of published) {
    const before = tf.memory().numTensors;
    const model = models.wideResNet({ depth, widen, classes: 10 });
    const count = parameters(model);
    assert.equal((count / 1e6).toFixed(digits), millions.toFixed(digits));
    const n = (depth - 4) / 6;
    let expected = 9 * 3 * 16;
    let filters = 16;
    for (const outputs of [16 * widen, 32 * widen, 64 * widen]) {
      const shortcut = filters === outputs ? 0 : filters * outputs;
      expected += 2 * filters + 9 * filters * outputs + shortcut + 2 * outputs + 9 * outputs ** 2;
      expected += (n - 1) * (4 * outputs + 18 * outputs ** 2);
      filters = outputs;
    }
    expected += 2 * filters + 10 * filters + 10;
    assert.equal(count, expected);
    assert.equal(model.layers.filter(({ name }) => /\/(conv\d|fc)$/.test(name)).length, depth - 3 + 1);
    model.dispose();
    assert.equal(tf.memory().numTensors, before);
  }
});

test('ViTs have the published numbers of parameters', () => {
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

test('a ViT trains through model.compile and model.fit with every optimizer of the family', async () => {
  const xs = tf.randomNormal([6, 8, 8, 3], 0, 1, 'float32', 1);
  const labels = tf.oneHot(tf.tensor1d([0, 1, 2, 3, 0, 1], 'int32'), 4);
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
    const model = models.vit({ inputs: [8, 8, 3], width: 12, depth: 1, heads: 3, classes: 4, name: `fit-${name}` });
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
  tf.dispose([xs, labels]);
});

test('a compiled Lookbehind step of a ViT is the eager one, and tensors stay flat', () => {
  const xs = tf.randomNormal([6, 8, 8, 3], 0, 1, 'float32', 1);
  const ys = tf.tensor1d([0, 1, 2, 3, 0, 1], 'int32');
  const run = (eager: boolean): number[][] => {
    const before = tf.memory().numTensors;
    const model = models.vit({ inputs: [8, 8, 3], width: 12, depth: 2, heads: 3, classes: 4, name: `compiled-${eager}` });
    const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
    const optimizer = lookbehindSAM({ learningRate: 0.1, momentum: 0.9, k: 2, alpha: 0.5, rho: 0.05 });
    const step = compile(
      (x: tf.Tensor, y: tf.Tensor) =>
        optimizer.step(() => crossEntropy(y, model.apply(x, { training: true }) as tf.Tensor), variables).loss,
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
