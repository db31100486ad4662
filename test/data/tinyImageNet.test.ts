import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { type Dataset, TINY_IMAGENET_STATISTICS, tinyImageNet } from 'lookbehind/data';
import { AbortedError, DataError } from 'lookbehind/errors';
import { Random } from 'lookbehind/extend';
import { splitTasks } from 'lookbehind/lifelong';
import { nativePackage } from '../../lib/dist/compile/native';
import { type Decoding, readCached } from '../../lib/dist/data/tinyImageNet';
import { DataLoader } from '../../lib/dist/runs/config/dataConfig';
import { zip } from './zips';

const scratch = mkdtempSync(join(tmpdir(), 'lookbehind-tiny-'));
after(() => rmSync(scratch, { recursive: true }));

interface Codec {
  encodeJpeg(image: tf.Tensor3D): Promise<Uint8Array>;
  encodePng(image: tf.Tensor3D): Promise<Uint8Array>;
  decodeJpeg(content: Uint8Array, channels: number): tf.Tensor3D;
}
const { node: codec } = require(nativePackage!) as { node: Codec };

/** An image as a file. */
async function encoded(format: 'jpeg' | 'png', seed: number, side = 64, channels = 3): Promise<Uint8Array> {
  const image = tf.tidy(() => {
    const random = new Random(seed);
    const coarse = tf.tensor4d(random.uniforms(16 * channels, 0, 255), [1, 4, 4, channels]);
    return tf.image
      .resizeBilinear(coarse, [side, side])
      .reshape([side, side, channels])
      .toInt() as tf.Tensor3D;
  });
  const file = await (format === 'jpeg' ? codec.encodeJpeg(image) : codec.encodePng(image));
  image.dispose();
  return file;
}

/** Three training images of each of two classes and two validation images, in the layout of the archive. */
let FILES: Record<string, Uint8Array> = {};

before(async () => {
  const text = (lines: string[]): Buffer => Buffer.from(lines.map((line) => `${line}\n`).join(''));
  FILES = {
    'wnids.txt': text(['n02', 'n01']),
    'words.txt': text(['n01\tgoldfish, Carassius auratus', 'n02\tcrane', 'n03\tother']),
    'train/n02/images/n02_0.JPEG': await encoded('jpeg', 1),
    'train/n02/images/n02_1.JPEG': await encoded('jpeg', 2, 64, 1),
    'train/n02/images/n02_2.JPEG': await encoded('jpeg', 3),
    'train/n02/n02_boxes.txt': text(['n02_0.JPEG\t0\t0\t1\t1']),
    'train/n01/images/n01_0.JPEG': await encoded('jpeg', 4),
    'train/n01/images/n01_1.JPEG': await encoded('jpeg', 5),
    'train/n01/images/n01_2.JPEG': await encoded('jpeg', 6),
    'val/val_annotations.txt': text(['val_1.png\tn01\t0\t0\t10\t10', 'val_0.JPEG\tn02\t0\t0\t10\t10']),
    'val/images/val_0.JPEG': await encoded('jpeg', 7),
    'val/images/val_1.png': await encoded('png', 8),
    'test/images/test_0.JPEG': await encoded('jpeg', 9),
  };
});

