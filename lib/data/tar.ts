/**
 * Reads the members of a tar archive as a stream, without writing anything: no path in an archive can leave any folder.
 *
 * The format (POSIX ustar): per member a header of 512 bytes (name at 0, size at 124 and checksum at 148, both octal, type at 156),
 * then its content, filled up with zeros to a multiple of 512; two headers of zeros end the archive.
 */
import { DataError } from '../core/errors';

/** A regular file in an archive. */
export interface TarMember {
  /** Path as written in the archive. */
  name: string;
  /** Bytes of its content. */
  size: number;
  /** The content. Read it before the next member, or leave it out. */
  chunks: AsyncGenerator<Buffer>;
}

const BLOCK = 512;

/**
 * The regular files of an archive, in its order.
 *
 * @param source The archive's bytes, unzipped.
 * @param path Of the archive, for messages.
 * @throws DataError where it is not a tar archive or is cut off.
 */
export async function* tarMembers(source: AsyncIterable<Buffer>, path: string): AsyncGenerator<TarMember> {
  const reader = new BlockReader(source, path);
  for (;;) {
    const header = await reader.take(BLOCK);
    if (header.every((byte) => byte === 0)) {
      await reader.drain(); // an unzipping source compares its checksum at its end
      return;
    }
    if (octal(header, 148, 8) !== checksum(header)) throw new DataError(`${path} is not a tar archive, or is damaged.`);
    const size = octal(header, 124, 12);
    if (!(size >= 0)) throw new DataError(`${path} is damaged: a file in it has no size.`);
    const type = String.fromCharCode(header[156]);
    const chunks = reader.chunks(size);
    if (type === '0' || type === '\0') yield { name: text(header, 0, 100), size, chunks };
    for await (const _ of chunks);
    await reader.take((BLOCK - (size % BLOCK)) % BLOCK);
  }
}

/** Takes a stream of chunks apart at other places. */
class BlockReader {
  readonly #source: AsyncIterator<Buffer>;
  #held: Buffer = Buffer.alloc(0);

  constructor(
    source: AsyncIterable<Buffer>,
    readonly path: string,
  ) {
    this.#source = source[Symbol.asyncIterator]();
  }

  async take(size: number): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for await (const chunk of this.chunks(size)) pieces.push(chunk);
    return Buffer.concat(pieces);
  }

  /** Reads to the end of the source. */
  async drain(): Promise<void> {
    while (!(await this.#source.next()).done);
  }

  async *chunks(size: number): AsyncGenerator<Buffer> {
    let rest = size;
    while (rest > 0) {
      if (this.#held.length === 0) {
        const next = await this.#source.next();
        if (next.done) throw new DataError(`${this.path} is cut off.`);
        this.#held = next.value;
      }
      const piece = this.#held.subarray(0, rest);
      this.#held = this.#held.subarray(piece.length);
      rest -= piece.length;
      yield piece;
    }
  }
}

function text(header: Buffer, start: number, length: number): string {
  const field = header.subarray(start, start + length);
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end < 0 ? length : end);
}

function octal(header: Buffer, start: number, length: number): number {
  const digits = text(header, start, length).trim();
  return /^[0-7]*$/.test(digits) ? Number.parseInt(digits || '0', 8) : Number.NaN;
}

/** Sum of the header's bytes, with the checksum's own field as spaces. */
function checksum(header: Buffer): number {
  return header.reduce((sum, byte, i) => sum + (i >= 148 && i < 156 ? 32 : byte), 0);
}
