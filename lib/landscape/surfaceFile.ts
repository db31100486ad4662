/**
 * The points of a surface on disk, so that a run can go on where it was stopped or killed.
 *
 * One JSON object a line: first what the surface is, then one line for each chunk of points. Lines are appended as chunks are done; a line
 * that a killed process left unfinished is dropped when the file is opened again.
 */
import { createHash, type Hash } from 'node:crypto';
import { closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs';
import { writeFileAtomic } from '../runtime/atomicFile';
import { StateMismatchError } from '../runtime/errors';
import { parseNumbers, stringifyNumbers } from '../runtime/numberJson';
import type * as tf from '../runtime/tf';
import { type Samples, sampleBatches } from '../training/samples';
import { allVariables, trainableVariables } from '../training/weights';
import type { Plane } from './plane';

/** Indices along x and y, loss, accuracy. */
export type PointRecord = [i: number, j: number, loss: number, accuracy: number];

/** Names the format and its version. */
const FORMAT = 'lookbehind-surface/1';

interface Header {
  format: string;
  fingerprint: string;
  chunkSize: number;
}

/** The file of one surface. */
export class SurfaceFile {
  /** The points that are there already. */
  readonly points: readonly PointRecord[];
  readonly #path: string;
  readonly #fingerprint: string;
  readonly #header: Header | undefined;
  readonly #lines: string[];
  #descriptor: number | undefined;

  /** Reads the file, where there is one. Throws a StateMismatchError where it belongs to another surface. */
  constructor(path: string, fingerprint: string) {
    this.#path = path;
    this.#fingerprint = fingerprint;
    const [header, ...lines] = existsSync(path) ? completeLines(readFileSync(path, 'utf8')) : [];
    this.#lines = lines;
    this.points = lines.flatMap((line) => (parseNumbers(line) as { points: PointRecord[] }).points);
    if (header === undefined) return;
    this.#header = JSON.parse(header) as Header;
    if (this.#header.format !== FORMAT || this.#header.fingerprint !== fingerprint) {
      throw new StateMismatchError(
        `${path} holds the points of another surface (other weights, directions, ranges, samples or options). ` +
          'Give another path, or delete the file.',
      );
    }
  }

  /** Points per chunk in the run that began the file. */
  get chunkSize(): number | undefined {
    return this.#header?.chunkSize;
  }

  /** Makes the file ready for more points. */
  open(chunkSize: number): void {
    const header = this.#header ?? { format: FORMAT, fingerprint: this.#fingerprint, chunkSize };
    // Written anew as a whole, without an unfinished line.
    writeFileAtomic(this.#path, [JSON.stringify(header), ...this.#lines].map((line) => `${line}\n`).join(''));
    this.#descriptor = openSync(this.#path, 'a');
  }

  /** Adds a chunk of points. */
  append(points: readonly PointRecord[]): void {
    writeSync(this.#descriptor!, `${stringifyNumbers({ points })}\n`);
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }
}

/** What decides the numbers of a surface, as a hash: weights, directions, grid, samples, options. */
export function fingerprint(model: tf.LayersModel, samples: Samples, plane: Plane, settings: object): string {
  const hash = createHash('sha256');
  hash.update(JSON.stringify(settings));
  for (const values of [plane.origin, plane.x.values, plane.y?.values]) addNumbers(hash, values ?? new Float32Array(0));
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

function addNumbers(hash: Hash, { buffer, byteOffset, byteLength }: Float32Array): void {
  hash.update(new Uint8Array(buffer, byteOffset, byteLength));
}

function completeLines(text: string): string[] {
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .slice(0, -1);
}
