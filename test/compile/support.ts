/** What the tests of the runtime share. */
import 'lookbehind/compile';
import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs';

/** All numbers of a list of tensors, in order. */
export function numbersOf(tensors: tf.Tensor | readonly tf.Tensor[]): number[] {
  return [tensors].flat().flatMap((tensor) => [...tensor.dataSync()]);
}

/** Asserts |actual - expected| <= tolerance * max(1, |expected|), number by number. NaN equals NaN. */
export function assertClose(
  actual: readonly number[],
  expected: readonly number[],
  tolerance: number,
  what = '',
): void {
  assert.equal(actual.length, expected.length, `${what}: number of values`);
  const differs = (a: number, b: number) =>
    !Object.is(a, b) && !(Math.abs(a - b) <= tolerance * Math.max(1, Math.abs(b)));
  const worst = actual.findIndex((value, i) => differs(value, expected[i]));
  assert.equal(
    worst,
    -1,
    `${what}: at ${worst}, ${actual[worst]} is not ${expected[worst]} within ${tolerance}`,
  );
}

/** ||a - b|| / ||b||. */
export function relativeError(a: readonly number[], b: readonly number[]): number {
  const norm = (values: number[]) => Math.hypot(...values);
  return norm(a.map((value, i) => value - b[i])) / norm([...b]);
}

/** Asserts that `fn` leaves the number of tensors as it was. */
export function assertNoLeak<T>(fn: () => T): T {
  const before = tf.memory().numTensors;
  const result = fn();
  assert.equal(tf.memory().numTensors, before, 'number of tensors');
  return result;
}

/** A tensor of reproducible normal numbers. */
export function normal(shape: number[], seed: number, standardDeviation = 1): tf.Tensor {
  return tf.randomNormal(shape, 0, standardDeviation, 'float32', seed);
}
