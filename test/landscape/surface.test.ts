import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { crossEntropy } from 'lookbehind/compile';
import { Dataset } from 'lookbehind/data';
import { Random } from 'lookbehind/extend';
import {
  flatWeights,
  lossSurface,
  Plane,
  randomDirection,
  type Surface,
  setFlatWeights,
  surfaceGrid,
  trajectoryOnPlane,
} from 'lookbehind/landscape';
import * as models from 'lookbehind/models';
import { stringifyChecked } from '../../lib/dist/files/checkedJson';
import { evaluateSync } from '../../lib/dist/training/evaluate';
import { RANGE as SMALL, setting } from './killed';

const near = (a: number, b: number, tolerance: number): void =>
  assert.ok(Math.abs(a - b) <= tolerance, `${a} is not ${b}`);
const folder = mkdtempSync(join(tmpdir(), 'surface-'));
after(() => rmSync(folder, { recursive: true }));

const random = new Random(20);
const XS = tf.tensor(random.normals(30 * 4), [30, 4]);
const YS = tf.tensor1d(
  Int32Array.from({ length: 30 }, () => random.int(3)),
  'int32',
);
const DATA = { xs: XS, ys: YS };
const model = models.mlp({ inputs: [4], hidden: [6], classes: 3, seed: 1, name: 'surface' });
const plane = new Plane(
  flatWeights(model),
  randomDirection(model, { seed: 1 }),
  randomDirection(model, { seed: 2 }),
);

test('every point is what evaluate gives there; the center exactly', async () => {
  const before = flatWeights(model);
  // Not square, and 0 as the end of a range.
  const surface = await lossSurface(model, DATA, {
    plane,
    x: { from: -1, to: 1, points: 5 },
    y: { from: 0, to: 0.6, points: 4 },
    batchSize: 11,
  });
  assert.deepEqual(flatWeights(model), before);
  assert.ok(surface.complete);
  assert.deepEqual([surface.loss.length, surface.loss[0].length], [5, 4]);
  assert.deepEqual(surface.x, [-1, -0.5, 0, 0.5, 1]);
  surface.x.forEach((a, i) => {
    surface.y.forEach((b, j) => {
      setFlatWeights(model, plane.at(a, b));
      const expected = evaluateSync(model, DATA, { batchSize: 11 });
      near(surface.loss[i][j], expected.loss, 2e-6 * Math.max(1, expected.loss));
      assert.equal(surface.accuracy[i][j], expected.accuracy);
      if (a === 0 && b === 0) {
        assert.equal(surface.loss[i][j], expected.loss);
        assert.deepEqual(surface.center, { loss: expected.loss, accuracy: expected.accuracy });
      }
    });
  });
  assert.ok(surface.centerDeviation < 1e-6);
  setFlatWeights(model, before);
  const grid = surfaceGrid(surface, 'accuracy');
  assert.deepEqual([grid.z.length, grid.z[0].length], [4, 5]);
  assert.equal(grid.z[3][1], surface.accuracy[1][3]);
});

test('a quadratic loss: the plane is recovered exactly', async () => {
  // One unit with identity output: the loss (w x + v - y)^2 is quadratic in the weights w and the bias v.
  const line = tf.sequential({ layers: [tf.layers.dense({ inputShape: [1], units: 1 })] });
  line.setWeights([tf.tensor2d([[2]]), tf.tensor1d([1])]);
  const xs = tf.tensor2d([[-1], [0], [1]]);
  const ys = tf.tensor2d([[-1], [1], [3]]);
  const squared = (labels: tf.Tensor, outputs: tf.Tensor): tf.Scalar =>
    tf.losses.meanSquaredError(labels, outputs) as tf.Scalar;
  const { loss, x, y, accuracy } = await lossSurface(
    line,
    { xs, ys },
    {
      plane: new Plane(
        flatWeights(line),
        { label: 'w', values: Float32Array.of(1, 0) },
        { label: 'v', values: Float32Array.of(0, 1) },
      ),
      x: { from: -2, to: 2, points: 5 },
      y: { from: -1, to: 3, points: 9 },
      loss: squared,
    },
  );
  // Inputs -1, 0, 1: the mean of (a x + b)^2 is 2/3 a^2 + b^2.
  x.forEach((a, i) => {
    y.forEach((b, j) => {
      near(loss[i][j], (2 / 3) * a * a + b * b, 1e-5);
    });
  });
  assert.ok(accuracy.flat().every(Number.isNaN));
  tf.dispose([xs, ys]);
  line.dispose();
});

test('a line', async () => {
  const line = new Plane(plane.origin, plane.x);
  const surface = await lossSurface(model, DATA, { plane: line, x: { from: 0, to: 1, points: 3 } });
  assert.deepEqual(surface.y, [0]);
  near(
    surface.loss[2][0],
    (await lossSurface(model, DATA, { plane, x: { from: 0, to: 1, points: 3 } })).loss[2][0],
    1e-6,
  );
  await assert.rejects(lossSurface(model, DATA, { plane: line, y: { from: 0, to: 1 } }), /y must be/);
});

