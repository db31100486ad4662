import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { DataError, Random } from 'lookbehind';
import { ZipArchive } from 'lookbehind/dist/datasets/zip';
import { zip } from './zips';

const scratch = mkdtempSync(join(tmpdir(), 'lookbehind-zip-'));
after(() => rmSync(scratch, { recursive: true }));

const random = new Random(0);
const FILES: Record<string, Uint8Array> = {
  'folder/': new Uint8Array(0),
  'folder/text.txt': Buffer.from('text '.repeat(1000)),
  'folder/empty': new Uint8Array(0),
  '../../outside.txt': Buffer.from('never written'),
  'folder/näme.bin': Uint8Array.from({ length: 3000 }, () => random.int(256)),
};

/** Opens the archive, hands it to `use` and closes it. */
async function withArchive<T>(content: Uint8Array, use: (archive: ZipArchive) => Promise<T>): Promise<T> {
  const path = join(scratch, 'archive.zip');
  writeFileSync(path, content);
  const archive = await ZipArchive.open(path);
  try {
    return await use(archive);
  } finally {
    await archive.close();
  }
}

test('members are read, stored or deflated, with 64-bit records, and with a comment', async () => {
  for (const options of [{}, { deflate: true }, { zip64: true }, { deflate: true, zip64: true, comment: 'PK\x05\x06 comment' }]) {
    await withArchive(zip(FILES, options), async (archive) => {
      const files = Object.entries(FILES).filter(([name]) => !name.endsWith('/'));
      assert.deepEqual(
        archive.members,
        files.map(([name, { length }]) => ({ name, size: length })),
      );
      for (const [name, content] of files) assert.ok((await archive.read(name)).equals(content), name);
      assert.ok(archive.has('folder/empty') && !archive.has('empty'));
      await assert.rejects(archive.read('folder/other'), /has no folder\/other/);
    });
  }
});

/** An archive made by another program: Python's zipfile, of `a.txt` ("hello") and `b/c.txt` ("x" 200 times, deflated). */
const BY_PYTHON =
  'UEsDBBQAAAAAAAAAIQCGphA2BQAAAAUAAAAFAAAAYS50eHRoZWxsb1BLAwQUAAAACAAAACEApmvLfgYAAADIAAAABwAAAGIvYy50eHSrqBgeAABQSwECFAMUAAAAAAAAACEAhqYQNgUAAAAFAAAABQAAAAAAAAAAAAAAgAEAAAAAYS50eHRQSwECFAMUAAAACAAAACEApmvLfgYAAADIAAAABwAAAAAAAAAAAAAAgAEoAAAAYi9jLnR4dFBLBQYAAAAAAgACAGgAAABTAAAAAAA=';

test('archives of another program are read', async () => {
  await withArchive(Buffer.from(BY_PYTHON, 'base64'), async (archive) => {
    assert.equal((await archive.read('a.txt')).toString(), 'hello');
    assert.equal((await archive.read('b/c.txt')).toString(), 'x'.repeat(200));
  });
});

const name = 'folder/text.txt';

test('damaged archives are refused', async () => {
  const good = zip({ [name]: FILES[name] }, { deflate: true });
  const content = 30 + name.length;
  const member = good.indexOf('PK\x01\x02');
  const changed = (change: (copy: Buffer) => void): Buffer => {
    const copy = Buffer.from(good);
    change(copy);
    return copy;
  };
  const cases: [Buffer, RegExp][] = [
    [changed((copy) => (copy[content + 5] ^= 16)), /text.txt (cannot be unpacked|has another checksum)/],
    [changed((copy) => copy.writeUInt32LE(7, member + 16)), /text.txt has another checksum/],
    [changed((copy) => copy.writeUInt32LE(4999, member + 24)), /text.txt cannot be unpacked/],
    [changed((copy) => copy.writeUInt32LE(5001, member + 24)), /text.txt has another checksum/],
    [changed((copy) => copy.writeUInt32LE(0xfffffff0, member + 24)), /text.txt has 4294967280 bytes, more than/],
    [changed((copy) => copy.writeUInt32LE(100_000, member + 20)), /is damaged or cut off/],
    [changed((copy) => copy.writeUInt16LE(12, member + 10)), /packed by method 12/],
    [changed((copy) => copy.writeUInt16LE(1, 6)), /text.txt is encrypted/],
    [changed((copy) => copy.writeUInt32LE(3, member + 42)), /does not begin where the directory says/],
    [changed((copy) => copy.writeUInt16LE(2, copy.length - 12)), /ends after 1 of 2 members/],
    [changed((copy) => copy.writeUInt32LE(0xfffffff0, copy.length - 10)), /a directory of 4294967280 bytes/],
    [changed((copy) => copy.writeUInt16LE(500, member + 30)), /directory is cut off/],
    [Buffer.from('no archive'), /is no zip archive/],
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
