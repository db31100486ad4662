/**
 * `npm run walkthrough`: set-up, then the walkthrough notebook from the first cell to the last; prints its
 * result table.
 */
import './setup/node-version.mjs';
import fs from 'node:fs';
import path from 'node:path';
import { NOTEBOOKS } from './notebooks/file.mjs';
import { executeNotebook, exportHtml } from './notebooks/run.mjs';
import { readCommandLine } from './setup/command-line.mjs';
import { projectAt } from './setup/project.mjs';
import { secondsSince } from './setup/report.mjs';
import { setUpOrExit } from './setup/stages.mjs';

const USAGE = `Usage: npm run walkthrough [-- NOTEBOOK]

Sets the project up, executes notebooks/00-walkthrough.ipynb (or another notebook of that folder), prints its
tables, and writes the executed notebook and an HTML page to results/. LB_PROFILE=smoke|quick|paper says how
much is computed (quick).`;

const { positionals } = readCommandLine(USAGE, {}, { allowPositionals: true });
const name = path.basename(positionals[0] ?? '00-walkthrough.ipynb', '.ipynb');
const { root } = projectAt();
await setUpOrExit({ quiet: true });

const started = performance.now();
const begun = Date.now();
const target = path.join(root, 'results', `${name}.ipynb`);
console.log(
  `Running ${name}, profile ${process.env.LB_PROFILE || 'quick'}. Finished runs are kept: an ` +
    'interrupted walkthrough goes on from there.',
);
const status = await executeNotebook(path.join(NOTEBOOKS, `${name}.ipynb`), target, { flags: ['--tables'] });
if (status === 0) {
  const page = exportHtml(target);
  console.log(`\nDone in ${secondsSince(started)}. The notebook with its figures:`);
  for (const file of [target, page]) if (file) console.log(`  ${path.relative(process.cwd(), file)}`);
  console.log('Open it interactively with "npm start".');
} else if ((fs.statSync(target, { throwIfNoEntry: false })?.mtimeMs ?? 0) > begun) {
  console.error(`The notebook up to there is in ${path.relative(process.cwd(), target)}.`);
}
process.exitCode = status;
