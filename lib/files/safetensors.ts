/**
 * The safetensors format: named tensors in a file that is read without running any code.
 *
 *     8 bytes     length of the header, little-endian
 *     header      JSON: { "__metadata__": { ... },
 *                         NAME: { "dtype": "F32", "shape": [2], "data_offsets": [0, 8] } }
 *     data        row-major, little-endian; the tensors lie one after the other and fill it
 *
 * https://github.com/huggingface/safetensors. As there, what is not exactly of this form is refused.
 */

import { DataError, describe, OptionError, shorten } from '../core/errors';
import { writeFileAtomic } from './atomicFile';
import { readRegularFile } from './regularFile';

/** Arrays of each type, in the order in which they are laid out, last to first; of F16 and BF16 the bits. */
const ARRAYS = {
  ...{
    BOOL: Uint8Array,
    U8: Uint8Array,
    I8: Int8Array,
    I16: Int16Array,
    U16: Uint16Array,
    F16: Uint16Array,
    BF16: Uint16Array,
  },
  ...{
    I32: Int32Array,
    U32: Uint32Array,
    F32: Float32Array,
    F64: Float64Array,
    I64: BigInt64Array,
    U64: BigUint64Array,
  },
} as const;

/** Type of stored numbers, by its name in the format. */
export type StoredType = keyof typeof ARRAYS;

const TYPES = Object.keys(ARRAYS) as StoredType[];

/** Longest header that is read, the limit of the reference code. */
const LONGEST_HEADER = 100_000_000;

/** A tensor as it is stored. */
export interface StoredTensor {
  /** Type of its numbers. */
  dtype: StoredType;
  /** `[]` is a scalar. */
  shape: readonly number[];
  /** Row-major, little-endian. May be a view of a larger buffer. */
  bytes: Uint8Array;
}

/** What a safetensors file holds. */
export interface TensorFile {
  /** The tensors by name, in the order of their data. */
  tensors: Map<string, StoredTensor>;
  /** Notes, such as `{ format: 'pt' }`. */
  metadata: Record<string, string>;
}

/** A file of tensors is damaged, not of the format, or has a tensor that cannot be used. */
export class TensorFileError extends DataError {
  constructor(
    message: string,
    /** Name of the tensor at fault; undefined if it is the file as a whole. */
    readonly tensor?: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

/**
 * Reads a safetensors file. Its tensors share one buffer.
 *
 * @throws TensorFileError if it is missing, damaged or of another format.
 */
export async function readSafetensors(path: string): Promise<TensorFile> {
  let content: Buffer;
  try {
    content = readRegularFile(path);
  } catch (error) {
    throw new TensorFileError((error as Error).message, undefined, { cause: error });
  }
  return parseSafetensors(content, path);
}

/**
 * Takes the content of a safetensors file apart. The tensors are views of `content`.
 *
 * @param content The whole file.
 * @param source What it is called in messages. Default `'The content'`.
 * @throws TensorFileError if it is damaged or of another format.
 */
export function parseSafetensors(content: Uint8Array, source = 'The content'): TensorFile {
  const refuse = (what: string, tensor?: string, cause?: unknown): never => {
    const where = tensor === undefined ? source : `${source}: tensor "${shorten(tensor, 200)}"`;
    throw new TensorFileError(`${where} ${what}.`, tensor, { cause });
  };
  if (content.length < 8)
    refuse(`is no safetensors file: ${content.length} bytes, its header's length alone takes 8`);
  const length = Number(new DataView(content.buffer, content.byteOffset, 8).getBigUint64(0, true));
  if (length > LONGEST_HEADER || length > content.length - 8) {
    refuse(
      `is no safetensors file, or is cut off: a header of ${length} bytes in a file of ${content.length}`,
    );
  }
  const data = content.subarray(8 + length);
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(content.subarray(8, 8 + length)));
  } catch (error) {
    refuse(`is no safetensors file: its header is no JSON (${(error as Error).message})`, undefined, error);
  }
  if (!isRecord(header)) return refuse('is no safetensors file: its header is no JSON object');
  const { __metadata__: metadata = {}, ...entries } = header;
  if (!isRecord(metadata) || Object.values(metadata).some((note) => typeof note !== 'string')) {
    return refuse('has __metadata__ that is not a record of texts');
  }

