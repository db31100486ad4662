/** Eigenvalues that occur more than once, and a basis that is bounded. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { Random } from 'lookbehind/extend';
import { trajectoryComponents, trajectoryPlane } from 'lookbehind/landscape';
import { hessianOperator, topEigenvalues } from 'lookbehind/sharpness';
import { ModelLoss } from 'lookbehind/train';
import { diagonal, matrixOperator, quadratic } from './support';

const near = (found: ArrayLike<number>, expected: number[], tolerance: number): void => {
  assert.equal(found.length, expected.length);
  expected.forEach((value, i) => {
    assert.ok(Math.abs(found[i] - value) <= tolerance, `${Array.from(found)} is not ${expected}`);
  });
};

/** A diagonal matrix, turned by random reflections, as an operator that costs little. */
function turned(
  values: number[],
  seed: number,
): { size: number; multiply(v: Float64Array): Promise<Float64Array> } {
  const random = new Random(seed, 'turned');
  const mirrors = Array.from({ length: 3 }, () => {
    const v = Float64Array.from(values, () => random.normal());
    const size = Math.hypot(...v);
    return v.map((x) => x / size);
  });
  const reflect = (v: Float64Array, mirror: Float64Array): Float64Array => {
    const along = 2 * v.reduce((sum, x, i) => sum + x * mirror[i], 0);
    return v.map((x, i) => x - along * mirror[i]);
  };
  return {
    size: values.length,
    multiply: async (v) => {
      const inside = mirrors.reduce(reflect, v).map((x, i) => x * values[i]);
      return [...mirrors].reverse().reduce(reflect, inside);
    },
  };
}

const ORDERS = {
  largest: (a: number, b: number) => b - a,
  smallest: (a: number, b: number) => a - b,
  magnitude: (a: number, b: number) => Math.abs(b) - Math.abs(a),
};

test('a diagonal matrix with a threefold eigenvalue, in float64 and as a Hessian', async () => {
  const values = [2, 2, 2, 1, 0];
  const {
    values: found,
    converged,
    vectors,
  } = await topEigenvalues(matrixOperator(diagonal(values)), { count: 3, vectors: true });
  near(found, [2, 2, 2], 1e-12);
  assert.ok(converged);
  // The vectors are those of the first three coordinates, and orthonormal.
  for (const [i, v] of vectors!.entries()) {
    near(v.subarray(3), [0, 0], 1e-12);
    for (const [j, w] of vectors!.entries())
      near([v.reduce((sum, x, c) => sum + x * w[c], 0)], [i === j ? 1 : 0], 1e-12);
  }
  const { objective, variable } = quadratic(diagonal(values), [0, 0, 0, 0, 0], [0.1, 0.2, 0.3, 0.4, 0.5]);
  const hessian = await hessianOperator(objective);
  near((await topEigenvalues(hessian, { count: 5 })).values, values, 1e-5);
  hessian.dispose();
  objective.dispose();
  variable.dispose();
});

test('any spectrum with repeats: each eigenvalue as often as it occurs', async () => {
  const spectrum = fc.array(fc.tuple(fc.integer({ min: -5, max: 5 }), fc.integer({ min: 1, max: 4 })), {
    minLength: 1,
    maxLength: 12,
  });
  await fc.assert(
    fc.asyncProperty(
      spectrum,
      fc.constantFrom('largest', 'smallest', 'magnitude'),
      fc.integer({ min: 1, max: 6 }),
      fc.nat(1000),
      async (parts, which, wanted, seed) => {
        const values = parts.flatMap(([value, times]) => new Array<number>(times).fill(value));
        const count = Math.min(wanted, values.length);
        const operator = turned(values, seed);
        const found = await topEigenvalues(operator, { count, which, tolerance: 1e-9, vectors: true, seed });
        assert.ok(found.converged);
        const expected = [...values].sort(ORDERS[which]).slice(0, count);
        const sizes = which === 'magnitude' ? Math.abs : (x: number) => x;
        near(found.values.map(sizes), expected.map(sizes), 1e-7);
        for (const [i, v] of found.vectors!.entries()) {
          const image = await operator.multiply(v);
          near([Math.hypot(...image.map((x, c) => x - found.values[i] * v[c]))], [found.residuals[i]], 1e-7);
        }
      },
    ),
    { numRuns: 200 },
  );
});

test('copies among many small eigenvalues, and restarts of a full basis', async () => {
  const random = new Random(5, 'bulk');
  const bulk = Array.from({ length: 3000 }, () => 0.01 * random.uniform());
  const few = await topEigenvalues(turned([4, 4, 4, 3, 3, ...bulk], 1), { count: 6 });
  assert.ok(few.converged);
  near(few.values.slice(0, 5), [4, 4, 4, 3, 3], 1e-3);
  // Evenly spaced: the process needs several times the vectors that its basis holds.
  const even = Array.from({ length: 600 }, (_, i) => i / 600);
  for (const which of ['largest', 'smallest', 'magnitude'] as const) {
    const { values, converged, steps } = await topEigenvalues(turned([...even, even[599], even[0]], 2), {
      count: 3,
      which,
      tolerance: 1e-7,
      maxSteps: 2000,
    });
    assert.ok(converged && steps > 150, `${steps}`);
    near(values, [...even, even[599], even[0]].sort(ORDERS[which]).slice(0, 3), 1e-6);
  }
});

test('converged is said only where the search came to an end', async () => {
  const even = Array.from({ length: 600 }, (_, i) => i / 600);
  const { converged, steps } = await topEigenvalues(turned(even, 2), {
    count: 3,
    tolerance: 1e-7,
    maxSteps: 20,
  });
  assert.deepEqual([converged, steps], [false, 20]);
});

test('a head that begins at zero: each eigenvalue C - 1 times', async () => {
  // Softmax regression at zero weights: H = (I - 11'/C) / C (x) X'X / n; here X'X / n = diag(2, 0.5) and C =
  // 4.
  const xs = tf.tensor2d([
    [2, 0],
    [-2, 0],
    [0, 1],
    [0, -1],
  ]);
  const ys = tf.tensor1d([0, 1, 2, 3], 'int32');
  const model = tf.sequential({
    layers: [tf.layers.dense({ units: 4, inputShape: [2], useBias: false, kernelInitializer: 'zeros' })],
  });
  const objective = new ModelLoss(model, { xs, ys });
  const hessian = await hessianOperator(objective);
  const { values, converged } = await topEigenvalues(hessian, { count: 8 });
  near(values, [0.5, 0.5, 0.5, 0.125, 0.125, 0.125, 0, 0], 1e-5);
  assert.ok(converged);
  near((await topEigenvalues(hessian, { count: 4 })).values, [0.5, 0.5, 0.5, 0.125], 1e-4);
  hessian.dispose();
  objective.dispose();
  tf.dispose([xs, ys]);
  model.dispose();
});

test('the principal components of a square and of a simplex', async () => {
  const square = [
    [0, 0],
    [1, 0],
    [1, 1],
    [0, 1],
  ].map((point) => Float32Array.from(point));
  near((await trajectoryComponents(square, 2)).explained, [0.5, 0.5], 1e-9);
  const plane = await trajectoryPlane(square);
  for (const corner of square) assert.ok(plane.project(corner).outside < 1e-6);
  const simplex = Array.from({ length: 6 }, (_, i) =>
    Float32Array.from({ length: 6 }, (_, j) => (i === j ? 1 : 0)),
  );
  near((await trajectoryComponents(simplex, 5)).explained, [0.2, 0.2, 0.2, 0.2, 0.2], 1e-9);
});
