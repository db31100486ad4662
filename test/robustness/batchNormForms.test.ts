/**
 * BatchNorm inside of wrappers and nested models: its statistics and its convention, against sums over plain
 * arrays.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { compile, setBatchNormConvention } from 'lookbehind/compile';
import { Random } from 'lookbehind/extend';
import { recomputeBatchNorm } from 'lookbehind/robustness';
import { withBatchNormUpdates } from '../../lib/dist/core/batchNorm';

const [SAMPLES, STEPS, FEATURES] = [5, 3, 2];

type Symbolic = tf.SymbolicTensor;

/** Samples `[n, time, features]`. */
function sequences(): { xs: tf.Tensor3D; ys: tf.Tensor1D; values: number[][][] } {
  const random = new Random(1, 'sequences');
  const xs = tf.tensor3d(random.normals(SAMPLES * STEPS * FEATURES, 1, 2), [SAMPLES, STEPS, FEATURES]);
  return { xs, ys: tf.zeros([SAMPLES], 'int32') as tf.Tensor1D, values: xs.arraySync() };
}

function momentsOf(rows: number[][]): { mean: number[]; variance: number[] } {
  const mean = rows[0].map((_, c) => rows.reduce((sum, row) => sum + row[c], 0) / rows.length);
  const variance = mean.map((m, c) => rows.reduce((sum, row) => sum + (row[c] - m) ** 2, 0) / rows.length);
  return { mean, variance };
}

/** What each time step has, and the means of that over the steps. */
function overSteps(values: number[][][]): {
  mean: number[];
  variance: number[];
  steps: ReturnType<typeof momentsOf>[];
} {
  const steps = Array.from({ length: STEPS }, (_, t) => momentsOf(values.map((sample) => sample[t])));
  const meanOf = (what: 'mean' | 'variance'): number[] =>
    Array.from({ length: FEATURES }, (_, c) => steps.reduce((sum, step) => sum + step[what][c], 0) / STEPS);
  return { mean: meanOf('mean'), variance: meanOf('variance'), steps };
}

function assertClose(actual: ArrayLike<number>, expected: readonly number[]): void {
  assert.equal(actual.length, expected.length);
  expected.forEach((value, i) => {
    assert.ok(
      Math.abs(actual[i] - value) < 1e-4 * Math.max(1, Math.abs(value)),
      `${actual[i]} in place of ${value}`,
    );
  });
}

/** Moving mean and variance, the only BatchNorm layer's. */
function statistics(model: tf.LayersModel): Float32Array[] {
  const found = model.weights.filter(({ originalName }) => originalName.includes('moving_'));
  assert.equal(found.length, 2);
  return found.map((weight) => weight.read().dataSync() as Float32Array);
}

/** Models with one BatchNorm layer inside of TimeDistributed. */
const FORMS: Record<string, () => tf.LayersModel> = {
  'in TimeDistributed': () => {
    const norm = tf.layers.batchNormalization({ momentum: 0.9 });
    return tf.sequential({
      layers: [tf.layers.timeDistributed({ layer: norm, inputShape: [STEPS, FEATURES] })],
    });
  },
  'in a model in TimeDistributed': () => {
    const inner = tf.sequential({
      layers: [tf.layers.batchNormalization({ momentum: 0.9, inputShape: [FEATURES] })],
    });
    return tf.sequential({
      layers: [tf.layers.timeDistributed({ layer: inner, inputShape: [STEPS, FEATURES] })],
    });
  },
  'in TimeDistributed in a model': () => {
    const norm = tf.layers.batchNormalization({ momentum: 0.9 });
    const inner = tf.sequential({
      layers: [tf.layers.timeDistributed({ layer: norm, inputShape: [STEPS, FEATURES] })],
    });
    const input = tf.input({ shape: [STEPS, FEATURES] });
    return tf.model({ inputs: input, outputs: inner.apply(input) as Symbolic });
  },
};

