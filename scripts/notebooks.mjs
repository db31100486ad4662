/** `npm run notebooks`: executes the committed notebooks in order and writes them back, clean, with their outputs; renews their index. */
import './setup/node-version.mjs';
import path from 'node:path';
import { writeCatalogue } from './notebooks/catalogue.mjs';
import { NOTEBOOKS, notebookNames, readNotebook, writeNotebook } from './notebooks/file.mjs';
import { formatNotebooks } from './notebooks/format.mjs';
import { executeNotebook } from './notebooks/run.mjs';
import { stampOf } from './notebooks/stamp.mjs';
import { readCommandLine } from './setup/command-line.mjs';
import { secondsSince } from './setup/report.mjs';
import { setUpOrExit } from './setup/stages.mjs';

const USAGE = `Usage: npm run notebooks [-- NAME... | --index]

Executes the notebooks of notebooks/ whose names contain one of the given words (default: all) in the profile LB_PROFILE (quick),
and writes them back with their outputs. A notebook that fails is left as it was. Then the index in notebooks/README.md is renewed.

  --index   renews the index only`;

const { values, positionals } = readCommandLine(USAGE, { index: { type: 'boolean' } });
const names = notebookNames().filter((name) => positionals.length === 0 || positionals.some((word) => name.includes(word)));
if (names.length === 0) {
  console.error(`No notebook is called so. There are: ${notebookNames().join(', ')}`);
  process.exit(2);
}
await setUpOrExit({ quiet: true });
const profile = process.env.LB_PROFILE || 'quick';
for (const name of values.index ? [] : names) {
  const started = performance.now();
  console.log(name);
  const source = path.join(NOTEBOOKS, name);
  const target = path.join(NOTEBOOKS, '..', 'results', 'notebooks', name);
  formatNotebooks([source]); // before the stamp: it is of the cells as they are committed
  const status = await executeNotebook(source, target, { profile });
  if (status !== 0) process.exit(status);
  const executed = readNotebook(target);
  executed.metadata.lookbehind = stampOf(executed, profile);
  writeNotebook(source, executed);
  console.log(`  ${secondsSince(started)}`);
}
try {
  writeCatalogue();
} catch (error) {
  console.error(`The index was not renewed. ${/** @type {Error} */ (error).message}`);
  process.exitCode = 1;
}
