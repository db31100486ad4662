import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OptionError } from 'lookbehind/errors';
import { distanceToCurve } from 'lookbehind/statistics';

const line = (x: number[], f: (x: number) => number) => ({ x, y: x.map(f) });

test('curves that are straight over log x have the distance of their formulas', () => {
  const reference = line([0.01, 0.1, 1], (x) => 30 + 4 * Math.log10(x));
  assert.ok(
    distanceToCurve(
      line([0.02, 0.05, 0.3], (x) => 30 + 4 * Math.log10(x)),
      reference,
    ) < 1e-12,
  );
  assert.ok(
    Math.abs(
      distanceToCurve(
        line([0.02, 0.05, 0.3], (x) => 27.5 + 4 * Math.log10(x)),
        reference,
      ) - 2.5,
    ) < 1e-12,
  );
  const shifted = distanceToCurve(
    line([0.1 * 2, 0.1 * 5], (x) => 30 + 4 * Math.log10(x / 2)),
    reference,
  );
  assert.ok(Math.abs(shifted - 4 * Math.log10(2)) < 1e-12, 'a shift on the scale');
});

test('only what both have seen counts', () => {
  const reference = { x: [0.1, 0.2, 0.4], y: [1, 2, Number.NaN] };
  assert.equal(distanceToCurve({ x: [0.05, 0.1, 0.2, 0.3, 0.8], y: [9, 1.5, 2.25, 7, 9] }, reference), 0.375);
  assert.ok(Number.isNaN(distanceToCurve({ x: [1], y: [1] }, reference)));
});

test('what is no curve is refused', () => {
  const good = { x: [1, 2], y: [1, 2] };
  for (const bad of [
    { x: [1], y: [1, 2] },
    { x: [2, 1], y: [1, 2] },
    { x: [0, 1], y: [1, 2] },
  ]) {
    assert.throws(() => distanceToCurve(bad, good), OptionError);
    assert.throws(() => distanceToCurve(good, bad), OptionError);
  }
});
