/**
 * `npm run notebooks`: executes the committed notebooks in order and writes them back, clean, with their
 * outputs; renews what READMEs say of them.
 */
import './setup/node-version.mjs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { writeCatalog } from './notebooks/catalog.mjs';
import { NOTEBOOKS, notebookNames, readNotebook, writeNotebook } from './notebooks/file.mjs';
import { formatNotebooks } from './notebooks/format.mjs';
import { executeNotebook } from './notebooks/run.mjs';
import { stampOf } from './notebooks/stamp.mjs';
import { readCommandLine } from './setup/command-line.mjs';
import { secondsSince } from './setup/report.mjs';
import { setUpOrExit } from './setup/stages.mjs';

const USAGE = `Usage: npm run notebooks [-- NAME... [--sizes FILE] [--size NAME=VALUE] | --index]

Executes the notebooks of notebooks/ whose names contain one of the given words (default: all) in the profile
LB_PROFILE (quick), and writes them back with their outputs. A notebook that fails is left as it was. Then the
index in notebooks/README.md and the verdicts in README.md are renewed.

With sizes it is a rehearsal, mostly of LB_PROFILE=paper: the executed notebooks are left in
results/notebooks/, the committed ones as they are.

  --sizes FILE   JSON: what a cell declares by these names gets these values below it; the others are sizes
                 of the paper's tasks, as those of npm run reproduce
  --size N=V     one of these, such as --size seeds=1; may be repeated, and goes over those of the file
  --index        renews what the READMEs say of the notebooks, and nothing else`;

const { values, positionals } = readCommandLine(
  USAGE,
  {
    index: { type: 'boolean' },
    sizes: { type: 'string' },
    size: { type: 'string', multiple: true },
  },
  { allowPositionals: true },
);
const names = notebookNames().filter(
  (name) => positionals.length === 0 || positionals.some((word) => name.includes(word)),
);
if (names.length === 0) {
  console.error(`No notebook is called so. There are: ${notebookNames().join(', ')}`);
  process.exit(2);
}
await setUpOrExit({ quiet: true });
const profile = process.env.LB_PROFILE || 'quick';
const sizes = readSizes();
const flags = sizes === undefined ? [] : ['--sizes', JSON.stringify(sizes)];
for (const name of values.index ? [] : names) {
  const started = performance.now();
  console.log(name);
  const source = path.join(NOTEBOOKS, name);
  const target = path.join(NOTEBOOKS, '..', 'results', 'notebooks', name);
  // Before the stamp: it is of the cells as they are committed.
  if (sizes === undefined) formatNotebooks([source]);
  const status = await executeNotebook(source, target, { profile, flags });
  if (status !== 0) process.exit(status);
  if (sizes !== undefined) {
    console.log(`  ${secondsSince(started)}; it is in ${path.relative(process.cwd(), target)}`);
    continue;
  }
  const executed = readNotebook(target);
  executed.metadata.lookbehind = stampOf(executed, profile);
  writeNotebook(source, executed);
  console.log(`  ${secondsSince(started)}`);
}
if (sizes !== undefined) process.exit();
try {
  writeCatalog();
} catch (error) {
  console.error(`The index was not renewed. ${/** @type {Error} */ (error).message}`);
  process.exitCode = 1;
}

/** Sizes of a rehearsal; undefined where there are none. @returns {Record<string, unknown> | undefined} */
function readSizes() {
  const { sizes, size } = values;
  if (sizes === undefined && size === undefined) return undefined;
  try {
    // Of the library, which is built by now.
    return createRequire(import.meta.url)('../lib/dist/paper/commandLine.js').readSizes(sizes, size);
  } catch (error) {
    console.error(`The sizes cannot be read: ${/** @type {Error} */ (error).message}`);
    process.exit(2);
  }
}
