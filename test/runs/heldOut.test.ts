/** Data that come without a set for choosing settings: a part of the training set takes its place. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Dataset, digits } from 'lookbehind/data';
import { resolveConfig } from 'lookbehind/runs';
import { DataLoader } from '../../lib/dist/runs/config/dataConfig';

const PIXELS = 3 * 32 * 32;

/** Records of CIFAR-10's binary format, each image of one gray that tells it from all others. */
function records(count: number, firstGray: number): Buffer {
  return Buffer.concat(
    Array.from({ length: count }, (_, i) =>
      Buffer.concat([Buffer.from([i % 10]), Buffer.alloc(PIXELS, firstGray + i)]),
    ),
  );
}

const grays = (data: Dataset): number[] =>
  Array.from({ length: data.size }, (_, i) => Number(data.inputs[i * data.inputSize]));

test('a tenth of the training set, the same for all seeds, is held out for choosing settings', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lookbehind-cifar-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'data_batch_1.bin'), records(100, 0));
  writeFileSync(join(folder, 'test_batch.bin'), records(20, 200));
  const { data: selecting } = resolveConfig({
    data: { kind: 'cifar10', folder, evaluateOn: 'selection' },
    model: { kind: 'mlp', hidden: [4] },
    optimizer: 'sgd',
    epochs: 1,
  });
  const loader = new DataLoader();
  const first = await loader.load(selecting, 0);
  assert.deepEqual([first.train.size, first.test.size], [90, 10]);
  assert.deepEqual(
    [...first.test.labels].sort((a, b) => a - b),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    'one of each class',
  );
  const both = [...grays(first.train), ...grays(first.test)].sort((a, b) => a - b);
  assert.deepEqual(
    both,
    Array.from({ length: 100 }, (_, i) => i),
    'each image once, and none of the test set',
  );
  const other = await new DataLoader().load(selecting, 7);
  assert.deepEqual(grays(other.test), grays(first.test));

  const whole = await loader.load({ kind: 'cifar10', folder }, 0);
  assert.deepEqual([whole.train.size, whole.test.size], [100, 20]);
  const part = await loader.load({ kind: 'cifar10', folder, evaluateOn: 'selection', trainSize: 30 }, 1);
  assert.equal(part.train.size, 30);
  assert.ok(grays(part.train).every((gray) => !grays(first.test).includes(gray)));
});

test('data that come with a set for choosing settings keep it, and all of their training set', async () => {
  const loader = new DataLoader();
  const { train, selection, test: tested } = digits();
  for (const [evaluateOn, expected] of [
    ['test', tested],
    ['selection', selection],
    ['test', tested],
  ] as const) {
    const loaded = await loader.load({ kind: 'digits', evaluateOn }, 0);
    assert.deepEqual([loaded.train.inputs, loaded.test.inputs], [train.inputs, expected.inputs]);
  }
});

test('the same sets are loaded once, and others for any option that may tell them apart', async () => {
  const loader = new DataLoader();
  const { train } = await loader.load({ kind: 'digits' }, 0);
  assert.equal((await loader.load({ kind: 'digits', evaluateOn: 'test' }, 1)).train, train);
  const another = { kind: 'digits', optionOfAnotherSet: 1 } as { kind: 'digits' };
  assert.notEqual((await loader.load(another, 0)).train, train);
});

test('pixels are averaged once for all runs that follow, also for those on a part of the data', async () => {
  const loader = new DataLoader();
  const first = await loader.load({ kind: 'digits', pool: 2 }, 0);
  const again = await loader.load({ kind: 'digits', pool: 2 }, 1);
  assert.equal(again.train, first.train);
  assert.equal(again.test, first.test);
  const { train, test: tested } = digits();
  const part = await loader.load({ kind: 'digits', pool: 2, trainSize: 50 }, 3);
  assert.deepEqual(part.train, train.subset(50, { seed: 3, stratified: true }).meanPooled(2));
  assert.deepEqual(part.test, tested.meanPooled(2));
  const [coarser, whole] = [
    await loader.load({ kind: 'digits', pool: 4 }, 0),
    await loader.load({ kind: 'digits' }, 0),
  ];
  assert.deepEqual(coarser.test, tested.meanPooled(4));
  assert.deepEqual(whole.test, tested);
  const selecting = await loader.load({ kind: 'digits', pool: 2, evaluateOn: 'selection' }, 0);
  assert.deepEqual(selecting.test, digits().selection.meanPooled(2));
});
