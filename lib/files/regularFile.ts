/**
 * Reads whole files, and nothing but files: a pipe or a device in their place is refused, not waited for.
 */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';

/** Bytes of the largest file that is read as a whole. */
const LARGEST = 2 ** 31 - 1;

/**
 * The content of a file.
 *
 * @throws Error where it is missing, cannot be read, is no regular file, or is too large to be read as a whole: the message says which.
 */
export function readRegularFile(path: string, largest = LARGEST): Buffer {
  const { descriptor, size } = openRegularFile(path);
  try {
    if (size > largest) throw new Error(`${path} has ${size} bytes, at most ${largest} are read`);
    return readFileSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** The content of a text file in UTF-8. Errors as for `readRegularFile`. */
export function readRegularText(path: string, largest?: number): string {
  return readRegularFile(path, largest).toString('utf8');
}

/** Opens a file for reading. The caller closes it. Errors as for `readRegularFile`. */
export function openRegularFile(path: string): { descriptor: number; size: number } {
  // A pipe that nobody writes to is opened at once, too.
  const descriptor = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const status = fstatSync(descriptor);
    if (!status.isFile()) throw new Error(`${path} is a ${status.isDirectory() ? 'folder' : 'pipe or device'}, not a file`);
    return { descriptor, size: status.size };
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}