  const found = Object.entries(entries).map(([name, entry]) => {
    if (!isRecord(entry)) return refuse('is not described by an object', name);
    const { dtype, shape, data_offsets: offsets } = entry;
    if (!TYPES.includes(dtype as StoredType)) {
      return refuse(`has the type ${describe(dtype)}, which is none of ${TYPES.join(', ')}`, name);
    }
    if (!isSizes(shape)) return refuse(`has the shape ${describe(shape)}, which is no list of sizes`, name);
    if (!isSizes(offsets) || offsets.length !== 2 || offsets[0] > offsets[1]) {
      return refuse(`has the data_offsets ${describe(offsets)}, which are no start and end`, name);
    }
    const [start, end] = offsets;
    if (end > data.length)
      return refuse(`ends at byte ${end} of ${data.length} bytes of data: the file is cut off`, name);
    const bytes = bytesOf(dtype as StoredType, shape);
    if (bytes !== end - start) {
      return refuse(
        `has ${end - start} bytes, but ${dtype as string} ${describe(shape)} takes ${bytes}`,
        name,
      );
    }
    return {
      name,
      start,
      end,
      tensor: { dtype: dtype as StoredType, shape, bytes: data.subarray(start, end) },
    };
  });

  // Each starts where the one before ends: they neither overlap nor leave bytes that belong to none.
  found.sort((a, b) => a.start - b.start || a.end - b.end);
  let filled = 0;
  for (const { name, start, end } of found) {
    if (start < filled)
      refuse(`starts at byte ${start}, within the tensor before it, which ends at ${filled}`, name);
    if (start > filled)
      refuse(`starts at byte ${start}; bytes ${filled} to ${start} before it belong to no tensor`, name);
    filled = end;
  }
  if (filled !== data.length) refuse(`has ${data.length - filled} bytes at its end that belong to no tensor`);
  return {
    tensors: new Map(found.map(({ name, tensor }) => [name, tensor])),
    metadata: metadata as Record<string, string>,
  };
}

/**
 * Writes tensors as a safetensors file, which appears whole or not at all. Laid out as the reference code
 * does, so that equal tensors give equal files.
 *
 * @throws OptionError if a tensor's bytes do not fit its shape.
 */
export function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, StoredTensor>,
  metadata: Record<string, string> = {},
): void {
  writeFileAtomic(path, encodeSafetensors(tensors, metadata));
}

/** The content of the file that `writeSafetensors` writes. */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, StoredTensor>,
  metadata: Record<string, string> = {},
): Uint8Array {
  const order = [...tensors].sort(
    ([a, { dtype: typeA }], [b, { dtype: typeB }]) =>
      TYPES.indexOf(typeB) - TYPES.indexOf(typeA) || (a < b ? -1 : 1),
  );
  let end = 0;
  const entries = order.map(([name, { dtype, shape, bytes }]) => {
    const expected = bytesOf(dtype, shape);
    if (bytes.length !== expected) {
      throw new OptionError(
        `tensor "${name}"`,
        `${bytes.length} bytes`,
        `${expected} bytes long, as ${dtype} [${shape}]`,
      );
    }
    const start = end;
    end += bytes.length;
    return [name, { dtype, shape, data_offsets: [start, end] }] as const;
  });
  const notes = Object.keys(metadata).length === 0 ? {} : { __metadata__: metadata };
  const json = new TextEncoder().encode(JSON.stringify({ ...notes, ...Object.fromEntries(entries) }));
  // Filled up with spaces, so that the data starts at a multiple of 8.
  const length = Math.ceil(json.length / 8) * 8;
  const content = new Uint8Array(8 + length + end).fill(0x20, 8, 8 + length);
  new DataView(content.buffer).setBigUint64(0, BigInt(length), true);
  content.set(json, 8);
  order.reduce((at, [, { bytes }]) => {
    content.set(bytes, at);
    return at + bytes.length;
  }, 8 + length);
  return content;
}

/** The numbers of a tensor, rounded to float32. A new array. */
export function storedFloats({ dtype, bytes }: StoredTensor): Float32Array {
  // A copy, since views of typed arrays must begin at multiples of their numbers' size.
  const numbers = new ARRAYS[dtype](Uint8Array.from(bytes).buffer);
  if (numbers instanceof Float32Array) return numbers;
  if (dtype === 'F16') return Float32Array.from(numbers as Uint16Array, halfToNumber);
  // The upper half of a float32.
  if (dtype === 'BF16')
    return new Float32Array(Uint32Array.from(numbers as Uint16Array, (half) => half << 16).buffer);
  return Float32Array.from(numbers as Iterable<number | bigint>, Number);
}

/** Bytes that numbers of this type and shape take. */
function bytesOf(dtype: StoredType, shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, ARRAYS[dtype].BYTES_PER_ELEMENT);
}

/** A float32 tensor to store. The numbers are copied. */
export function storeFloats(values: Float32Array, shape: readonly number[]): StoredTensor {
  const bytes = Uint8Array.from(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  return { dtype: 'F32', shape: [...shape], bytes };
}

/** IEEE 754 half precision: sign, 5 bits of exponent, 10 of mantissa. */
function halfToNumber(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const mantissa = half & 0x3ff;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  if (exponent === 0x1f) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}
