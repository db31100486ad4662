/**
 * Shared by the tests of noise models: sites with known or drawn numbers, and moments with confidence bounds.
 */
import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs';
import type { NoiseSite, WeightTensor } from 'lookbehind/extend';
import { type DifferentiableNoise, NoiseDraw } from 'lookbehind/robustness';

/** A kernel of the given shape. */
export function kernel(...shape: number[]): WeightTensor {
  return { name: 'layer/kernel', role: 'kernel', ordinal: 0, shape };
}

/** A site whose draws are those of `seed`. */
export function drawnSite(tensor: WeightTensor, seed = 0, draw = 0): NoiseSite {
  return new NoiseDraw(seed, draw).site(tensor);
}

/** A site whose every random number is given. */
export function fixedSite(
  tensor: WeightTensor,
  { normal = 0, uniform = 0.5 }: { normal?: number; uniform?: number },
): NoiseSite {
  const size = tensor.shape.reduce((product, n) => product * n, 1);
  return {
    ...tensor,
    normals: () => new Float32Array(size).fill(normal),
    uniforms: () => new Float32Array(size).fill(uniform),
  };
}

/** Mean and standard deviation. */
export function moments(values: ArrayLike<number>): { mean: number; std: number; n: number } {
  const n = values.length;
  let sum = 0;
  for (let i = 0; i < n; i++) sum += values[i];
  const mean = sum / n;
  let squares = 0;
  for (let i = 0; i < n; i++) squares += (values[i] - mean) ** 2;
  return { mean, std: Math.sqrt(squares / (n - 1)), n };
}

/** Asserts mean and standard deviation of normal samples to five standard errors. */
export function assertNormal(values: ArrayLike<number>, mean: number, std: number, what: string): void {
  const sample = moments(values);
  assertClose(sample.mean, mean, (5 * std) / Math.sqrt(sample.n), `${what}: mean`);
  assertClose(sample.std, std, (5 * std) / Math.sqrt(2 * sample.n), `${what}: standard deviation`);
}

/** Asserts |actual - expected| <= tolerance. */
export function assertClose(actual: number, expected: number, tolerance: number, what: string): void {
  assert.ok(
    Math.abs(actual - expected) <= tolerance,
    `${what}: ${actual}, expected ${expected} to within ${tolerance}`,
  );
}

/** Asserts two arrays equal to within an absolute tolerance. */
export function assertAllClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  what: string,
): void {
  assert.equal(actual.length, expected.length, `${what}: length`);
  for (let i = 0; i < actual.length; i++) assertClose(actual[i], expected[i], tolerance, `${what} [${i}]`);
}

/** The value and gradient of the tensor form, with the numbers of `site`. */
export function tensorForm(
  noise: DifferentiableNoise,
  weights: Float32Array,
  site: NoiseSite,
): { values: Float32Array; gradient: Float32Array } {
  const shape = [...site.shape];
  return tf.tidy(() => {
    const tensorSite = {
      ...site,
      normals: (stream: string) => tf.tensor(site.normals(stream), shape),
      uniforms: (stream: string) => tf.tensor(site.uniforms(stream), shape),
    };
    const { value, grad } = tf.valueAndGrad((w: tf.Tensor) => noise.perturb(w, tensorSite))(
      tf.tensor(weights, shape),
    );
    return { values: value.dataSync() as Float32Array, gradient: grad.dataSync() as Float32Array };
  });
}
