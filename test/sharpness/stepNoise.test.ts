/**
 * Bias and variance of one step: against closed forms on round bowls, and a second implementation on long
 * ones.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { OptionError } from 'lookbehind/errors';
import { stepNoise } from 'lookbehind/sharpness';
import { ModelLoss } from 'lookbehind/train';

const CLOSE = 2e-5;

/** A linear model without bias whose batch b has the loss sum_j scale_j (w_j - c_bj)^2 / 2, at w = 0. */
function bowls(
  centers: readonly number[][],
  scales: readonly number[],
): { loss: ModelLoss; dispose: () => void } {
  const n = scales.length;
  const layer = tf.layers.dense({ units: 1, useBias: false, inputShape: [n], kernelInitializer: 'zeros' });
  const model = tf.sequential({ layers: [layer] });
  const rows = scales.map((scale, j) => scales.map((_, i) => (i === j ? Math.sqrt((scale * n) / 2) : 0)));
  const xs = tf.tensor2d(centers.flatMap(() => rows));
  const ys = tf.tensor2d(centers.flatMap((center) => center.map((c, j) => [c * rows[j]![j]!])));
  const loss = new ModelLoss(
    model,
    { xs, ys },
    {
      batchSize: n,
      loss: (wanted, outputs) => tf.mean(tf.square(tf.sub(outputs, wanted))) as tf.Scalar,
    },
  );
  const dispose = (): void => {
    loss.dispose();
    tf.dispose([xs, ys]);
    model.dispose();
  };
  return { loss, dispose };
}

const length = (a: readonly number[]): number => Math.hypot(...a);
const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, x, i) => sum + x * b[i]!, 0);
const cosine = (a: readonly number[], b: readonly number[]): number => dot(a, b) / length(a) / length(b);
const mean = (rows: readonly number[][]): number[] =>
  rows[0]!.map((_, j) => rows.reduce((sum, row) => sum + row[j]!, 0) / rows.length);
const average = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
const spreadOf = (rows: readonly number[][], divisor: number): number => {
  const middle = mean(rows);
  const squares = rows.map((row) => dot(row, row) - 2 * dot(row, middle) + dot(middle, middle));
  return squares.reduce((a, b) => a + b, 0) / divisor / dot(middle, middle);
};

const centers = [
  [1, 2, -1],
  [-0.5, 1, 0.7],
  [0.2, -1.5, 1],
  [1.2, 0.3, 0.4],
];

describe('on round bowls, where all paths are straight', () => {
  // Gradient w - c: along the path |g| grows by rho with each step, its direction stays.
  const gradients = centers.map((center) => center.map((c) => -c));
  const whole = mean(gradients);
  for (const path of ['lookbehind', 'straight'] as const) {
    for (const momentum of [0, 0.9]) {
      it(`${path}, momentum ${momentum}: the closed form`, async () => {
        const [k, rho] = [4, 0.3];
        const { loss, dispose } = bowls(centers, [1, 1, 1]);
        const found = await stepNoise(loss, { path, k, rho, momentum });
        dispose();
        const weights = [1, 2, 3, 4].map((i) =>
          momentum === 0 ? k - i + 1 : (1 - momentum ** (k - i + 1)) / (1 - momentum),
        );
        const plain = momentum === 0 ? [1, 1, 1, 1] : weights;
        const steps = gradients.map((g) => {
          const far =
            plain.reduce((sum, c, i) => sum + c * (i + 1) * rho, 0) / plain.reduce((a, b) => a + b, 0);
          return g.map((x) => x * (1 + far / length(g)));
        });
        const along = gradients.map(
          (g) => (rho ** 2 * (k ** 2 - 1)) / 12 / (length(g) + ((k + 1) / 2) * rho) ** 2,
        );
        for (const [name, wanted] of Object.entries({
          samCosine: average(steps.map((step) => cosine(step, whole))),
          apgdCosine: average(steps.map((step) => cosine(step, whole))),
          meanSamCosine: cosine(mean(steps), whole),
          meanApgdCosine: cosine(mean(steps), whole),
          betweenBatches: spreadOf(steps, steps.length - 1),
          alongPath: average(along),
          radius: 0.75,
          batches: 4,
        })) {
          const value = found[name as keyof typeof found];
          assert.ok(
            Math.abs(value - wanted) < CLOSE * Math.max(1, Math.abs(wanted)),
            `${name} is ${value}, not ${wanted}`,
          );
        }
      });
    }
  }
});

