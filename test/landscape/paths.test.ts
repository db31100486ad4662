import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import * as tf from '@tensorflow/tfjs';
import { lookbehindSAM, sam } from 'lookbehind';
import { digits } from 'lookbehind/data';
import { OptionError } from 'lookbehind/errors';
import { Random } from 'lookbehind/extend';
import {
  axisAround,
  bezierPath,
  compareSurfaces,
  connectByBezier,
  flatWeights,
  linePath,
  lookbehindStepPlane,
  lossAlongDirections,
  lossAlongPath,
  lossSurface,
  Plane,
  projectStep,
  randomDirection,
  recordLookbehindStep,
  recordTrajectory,
  setFlatWeights,
  stepFacts,
  surfaceFromJson,
  surfaceToJson,
  surfaceToNpz,
} from 'lookbehind/landscape';
import * as models from 'lookbehind/models';
import { recomputeBatchNorm } from 'lookbehind/robustness';
import { Trainer } from 'lookbehind/train';
import { withLength } from '../../lib/dist/landscape/directions';
import { evaluateSync } from '../../lib/dist/training/evaluate';

const near = (a: number, b: number, tolerance: number): void =>
  assert.ok(Math.abs(a - b) <= tolerance, `${a} is not ${b}`);

const random = new Random(30);
const XS = tf.tensor(random.normals(24 * 4), [24, 4]);
const YS = tf.tensor1d(
  Int32Array.from({ length: 24 }, () => random.int(3)),
  'int32',
);
const DATA = { xs: XS, ys: YS };

/**
 * The loss (|w| - 1)^2 + v^2 over two weights: minima at w = 1 and w = -1, a barrier of 1 between them, none
 * around v = 0 off.
 */
function twoMinima(): {
  model: tf.LayersModel;
  data: typeof DATA;
  loss: (labels: tf.Tensor, outputs: tf.Tensor) => tf.Scalar;
} {
  const model = tf.sequential({ layers: [tf.layers.dense({ inputShape: [2], units: 1, useBias: false })] });
  // The outputs are w and v themselves.
  const data = {
    xs: tf.tensor2d([
      [1, 0],
      [0, 1],
    ]),
    ys: tf.tensor1d([0, 0], 'int32'),
  };
  const loss = (_: tf.Tensor, outputs: tf.Tensor): tf.Scalar =>
    tf.tidy(() => {
      const [w, v] = tf.unstack(tf.reshape(outputs, [2]));
      const radius = tf.add(tf.square(w), tf.square(v));
      return tf.square(tf.sub(radius, 1)) as tf.Scalar;
    });
  return { model, data, loss };
}

test('the barrier of the straight path, and a Bezier curve that goes around it', async () => {
  const { model, data, loss } = twoMinima();
  const from = Float32Array.of(1, 0);
  const to = Float32Array.of(-1, 0);
  const line = await lossAlongPath(model, data, linePath(from, to), { points: 11, loss });
  near(line.barrier, 1, 1e-6);
  near(line.barrierAt, 0.5, 1e-6);
  line.t.forEach((t, i) => {
    near(line.losses[i], ((1 - 2 * t) ** 2 - 1) ** 2, 1e-5);
  });
  const losses: number[] = [];
  const { path, middle } = await connectByBezier(model, data, from, to, {
    steps: 400,
    learningRate: 0.05,
    start: Float32Array.of(0, 0.3),
    loss,
    onStep: (_, value) => losses.push(value),
  });
  assert.equal(losses.length, 400);
  const curve = await lossAlongPath(model, data, path, { points: 21, loss });
  assert.ok(curve.barrier < 0.15, `${curve.barrier} ${middle}`);
  assert.deepEqual(path(0), from);
  near(path(1)[0], to[0], 1e-6);
  near(bezierPath(from, middle, to)(0.5)[1], middle[1] / 2, 1e-6);
  const again = await connectByBezier(model, data, from, to, {
    steps: 400,
    learningRate: 0.05,
    start: Float32Array.of(0, 0.3),
    loss,
  });
  assert.deepEqual(again.middle, middle);
  await assert.rejects(connectByBezier(model, data, from, Float32Array.of(1)), /to must be/);
  tf.dispose([data.xs, data.ys]);
  model.dispose();
});

