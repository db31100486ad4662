/** Reads members of a zip archive by name (package yauzl), and writes nothing. */
import { closeSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { crc32 } from 'node:zlib';
import { type Entry, fromFdPromise, type ZipFile } from 'yauzl';
import { DataError } from '../core/errors';
import { openRegularFile, unreadable } from '../files/regularFile';

/** A larger member is not read: what is in data sets is small, so such a size is an attack or damage. */
const LARGEST_MEMBER = 1 << 28;

/** A zip archive that is open for reading. Close it in the end. */
export class ZipArchive {
  private constructor(
    /** Path of the archive. */
    readonly path: string,
    private readonly zip: ZipFile,
    private readonly entries: ReadonlyMap<string, Entry>,
  ) {}

  /**
   * Opens an archive and reads its directory.
   *
   * @throws DataError if it is missing, is no zip archive, or is damaged.
   */
  static async open(path: string): Promise<ZipArchive> {
    let descriptor: number | undefined;
    try {
      ({ descriptor } = openRegularFile(path));
      const zip = await fromFdPromise(descriptor, { autoClose: false });
      const entries = new Map<string, Entry>();
      for await (const entry of zip.eachEntry()) entries.set(entry.fileName, entry);
      return new ZipArchive(path, zip, entries);
    } catch (error) {
      if (descriptor !== undefined) closeSync(descriptor);
      throw error instanceof DataError ? error : unreadable(path, error);
    }
  }

  /** Paths of all files, in the order of the directory. */
  get names(): string[] {
    return [...this.entries.keys()].filter((name) => !name.endsWith('/'));
  }

  /**
   * The content of a member.
   *
   * @throws DataError if there is none of this name, it is encrypted, or it is damaged.
   */
  async read(name: string): Promise<Buffer> {
    const entry = this.entries.get(name);
    if (entry === undefined) throw new DataError(`${this.path} has no ${name}.`);
    try {
      const size = Math.max(entry.uncompressedSize, entry.compressedSize);
      if (size > LARGEST_MEMBER) throw new Error(`it has ${size} bytes, at most ${LARGEST_MEMBER} are read`);
      // The stream fails as soon as there are more bytes than the directory says.
      const bytes = await buffer(await this.zip.openReadStreamPromise(entry));
      if (crc32(bytes) !== entry.crc32) throw new Error('it has another checksum than the directory says');
      return bytes;
    } catch (error) {
      throw new DataError(`${this.path} is damaged: ${name} cannot be read (${(error as Error).message}).`, {
        cause: error,
      });
    }
  }

  /** Closes the file. */
  close(): void {
    this.zip.close();
  }
}
