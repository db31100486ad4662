import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { Random } from 'lookbehind/extend';
import {
  type Direction,
  directionBetween,
  flatWeights,
  normalizeDirection,
  orthogonalDirection,
  Plane,
  planeThrough,
  randomDirection,
  setFlatWeights,
  trajectoryComponents,
  trajectoryPlane,
} from 'lookbehind/landscape';
import { withLength } from '../../lib/dist/landscape/directions';
import { axisLevels, gridLevels } from '../../lib/dist/landscape/grid';
import { weightLayout } from '../../lib/dist/landscape/layout';

const near = (a: number, b: number, tolerance: number): void =>
  assert.ok(Math.abs(a - b) <= tolerance, `${a} is not ${b}`);

/** One layer of each kind whose filters lie on other axes, with random weights. */
function zoo(): tf.LayersModel {
  const model = tf.sequential({
    layers: [
      tf.layers.conv2d({ inputShape: [6, 6, 2], filters: 3, kernelSize: [2, 3], name: 'zoo-conv' }),
      tf.layers.batchNormalization({ name: 'zoo-norm' }),
      tf.layers.depthwiseConv2d({ kernelSize: 2, depthMultiplier: 2, name: 'zoo-depthwise' }),
      tf.layers.conv2dTranspose({ filters: 2, kernelSize: 3, name: 'zoo-transpose' }),
      tf.layers.flatten(),
      tf.layers.dense({ units: 4, name: 'zoo-dense' }),
    ],
  });
  const random = new Random(8);
  model.setWeights(model.getWeights().map((w) => tf.tensor(random.normals(w.size), w.shape)));
  return model;
}

/**
 * The lengths of all filters, written down layer kind by layer kind, by tf.js reductions: independent of the
 * code under test.
 */
function filterNorms(model: tf.LayersModel, flat: Float32Array): number[][] {
  const axes: Record<string, number[]> = {
    'zoo-conv': [0, 1, 2],
    'zoo-depthwise': [0, 1],
    'zoo-transpose': [0, 1, 3],
    'zoo-dense': [0],
  };
  return weightLayout(model)
    .filter(({ shape }) => shape.length > 1)
    .map(({ name, offset, size, shape }) =>
      tf.tidy(() => {
        const squares = tf.square(tf.tensor(flat.slice(offset, offset + size), shape));
        return [...tf.sqrt(tf.sum(squares, axes[name.split('/')[0]])).dataSync()];
      }),
    );
}

test('each filter of Dense, Conv2D, DepthwiseConv2D and Conv2DTranspose gets the length of its own', () => {
  const model = zoo();
  const direction = randomDirection(model, { seed: 3 });
  const expected = filterNorms(model, flatWeights(model));
  assert.deepEqual(
    expected.map((norms) => norms.length),
    [3, 6, 2, 4],
  );
  filterNorms(model, direction.values).forEach((norms, t) => {
    norms.forEach((norm, f) => {
      near(norm, expected[t][f], 1e-5 * expected[t][f]);
    });
  });
  for (const { shape, offset, size } of weightLayout(model)) {
    const part = direction.values.slice(offset, offset + size);
    if (shape.length === 1) assert.ok(part.every((value) => value === 0));
  }
  assert.deepEqual(randomDirection(model, { seed: 3 }), direction);
  assert.notDeepEqual(randomDirection(model, { seed: 4 }).values, direction.values);
  model.dispose();
});

test('the other normalizations, and biases that take part', () => {
  const model = zoo();
  const w = flatWeights(model);
  const raw: Direction = { label: 'raw', values: new Random(9).normals(w.length) };
  const length = (flat: Float32Array, offset: number, size: number): number =>
    Math.hypot(...flat.subarray(offset, offset + size));
  const layer = normalizeDirection(model, raw, { normalization: 'layer', include: 'all' }).values;
  for (const { offset, size } of weightLayout(model))
    near(length(layer, offset, size), length(w, offset, size), 1e-4);
  const weight = normalizeDirection(model, raw, { normalization: 'weight', include: 'all' }).values;
  weight.forEach((value, i) => {
    near(value, raw.values[i] * w[i], 1e-6);
  });
  assert.deepEqual(
    normalizeDirection(model, raw, { normalization: 'none', include: 'all' }).values,
    raw.values,
  );
  // A bias is one unit as a whole: not a copy of the weights, and not of length 1.
  const filter = normalizeDirection(model, raw, { include: 'all' }).values;
  const bias = weightLayout(model).find(({ name }) => name.startsWith('zoo-dense/bias'))!;
  near(length(filter, bias.offset, bias.size), length(w, bias.offset, bias.size), 1e-5);
  near(
    filter[bias.offset] / filter[bias.offset + 1],
    raw.values[bias.offset] / raw.values[bias.offset + 1],
    1e-4,
  );
  setFlatWeights(model, new Float32Array(w.length));
  assert.ok(randomDirection(model, { include: 'all' }).values.every((value) => value === 0));
  assert.throws(() => normalizeDirection(model, { label: '', values: new Float32Array(3) }), {
    name: 'StateMismatchError',
  });
  assert.throws(() => randomDirection(model, { normalization: 'filters' as 'filter' }), /normalization/);
  model.dispose();
});

