/**
 * The abandoned package `request`, which danfojs-node loads, is replaced by one that refuses; tables work as
 * before.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCSV } from 'danfojs-node';
import { frameOf } from '../../lib/dist/statistics/frame';

test('danfojs loads, makes tables, and reads nothing from the network', async () => {
  assert.ok(require.resolve('request').endsWith('shims/request/index.js'));
  assert.deepEqual((await frameOf([{ label: 'a', seed: 1 }])).shape, [1, 2]);
  await assert.rejects(
    async () => readCSV('http://127.0.0.1:9/table.csv'),
    /Reading tables from URLs is switched off/,
  );
});
