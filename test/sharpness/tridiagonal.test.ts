import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { tridiagonalEigen } from '../../lib/dist/sharpness/tridiagonal';

test('the second difference matrix has the eigenvalues 2 - 2 cos(pi j / (n + 1))', () => {
  for (const n of [1, 2, 3, 10, 101]) {
    const { values } = tridiagonalEigen(new Array(n).fill(2), new Array(n - 1).fill(-1));
    values.forEach((value, j) => {
      assert.ok(Math.abs(value - (2 - 2 * Math.cos((Math.PI * (j + 1)) / (n + 1)))) < 1e-13 * n);
    });
  }
});

test('T v = lambda v, orthonormal vectors, rising values: any matrix', () => {
  const entry = fc.oneof(
    fc.integer({ min: -9, max: 9 }),
    fc.double({ min: -10, max: 10, noNaN: true }).map((x) => (Math.abs(x) < 1e-150 ? 0 : x)),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(entry, entry), { minLength: 1, maxLength: 30 }), (rows) => {
      const d = rows.map(([x]) => x);
      const e = rows.slice(1).map(([, x]) => x);
      const { values, vectors } = tridiagonalEigen(d, e);
      const n = d.length;
      for (let j = 0; j < n; j++) {
        if (j > 0) assert.ok(values[j - 1] <= values[j]);
        const v = vectors[j];
        for (let i = 0; i < n; i++) {
          const image = d[i] * v[i] + (i > 0 ? e[i - 1] * v[i - 1] : 0) + (i < n - 1 ? e[i] * v[i + 1] : 0);
          assert.ok(Math.abs(image - values[j] * v[i]) < 1e-11, `${image} ${values[j] * v[i]}`);
        }
        for (let l = 0; l <= j; l++) {
          const product = v.reduce((sum, x, i) => sum + x * vectors[l][i], 0);
          assert.ok(Math.abs(product - (l === j ? 1 : 0)) < 1e-11);
        }
      }
    }),
    { numRuns: 300 },
  );
});

test('NaN is refused, not looped on', () => {
  assert.throws(() => tridiagonalEigen([1, Number.NaN, 2], [1, 1]), /did not converge/);
});
