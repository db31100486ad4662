/**
 * Reads members of a zip archive by name, without writing anything: no path in an archive can leave any folder.
 *
 * The format (PKWARE APPNOTE 6.3): each member is a local header and its content, stored or deflated; a directory at the end of the
 * file lists them; after it comes a record that says where it is. Archives of more than 65,535 members have a second such record
 * with 64-bit numbers ("zip64").
 */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { promisify } from 'node:util';
import { inflateRaw } from 'node:zlib';
import { DataError } from '../core/errors';
import { crc32 } from '../files/crc32';

/** A file in an archive. */
export interface ZipMember {
  /** Path as written in the archive. */
  name: string;
  /** Bytes of its content. */
  size: number;
}

interface Entry extends ZipMember {
  method: number;
  compressed: number;
  crc: number;
  /** Where its local header begins. */
  start: number;
}

const SIGNATURE = {
  local: 0x04034b50,
  member: 0x02014b50,
  end: 0x06054b50,
  end64: 0x06064b50,
  locator64: 0x07064b50,
} as const;

/** In place of a number that needs 64 bits, which is then elsewhere. */
const ELSEWHERE_32 = 0xffffffff;
const ELSEWHERE_16 = 0xffff;

const [STORED, DEFLATED] = [0, 8];

/** Size of the record at the end without its comment, and the longest comment. */
const END_SIZE = 22;
const LONGEST_COMMENT = 0xffff;

/** Bytes of a larger member are not read: what is in data sets is small, so such a size is an attack or damage. */
const LARGEST_MEMBER = 1 << 28;

