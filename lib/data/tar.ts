/** Reads the files of a tar archive as a stream (package tar-stream) and writes nothing. */
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { extract } from 'tar-stream';
import { DataError } from '../core/errors';
import { sentence } from '../files/regularFile';

/** A regular file in an archive. */
export interface TarFile {
  /** Path as written in the archive. */
  name: string;
  /** Bytes of its content. */
  size: number;
  /** Its content. Call it before the next file is asked for, or never. */
  read(): Promise<Buffer>;
}

/**
 * The regular files of an archive, in its order.
 *
 * @param source The archive's bytes, unzipped.
 * @param path Of the archive, for messages.
 * @throws DataError if it is not a tar archive, is damaged or cut off, or if `source` fails.
 */
export async function* tarFiles(source: AsyncIterable<Buffer>, path: string): AsyncGenerator<TarFile> {
  const refuse = (error: unknown): never => {
    if (error instanceof DataError) throw error;
    throw new DataError(`${path} is damaged, or no tar archive: ${sentence(error)}`, { cause: error });
  };
  const archive = Readable.from(source, { objectMode: false });
  const entries = extract({ allowUnknownFormat: true });
  archive.on('error', (error) => entries.destroy(error)).pipe(entries);
  try {
    for await (const entry of entries) {
      const { name, type, size = 0 } = entry.header;
      if (!(size >= 0)) throw new DataError(`${path} is damaged: the file ${name} in it has no size.`);
      if (type === 'file') yield { name, size, read: () => buffer(entry).catch(refuse) };
      entry.resume();
    }
  } catch (error) {
    refuse(error);
  } finally {
    archive.destroy();
  }
}