test('BatchNorm statistics fit the weights at each point of the path', async () => {
  const options = { inputs: [4], hidden: [6], classes: 3, batchNorm: true };
  const one = models.mlp({ ...options, seed: 1, name: 'path-a' });
  const other = models.mlp({ ...options, seed: 2, name: 'path-b' });
  const before = one.getWeights().map((w) => w.dataSync());
  const tensors = tf.memory().numTensors;
  const path = linePath(flatWeights(one), flatWeights(other));
  const refit = await lossAlongPath(one, DATA, path, {
    points: 4,
    recomputeBatchNorm: { data: DATA, batchSize: 8 },
  });
  const stale = await lossAlongPath(one, DATA, path, { points: 4 });
  assert.equal(tf.memory().numTensors, tensors);
  assert.deepEqual(
    one.getWeights().map((w) => w.dataSync()),
    before,
  );
  for (const [i, t] of refit.t.entries()) {
    setFlatWeights(one, path(t));
    near(stale.losses[i], evaluateSync(one, DATA).loss, 1e-6);
    await recomputeBatchNorm(one, { data: DATA, batchSize: 8 });
    near(refit.losses[i], evaluateSync(one, DATA).loss, 1e-5);
    assert.notEqual(refit.losses[i], stale.losses[i]);
    tf.tidy(() =>
      one.setWeights(before.map((values, j) => tf.tensor(values, one.weights[j].shape as number[]))),
    );
  }
  one.dispose();
  other.dispose();
});

test('one step of Lookbehind, seen in its own plane', () => {
  const model = models.mlp({ inputs: [4], hidden: [6], classes: 3, batchNorm: true, seed: 3, name: 'step' });
  const optimizer = lookbehindSAM({ k: 3, alpha: 0.5, rho: 0.1, learningRate: 0.1, momentum: 0.9 });
  const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
  const loss = (): tf.Scalar =>
    tf.tidy(
      () =>
        tf.losses.softmaxCrossEntropy(
          tf.oneHot(YS, 3),
          model.apply(XS, { training: true }) as tf.Tensor,
        ) as tf.Scalar,
    );
  optimizer.minimize(loss, false, variables);
  const before = model.getWeights().map((w) => w.dataSync());
  const state = optimizer.saveState();
  const record = recordLookbehindStep(model, optimizer, DATA);
  assert.deepEqual(
    model.getWeights().map((w) => w.dataSync()),
    before,
  );
  assert.deepEqual(optimizer.saveState(), state);

  assert.deepEqual([record.perturbed.length, record.fast.length, record.gradients.length], [3, 3, 3]);
  const distance = (a: Float32Array, b: Float32Array): number =>
    Math.hypot(...a.map((value, i) => value - b[i]));
  near(distance(record.slow, record.perturbed[0]), 0.1, 1e-5);
  near(distance(record.perturbed[0], record.perturbed[1]), 0.1, 1e-5);
  record.newSlow.forEach((value, i) => {
    near(value, 0.5 * record.slow[i] + 0.5 * record.fast[2][i], 1e-6);
  });
  const { losses, cosines, lengths } = stepFacts(record);
  assert.deepEqual(losses, [record.loss, ...record.perturbedLosses]);
  record.gradients.forEach((gradient, i) => {
    near(lengths[i], Math.hypot(...gradient), 1e-5);
    const product = gradient.reduce((sum, value, j) => sum + value * record.gradients[0][j], 0);
    near(cosines[i], product / Math.hypot(...gradient) / Math.hypot(...record.gradients[0]), 1e-5);
  });
  const projected = projectStep(record);
  assert.deepEqual(projected.slow, [0, 0]);
  near(projected.perturbed[2][1], 0, 1e-5);
  near(projected.perturbed[2][0], distance(record.slow, record.perturbed[2]), 1e-5);
  near(
    projected.fast[2][0] ** 2 + projected.fast[2][1] ** 2,
    distance(record.slow, record.fast[2]) ** 2,
    1e-4,
  );
  near(projected.newSlow[0], projected.fast[2][0] / 2, 1e-5);
  near(projected.outside.perturbed[2], 0, 1e-3);
  assert.ok(projected.outside.fast[0] > 1e-4, `${projected.outside.fast}`);
  assert.ok(lookbehindStepPlane(record) instanceof Plane);
  // The step that is really taken ends where the record says.
  optimizer.minimize(loss, false, variables);
  near(distance(flatWeights(model), record.newSlow), 0, 1e-5);

  const single = sam({ rho: 0.1, learningRate: 0.1 });
  assert.equal(recordLookbehindStep(model, single, DATA).fast.length, 1);
  optimizer.dispose();
  single.dispose();
  model.dispose();
});

