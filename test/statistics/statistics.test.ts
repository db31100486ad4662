import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { bootstrapMean, type FlatRow, OptionError, pairedDifferences, Random, ranks, summarise } from 'lookbehind';
import { normalTail, studentQuantile } from 'lookbehind/dist/statistics/bootstrap';

describe('distributions', () => {
  test('Student quantiles are those of tables', () => {
    const table: Array<[number, number, number]> = [
      [0.975, 1, 12.7062],
      [0.975, 2, 4.30265],
      [0.975, 4, 2.77645],
      [0.975, 9, 2.26216],
      [0.95, 7, 1.89458],
      [0.995, 30, 2.75],
    ];
    for (const [p, degrees, expected] of table) assert.ok(Math.abs(studentQuantile(p, degrees) - expected) < 1e-4 * expected);
  });

  test('normal tails are those of tables', () => {
    const table = [
      [0, 0.5],
      [1.959964, 0.025],
      [3.103977, 0.000954686],
      [5, 2.866516e-7],
    ];
    for (const [z, expected] of table) assert.ok(Math.abs(normalTail(z) / expected - 1) < 1e-4, `${z}: ${normalTail(z)}`);
  });
});

describe('the bootstrap interval', () => {
  test('is seeded, moves with the values and scales with them', () => {
    const values = [1.2, 0.4, 2.2, 0.9, 1.7];
    const { low, high } = bootstrapMean(values);
    assert.deepEqual(bootstrapMean(values), { low, high });
    const moved = bootstrapMean(values.map((value) => 3 * value - 10));
    assert.ok(Math.abs(moved.low - (3 * low - 10)) < 1e-12 && Math.abs(moved.high - (3 * high - 10)) < 1e-12);
    assert.ok(low < 1.28 && 1.28 < high);
    assert.notDeepEqual(bootstrapMean(values, { seed: 1, resamples: 200 }), bootstrapMean(values, { seed: 2, resamples: 200 }));
  });

  test('of equal values has no width, of one value there is none', () => {
    assert.deepEqual(bootstrapMean([2, 2, 2]), { low: 2, high: 2 });
    for (const values of [[], [1], [1, Number.NaN, 2]]) assert.ok(Number.isNaN(bootstrapMean(values).low));
    assert.throws(() => bootstrapMean([1, 2], { level: 1 }), OptionError);
  });

  test('equals the t interval for many normal values', () => {
    const values = Array.from(new Random(1, 'values').normals(200, 5, 2));
    const mean = values.reduce((a, b) => a + b) / 200;
    const error = Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / 199 / 200);
    const { low, high } = bootstrapMean(values);
    assert.ok(Math.abs(low - (mean - 1.972 * error)) < 0.08 * error);
    assert.ok(Math.abs(high - (mean + 1.972 * error)) < 0.08 * error);
  });

  test('covers the true mean as often as it says', () => {
    const random = new Random(0, 'coverage');
    const trials = 400;
    for (const [n, lowest, highest] of [
      [5, 0.87, 0.945],
      [10, 0.9, 0.97],
    ]) {
      let covered = 0;
      for (let trial = 0; trial < trials; trial++) {
        const { low, high } = bootstrapMean(Array.from(random.normals(n)), { seed: trial, resamples: 1000 });
        if (low <= 0 && 0 <= high) covered++;
      }
      assert.ok(covered / trials >= lowest && covered / trials <= highest, `n = ${n}: ${covered / trials}`);
    }
  });
});

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
  test('summarise gives mean, sample deviation and what is missing', () => {
    const [sgd, sam, lb] = summarise(ROWS);
    assert.deepEqual(sgd, { group: { label: 'SGD' }, mean: 12, std: 2, count: 3, missing: 0, values: [10, 12, 14] });
    assert.equal(sam.std, Math.sqrt(7));
    assert.deepEqual([lb.mean, lb.std, lb.count, lb.missing], [10, 0, 1, 2]);
  });

  test('differences are paired by seed', () => {
    const [sam, lb] = pairedDifferences(ROWS, { baseline: 'SGD' });
    assert.deepEqual(sam.values, [-1, -2, -3]);
    assert.deepEqual([sam.group.label, sam.mean, sam.std, sam.count, sam.missing], ['SAM', -2, 1, 3, 0]);
    assert.ok(sam.low >= -3 && sam.low < -2 && sam.high > -2 && sam.high <= -1);
    assert.deepEqual([lb.count, lb.missing, lb.mean], [1, 2, 0]);
    assert.ok(Number.isNaN(lb.low));
    assert.throws(() => pairedDifferences(ROWS, { baseline: 'Adam' }), /baseline must be one of the groups: SGD; SAM; LB/);
    assert.throws(() => pairedDifferences([...ROWS, row('SAM', 0, 1)], { baseline: 'SGD' }), /occurs twice/);
  });

  test('groups may be made by several columns', () => {
    const rows = ROWS.map((one) => ({ ...one, k: one.label === 'SGD' ? null : 2 }));
    assert.equal(summarise(rows, { by: ['label', 'k'] }).length, 3);
    const [sam] = pairedDifferences(rows, { by: ['label', 'k'], baseline: { label: 'SGD', k: null } });
    assert.equal(sam.mean, -2);
    assert.throws(() => summarise(rows, { by: ['alpha'] }), OptionError);
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
