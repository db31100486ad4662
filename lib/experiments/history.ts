/**
 * The history of a run as a CSV file: one row per epoch, empty where an epoch was not evaluated.
 */
import { DataError } from '../runtime/errors';
import type { EpochRecord } from '../training/trainer';

const COLUMNS: ReadonlyArray<keyof EpochRecord> = [
  'epoch',
  'trainLoss',
  'testLoss',
  'testAccuracy',
  'learningRate',
  'gradientEvaluations',
  'seconds',
];

/** The history as CSV. Numbers keep all their digits. */
export function historyToCsv(history: readonly EpochRecord[]): string {
  const rows = history.map((record) => COLUMNS.map((column) => record[column] ?? '').join(','));
  return `${[COLUMNS.join(','), ...rows].join('\n')}\n`;
}

/**
 * The inverse of `historyToCsv`.
 *
 * @param path Where the text is from, for messages.
 * @throws DataError where it is no such history.
 */
export function historyFromCsv(csv: string, path: string): EpochRecord[] {
  const [head, ...lines] = csv.trimEnd().split('\n');
  if (head !== COLUMNS.join(',')) throw new DataError(`${path} is damaged: its first line is not the head of a history.`);
  return lines.map((line, i) => {
    const cells = line.split(',');
    const numbers = cells.map((cell) => (cell === '' ? null : Number(cell)));
    const isNumber = (value: number | null, cell: string): boolean => value === null || !Number.isNaN(value) || cell === 'NaN';
    if (cells.length !== COLUMNS.length || numbers[0] !== i + 1 || !numbers.every((value, c) => isNumber(value, cells[c]))) {
      throw new DataError(`${path} is damaged: line ${i + 2} is ${JSON.stringify(line.slice(0, 80))}.`);
    }
    return Object.fromEntries(COLUMNS.map((column, c) => [column, numbers[c]])) as unknown as EpochRecord;
  });
}
