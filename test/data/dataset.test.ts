import 'lookbehind/compile';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { Dataset } from 'lookbehind/data';
import { OptionError } from 'lookbehind/errors';

/**
 * `n` samples of shape [2, 2, 1] with the values 4 i, ..., 4 i + 3 modulo 256, of `classes` classes in turn.
 */
function numbered(n: number, classes = 3, scale = 1): Dataset {
  return new Dataset({
    name: 'numbered',
    split: 'all',
    inputs: Uint8Array.from({ length: 4 * n }, (_, i) => i % 256),
    labels: Array.from({ length: n }, (_, i) => i % classes),
    inputShape: [2, 2, 1],
    classes: Array.from({ length: classes }, (_, c) => `class ${c}`),
    scale,
  });
}

const sorted = (indices: Iterable<number>): number[] => [...indices].sort((a, b) => a - b);
const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

test('tensors have the chosen samples in order, in float32 and int32', () => {
  const data = numbered(5, 3, 0.5);
  const before = tf.memory().numTensors;
  const { xs, ys } = data.tensors([3, 0, 3]);
  assert.deepEqual([xs.shape, xs.dtype, ys.shape, ys.dtype], [[3, 2, 2, 1], 'float32', [3], 'int32']);
  assert.deepEqual([...xs.dataSync()], [6, 6.5, 7, 7.5, 0, 0.5, 1, 1.5, 6, 6.5, 7, 7.5]);
  assert.deepEqual([...ys.dataSync()], [0, 0, 0]);
  const all = data.tensors();
  assert.deepEqual(all.xs.shape, [5, 2, 2, 1]);
  all.ys.dataSync().fill(9);
  assert.deepEqual([...data.labels], [0, 1, 2, 0, 1], 'tensors must not share the labels');
  tf.dispose([xs, ys, all.xs, all.ys]);
  assert.equal(tf.memory().numTensors, before);
});

test('wrong indices and fields that do not fit are refused', () => {
  const data = numbered(5);
  for (const index of [-1, 5, 1.5, Number.NaN]) {
    assert.throws(() => data.tensors([0, index]), OptionError);
    assert.throws(() => data.subset([0, index]), OptionError);
  }
  const { name, split, inputShape, classes } = data;
  const fields = { name, split, inputShape, classes, inputs: new Float32Array(8), labels: [0, 1] };
  assert.equal(new Dataset(fields).size, 2);
  assert.throws(
    () => new Dataset({ ...fields, labels: [0] }),
    /inputs must be labels.length times inputShape, 4 numbers, got "8 numbers"/,
  );
  assert.throws(
    () => new Dataset({ ...fields, labels: [0, 3] }),
    /labels must be a whole number >= 0 and <= 2, got 3\. It is number 1 of 0 to 1\.$/,
  );
  assert.throws(() => new Dataset({ ...fields, labels: [0, 0.5] }), OptionError);
  assert.throws(() => new Dataset({ ...fields, statistics: { mean: [0], std: [0] } }), /statistics.std/);
  assert.throws(
    () => new Dataset({ ...fields, statistics: { mean: [0, 1], std: [1, 1] } }),
    /statistics.mean/,
  );
});

test('batches of any size are a partition of the samples', () => {
  fc.assert(
    fc.property(
      fc.nat(60),
      fc.integer({ min: 1, max: 70 }),
      fc.integer(),
      fc.nat(5),
      fc.boolean(),
      (size, batchSize, seed, epoch, shuffle) => {
        const data = numbered(size);
        const batches = data.batches({ batchSize, seed, epoch, shuffle });
        assert.deepEqual(sorted(batches.flatMap((batch) => [...batch])), upTo(size));
        assert.ok(
          batches.every(
            (batch, i) => batch.length === batchSize || (i === batches.length - 1 && batch.length > 0),
          ),
        );
        const whole = data.batches({ batchSize, seed, epoch, shuffle, dropLast: true });
        assert.deepEqual(whole, batches.slice(0, Math.floor(size / batchSize)));
      },
    ),
    { numRuns: 60 },
  );
});