const RANGE = { x: { from: -1, to: 1, points: 9 }, y: { from: -1, to: 1, points: 5 }, chunkSize: 4 };
/** Everything but the times and counts of the run. */
const numbers = ({ provenance: _, centerDeviation: __, ...rest }: Surface): object => rest;

test('coarse to fine, with reports; a stopped run keeps its points and goes on', async () => {
  const whole = await lossSurface(model, DATA, { plane, ...RANGE });
  const path = join(folder, 'stopped.jsonl');
  const stop = new AbortController();
  const seen: number[] = [];
  const partial = await lossSurface(model, DATA, {
    plane,
    ...RANGE,
    path,
    signal: stop.signal,
    onProgress: ({ done, total, level, levels, secondsLeft, pointsPerSecond }) => {
      seen.push(done);
      assert.deepEqual([total, levels], [45, 2]);
      assert.equal(level, done <= 25 && seen.length < 9 ? 0 : 1);
      if (done > 0) near(secondsLeft * pointsPerSecond, 45 - done, 1e-6);
      if (done === 29) stop.abort();
    },
  });
  assert.deepEqual(seen, [0, 4, 8, 12, 16, 20, 24, 25, 29]);
  assert.equal(partial.complete, false);
  assert.equal(partial.evaluated.flat().filter(Boolean).length, 29);
  // The coarse picture is whole: every second column.
  const coarse = partial.x.filter((_, i) => i % 2 === 0);
  assert.ok(coarse.every((_, c) => partial.evaluated[2 * c].every(Boolean)));

  const resumed = await lossSurface(model, DATA, { plane, ...RANGE, chunkSize: 7, path });
  assert.equal(resumed.provenance.evaluatedPoints, 16);
  assert.equal(resumed.provenance.chunkSize, 4);
  assert.deepEqual(numbers(resumed), numbers(whole));
  const again = await lossSurface(model, DATA, { plane, ...RANGE, path });
  assert.equal(again.provenance.evaluatedPoints, 0);
  assert.deepEqual(numbers(again), numbers(whole));
});

test('a file cut in the middle of a line, as kill -9 leaves it, is taken up at the last whole one', async () => {
  const whole = await lossSurface(model, DATA, { plane, ...RANGE });
  const path = join(folder, 'cut.jsonl');
  await lossSurface(model, DATA, { plane, ...RANGE, path });
  const text = readFileSync(path, 'utf8');
  for (const share of [0.3, 0.55, 0.9]) {
    writeFileSync(path, text.slice(0, Math.floor(share * text.length)));
    const resumed = await lossSurface(model, DATA, { plane, ...RANGE, path });
    assert.ok(resumed.provenance.evaluatedPoints > 0);
    assert.deepEqual(numbers(resumed), numbers(whole));
    assert.equal(readFileSync(path, 'utf8'), text);
  }
});

test('a process killed in the middle leaves its points; the next one ends with the same grid', async () => {
  const path = join(folder, 'killed.jsonl');
  const script = join(__dirname, 'killed.ts');
  const { signal } = spawnSync(process.execPath, ['--import', 'tsx', script, path], { timeout: 60_000 });
  assert.equal(signal, 'SIGKILL');
  const { model, data, plane } = setting();
  const resumed = await lossSurface(model, data, { plane, ...SMALL, path });
  assert.equal(resumed.provenance.evaluatedPoints, 25 - 12);
  assert.deepEqual(numbers(resumed), numbers(await lossSurface(model, data, { plane, ...SMALL })));
  tf.dispose([data.xs, data.ys]);
  model.dispose();
});

test('points of another surface are refused', async () => {
  const path = join(folder, 'other.jsonl');
  await lossSurface(model, DATA, { plane, ...RANGE, path });
  const others = [
    lossSurface(model, DATA, { plane: new Plane(plane.origin, plane.y!, plane.x), ...RANGE, path }),
    lossSurface(model, DATA, { plane, ...RANGE, x: { from: -1, to: 2, points: 9 }, path }),
    lossSurface(model, DATA, { plane, ...RANGE, batchSize: 7, path }),
  ];
  for (const other of others) await assert.rejects(other, { name: 'StateMismatchError' });
  const less = { xs: XS.slice([0], [29]), ys: YS.slice([0], [29]) };
  await assert.rejects(lossSurface(model, less, { plane, ...RANGE, path }), { name: 'StateMismatchError' });
  tf.dispose([less.xs, less.ys]);
  appendFileSync(path, `${stringifyChecked({ points: [[99, 0, 1, 1]] })}\n`);
  await assert.rejects(lossSurface(model, DATA, { plane, ...RANGE, path }), /outside of the grid/);
});

