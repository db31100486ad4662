import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { Random } from 'lookbehind/extend';
import * as models from 'lookbehind/models';
import { hessianOperator, hutchPlusPlus, topEigenvalues } from 'lookbehind/sharpness';
import { functionLoss, ModelLoss } from 'lookbehind/train';
import { quadratic } from './support';

const near = (a: number, b: number, tolerance: number): void =>
  assert.ok(Math.abs(a - b) <= tolerance, `${a} is not ${b}`);

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
    build: () =>
      models.mlp({ inputs: [4], hidden: [6], classes: 3, activation: 'tanh', name: 'hessian-tanh' }),
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
    const objective = new ModelLoss(model, { xs, ys }, { batchSize: 7 });
    const whole = new ModelLoss(model, { xs, ys }, { batchSize: count });
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

    const { values, residuals, converged, vectors } = await topEigenvalues(hessian, {
      count: 2,
      vectors: true,
    });
    assert.ok(converged);
    const image = await hessian.multiply(vectors![0]);
    const residual = Math.hypot(...image.map((x, i) => x - values[0] * vectors![0][i]));
    near(residual, residuals[0], 1e-4 * values[0]);
    hessian.dispose();
    all.dispose();
    objective.dispose();
    whole.dispose();
    // Both held references to the samples.
    assert.equal(tf.memory().numTensors, tensors - 4);
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
  const objective = functionLoss([x], () => tf.sum(cube(x)) as tf.Scalar, { eager: true });
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

/**
 * A sigmoid whose gradient holds its slope as numbers: its second derivative is taken to be 0, which is wrong
 * and symmetric.
 */
const halfSigmoid = (x: tf.Tensor): tf.Tensor =>
  tf.customGrad((input) => {
    const y = tf.sigmoid(input as tf.Tensor);
    const slope = tf.mul(y, tf.sub(1, y)).arraySync();
    return { value: y, gradFunc: (dy: tf.Tensor) => tf.mul(dy, slope) };
  })(x);

/**
 * 3 a^2 / 2 + a b, and on the way of every step of the differences a kink that bends the slope by more than
 * the curvature.
 */
function kinked(a: tf.Scalar, b: tf.Scalar): tf.Scalar {
  const bends = [0.05, 0.02, 0.005, 0.002, 0.0005, 0.0001].map((at) => tf.mul(6 * at, tf.abs(tf.sub(a, at))));
  return tf.addN([tf.mul(1.5, tf.square(a)), tf.mul(a, b), ...bends]) as tf.Scalar;
}

test('a wrong second derivative is not taken, though it is symmetric', async () => {
  const x = tf.variable(tf.tensor1d([0.4, -0.7]), true, 'half-sigmoid');
  const options = { eager: true };
  const smooth = functionLoss(
    [x],
    () => {
      const [a, b] = tf.unstack(x) as tf.Scalar[];
      return tf.addN([
        tf.mul(2, halfSigmoid(a)),
        halfSigmoid(tf.mul(2, b)),
        tf.mul(0.01, tf.mul(a, b)),
      ]) as tf.Scalar;
    },
    options,
  );
  const hessian = await hessianOperator(smooth);
  const { asymmetry, exactDifference, reason } = hessian.selfTest;
  assert.equal(hessian.method, 'difference');
  assert.ok(asymmetry < 1e-3 && exactDifference! > 0.5, JSON.stringify(hessian.selfTest));
  assert.match(reason, /contradict exact products: by [\d.]+, above 0\.05/);
  const second = (z: number): number => {
    const y = 1 / (1 + Math.exp(-z));
    return y * (1 - y) * (1 - 2 * y);
  };
  const product = await hessian.multiply(Float64Array.of(1, 1));
  near(product[0], 2 * second(0.4) + 0.01, 1e-4);
  near(product[1], 4 * second(-1.4) + 0.01, 1e-4);
  hessian.dispose();
  smooth.dispose();

  // With kinks that keep differences from settling, other places tell.
  x.assign(tf.tensor1d([0, 1]));
  const rough = functionLoss(
    [x],
    () => {
      const [a, b] = tf.unstack(x) as tf.Scalar[];
      return tf.add(kinked(a, b), tf.mul(40, halfSigmoid(b))) as tf.Scalar;
    },
    options,
  );
  const other = await hessianOperator(rough);
  assert.equal(other.method, 'difference');
  assert.ok(
    other.selfTest.sweep.slice(1).every(({ change }) => change > 0.05),
    JSON.stringify(other.selfTest),
  );
  assert.ok(other.selfTest.probes!.settled >= 3 && other.selfTest.probes!.exactDifference > 0.05);
  assert.match(other.selfTest.reason, /no two steps agree .* contradict exact products/);
  other.dispose();
  rough.dispose();
  x.dispose();
});