test('axes around some coordinates', () => {
  assert.deepEqual(axisAround([3, 1, 2], { room: 0.5, points: 9 }), { from: 0, to: 4, points: 9 });
  assert.deepEqual(axisAround([0, 10]), { from: -2, to: 12 });
  assert.throws(() => axisAround([1, 1]), /coordinates must be at least two different numbers/);
  assert.throws(() => axisAround([0, 1], { room: -1 }), /room must be/);
});

test('the loss along random directions is that of the weights there, the same directions for all models', async () => {
  const model = models.mlp({ inputs: [4], hidden: [6], classes: 3, seed: 3, name: 'lines' });
  const w = flatWeights(model);
  const tensors = tf.memory().numTensors;
  const filter = await lossAlongDirections(model, DATA, { count: 2, points: 3, seed: 7 });
  const plain = await lossAlongDirections(model, DATA, {
    count: 1,
    points: 3,
    seed: 8,
    normalization: 'none',
    length: 2,
  });
  assert.equal(tf.memory().numTensors, tensors);
  assert.deepEqual(flatWeights(model), w);
  assert.deepEqual(
    [filter.distances, plain.distances],
    [
      [0, 0.5, 1],
      [0, 1, 2],
    ],
  );
  const expected = (values: Float32Array, share: number): number => {
    setFlatWeights(
      model,
      w.map((value, i) => value + share * values[i]),
    );
    const { loss } = evaluateSync(model, DATA);
    setFlatWeights(model, w);
    return loss;
  };
  const second = randomDirection(model, { seed: 8 });
  const long = withLength(randomDirection(model, { seed: 8, normalization: 'none' }), 2);
  [0, 0.5, 1].forEach((share, j) => {
    near(filter.losses[1][j], expected(second.values, share), 1e-5);
    near(plain.losses[0][j], expected(long.values, share), 1e-5);
  });
  model.dispose();
});

test('a recorded training holds the weights before it and after each epoch', async () => {
  const data = digits().train.subset(40);
  const model = models.mlp({ inputs: data.inputShape, hidden: [6], classes: 10, seed: 3, name: 'recorded' });
  const start = flatWeights(model);
  const optimizer = sam({ rho: 0.05, learningRate: 0.1 });
  const trainer = new Trainer(model, optimizer, data, { epochs: 3, batchSize: 8, seed: 0 });
  const trajectory = await recordTrajectory(model, trainer);
  assert.deepEqual([trajectory.length, trajectory[0], trajectory[3]], [4, start, flatWeights(model)]);
  assert.notDeepEqual(trajectory[1], trajectory[2]);
  trainer.dispose();

  setFlatWeights(model, start);
  const again = new Trainer(model, sam({ rho: 0.05, learningRate: 0.1 }), data, {
    epochs: 3,
    batchSize: 8,
    seed: 0,
  });
  await assert.rejects(recordTrajectory(model, again, { every: 0 }), OptionError);
  assert.deepEqual(
    await recordTrajectory(model, again, { every: 2 }),
    [0, 2, 3].map((epoch) => trajectory[epoch]),
  );
  again.dispose();
  optimizer.dispose();
  model.dispose();
});

