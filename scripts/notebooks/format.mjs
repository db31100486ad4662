/**
 * Biome for the code of notebooks. Biome reads no .ipynb, so that their cells go through it as files of a
 * temporary folder: each cell by itself to be formatted, and the cells of a notebook together, as one module,
 * to be linted: names are declared in one and used in another.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { readJson } from '../setup/files.mjs';
import { projectAt } from '../setup/project.mjs';
import { codeCells, readNotebook, textOf, writeNotebook } from './file.mjs';
import { hashOfCells } from './stamp.mjs';

/**
 * @typedef {{ file: string, notebook: import('./file.mjs').Notebook, cells: import('./file.mjs').Cell[] }}
 * Opened
 */

/**
 * Formats the cells of notebooks in place. A stamp that was right stays so.
 * @param {string[]} files paths
 * @param {{ check?: boolean }} [options] check: writes nothing
 * @returns {string[]} what is not formatted, or cannot be
 */
export function formatNotebooks(files, { check = false } = {}) {
  return withFolder(files, (folder, opened) => {
    const cellFile = (/** @type {number} */ n, /** @type {number} */ c) => path.join(folder, `${n}-${c}.ts`);
    for (const [n, { cells }] of opened.entries())
      for (const [c, cell] of cells.entries()) fs.writeFileSync(cellFile(n, c), textOf(cell));
    const { output } = biome(['format', '--write', folder]);
    const problems = annotations(output).map(({ file, message }) => `${nameOf(opened, file)}: ${message}`);
    for (const [n, { file, notebook, cells }] of opened.entries()) {
      const stamp = notebook.metadata.lookbehind;
      const wasRight = stamp?.cells === hashOfCells(notebook);
      for (const [c, cell] of cells.entries()) {
        const formatted = fs.readFileSync(cellFile(n, c), 'utf8').replace(/\n$/, '');
        if (formatted === textOf(cell)) continue;
        if (check) problems.push(`${nameOf(opened, cellFile(n, c))}: not formatted; run "npm run format"`);
        cell.source = formatted.split(/(?<=\n)/);
      }
      if (wasRight) stamp.cells = hashOfCells(notebook);
      if (!check) writeNotebook(file, notebook);
    }
    return problems;
  });
}

/** What Biome's linter says of the code of notebooks. @param {string[]} files paths @returns {string[]} */
export function lintNotebooks(files) {
  return withFolder(files, (folder, opened) => {
    for (const [n, { cells }] of opened.entries())
      fs.writeFileSync(path.join(folder, `${n}.ts`), `${cells.map(textOf).join('\n')}\n`);
    const { output } = biome(['lint', '--error-on-warnings', folder]);
    return annotations(output).map(({ file, line, message }) => {
      const { file: notebook, cells } = opened[Number(path.basename(file, '.ts'))];
      let first = 1; // line of the module with which the cell begins
      let c = 0;
      while (line >= first + lines(cells[c])) first += lines(cells[c++]);
      return `${path.basename(notebook)}, code cell ${c + 1}, line ${line - first + 1}: ${message}`;
    });
  });
}

/** @param {import('./file.mjs').Cell} cell */
function lines(cell) {
  return textOf(cell).split('\n').length;
}

/**
 * The notebook and cell to which a file of the temporary folder belongs. @param {Opened[]} opened @param
 * {string} file
 */
function nameOf(opened, file) {
  const [n, c] = path.basename(file, '.ts').split('-').map(Number);
  const notebook = opened[n];
  const [first] = textOf(notebook.cells[c]).split('\n');
  return `${path.basename(notebook.file)}, code cell ${c + 1} (${first})`;
}

/**
 * Calls `work` with the opened notebooks and an empty folder in which Biome finds the project's settings.
 * @template T
 * @param {string[]} files
 * @param {(folder: string, opened: Opened[]) => T} work
 * @returns {T}
 */
function withFolder(files, work) {
  const opened = files.map((file) => {
    const notebook = readNotebook(file);
    return { file, notebook, cells: codeCells(notebook) };
  });
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'lookbehind-cells-'));
  try {
    const {
      vcs: _,
      files: __,
      $schema: ___,
      ...settings
    } = readJson(path.join(projectAt().root, 'biome.json'));
    settings.formatter.lineWidth = 130; // cells are wide, and each line less is a line more of a notebook
    fs.writeFileSync(path.join(folder, 'biome.json'), JSON.stringify(settings));
    return work(folder, opened);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs Biome in the folder that is its last argument. @param {string[]} args */
function biome(args) {
  const folder = /** @type {string} */ (args.at(-1));
  const command = path.join(projectAt().nodeModules, '.bin/biome');
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [command, ...args.slice(0, -1), '--reporter=github', '--max-diagnostics=none', '.'],
    { cwd: folder, encoding: 'utf8' },
  );
  const output = `${stdout}\n${stderr}`;
  if (status !== 0 && annotations(output).length === 0) throw new Error(`Biome failed:\n${output}`);
  return { output };
}

/** The findings in a report. @param {string} output */
function annotations(output) {
  const pattern = /^::(?:error|warning|notice) title=([^,]*),file=([^,]*),line=(\d+)[^:]*::(.*)$/gm;
  return [...output.matchAll(pattern)].map(([, rule, file, line, message]) => ({
    file,
    line: Number(line),
    message: `${message} (${rule})`,
  }));
}
