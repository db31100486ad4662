/**
 * `npm run format` and `npm run lint` for notebooks: Biome formats TypeScript, but reads no .ipynb, so each code cell goes through
 * it on its own.
 *
 *     node scripts/format-notebooks.mjs [--check] [NOTEBOOK...]
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { NOTEBOOKS, notebookNames } from './notebooks/run.mjs';
import { readCommandLine } from './setup/command-line.mjs';
import { projectAt } from './setup/project.mjs';

const { values, positionals } = readCommandLine('Usage: node scripts/format-notebooks.mjs [--check] [NOTEBOOK...]', {
  check: { type: 'boolean' },
});
const { root, nodeModules } = projectAt();
const biome = path.join(nodeModules, '.bin/biome');
let wrong = 0;

for (const file of positionals.length > 0 ? positionals : notebookNames().map((name) => path.join(NOTEBOOKS, name))) {
  const text = fs.readFileSync(file, 'utf8');
  const notebook = JSON.parse(text);
  for (const cell of notebook.cells) {
    if (cell.cell_type !== 'code') continue;
    const source = cell.source.join('');
    const formatted = format(source, file);
    if (formatted === source) continue;
    wrong++;
    if (values.check)
      console.error(`${path.relative(root, file)}: this cell is not formatted; run "npm run format".\n  ${cell.source[0]}`);
    cell.source = formatted.split(/(?<=\n)/);
  }
  const next = `${JSON.stringify(notebook, undefined, 1)}\n`;
  if (!values.check && next !== text) fs.writeFileSync(file, next);
}
if (values.check && wrong > 0) process.exitCode = 1;

/** @param {string} source @param {string} file */
function format(source, file) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [biome, 'format', '--stdin-file-path=notebooks/cell.ts'], {
    cwd: root,
    input: source,
    encoding: 'utf8',
  });
  if (status === 0) return stdout.replace(/\n$/, '');
  console.error(`${path.relative(root, file)}: a cell is not TypeScript:\n${stderr}`);
  process.exitCode = 1;
  return source;
}