test('points of another loss, or of other layers with the same weights, are refused', async () => {
  const path = join(folder, 'loss.jsonl');
  const options = { plane, ...RANGE, path };
  const first = await lossSurface(model, DATA, options);
  const hundredfold = (labels: tf.Tensor, outputs: tf.Tensor): tf.Scalar =>
    tf.mul(100, crossEntropy(labels, outputs));
  await assert.rejects(lossSurface(model, DATA, { ...options, loss: hundredfold }), {
    name: 'StateMismatchError',
    message: /another loss: [\d.]+ and [\d.]+ at the plane's origin/,
  });
  // The same at the origin, another one elsewhere.
  const squared = (labels: tf.Tensor, outputs: tf.Tensor): tf.Scalar =>
    tf.div(tf.square(crossEntropy(labels, outputs)), first.center.loss);
  const small = { ...options, batchSize: 30, path: join(folder, 'origin.jsonl') };
  await lossSurface(model, DATA, small);
  await assert.rejects(lossSurface(model, DATA, { ...small, loss: squared }), { name: 'StateMismatchError' });
  // The default by its name, and by another function with the same values.
  for (const loss of [
    crossEntropy,
    (labels: tf.Tensor, outputs: tf.Tensor) => tf.mul(1, crossEntropy(labels, outputs)),
  ]) {
    const again = await lossSurface(model, DATA, { ...options, loss: loss as typeof crossEntropy });
    assert.equal(again.provenance.evaluatedPoints, 0);
    assert.deepEqual(numbers(again), numbers(first));
  }

  const other = models.mlp({
    inputs: [4],
    hidden: [6],
    classes: 3,
    seed: 1,
    activation: 'tanh',
    name: 'surface-tanh',
  });
  setFlatWeights(other, plane.origin);
  await assert.rejects(lossSurface(other, DATA, options), {
    name: 'StateMismatchError',
    message: /other layers/,
  });
  const twin = models.mlp({ inputs: [4], hidden: [6], classes: 3, seed: 9, name: 'surface-twin' });
  setFlatWeights(twin, plane.origin);
  assert.equal((await lossSurface(twin, DATA, options)).provenance.evaluatedPoints, 0);
  other.dispose();
  twin.dispose();
});

test('the samples are held once', async () => {
  const count = 20_000;
  const xs = new Float32Array(count * 4).fill(0.5);
  const data = new Dataset({
    name: 'halves',
    split: 'train',
    inputs: xs,
    labels: new Int32Array(count),
    inputShape: [4],
    classes: ['a', 'b', 'c'],
  });
  const before = tf.memory().numBytes;
  let most = 0;
  const loss = (labels: tf.Tensor, outputs: tf.Tensor): tf.Scalar => {
    most = Math.max(most, tf.memory().numBytes - before);
    return crossEntropy(labels, outputs);
  };
  await lossSurface(model, data, { plane, x: { from: -1, to: 1, points: 3 }, batchSize: 100, loss });
  const once = count * 4 * 5;
  assert.ok(most >= once && most < 1.5 * once, `${most} bytes for samples of ${once}`);
});

test('losses that are not finite survive on disk', async () => {
  const path = join(folder, 'infinite.jsonl');
  const loss = (_: tf.Tensor, outputs: tf.Tensor): tf.Scalar =>
    tf.div(1, tf.relu(tf.sub(tf.mean(tf.abs(outputs)), 0.4))) as tf.Scalar;
  const options = { plane, ...RANGE, loss, path };
  const first = await lossSurface(model, DATA, options);
  assert.ok(first.loss.flat().includes(Number.POSITIVE_INFINITY));
  assert.ok(first.loss.flat().some(Number.isFinite));
  assert.deepEqual(numbers(await lossSurface(model, DATA, options)), numbers(first));
});

test('1000 points leave no tensor behind', async () => {
  const options = { plane, x: { from: -1, to: 1, points: 50 }, y: { from: -1, to: 1, points: 20 } };
  await lossSurface(model, DATA, options);
  const tensors = tf.memory().numTensors;
  await lossSurface(model, DATA, options);
  assert.equal(tf.memory().numTensors, tensors);
  const failing = { ...options, onProgress: () => Promise.reject(new Error('on purpose')) };
  await assert.rejects(lossSurface(model, DATA, failing), /on purpose/);
  assert.equal(tf.memory().numTensors, tensors);
});

test('trajectories tell what the plane hides', async () => {
  const inside = plane.at(0.3, -0.2);
  const outside = inside.map((w, i) => w + 0.2 * Math.sin(i));
  const [a, b] = await trajectoryOnPlane(model, DATA, plane, [inside, outside]);
  near(a.a, 0.3, 1e-5);
  near(a.b, -0.2, 1e-5);
  near(a.loss, a.planeLoss, 1e-5);
  assert.ok(a.outside < 1e-4 && b.outside > 0.1);
  const before = flatWeights(model);
  setFlatWeights(model, outside);
  near(b.loss, evaluateSync(model, DATA).loss, 1e-6);
  setFlatWeights(model, plane.at(b.a, b.b));
  near(b.planeLoss, evaluateSync(model, DATA).loss, 1e-6);
  setFlatWeights(model, before);
});
