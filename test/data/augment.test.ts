import 'lookbehind/compile';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { cropAndFlip, Dataset } from 'lookbehind/data';
import { OptionError } from 'lookbehind/errors';
import { Random } from 'lookbehind/extend';

/** Images of 6 x 5 pixels and 2 channels, no stored value 0. */
const images = new Dataset({
  name: 'images',
  split: 'train',
  inputs: Uint8Array.from({ length: 4 * 60 }, (_, i) => 1 + (i % 255)),
  labels: [0, 1, 1, 0],
  inputShape: [6, 5, 2],
  classes: ['a', 'b'],
  scale: 1 / 255,
});

function augmented(data: Dataset, indices: number[], seed: number, options = {}): Float32Array {
  const { xs, ys } = cropAndFlip(options)(data, indices, new Random(seed));
  assert.deepEqual(xs.shape, [indices.length, ...data.inputShape]);
  assert.deepEqual(
    [...ys.dataSync()],
    indices.map((i) => data.labels[i]),
  );
  const values = xs.dataSync() as Float32Array;
  tf.dispose([xs, ys]);
  return values;
}

test('each augmented image is one of the shifts and mirrors that tf.js makes of it', () => {
  const padding = 2;
  const before = tf.memory().numTensors;
  const possible = new Map<string, string>();
  tf.tidy(() => {
    const padded = images.tensors([2]).xs.pad([
      [0, 0],
      [padding, padding],
      [padding, padding],
      [0, 0],
    ]);
    for (let y = 0; y <= 2 * padding; y++) {
      for (let x = 0; x <= 2 * padding; x++) {
        const crop = padded.slice([0, y, x, 0], [1, 6, 5, 2]);
        possible.set(crop.dataSync().join(), `${y},${x}`);
        possible.set(crop.reverse(2).dataSync().join(), `${y},${x} mirrored`);
      }
    }
  });
  assert.equal(possible.size, 50);
  const seen = new Set<string>();
  for (let seed = 0; seed < 200; seed++) {
    const outcome = possible.get(augmented(images, [2], seed, { padding }).join());
    assert.ok(outcome !== undefined, `seed ${seed}`);
    seen.add(outcome);
  }
  // 200 draws of 50 outcomes see 49 of them on average.
  assert.ok(seen.size > 44, String(seen.size));
  assert.equal(tf.memory().numTensors, before);
});

test('the border is black before standardization', () => {
  const standardized = images.standardized({ mean: [0.5, 0.25], std: [0.5, 0.125] });
  for (let seed = 0; seed < 10; seed++) {
    const plain = augmented(images, [0, 1, 3], seed);
    const expected = plain.map((v, i) => (i % 2 === 0 ? (v - 0.5) / 0.5 : (v - 0.25) / 0.125));
    augmented(standardized, [0, 1, 3], seed).forEach((value, i) => {
      assert.ok(Math.abs(value - expected[i]) < 1e-5);
    });
  }
});

test('the draws are seeded, and there are none with padding 0 and no flip', () => {
  assert.deepEqual(augmented(images, [0, 1], 3), augmented(images, [0, 1], 3));
  assert.notDeepEqual(augmented(images, [0, 1], 3), augmented(images, [0, 1], 4));
  assert.deepEqual(augmented(images, [3, 1], 0, { padding: 0, flip: false }), images.values([3, 1]));
  assert.throws(() => cropAndFlip({ padding: -1 }), OptionError);
  assert.throws(() => cropAndFlip()(images.flattened(), [0], new Random(0)), OptionError);
});
