/**
 * `npm run clean`: removes what can be made again: the built library and results; with --all also everything
 * set-up installed.
 */
import './setup/node-version.mjs';
import fs from 'node:fs';
import path from 'node:path';
import { readCommandLine } from './setup/command-line.mjs';
import { projectAt } from './setup/project.mjs';

const USAGE = `Usage: npm run clean [-- --all]

Removes lib/dist, docs and results. Data, downloads and finished runs (data/) stay.

  --all   also node_modules (with TypeDoc's) and .venv: "npm run setup" makes them again`;

const { values } = readCommandLine(USAGE, { all: { type: 'boolean' } });
const { root } = projectAt();
for (const folder of [
  'lib/dist',
  'docs',
  'results',
  ...(values.all ? ['.venv', 'node_modules', 'scripts/docs/node_modules'] : []),
]) {
  if (!fs.existsSync(path.join(root, folder))) continue;
  fs.rmSync(path.join(root, folder), { recursive: true, force: true });
  console.log(`removed ${folder}`);
}
