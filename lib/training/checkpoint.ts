/**
 * Checkpoints: the state of a training in one file, checked by SHA-256, with the one before it kept.
 *
 *     line 1    JSON: format, SHA-256 of all that follows, sizes of the blocks
 *     line 2    JSON: the manifest of the state
 *     bytes     the weights, then the optimizer's state
 *
 * A file appears whole or not at all. Files are numbered; a damaged one is passed over for the one before it.
 */
import { createHash } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '../core/errors';
import { makeFolder, writeFileAtomic } from '../files/atomicFile';
import { parseNumbers, stringifyNumbers } from '../files/checkedJson';
import { readRegularFile } from '../files/regularFile';
import type { TrainerState } from './trainerState';

const FORMAT = 'lookbehind-checkpoint/1';
const SUFFIX = '.checkpoint';
const KEPT = 2;
const NEWLINE = 10;

interface Header {
  format: typeof FORMAT;
  sha256: string;
  manifestBytes: number;
  weightBytes: number;
  optimizerBytes: number;
}

/**
 * Saves `state` in `folder`, which is made where it does not exist, and removes all checkpoints but this one
 * and the one before it. Only one process may write to a folder.
 *
 * @returns The path of the file.
 * @throws StorageError where the disk is full or read-only. The checkpoints before are then still there.
 */
export function saveCheckpoint(folder: string, state: TrainerState): string {
  makeFolder(folder);
  const present = list(folder);
  const number = 1 + Math.max(0, ...present.map(numberOf));
  const manifest = Buffer.from(`${stringifyNumbers(state.manifest)}\n`);
  const blocks = [manifest, state.weights, state.optimizer];
  const header: Header = {
    format: FORMAT,
    sha256: sha256(blocks),
    manifestBytes: manifest.byteLength,
    weightBytes: state.weights.byteLength,
    optimizerBytes: state.optimizer.byteLength,
  };
  const path = join(folder, `${String(number).padStart(8, '0')}${SUFFIX}`);
  writeFileAtomic(path, Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), ...blocks]));
  const halfWritten = readdirSync(folder).filter((file) => file.endsWith('.tmp'));
  for (const file of [...present.slice(KEPT - 1), ...halfWritten])
    rmSync(join(folder, file), { force: true });
  return path;
}

/** Removes the checkpoints before the newest that is not damaged: for a training that is done. */
export function keepNewestCheckpoint(folder: string): void {
  const { file } = newestGood(folder);
  const all = list(folder);
  for (const older of file === undefined ? [] : all.slice(all.indexOf(file) + 1))
    rmSync(join(folder, older), { force: true });
}

/** Path of the newest checkpoint in `folder` that is not damaged; undefined where there is none. */
export function newestCheckpoint(folder: string): string | undefined {
  const { file } = newestGood(folder);
  return file && join(folder, file);
}

/**
 * The newest state in `folder` that is not damaged, or undefined where there is no checkpoint.
 *
 * @throws DataError where there are checkpoints, but all of them are damaged.
 */
export function loadCheckpoint<S extends TrainerState = TrainerState>(folder: string): S | undefined {
  const { state, problems } = newestGood(folder);
  if (state !== undefined || problems.length === 0) return state as S | undefined;
  throw new DataError(`No checkpoint can be used. ${problems.join(' ')} Delete ${folder} to start again.`);
}

/** The newest checkpoint that is not damaged, and what is wrong with newer ones. */
function newestGood(folder: string): { file?: string; state?: TrainerState; problems: string[] } {
  const problems: string[] = [];
  for (const file of list(folder)) {
    try {
      return { file, state: readCheckpoint(join(folder, file)), problems };
    } catch (error) {
      problems.push((error as Error).message);
    }
  }
  return { problems };
}

/**
 * Reads one checkpoint. Whatever restores the state checks that it is of its kind.
 *
 * @throws DataError where it is damaged or of another format.
 */
export function readCheckpoint<S extends TrainerState = TrainerState>(path: string): S {
  const content = readRegularFile(path);
  const end = content.indexOf(NEWLINE);
  const header = parseHeader(path, content.subarray(0, Math.max(0, end)));
  const { manifestBytes, weightBytes, optimizerBytes } = header;
  const body = content.subarray(end + 1);
  if (body.byteLength !== manifestBytes + weightBytes + optimizerBytes || sha256([body]) !== header.sha256) {
    throw new DataError(
      `The checkpoint ${path} is damaged: its content does not have the SHA-256 ${header.sha256}.`,
    );
  }
  const block = (start: number, length: number): Uint8Array =>
    new Uint8Array(body.subarray(start, start + length));
  let manifest: unknown;
  try {
    manifest = parseNumbers(body.subarray(0, manifestBytes).toString('utf8'));
  } catch (error) {
    throw new DataError(
      `The checkpoint ${path} is damaged: its manifest cannot be read (${(error as Error).message}).`,
      {
        cause: error,
      },
    );
  }
  return {
    manifest,
    weights: block(manifestBytes, weightBytes),
    optimizer: block(manifestBytes + weightBytes, optimizerBytes),
  } as S;
}

function parseHeader(path: string, line: Buffer): Header {
  try {
    const header = JSON.parse(line.toString('utf8')) as Header;
    if (header.format === FORMAT) return header;
  } catch {
    // Reported below.
  }
  throw new DataError(`The file ${path} is damaged or not a checkpoint of this version.`);
}

/** Checkpoint files, newest first. */
function list(folder: string): string[] {
  let files: string[];
  try {
    files = readdirSync(folder);
  } catch {
    return [];
  }
  return files.filter((file) => /^\d+\.checkpoint$/.test(file)).sort((a, b) => numberOf(b) - numberOf(a));
}

function numberOf(file: string): number {
  return Number.parseInt(file, 10);
}

function sha256(blocks: readonly Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const block of blocks) hash.update(block);
  return hash.digest('hex');
}