test('the order depends on seed and epoch, and on nothing else', () => {
  const order = (seed: number, epoch: number, batchSize = 7): string =>
    numbered(50)
      .batches({ batchSize, seed, epoch })
      .flatMap((batch) => [...batch])
      .join();
  assert.equal(order(1, 2), order(1, 2, 50));
  assert.equal(new Set([order(1, 2), order(1, 3), order(2, 2), order(2, 3)]).size, 4);
  assert.deepEqual(numbered(3).batches({ batchSize: 5, shuffle: false }), [Int32Array.of(0, 1, 2)]);
  assert.throws(() => numbered(3).batches({ batchSize: 0 }), /batchSize must be a whole number >= 1/);
  assert.throws(() => numbered(3).batches({ batchSize: 1, epoch: -1 }), /epoch/);
  assert.throws(() => numbered(3).batches({ batchSize: 1, drop: true } as never), /option "drop"/);
});

test('parts are disjoint, complete, of the asked sizes, and stratified where asked', () => {
  const share = fc.integer({ min: 1, max: 9 });
  fc.assert(
    fc.property(
      fc.nat(63),
      fc.tuple(share, share, share),
      fc.integer(),
      fc.boolean(),
      (size, shares, seed, stratified) => {
        const data = numbered(size, 2);
        const total = shares[0] + shares[1] + shares[2];
        const fractions = { a: shares[0] / total, b: shares[1] / total, c: shares[2] / total };
        const parts = data.partition({ fractions, seed, stratified });
        const first = (part: Dataset): number[] =>
          Array.from({ length: part.size }, (_, i) => part.inputs[4 * i] / 4);
        assert.deepEqual(sorted(Object.values(parts).flatMap(first)), upTo(size));
        for (const [name, part] of Object.entries(parts)) {
          assert.equal(part.split, name);
          const exact = fractions[name as 'a'] * size;
          assert.ok(Math.abs(part.size - exact) < 1, `${part.size} for ${exact}`);
          if (stratified) {
            const classShare = data.classCounts.map((count) => count * fractions[name as 'a']);
            part.classCounts.forEach((count, c) => {
              assert.ok(Math.abs(count - classShare[c]) <= 2, `${count} for ${classShare[c]}`);
            });
          }
        }
      },
    ),
    { numRuns: 100 },
  );
  assert.throws(() => numbered(4).partition({ fractions: { a: 0.5, b: 0.4 } }), /add up to 0.9/);
});

test('a subset keeps order and values of chosen indices, and a seeded choice is stratified where asked', () => {
  const data = numbered(60, 3, 0.25);
  const chosen = data.subset([5, 1]);
  assert.ok(chosen.inputs instanceof Uint8Array);
  assert.deepEqual([...chosen.inputs], [20, 21, 22, 23, 4, 5, 6, 7]);
  assert.deepEqual([...chosen.labels], [2, 1]);
  assert.equal(chosen.scale, 0.25);
  const seeded = data.subset(30, { seed: 4, stratified: true });
  assert.deepEqual(seeded.classCounts, [10, 10, 10]);
  assert.deepEqual(seeded.inputs, data.subset(30, { seed: 4, stratified: true }).inputs);
  assert.notDeepEqual(seeded.inputs, data.subset(30, { seed: 5, stratified: true }).inputs);
  assert.equal(data.subset(0).size, 0);
  assert.throws(() => data.subset(61), OptionError);
});

test('samples that are changed as they are read are those of a set that stores them changed', () => {
  const less = (stored: Float32Array | Uint8Array) => stored.map((value) => 255 - value);
  const turned = (stored: Float32Array | Uint8Array) => stored.slice().reverse();
  const data = numbered(30, 3, 0.25);
  const read = data.changed(less);
  const stored = data.with({ inputs: less(data.inputs) });
  const both = (look: (set: Dataset) => unknown) => assert.deepEqual(look(read), look(stored));
  both((set) => set.inputs);
  both((set) => set.values());
  both((set) => set.values([7, 2]));
  both((set) => set.values([7, 8, 9]));
  both((set) => set.stored([4]));
  both((set) => set.subset([7, 2]).inputs);
  both((set) => set.subset([7, 8]).subset([1]).inputs);
  both((set) => set.partition({ fractions: { a: 0.4, b: 0.6 }, seed: 1 }).b.inputs);
  both((set) => set.measure());
  both((set) => set.standardized().flattened().values([3]));
  both((set) => set.map((values) => values.map((value) => value + 1)).values());
  both((set) => set.with({ inputs: set.inputs }).inputs);
  const one = data.subset([6]);
  assert.deepEqual(one.changed(less).changed(turned).inputs, turned(less(one.inputs)));
});

