/** Draws of settings, and what the best of some trials is worth: against closed forms and brute force. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { bestOfTrials, drawSettings, edgeOf, markEdge } from 'lookbehind/statistics';
import { Random } from '../../lib/dist/core/random';

const CLOSE = 1e-9;

describe('drawSettings', () => {
  const ranges = { step: { log: [0.01, 1] }, k: { of: [2, 5] } } as const;

  it('gives the same draws whatever other options there are, and the first of more', () => {
    const [few, more, alone] = [
      drawSettings(ranges, { draws: 5 }),
      drawSettings(ranges, { draws: 9 }),
      drawSettings({ step: ranges.step }, { draws: 5 }),
    ];
    assert.deepEqual(few, more.slice(0, 5));
    assert.deepEqual(
      few.map(({ step }) => step),
      alone.map(({ step }) => step),
    );
    assert.notDeepEqual(few, drawSettings(ranges, { draws: 5, seed: 1 }));
  });

  it('fills the range evenly in the logarithm, without gaps', () => {
    const draws = 12;
    for (let seed = 0; seed < 20; seed++) {
      const places = drawSettings(ranges, { draws, seed })
        .map(({ step }) => Math.log(step / 0.01) / Math.log(100))
        .sort((a, b) => a - b);
      const gaps = places.map((place, i) => place - (places[i - 1] ?? places[draws - 1]! - 1));
      assert.ok(Math.max(...gaps) < 2.5 / draws, `a gap of ${Math.max(...gaps)}`);
    }
  });

  it('draws each value uniformly over seeds', () => {
    const values = Array.from({ length: 2000 }, (_, seed) => drawSettings(ranges, { draws: 4, seed })[3]!);
    const low = values.filter(({ step }) => step < 0.1).length / values.length;
    const two = values.filter(({ k }) => k === 2).length / values.length;
    for (const share of [low, two]) assert.ok(Math.abs(share - 0.5) < 0.05, `${share}`);
  });

  it('refuses ranges that are none', () => {
    for (const range of [{ log: [0, 1] }, { log: [2, 1] }, { of: [] }, { of: [Number.NaN] }] as const) {
      assert.throws(() => drawSettings({ rho: range }), /ranges\.rho/);
    }
  });
});

describe('edgeOf', () => {
  it('knows the outer tenths of a range, and the ends of a list', () => {
    const range = { log: [0.01, 1] } as const;
    assert.deepEqual(
      [0.011, 0.02, 0.5, 0.9].map((value) => edgeOf(range, value)),
      ['low', null, null, 'high'],
    );
    assert.deepEqual(
      [2, 5, 10].map((value) => edgeOf({ of: [2, 5, 10] }, value)),
      ['low', null, 'high'],
    );
    assert.equal(edgeOf({ of: [2, 5] }, 2), null);
  });
});

describe('markEdge', () => {
  it('marks the ends of what was tried, each value counted once', () => {
    assert.deepEqual(
      [0.1, 0.2, 0.4].map((value) => markEdge(value, [0.4, 0.2, 0.1, 0.2])),
      ['0.1*', '0.2', '0.4*'],
    );
    assert.equal(markEdge(0.1, [0.1, 0.2, 0.1]), '0.1');
  });

  it('writes three digits', () => {
    const thirds = [1 / 3, 2 / 3, 1];
    assert.equal(markEdge(2 / 3, thirds), '0.667');
    assert.equal(markEdge(1 / 3, thirds), '0.333*');
  });
});

describe('bestOfTrials', () => {
  it('is the mean and the band over all choices of trials without replacement', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 2, maxLength: 8 }),
        fc.boolean(),
        (values, lowest) => {
          const pick = lowest ? Math.min : Math.max;
          const found = bestOfTrials(values, { level: 0.6, best: lowest ? 'lowest' : 'highest' });
          found.forEach(({ trials, mean, low, high }) => {
            const bests = subsets(values.length, trials).map((subset) =>
              pick(...subset.map((i) => values[i]!)),
            );
            assert.ok(Math.abs(mean - bests.reduce((sum, best) => sum + best, 0) / bests.length) < CLOSE);
            const share = (holds: (best: number) => boolean): number =>
              bests.filter(holds).length / bests.length;
            assert.ok(share((best) => best >= low && best <= high) >= 0.6 - CLOSE);
            // No more than a tail lies outside on either side.
            assert.ok(
              share((best) => best < low) <= 0.2 + CLOSE && share((best) => best > high) <= 0.2 + CLOSE,
            );
          });
        },
      ),
      { numRuns: 60 },
    );
  });

  it('has no bias for fresh searches: the expected smallest of t uniforms is 1 / (t + 1)', () => {
    const random = new Random(0, 'trials');
    const repeats = 4000;
    const sums = new Array<number>(6).fill(0);
    for (let i = 0; i < repeats; i++) {
      bestOfTrials([...random.uniforms(6)]).forEach(({ mean }, t) => {
        sums[t]! += mean / repeats;
      });
    }
    sums.forEach((mean, t) => {
      assert.ok(Math.abs(mean - 1 / (t + 2)) < 0.01, `${t + 1} trials: ${mean}`);
    });
  });

  it('refuses values that are not finite: what is a diverged run worth?', () => {
    assert.throws(() => bestOfTrials([1, Number.NaN]), /values/);
  });
});

/** All subsets of `size` of the numbers below `n`. */
function subsets(n: number, size: number, from = 0): number[][] {
  if (size === 0) return [[]];
  return Array.from({ length: n - from }, (_, i) => from + i).flatMap((first) =>
    subsets(n, size - 1, first + 1).map((rest) => [first, ...rest]),
  );
}
