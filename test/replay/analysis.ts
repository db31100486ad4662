/**
 * Replays an analysis golden file: sharpness, noise, Hessian and loss surface at the weights where a
 * trajectory ended.
 */

import * as tf from '@tensorflow/tfjs';
import { type Direction, lossSurface, normalizeDirection, Plane } from 'lookbehind/landscape';
import { hessianOperator, hutchPlusPlus, oneStepSharpness, topEigenvalues } from 'lookbehind/sharpness';
import { evaluateMany, functionLoss, ModelLoss, withWeights } from 'lookbehind/train';
import { evaluateSync } from '../../lib/dist/training/evaluate';
import type { FlatLoss } from '../../lib/dist/training/flatLoss';
import { Deviations, type Values } from './golden';
import { buildModel, type GoldenSetting, type ReplayModel } from './model';

interface Sharpness {
  radii: number[];
  sam: number[];
  asam: { eta: number; loss: number[] };
  mSharpness?: { m: number; value: number[]; maxLoss: number[] };
}

interface Noise {
  noise: Values;
  loss: number;
  accuracy?: number;
  batchStatistics?: { loss: number; accuracy: number };
}

interface Hessian {
  topEigenvalue: number;
  topEigenvalues: number[];
  minEigenvalue: number;
  largestAbsEigenvalue: number;
  trace: number;
  frobeniusNorm: number;
  vector: Values;
  hessianVectorProduct: Values;
}

interface SurfaceNumbers {
  normalization: string;
  rawDirections: [Values, Values];
  directions: [Values, Values];
  x: number[];
  y: number[];
  loss: number[][];
  accuracy?: number[][];
}

/** The parts of an analysis file that are replayed. */
export interface GoldenAnalysis extends GoldenSetting {
  base: { loss: number; gradient: Values; gradNorm: number; accuracy?: number };
  sharpness: Sharpness;
  noise: Noise[];
  hessian: Hessian;
  surface: SurfaceNumbers;
}

/**
 * Hessian numbers count relative to the largest eigenvalue, products relative to their length: see
 * `relative`.
 */
const TOLERANCES: Record<string, number> = {
  losses: 2e-5,
  gradients: 1e-4,
  accuracy: 0,
  directions: 2e-5,
  hessian: 1e-3,
};

/** The worst deviation of each kind of number. */
export async function replayAnalysis(file: unknown): Promise<Deviations> {
  const golden = file as GoldenAnalysis;
  const deviations = new Deviations(TOLERANCES);
  const model = buildModel(golden);
  const whole = objectiveFor(golden, model, golden.data?.count);
  try {
    replayBase(golden, model, whole, deviations);
    await replaySharpness(golden, model, whole, deviations);
    await replayNoise(golden, model, whole, deviations);
    await replayHessian(golden, whole, deviations);
    await replaySurface(golden, model, whole, deviations);
  } finally {
    whole.dispose();
    model.dispose();
  }
  return deviations;
}

function replayBase(
  { base, parameters }: GoldenAnalysis,
  model: ReplayModel,
  whole: FlatLoss,
  deviations: Deviations,
): void {
  const { loss, accuracy } = model.evaluate();
  deviations.compare('losses', loss, base.loss);
  if (base.accuracy !== undefined) deviations.compare('accuracy', accuracy!, base.accuracy);
  const gradient = tf.tidy(() => whole.gradient(whole.weights(), 0).gradient.dataSync());
  deviations.compare('gradients', gradient, flat(base.gradient, parameters));
  deviations.compare('gradients', Math.hypot(...gradient), base.gradNorm);
}

async function replaySharpness(
  golden: GoldenAnalysis,
  model: ReplayModel,
  whole: FlatLoss,
  deviations: Deviations,
): Promise<void> {
  const { radii, sam, asam, mSharpness } = golden.sharpness;
  deviations.compare('losses', (await oneStepSharpness(whole, { radii })).perturbedLosses, sam);
  const adaptive = await oneStepSharpness(whole, { radii, adaptive: true, eta: asam.eta });
  deviations.compare('losses', adaptive.perturbedLosses, asam.loss);
  if (mSharpness === undefined) return;
  const batches = objectiveFor(golden, model, mSharpness.m);
  const { values, perturbedLosses } = await oneStepSharpness(batches, { radii });
  deviations.compare('losses', values, mSharpness.value);
  deviations.compare('losses', perturbedLosses, mSharpness.maxLoss);
  batches.dispose();
}

async function replayNoise(
  golden: GoldenAnalysis,
  model: ReplayModel,
  whole: FlatLoss,
  deviations: Deviations,
): Promise<void> {
  for (const { noise, loss, accuracy, batchStatistics } of golden.noise) {
    const noisy = golden.parameters.map(({ name, shape, values }) =>
      tf.tensor(
        values.map((w, i) => w * (1 + noise[name][i])),
        shape,
      ),
    );
    if (model.network === undefined) {
      const found = tf.tidy(() =>
        whole.loss(tf.concat(noisy.map((w) => tf.reshape(w, [-1]))) as tf.Tensor1D, 0).dataSync(),
      );
      deviations.compare('losses', found, [loss]);
    } else {
      const samples = samplesOf(golden);
      const found = await evaluateMany(model.network, samples, [noisy]);
      deviations.compare('losses', found.losses, [loss]);
      deviations.compare('accuracy', found.accuracies, [accuracy!]);
      if (batchStatistics !== undefined) {
        const options = { batchSize: golden.data!.count, batchNorm: 'batch' } as const;
        const found = withWeights(model.variables, noisy, () =>
          evaluateSync(model.network!, samples, options),
        );
        deviations.compare('losses', found.loss, batchStatistics.loss);
        deviations.compare('accuracy', found.accuracy, batchStatistics.accuracy);
      }
      tf.dispose([samples.xs, samples.ys]);
    }
    tf.dispose(noisy);
  }
}

