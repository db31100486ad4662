/**
 * Finds, reads and verifies the data files that ship with the project.
 */
import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { DataError } from '../core/errors';
import { isMissing, readRegularFile } from '../files/regularFile';

/** What a data file must be. */
export interface ExpectedFile {
  /** Absolute path. */
  path: string;
  /** SHA-256 of its content, hexadecimal. */
  sha256: string;
  /** How to get the file again, as a whole sentence: the end of each error message. */
  remedy: string;
}

/**
 * The project's data folder: the environment variable LB_DATA if it is set, else the folder `data` beside the
 * library's package, found by walking up from this file. So it does not depend on the working directory.
 *
 * @throws DataError if there is none.
 */
export function dataFolder(): string {
  if (process.env.LB_DATA) return resolve(process.env.LB_DATA);
  let folder = __dirname;
  for (;;) {
    const candidate = join(folder, 'data');
    if (existsSync(join(candidate, 'README.md'))) return candidate;
    const parent = dirname(folder);
    if (parent === folder) break;
    folder = parent;
  }
  throw new DataError(
    `No data folder was found above ${__dirname}. Set the environment variable LB_DATA to the folder ` +
      '"data" of a checkout of the project.',
  );
}

/**
 * The content of `data/FOLDER/FOLDER.bin`, which ships with the project and is made by a script there.
 *
 * @throws DataError if it is missing or damaged.
 */
export function readShipped({ folder, sha256 }: { folder: string; sha256: string }): Uint8Array {
  const remedy =
    `Restore it with "git checkout -- data/${folder}" or make it again with ` + `data/${folder}/generate.py.`;
  return readVerified({ path: join(dataFolder(), folder, `${folder}.bin`), sha256, remedy });
}

/** Files whose checksum was right, by path, with the size and time of change they had then. */
const verified = new Map<string, string>();

/**
 * Reads a whole file. Its SHA-256 is verified at the first reading in a process, and again only after the
 * file changed.
 *
 * @throws DataError if it is missing, cannot be read, or has another content.
 */
export function readVerified({ path, sha256, remedy }: ExpectedFile): Buffer {
  let content: Buffer;
  let version: string;
  try {
    const { size, mtimeMs } = statSync(path);
    version = `${size}/${mtimeMs}`;
    content = readRegularFile(path);
  } catch (error) {
    const what = isMissing(error) ? `The data file ${path} is missing.` : (error as Error).message;
    throw new DataError(`${what} Expected: SHA-256 ${sha256}. ${remedy}`, { cause: error });
  }
  if (verified.get(path) !== version) {
    const actual = createHash('sha256').update(content).digest('hex');
    if (actual !== sha256) {
      throw new DataError(
        `The data file ${path} is damaged: SHA-256 ${actual} (${content.length} bytes), expected ` +
          `${sha256}. ${remedy}`,
      );
    }
    verified.set(path, version);
  }
  return content;
}
