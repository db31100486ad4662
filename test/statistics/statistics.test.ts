import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { OptionError } from 'lookbehind/errors';
import { Random } from 'lookbehind/extend';
import {
  describeIntervals,
  type FlatRow,
  holm,
  meanInterval,
  pairedDifferences,
  ranks,
  summarize,
} from 'lookbehind/statistics';
import { studentQuantile } from '../../lib/dist/statistics/interval';

test('Student quantiles are those of tables', () => {
  const table: Array<[number, number, number]> = [
    [0.975, 1, 12.7062],
    [0.975, 2, 4.30265],
    [0.975, 4, 2.77645],
    [0.975, 9, 2.26216],
    [0.95, 7, 1.89458],
    [0.995, 30, 2.75],
  ];
  for (const [p, degrees, expected] of table)
    assert.ok(Math.abs(studentQuantile(p, degrees) - expected) < 1e-5 * expected);
});

describe('the t interval', () => {
  test('is mean ± t s / sqrt(n), with the p of the t test', () => {
    // Student, "The probable error of a mean", Biometrika 6 (1908): additional hours of sleep of ten
    // patients, paired.
    const sleep = [1.2, 2.4, 1.3, 1.3, 0, 1, 1.8, 0.8, 4.6, 1.4];
    const { estimate, error, low, high, count, p, comparisons } = meanInterval(sleep);
    assert.deepEqual(
      [estimate, estimate / error, p, low, high].map((value) => Number(value.toPrecision(5))),
      [1.58, 4.0621, 0.0028329, 0.70011, 2.4599],
    );
    assert.deepEqual([count, comparisons], [10, 1]);
    const wide = meanInterval(sleep, { level: 0.99 });
    assert.ok(wide.low < low && wide.high > high);
  });

  test('of equal values has no width, of one value there is none', () => {
    const { estimate, low, high, p } = meanInterval([2, 2, 2]);
    assert.deepEqual([estimate, low, high, p], [2, 2, 2, 0]);
    assert.equal(meanInterval([0, 0]).p, 1);
    for (const values of [[], [1], [1, Number.NaN, 2]]) {
      const found = meanInterval(values);
      assert.ok(Number.isNaN(found.low) && Number.isNaN(found.p), JSON.stringify(values));
    }
    assert.equal(meanInterval([1]).estimate, 1);
    assert.throws(() => meanInterval([1, 2], { level: 1 }), OptionError);
  });

  test('covers the true mean as often as it says, for few values, too', () => {
    const random = new Random(0, 'coverage');
    for (const n of [3, 5, 10]) {
      const wrong = shareOf(4000, () => excludesZero(meanInterval(Array.from(random.normals(n)))));
      // Three standard deviations of the share of 4000 trials.
      assert.ok(Math.abs(wrong - 0.05) < 3 * Math.sqrt((0.05 * 0.95) / 4000), `n = ${n}: ${wrong}`);
    }
  });
});

describe("Holm's correction", () => {
  test('steps down through the means, whatever list they are in', () => {
    const values = (t: number): number[] => [-1, 0, 1].map((x) => x + t / Math.sqrt(3));
    // p of t = 60, 12, 10 and 1 with two degrees of freedom: 0.000278, 0.00687, 0.00985, 0.423
    const [[a, b], [c, d]] = holm([
      [values(60), values(1)].map((one) => meanInterval(one)),
      [values(12), values(10)].map((one) => meanInterval(one)),
    ]);
    assert.deepEqual([a, b, c, d].map(excludesZero), [true, false, true, true]);
    assert.deepEqual(
      [a, b, c, d].map(({ comparisons }) => comparisons),
      [4, 4, 4, 4],
    );
    const halves = [a, c, d, b].map(({ high, estimate, error }) => (high - estimate) / error);
    for (const [i, left] of [4, 3, 2, 1].entries())
      assert.ok(Math.abs(halves[i] - studentQuantile(1 - 0.025 / left, 2)) < 1e-9);
    // After the first that is not sure, none is.
    const family = [7, 6.9, 5].map((t) => meanInterval(values(t)));
    assert.deepEqual(family.map(excludesZero), [true, true, true]);
    assert.deepEqual(holm([family])[0].map(excludesZero), [false, false, false]);
  });

  test('counts those alone that have an interval', () => {
    const [[one, none]] = holm([[meanInterval([1, 2, 3]), meanInterval([1])]]);
    assert.deepEqual([one.comparisons, none.comparisons], [1, 1]);
    assert.deepEqual(one, meanInterval([1, 2, 3]));
  });

  test('keeps the share of figures with a wrong claim near 5 %, where single intervals do not', () => {
    const random = new Random(0, 'families');
    const methods = 11;
    for (const n of [3, 5]) {
      let single = 0;
      const corrected = shareOf(1500, () => {
        // All methods minus one baseline: their differences are dependent, as in the notebooks.
        const baseline = random.normals(n);
        const family = Array.from({ length: methods }, () =>
          meanInterval(Array.from(random.normals(n), (x, i) => x - baseline[i])),
        );
        if (family.some(excludesZero)) single++;
        return holm([family])[0].some(excludesZero);
      });
      assert.ok(corrected < 0.065, `n = ${n}: ${corrected}`);
      assert.ok(single / 1500 > 0.2, `n = ${n}: ${single / 1500} uncorrected`);
    }
  });

  test('is said, with n', () => {
    const family = [
      [1, 2, 3],
      [2, 3, 4, 6],
    ].map((values) => meanInterval(values));
    assert.equal(describeIntervals(family.slice(0, 1)), '95 % t intervals, n = 3');
    assert.equal(
      describeIntervals(holm([family])[0]),
      '95 % t intervals, n = 3 to 4, Holm-corrected for 2 comparisons',
    );
    assert.equal(describeIntervals([meanInterval([1])]), 'no intervals: n < 2');
    assert.equal(describeIntervals(family.slice(1), { level: 0.999 }), '99.9 % t intervals, n = 4');
  });
});

