/**
 * Runs as the rows of a flat table, and its export.
 */

import { extname } from 'node:path';
import { OptionError } from '../core/errors';
import { escapeCsv } from '../core/escape';
import { own } from '../core/records';
import { writeFileAtomic } from '../files/atomicFile';
import { type FlatRow, type FlatValue, flattenConfig } from '../runs/config/flat';
import { describeOptimizer } from '../runs/config/names';
import type { RunRow } from '../runs/sweep';

/**
 * A run as a flat row:
 *
 *     label, hash, status, seed                    label: the configuration's, else what the optimizer is
 *     data, data.trainSize, ..., model, model.hidden, ..., optimizer, optimizer.k, ...
 *     epochs, batchSize, schedule, ...
 *     trainLoss, testLoss, testError               of the last epoch; testError in percent; else null
 *     test.mae, ...                                metrics of the last epoch
 *     bestTestError, bestEpoch                     of the best epoch: chosen on the test set, not a result
 *     gradientEvaluations, seconds                 the cost
 *     noisyAccuracy@0.2, ...                       what `measures` asked for
 *     error                                        of a run that failed
 *
 * A run that diverged has NaN for losses and errors.
 */
export function flattenRow({ hash, config, status, result, error }: RunRow): FlatRow {
  const last = status === 'finished' ? result?.last : undefined;
  const best = status === 'finished' ? result?.best : undefined;
  const absent = status === 'diverged' ? Number.NaN : null;
  const errorOf = (accuracy: number | null | undefined): number | null =>
    accuracy === undefined ? absent : accuracy === null ? null : 100 * (1 - accuracy);
  return {
    label: config.label ?? describeOptimizer(config.optimizer),
    hash,
    status,
    seed: config.seed,
    ...flattenConfig(config),
    trainLoss: last === undefined ? absent : (last?.trainLoss ?? null),
    testLoss: last === undefined ? absent : (last?.testLoss ?? null),
    testError: errorOf(last === null ? null : last?.testAccuracy),
    ...Object.fromEntries(
      Object.entries(last?.testMetrics ?? {}).map(([name, value]) => [`test.${name}`, value]),
    ),
    bestTestError: errorOf(best === null ? null : best?.testAccuracy),
    bestEpoch: best?.epoch ?? null,
    gradientEvaluations: result?.gradientEvaluations ?? null,
    seconds: result?.seconds ?? null,
    ...result?.measures,
    error,
  };
}

/** All rows as flat rows with the same columns: null where a row lacks one. */
export function flattenRows(rows: readonly RunRow[]): FlatRow[] {
  const flat = rows.map(flattenRow);
  const columns = [...new Set(flat.flatMap((row) => Object.keys(row)))].filter(
    (column) => column !== 'error',
  );
  return flat.map((row) =>
    Object.fromEntries([...columns, 'error'].map((column) => [column, own(row, column) ?? null])),
  );
}

/**
 * Flat rows as CSV (RFC 4180): null is empty, and a text that a spreadsheet would compute is led by an
 * apostrophe.
 */
export function toCsv(rows: readonly FlatRow[]): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const lines = rows.map((row) => columns.map((column) => csvCell(own(row, column) ?? null)).join(','));
  return `${[columns.map(csvCell).join(','), ...lines].join('\n')}\n`;
}

/** Flat rows as JSON: a list of objects. Numbers that are not finite become null, as JSON has none. */
function toJson(rows: readonly FlatRow[]): string {
  return `${JSON.stringify(rows, undefined, 2)}\n`;
}

/**
 * Writes rows to a file, as CSV or JSON by the end of its name.
 *
 * @throws OptionError for another end.
 */
export function exportRows(path: string, rows: readonly RunRow[]): void {
  const write = { '.csv': toCsv, '.json': toJson }[extname(path)];
  if (write === undefined) throw new OptionError('path', path, 'a name that ends in .csv or .json');
  writeFileAtomic(path, write(flattenRows(rows)));
}

function csvCell(value: FlatValue): string {
  return value === null ? '' : typeof value === 'string' ? escapeCsv(value) : String(value);
}
