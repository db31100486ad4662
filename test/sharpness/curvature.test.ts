import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { OptionError } from 'lookbehind/errors';
import { Random } from 'lookbehind/extend';
import {
  hutchPlusPlus,
  measureCurvature,
  smoothDensity,
  spectralDensity,
  topEigenvalues,
} from 'lookbehind/sharpness';
import { diagonal, matrixOperator, quadratic } from './support';

const near = (a: number, b: number, tolerance: number): void =>
  assert.ok(Math.abs(a - b) <= tolerance, `${a} is not ${b}`);

/** A symmetric matrix with the given eigenvalues, rotated by random reflections. */
function withSpectrum(values: number[]): number[][] {
  const n = values.length;
  const random = new Random(3, 'spectrum');
  let a = diagonal(values);
  for (let reflection = 0; reflection < 3; reflection++) {
    const v = Array.from({ length: n }, () => random.normal());
    const scale = 2 / v.reduce((sum, x) => sum + x * x, 0);
    const reflect = (matrix: number[][]): number[][] =>
      matrix.map((row) => {
        const product = row.reduce((sum, x, j) => sum + x * v[j], 0) * scale;
        return row.map((x, j) => x - product * v[j]);
      });
    const transpose = (matrix: number[][]): number[][] => matrix.map((_, i) => matrix.map((row) => row[i]));
    a = transpose(reflect(transpose(reflect(a))));
  }
  return a;
}

const SPECTRUM = [...Array.from({ length: 56 }, (_, i) => i / 560), 3, 5, 5, -7];

test('largest, smallest and largest in magnitude, with a repeated value', async () => {
  const operator = matrixOperator(withSpectrum(SPECTRUM));
  const top = await topEigenvalues(operator, { count: 3, maxSteps: 60, tolerance: 1e-9, vectors: true });
  assert.ok(top.converged);
  for (const [i, value] of top.values.entries()) {
    const image = await operator.multiply(top.vectors![i]);
    const residual = Math.hypot(...image.map((x, j) => x - value * top.vectors![i][j]));
    assert.ok(residual <= top.residuals[i] + 1e-10, `${residual} ${top.residuals[i]}`);
  }
  near(top.values[0], 5, 1e-8);
  const bottom = await topEigenvalues(operator, { which: 'smallest', tolerance: 1e-9 });
  near(bottom.values[0], -7, 1e-8);
  const magnitude = await topEigenvalues(operator, { which: 'magnitude', count: 2, tolerance: 1e-9 });
  near(magnitude.values[0], -7, 1e-8);
  near(magnitude.values[1], 5, 1e-8);
  // After as many steps as there are rows, repeated values are found too.
  const all = await topEigenvalues(operator, { count: 60, maxSteps: 60, tolerance: 1e-12 });
  [...SPECTRUM]
    .sort((a, b) => b - a)
    .forEach((value, i) => {
      near(all.values[i], value, 1e-9);
    });
});

test('the identity and the zero matrix', async () => {
  for (const value of [1, 0]) {
    const operator = matrixOperator(diagonal(new Array(8).fill(value)));
    const { values, converged } = await topEigenvalues(operator, { count: 8 });
    assert.ok(converged);
    for (const found of values) near(found, value, 1e-14);
    const density = await spectralDensity(operator, { probes: 2, sigma: 0.1 });
    near(integral(density.grid, density.density), 1, 1e-3);
    near((await hutchPlusPlus(operator)).trace, 8 * value, 1e-12);
  }
});

test('the trace: exact when the products span the space, else within its error', async () => {
  const operator = matrixOperator(withSpectrum(SPECTRUM));
  const trace = SPECTRUM.reduce((sum, value) => sum + value, 0);
  const exact = await hutchPlusPlus(operator, { products: 180 });
  near(exact.trace, trace, 1e-10);
  const errors: number[] = [];
  for (let seed = 0; seed < 20; seed++) {
    const estimate = await hutchPlusPlus(operator, { products: 30, seed });
    assert.equal(estimate.products, 30);
    errors.push((estimate.trace - trace) / estimate.standardError);
  }
  // Errors in units of the standard error: spread about 1, so neither much too small nor much too large.
  const spread = Math.sqrt(errors.reduce((sum, error) => sum + error ** 2, 0) / errors.length);
  assert.ok(spread > 0.4 && spread < 2, `${spread}`);
});

