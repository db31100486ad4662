/**
 * Files that are no files, unfold without an end, or hold values of any length: refused by typed, short
 * errors.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { crc32, deflateSync, gzipSync } from 'node:zlib';
import { cifar10, tinyImageNet } from 'lookbehind/data';
import { DataError, LookbehindError, OptionError } from 'lookbehind/errors';
import { readSafetensors } from 'lookbehind/models';
import { expandGrid } from 'lookbehind/runs';
import { readCifarArchive } from '../../lib/dist/data/cifar';
import { imageSize } from '../../lib/dist/data/imageSize';
import { ZipArchive } from '../../lib/dist/data/zip';
import { parseSafetensors } from '../../lib/dist/files/safetensors';
import { readSizes } from '../../lib/dist/paper/commandLine';
import { RunStore } from '../../lib/dist/runs/store';
import { readCheckpoint } from '../../lib/dist/training/checkpoint';

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'lookbehind-hostile-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function pipeAt(path: string): string {
  execFileSync('mkfifo', [path]);
  return path;
}

/** The files that this process holds open, as far as the system tells. */
function openFiles(): string[] {
  const folder = '/proc/self/fd';
  const numbers = existsSync(folder) ? readdirSync(folder) : [];
  return numbers
    .map((number) => join(folder, number))
    .flatMap((link) => (existsSync(link) ? [readlinkSync(link)] : []));
}

/** A gray PNG of zeros: a thousandth of what it unfolds to. */
function blankPng(width: number, height: number): Buffer {
  const chunk = (type: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    checksum.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, checksum]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 8;
  const pixels = deflateSync(Buffer.alloc((width + 1) * height));
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', pixels),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function isShort(
  type: typeof LookbehindError | typeof OptionError,
  ...parts: RegExp[]
): (error: Error) => boolean {
  return (error) => {
    assert.ok(error instanceof type, String(error).slice(0, 500));
    assert.ok(error.message.length <= 4000, `${error.message.length} characters`);
    for (const part of parts) assert.match(error.message, part);
    return true;
  };
}

test('an image of the wrong size is refused before it is decoded', async (t) => {
  const folder = folderOf(t);
  for (const path of ['train/n1/images', 'val/images']) mkdirSync(join(folder, path), { recursive: true });
  writeFileSync(join(folder, 'wnids.txt'), 'n1\n');
  writeFileSync(join(folder, 'val/val_annotations.txt'), 'a.png\tn1\n');
  writeFileSync(join(folder, 'val/images/a.png'), blankPng(64, 64));
  const image = join(folder, 'train/n1/images/a.png');
  writeFileSync(image, blankPng(12_000, 12_000)); // 140 kB; decoded to three channels of int32 it has 1.7 GB
  const before = process.resourceUsage().maxRSS;
  await assert.rejects(
    tinyImageNet({ folder }),
    isShort(DataError, /12000 x 12000 pixels, expected 64 x 64/),
  );
  assert.ok(process.resourceUsage().maxRSS - before < 200_000, 'under 200 MB');
  rmSync(image);
  pipeAt(image);
  await assert.rejects(tinyImageNet({ folder }), isShort(DataError, /pipe or device, not a file/));
});

test('the size of an image is that of its header', () => {
  assert.deepEqual(imageSize(blankPng(7, 9)), { width: 7, height: 9 });
  // APP0, a table, a progressive frame of 300 x 200 between bytes to fill up.
  const jpeg = Buffer.from('ffd8ffe00004abcdffffc40003 00ffc2000b0800c8012c01011100'.replace(' ', ''), 'hex');
  assert.deepEqual(imageSize(jpeg), { width: 300, height: 200 });
  for (const cut of [0, 1, 2, 5, 12, 16, 18]) assert.equal(imageSize(jpeg.subarray(0, cut)), undefined);
  assert.equal(imageSize(blankPng(7, 9).subarray(0, 20)), undefined);
  assert.equal(imageSize(Buffer.from('GIF89a........................')), undefined);
});

