/**
 * Results as danfojs DataFrames. The package is loaded on the first call, not before.
 */
import type { DataFrame } from 'danfojs-node';
import { own } from '../core/records';
import type { RunRow } from '../runs/sweep';
import { type FlatRow, flattenRows } from './rows';

/** The runs of a sweep as a DataFrame, one row each, with the columns of `flattenRow`. */
export async function toFrame(rows: readonly RunRow[]): Promise<DataFrame> {
  return frameOf(flattenRows(rows));
}

/** Flat rows, such as those of `summarise`, as a DataFrame. */
export async function frameOf(rows: readonly FlatRow[]): Promise<DataFrame> {
  const { DataFrame: Frame } = await import('danfojs-node');
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  return new Frame(
    rows.map((row) => columns.map((column) => own(row, column) ?? null)),
    { columns },
  );
}
