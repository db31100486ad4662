/**
 * `npm run format` and `npm run lint` for the code of notebooks.
 *
 *     node scripts/format-notebooks.mjs [--check] [NOTEBOOK...]
 */
import path from 'node:path';
import { NOTEBOOKS, notebookNames } from './notebooks/file.mjs';
import { formatNotebooks, lintNotebooks } from './notebooks/format.mjs';
import { readCommandLine } from './setup/command-line.mjs';

const USAGE = `Usage: node scripts/format-notebooks.mjs [--check] [NOTEBOOK...]

Formats the cells of notebooks (default: those of notebooks/) and shows what the linter says of them.

  --check   formats nothing, and fails where something is not formatted`;

const { values, positionals } = readCommandLine(
  USAGE,
  { check: { type: 'boolean' } },
  { allowPositionals: true },
);
const files =
  positionals.length > 0 ? positionals : notebookNames().map((name) => path.join(NOTEBOOKS, name));
const problems = [...formatNotebooks(files, values), ...lintNotebooks(files)];
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;
