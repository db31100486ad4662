/**
 * The history of a run as a CSV file: one row per epoch, empty where an epoch was not evaluated. The last
 * column is a checksum of the row and of those above it.
 */

import { crc32 } from 'node:zlib';
import { DataError } from '../core/errors';
import type { EpochRecord } from '../training/loop';

const COLUMNS: ReadonlyArray<keyof EpochRecord> = [
  'epoch',
  'trainLoss',
  'testLoss',
  'testAccuracy',
  'learningRate',
  'gradientEvaluations',
  'seconds',
];
const HEAD = [...COLUMNS, 'crc32'].join(',');

/** The history as CSV. Numbers keep all their digits. */
export function historyToCsv(history: readonly EpochRecord[]): string {
  let checksum = 0;
  const rows = history.map((record) => {
    const row = COLUMNS.map((column) => record[column] ?? '').join(',');
    checksum = crc32(row, checksum);
    return `${row},${checksum}`;
  });
  return `${[HEAD, ...rows].join('\n')}\n`;
}

/**
 * The inverse of `historyToCsv`.
 *
 * @param path Where the text is from, for messages.
 * @throws DataError where it is no such history, or is damaged.
 */
export function historyFromCsv(csv: string, path: string): EpochRecord[] {
  const [head, ...lines] = csv.trimEnd().split('\n');
  if (head !== HEAD) throw new DataError(`${path} is damaged: its first line is not the head of a history.`);
  let checksum = 0;
  return lines.map((line, i) => {
    const end = Math.max(0, line.lastIndexOf(','));
    const row = line.slice(0, end);
    checksum = crc32(row, checksum);
    const cells = row.split(',');
    const numbers = cells.map((cell) => (cell === '' ? null : Number(cell)));
    const isNumber = (value: number | null, cell: string): boolean =>
      value === null || !Number.isNaN(value) || cell === 'NaN';
    const good = cells.length === COLUMNS.length && numbers.every((value, c) => isNumber(value, cells[c]));
    const whole = line.slice(end + 1) === String(checksum);
    if (!good || !whole || numbers[0] !== i + 1) {
      throw new DataError(`${path} is damaged: line ${i + 2} is ${JSON.stringify(line.slice(0, 80))}.`);
    }
    return Object.fromEntries(COLUMNS.map((column, c) => [column, numbers[c]])) as unknown as EpochRecord;
  });
}
