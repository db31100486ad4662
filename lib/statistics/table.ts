/**
 * Result tables: danfojs frames and plain rows, with mean ± std and the best value marked, as HTML, Markdown
 * and text.
 */
import { OptionError } from '../core/errors';
import { escapeHtml, escapeMarkdown, terminalLine } from '../core/escape';
import { own } from '../core/records';
import { inSingular } from '../core/singular';
import type { Spread } from '../core/spread';
import { type Sample, summarizeSample } from './sample';

/** Mean and standard deviation, shown as `mean ± std`. */
export type MeanStd = Pick<Spread, 'mean' | 'std'>;

/** One cell. A sample is shown as mean ± std of its numbers, and says what it lacks. */
export type Cell = string | number | boolean | null | undefined | MeanStd | Sample;

/** One row: cells by column. */
export type TableRow = Readonly<Record<string, Cell>>;

/** What a table needs of a danfojs DataFrame. */
export interface FrameLike {
  /** Names of the columns. */
  readonly columns: readonly string[];
  /** The cells: one list per row. */
  readonly values: unknown;
}

/** Options of `table`. */
export interface TableOptions {
  /**
   * Digits behind the decimal point, for all columns or by column. Default: whole numbers as they are, others
   * with 2.
   */
  digits?: number | Readonly<Record<string, number>>;
  /** Columns whose best value is bold, and which is best. */
  best?: Readonly<Record<string, 'min' | 'max'>>;
  /** Columns shown, in order. Default: all. */
  columns?: readonly string[];
  /** Column heads, where they differ from the columns' names; the place for units. */
  heads?: Readonly<Record<string, string>>;
  /** Text over the table. */
  caption?: string;
}

/** A table as texts. */
export interface RenderedTable {
  /** An HTML table. */
  html: string;
  /** A Markdown table, after its caption. */
  markdown: string;
  /** Lines with aligned columns, after the caption. */
  text: string;
}

/**
 * A table as HTML, Markdown and text. Two columns `x_mean` and `x_std`, as danfojs aggregates them, become
 * one column `x` with mean ± std.
 *
 * @throws OptionError if `columns`, `best`, `digits` or `heads` names a column that the table doesn't have.
 */
export function renderTable(
  data: FrameLike | readonly TableRow[],
  options: TableOptions = {},
): RenderedTable {
  const rows = joinMeanStd(toRows(data));
  const known = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  checkColumns(known, options);
  const columns = options.columns ?? known;
  const digits = Object.fromEntries(columns.map((column) => [column, digitsOf(rows, column, options)]));
  const heads = columns.map((column) => own(options.heads ?? {}, column) ?? column);
  const bodies = rows.map((row) => columns.map((column) => formatCell(own(row, column), digits[column])));
  const bold = columns.map((column) => bestRows(rows, column, own(options.best ?? {}, column)));
  const numeric = columns.map((column) => rows.some((row) => center(own(row, column)) !== undefined));
  const marked = (r: number, c: number) => bold[c]!.has(r);
  const sheet = { heads, bodies, numeric, marked, caption: options.caption && inSingular(options.caption) };
  return { html: toHtml(sheet), markdown: toMarkdown(sheet), text: toText(sheet) };
}

interface Sheet {
  heads: string[];
  bodies: string[][];
  /** Columns that are right-aligned. */
  numeric: boolean[];
  /** Whether a cell holds its column's best value. */
  marked(row: number, column: number): boolean;
  caption: string | undefined;
}

function toRows(data: FrameLike | readonly TableRow[]): TableRow[] {
  if (!('columns' in data)) return [...data];
  const values = data.values as Cell[][];
  return values.map((row) => Object.fromEntries(data.columns.map((column, i) => [column, row[i]])));
}

/** Columns x_mean and x_std become one column x, at the place of x_mean. */
function joinMeanStd(rows: readonly TableRow[]): TableRow[] {
  return rows.map((row) => {
    const joined: Record<string, Cell> = Object.create(null);
    for (const [column, cell] of Object.entries(row)) {
      const [, name, kind] = /^(.+)_(mean|std)$/.exec(column) ?? [];
      if (name === undefined || !(`${name}_mean` in row && `${name}_std` in row)) joined[column] = cell;
      else if (kind === 'mean') joined[name] = { mean: Number(cell), std: Number(row[`${name}_std`]) };
    }
    return joined;
  });
}

function checkColumns(
  known: readonly string[],
  { columns = [], best = {}, digits = {}, heads = {} }: TableOptions,
): void {
  const named = {
    columns,
    best: Object.keys(best),
    digits: typeof digits === 'number' ? [] : Object.keys(digits),
    heads: Object.keys(heads),
  };
  for (const [option, names] of Object.entries(named)) {
    for (const name of names) {
      if (!known.includes(name))
        throw new OptionError(option, name, `a column of the table: ${known.join(', ')}`);
    }
  }
}

/** Digits of a column: as asked for, else none where all its numbers are whole, else 2. */
function digitsOf(rows: readonly TableRow[], column: string, { digits }: TableOptions): number {
  const asked = typeof digits === 'number' ? digits : own(digits ?? {}, column);
  const numbers = rows.map((row) => own(row, column)).filter((cell) => cell !== null && cell !== undefined);
  return asked ?? (numbers.every((cell) => Number.isInteger(cell)) ? 0 : 2);
}

