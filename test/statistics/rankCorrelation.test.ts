import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OptionError } from 'lookbehind/errors';
import { Random } from 'lookbehind/extend';
import { rankCorrelation } from 'lookbehind/statistics';

test('rankCorrelation is 1 and -1 for monotone relations, whatever their shape', () => {
  const x = Array.from({ length: 20 }, (_, i) => i);
  assert.deepEqual(rankCorrelation(x, x.map(Math.exp)), { r: 1, low: 1, high: 1, count: 20, clusters: 20 });
  assert.equal(
    rankCorrelation(
      x,
      x.map((value) => -(value ** 3)),
    ).r,
    -1,
  );
});

test('rankCorrelation shares ranks between equal values', () => {
  // Ranks 1 2.5 2.5 4 5 6 7 and 2 1 3.5 3.5 6 5 7: sum of products 24.25, sums of squares 27.5 and 27.5.
  const { r } = rankCorrelation([1, 2, 2, 4, 5, 6, 7], [3, 1, 4, 4, 6, 5, 9]);
  assert.ok(Math.abs(r - 24.25 / 27.5) < 1e-12, String(r));
});

test('the interval of rankCorrelation holds the true value about as often as it says', () => {
  const random = new Random(1, 'pairs');
  const correlation = 0.6;
  const truth = (6 / Math.PI) * Math.asin(correlation / 2);
  let held = 0;
  for (let trial = 0; trial < 100; trial++) {
    const x = Array.from({ length: 40 }, () => random.normal());
    const y = x.map((value) => correlation * value + Math.sqrt(1 - correlation ** 2) * random.normal());
    const { low, high } = rankCorrelation(x, y);
    if (low <= truth && truth <= high) held++;
  }
  assert.ok(held >= 85, `${held} of 100`);
});

test('rankCorrelation leaves pairs with NaN out, and has none for constant values', () => {
  assert.equal(rankCorrelation([1, 2, Number.NaN, 3], [1, 2, 9, 3]).count, 3);
  assert.ok(Number.isNaN(rankCorrelation([1, 1, 1], [1, 2, 3]).r));
  assert.throws(() => rankCorrelation([1, 2], [1]), OptionError);
});

test('rankCorrelation within groups sees what their means hide', () => {
  // Simpson's paradox: in each group y falls as x grows, and the group of larger x has the larger y.
  const x = [1, 2, 3, 11, 12, 13];
  const y = [3, 2, 1, 13, 12, 11];
  const within = ['a', 'a', 'a', 'b', 'b', 'b'];
  assert.ok(rankCorrelation(x, y).r > 0.5);
  const { r, low, high, count } = rankCorrelation(x, y, { within });
  assert.deepEqual(
    [r, low, high, count].map((value) => Number(value.toFixed(12))),
    [-1, -1, -1, 6],
  );
  // A pair left out does not count for its group's mean.
  assert.ok(
    Math.abs(rankCorrelation([...x, 50], [...y, Number.NaN], { within: [...within, 'b'] }).r + 1) < 1e-12,
  );
  assert.deepEqual(rankCorrelation(x, y, { within: x.map(() => 0) }).r, rankCorrelation(x, y).r);
  assert.throws(() => rankCorrelation(x, y, { within: ['a'] }), OptionError);
});

test('rankCorrelation within groups has none where a side is constant in each group', () => {
  const within = ['a', 'a', 'a', 'b', 'b', 'b', 'c', 'c', 'c'];
  const constant = [0.1, 0.1, 0.1, 0.7, 0.7, 0.7, 1e6 + 0.3, 1e6 + 0.3, 1e6 + 0.3];
  const other = [1, 5, 2, 8, 3, 9, 4, 7, 6];
  for (const [x, y] of [
    [constant, other],
    [other, constant],
    [constant, constant],
  ]) {
    const { r, low, high } = rankCorrelation(x, y, { within });
    assert.deepEqual([r, low, high], [Number.NaN, Number.NaN, Number.NaN]);
  }
});

test('rankCorrelation within groups: deviations that are equal but for rounding are ties', () => {
  // Without rounding the deviations are -0.1, 0, 0.1 in each group, so that r is that of whole numbers.
  const within = ['a', 'a', 'a', 'b', 'b', 'b', 'c', 'c', 'c'];
  const x = [0.1, 0.2, 0.3, 1.1, 1.2, 1.3, 100.1, 100.2, 100.3];
  const whole = [1, 2, 3, 11, 12, 13, 1001, 1002, 1003];
  const y = [3, 1, 2, 2, 4, 3, 9, 8, 7];
  assert.equal(rankCorrelation(x, y, { within }).r, rankCorrelation(whole, y, { within }).r);
});

test('the interval of rankCorrelation leaves out runs as a whole where pairs of one run go together', () => {
  const random = new Random(2, 'clusters');
  const trials = 200;
  const wrong = { single: 0, clustered: 0 };
  for (let trial = 0; trial < trials; trial++) {
    // Twenty runs with five tasks each; x and y have a share of their run, and nothing to do with each other.
    const clusters = Array.from({ length: 100 }, (_, i) => Math.floor(i / 5));
    const [x, y] = [0, 1].map(() => {
      const ofRun = random.normals(20);
      return clusters.map((run) => ofRun[run] + 0.5 * random.normal());
    });
    const excludesZero = (options: object): boolean => {
      const { low, high } = rankCorrelation(x, y, options);
      return low > 0 || high < 0;
    };
    if (excludesZero({})) wrong.single++;
    if (excludesZero({ clusters })) wrong.clustered++;
  }
  assert.ok(wrong.single / trials > 0.2, `${wrong.single} of ${trials}`);
  assert.ok(wrong.clustered / trials < 0.12, `${wrong.clustered} of ${trials}`);
});

test('the interval of rankCorrelation is wide enough for few clusters', () => {
  const random = new Random(3, 'clusters');
  for (const methods of [5, 10]) {
    const trials = 400;
    const clusters = Array.from({ length: 10 * methods }, (_, i) => i % methods);
    let wrong = 0;
    for (let trial = 0; trial < trials; trial++) {
      const [x, y] = [0, 1].map(() => {
        const ofMethod = random.normals(methods);
        return clusters.map((method) => ofMethod[method]! + 0.7 * random.normal());
      });
      const { low, high } = rankCorrelation(x!, y!, { clusters });
      if (low > 0 || high < 0) wrong++;
    }
    assert.ok(wrong / trials < 0.08, `${methods} clusters: ${wrong} of ${trials}`);
  }
});

test('rankCorrelation has no interval for one cluster', () => {
  const { r, low, high } = rankCorrelation([1, 2, 3], [1, 3, 2], { clusters: ['a', 'a', 'a'] });
  assert.equal(r, 0.5);
  assert.ok(Number.isNaN(low) && Number.isNaN(high));
});

test('rankCorrelation counts clusters, of pairs with two values', () => {
  const x = [1, 2, 3, 4, 5, Number.NaN];
  const found = rankCorrelation(x, [2, 1, 4, 3, 5, 6], { clusters: ['a', 'a', 'b', 'b', 'c', 'd'] });
  assert.deepEqual([found.count, found.clusters], [5, 3]);
  assert.equal(found.r, rankCorrelation(x, [2, 1, 4, 3, 5, 6]).r);
  assert.throws(() => rankCorrelation([1, 2], [1, 2], { clusters: [1] }), OptionError);
});
