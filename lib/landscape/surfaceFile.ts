/**
 * The points of a surface on disk, so that a run can go on where it was stopped or killed.
 *
 * One JSON object a line: first what the surface is, then one line for each chunk of points. Lines are
 * appended as chunks are done. Each has a checksum; one that a killed process left unfinished, or that was
 * damaged, is dropped when the file is opened again.
 */
import { createHash, type Hash } from 'node:crypto';
import { appendFileSync, closeSync, openSync } from 'node:fs';
import { DataError, StateMismatchError, StorageError } from '../core/errors';
import type * as tf from '../core/tf';
import { writeFileAtomic } from '../files/atomicFile';
import { parseChecked, stringifyChecked } from '../files/checkedJson';
import { isMissing, readRegularText } from '../files/regularFile';
import { type Samples, sampleBatches } from '../training/samples';
import { allVariables, trainableVariables } from '../training/weights';
import type { Plane } from './plane';

/** Indices along x and y, loss, accuracy. */
export type PointRecord = [i: number, j: number, loss: number, accuracy: number];

/** Names the format and its version. */
const FORMAT = 'lookbehind-surface/3';

interface Header {
  format: string;
  fingerprint: string;
  chunkSize: number;
  /** Losses at fixed points: they tell the loss function, which has no name. */
  probes: number[];
}

/** Share by which losses of the same function may differ between machines. */
const SAME_LOSS = 1e-5;

/** The file of one surface. */
export class SurfaceFile {
  /** The points that are there already. */
  readonly points: readonly PointRecord[];
  readonly #path: string;
  readonly #fingerprint: string;
  readonly #header: Header | undefined;
  readonly #lines: string[];
  #descriptor: number | undefined;
  #probes: readonly number[] = [];

  /**
   * Reads the file, where there is one.
   *
   * @throws StateMismatchError where it belongs to another surface, DataError where its first line is damaged
   * or it cannot be read.
   */
  constructor(path: string, fingerprint: string) {
    this.#path = path;
    this.#fingerprint = fingerprint;
    const content = contentOf(path);
    const [header = content, ...lines] = completeLines(content);
    this.#lines = lines.filter((line) => pointsOf(line) !== undefined);
    this.points = this.#lines.flatMap((line) => pointsOf(line) as PointRecord[]);
    if (header === '') return;
    this.#header = record(header) as Header | undefined;
    if (this.#header === undefined) {
      throw new DataError(
        `${path} is damaged, or holds something else than a surface. Give another path, or delete the file.`,
      );
    }
    if (this.#header.format !== FORMAT || this.#header.fingerprint !== fingerprint) {
      throw new StateMismatchError(
        `${path} holds the points of another surface (other layers, weights, directions, ranges, ` +
          'samples or options). Give another path, or delete the file.',
      );
    }
  }