function formatCell(cell: Cell, digits: number): string {
  if (cell === null || cell === undefined) return '';
  if (typeof cell === 'string' || typeof cell === 'boolean') return String(cell).replace(/\s+/g, ' ');
  if (typeof cell === 'number') return Number.isFinite(cell) ? cell.toFixed(digits) : 'diverged';
  if (!isSample(cell)) return Number.isFinite(cell.mean) ? meanAndStd(cell, digits) : 'diverged';
  const { mean, std, count, diverged, failed, absent } = summarizeSample(cell);
  const lost = Object.entries({ diverged, failed, 'without a value': absent }).filter(([, runs]) => runs > 0);
  const told = lost.map(([what, runs]) => `${runs} ${what}`).join(', ');
  if (count > 0) {
    const number = count > 1 ? meanAndStd({ mean, std }, digits) : mean.toFixed(digits);
    return told === '' ? number : `${number} (${told})`;
  }
  if (absent === cell.length) return NO_VALUE;
  return lost.length === 1 ? lost[0]![0] : told;
}

function meanAndStd({ mean, std }: MeanStd, digits: number): string {
  return Number.isFinite(std) ? `${mean.toFixed(digits)} ± ${std.toFixed(digits)}` : mean.toFixed(digits);
}

/** What stands where no run has the number. */
const NO_VALUE = '–';

/** Rows whose mean is the best of the column, to the digits of a double. */
function bestRows(rows: readonly TableRow[], column: string, best: 'min' | 'max' | undefined): Set<number> {
  if (best === undefined) return new Set();
  const centers = rows.map((row) => center(own(row, column)) ?? Number.NaN);
  const finite = centers.filter(Number.isFinite);
  const target = best === 'min' ? Math.min(...finite) : Math.max(...finite);
  return new Set(centers.flatMap((value, r) => (value === target ? [r] : [])));
}

/** The number that a cell is compared by: NaN where a seed has none, undefined for text. */
function center(cell: Cell): number | undefined {
  if (typeof cell === 'number') return cell;
  if (typeof cell !== 'object' || cell === null) return undefined;
  if (!isSample(cell)) return cell.mean;
  const { mean, count } = summarizeSample(cell);
  return count === cell.length ? mean : Number.NaN;
}

function isSample(cell: MeanStd | Sample): cell is Sample {
  return Array.isArray(cell);
}

/** Letters of the longest text in a first column that is not broken into lines. */
const LONGEST_NAME = 40;

function toHtml({ heads, bodies, numeric, marked, caption }: Sheet): string {
  const side = (c: number) => `text-align:${numeric[c] ? 'right' : 'left'}`;
  // A number stays in one line with its deviation, and so does what a row is called; a table that is wider
  // than its cell can be scrolled, below a caption that is as wide as the cell.
  const isName = bodies.every(([name = '']) => name.length <= LONGEST_NAME);
  const width = (c: number) =>
    numeric[c] || (c === 0 && isName) ? ';white-space:nowrap' : c === 0 ? ';min-width:14em' : '';
  const style = (c: number) => `${side(c)}${width(c)}`;
  const head = heads.map((text, c) => `<th style="${side(c)}">${escapeHtml(text)}</th>`).join('');
  const body = bodies.map((row, r) => {
    const cells = row.map((text, c) => {
      const content = escapeHtml(numeric[c] ? text : withNumbersWhole(text));
      return `<td style="${style(c)}">${marked(r, c) ? `<b>${content}</b>` : content}</td>`;
    });
    return `<tr>${cells.join('')}</tr>`;
  });
  const table =
    `<table style="font-variant-numeric:tabular-nums"><thead><tr>${head}</tr></thead>` +
    `<tbody>${body.join('')}</tbody></table>`;
  if (caption === undefined) return table;
  const title = `<figcaption style="position:sticky;left:0">${escapeHtml(caption)}</figcaption>`;
  return `<figure style="margin:0;text-align:left">${title}${table}</figure>`;
}

/** No line of a text ends before a number, a bracket, a sign of per cent or a slash. */
function withNumbersWhole(text: string): string {
  return text.replace(/ (?=[-−+]?\d|[[%/])/g, '\u00a0');
}

function toMarkdown({ heads, bodies, numeric, marked, caption }: Sheet): string {
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`;
  const rows = bodies.map((row, r) =>
    line(row.map((text, c) => (marked(r, c) ? `**${escapeMarkdown(text)}**` : escapeMarkdown(text)))),
  );
  const lines = [
    line(heads.map(escapeMarkdown)),
    line(numeric.map((right) => (right ? '---:' : '---'))),
    ...rows,
  ];
  return `${caption === undefined ? '' : `${escapeMarkdown(caption)}\n\n`}${lines.join('\n')}`;
}

function toText({ heads: names, bodies, numeric, marked, caption }: Sheet): string {
  const heads = names.map(terminalLine);
  const texts = bodies.map((row, r) =>
    row.map((text, c) => `${marked(r, c) ? '*' : ''}${terminalLine(text)}`),
  );
  const widths = heads.map((head, c) => Math.max(head.length, ...texts.map((row) => row[c]!.length)));
  const line = (cells: string[]) =>
    cells
      .map((text, c) => (numeric[c] ? text.padStart(widths[c]!) : text.padEnd(widths[c]!)))
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '─'.repeat(width)).join('  ');
  return [
    ...(caption === undefined ? [] : [terminalLine(caption)]),
    line(heads),
    rule,
    ...texts.map(line),
  ].join('\n');
}
