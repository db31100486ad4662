/**
 * Data files that are too large to ship: downloaded once into the data folder, or put there by hand.
 */
import { createHash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { lstat, open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DataError, StorageError, throwIfAborted } from '../core/errors';
import {
  callback,
  checkOptions,
  flag,
  number,
  type OptionsOf,
  type SettingsOf,
  signal,
} from '../core/options';
import { type Lock, tryLock } from '../files/lock';
import { isMissing, unreadable } from '../files/regularFile';
import { dataFolder } from './files';

/** A file and where it comes from. */
export interface RemoteFile {
  /** Where it belongs: absolute path. */
  path: string;
  /** Addresses of the same file, tried in this order. */
  urls: readonly string[];
  /** Its size. */
  bytes: number;
  /** SHA-256 of its content, hexadecimal. */
  sha256: string;
}

/** How far a download is. */
export interface DownloadProgress {
  /** Path of the file. */
  path: string;
  /** Bytes that are there. */
  received: number;
  /** Bytes of the whole file. */
  total: number;
}

/** Describes the options of all loaders that may download. */
export const DOWNLOAD = {
  /** False never uses the network: a missing file is an error that says where to get it. Default true. */
  download: flag(true),
  /** Called while data arrives, about ten times a second at most, and at the end. */
  onProgress: callback<(progress: DownloadProgress) => void>(),
  /** Stops the download with an AbortedError. What has arrived is kept: the next call goes on there. */
  signal: signal(),
  /** Milliseconds without data after which an address is given up, > 0. Default 30,000. */
  timeout: number({ min: 0, exclusiveMin: true }, 30_000),
};

/** Options of all loaders that may download. */
export type DownloadOptions = OptionsOf<typeof DOWNLOAD>;

type Settings = SettingsOf<typeof DOWNLOAD>;

/** Where downloads are kept: the folder `downloads` of the data folder, which git ignores. */
export function downloadsFolder(): string {
  return join(dataFolder(), 'downloads');
}

/** An address is given up after so many tries in a row that brought nothing new. */
const TRIES = 3;
/** Wait after the first such try, milliseconds; longer after the next. */
const PAUSE = 200;
/** Milliseconds until a file that another process downloads is looked at again. */
const LOCKED_WAIT = 100;
const PROGRESS_INTERVAL = 100;
const APPEND = constants.O_WRONLY | constants.O_APPEND | (constants.O_NOFOLLOW ?? 0);

/**
 * Makes sure that `file.path` is there with the right content, and returns its path.
 *
 * A download goes into `<path>.part`, continues there when it was interrupted, and gets its name only after
 * its SHA-256 was verified. Processes that want the same file wait for the one that downloads it.
 *
 * @throws DataError where the file is damaged, or missing and no address gives it: the message says what to
 * put where by hand.
 * @throws StorageError if the disk is full or read-only.
 * @throws AbortedError
 */
export async function obtain(file: RemoteFile, options: DownloadOptions = {}): Promise<string> {
  const { download: mayDownload, ...settings } = checkOptions('obtain', DOWNLOAD, options);
  if (await isThere(file)) return file.path;
  if (!mayDownload) throw new DataError(`The data file ${file.path} is missing. ${byHand(file)}`);
  const lock = await lockOf(file.path, settings.signal);
  try {
    if (!(await isThere(file))) await download(file, settings);
  } finally {
    lock.release();
  }
  return file.path;
}

/** True if the file is there and right, false if it is missing. */
async function isThere({ path, sha256, bytes, urls }: RemoteFile): Promise<boolean> {
  const size = await sizeOf(path);
  if (size === undefined) return false;
  const actual = size === bytes ? await sha256Of(path) : undefined;
  if (actual !== sha256) {
    const found =
      actual === undefined ? `${size} bytes, expected ${bytes}` : `SHA-256 ${actual}, expected ${sha256}`;
    throw new DataError(
      `The data file ${path} is damaged: ${found}. Delete it and try again. ` +
        `${byHand({ path, sha256, bytes, urls })}`,
    );
  }
  return true;
}

async function download(file: RemoteFile, options: Omit<Settings, 'download'>): Promise<void> {
  const part = `${file.path}.part`;
  const failures: string[] = [];
  await dropUnlessFile(part);
  for (const url of file.urls) {
    let fruitless = 0;
    while (fruitless < TRIES) {
      throwIfAborted(options.signal, `The download of ${file.path}`);
      const before = (await sizeOf(part)) ?? 0;
      try {
        await receive(url, part, file, options);
      } catch (error) {
        throwIfAborted(options.signal, `The download of ${file.path}`);
        if (error instanceof StorageError) throw error;
        const gained = ((await sizeOf(part)) ?? 0) > before;
        fruitless = gained ? 0 : fruitless + 1;
        const refused = error instanceof Refused;
        if (!gained || refused) failures.push(`${url}: ${reason(error)}`);
        if (refused) break;
        if (fruitless < TRIES) await sleep(PAUSE * fruitless);
        continue;
      }
      const actual = await sha256Of(part);
      if (actual === file.sha256) {
        await stored(file.path, rename(part, file.path));
        return;
      }
      await stored(part, rm(part));
      failures.push(`${url}: SHA-256 ${actual}`);
      break;
    }
  }
  throw new DataError(
    `The data file ${file.path} could not be downloaded (${failures.join('; ')}). ${byHand(file)}`,
  );
}

/** Removes a link, pipe or device in place of a file: nothing is read from it or written through it. */
async function dropUnlessFile(part: string): Promise<void> {
  const status = await lstat(part).catch(() => undefined);
  if (status !== undefined && !status.isFile()) await stored(part, rm(part));
}

/** The server answered, but not with the file: trying again is of no use. */
class Refused extends Error {}

/** Adds what is missing to `part`. */
async function receive(
  url: string,
  part: string,
  { path, bytes }: RemoteFile,
  { onProgress, signal, timeout }: Omit<Settings, 'download'>,
): Promise<void> {
  let received = (await sizeOf(part)) ?? 0;
  if (received > bytes) {
    await stored(part, rm(part));
    received = 0;
  }
  if (received < bytes) {
    const stalled = new AbortController();
    const clock = setTimeout(() => stalled.abort(new Error(`no data for ${timeout} ms`)), timeout);
    const either = signal ? AbortSignal.any([signal, stalled.signal]) : stalled.signal;
    try {
      const headers: Record<string, string> = { 'accept-encoding': 'identity' };
      if (received > 0) headers.range = `bytes=${received}-`;
      const response = await fetch(url, { headers, signal: either });
      const continues =
        response.status === 206 && response.headers.get('content-range')?.startsWith(`bytes ${received}-`);
      if (!continues && response.status !== 200) {
        await response.body?.cancel();
        throw new Refused(`HTTP status ${response.status}`);
      }
      if (!continues) received = 0;
      if (!continues) await stored(part, rm(part, { force: true }));
      // A link that was put in its place is not followed.
      const output = await stored(part, open(part, continues ? APPEND : 'wx'));
      let reported = Number.NEGATIVE_INFINITY;
      try {
        for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
          clock.refresh();
          await stored(part, output.appendFile(chunk));
          received += chunk.length;
          if (received > bytes) throw new Refused(`more than the expected ${bytes} bytes`);
          if (performance.now() - reported >= PROGRESS_INTERVAL) {
            reported = performance.now();
            onProgress?.({ path, received, total: bytes });
          }
        }
      } finally {
        await output.close();
      }
    } finally {
      clearTimeout(clock);
    }
    if (received < bytes) throw new Error(`the connection ended after ${received} of ${bytes} bytes`);
  }
  onProgress?.({ path, received, total: bytes });
}

/** Waits until no other process makes the file or folder. The lock of a process that died counts no more. */
export async function lockOf(path: string, signal: AbortSignal | undefined): Promise<Lock> {
  for (;;) {
    throwIfAborted(signal, `Waiting for another process that makes ${path}`);
    const lock = tryLock(dirname(path), `${basename(path)}.lock`);
    if (lock !== undefined) return lock;
    await sleep(LOCKED_WAIT);
  }
}

/** What `change` gives; a StorageError if the disk refuses it. */
async function stored<T>(path: string, change: Promise<T>): Promise<T> {
  try {
    return await change;
  } catch (error) {
    throw new StorageError(path, error as Error);
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw unreadable(path, error);
  }
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

function byHand({ path, urls, bytes, sha256 }: RemoteFile): string {
  return (
    `By hand: get ${urls.join(' or ')} (${bytes} bytes, SHA-256 ` +
    `${sha256}) on any machine and put it at ${path}.`
  );
}

function reason(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error && cause.message !== '' ? `${message} (${cause.message})` : message;
}
