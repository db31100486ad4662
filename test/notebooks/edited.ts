/** Runs a notebook of the project in the smoke profile after an edit, as a reader makes it. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../runs/support';

interface Notebook {
  cells: { cell_type: string; source: string | string[]; outputs?: { text?: string | string[] }[] }[];
}

/** What is written in a cell, and what is written in its place. */
export type Edit = readonly [was: string, becomes: string];

const linesOf = (text: string | string[] = ''): string => [text].flat().join('');

/**
 * Runs notebook `number` with `edits`, and asserts that it runs to its end and writes nothing to standard
 * error. An edit changes the cell that opens with "The one place to edit"; what is not in it must be in one
 * other cell.
 *
 * @param runs Where its runs are kept. Default: a folder of its own, so that all are made.
 * @returns What its cells printed.
 */
export async function runEdited(number: string, edits: readonly Edit[], runs?: string): Promise<string> {
  const name = readdirSync(join(ROOT, 'notebooks')).find(
    (file) => file.startsWith(`${number}-`) && file.endsWith('.ipynb'),
  )!;
  const notebook = JSON.parse(readFileSync(join(ROOT, 'notebooks', name), 'utf8')) as Notebook;
  for (const [was, becomes] of edits) {
    const holders = notebook.cells.filter(
      ({ cell_type, source }) => cell_type === 'code' && linesOf(source).includes(was),
    );
    const settings = holders.find(({ source }) => linesOf(source).startsWith('// The one place to edit'));
    const [cell] = settings ? [settings] : holders;
    assert.ok(cell && (settings || holders.length === 1), `one cell of ${name} has "${was}"`);
    const source = linesOf(cell.source);
    assert.equal(source.split(was).length, 2, `${name} has "${was}" once`);
    cell.source = source.replace(was, () => becomes);
  }
  // Inside the project, where the library is found.
  mkdirSync(join(ROOT, 'results'), { recursive: true });
  const folder = mkdtempSync(join(ROOT, 'results', 'edited-'));
  try {
    const [source, target] = [join(folder, name), join(folder, `executed-${name}`)];
    writeFileSync(source, JSON.stringify(notebook));
    const child = spawn(
      join(ROOT, '.venv', 'bin', 'python'),
      ['-W', 'ignore', join(ROOT, 'scripts', 'notebooks', 'execute.py'), source, target, '--quiet'],
      {
        env: {
          ...process.env,
          ...{ LB_PROFILE: 'smoke', LB_RUNS: runs ?? join(folder, 'runs') },
          ...{ TF_NUM_INTRAOP_THREADS: '1', TF_NUM_INTEROP_THREADS: '1' },
        },
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    );
    let complaints = '';
    child.stderr.setEncoding('utf8').on('data', (more: string) => {
      complaints += more;
    });
    const [code] = (await once(child, 'close')) as [number | null];
    assert.equal(code, 0, complaints);
    const { cells } = JSON.parse(readFileSync(target, 'utf8')) as Notebook;
    return cells
      .flatMap(({ outputs = [] }) => outputs)
      .map(({ text }) => linesOf(text))
      .join('\n');
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
