/** `npm run notebooks`: executes the committed notebooks in order and writes them back, clean, with their outputs. */
import './setup/node-version.mjs';
import fs from 'node:fs';
import path from 'node:path';
import { executeNotebook, NOTEBOOKS, notebookNames } from './notebooks/run.mjs';
import { readCommandLine } from './setup/command-line.mjs';
import { secondsSince } from './setup/report.mjs';
import { setUpOrExit } from './setup/stages.mjs';

const USAGE = `Usage: npm run notebooks [-- NAME...]

Executes the notebooks of notebooks/ whose names contain one of the given words (default: all) in the profile LB_PROFILE (quick),
and writes them back with their outputs. A notebook that fails is left as it was.`;

const { positionals } = readCommandLine(USAGE, {});
const names = notebookNames().filter((name) => positionals.length === 0 || positionals.some((word) => name.includes(word)));
if (names.length === 0) {
  console.error(`No notebook is called so. There are: ${notebookNames().join(', ')}`);
  process.exit(2);
}
await setUpOrExit({ quiet: true });
for (const name of names) {
  const started = performance.now();
  console.log(name);
  const source = path.join(NOTEBOOKS, name);
  const target = path.join(NOTEBOOKS, '..', 'results', 'notebooks', name);
  const status = await executeNotebook(source, target, { profile: process.env.LB_PROFILE || 'quick' });
  if (status !== 0) process.exit(status);
  fs.copyFileSync(target, `${source}.tmp`);
  fs.renameSync(`${source}.tmp`, source);
  console.log(`  ${secondsSince(started)}`);
}
