/**
 * Files that appear whole or not at all, also when the process is killed in the middle of writing.
 */
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { StorageError } from '../core/errors';

/**
 * Writes a file: a neighbor with a name that nobody can guess first, which then takes the place of `path`.
 * Readers see the old content or the new one. The disk is not flushed: after a power failure the file may be
 * damaged, so what must survive that carries a checksum.
 *
 * @throws StorageError if the disk is full or read-only. The old content is then still there.
 */
export function writeFileAtomic(path: string, content: string | Uint8Array): void {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    // Made here and now: a file or a link that is there already is not written to.
    writeFileSync(temporary, content, { flag: 'wx' });
    renameSync(temporary, path);
  } catch (error) {
    try {
      rmSync(temporary, { force: true });
    } catch {
      // The same refusal once more; the first is the one to report.
    }
    throw new StorageError(path, error as Error);
  }
}

/** Makes a folder if it does not exist, with those around it. Throws a StorageError if it cannot. */
export function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    throw new StorageError(path, reasonFor(path) ?? (error as Error));
  }
}

/** Why a folder cannot be made: with `recursive`, Node calls a read-only disk a missing folder. */
function reasonFor(path: string): Error | undefined {
  let missing = path;
  while (!existsSync(dirname(missing)) && dirname(missing) !== missing) missing = dirname(missing);
  try {
    mkdirSync(missing);
    return undefined;
  } catch (error) {
    return error as Error;
  }
}