test('the density integrates to 1 and has the moments of the spectrum', async () => {
  const values = [...new Array(40).fill(0), ...new Array(10).fill(2)];
  const operator = matrixOperator(withSpectrum(values));
  const { grid, density, standardError, quadratures } = await spectralDensity(operator, {
    probes: 30,
    steps: 10,
    sigma: 0.05,
    points: 2000,
  });
  near(integral(grid, density), 1, 1e-4);
  const mean = integral(
    grid,
    density.map((p, i) => p * grid[i]),
  );
  near(mean, 0.4, 0.15);
  // A fifth of the mass is at 2; the error bars cover the rest.
  const above = grid.map((t, i) => (t > 1 ? density[i] : 0));
  near(integral(grid, above), 0.2, 0.08);
  assert.ok(standardError.some((error) => error > 0));
  for (const { weights } of quadratures)
    near(
      weights.reduce((sum, w) => sum + w, 0),
      1,
      1e-12,
    );
  // On a full set of steps the quadrature of a probe is exact for its own density: its nodes are the
  // eigenvalues.
  for (const { nodes } of quadratures)
    for (const node of nodes) assert.ok(Math.min(Math.abs(node), Math.abs(node - 2)) < 1e-8, `${node}`);
});

test('quadratures can be smoothed again, on one grid for several operators', async () => {
  const made = await spectralDensity(matrixOperator(diagonal([0, 1, 1, 5])), {
    probes: 3,
    sigma: 0.3,
    points: 50,
  });
  assert.deepEqual(smoothDensity(made.quadratures, { sigma: 0.3, points: 50 }), made);
  const { grid, density, sigma } = smoothDensity(made.quadratures, {
    sigma: 0.1,
    range: [-2, 8],
    points: 2001,
  });
  assert.deepEqual([grid[0], grid[2000], sigma], [-2, 8, 0.1]);
  near(integral(grid, density), 1, 1e-4);
  assert.throws(() => smoothDensity([]), /quadratures must be/);
  assert.throws(() => smoothDensity(made.quadratures, { range: [1, 1] }), /range must be/);
});

test('everything at once agrees with each by itself', async () => {
  const { objective, variable } = quadratic(diagonal([5, 3, 1, -1]), [0, 0, 0, 0], [1, 0, 0, 0]);
  const tensors = tf.memory().numTensors;
  const { method, selfTest, largest, largestByLoss, smallest, trace, density } = await measureCurvature(
    objective,
    {
      count: 2,
      density: { probes: 2 },
    },
  );
  assert.equal(tf.memory().numTensors, tensors);
  assert.equal(method, 'exact');
  assert.ok(selfTest.asymmetry < 1e-5);
  near(largest.values[0], 5, 1e-4);
  near(largest.values[1], 3, 1e-4);
  near(largestByLoss, 5, 1e-2);
  assert.ok(!('vectors' in largest));
  near(smallest.values[0], -1, 1e-4);
  near(trace.trace, 8, 1e-4);
  near(integral(density!.grid, density!.density), 1, 1e-2);
  assert.equal((await measureCurvature(objective, { density: false })).density, undefined);
  await assert.rejects(measureCurvature(objective, { probes: 2 } as object), OptionError);
  objective.dispose();
  variable.dispose();
});

test('stopping', async () => {
  const operator = matrixOperator(diagonal([1, 2, 3]));
  const stop = new AbortController();
  stop.abort();
  const { signal } = stop;
  await assert.rejects(topEigenvalues(operator, { signal }), { name: 'AbortedError' });
  await assert.rejects(hutchPlusPlus(operator, { signal }), { name: 'AbortedError' });
  await assert.rejects(spectralDensity(operator, { signal }), { name: 'AbortedError' });
});

function integral(grid: number[], values: number[]): number {
  return grid.slice(1).reduce((sum, t, i) => sum + ((values[i] + values[i + 1]) / 2) * (t - grid[i]), 0);
}