async function replayHessian(
  { hessian, parameters }: GoldenAnalysis,
  whole: FlatLoss,
  deviations: Deviations,
): Promise<void> {
  const operator = await hessianOperator(whole, { method: 'exact' });
  const scale = Math.abs(hessian.largestAbsEigenvalue);
  const relative = (actual: ArrayLike<number>, expected: ArrayLike<number>, unit: number): void =>
    deviations.compare(
      'hessian',
      Array.from(actual, (value) => value / unit),
      Array.from(expected, (value) => value / unit),
    );

  const expected = flat(hessian.hessianVectorProduct, parameters);
  const product = await operator.multiply(Float64Array.from(flat(hessian.vector, parameters)));
  relative(product, expected, Math.hypot(...expected));

  const all = { maxSteps: whole.size, tolerance: 1e-5 };
  const top = await topEigenvalues(operator, { ...all, count: hessian.topEigenvalues.length });
  relative(top.values, hessian.topEigenvalues, scale);
  relative(
    (await topEigenvalues(operator, { ...all, which: 'smallest' })).values,
    [hessian.minEigenvalue],
    scale,
  );
  relative(
    (await topEigenvalues(operator, { ...all, which: 'magnitude' })).values,
    [hessian.largestAbsEigenvalue],
    scale,
  );
  // With three times as many products as weights the trace is exact.
  relative(
    [(await hutchPlusPlus(operator, { products: Math.max(6, 3 * whole.size) })).trace],
    [hessian.trace],
    scale,
  );

  let squares = 0;
  for (let i = 0; i < whole.size; i++) {
    const unit = new Float64Array(whole.size);
    unit[i] = 1;
    for (const value of await operator.multiply(unit)) squares += value ** 2;
  }
  relative([Math.sqrt(squares)], [hessian.frobeniusNorm], scale);
  operator.dispose();
}

async function replaySurface(
  golden: GoldenAnalysis,
  model: ReplayModel,
  whole: FlatLoss,
  deviations: Deviations,
): Promise<void> {
  const { normalization, rawDirections, directions, x, y, loss, accuracy } = golden.surface;
  const origin = tf.tidy(() => whole.weights().dataSync()) as Float32Array;
  const [dx, dy] = rawDirections.map((raw, i): Direction => {
    const direction = { label: `${i}`, values: Float32Array.from(flat(raw, golden.parameters)) };
    return normalization === 'none' ? direction : normalizeDirection(model.network!, direction);
  });
  deviations.compare('directions', dx.values, flat(directions[0], golden.parameters));
  deviations.compare('directions', dy.values, flat(directions[1], golden.parameters));
  const plane = new Plane(origin, dx, dy);
  if (model.network === undefined) {
    const at = (a: number, b: number): number =>
      tf.tidy(() => whole.loss(tf.tensor1d(plane.at(a, b)), 0).dataSync()[0]);
    deviations.compare(
      'losses',
      x.flatMap((a) => y.map((b) => at(a, b))),
      loss.flat(),
    );
    return;
  }
  const samples = samplesOf(golden);
  const surface = await lossSurface(model.network, samples, { plane, x: axis(x), y: axis(y) });
  deviations.compare('losses', surface.loss.flat(), loss.flat());
  deviations.compare('accuracy', surface.accuracy.flat(), accuracy!.flat());
  tf.dispose([samples.xs, samples.ys]);
}

function objectiveFor(golden: GoldenAnalysis, model: ReplayModel, batchSize: number | undefined): FlatLoss {
  if (model.network === undefined) {
    const adaptive = new Map(
      golden.parameters.map((parameter, i) => [model.variables[i].id, parameter.adaptive]),
    );
    return functionLoss(model.variables, () => model.loss(undefined), {
      adaptive: ({ id }) => adaptive.get(id)!,
    });
  }
  const samples = samplesOf(golden);
  const objective = new ModelLoss(model.network, samples, { batchSize });
  tf.dispose([samples.xs, samples.ys]);
  return objective;
}

function samplesOf({ data, model }: GoldenAnalysis): { xs: tf.Tensor; ys: tf.Tensor } {
  const { count, inputs, labels } = data!;
  return { xs: tf.tensor(inputs, [count, ...model.inputShape!]), ys: tf.tensor1d(labels, 'int32') };
}

function flat(values: Values, parameters: GoldenSetting['parameters']): number[] {
  return parameters.flatMap(({ name }) => values[name]);
}

function axis(coordinates: number[]): { from: number; to: number; points: number } {
  return { from: coordinates[0], to: coordinates.at(-1)!, points: coordinates.length };
}