for (const [name, build] of Object.entries(FORMS)) {
  test(`BatchNorm ${name}: its statistics are recomputed`, async () => {
    const model = build();
    const { xs, ys, values } = sequences();
    const tensors = tf.memory().numTensors;
    await recomputeBatchNorm(model, { data: { xs, ys } });
    assert.equal(tf.memory().numTensors, tensors);
    const [mean, variance] = statistics(model);
    const expected = overSteps(values);
    assertClose(mean, expected.mean);
    assertClose(variance, expected.variance);
    tf.dispose([xs, ys]);
    model.dispose();
  });

  test(`BatchNorm ${name}: PyTorch's convention takes the unbiased variance`, () => {
    const { xs, ys, values } = sequences();
    const { steps } = overSteps(values);
    for (const [convention, factor] of [
      ['tensorflow', 1],
      ['pytorch', SAMPLES / (SAMPLES - 1)],
    ] as const) {
      const model = build();
      setBatchNormConvention(model, convention);
      tf.tidy(() => void model.apply(xs, { training: true }));
      const expected = steps.reduce(
        (moving, step) => moving.map((value, c) => 0.9 * value + 0.1 * factor * step.variance[c]),
        [1, 1],
      );
      assertClose(statistics(model)[1], expected);
      model.dispose();
    }
    tf.dispose([xs, ys]);
  });
}

for (const axis of [-1, 1]) {
  for (const eager of [true, false]) {
    test(`a pass that stands for two leaves the statistics of two, axis ${axis}, ${eager ? 'op by op' : 'compiled'}`, () => {
      const { xs, ys, values } = sequences();
      const shape = [STEPS, 1, FEATURES];
      const input = tf.input({ shape });
      const norm = tf.layers.batchNormalization({ momentum: 0.9, axis });
      const model = tf.model({
        inputs: input,
        outputs: tf.layers.timeDistributed({ layer: norm }).apply(input) as Symbolic,
      });
      model.setWeights(model.getWeights().map((weight, i) => tf.fill(weight.shape, 0.5 + i)));
      const pass = compile(
        (x: tf.Tensor) =>
          withBatchNormUpdates(2, () =>
            tf.tidy(() => tf.sum(model.apply(x, { training: true }) as tf.Tensor)),
          ),
        { eager: eager || undefined },
      );
      const { steps } = overSteps(values);
      // Along axis 1 there is one channel, of all features.
      const moments =
        axis === -1
          ? steps
          : steps.map((_, t) => momentsOf(values.flatMap((sample) => sample[t].map((x) => [x]))));
      let [mean, variance] = statistics(model).map((values) => [...values]);
      const batch = xs.reshape([SAMPLES, ...shape]);
      const tensors = tf.memory().numTensors;
      for (let repeat = 0; repeat < 2; repeat++) {
        pass(batch).dispose();
        for (const step of [...moments, ...moments]) {
          mean = mean.map((value, c) => 0.9 * value + 0.1 * step.mean[c]);
          variance = variance.map((value, c) => 0.9 * value + 0.1 * step.variance[c]);
        }
        assertClose(statistics(model)[0], mean);
        assertClose(statistics(model)[1], variance);
      }
      assert.equal(tf.memory().numTensors, tensors);
      pass.dispose();
      tf.dispose([xs, ys, batch]);
      model.dispose();
    });
  }
}

test('a BatchNorm layer that is called twice has the mean over its calls', async () => {
  const norm = tf.layers.batchNormalization({ momentum: 0.8, scale: false, center: false });
  const input = tf.input({ shape: [FEATURES] });
  const once = norm.apply(input) as Symbolic;
  const model = tf.model({ inputs: input, outputs: norm.apply(once) as Symbolic });
  const { xs, ys, values } = sequences();
  const rows = values.map(([first]) => first);
  const first = tf.tidy(() =>
    tf.keep(tf.slice(xs, [0, 0, 0], [SAMPLES, 1, FEATURES]).reshape([SAMPLES, FEATURES])),
  );
  await recomputeBatchNorm(model, { data: { xs: first, ys } });
  const { mean, variance } = momentsOf(rows);
  // The second call sees mean 0 and variance v / (v + epsilon).
  assertClose(
    statistics(model)[0],
    mean.map((m) => m / 2),
  );
  assertClose(
    statistics(model)[1],
    variance.map((v) => (v + v / (v + 1e-3)) / 2),
  );
  tf.dispose([xs, ys, first]);
  model.dispose();
});
