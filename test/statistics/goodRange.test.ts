import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { OptionError } from 'lookbehind/errors';
import { goodRange } from 'lookbehind/statistics';

const x = [0.01, 0.02, 0.05, 0.1, 0.2];

test('the range of a valley', () => {
  assert.deepEqual(goodRange({ x, y: [30, 26, 25.5, 26.25, 40] }, { tolerance: 0.75 }), {
    best: 0.05,
    value: 25.5,
    low: 0.02,
    high: 0.1,
    factor: 5,
    open: { low: false, high: false },
  });
});

test('a second valley does not count, and failed runs end the range', () => {
  const two = goodRange({ x, y: [25.2, 90, 25, Number.NaN, 25] }, { tolerance: 1 });
  assert.deepEqual([two.best, two.low, two.high, two.factor], [0.05, 0.05, 0.05, 1]);
});

test('a curve that ends while it is good is open', () => {
  assert.deepEqual(goodRange({ x, y: [25, 25.5, 27, 28, 29] }, { tolerance: 1 }).open, {
    low: true,
    high: false,
  });
  assert.deepEqual(goodRange({ x, y: [29, 28, 27, 25.5, 25] }, { tolerance: 1 }).open, {
    low: false,
    high: true,
  });
});

test('nothing finite: nothing good', () => {
  const none = goodRange({ x: [1, 2], y: [Number.NaN, Number.POSITIVE_INFINITY] }, { tolerance: 1 });
  assert.ok([none.best, none.value, none.low, none.high, none.factor].every(Number.isNaN));
});

const curves = fc
  .uniqueArray(fc.double({ min: 1e-3, max: 10, noNaN: true }), { minLength: 1, maxLength: 8 })
  .chain((xs) =>
    fc.record({
      x: fc.constant([...xs].sort((a, b) => a - b)),
      y: fc.array(fc.double({ min: -50, max: 50, noNaN: true }), {
        minLength: xs.length,
        maxLength: xs.length,
      }),
    }),
  );

test('the range holds the best, only good points, and no more could be added', () => {
  fc.assert(
    fc.property(curves, fc.double({ min: 0, max: 20, noNaN: true }), (curve, tolerance) => {
      const { best, value, low, high, factor } = goodRange(curve, { tolerance });
      assert.ok(value === Math.min(...curve.y));
      assert.ok(low <= best && best <= high && factor >= 1);
      const good = curve.y.map((y) => y <= value + tolerance);
      const [first, last] = [curve.x.indexOf(low), curve.x.indexOf(high)];
      assert.ok(good.slice(first, last + 1).every(Boolean));
      assert.ok(!good[first - 1] && !good[last + 1]);
    }),
  );
});

test('the highest of a curve is the lowest of its mirror image', () => {
  fc.assert(
    fc.property(curves, ({ x, y }) => {
      const { value, ...place } = goodRange({ x, y }, { tolerance: 2, best: 'highest' });
      const { value: mirrored, ...mirror } = goodRange({ x, y: y.map((one) => -one) }, { tolerance: 2 });
      assert.deepEqual(place, mirror);
      assert.ok(value === -mirrored);
    }),
  );
});

test('wrong options are refused', () => {
  const curve = { x: [1], y: [1] };
  assert.throws(() => goodRange(curve, { tolerance: -1 }), OptionError);
  assert.throws(() => goodRange(curve, { tolerance: 1, best: 'middle' as 'lowest' }), OptionError);
  assert.throws(() => goodRange({ x: [2, 1], y: [1, 1] }, { tolerance: 1 }), OptionError);
});