function shareOf(trials: number, isWrong: () => boolean): number {
  return Array.from({ length: trials }, isWrong).filter(Boolean).length / trials;
}

function excludesZero({ low, high }: { low: number; high: number }): boolean {
  return low > 0 || high < 0;
}

const row = (label: string, seed: number, testError: number | null): FlatRow => ({ label, seed, testError });
const ROWS = [
  row('SGD', 0, 10),
  row('SGD', 1, 12),
  row('SGD', 2, 14),
  row('SAM', 2, 13),
  row('SAM', 0, 8),
  row('SAM', 1, 9),
  row('LB', 0, 10),
  row('LB', 1, Number.NaN),
  row('LB', 2, null),
];

describe('statistics over seeds', () => {
  test('summarize gives mean, sample deviation and what is missing', () => {
    const [sgd, sam, lb] = summarize(ROWS);
    assert.deepEqual(sgd, {
      group: { label: 'SGD' },
      mean: 12,
      std: 2,
      count: 3,
      missing: 0,
      values: [10, 12, 14],
    });
    assert.equal(sam.std, Math.sqrt(7));
    assert.deepEqual([lb.mean, lb.std, lb.count, lb.missing], [10, 0, 1, 2]);
  });

  test('differences are paired by seed', () => {
    const [sam, lb] = pairedDifferences(ROWS, { baseline: 'SGD' });
    assert.deepEqual(sam.values, [-1, -2, -3]);
    assert.deepEqual([sam.group.label, sam.estimate, sam.count, sam.missing], ['SAM', -2, 3, 0]);
    assert.ok(Math.abs(sam.low - (-2 - 4.30265 / Math.sqrt(3))) < 1e-4);
    assert.equal(sam.comparisons, 1, 'the other has one pair');
    assert.deepEqual([lb.count, lb.missing, lb.estimate], [1, 2, 0]);
    assert.ok(Number.isNaN(lb.low));
    assert.throws(
      () => pairedDifferences(ROWS, { baseline: 'Adam' }),
      /baseline must be one of the groups: SGD; SAM; LB/,
    );
    assert.throws(
      () => pairedDifferences([...ROWS, row('SAM', 0, 1)], { baseline: 'SGD' }),
      /seed must be different in each run of a group, got 0/,
    );
  });

  test('differences are corrected for their number', () => {
    const rows = [...ROWS, row('LA', 0, 11), row('LA', 1, 12), row('LA', 2, 16)];
    const found = pairedDifferences(rows, { baseline: 'SGD', level: 0.9 });
    assert.deepEqual(
      found.map(({ comparisons }) => comparisons),
      [2, 1, 2],
    );
    const single = found.map(({ values }) => meanInterval(values, { level: 0.9 }));
    assert.deepEqual(holm([single], { level: 0.9 })[0][0].low, found[0].low);
    assert.ok(found[0].low < single[0].low);
  });

  test('groups may be made by several columns', () => {
    const rows = ROWS.map((one) => ({ ...one, k: one.label === 'SGD' ? null : 2 }));
    assert.equal(summarize(rows, { by: ['label', 'k'] }).length, 3);
    const [sam] = pairedDifferences(rows, { by: ['label', 'k'], baseline: { label: 'SGD', k: null } });
    assert.equal(sam.estimate, -2);
    assert.throws(() => summarize(rows, { by: ['alpha'] }), OptionError);
  });

  test('ranks share ties and put diverged runs last', () => {
    assert.deepEqual(ranks(ROWS), [
      { group: { label: 'SAM' }, meanRank: 1, wins: 3, count: 3 },
      { group: { label: 'SGD' }, meanRank: (2.5 + 2 + 2) / 3, wins: 0, count: 3 },
      { group: { label: 'LB' }, meanRank: (2.5 + 3 + 3) / 3, wins: 0, count: 3 },
    ]);
    assert.equal(ranks(ROWS, { best: 'highest' })[0].group.label, 'SGD');
  });

  test('count no win where all runs diverged', () => {
    const rows = ['SAM', 'SGD'].map((label) => ({ label, seed: 0, testError: Number.NaN }));
    assert.deepEqual(
      ranks(rows, { by: ['label'] }).map(({ wins }) => wins),
      [0, 0],
    );
  });
});
