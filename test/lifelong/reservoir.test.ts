import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OptionError } from '../../lib/dist/core/errors';
import { Random } from '../../lib/dist/core/random';
import { Reservoir } from '../../lib/dist/lifelong/reservoir';

const CAPACITY = 10;
const STREAM = 40;
const RUNS = 4000;

/**
 * Pearson's statistic of how often each item of a stream was kept, over many reservoirs. The items of one
 * reservoir exclude each other, which makes the counts less spread than independent ones by the factor (1 -
 * kept share) * n / (n - 1).
 */
function inclusionStatistic(kept: (seed: number) => readonly number[]): number {
  const counts = new Array<number>(STREAM).fill(0);
  for (let seed = 0; seed < RUNS; seed++) for (const item of kept(seed)) counts[item]++;
  const expected = (RUNS * CAPACITY) / STREAM;
  const pearson = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  return (pearson * (STREAM - 1)) / (STREAM * (1 - CAPACITY / STREAM));
}

/** 99.9 % quantile of chi-square with 39 degrees of freedom. */
const LIMIT = 72.05;

test('every item of a stream is kept with the same probability', () => {
  const statistic = inclusionStatistic((seed) => {
    const reservoir = new Reservoir<number>(CAPACITY, seed);
    for (let item = 0; item < STREAM; item++) reservoir.add(item);
    assert.equal(new Set(reservoir.items).size, CAPACITY);
    return reservoir.items;
  });
  assert.ok(statistic < LIMIT, `chi-square ${statistic}`);
});

test('the test above finds the known mistake of counting one item too many', () => {
  const statistic = inclusionStatistic((seed) => {
    const random = new Random(seed, 'mistaken');
    const items: number[] = [];
    for (let item = 0; item < STREAM; item++) {
      const place = item < CAPACITY ? item : random.int(item + 2);
      if (place < CAPACITY) items[place] = item;
    }
    return items;
  });
  assert.ok(statistic > LIMIT, `chi-square ${statistic}`);
});

test('keeps all while there is room', () => {
  const reservoir = new Reservoir<string>(3);
  for (const item of ['a', 'b']) reservoir.add(item);
  assert.deepEqual([reservoir.items, reservoir.seen], [['a', 'b'], 2]);
  assert.deepEqual(reservoir.draw(5, new Random(0)).sort(), ['a', 'b']);
});

test('draws different items, each equally often', () => {
  const reservoir = new Reservoir<number>(8);
  for (let item = 0; item < 8; item++) reservoir.add(item);
  const counts = new Array<number>(8).fill(0);
  for (let seed = 0; seed < 2000; seed++) {
    const drawn = reservoir.draw(3, new Random(seed));
    assert.equal(new Set(drawn).size, 3);
    for (const item of drawn) counts[item]++;
  }
  // 750 expected, standard deviation 21.7.
  assert.ok(
    counts.every((count) => Math.abs(count - 750) < 90),
    String(counts),
  );
});

test('draws from a large memory different items, from all of it, without a pass over it', () => {
  const size = 200_000;
  const reservoir = new Reservoir<number>(size);
  for (let item = 0; item < size; item++) reservoir.add(item);
  const tenths = new Array<number>(10).fill(0);
  let numbers = 0;
  class Counting extends Random {
    override int(n: number): number {
      numbers++;
      return super.int(n);
    }
  }
  for (let seed = 0; seed < 500; seed++) {
    const drawn = reservoir.draw(20, new Counting(seed));
    assert.equal(new Set(drawn).size, 20);
    for (const item of drawn) tenths[Math.floor((10 * item) / size)]++;
  }
  assert.equal(numbers, 500 * 20);
  // 1000 expected, standard deviation 30.
  assert.ok(
    tenths.every((count) => Math.abs(count - 1000) < 150),
    String(tenths),
  );
  const all = new Reservoir<number>(5000);
  for (let item = 0; item < 5000; item++) all.add(item);
  assert.equal(new Set(all.draw(6000, new Random(0))).size, 5000);
});

test('goes on from its saved state as if it had never stopped', () => {
  const whole = new Reservoir<number>(5, 3);
  for (let item = 0; item < 100; item++) whole.add(item);
  const first = new Reservoir<number>(5, 3);
  for (let item = 0; item < 37; item++) first.add(item);
  const second = new Reservoir<number>(5, 99);
  second.restore(JSON.parse(JSON.stringify(first.save())));
  for (let item = 37; item < 100; item++) second.add(item);
  assert.deepEqual(second.save(), whole.save());
});

test('a capacity below 1 is refused', () => {
  assert.throws(() => new Reservoir(0), OptionError);
});