  /**
   * Compares the losses of this run at fixed points with those that the file began with.
   *
   * @throws StateMismatchError where they differ: the file belongs to another loss.
   */
  check(probes: readonly number[]): void {
    this.#probes = probes;
    if (this.#header === undefined) return;
    const before: unknown[] = Array.isArray(this.#header.probes) ? this.#header.probes : [];
    if (before.length === probes.length && probes.every((loss, i) => isSameLoss(loss, before[i]))) return;
    throw new StateMismatchError(
      `${this.#path} holds the points of another loss: ` +
        `${before.map(String).join(' and ').slice(0, 100)} at the plane's origin and at the last point of ` +
        `the grid, now ${probes.join(' and ')}. Give another path, or delete the file.`,
    );
  }

  /** Points per chunk in the run that began the file. */
  get chunkSize(): number | undefined {
    return this.#header?.chunkSize;
  }

  /** Makes the file ready for more points. Throws a StorageError where it cannot be written. */
  open(chunkSize: number): void {
    const header = this.#header ?? {
      format: FORMAT,
      fingerprint: this.#fingerprint,
      chunkSize,
      probes: [...this.#probes],
    };
    // Written anew as a whole, without an unfinished line.
    writeFileAtomic(
      this.#path,
      [stringifyChecked(header), ...this.#lines].map((line) => `${line}\n`).join(''),
    );
    this.#descriptor = this.#stored(() => openSync(this.#path, 'a'));
  }

  /** Adds a chunk of points. Throws a StorageError where the disk is full: what was there before stays. */
  append(points: readonly PointRecord[]): void {
    this.#stored(() => appendFileSync(this.#descriptor!, `${stringifyChecked({ points })}\n`));
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  #stored<T>(change: () => T): T {
    try {
      return change();
    } catch (error) {
      throw new StorageError(this.#path, error as Error);
    }
  }
}

/** The record of a line; undefined if it is damaged. */
function record(line: string): object | undefined {
  try {
    return parseChecked(line);
  } catch {
    return undefined;
  }
}

/**
 * The points of a line; undefined where it is damaged or holds something else. Indices are whole numbers,
 * never names.
 */
function pointsOf(line: string): PointRecord[] | undefined {
  const { points } = (record(line) ?? {}) as { points?: unknown };
  const good = (point: unknown): boolean =>
    Array.isArray(point) &&
    point.length === 4 &&
    point.every((value) => typeof value === 'number') &&
    [point[0], point[1]].every((index) => Number.isSafeInteger(index) && index >= 0);
  return Array.isArray(points) && points.every(good) ? (points as PointRecord[]) : undefined;
}

/** Throws a DataError if there is something that cannot be read. */
function contentOf(path: string): string {
  try {
    return readRegularText(path);
  } catch (error) {
    if (isMissing(error)) return '';
    throw error;
  }
}

function isSameLoss(loss: number, before: unknown): boolean {
  if (typeof before !== 'number') return false;
  return (
    Object.is(loss, before) ||
    Math.abs(loss - before) <= SAME_LOSS * Math.max(Math.abs(loss), Math.abs(before))
  );
}

/**
 * What decides the numbers of a surface but for its loss, as a hash: layers, weights, directions, grid,
 * samples, options.
 */
export function fingerprint(model: tf.LayersModel, samples: Samples, plane: Plane, settings: object): string {
  const hash = createHash('sha256');
  hash.update(JSON.stringify(settings));
  hash.update(architecture(model));
  for (const values of [plane.origin, plane.x.values, plane.y?.values])
    addNumbers(hash, values ?? new Float32Array(0));
  const trainable = new Set(trainableVariables(model).map(({ id }) => id));
  for (const variable of allVariables(model)) {
    hash.update(`${variable.shape}`);
    if (!trainable.has(variable.id)) addNumbers(hash, variable.dataSync() as Float32Array);
  }
  for (const { xs, ys } of sampleBatches(samples, 1000)) {
    for (const tensor of [xs, ys]) {
      addNumbers(hash, tensor.dataSync() as Float32Array);
      tensor.dispose();
    }
  }
  return hash.digest('hex');
}

/**
 * The layers of a model and how they are connected. Names count by their order only: they differ from one
 * process to the next.
 */
function architecture(model: tf.LayersModel): string {
  const names = new Map<string, string>();
  const config = JSON.stringify(model.getConfig(), (key, value: unknown) =>
    // How weights began does not matter.
    key.endsWith('nitializer') ? undefined : value,
  );
  JSON.parse(config, (key, value: unknown) => {
    if (key === 'name' && typeof value === 'string' && !names.has(value)) names.set(value, `#${names.size}`);
    return value;
  });
  return JSON.stringify(JSON.parse(config), (_, value: unknown) =>
    typeof value === 'string' ? (names.get(value) ?? value) : value,
  );
}

function addNumbers(hash: Hash, { buffer, byteOffset, byteLength }: Float32Array): void {
  hash.update(new Uint8Array(buffer, byteOffset, byteLength));
}

function completeLines(text: string): string[] {
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .slice(0, -1);
}
