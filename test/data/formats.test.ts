import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { cifar10, cifar100, type Dataset, fashionMnist, fullMnist, kmnist, readIdx } from 'lookbehind/data';
import { DataError } from 'lookbehind/errors';
import { Random } from 'lookbehind/extend';
import { type CifarLayout, readCifarArchive } from '../../lib/dist/data/cifar';
import { ZipArchive } from '../../lib/dist/data/zip';
import { zip } from './zips';

const scratch = mkdtempSync(join(tmpdir(), 'lookbehind-formats-'));
after(() => rmSync(scratch, { recursive: true }));

function folder(name: string, files: Record<string, Uint8Array>): string {
  const path = join(scratch, name);
  mkdirSync(path, { recursive: true });
  for (const [file, content] of Object.entries(files)) writeFileSync(join(path, file), content);
  return path;
}

const isDataError =
  (...parts: string[]) =>
  (error: Error): boolean => {
    assert.ok(error instanceof DataError, String(error));
    for (const part of parts)
      assert.ok(error.message.includes(part), `"${part}" is not in: ${error.message}`);
    return true;
  };

// IDX

function idx(shape: number[], data: ArrayLike<number>): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header[2] = 8;
  header[3] = shape.length;
  shape.forEach((n, i) => {
    header.writeUInt32BE(n, 4 + 4 * i);
  });
  return Buffer.concat([header, Uint8Array.from(data)]);
}

function idxFiles(train: number, test: number): Record<string, Buffer> {
  const images = (n: number): Buffer =>
    idx(
      [n, 3, 2],
      Array.from({ length: 6 * n }, (_, i) => (7 * i) % 256),
    );
  const labels = (n: number): Buffer =>
    idx(
      [n],
      Array.from({ length: n }, (_, i) => i % 10),
    );
  return {
    'train-images-idx3-ubyte': images(train),
    'train-labels-idx1-ubyte': labels(train),
    't10k-images-idx3-ubyte': images(test),
    't10k-labels-idx1-ubyte': labels(test),
  };
}

test('IDX sets are read, gzipped or not', async () => {
  const plain = idxFiles(12, 5);
  const gzipped = Object.fromEntries(
    Object.entries(plain).map(([name, content]) => [`${name}.gz`, gzipSync(content)]),
  );
  for (const path of [folder('plain', plain), folder('gzipped', gzipped)]) {
    for (const loader of [fullMnist, fashionMnist, kmnist]) {
      const { train, test } = await loader({ folder: path });
      assert.deepEqual(
        [train.size, test.size, train.inputShape, train.classes.length],
        [12, 5, [3, 2, 1], 10],
      );
      assert.deepEqual([train.split, test.split], ['train', 'test']);
      assert.deepEqual([...train.inputs.subarray(6, 9)], [42, 49, 56]);
      assert.equal(train.labels[11], 1);
      assert.ok(Math.abs(train.values([1])[0] - 42 / 255) < 1e-7);
    }
  }
  assert.deepEqual(
    await readIdx(join(scratch, 'plain', 'train-labels-idx1-ubyte')).then(({ shape }) => shape),
    [12],
  );
});

test('missing and damaged IDX files are named', async () => {
  const good = idxFiles(4, 2);
  const images = good['train-images-idx3-ubyte'];
  const damaged: [Record<string, Uint8Array>, string][] = [
    [{ 'train-images-idx3-ubyte': images.subarray(0, 20) }, '4 numbers, but its header says 4 x 3 x 2 = 24'],
    [{ 'train-images-idx3-ubyte': images.subarray(0, 9) }, 'cut off within its header'],
    [
      { 'train-images-idx3-ubyte': Buffer.from([0, 0, 13, 1, 0, 0, 0, 0]) },
      'is not an IDX file of unsigned bytes',
    ],
    [{ 'train-images-idx3-ubyte': Buffer.alloc(0) }, 'is not an IDX file'],
    [{ 'train-images-idx3-ubyte': gzipSync(images).subarray(0, 30) }, 'cannot be unzipped'],
    [{ 'train-images-idx3-ubyte': idx([4], [1, 2, 3, 4]) }, 'has 1 dimensions, expected 3'],
    [{ 'train-labels-idx1-ubyte': idx([3], [1, 2, 3]) }, 'labels of shape [3] for the 4 images'],
    [{ 'train-labels-idx1-ubyte': idx([4], [1, 2, 3, 10]) }, 'has a label 10, expected 0 to 9'],
  ];
  for (const [i, [files, message]] of damaged.entries()) {
    const path = folder(`damaged-${i}`, { ...good, ...files });
    await assert.rejects(
      fullMnist({ folder: path }),
      isDataError(join(path, Object.keys(files)[0]), message),
    );
  }
  const { 't10k-labels-idx1-ubyte': _, ...incomplete } = good;
  await assert.rejects(
    fullMnist({ folder: folder('incomplete', incomplete) }),
    isDataError('t10k-labels-idx1-ubyte', 'cannot be read'),
  );
  await assert.rejects(fullMnist({ directory: '.' } as never), /option "directory"/);
});

