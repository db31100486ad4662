/**
 * Results as danfojs DataFrames. The package is loaded on the first call, not before.
 */
import { LookbehindError } from '../core/errors';
import { own } from '../core/records';
import type { FlatRow } from '../runs/config/flat';
import type { RunRow } from '../runs/sweep';
import { flattenRows } from './rows';
import type { FrameLike } from './table';

/**
 * What the library knows of a danfojs DataFrame: it has all methods of that package, whose types come with
 * it.
 */
export interface Frame extends FrameLike {
  /** Rows and columns. */
  readonly shape: readonly number[];
  /** One column. */
  column(name: string): { readonly values: unknown };
  /** Writes the frame to the console. */
  print(): void;
}

/** The runs of a sweep as a DataFrame, one row each, with the columns of `flattenRow`. */
export async function toFrame(rows: readonly RunRow[]): Promise<Frame> {
  return frameOf(flattenRows(rows));
}

/** Flat rows, such as those of `summarize`, as a DataFrame. */
export async function frameOf(rows: readonly FlatRow[]): Promise<Frame> {
  const { DataFrame } = await danfojs();
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const frame: unknown = new DataFrame(
    rows.map((row) => columns.map((column) => own(row, column) ?? null)),
    { columns },
  );
  return frame as Frame;
}

async function danfojs(): Promise<typeof import('danfojs-node')> {
  try {
    return await import('danfojs-node');
  } catch (error) {
    throw new LookbehindError(
      'Data frames need the package danfojs-node. Install it with: npm install danfojs-node@1.2.0',
      {
        cause: error,
      },
    );
  }
}