test('an archive that unfolds to more than a data set has is refused', async (t) => {
  const path = join(folderOf(t), 'bomb.tar.gz');
  const header = Buffer.alloc(512);
  header.write('other.bin', 0);
  header.write(`${(2 ** 26).toString(8).padStart(11, '0')}\0`, 124);
  header[156] = '0'.charCodeAt(0);
  header.fill(' ', 148, 156);
  header.write(
    `${header
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0`,
    148,
  );
  writeFileSync(path, gzipSync(Buffer.concat([header, Buffer.alloc(2 ** 26 + 1024)])));
  const layout = {
    name: 'cifar10',
    labelBytes: 1,
    labelByte: 0,
    classes: ['a'],
    train: [{ name: 'train.bin', records: 1 }],
    test: [{ name: 'test.bin', records: 1 }],
  };
  await assert.rejects(readCifarArchive(path, layout), isShort(DataError, /unfolds to more than/));
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.ok(!openFiles().includes(path), 'it is closed');
});

test('pipes in place of files are refused by all readers, not waited for', async (t) => {
  const folder = folderOf(t);
  const pipe = pipeAt(join(folder, 'pipe'));
  const refused = isShort(LookbehindError, /pipe or device, not a file/);
  await assert.rejects(readSafetensors(pipe), refused);
  await assert.rejects(ZipArchive.open(pipe), refused);
  assert.throws(() => readCheckpoint(pipe), refused);
  assert.throws(() => readSizes(pipe), refused);
  pipeAt(join(folder, 'data_batch_1.bin'));
  pipeAt(join(folder, 'test_batch.bin'));
  await assert.rejects(cifar10({ folder }), refused);

  const store = new RunStore(join(folder, 'runs'));
  const hash = '0123456789abcdef';
  mkdirSync(store.runFolder(hash), { recursive: true });
  for (const name of ['config.json', 'result.json', 'history.csv']) pipeAt(join(store.runFolder(hash), name));
  assert.throws(() => store.readConfig(hash), refused);
  assert.equal(store.readResult(hash), undefined);
  assert.throws(() => store.readHistory(hash), isShort(DataError, /missing or damaged/));
});

test('values of any length and depth give short errors', () => {
  const long = 'x'.repeat(5_000_000);
  const tensors = (entry: object, name = 'w'): Uint8Array => {
    const json = Buffer.from(
      JSON.stringify({ [name]: { dtype: 'F32', shape: [], data_offsets: [0, 4], ...entry } }),
    );
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(json.length));
    return Buffer.concat([length, json, Buffer.alloc(4)]);
  };
  assert.throws(() => parseSafetensors(tensors({ dtype: long })), isShort(DataError, /has the type "x+/));
  assert.throws(
    () => parseSafetensors(tensors({ dtype: 'F' }, long)),
    isShort(DataError, /has the type "F"/),
  );
  assert.throws(
    () => parseSafetensors(tensors({ shape: new Array(1_000_000).fill(1.5) })),
    isShort(DataError, /the shape/),
  );
  assert.throws(() => expandGrid({ [long]: long } as never), isShort(OptionError));
  assert.throws(() => expandGrid({ data: long } as never), isShort(OptionError, /data/));
  const deep = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`);
  assert.throws(() => expandGrid({ data: deep } as never), isShort(OptionError, /nested at most/));
  assert.throws(() => expandGrid(deep), isShort(OptionError));
});

test('a grid of more runs than anybody waits for is refused', () => {
  const grid = { data: 'mnist1d', model: { kind: 'mlp', hidden: [5] }, optimizer: 'sgd', epochs: 1 };
  assert.throws(
    () => expandGrid({ ...grid, seeds: 1e9 } as never),
    isShort(OptionError, /seeds must be .* <= 100000/),
  );
  const many = Array.from({ length: 1000 }, (_, i) => i + 1);
  assert.throws(
    () => expandGrid({ ...grid, epochs: many, batchSize: many, evaluateEvery: many } as never),
    isShort(OptionError, /at most 100000 runs/),
  );
});