// CIFAR

/** Records in the binary format, with random pixels. */
function records(labels: number[][], seed: number): Buffer {
  const random = new Random(seed);
  return Buffer.concat(
    labels.map((bytes) =>
      Uint8Array.from([...bytes, ...Array.from({ length: 3072 }, () => random.int(256))]),
    ),
  );
}

/** The pixel of channel `c` at row `y` and column `x` of a record's image. */
const pixel = (file: Buffer, record: number, labelBytes: number, c: number, y: number, x: number): number =>
  file[record * (labelBytes + 3072) + labelBytes + c * 1024 + y * 32 + x];

function assertSameImages(
  set: Dataset,
  first: number,
  file: Buffer,
  labelBytes: number,
  labelByte: number,
): void {
  for (let record = 0; record < file.length / (labelBytes + 3072); record++) {
    const image = set.inputs.subarray((first + record) * 3072, (first + record + 1) * 3072);
    for (const [y, x] of [
      [0, 0],
      [0, 31],
      [31, 0],
      [17, 5],
    ]) {
      for (let c = 0; c < 3; c++)
        assert.equal(image[(y * 32 + x) * 3 + c], pixel(file, record, labelBytes, c, y, x));
    }
    assert.equal(set.labels[first + record], file[record * (labelBytes + 3072) + labelByte]);
  }
}

test('CIFAR-10 files of any number of images are read, channels last', async () => {
  const batch1 = records([[3], [9], [0]], 1);
  const batch3 = records([[5]], 2);
  const testBatch = records([[1], [2]], 3);
  const path = folder('cifar10', {
    'data_batch_3.bin': batch3,
    'data_batch_1.bin': batch1,
    'test_batch.bin': testBatch,
  });
  const { train, test } = await cifar10({ folder: path });
  assert.deepEqual([train.size, test.size, train.inputShape, train.split], [4, 2, [32, 32, 3], 'train']);
  assert.ok(train.inputs instanceof Uint8Array);
  assertSameImages(train, 0, batch1, 1, 0);
  assertSameImages(train, 3, batch3, 1, 0);
  assertSameImages(test, 0, testBatch, 1, 0);
  assert.equal(train.classes[train.labels[1]], 'truck');
});

test('CIFAR-100 has fine and coarse labels', async () => {
  const train = records(
    [
      [19, 99],
      [0, 1],
    ],
    4,
  );
  const path = folder('cifar100', { 'train.bin': train, 'test.bin': records([[4, 7]], 5) });
  const fine = await cifar100({ folder: path });
  assertSameImages(fine.train, 0, train, 2, 1);
  assert.deepEqual(
    [fine.train.classes.length, fine.train.classes[99], fine.train.classes[1]],
    [100, 'worm', 'aquarium_fish'],
  );
  const coarse = await cifar100({ folder: path, labels: 'coarse' });
  assertSameImages(coarse.train, 0, train, 2, 0);
  assert.deepEqual([coarse.train.classes.length, coarse.train.classes[19]], [20, 'vehicles_2']);
  await assert.rejects(
    cifar100({ folder: path, labels: 'middle' as never }),
    /labels must be one of "fine", "coarse"/,
  );
});

test('missing and damaged CIFAR files are named', async () => {
  const good = { 'data_batch_1.bin': records([[1]], 6), 'test_batch.bin': records([[1]], 7) };
  const cases: [Record<string, Uint8Array>, string[]][] = [
    [{ 'test_batch.bin': good['test_batch.bin'] }, ['has no data_batch_1.bin']],
    [
      { ...good, 'data_batch_1.bin': good['data_batch_1.bin'].subarray(1) },
      ['data_batch_1.bin', '3072 bytes are no multiple of 3073'],
    ],
    [{ ...good, 'test_batch.bin': records([[10]], 8) }, ['test_batch.bin', 'a label 10, expected 0 to 9']],
  ];
  for (const [i, [files, parts]] of cases.entries()) {
    await assert.rejects(cifar10({ folder: folder(`cifar-damaged-${i}`, files) }), isDataError(...parts));
  }
  await assert.rejects(cifar10({ folder: join(scratch, 'nowhere') }), isDataError(join(scratch, 'nowhere')));
});

