/** The figures in the outputs of the committed notebooks. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Figure } from 'lookbehind/figures';

const FOLDER = join(__dirname, '..', '..', 'notebooks');

/** Each figure as it was saved, and its place, such as `01-cell-11`. */
export function notebookFigures(): { name: string; figure: Figure }[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.ipynb'))
    .flatMap((file) => {
      const { cells } = JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as {
        cells: { outputs?: { data?: Record<string, unknown> }[] }[];
      };
      return cells.flatMap(({ outputs = [] }, c) =>
        outputs.flatMap(({ data }) => {
          const found = data?.['application/vnd.plotly.v1+json'] as Figure | undefined;
          return found ? [{ name: `${file.slice(0, 2)}-cell-${c}`, figure: found }] : [];
        }),
      );
    });
}
