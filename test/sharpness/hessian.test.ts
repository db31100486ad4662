import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { Random } from 'lookbehind/extend';
import * as models from 'lookbehind/models';
import { functionObjective, hessianOperator, hutchPlusPlus, modelObjective, topEigenvalues } from 'lookbehind/sharpness';
import { quadratic } from './support';

const near = (a: number, b: number, tolerance: number): void => assert.ok(Math.abs(a - b) <= tolerance, `${a} is not ${b}`);

test('a quadratic: the matrix itself, exactly and by differences', async () => {
  const a = [
    [3, 1, 0],
    [1, 2, -1],
    [0, -1, 4],
  ];
  const { objective, variable } = quadratic(a, [1, 2, 3], [1, -1, 2]);
  for (const [method, tolerance] of [
    ['exact', 1e-6],
    ['difference', 1e-4],
  ] as const) {
    const hessian = await hessianOperator(objective, { method });
    assert.equal(hessian.method, method);
    assert.ok(hessian.selfTest.asymmetry < tolerance);
    for (const v of [
      [1, 0, 0],
      [0, 20, 0],
      [0.1, 0.2, -3],
    ]) {
      const product = await hessian.multiply(Float64Array.from(v));
      product.forEach((value, i) => {
        const expected = a[i].reduce((sum, x, j) => sum + x * v[j], 0);
        near(value, expected, tolerance * 50);
      });
    }
    near((await hutchPlusPlus(hessian)).trace, 9, 9 * tolerance);
    assert.deepEqual(await hessian.multiply(new Float64Array(3)), new Float64Array(3));
    hessian.dispose();
  }
  objective.dispose();
  variable.dispose();
});

const NETWORKS: Record<string, { inputShape: number[]; build: () => tf.LayersModel }> = {
  'dense, tanh': {
    inputShape: [4],
    build: () => models.mlp({ inputs: [4], hidden: [6], classes: 3, activation: 'tanh', name: 'hessian-tanh' }),
  },
  'convolution, BatchNorm, pooling': {
    inputShape: [6, 6, 1],
    build: () =>
      models.convNet({
        inputs: [6, 6, 1],
        filters: [3],
        classes: 3,
        batchNorm: true,
        activation: 'tanh',
        pooling: 'average',
        name: 'hessian-conv',
      }),
  },
};

for (const [name, { inputShape, build }] of Object.entries(NETWORKS)) {
  test(`exact products agree with differences of the gradient, over all batches: ${name}`, async () => {
    const model = build();
    const random = new Random(6);
    const count = 10;
    const xs = tf.tensor(random.normals(inputShape.reduce((a, b) => a * b, count)), [count, ...inputShape]);
    const ys = tf.tensor1d(
      Int32Array.from({ length: count }, () => random.int(3)),
      'int32',
    );
    // 7 and 3 samples: the mean must weigh them.
    const objective = modelObjective(model, { xs, ys }, { batchSize: 7 });
    const whole = modelObjective(model, { xs, ys }, { batchSize: count });
    const tensors = tf.memory().numTensors;
    const hessian = await hessianOperator(objective);
    const { selfTest } = hessian;
    assert.equal(hessian.method, 'exact', selfTest.exactFailure);
    assert.ok(selfTest.exactDifference! < 5e-3, `${selfTest.exactDifference}`);
    assert.ok(selfTest.asymmetry < 1e-5);
    assert.equal(selfTest.sweep.length, 6);
    const all = await hessianOperator(whole, { method: 'difference' });
    assert.equal(all.method, 'difference');
    const v = Float64Array.from(random.normals(objective.size));
    const [one, other] = [await hessian.multiply(v), await all.multiply(v)];
    const difference = Math.hypot(...one.map((x, i) => x - other[i])) / Math.hypot(...other);
    assert.ok(difference < 1e-2, `${difference}`);

    const { values, residuals, converged, vectors } = await topEigenvalues(hessian, { count: 2, vectors: true });
    assert.ok(converged);
    const image = await hessian.multiply(vectors![0]);
    const residual = Math.hypot(...image.map((x, i) => x - values[0] * vectors![0][i]));
    near(residual, residuals[0], 1e-4 * values[0]);
    hessian.dispose();
    all.dispose();
    objective.dispose();
    whole.dispose();
    assert.equal(tf.memory().numTensors, tensors - 6);
    tf.dispose([xs, ys]);
    model.dispose();
  });
}

test('where second derivatives are missing, differences step in and say why', async () => {
  const x = tf.variable(tf.tensor1d([0.3, -0.4]), true, 'no-second-derivative');
  // A cube whose gradient computes the square by an op that has no gradient itself.
  const cube = tf.customGrad((input, save) => {
    const x = input as tf.Tensor;
    (save as tf.GradSaveFunc)([x]);
    return {
      value: tf.mul(x, tf.square(x)),
      gradFunc: (dy: tf.Tensor, [saved]: tf.Tensor[]) =>
        tf.mul(dy, tf.mul(3, tf.squeeze(tf.slice(tf.cumprod(tf.stack([saved, saved])), [1], [1]), [0]))),
    };
  });
  const objective = functionObjective([x], () => tf.sum(cube(x)) as tf.Scalar, { eager: true });
  const hessian = await hessianOperator(objective);
  assert.equal(hessian.method, 'difference');
  assert.match(hessian.selfTest.exactFailure!, /[Gg]radient/);
  const product = await hessian.multiply(Float64Array.of(1, 1));
  near(product[0], 1.8, 1e-3);
  near(product[1], -2.4, 1e-3);
  await assert.rejects(hessianOperator(objective, { method: 'exact' }), /[Gg]radient/);
  hessian.dispose();
  objective.dispose();
  x.dispose();
});

test('where kinks keep differences from settling, exact products are taken', async () => {
  const x = tf.variable(tf.tensor1d([0, 1]), true, 'kinks');
  // 3 x0^2 / 2 + x0 x1, and on the way of every step of the differences a kink that bends the slope by more than the curvature.
  const kinks = [0.05, 0.02, 0.005, 0.002, 0.0005, 0.0001];
  const objective = functionObjective([x], () => {
    const [a, b] = tf.unstack(x) as tf.Scalar[];
    const bends = kinks.map((at) => tf.mul(6 * at, tf.abs(tf.sub(a, at))));
    return tf.addN([tf.mul(1.5, tf.square(a)), tf.mul(a, b), ...bends]) as tf.Scalar;
  });
  const hessian = await hessianOperator(objective);
  const { sweep, exactDifference, asymmetry } = hessian.selfTest;
  assert.ok(sweep.slice(1).every(({ change }) => change > 0.05) && exactDifference! > 0.05, JSON.stringify(hessian.selfTest));
  assert.equal(hessian.method, 'exact');
  assert.ok(asymmetry < 1e-6);
  const product = await hessian.multiply(Float64Array.of(1, 2));
  near(product[0], 5, 1e-5);
  near(product[1], 1, 1e-5);
  hessian.dispose();
  objective.dispose();
  x.dispose();
});
