import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { pairedGaps, tradeoffGap } from 'lookbehind/statistics';

const near = (a: number, b: number) => assert.ok(Math.abs(a - b) < 1e-9, `${a} is not ${b}`);
const number = fc.double({ min: -10, max: 10, noNaN: true });

describe('the gap to a trade-off curve', () => {
  const falling = [
    { x: 1, y: 3 },
    { x: 2, y: 1 },
    { x: 5, y: 0 },
  ];

  it('is measured along x, between the points of the curve that enclose the height', () => {
    near(tradeoffGap({ x: 1, y: 2 }, falling), -0.5);
    near(tradeoffGap({ x: 4, y: 0.5 }, falling), 0.5);
    near(tradeoffGap({ x: 2, y: 1 }, falling), 0);
  });

  it('is unknown where the curve does not reach', () => {
    assert.ok(Number.isNaN(tradeoffGap({ x: 1, y: 3.1 }, falling)));
    assert.ok(Number.isNaN(tradeoffGap({ x: 1, y: Number.NaN }, falling)));
    assert.ok(Number.isNaN(tradeoffGap({ x: Number.NaN, y: 1 }, falling)));
    assert.throws(() => tradeoffGap({ x: 1, y: 1 }, falling.slice(1, 2)), /curve must be at least 2 points/);
  });

  it('takes the best place of a curve that comes back to the same height', () => {
    near(tradeoffGap({ x: 0, y: 2 }, [...falling, { x: 6, y: 4 }]), -1.5);
    near(
      tradeoffGap({ x: 3, y: 1 }, [
        { x: 2, y: 1 },
        { x: 4, y: 1 },
      ]),
      1,
    );
  });

  it('is taken seed by seed', () => {
    const curve = [
      { x: [1, 11], y: [3, 3] },
      { x: [2, 12], y: [1, 2] },
    ];
    assert.deepEqual(pairedGaps({ x: [1, 11], y: [2, 3] }, curve), [-0.5, 0]);
    assert.deepEqual(pairedGaps({ x: [1, 11], y: [1, 1] }, curve), [-1, Number.NaN]);
    assert.throws(() => pairedGaps({ x: [1], y: [1] }, curve), /curve must be values of 1 seeds/);
  });

  it('moves with the point along x, and not at all with both along y', () => {
    fc.assert(
      fc.property(
        // Heights that differ by more than rounding: between two that do not, the curve is as good as
        // vertical.
        fc
          .uniqueArray(fc.integer({ min: -1000, max: 1000 }), { minLength: 2, maxLength: 6 })
          .map((all) => all.map((n) => n / 100)),
        fc.array(number, { minLength: 6, maxLength: 6 }),
        number,
        number,
        fc.double({ min: 0, max: 1, noNaN: true }),
        (heights, xs, x, shift, share) => {
          const curve = heights.map((y, i) => ({ x: xs[i]!, y }));
          const y = Math.min(
            Math.max(curve[0]!.y + share * (curve[1]!.y - curve[0]!.y), Math.min(...heights)),
            Math.max(...heights),
          );
          const gap = tradeoffGap({ x, y }, curve);
          near(tradeoffGap({ x: x + shift, y }, curve), gap + shift);
          // Every point of the curve is at best on it.
          for (const point of curve) assert.ok(tradeoffGap(point, curve) >= -1e-6);
        },
      ),
    );
  });
});
