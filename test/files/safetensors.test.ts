import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { DataError, OptionError } from '../../lib/dist/core/errors';
import {
  encodeSafetensors,
  parseSafetensors,
  readSafetensors,
  type StoredTensor,
  type StoredType,
  storedFloats,
  storeFloats,
  TensorFileError,
  writeSafetensors,
} from '../../lib/dist/files/safetensors';

const scratch = mkdtempSync(join(tmpdir(), 'lookbehind-safetensors-'));
after(() => rmSync(scratch, { recursive: true }));

const SIZES: Record<StoredType, number> = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  F64: 8,
  I64: 8,
  U64: 8,
};

const anyTensor: fc.Arbitrary<StoredTensor> = fc
  .record({
    dtype: fc.constantFrom(...(Object.keys(SIZES) as StoredType[])),
    shape: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }),
  })
  .chain(({ dtype, shape }) => {
    const length = shape.reduce((product, n) => product * n, SIZES[dtype]);
    return fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => ({ dtype, shape, bytes }));
  });

const anyName = fc.string({ unit: 'grapheme' }).filter((name) => name !== '__metadata__');

test('what was written is read, whatever names, types and shapes', () => {
  fc.assert(
    fc.property(
      fc.dictionary(anyName, anyTensor, { maxKeys: 6, noNullPrototype: true }),
      fc.dictionary(anyName, fc.string(), { maxKeys: 3, noNullPrototype: true }),
      (record, notes) => {
        const written = new Map(Object.entries(record));
        const content = encodeSafetensors(written, notes);
        const { tensors, metadata } = parseSafetensors(content);
        assert.equal(tensors.size, written.size);
        for (const [name, { dtype, shape, bytes }] of written) {
          const read = tensors.get(name)!;
          assert.deepEqual([read.dtype, read.shape, [...read.bytes]], [dtype, shape, [...bytes]]);
        }
        assert.deepEqual(Object.entries(metadata), Object.entries(notes));
        assert.equal(new DataView(content.buffer).getUint32(0, true) % 8, 0);
      },
    ),
    { numRuns: 100 },
  );
});

test('numbers of all types are read, rounded to float32', () => {
  const floats = (dtype: StoredType, bytes: ArrayBufferView): number[] => [
    ...storedFloats({ dtype, shape: [], bytes: new Uint8Array(bytes.buffer) }),
  ];
  const halves = [0x3c00, 0xc000, 0x0001, 0x83ff, 0x7bff, 0x7c00, 0xfc00, 0x7e01, 0x3555, 0x8000];
  assert.deepEqual(floats('F16', Uint16Array.from(halves)), [
    1,
    -2,
    2 ** -24,
    -1023 * 2 ** -24,
    65504,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    Number.NaN,
    0.333251953125,
    -0,
  ]);
  assert.deepEqual(floats('BF16', Uint16Array.from([0x3f80, 0xc049, 0x7f80, 0x0080])), [
    1,
    -3.140625,
    Number.POSITIVE_INFINITY,
    2 ** -126,
  ]);
  assert.deepEqual(floats('F64', Float64Array.from([0.1, -1e300])), [
    Math.fround(0.1),
    Number.NEGATIVE_INFINITY,
  ]);
  assert.deepEqual(floats('F32', Float32Array.from([0.1, 1e-45])), [Math.fround(0.1), Math.fround(1e-45)]);
  assert.deepEqual(floats('I64', BigInt64Array.from([-5n, 1n << 40n])), [-5, 2 ** 40]);
  assert.deepEqual(floats('U64', BigUint64Array.from([1n << 63n])), [2 ** 63]);
  assert.deepEqual(floats('I32', Int32Array.from([-7])), [-7]);
  assert.deepEqual(floats('U32', Uint32Array.from([0xffffffff])), [2 ** 32]);
  assert.deepEqual(floats('I16', Int16Array.from([-300])), [-300]);
  assert.deepEqual(floats('U16', Uint16Array.from([65535])), [65535]);
  assert.deepEqual(floats('I8', Int8Array.from([-128])), [-128]);
  assert.deepEqual(floats('U8', Uint8Array.from([255])), [255]);
  assert.deepEqual(floats('BOOL', Uint8Array.from([1, 0])), [1, 0]);
});

test('numbers are read where they lie at odd addresses', () => {
  const content = encodeSafetensors(new Map([['x', storeFloats(Float32Array.of(1, 2, 3), [3])]]));
  const shifted = new Uint8Array(content.length + 1);
  shifted.set(content, 1);
  const { tensors } = parseSafetensors(shifted.subarray(1));
  assert.deepEqual([...storedFloats(tensors.get('x')!)], [1, 2, 3]);
});

/** A file with this header, as it is, and this much data. */
function file(header: string | object, dataBytes: number): Buffer {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, Buffer.alloc(dataBytes, 1)]);
}

const tensor = (
  start: number,
  end: number,
  shape: unknown = [(end - start) / 4],
  dtype: unknown = 'F32',
): object => ({
  dtype,
  shape,
  data_offsets: [start, end],
});

