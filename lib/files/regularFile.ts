/**
 * Reads whole files, and nothing but files: a pipe or a device in their place is refused, not waited for.
 */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { DataError } from '../core/errors';

/** Bytes of the largest file that is read as a whole. */
const LARGEST = 2 ** 31 - 1;

/**
 * The content of a file.
 *
 * @throws DataError if it is missing, cannot be read, is no regular file, or is too large to be read as a
 * whole: the message says which.
 */
export function readRegularFile(path: string, largest = LARGEST): Buffer {
  const { descriptor, size } = openRegularFile(path);
  try {
    if (size > largest) throw new Error(`it has ${size} bytes, at most ${largest} are read`);
    return readFileSync(descriptor);
  } catch (error) {
    throw unreadable(path, error);
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
  let descriptor: number | undefined;
  try {
    // A pipe that nobody writes to is opened at once, too.
    descriptor = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const status = fstatSync(descriptor);
    if (!status.isFile())
      throw new Error(`it is a ${status.isDirectory() ? 'folder' : 'pipe or device'}, not a file`);
    return { descriptor, size: status.size };
  } catch (error) {
    if (descriptor !== undefined) closeSync(descriptor);
    throw unreadable(path, error);
  }
}

/** The error of a file or folder that cannot be read, with the reason as its cause. */
export function unreadable(path: string, reason: unknown): DataError {
  return new DataError(`${path} cannot be read: ${sentence(reason)}`, { cause: reason });
}

/** What an error says, with one period at the end. */
export function sentence(error: unknown): string {
  return (error as Error).message.replace(/\.?$/, '.');
}

/** Whether an error says that a file or folder is not there. */
export function isMissing(error: unknown): boolean {
  const { code, cause } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || (cause !== undefined && isMissing(cause));
}
