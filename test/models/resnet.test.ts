import 'lookbehind/compile';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import * as models from 'lookbehind/models';

/**
 * Trainable weights for 10 classes. 18, 34, 50: as counted for https://github.com/kuangliu/pytorch-cifar. 20,
 * 32, 56: the .27, .46 and .85 million of the ResNet paper, whose shortcuts have no weights (269,722,
 * 464,154, 853,018), and 2,752 for the two projections with their BatchNorm.
 */
const PARAMETERS: [models.ResNetDepth, number][] = [
  [18, 11_173_962],
  [20, 269_722 + 2_752],
  [32, 464_154 + 2_752],
  [34, 21_282_122],
  [50, 23_520_842],
  [56, 853_018 + 2_752],
];

test('parameter counts are the published ones', () => {
  for (const [depth, expected] of PARAMETERS) {
    const before = tf.memory().numTensors;
    const model = models.resNet({ depth, classes: 10 });
    const count = model.trainableWeights.reduce(
      (total, { shape }) => total + (shape as number[]).reduce((a, b) => a * b, 1),
      0,
    );
    assert.equal(count, expected, `ResNet-${depth}`);
    // Convolutions of the main path and the last layer give the network its name.
    const layers = model.layers.filter(({ name }) => /\/conv\d$|linear$/.test(name)).length;
    assert.equal(layers, depth);
    model.dispose();
    assert.equal(tf.memory().numTensors, before);
  }
});

test('stages halve the image and double the width', () => {
  const model = models.resNet({ depth: 50, classes: 7, width: 2, inputs: [16, 16, 3], name: 'small' });
  const shapes = [1, 2, 3, 4].map((stage) => {
    const [, ...shape] = model.getLayer(`small/layer${stage}/0/relu3`).outputShape as number[];
    return shape;
  });
  assert.deepEqual(shapes, [
    [16, 16, 8],
    [8, 8, 16],
    [4, 4, 32],
    [2, 2, 64],
  ]);
  tf.tidy(() => {
    const x = tf.randomNormal([2, 16, 16, 3], 0, 1, 'float32', 3);
    assert.deepEqual((model.predict(x) as tf.Tensor).shape, [2, 7]);
  });
  model.dispose();
});