test('damaged files are refused by name of the tensor at fault', () => {
  const cases: [Buffer, RegExp, string?][] = [
    [Buffer.alloc(7), /no safetensors file: 7 bytes/],
    [Buffer.alloc(8), /its header is no JSON/],
    [Buffer.from([255, 255, 255, 255, 255, 255, 255, 255, 1]), /a header of \d+ bytes in a file of 9/],
    [file('{"a"', 0), /its header is no JSON/],
    [file(Buffer.from([0x7b, 0xff, 0x7d]).toString('latin1'), 0), /its header is no JSON/],
    [file('[]', 0), /no JSON object/],
    [file('null', 0), /no JSON object/],
    [file({ __metadata__: { a: 1 } }, 0), /__metadata__ that is not a record of texts/],
    [file({ x: 3 }, 0), /"x" is not described by an object/, 'x'],
    [file({ x: tensor(0, 4, [4], 'F8_E4M3') }, 4), /"x" has the type "F8_E4M3", which is none of/, 'x'],
    [file({ x: tensor(0, 4, [1], 'toString') }, 4), /"x" has the type "toString"/, 'x'],
    [file({ x: tensor(0, 4, [-1]) }, 4), /"x" has the shape \[-1\]/, 'x'],
    [file({ x: tensor(0, 4, [0.5]) }, 4), /"x" has the shape/, 'x'],
    [file({ x: tensor(0, 4, 1) }, 4), /"x" has the shape 1/, 'x'],
    [file({ x: { dtype: 'F32', shape: [1], data_offsets: [0, 4, 8] } }, 4), /"x" has the data_offsets/, 'x'],
    [file({ x: { dtype: 'F32', shape: [1], data_offsets: [4, 0] } }, 4), /"x" has the data_offsets/, 'x'],
    [file({ x: { dtype: 'F32', shape: [1] } }, 4), /"x" has the data_offsets undefined/, 'x'],
    [file({ x: tensor(0, 8) }, 4), /"x" ends at byte 8 of 4 bytes of data/, 'x'],
    [file({ x: tensor(0, 8, [3]) }, 8), /"x" has 8 bytes, but F32 \[3\] takes 12/, 'x'],
    [file({ x: tensor(0, 8, [2 ** 40, 2 ** 40]) }, 8), /"x" has 8 bytes, but F32/, 'x'],
    [
      file({ x: tensor(0, 8), y: tensor(4, 12) }, 12),
      /"y" starts at byte 4, within the tensor before it/,
      'y',
    ],
    [
      file({ x: tensor(0, 4), y: tensor(8, 12) }, 12),
      /"y" starts at byte 8; bytes 4 to 8 before it belong to no tensor/,
      'y',
    ],
    [file({ x: tensor(0, 4) }, 12), /8 bytes at its end that belong to no tensor/],
  ];
  for (const [content, message, name] of cases) {
    assert.throws(
      () => parseSafetensors(content, 'here.safetensors'),
      (error: Error) => {
        assert.ok(error instanceof TensorFileError && error instanceof DataError, String(error));
        assert.match(error.message, message);
        assert.ok(error.message.startsWith('here.safetensors'));
        assert.equal(error.tensor, name);
        return true;
      },
    );
  }
});

test('no cut and no changed byte gives anything but a file or a TensorFileError', () => {
  const good = encodeSafetensors(
    new Map([
      ['weight', storeFloats(Float32Array.of(1, 2), [2, 1])],
      ['steps', { dtype: 'I64', shape: [], bytes: new Uint8Array(8) }],
    ]),
    { format: 'pt' },
  );
  for (let length = 0; length < good.length; length++) {
    assert.throws(() => parseSafetensors(good.subarray(0, length)), TensorFileError, `${length} bytes`);
  }
  for (let at = 0; at < good.length; at++) {
    for (const change of [1, 16, 128]) {
      const changed = good.slice();
      changed[at] ^= change;
      try {
        const { tensors } = parseSafetensors(changed);
        for (const stored of tensors.values()) storedFloats(stored);
      } catch (error) {
        assert.ok(error instanceof TensorFileError, `byte ${at}: ${error}`);
      }
    }
  }
});

test('files are written whole, and missing ones are named', async () => {
  const path = join(scratch, 'good.safetensors');
  const tensors = new Map([['x', storeFloats(Float32Array.of(1, 2, 3, 4), [2, 2])]]);
  writeSafetensors(path, tensors, { format: 'pt' });
  const { tensors: read, metadata } = await readSafetensors(path);
  assert.deepEqual(
    [[...read.keys()], metadata, [...storedFloats(read.get('x')!)]],
    [['x'], { format: 'pt' }, [1, 2, 3, 4]],
  );
  assert.ok(readFileSync(path).equals(Buffer.from(encodeSafetensors(tensors, { format: 'pt' }))));
  writeFileSync(path, readFileSync(path).subarray(0, 90));
  await assert.rejects(
    readSafetensors(path),
    (error: Error) => error instanceof TensorFileError && error.message.includes(path),
  );
  await assert.rejects(readSafetensors(join(scratch, 'none')), /none cannot be read/);
  const wrong = new Map([['x', { ...storeFloats(Float32Array.of(1), [1]), shape: [2] }]]);
  assert.throws(
    () => encodeSafetensors(wrong),
    (error: Error) => error instanceof OptionError && /tensor "x"/.test(error.message),
  );
});