function writeFolder(name: string, files: Record<string, Uint8Array | undefined>): string {
  const folder = join(scratch, name);
  for (const [path, content] of Object.entries(files)) {
    if (content === undefined) continue;
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  return folder;
}

function writeArchive(name: string): string {
  const path = join(scratch, name);
  const inFolder = Object.fromEntries(
    Object.entries(FILES).map(([file, content]) => [`tiny-imagenet-200/${file}`, content]),
  );
  writeFileSync(path, zip(inFolder, { deflate: true, zip64: true }));
  return path;
}

/** Stored pixels of the image at `path`, decoded by tf.js itself. */
function pixels(path: string): number[] {
  const image = tf.tidy(() => codec.decodeJpeg(FILES[path], 3).dataSync());
  return [...image];
}

const stored = (data: Dataset, index: number): number[] => [...data.stored([index])];

test('a folder in the layout of the archive is read', async () => {
  const tensors = tf.memory().numTensors;
  const progress: string[] = [];
  const folder = writeFolder('layout', FILES);
  const { train, test: validation } = await tinyImageNet({
    folder,
    onDecode: ({ decoded, total }) => progress.push(`${decoded} of ${total}`),
  });
  assert.equal(tf.memory().numTensors, tensors);
  assert.deepEqual(
    [train.size, validation.size, train.inputShape, train.split],
    [6, 2, [64, 64, 3], 'train'],
  );
  assert.deepEqual(train.classes, ['goldfish', 'crane']);
  assert.deepEqual(
    [[...train.labels], [...validation.labels]],
    [
      [0, 0, 0, 1, 1, 1],
      [0, 1],
    ],
  );
  assert.deepEqual(stored(train, 0), pixels('train/n01/images/n01_0.JPEG'));
  assert.deepEqual(stored(train, 4), pixels('train/n02/images/n02_1.JPEG'));
  assert.deepEqual(stored(validation, 1), pixels('val/images/val_0.JPEG'));
  assert.ok(Math.abs(train.values([3])[5] - pixels('train/n02/images/n02_0.JPEG')[5] / 255) < 1e-6);
  assert.deepEqual(progress, ['8 of 8']);
});

test('side 32 has the mean of 2 x 2 pixels', async () => {
  const { train } = await tinyImageNet({ folder: writeFolder('halved', FILES), side: 32 });
  assert.deepEqual(train.inputShape, [32, 32, 3]);
  const full = pixels('train/n01/images/n01_2.JPEG');
  const expected = tf.tidy(() => tf.avgPool(tf.tensor3d(full, [64, 64, 3]), 2, 2, 'valid').dataSync());
  stored(train, 2).forEach((value, i) => {
    assert.ok(Math.abs(value - expected[i]) <= 0.5);
  });
});

test('the archive is decoded once, goes on where it was stopped, and is not needed afterwards', async () => {
  const archive = writeArchive('tiny.zip');
  const cache = join(scratch, 'cache');
  const read = (decoding: Partial<Decoding> = {}, path = async () => archive) =>
    readCached({ cache, archive: path, partImages: 2 }, { side: 64, ...decoding });
  const controller = new AbortController();
  const asked = async (): Promise<string> => {
    controller.abort();
    return archive;
  };
  await assert.rejects(read({ signal: controller.signal }, asked), AbortedError);
  assert.deepEqual(readdirSync(cache), []);

  const [one, two] = await Promise.all([read(), read()]);
  const fromFolder = await tinyImageNet({ folder: writeFolder('same', FILES) });
  for (const set of ['train', 'test'] as const) {
    for (const decoded of [one, two]) {
      assert.deepEqual(decoded[set].inputs, fromFolder[set].inputs);
      assert.deepEqual(decoded[set].labels, fromFolder[set].labels);
      assert.deepEqual(decoded[set].classes, fromFolder[set].classes);
    }
  }
  const parts = ['test-1-of-1', 'train-1-of-3', 'train-2-of-3', 'train-3-of-3'].map(
    (name) => `${name}.safetensors`,
  );
  assert.deepEqual(readdirSync(cache).sort(), parts);

  const absent = async (): Promise<string> => {
    throw new DataError('not needed');
  };
  assert.deepEqual((await read({}, absent)).train.inputs, one.train.inputs);

  // What is missing or damaged is decoded again, and only that.
  const [first, second, third] = parts.slice(1).map((name) => join(cache, name));
  const made = statSync(first).mtimeMs;
  rmSync(second);
  truncateSync(third, 5000);
  await assert.rejects(read({}, absent), /not needed/);
  assert.deepEqual((await read()).train.inputs, one.train.inputs);
  assert.equal(statSync(first).mtimeMs, made);
});

test('what is missing, damaged or foreign is named', async () => {
  const good = FILES;
  const annotations = (line: string): Record<string, Uint8Array> => ({
    'val/val_annotations.txt': Buffer.from(`${line}\n`),
  });
  const first = 'train/n01/images/n01_0.JPEG';
  const cases: [Record<string, Uint8Array | undefined>, RegExp][] = [
    [{ 'wnids.txt': undefined }, /has no wnids.txt/],
    [{ 'wnids.txt': Buffer.from('n01\n') }, /n02_0.JPEG is of the class n02, which wnids.txt lacks/],
    [{ 'wnids.txt': Buffer.from('n01\nn01\n') }, /no classes, or one of them twice/],
    [{ 'val/val_annotations.txt': undefined }, /has no val\/val_annotations.txt/],
    [annotations('val_0.JPEG\tn09\t0'), /val_0.JPEG of the class n09/],
    [annotations('val_0.JPEG'), /of the class undefined/],
    [annotations('val_5.JPEG\tn01'), /has no val\/images\/val_5.JPEG/],
    [annotations('../../wnids.txt\tn01'), /has no val\/images\/..\/..\/wnids.txt/],
    [{ [first]: good[first].subarray(0, 40) }, /n01_0.JPEG is damaged, or no image/],
    [{ [first]: Buffer.from('no image') }, /n01_0.JPEG is damaged, or no image/],
    [{ [first]: await encoded('jpeg', 3, 32) }, /n01_0.JPEG has 32 x 32 pixels, expected 64 x 64/],
  ];
  for (const [i, [files, message]] of cases.entries()) {
    await assert.rejects(
      tinyImageNet({ folder: writeFolder(`bad-${i}`, { ...good, ...files }) }),
      (error: Error) => {
        assert.ok(error instanceof DataError, String(error));
        assert.match(error.message, message);
        return true;
      },
    );
  }
  const empty = Object.fromEntries(Object.entries(good).filter(([path]) => !path.startsWith('train')));
  await assert.rejects(tinyImageNet({ folder: writeFolder('empty', empty) }), /has no images in train/);
  await assert.rejects(tinyImageNet({ folder: join(scratch, 'nowhere') }), /nowhere cannot be read/);
  await assert.rejects(tinyImageNet({ side: 48 as never }), /side must be one of 64, 32, got 48/);
});

test('without a network the loader says which file to put where', async () => {
  process.env.LB_DATA = join(scratch, 'data');
  try {
    await assert.rejects(tinyImageNet({ download: false }), (error: Error) => {
      assert.ok(error instanceof DataError);
      assert.ok(error.message.includes(join(scratch, 'data', 'downloads', 'tiny-imagenet-200.zip')));
      assert.match(error.message, /get http.*tiny-imagenet-200\.zip .*\(248100043 bytes, SHA-256 6198c8ae/);
      return true;
    });
  } finally {
    delete process.env.LB_DATA;
  }
});

test('runs and task sequences take it: Split-TinyImageNet', async () => {
  const folder = writeFolder('run', FILES);
  const data = await new DataLoader().load({ kind: 'tinyImageNet', folder, side: 32, standardize: true }, 0);
  assert.deepEqual(data.train.statistics, TINY_IMAGENET_STATISTICS);
  const sequence = splitTasks(data, { tasks: 2 });
  assert.deepEqual(
    sequence.tasks.map(({ name, train, test: validation }) => [name, train.size, validation.size]),
    [
      ['goldfish', 3, 1],
      ['crane', 3, 1],
    ],
  );
  // Classes follow each other, so tasks need no copy of their images.
  for (const { train } of sequence.tasks) assert.equal(train.inputs.buffer, data.train.inputs.buffer);
});