test('standardized values have mean 0 and standard deviation 1 per channel, and record what was done', () => {
  const data = new Dataset({
    name: 'colors',
    split: 'train',
    inputs: Uint8Array.of(0, 10, 20, 30, 10, 60, 250, 0, 30, 4, 5, 6),
    labels: [0, 0],
    inputShape: [1, 2, 3],
    classes: ['one'],
    scale: 1 / 255,
  });
  const view = data.standardized();
  assert.equal(view.inputs, data.inputs, 'shares the storage');
  const values = view.values();
  for (let channel = 0; channel < 3; channel++) {
    const own = values.filter((_, i) => i % 3 === channel);
    const mean = own.reduce((a, b) => a + b) / own.length;
    const variance = own.reduce((sum, v) => sum + (v - mean) ** 2, 0) / own.length;
    assert.ok(Math.abs(mean) < 1e-6 && Math.abs(variance - 1) < 1e-6);
    const { mean: means, std } = view.statistics!;
    assert.ok(Math.abs(own[1] * std[channel] + means[channel] - data.inputs[3 + channel] / 255) < 1e-6);
  }
  const other = data.subset([1]).standardized(data.measure());
  assert.deepEqual(other.values(), values.subarray(6));
});

test('map, meanPooled and reshaped change values and shapes', () => {
  const data = numbered(3, 3, 0.5);
  assert.deepEqual([...data.meanPooled().values()], [0.75, 2.75, 4.75]);
  assert.deepEqual(data.meanPooled().inputShape, [1, 1, 1]);
  assert.deepEqual(data.flattened().inputShape, [4]);
  assert.throws(() => data.flattened().meanPooled(), OptionError);
  assert.throws(() => data.meanPooled(3), OptionError);
  assert.throws(() => data.reshaped([5]), OptionError);
  const last = data.map((values, i) => [values[3] + i], [1]);
  assert.deepEqual([...last.values()], [1.5, 4.5, 7.5]);
  assert.throws(() => data.map((values) => values, [1]), /4 values for sample 0/);

  const image = new Dataset({
    name: 'image',
    split: 'all',
    inputs: Float32Array.from({ length: 4 * 6 * 2 }, (_, i) => i),
    labels: [0],
    inputShape: [4, 6, 2],
    classes: ['one'],
  });
  const pooled = tf.tidy(() => tf.avgPool(image.tensors().xs as tf.Tensor4D, 2, 2, 'valid'));
  assert.deepEqual(image.meanPooled().values(), pooled.dataSync());
  pooled.dispose();
});

test('wrong labels: the share that was asked for, of other classes, the same for a seed, and more with a larger share', () => {
  const data = numbered(1000, 4);
  const wrong = (set: Dataset): number[] => upTo(1000).filter((i) => set.labels[i] !== data.labels[i]);
  const [few, many] = [data.mislabeled(0.2, 7), data.mislabeled(0.5, 7)];
  assert.deepEqual([wrong(few).length, wrong(many).length], [200, 500]);
  assert.deepEqual(few.labels, data.mislabeled(0.2, 7).labels);
  assert.notDeepEqual(few.labels, data.mislabeled(0.2, 8).labels);
  for (const i of wrong(few)) assert.equal(few.labels[i], many.labels[i]);
  // All three other classes about equally often: 500 / 3 each, with a standard deviation of 10.5.
  for (const shift of [1, 2, 3]) {
    const count = wrong(many).filter((i) => (many.labels[i]! - data.labels[i]! + 4) % 4 === shift).length;
    assert.ok(Math.abs(count - 500 / 3) < 45, `${count}`);
  }
  assert.deepEqual(data.mislabeled(0).labels, data.labels);
  assert.equal(few.inputs, data.inputs);
  for (const share of [-0.1, 1.1, Number.NaN]) assert.throws(() => data.mislabeled(share), OptionError);
});
