/** No function changes the data that it is given, also where the caller's bytes are a Node Buffer. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { permutedTasks, rotatedTasks, splitTasks } from 'lookbehind/lifelong';
import { Random } from '../../lib/dist/core/random';
import * as tf from '../../lib/dist/core/tf';
import { cropAndFlip, Dataset, fashionMnist } from '../../lib/dist/data';
import { rotated } from '../../lib/dist/lifelong/rotatedTasks';

const SIZE = 12;
const SIDE = 6;

/** What functions do with a set; its methods among them. */
const USES: Record<string, (data: Dataset) => unknown> = {
  tensors: (data) => tf.dispose(Object.values(data.tensors())),
  values: (data) => data.values().fill(7),
  stored: (data) => data.stored([0, 1]).fill(7),
  scaled: (data) => data.scaled(data.inputs).fill(7),
  batches: (data) => data.batches({ batchSize: 5 }),
  subset: (data) => [data.subset([3, 1]), data.subset(4)],
  partition: (data) => data.partition({ fractions: { a: 0.5, b: 0.5 } }),
  flattened: (data) => data.flattened(),
  map: (data) => data.map((values) => values.fill(7)),
  meanPooled: (data) => data.meanPooled(),
  standardized: (data) => data.standardized().values(),
  cropAndFlip: (data) =>
    tf.dispose(Object.values(cropAndFlip({ padding: 2 })(data, [0, 1, 2], new Random(1)))),
  rotated: (data) => rotated(data, 30),
  permutedTasks: (data) => permutedTasks({ train: data, test: data }, { tasks: 3 }),
  rotatedTasks: (data) => rotatedTasks({ train: data, test: data }),
  splitTasks: (data) => splitTasks({ train: data, test: data }, { tasks: 2 }),
};

const bytes = (): number[] => Array.from({ length: SIZE * SIDE * SIDE }, (_, i) => (i * 37) % 251);

/** The kinds of storage, each made from the same numbers. */
const STORAGE: Record<string, () => Float32Array | Uint8Array> = {
  Buffer: () => Buffer.from(bytes()),
  Uint8Array: () => Uint8Array.from(bytes()),
  Float32Array: () => Float32Array.from(bytes()),
};

for (const [kind, make] of Object.entries(STORAGE)) {
  for (const [name, use] of Object.entries(USES)) {
    test(`${name} leaves a ${kind} as it is`, () => {
      const inputs = make();
      const labels = Int32Array.from({ length: SIZE }, (_, i) => i % 4);
      const classes = ['a', 'b', 'c', 'd'];
      use(new Dataset({ name: 'own', split: 'train', inputs, labels, inputShape: [SIDE, SIDE, 1], classes }));
      assert.deepEqual([...inputs], bytes());
      assert.deepEqual(
        [...labels],
        Array.from({ length: SIZE }, (_, i) => i % 4),
      );
    });
  }
}

test('tasks made from a Buffer are those made from a Uint8Array, each another', () => {
  const tasksOf = (inputs: Uint8Array): number[][] => {
    const labels = Int32Array.from({ length: SIZE }, (_, i) => i % 2);
    const data = new Dataset({
      name: 'own',
      split: 'train',
      inputs,
      labels,
      inputShape: [SIDE, SIDE, 1],
      classes: ['a', 'b'],
    });
    return permutedTasks({ train: data, test: data }, { tasks: 3 }).tasks.map(({ train }) => [
      ...train.inputs,
    ]);
  };
  const right = tasksOf(Uint8Array.from(bytes()));
  assert.deepEqual(tasksOf(Buffer.from(bytes())), right);
  assert.equal(new Set(right.map(String)).size, 3);
});

/** An IDX file of the given shape, followed by `numbers`. */
function idx(shape: number[], numbers: Uint8Array): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.set([0, 0, 8, shape.length]);
  for (const [i, n] of shape.entries()) header.writeUInt32BE(n, 4 + 4 * i);
  return Buffer.concat([header, numbers]);
}

function folderOf(images: Buffer): string {
  const folder = mkdtempSync(join(tmpdir(), 'idx-'));
  for (const part of ['train', 't10k']) {
    writeFileSync(join(folder, `${part}-images-idx3-ubyte.gz`), gzipSync(images));
    writeFileSync(join(folder, `${part}-labels-idx1-ubyte`), idx([4], Uint8Array.of(0, 1, 2, 3)));
  }
  return folder;
}

test('sets of IDX files are plain bytes, whose slice is a copy', async () => {
  const folder = folderOf(
    idx(
      [4, 2, 2],
      Uint8Array.from({ length: 16 }, (_, i) => i),
    ),
  );
  const { train } = await fashionMnist({ folder });
  rmSync(folder, { recursive: true });
  train.inputs.slice().fill(9);
  assert.deepEqual([...train.inputs], [...Array(16).keys()]);
  assert.equal(Object.getPrototypeOf(train.inputs), Uint8Array.prototype);
});

test('a zipped file is not unfolded beyond what its header says', async () => {
  const long = folderOf(idx([4, 2, 2], new Uint8Array(100_000_000)));
  const before = process.resourceUsage().maxRSS;
  await assert.rejects(fashionMnist({ folder: long }), /more numbers than its header says, 4 x 2 x 2 = 16/);
  assert.ok(process.resourceUsage().maxRSS - before < 50_000, 'kilobytes');
  rmSync(long, { recursive: true });
  const vast = folderOf(idx([60_000, 60_000, 60_000], new Uint8Array(10)));
  await assert.rejects(fashionMnist({ folder: vast }), /too large: its header says 60000 x 60000 x 60000/);
  rmSync(vast, { recursive: true });
});