const inflate = promisify(inflateRaw) as (content: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>;

/** A zip archive that is open for reading. Close it in the end. */
export class ZipArchive {
  readonly #entries: ReadonlyMap<string, Entry>;

  private constructor(
    /** Path of the archive. */
    readonly path: string,
    private readonly file: FileHandle,
    entries: Entry[],
  ) {
    this.#entries = new Map(entries.map((entry) => [entry.name, entry]));
  }

  /**
   * Opens an archive and reads its directory.
   *
   * @throws DataError where it is missing, is no zip archive, or is damaged.
   */
  static async open(path: string): Promise<ZipArchive> {
    const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)).catch((error: Error) => {
      throw new DataError(`The archive ${path} cannot be read: ${error.message}`, { cause: error });
    });
    try {
      if (!(await file.stat()).isFile()) throw new DataError(`The archive ${path} is a folder, pipe or device, not a file.`);
      return new ZipArchive(path, file, await readDirectory(file, path));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** All files, in the order of the directory. */
  get members(): ZipMember[] {
    const files = [...this.#entries.values()].filter(({ name }) => !name.endsWith('/'));
    return files.map(({ name, size }) => ({ name, size }));
  }

  /** Whether there is a member of this name. */
  has(name: string): boolean {
    return this.#entries.has(name);
  }

  /**
   * The content of a member.
   *
   * @throws DataError where there is none of this name, it is encrypted, or it is damaged.
   */
  async read(name: string): Promise<Buffer> {
    const entry = this.#entries.get(name);
    if (entry === undefined) throw new DataError(`${this.path} has no ${name}.`);
    const { method, size, compressed, crc, start } = entry;
    const damaged = (what: string, cause?: unknown): DataError =>
      new DataError(`${this.path} is damaged: ${name} ${what}.`, { cause });
    if (Math.max(size, compressed) > LARGEST_MEMBER) throw damaged(`has ${size} bytes, more than ${LARGEST_MEMBER}`);
    const header = await readAt(this.file, this.path, start, 30);
    if (header.readUInt32LE(0) !== SIGNATURE.local) throw damaged('does not begin where the directory says');
    if ((header.readUInt16LE(6) & 1) === 1) throw damaged('is encrypted');
    const content = start + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
    const packed = await readAt(this.file, this.path, content, compressed);
    let bytes: Buffer;
    if (method === STORED) bytes = packed;
    else if (method === DEFLATED) {
      bytes = await inflate(packed, { maxOutputLength: Math.max(1, size) }).catch((error: Error) => {
        throw damaged(`cannot be unpacked (${error.message})`, error);
      });
    } else throw damaged(`is packed by method ${method}, not stored or deflated`);
    if (bytes.length !== size || crc32(bytes) !== crc) throw damaged('has another checksum than the directory says');
    return bytes;
  }

  /** Closes the file. */
  async close(): Promise<void> {
    await this.file.close();
  }
}

async function readDirectory(file: FileHandle, path: string): Promise<Entry[]> {
  const { size } = await file.stat();
  const tail = await readAt(
    file,
    path,
    Math.max(0, size - END_SIZE - LONGEST_COMMENT),
    Math.min(size, END_SIZE + LONGEST_COMMENT),
  );
  const at = findEnd(tail);
  if (at < 0) throw new DataError(`${path} is no zip archive, or is cut off.`);
  let count = tail.readUInt16LE(at + 10);
  let length = tail.readUInt32LE(at + 12);
  let start = tail.readUInt32LE(at + 16);
  if (count === ELSEWHERE_16 || length === ELSEWHERE_32 || start === ELSEWHERE_32) {
    const locator = at >= 20 ? tail.subarray(at - 20, at) : undefined;
    if (locator?.readUInt32LE(0) === SIGNATURE.locator64) {
      const record = await readAt(file, path, number64(locator, 8), 56);
      if (record.readUInt32LE(0) !== SIGNATURE.end64)
        throw new DataError(`${path} is damaged: its zip64 record is not where it should be.`);
      [count, length, start] = [32, 40, 48].map((field) => number64(record, field));
    }
  }
  if (length > size) throw new DataError(`${path} is damaged: a directory of ${length} bytes in a file of ${size}.`);
  const directory = await readAt(file, path, start, length);
  const entries: Entry[] = [];
  for (let from = 0; entries.length < count; ) {
    if (from + 46 > directory.length || directory.readUInt32LE(from) !== SIGNATURE.member) {
      throw new DataError(`${path} is damaged: its directory ends after ${entries.length} of ${count} members.`);
    }
    const [name, extra, comment] = [28, 30, 32].map((field) => directory.readUInt16LE(from + field));
    const next = from + 46 + name + extra + comment;
    if (next > directory.length) throw new DataError(`${path} is damaged: its directory is cut off.`);
    entries.push(readEntry(directory.subarray(from, next), name, extra));
    from = next;
  }
  return entries;
}

function readEntry(record: Buffer, nameLength: number, extraLength: number): Entry {
  const name = record.toString('utf8', 46, 46 + nameLength);
  const extra = record.subarray(46 + nameLength, 46 + nameLength + extraLength);
  const large = zip64Numbers(extra);
  const field = (at: number): number => {
    const value = record.readUInt32LE(at);
    return value === ELSEWHERE_32 ? (large.shift() ?? value) : value;
  };
  // The order in which they are looked up is that of the extra field.
  const size = field(24);
  const compressed = field(20);
  const start = field(42);
  return { name, size, compressed, start, method: record.readUInt16LE(10), crc: record.readUInt32LE(16) };
}

/** The 64-bit numbers of an extra field. */
function zip64Numbers(extra: Buffer): number[] {
  for (let at = 0; at + 4 <= extra.length; ) {
    const length = extra.readUInt16LE(at + 2);
    if (extra.readUInt16LE(at) === 1) {
      const end = Math.min(at + 4 + length, extra.length);
      const numbers: number[] = [];
      for (let from = at + 4; from + 8 <= end; from += 8) numbers.push(number64(extra, from));
      return numbers;
    }
    at += 4 + length;
  }
  return [];
}

/** Where the record at the end begins in the last bytes of the file, or -1: its comment reaches exactly to the end. */
function findEnd(tail: Buffer): number {
  for (let at = tail.length - END_SIZE; at >= 0; at--) {
    if (tail.readUInt32LE(at) === SIGNATURE.end && at + END_SIZE + tail.readUInt16LE(at + 20) === tail.length) return at;
  }
  return -1;
}

function number64(buffer: Buffer, at: number): number {
  return Number(buffer.readBigUInt64LE(at));
}

async function readAt(file: FileHandle, path: string, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
  if (bytesRead < length) throw new DataError(`${path} is damaged or cut off: ${length} bytes at ${position} are not there.`);
  return buffer;
}