describe('on long bowls', () => {
  const scales = [4, 1, 0.25];
  const gradient = (w: readonly number[], batch: number): number[] =>
    w.map((x, j) => scales[j]! * (x - centers[batch]![j]!));
  const climb = (w: readonly number[], g: readonly number[], far: number): number[] =>
    w.map((x, j) => x + (far * g[j]!) / length(g));
  const [k, rho] = [3, 0.4];
  const origin = [0, 0, 0];

  /** The gradients that descend, written out once more. */
  const paths = {
    lookbehind: (batch: (i: number) => number): number[][] => {
      let p = origin;
      return [0, 1, 2].map((i) => {
        p = climb(p, gradient(p, batch(i)), rho);
        return gradient(p, batch(i));
      });
    },
    straight: (batch: (i: number) => number) =>
      [1, 2, 3].map((i) => gradient(climb(origin, gradient(origin, batch(0)), i * rho), batch(i - 1))),
    repeated: (batch: (i: number) => number) => [
      gradient(climb(origin, gradient(origin, batch(0)), 2 * rho), batch(0)),
    ],
    multistep: (batch: (i: number) => number) => paths.lookbehind(batch).slice(-1),
  };

  for (const [path, walk] of Object.entries(paths) as [
    keyof typeof paths,
    (batch: (i: number) => number) => number[][],
  ][]) {
    for (const switchBatches of [false, true]) {
      it(`${path}${switchBatches ? ', a batch for each step' : ''}: a second implementation`, async () => {
        const { loss, dispose } = bowls(centers, scales);
        const before = tf.memory().numTensors;
        const found = await stepNoise(loss, { path, k, rho, switchBatches, radius: 0.5 });
        const kept = tf.memory().numTensors;
        await stepNoise(loss, { path, k, rho, switchBatches, radius: 0.5 });
        assert.equal(tf.memory().numTensors, kept, 'no tensor leaks');
        assert.ok(kept - before < 40, 'but for batches that are held');
        dispose();
        const walks = [0, 1, 2, 3].map((b) => walk((i) => (b + (switchBatches ? i : 0)) % 4));
        const steps = walks.map(mean);
        const all = (w: readonly number[]): number[] => mean([0, 1, 2, 3].map((b) => gradient(w, b)));
        const sam = all(climb(origin, all(origin), 0.5));
        const expected = {
          samCosine: average(steps.map((step) => cosine(step, sam))),
          meanSamCosine: cosine(mean(steps), sam),
          // Two of four steps share two of three batches: a third of the variance is seen.
          betweenBatches: spreadOf(steps, switchBatches && walks[0]!.length === k ? 1 : 3),
          alongPath: average(walks.map((gradients) => spreadOf(gradients, gradients.length))),
        };
        for (const [name, wanted] of Object.entries(expected)) {
          const value = found[name as keyof typeof found];
          assert.ok(
            Math.abs(value - wanted) < CLOSE * Math.max(1, Math.abs(wanted)),
            `${name} is ${value}, not ${wanted}`,
          );
        }
        assert.equal(found.radius, 0.5);
      });
    }
  }

  it('k gradients of fresh batches have a k-th of the variance, though steps share batches', async () => {
    // Batches of which each differs from the mean in a direction of its own, by as much: no chance is left.
    const own = Array.from({ length: 8 }, (_, b) => Array.from({ length: 8 }, (_, j) => (j === b ? 2 : 1)));
    const { loss, dispose } = bowls(own, new Array(8).fill(1));
    const noise = async (options: object): Promise<number> =>
      (await stepNoise(loss, { k: 5, rho: 0, radius: 0.1, apgdSteps: 1, ...options })).betweenBatches;
    const one = await noise({});
    const fresh = await noise({ switchBatches: true });
    const weighted = await noise({ switchBatches: true, momentum: 0.9 });
    const all = await noise({ switchBatches: true, k: 8 });
    dispose();
    assert.ok(Math.abs(fresh / one - 1 / 5) < 1e-4, String(fresh / one));
    const weights = [1, 2, 3, 4, 5].map((i) => 1 - 0.9 ** (6 - i));
    const wanted = dot(weights, weights) / weights.reduce((a, b) => a + b) ** 2;
    assert.ok(Math.abs(weighted / one - wanted) < 1e-4, String(weighted / one));
    assert.ok(Number.isNaN(all), 'all steps have all batches');
  });

  it('the worst point is that of the largest loss: compared with a search over the sphere', async () => {
    const { loss, dispose } = bowls(centers, scales);
    const found = await stepNoise(loss, { k: 1, rho: 0.8, apgdSteps: 60 });
    dispose();
    const center = mean(centers);
    const height = (w: readonly number[]): number =>
      w.reduce((sum, x, j) => sum + scales[j]! * (x - center[j]!) ** 2, 0);
    let best = origin;
    for (let i = 0; i < 200; i++) {
      for (let j = 0; j < 200; j++) {
        const [theta, phi] = [(Math.PI * i) / 199, (2 * Math.PI * j) / 200];
        const point = [Math.sin(theta) * Math.cos(phi), Math.sin(theta) * Math.sin(phi), Math.cos(theta)].map(
          (x) => 0.8 * x,
        );
        if (height(point) > height(best)) best = point;
      }
    }
    const worst = best.map((x, j) => scales[j]! * (x - center[j]!));
    const steps = [0, 1, 2, 3].map((b) => gradient(climb(origin, gradient(origin, b), 0.8), b));
    assert.ok(Math.abs(found.apgdCosine - average(steps.map((step) => cosine(step, worst)))) < 5e-3);
  });

  it('refuses wrong options', async () => {
    const { loss, dispose } = bowls(centers, scales);
    for (const wrong of [{ k: 0 }, { momentum: 1 }, { path: 'bent' }, { rho: -1 }]) {
      await assert.rejects(stepNoise(loss, wrong as never), OptionError);
    }
    dispose();
  });
});
