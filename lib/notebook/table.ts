/** Result tables in a cell's output. */
import { type FrameLike, renderTable, type TableOptions, type TableRow } from '../statistics/table';
import { displayBundle } from './display';

/**
 * Shows a table in the cell's output; outside a notebook it is printed. See `renderTable` for what it takes.
 *
 * @throws OptionError if `columns`, `best` or `digits` names a column that the table doesn't have.
 */
export function table(data: FrameLike | readonly TableRow[], options: TableOptions = {}): void {
  const { html, markdown, text } = renderTable(data, options);
  if (!displayBundle({ 'text/html': html, 'text/markdown': markdown, 'text/plain': text })) console.log(text);
}