/** A tar archive as the ustar format has it. */
function tar(members: [name: string, content: Uint8Array, type?: string][]): Buffer {
  const blocks = members.flatMap(([name, content, type = '0']) => {
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write(`${content.length.toString(8).padStart(11, '0')} `, 124);
    header.write('        ', 148);
    header.write(type, 156);
    header.write('ustar\x0000', 257);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    return [header, content, Buffer.alloc((512 - (content.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

test('the CIFAR archive is read as a stream, files in any order, nothing written', async () => {
  const layout: CifarLayout = {
    name: 'cifar10',
    labelBytes: 1,
    labelByte: 0,
    classes: Array.from({ length: 10 }, (_, i) => String(i)),
    train: [
      { name: 'data_batch_1.bin', records: 100 },
      { name: 'data_batch_2.bin', records: 2 },
    ],
    test: [{ name: 'test_batch.bin', records: 1 }],
  };
  const batch1 = records(
    Array.from({ length: 100 }, (_, i) => [i % 10]),
    1,
  );
  const batch2 = records([[8], [9]], 2);
  const testBatch = records([[7]], 3);
  const members: Parameters<typeof tar>[0] = [
    ['cifar-10-batches-bin/', Buffer.alloc(0), '5'],
    ['cifar-10-batches-bin/data_batch_2.bin', batch2],
    ['cifar-10-batches-bin/readme.html', Buffer.from('hello')],
    ['../../cifar-10-batches-bin/test_batch.bin', testBatch],
    ['cifar-10-batches-bin/data_batch_1.bin', batch1],
  ];
  const write = (name: string, content: Uint8Array): string =>
    join(folder('archives', { [name]: content }), name);
  const archive = gzipSync(tar(members));
  const { train, test } = await readCifarArchive(write('good.tar.gz', archive), layout);
  assertSameImages(train, 0, batch1, 1, 0);
  assertSameImages(train, 100, batch2, 1, 0);
  assertSameImages(test, 0, testBatch, 1, 0);

  const broken: [string, Uint8Array, ...string[]][] = [
    ['no-gzip', tar(members), 'is damaged'],
    ['half', archive.subarray(0, archive.length / 2), 'is damaged'],
    ['no-tar', gzipSync(Buffer.alloc(2048, 65)), 'no tar archive: Invalid tar header'],
    ['cut-tar', gzipSync(tar(members).subarray(0, 5000)), 'Unexpected end of data'],
    ['lacks', gzipSync(tar(members.slice(0, 4))), 'lacks data_batch_1.bin'],
    [
      'short',
      gzipSync(tar([...members.slice(0, 4), [members[4][0], batch1.subarray(0, 5000)]])),
      'data_batch_1.bin in',
      'has 5000 bytes, but 100 images take 307300',
    ],
    ['long', gzipSync(tar([[members[1][0], batch1]])), 'has 307300 bytes, but 2 images take 6146'],
  ];
  for (const [name, content, ...messages] of broken) {
    await assert.rejects(
      readCifarArchive(write(`${name}.tar.gz`, content), layout),
      isDataError(...messages),
      name,
    );
  }
});

// Zip archives, as TinyImageNet comes in

const MEMBERS: Record<string, Uint8Array> = {
  'folder/': new Uint8Array(0),
  'folder/text.txt': Buffer.from('text '.repeat(1000)),
  'folder/empty': new Uint8Array(0),
  'folder/näme.bin': Uint8Array.from({ length: 3000 }, (_, i) => (i * i) % 251),
};

/** Opens the archive, hands it to `use` and closes it. */
async function withArchive<T>(content: Uint8Array, use: (archive: ZipArchive) => Promise<T>): Promise<T> {
  const path = join(folder('zip', { 'archive.zip': content }), 'archive.zip');
  const archive = await ZipArchive.open(path);
  try {
    return await use(archive);
  } finally {
    archive.close();
  }
}

test('members of zip archives are read, stored or deflated, with 64-bit records, and with a comment', async () => {
  for (const options of [
    {},
    { deflate: true },
    { zip64: true },
    { deflate: true, zip64: true, comment: 'a comment' },
  ]) {
    await withArchive(zip(MEMBERS, options), async (archive) => {
      const files = Object.entries(MEMBERS).filter(([name]) => !name.endsWith('/'));
      assert.deepEqual(
        archive.names,
        files.map(([name]) => name),
      );
      for (const [name, content] of files) assert.ok((await archive.read(name)).equals(content), name);
      await assert.rejects(archive.read('folder/other'), /has no folder\/other/);
    });
  }
});

/**
 * An archive made by another program: Python's zipfile, of `a.txt` ("hello") and `b/c.txt` ("x" 200 times,
 * deflated).
 */
const BY_PYTHON =
  'UEsDBBQAAAAAAAAAIQCGphA2BQAAAAUAAAAFAAAAYS50eHRoZWxsb1BLAwQUAAAACAAAACEApmvLfgYAAADIAAAABwAAAGIvYy50eHSrqBgeAABQSwECFAMUAAAAAAAAACEAhqYQNgUAAAAFAAAABQAAAAAAAAAAAAAAgAEAAAAAYS50eHRQSwECFAMUAAAACAAAACEApmvLfgYAAADIAAAABwAAAAAAAAAAAAAAgAEoAAAAYi9jLnR4dFBLBQYAAAAAAgACAGgAAABTAAAAAAA=';

test('zip archives of another program are read', async () => {
  await withArchive(Buffer.from(BY_PYTHON, 'base64'), async (archive) => {
    assert.equal((await archive.read('a.txt')).toString(), 'hello');
    assert.equal((await archive.read('b/c.txt')).toString(), 'x'.repeat(200));
  });
});

test('damaged zip archives are refused', async () => {
  const name = 'folder/text.txt';
  const good = zip({ [name]: MEMBERS[name] }, { deflate: true });
  const content = 30 + name.length;
  const member = good.indexOf('PK\x01\x02');
  const changed = (change: (copy: Buffer) => void): Buffer => {
    const copy = Buffer.from(good);
    change(copy);
    return copy;
  };
  const cases: [Buffer, RegExp][] = [
    [
      changed((copy) => (copy[content + 5] ^= 16)),
      /text.txt cannot be read \(.*(invalid|bytes in the stream|checksum)/,
    ],
    [
      changed((copy) => copy.writeUInt32LE(7, member + 16)),
      /text.txt cannot be read \(it has another checksum/,
    ],
    [
      changed((copy) => copy.writeUInt32LE(4999, member + 24)),
      /text.txt cannot be read \(too many bytes in the stream/,
    ],
    [
      changed((copy) => copy.writeUInt32LE(5001, member + 24)),
      /text.txt cannot be read \(not enough bytes in the stream/,
    ],
    [
      changed((copy) => copy.writeUInt32LE(0xfffffff0, member + 24)),
      /text.txt cannot be read \(it has 4294967280 bytes, at most/,
    ],
    [changed((copy) => copy.writeUInt32LE(100_000, member + 20)), /file data overflows file bounds/],
    [changed((copy) => copy.writeUInt16LE(12, member + 10)), /unsupported compression method: 12/],
    [changed((copy) => copy.writeUInt16LE(1, member + 8)), /text.txt cannot be read \(entry is encrypted/],
    [changed((copy) => copy.writeUInt32LE(3, member + 42)), /invalid local file header signature/],
    [changed((copy) => copy.writeUInt16LE(2, copy.length - 12)), /cannot be read: unexpected EOF/],
    [changed((copy) => copy.writeUInt16LE(0xfffe, copy.length - 12)), /cannot be read: unexpected EOF/],
    [changed((copy) => copy.writeUInt32LE(0xfffffff0, copy.length - 6)), /cannot be read: unexpected EOF/],
    [changed((copy) => copy.writeUInt16LE(500, member + 30)), /cannot be read: /],
    [
      zip({ '../../outside.txt': Buffer.from('never written') }),
      /invalid relative path: \.\.\/\.\.\/outside.txt/,
    ],
    [Buffer.from('no archive'), /End of central directory record signature not found/],
  ];
  for (const [archive, message] of cases) {
    await assert.rejects(
      withArchive(archive, (open) => open.read(name)),
      (error: Error) => {
        assert.ok(error instanceof DataError, String(error));
        assert.match(error.message, message);
        assert.ok(error.message.includes('archive.zip'));
        return true;
      },
    );
  }
  for (let length = 0; length < good.length; length++) {
    await assert.rejects(
      withArchive(good.subarray(0, length), (open) => open.read(name)),
      DataError,
      `${length} bytes`,
    );
  }
  await assert.rejects(ZipArchive.open(join(scratch, 'none.zip')), DataError);
});