test('where kinks keep differences from settling, exact products are taken that differences beside the kinks confirm', async () => {
  const x = tf.variable(tf.tensor1d([0, 1]), true, 'kinks');
  const loss = functionLoss([x], () => {
    const [a, b] = tf.unstack(x) as tf.Scalar[];
    return kinked(a, b);
  });
  const hessian = await hessianOperator(loss);
  const { sweep, exactDifference, asymmetry, probes, reason } = hessian.selfTest;
  assert.ok(
    sweep.slice(1).every(({ change }) => change > 0.05) && exactDifference! > 0.05,
    JSON.stringify(hessian.selfTest),
  );
  assert.equal(hessian.method, 'exact');
  assert.ok(probes!.settled >= 3 && probes!.exactDifference <= 0.05);
  assert.match(reason, /no two steps agree .* agree with exact products/);
  assert.ok(asymmetry < 1e-6);
  const product = await hessian.multiply(Float64Array.of(1, 2));
  near(product[0], 5, 1e-5);
  near(product[1], 1, 1e-5);
  hessian.dispose();
  loss.dispose();
  x.dispose();
});

test('samples that are learned, whose products are rounding, do not speak against exact ones', async () => {
  const random = new Random(4);
  const [count, inputs] = [400, 12];
  // Large logits for three of four samples, which are sure of their class: the others have the curvature.
  const near = Float32Array.from(random.normals(inputs * count), (value, i) =>
    Math.floor(i / inputs) % 4 === 0 ? 0.3 * value : value,
  );
  const xs = tf.tensor2d(near, [count, inputs]);
  const model = models.mlp({
    ...{ inputs: [inputs], hidden: [64, 64], classes: 4, seed: 3 },
    name: 'hessian-learned',
  });
  tf.tidy(() => model.setWeights(model.getWeights().map((w, i) => (i < 4 ? w : tf.mul(w, 30)))));
  const ys = tf.tidy(() => tf.argMax(model.predict(xs) as tf.Tensor, 1) as tf.Tensor1D);
  for (const seed of [0, 1, 3, 4]) {
    const loss = new ModelLoss(model, { xs, ys }, { batchSize: count });
    const hessian = await hessianOperator(loss, { seed });
    assert.equal(hessian.method, 'exact', hessian.selfTest.reason);
    assert.ok(hessian.selfTest.probes!.exactDifference < 0.01, hessian.selfTest.reason);
    hessian.dispose();
    loss.dispose();
  }
  tf.dispose([xs, ys]);
  model.dispose();
});

test('single samples confirm the exact products of a relu network, and refuse wrong ones', async () => {
  const random = new Random(8);
  const count = 600;
  const xs = tf.tensor2d(random.normals(12 * count), [count, 12]);
  const ys = tf.tensor1d(
    Int32Array.from({ length: count }, () => random.int(4)),
    'int32',
  );
  const model = models.mlp({ inputs: [12], hidden: [64, 64], classes: 4, name: 'hessian-relu', seed: 3 });
  for (const isWrong of [false, true]) {
    const activation = isWrong ? halfSigmoid : tf.sigmoid;
    const loss = new ModelLoss(
      model,
      { xs, ys },
      { batchSize: count, loss: (_, z) => tf.mean(activation(tf.mul(4, z))) as tf.Scalar, eager: isWrong },
    );
    const tensors = tf.memory().numTensors;
    const hessian = await hessianOperator(loss);
    const { sweep, probes, reason } = hessian.selfTest;
    assert.ok(
      sweep.slice(1).every(({ change }) => change > 0.05),
      JSON.stringify(hessian.selfTest),
    );
    assert.equal(hessian.method, isWrong ? 'difference' : 'exact', reason);
    assert.equal(probes!.exactDifference <= 0.05, !isWrong, reason);
    hessian.dispose();
    // The batch is held since the first product.
    assert.equal(tf.memory().numTensors, tensors + 2);
    loss.dispose();
  }
  tf.dispose([xs, ys]);
  model.dispose();
});
