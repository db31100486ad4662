/**
 * A report as files: `<table>.md`, `<table>.csv` and `<table>.json`, `runs.csv` with a row per run, and each
 * figure as PNG, HTML and JSON.
 */
import { join } from 'node:path';
import { makeFolder, writeFileAtomic } from '../files/atomicFile';
import { stringifyNumbers } from '../files/checkedJson';
import { PictureError, saveFigure } from '../notebook';
import type { RunRow } from '../runs';
import {
  exportRows,
  type FlatRow,
  type FlatValue,
  renderTable,
  type Sample,
  summarizeSample,
  toCsv,
} from '../statistics';
import type { Cell } from '../statistics/table';
import type { PaperReport } from './report';

/** What was written. */
export interface WrittenReport {
  /**
   * Files, in the order in which they were written: tables first, so that they are there whatever becomes of
   * the figures.
   */
  files: string[];
  /** Why there are no pictures; undefined where there are. */
  withoutPictures: string | undefined;
}

/**
 * Writes a report to `folder`, which is made where it is missing.
 *
 * @param rows The runs that the report was made from.
 * @throws StorageError where the disk is full or read-only.
 */
export async function writeReport(
  folder: string,
  report: PaperReport,
  rows: readonly RunRow[],
): Promise<WrittenReport> {
  makeFolder(folder);
  const files: string[] = [];
  const write = (name: string, content: string): void => {
    const path = join(folder, name);
    writeFileAtomic(path, content);
    files.push(path);
  };
  const { table, tables, figures } = report;
  const names = Object.keys(figures);
  const flat = tables.flatMap(({ data, model, part, rows: settings }) =>
    settings.map((row) => ({ data, model, ...(part === undefined ? {} : { part }), ...flattened(row) })),
  );
  write(`${table}.csv`, toCsv(flat));
  write(`${table}.json`, `${stringifyNumbers(tables, 2)}\n`);
  const runs = join(folder, 'runs.csv');
  exportRows(runs, rows);
  files.push(runs);
  write(
    `${table}.md`,
    [
      `# ${table[0].toUpperCase()}${table.slice(1)}`,
      ...tables.map(({ rows: settings, options }) => renderTable(settings, options).markdown.trim()),
      ...names.map((name) => `[![${name}](${name}.png)](${name}.html)`),
      '',
    ].join('\n\n'),
  );
  let withoutPictures: string | undefined;
  for (const ending of ['.json', '.html', '.png']) {
    for (const name of names) {
      const path = join(folder, `${name}${ending}`);
      try {
        await saveFigure(path, figures[name]);
        files.push(path);
      } catch (error) {
        if (!(error instanceof PictureError)) throw error;
        withoutPictures = error.message;
      }
    }
  }
  return { files, withoutPictures };
}

/**
 * A row of a table with numbers only: a sample becomes mean, standard deviation, and numbers of runs that
 * have it, diverged and failed.
 */
function flattened(row: Readonly<Record<string, Cell>>): FlatRow {
  return Object.fromEntries(
    Object.entries(row).flatMap(([name, cell]): [string, FlatValue][] => {
      if (!Array.isArray(cell)) return [[name, (cell ?? null) as FlatValue]];
      const { mean, std, count, diverged, failed } = summarizeSample(cell as Sample);
      return [
        [`${name}, mean`, count === 0 ? null : rounded(mean)],
        [`${name}, std`, count < 2 ? null : rounded(std)],
        [`${name}, runs`, count],
        [`${name}, diverged`, diverged],
        [`${name}, failed`, failed],
      ];
    }),
  );
}

/** Seven digits, which is what single precision has. */
function rounded(value: number): number {
  return Number(value.toPrecision(7));
}