test('several models on one range', async () => {
  const pair = [1, 2].map((seed) => ({
    label: `seed ${seed}`,
    model: models.mlp({ inputs: [4], hidden: [6], classes: 3, seed, name: `compare-${seed}` }),
  }));
  const { surfaces, range, evaluatedPoints, seconds } = await compareSurfaces(pair, DATA, {
    x: { from: -1, to: 1, points: 3 },
  });
  assert.deepEqual(
    surfaces.map(({ label }) => label),
    ['seed 1', 'seed 2'],
  );
  const all = surfaces.flatMap(({ surface }) => surface.loss.flat());
  assert.deepEqual(range, [Math.min(...all), Math.max(...all)]);
  assert.ok(evaluatedPoints === 18 && seconds > 0);
  pair.forEach(({ model }, i) => {
    assert.equal(surfaces[i].surface.loss[1][1], evaluateSync(model, DATA).loss);
  });
  await assert.rejects(compareSurfaces([pair[0], pair[0]], DATA), /different labels/);
  for (const { model } of pair) model.dispose();
});

test('export: JSON there and back, npz as NumPy lays it out', async () => {
  const model = models.mlp({ inputs: [4], hidden: [6], classes: 3, seed: 1, name: 'export' });
  const w = flatWeights(model);
  const direction = (i: number): { label: string; values: Float32Array } => ({
    label: `${i}`,
    values: w.map((_, j) => Math.cos(i * j)),
  });
  const plane = new Plane(w, direction(1), direction(2));
  const surface = await lossSurface(model, DATA, {
    plane,
    x: { from: -1, to: 1, points: 3 },
    y: { from: 0, to: 1, points: 2 },
  });
  surface.loss[0][1] = Number.POSITIVE_INFINITY;
  assert.deepEqual(surfaceFromJson(surfaceToJson(surface)), surface);
  assert.throws(() => surfaceFromJson('{"format": "other"}'), { name: 'DataError' });
  assert.throws(() => surfaceFromJson('{'), { name: 'DataError' });

  const files = unzip(Buffer.from(surfaceToNpz(surface)));
  assert.deepEqual(
    [...files.keys()],
    ['xcoordinates.npy', 'ycoordinates.npy', 'train_loss.npy', 'train_acc.npy'],
  );
  assert.deepEqual(readNpy(files.get('xcoordinates.npy')!), { shape: '3,', values: [-1, 0, 1] });
  assert.deepEqual(readNpy(files.get('train_loss.npy')!), { shape: '3, 2', values: surface.loss.flat() });
  assert.equal(readNpy(files.get('train_acc.npy')!).values[0], 100 * surface.accuracy[0][0]);
  model.dispose();
});

/** Reads a zip archive by its central directory. */
function unzip(archive: Buffer): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  const end = archive.lastIndexOf('PK\x05\x06', undefined, 'latin1');
  let at = archive.readUInt32LE(end + 16);
  for (let i = 0; i < archive.readUInt16LE(end + 10); i++) {
    assert.equal(archive.toString('latin1', at, at + 4), 'PK\x01\x02');
    const [size, nameLength, start] = [
      archive.readUInt32LE(at + 24),
      archive.readUInt16LE(at + 28),
      archive.readUInt32LE(at + 42),
    ];
    const name = archive.toString('latin1', at + 46, at + 46 + nameLength);
    const from = start + 30 + archive.readUInt16LE(start + 26) + archive.readUInt16LE(start + 28);
    const content = archive.subarray(from, from + size);
    assert.equal(crc32(content), archive.readUInt32LE(start + 14));
    files.set(name, content);
    at += 46 + nameLength;
  }
  return files;
}

function readNpy(bytes: Buffer): { shape: string; values: number[] } {
  const header = bytes.toString('latin1', 10, 10 + bytes.readUInt16LE(8));
  assert.equal((10 + header.length) % 64, 0);
  const shape = /'shape': \(([^)]*)\)/.exec(header)![1];
  const values: number[] = [];
  for (let at = 10 + header.length; at < bytes.length; at += 8) values.push(bytes.readDoubleLE(at));
  return { shape, values };
}
