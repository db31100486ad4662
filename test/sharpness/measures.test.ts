import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { Random } from 'lookbehind/extend';
import * as models from 'lookbehind/models';
import { ascentQuality, averageSharpness, oneStepSharpness, worstCaseSharpness } from 'lookbehind/sharpness';
import { functionLoss, ModelLoss } from 'lookbehind/train';
import { apgd } from '../../lib/dist/sharpness/apgd';
import { diagonal, quadratic } from './support';

const near = (a: number, b: number, tolerance: number): void =>
  assert.ok(Math.abs(a - b) <= tolerance, `${a} is not ${b}`);

test('one step on a quadratic: the closed form of SAM and of ASAM', async () => {
  const a = [
    [3, 1],
    [1, 2],
  ];
  const b = [0.5, -1];
  const w = [1, -0.5];
  const { objective, variable } = quadratic(a, b, w);
  const loss = (x: number[]): number =>
    0.5 * (a[0][0] * x[0] ** 2 + 2 * a[0][1] * x[0] * x[1] + a[1][1] * x[1] ** 2) + b[0] * x[0] + b[1] * x[1];
  const g = [a[0][0] * w[0] + a[0][1] * w[1] + b[0], a[1][0] * w[0] + a[1][1] * w[1] + b[1]];
  const sam = await oneStepSharpness(objective, { radii: [0, 0.1, 1] });
  const asam = await oneStepSharpness(objective, { radii: [0, 0.1, 1], adaptive: true, eta: 0.1 });
  [0, 0.1, 1].forEach((rho, i) => {
    const length = Math.hypot(...g);
    near(sam.values[i], loss(w.map((x, j) => x + (rho * g[j]) / length)) - loss(w), 1e-5);
    const t = w.map((x) => Math.abs(x) + 0.1);
    const scaled = Math.hypot(t[0] * g[0], t[1] * g[1]);
    near(asam.values[i], loss(w.map((x, j) => x + (rho * t[j] ** 2 * g[j]) / scaled)) - loss(w), 1e-5);
  });
  near(sam.baseLoss, loss(w), 1e-6);
  objective.dispose();
  variable.dispose();
});

test('the worst case at the minimum of a quadratic: half the largest eigenvalue times rho squared', async () => {
  const { objective, variable } = quadratic(diagonal([4, 1, 0.5]), [0, 0, 0], [0, 0, 0]);
  const radii = [0.5, 1, 2];
  const l2 = await worstCaseSharpness(objective, { radii, steps: 40 });
  const linf = await worstCaseSharpness(objective, { radii, norm: 'linf', steps: 40 });
  radii.forEach((rho, i) => {
    near(l2.values[i], 2 * rho ** 2, 0.01 * rho ** 2);
    // In the box the corner is worst.
    near(linf.values[i], (5.5 / 2) * rho ** 2, 1e-5 * rho ** 2);
  });
  objective.dispose();
  variable.dispose();
});

test('adaptive: the ball is round in d / (|w| + eta), zero weights stay finite', async () => {
  const { objective, variable } = quadratic(diagonal([1, 1, 1]), [0, 0, 0], [2, 0, -1]);
  const { values } = await worstCaseSharpness(objective, { radii: [0.1], adaptive: true, eta: 0, steps: 60 });
  // With d = T u, T = (2, 0, 1), the loss is ((2 + 2u1)^2 + (-1 + u3)^2) / 2: a search over the circle.
  let largest = 0;
  for (let angle = 0; angle < 2 * Math.PI; angle += 1e-4) {
    const x = 2 + 2 * 0.1 * Math.cos(angle);
    const z = -1 + 0.1 * Math.sin(angle);
    largest = Math.max(largest, (x * x + z * z) / 2 - 2.5);
  }
  near(values[0], largest, 1e-5);
  variable.assign(tf.zeros([3]));
  for (const eta of [0, 0.01]) {
    for (const measure of [worstCaseSharpness, oneStepSharpness, averageSharpness]) {
      const curve = await measure(objective, { radii: [0.1], adaptive: true, eta });
      assert.ok(curve.values.every(Number.isFinite));
    }
  }
  objective.dispose();
  variable.dispose();
});

test('worst case >= one step >= 0, and never falling in rho: any convex quadratic, anywhere', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.integer({ min: 0, max: 50 }), fc.integer({ min: -20, max: 20 })), {
        minLength: 1,
        maxLength: 6,
      }),
      fc.boolean(),
      async (rows, adaptive) => {
        const { objective, variable } = quadratic(
          diagonal(rows.map(([x]) => x / 10)),
          rows.map(() => 0),
          rows.map(([, x]) => x / 10),
        );
        const radii = [1, 0.1, 0.5];
        const one = await oneStepSharpness(objective, { radii, adaptive });
        const worst = await worstCaseSharpness(objective, { radii, adaptive, steps: 6 });
        one.values.forEach((value, i) => {
          const rounding = 1e-6 * (1 + Math.abs(one.perturbedLosses[i]));
          assert.ok(value >= -rounding, `${value}`);
          assert.ok(worst.values[i] >= value - rounding, `${worst.values[i]} ${value}`);
        });
        assert.ok(worst.values[1] <= worst.values[2] && worst.values[2] <= worst.values[0]);
        objective.dispose();
        variable.dispose();
      },
    ),
    { numRuns: 15 },
  );
});

