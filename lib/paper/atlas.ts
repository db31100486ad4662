/**
 * The atlas: results of runs that take hours, as they are committed in data/atlas. A row is a setting with
 * what its runs, one per seed, reached; `npm run study` makes them.
 *
 *     atlas.jsonl     {"format":"lookbehind-atlas/1","rows":N,"crc32":C}, then a line of JSON per row;
 *                     C is that of all that follows the first line
 */
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { DataError } from '../core/errors';
import { dataFolder } from '../data/files';
import { writeFileAtomic } from '../files/atomicFile';
import { parseNumbers, stringifyNumbers } from '../files/checkedJson';
import { readRegularText } from '../files/regularFile';
import type { RunConfig } from '../runs';
import type { SearchSetting } from '../statistics';
import type { StudyMethod } from './studyParts';

const FORMAT = 'lookbehind-atlas/1';
/** Bytes of the largest atlas. */
const LARGEST = 1 << 26;

/** The machine and the versions that made a row. */
export interface AtlasOrigin {
  /** The name of the processor. */
  cpu: string;
  /** The package of the native runtime, or null. */
  native: string | null;
  /** Node.js. */
  node: string;
  /** tf.js. */
  tfjs: string;
  /** The first digits of SHA-256 over the compiled code of the library. */
  code: string;
}

/** A setting, and what its runs reached. */
export interface AtlasRow {
  /** The part of the study, a name in `STUDY`. */
  part: string;
  /**
   * `selection`: one of the draws, judged on the selection set. `report`: the chosen draw, on fresh seeds and
   * the test set.
   */
  stage: 'selection' | 'report';
  /** The method. */
  method: StudyMethod;
  /** Share of training samples with a wrong label. */
  labelNoise: number;
  /** Gradients per training sample that were allowed. */
  budget: number;
  /**
   * The number of the draw, from 0: under one number all methods have the same step, and those with a radius
   * or k the same place there.
   */
  draw: number;
  /** What was drawn: `step`, `radius`, `k`, as lib/paper/studyParts.ts says; alpha of Lookahead. */
  setting: SearchSetting;
  /**
   * Of a report: the options whose chosen value lies on an edge of its range, so that better ones may lie
   * outside.
   */
  edges?: Readonly<Record<string, 'low' | 'high'>>;
  /**
   * The whole configuration but for the seed: `executeRun({ ...config, seed: seeds[0] }, new RunStore())`
   * makes a value again.
   */
  config: RunConfig;
  /** The seeds of the runs. */
  seeds: readonly number[];
  /**
   * What the runs reached, by seed; NaN where one diverged. `testError`: per cent of wrong answers, on the
   * selection set in that stage. Of a report also `testLoss`, `trainLoss` at the last weights, on the labels
   * that were trained on, and measures as `sharpness@0.5`.
   */
  values: Readonly<Record<string, readonly number[]>>;
  /** Gradients per training sample that were taken; the mean over seeds. */
  gradients: number;
  /** Seconds of training; the mean over seeds. */
  seconds: number;
  /** What made it. */
  origin: AtlasOrigin;
}

/** Where the atlas is kept: `data/atlas/atlas.jsonl` of the project. */
export function atlasFile(): string {
  return join(dataFolder(), 'atlas', 'atlas.jsonl');
}

/**
 * The rows of the atlas, of all parts.
 *
 * @param path Default: the atlas of the project.
 * @throws DataError where it is missing, damaged, or has another format.
 */
export function readAtlas(path: string = atlasFile()): AtlasRow[] {
  const remedy = 'Restore it with "git checkout -- data/atlas".';
  let text: string;
  try {
    text = readRegularText(path, LARGEST);
  } catch (error) {
    throw new DataError(`The atlas cannot be read: ${(error as Error).message} ${remedy}`, { cause: error });
  }
  const end = text.indexOf('\n');
  let header: { format?: unknown; crc32?: unknown } = {};
  try {
    header = Object(JSON.parse(text.slice(0, end)));
  } catch {
    // No header: said below.
  }
  const body = text.slice(end + 1);
  if (header.format !== FORMAT) throw new DataError(`${path} is no atlas of the format ${FORMAT}. ${remedy}`);
  if (header.crc32 !== crc32(body))
    throw new DataError(`${path} is damaged: its checksum is another. ${remedy}`);
  return body
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => parseNumbers(line) as AtlasRow);
}

/**
 * Writes rows as an atlas: sorted, so that files of the same rows are the same. Throws a StorageError where
 * that is impossible.
 */
export function writeAtlas(rows: readonly AtlasRow[], path: string = atlasFile()): void {
  const lines = [...rows].sort(byPlace).map((row) => `${stringifyNumbers(row)}\n`);
  const body = lines.join('');
  writeFileAtomic(
    path,
    `${JSON.stringify({ format: FORMAT, rows: lines.length, crc32: crc32(body) })}\n${body}`,
  );
}

function byPlace(a: AtlasRow, b: AtlasRow): number {
  const text = (x: string, y: string): number => (x < y ? -1 : x > y ? 1 : 0);
  return (
    text(a.part, b.part) ||
    text(a.stage, b.stage) ||
    a.labelNoise - b.labelNoise ||
    a.budget - b.budget ||
    text(a.method, b.method) ||
    a.draw - b.draw
  );
}