test('flat weights there and back', () => {
  const model = zoo();
  const before = flatWeights(model);
  setFlatWeights(
    model,
    before.map((w) => 2 * w),
  );
  assert.deepEqual(
    flatWeights(model),
    before.map((w) => 2 * w),
  );
  assert.throws(() => setFlatWeights(model, before.subarray(1)), { name: 'StateMismatchError' });
  model.dispose();
});

test('points of a plane come back from their projection, also where directions are not at right angles', () => {
  const random = new Random(10);
  const origin = random.normals(50);
  const x: Direction = { label: 'x', values: random.normals(50) };
  const y: Direction = { label: 'y', values: x.values.map((value) => value + 0.3 * random.normal()) };
  const plane = new Plane(origin, x, y);
  const inside = plane.project(plane.at(0.7, -2));
  near(inside.a, 0.7, 1e-4);
  near(inside.b, -2, 1e-4);
  near(inside.outside, 0, 1e-5);
  // A shift at right angles to both directions changes nothing but the share outside.
  const away = orthogonalDirection({ label: '', values: random.normals(50) }, x);
  const rest = orthogonalDirection(y, x);
  const free = withLength(orthogonalDirection(away, rest), 3);
  const point = plane.at(0.7, -2).map((w, i) => w + free.values[i]);
  const outside = plane.project(point);
  near(outside.a, 0.7, 1e-4);
  near(outside.outside, 3 / outside.distance, 1e-4);
  assert.deepEqual(plane.project(origin), { a: 0, b: 0, distance: 0, outside: 0 });
  assert.throws(() => new Plane(origin, x, x), /y must be/);
  assert.throws(() => new Plane(origin, { label: '', values: new Float32Array(50) }), /x must be/);
});

test('a plane through three minima', () => {
  const random = new Random(11);
  const [a, b, c] = [random.normals(30), random.normals(30), random.normals(30)];
  const plane = planeThrough(a, b, c);
  assert.deepEqual(plane.at(0, 0), a);
  const second = plane.project(b);
  near(second.a, 1, 1e-6);
  near(second.b, 0, 1e-6);
  const third = plane.project(c);
  near(third.outside, 0, 1e-5);
  assert.ok(third.b > 0);
  const dot = plane.x.values.reduce((sum, value, i) => sum + value * plane.y!.values[i], 0);
  near(dot, 0, 1e-4);
  assert.throws(
    () =>
      planeThrough(
        a,
        b,
        a.map((value, i) => (value + b[i]) / 2),
      ),
    /line|third|y must be/,
  );
  assert.deepEqual(
    directionBetween(a, b).values,
    b.map((value, i) => value - a[i]),
  );
});

test('principal components of a trajectory in a plane', async () => {
  const random = new Random(12);
  const [origin, u, v] = [random.normals(40), random.normals(40), random.normals(40)];
  const trajectory = Array.from({ length: 12 }, (_, t) =>
    origin.map((w, i) => w + t * u[i] + 3 * Math.sin(t) * v[i]),
  );
  const { directions, explained } = await trajectoryComponents(trajectory, 3);
  near(explained[0] + explained[1], 1, 1e-6);
  near(explained[2], 0, 1e-6);
  assert.ok(explained[0] > explained[1]);
  for (const [i, one] of directions.slice(0, 2).entries()) {
    near(Math.hypot(...one.values), 1, 1e-5);
    for (const other of directions.slice(0, i))
      near(
        one.values.reduce((sum, x, j) => sum + x * other.values[j], 0),
        0,
        1e-5,
      );
  }
  const plane = await trajectoryPlane(trajectory);
  for (const weights of trajectory) assert.ok(plane.project(weights).outside < 1e-3);
  assert.deepEqual(plane.at(0, 0), trajectory[11]);
  assert.deepEqual((await trajectoryPlane(trajectory, { through: 'first' })).at(0, 0), trajectory[0]);
  await assert.rejects(trajectoryPlane(trajectory, { through: 'middle' as 'last' }), /through/);
  await assert.rejects(trajectoryComponents([origin]), /trajectory/);
});

test('nested levels: each contains the one before, together all points once', () => {
  assert.deepEqual(axisLevels(5), [[0, 1, 2, 3, 4]]);
  assert.deepEqual(axisLevels(9)[0], [0, 2, 4, 6, 8]);
  assert.deepEqual(
    axisLevels(65).map((level) => level.length),
    [5, 9, 17, 33, 65],
  );
  assert.deepEqual(
    axisLevels(25).map((level) => level.length),
    [5, 9, 25],
  );
  for (let n = 1; n < 70; n++) {
    const levels = axisLevels(n);
    for (const [l, level] of levels.slice(1).entries()) assert.ok(levels[l].every((i) => level.includes(i)));
    assert.equal(levels.at(-1)!.length, n);
  }
  for (const [nx, ny] of [
    [1, 1],
    [7, 1],
    [5, 33],
    [12, 9],
  ]) {
    const points = gridLevels(nx, ny)
      .flat()
      .map(([i, j]) => j * nx + i);
    assert.deepEqual(
      points.sort((a, b) => a - b),
      Array.from({ length: nx * ny }, (_, p) => p),
    );
  }
});