test('restarts only help, and stay in the ball', async () => {
  // A bump far from the center, on the side that the gradient points away from.
  const x = tf.variable(tf.tensor1d([0]), true, 'bump-x');
  const objective = functionLoss(
    [x],
    () =>
      tf.sum(tf.sub(tf.mul(3, tf.exp(tf.mul(-20, tf.square(tf.add(x, 0.8))))), tf.mul(-0.1, x))) as tf.Scalar,
  );
  const single = await apgd(objective, 0, 1, { steps: 10 });
  const several = await apgd(objective, 0, 1, { steps: 10, restarts: 8, seed: 1 });
  near(single.loss, 0.1, 1e-3);
  assert.ok(several.loss > 2.9);
  assert.deepEqual(several.losses.slice(0, 11), single.losses);
  assert.deepEqual(await apgd(objective, 0, 1, { steps: 10, restarts: 8, seed: 1 }), several);
  objective.dispose();
  x.dispose();
});

test('average sharpness of a quadratic: rho squared times half the trace', async () => {
  const { objective, variable } = quadratic(diagonal([4, 1, 1]), [1, 2, 3], [1, 1, 1]);
  const { values, deviations, samples } = await averageSharpness(objective, { radii: [0.5], draws: 400 });
  const error = deviations[0] / Math.sqrt(samples[0].length);
  near(values[0], 0.25 * 3, 4 * error);
  assert.ok(error < 0.3);
  objective.dispose();
  variable.dispose();
});

test('the ascent of Lookbehind: k = 1 is one step, nothing beats the worst case', async () => {
  const model = models.mlp({
    inputs: [5],
    hidden: [8],
    classes: 3,
    activation: 'tanh',
    name: 'ascent',
    seed: 2,
  });
  const random = new Random(4);
  const xs = tf.tensor2d(random.normals(60), [12, 5]);
  const ys = tf.tensor1d(
    Int32Array.from({ length: 12 }, () => random.int(3)),
    'int32',
  );
  const objective = new ModelLoss(model, { xs, ys }, { batchSize: 6 });
  for (const adaptive of [false, true]) {
    const quality = await ascentQuality(objective, { k: 4, rho: 0.1, adaptive });
    const { losses, distances, oneStepLosses, worstLosses, shares } = quality;
    assert.deepEqual(
      [losses.length, ...[distances, oneStepLosses, worstLosses, shares].map(({ length }) => length)],
      [5, 4, 4, 4, 4],
    );
    const one = await oneStepSharpness(objective, { radii: [0.1], adaptive });
    near(losses[0], one.baseLoss, 1e-6);
    near(losses[1], one.perturbedLosses[0], 1e-6);
    near(oneStepLosses[0], one.perturbedLosses[0], 1e-6);
    near(distances[0], 0.1, 1e-6);
    shares.forEach((share, i) => {
      assert.ok(losses[i + 1] > losses[i]);
      assert.ok(worstLosses[i] >= losses[i + 1] && worstLosses[i] >= oneStepLosses[i] - 1e-6);
      assert.ok(share > 0.8 && share <= 1);
    });
  }
  objective.dispose();
  tf.dispose([xs, ys]);
  model.dispose();
});

test('weights, statistics and memory are as before, also after an error and a stop', async () => {
  const model = models.mlp({ inputs: [5], hidden: [8], classes: 3, batchNorm: true, name: 'restore' });
  const random = new Random(5);
  const xs = tf.tensor2d(random.normals(60), [12, 5]);
  const ys = tf.tensor1d(
    Int32Array.from({ length: 12 }, () => random.int(3)),
    'int32',
  );
  const before = model.getWeights().map((w) => w.dataSync());
  const unchanged = (): void =>
    assert.deepEqual(
      model.getWeights().map((w) => w.dataSync()),
      before,
    );
  for (const batchNorm of ['moving', 'batch'] as const) {
    const objective = new ModelLoss(model, { xs, ys }, { batchSize: 5, batchNorm });
    const measure = async (): Promise<void> => {
      await oneStepSharpness(objective, { radii: [0.1, 1] });
      await worstCaseSharpness(objective, { radii: [0.1, 1], steps: 3, restarts: 2 });
      await averageSharpness(objective, { radii: [0.1], draws: 2 });
      await ascentQuality(objective, { k: 2, apgdSteps: 3 });
    };
    await measure();
    unchanged();
    const tensors = tf.memory().numTensors;
    await measure();
    assert.equal(tf.memory().numTensors, tensors);
    const stop = new AbortController();
    setImmediate(() => stop.abort());
    await assert.rejects(worstCaseSharpness(objective, { radii: [1, 2], signal: stop.signal }), {
      name: 'AbortedError',
    });
    await assert.rejects(averageSharpness(objective, { radii: [1], signal: stop.signal }), {
      name: 'AbortedError',
    });
    assert.equal(tf.memory().numTensors, tensors);
    objective.dispose();
  }
  const failing = new ModelLoss(
    model,
    { xs, ys },
    {
      loss: () => {
        throw new Error('on purpose');
      },
    },
  );
  await assert.rejects(oneStepSharpness(failing, { radii: [1] }), /on purpose/);
  await assert.rejects(worstCaseSharpness(failing, { radii: [1] }), /on purpose/);
  failing.dispose();
  unchanged();
  tf.dispose([xs, ys]);
  model.dispose();
});

test('wrong options are told by name', async () => {
  const { objective, variable } = quadratic([[1]], [0], [1]);
  await assert.rejects(oneStepSharpness(objective, { radii: [] }), /radii/);
  await assert.rejects(worstCaseSharpness(objective, { radii: [-1] }), /radii/);
  await assert.rejects(worstCaseSharpness(objective, { radii: [1], norm: 'l1' as 'l2' }), /norm/);
  await assert.rejects(averageSharpness(objective, { radii: [1], draws: 0 }), /draws/);
  await assert.rejects(ascentQuality(objective, { k: 0 }), /k must be/);
  await assert.rejects(oneStepSharpness(objective, { radii: [1], eta: -1, adaptive: true }), /eta/);
  objective.dispose();
  variable.dispose();
});
