/** Names that every object seems to have: they are names like others. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Dataset } from 'lookbehind/data';
import { OptionError } from 'lookbehind/errors';
import { type RunRow, resolveConfig } from 'lookbehind/runs';
import { bestSettings, pairedDifferences, renderTable, summarize } from 'lookbehind/statistics';
import { readSizes } from '../../lib/dist/paper/commandLine';
import { flattenRows, toCsv } from '../../lib/dist/statistics/rows';

const NAMES = ['constructor', 'toString', '__proto__', 'hasOwnProperty'];

/** An object with fields of its own under any name. */
function record<T>(entries: Array<[string, T]>): Record<string, T> {
  return Object.fromEntries(entries);
}

function runWith(measures: Record<string, number>, seed: number): RunRow {
  const config = resolveConfig({
    data: 'mnist1d',
    model: { kind: 'mlp', hidden: [5] },
    optimizer: { kind: 'sgd', learningRate: 0.1 },
    epochs: 1,
    label: 'constructor',
    seed,
  });
  return {
    hash: `${seed}`,
    config,
    status: 'finished',
    reused: false,
    result: { last: null, best: null, measures },
  } as never;
}

test('tables have empty cells, and heads, of columns with such names', () => {
  for (const name of NAMES) {
    const rows = [
      record<string | number>([
        ['method', 'SAM'],
        [name, 3],
      ]),
      { method: 'SGD' },
    ];
    const { markdown } = renderTable(rows, {
      heads: { method: 'Method' },
      digits: { method: 0 },
      best: { method: 'min' },
    });
    const head = name.replaceAll('_', '\\_');
    assert.deepEqual(markdown.split('\n'), [
      `| Method | ${head} |`,
      '| --- | ---: |',
      '| SAM | 3 |',
      '| SGD |  |',
    ]);
  }
});

test('rows of runs lack what only others measured', () => {
  for (const name of NAMES) {
    const rows = flattenRows([runWith(record([[name, 0.5]]), 0), runWith({}, 1)]);
    assert.deepEqual(
      rows.map((row) => Object.getOwnPropertyDescriptor(row, name)?.value),
      [0.5, null],
    );
    const [, first, second] = toCsv(rows).split('\n');
    assert.ok(first.includes('0.5') && !second.includes('function') && !second.includes('object'));
  }
});

test('groups are not made by columns that no row has', () => {
  const rows = [
    { label: 'constructor', seed: 0, testError: 1 },
    { label: '__proto__', seed: 0, testError: 3 },
  ];
  for (const name of NAMES) {
    assert.throws(() => summarize(rows, { by: [name] }), OptionError);
    assert.throws(() => bestSettings([runWith({}, 0)], { by: [name] }), OptionError);
    assert.throws(() => bestSettings([runWith({}, 0)], { value: name }), OptionError);
  }
  assert.deepEqual(
    summarize(rows).map(({ group, mean }) => [group.label, mean]),
    [
      ['constructor', 1],
      ['__proto__', 3],
    ],
  );
  assert.equal(pairedDifferences(rows, { baseline: 'constructor' })[0].estimate, 2);
});

test('parts of a data set and sizes of a report may have any name', () => {
  const data = new Dataset({
    name: 'toy',
    split: 'train',
    inputs: new Float32Array(4),
    labels: [0, 1, 0, 1],
    inputShape: [1],
    classes: ['constructor', '__proto__'],
  });
  const parts = data.partition({
    fractions: record([
      ['__proto__', 0.5],
      ['constructor', 0.5],
    ]),
  });
  assert.deepEqual(Object.keys(parts), ['__proto__', 'constructor']);
  for (const part of Object.values(parts)) assert.equal((part as Dataset).size, 2);
  const sizes = readSizes(undefined, ['__proto__={"seeds":1}']);
  assert.equal(sizes.seeds, undefined);
  assert.deepEqual(Object.keys(sizes), ['__proto__']);
});
