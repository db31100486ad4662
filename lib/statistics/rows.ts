/**
 * Runs as the rows of a flat table, and its export.
 */

import { extname } from 'node:path';
import { OptionError } from '../core/errors';
import { escapeCsv } from '../core/escape';
import { own } from '../core/records';
import { writeFileAtomic } from '../files/atomicFile';
import type { RunRow } from '../runs/sweep';

/** A value of a flat row. */
export type FlatValue = string | number | boolean | null;

/** A run as one flat row: columns by name. */
export type FlatRow = Record<string, FlatValue>;

/**
 * A run as a flat row:
 *
 *     label, hash, status, seed                    label: the configuration's, else what the optimizer is
 *     data, data.trainSize, ..., model, model.hidden, ..., optimizer, optimizer.k, ..., epochs, batchSize, schedule, ...
 *     trainLoss, testLoss, testError               of the last epoch; testError in percent; null where there is none
 *     bestTestError, bestEpoch                     of the best epoch: chosen on the test set, not to be reported as the result
 *     gradientEvaluations, seconds                 the cost
 *     noisyAccuracy@0.2, ...                       what `measures` asked for
 *     error                                        of a run that failed
 *
 * A run that diverged has NaN for losses and errors.
 */
export function flattenRow({ hash, config, status, result, error }: RunRow): FlatRow {
  const {
    label,
    data,
    model,
    optimizer,
    schedule,
    augmentation,
    noise,
    measures: _measures,
    profile: _profile,
    seed,
    ...settings
  } = config;
  const last = status === 'finished' ? result?.last : undefined;
  const best = status === 'finished' ? result?.best : undefined;
  const absent = status === 'diverged' ? Number.NaN : null;
  const errorOf = (accuracy: number | null | undefined): number | null =>
    accuracy === undefined ? absent : accuracy === null ? null : 100 * (1 - accuracy);
  return {
    label: label ?? describeOptimizer(optimizer),
    hash,
    status,
    seed,
    ...flattenKind('data', data),
    ...flattenKind('model', model),
    ...flattenKind('optimizer', optimizer),
    ...flattenKind('schedule', schedule),
    ...flattenKind('augmentation', augmentation),
    ...flattenKind('noise', noise),
    ...flatten('', settings),
    trainLoss: last === undefined ? absent : (last?.trainLoss ?? null),
    testLoss: last === undefined ? absent : (last?.testLoss ?? null),
    testError: errorOf(last === null ? null : last?.testAccuracy),
    bestTestError: errorOf(best === null ? null : best?.testAccuracy),
    bestEpoch: best?.epoch ?? null,
    gradientEvaluations: result?.gradientEvaluations ?? null,
    seconds: result?.seconds ?? null,
    ...result?.measures,
    error,
  };
}

/** An optimizer in a few words: its kind and the options that tell methods apart. */
export function describeOptimizer(optimizer: RunRow['config']['optimizer']): string {
  const options = ['k', 'alpha', 'rho', 'eta', 'learningRate'] as const;
  const values = optimizer as Readonly<Record<string, unknown>>;
  const told = options.filter((name) => values[name] !== undefined).map((name) => `${name} ${values[name]}`);
  const base =
    'base' in optimizer && optimizer.base !== undefined ? ` over ${describeOptimizer(optimizer.base)}` : '';
  return `${[optimizer.kind, ...told].join(' ')}${base}`;
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
export function toJson(rows: readonly FlatRow[]): string {
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

/** `{ kind: 'sam', rho: .1 }` named `optimizer`: `optimizer: 'sam'`, `optimizer.rho: .1`. */
function flattenKind(name: string, { kind, ...options }: { kind: string }): FlatRow {
  return { [name]: kind, ...flatten(`${name}.`, options) };
}

function inWords(item: unknown): string {
  return typeof item === 'object' ? JSON.stringify(item) : String(item);
}

function flatten(prefix: string, options: object): FlatRow {
  const flat: FlatRow = {};
  for (const [name, value] of Object.entries(options)) {
    if (Array.isArray(value)) flat[`${prefix}${name}`] = value.map(inWords).join(' ');
    else if (typeof value === 'object' && value !== null)
      Object.assign(flat, flattenKind(`${prefix}${name}`, value));
    else flat[`${prefix}${name}`] = value;
  }
  return flat;
}
