/**
 * The history of a run as a CSV file: one row per epoch, empty where an epoch was not evaluated. The last
 * column is a checksum of the row and of those above it.
 */

import { crc32 } from 'node:zlib';
import { DataError } from '../core/errors';
import type { EpochRecord } from '../training/loop';

const COLUMNS: ReadonlyArray<Exclude<keyof EpochRecord, 'testMetrics'>> = [
  'epoch',
  'trainLoss',
  'testLoss',
  'testAccuracy',
  'learningRate',
  'gradientEvaluations',
  'seconds',
];
/** Columns of metrics: `test.mae`. */
const METRIC = 'test.';

/** The head of a history with these metrics. */
function headOf(metrics: readonly string[]): string {
  return [...COLUMNS, ...metrics.map((name) => METRIC + name), 'crc32'].join(',');
}

/** The history as CSV. Numbers keep all their digits. */
export function historyToCsv(history: readonly EpochRecord[]): string {
  let checksum = 0;
  const metrics = [...new Set(history.flatMap(({ testMetrics = {} }) => Object.keys(testMetrics)))];
  const rows = history.map((record) => {
    const cells = [
      ...COLUMNS.map((column) => record[column]),
      ...metrics.map((name) => record.testMetrics?.[name]),
    ];
    const row = cells.map((cell) => cell ?? '').join(',');
    checksum = crc32(row, checksum);
    return `${row},${checksum}`;
  });
  return `${[headOf(metrics), ...rows].join('\n')}\n`;
}

/**
 * The inverse of `historyToCsv`.
 *
 * @param path Where the text is from, for messages.
 * @throws DataError where it is no such history, or is damaged.
 */
export function historyFromCsv(csv: string, path: string): EpochRecord[] {
  const [head, ...lines] = csv.trimEnd().split('\n');
  const metrics = head
    .split(',')
    .flatMap((name) => (name.startsWith(METRIC) ? name.slice(METRIC.length) : []));
  if (head !== headOf(metrics))
    throw new DataError(`${path} is damaged: its first line is not the head of a history.`);
  let checksum = 0;
  return lines.map((line, i) => {
    const end = Math.max(0, line.lastIndexOf(','));
    const row = line.slice(0, end);
    checksum = crc32(row, checksum);
    const cells = row.split(',');
    const numbers = cells.map((cell) => (cell === '' ? null : Number(cell)));
    const isNumber = (value: number | null, cell: string): boolean =>
      value === null || !Number.isNaN(value) || cell === 'NaN';
    const good =
      cells.length === COLUMNS.length + metrics.length &&
      numbers.every((value, c) => isNumber(value, cells[c]));
    const whole = line.slice(end + 1) === String(checksum);
    if (!good || !whole || numbers[0] !== i + 1) {
      throw new DataError(`${path} is damaged: line ${i + 2} is ${JSON.stringify(line.slice(0, 80))}.`);
    }
    const record = Object.fromEntries(
      COLUMNS.map((column, c) => [column, numbers[c]]),
    ) as unknown as EpochRecord;
    const measured = metrics.map((name, m): [string, number | null] => [name, numbers[COLUMNS.length + m]]);
    if (measured.every(([, value]) => value === null)) return record;
    return { ...record, testMetrics: Object.fromEntries(measured) as Record<string, number> };
  });
}
