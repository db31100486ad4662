/**
 * Files that appear whole or not at all, also where the process is killed in the middle of writing.
 */
import { renameSync, rmSync, writeFileSync } from 'node:fs';

let count = 0;

/**
 * Writes a file: a neighbour with a name of its own first, which then takes the place of `path`. Readers see the old content or the
 * new one. The disk is not flushed: after a power failure the file may be damaged, so what must survive that carries a checksum.
 */
export function writeFileAtomic(path: string, content: string | Uint8Array): void {
  const temporary = `${path}.${process.pid}.${count++}.tmp`;
  try {
    writeFileSync(temporary, content);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}
