/** `npm run docs`: the API reference, made from the library's declarations by TypeDoc, into docs/. */
import './setup/node-version.mjs';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { readCommandLine } from './setup/command-line.mjs';
import { filesBelow, readJson } from './setup/files.mjs';
import { projectAt } from './setup/project.mjs';
import { setUpOrExit } from './setup/stages.mjs';

const USAGE = `Usage: npm run docs

Writes the API reference to docs/index.html. TypeDoc, and the TypeScript that it needs, are installed
into scripts/docs at the first call.`;

readCommandLine(USAGE, {});
await setUpOrExit({ quiet: true });
const { root } = projectAt();
const tool = path.join(root, 'scripts/docs');
const target = path.join(root, 'docs');

const { dependencies } = readJson(path.join(tool, 'package.json'));
const isInstalled = Object.entries(dependencies).every(
  ([name, version]) => readJson(path.join(tool, 'node_modules', name, 'package.json'))?.version === version,
);
if (!isInstalled)
  run(
    'npm',
    ['ci', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund'],
    'TypeDoc could not be installed',
  );
fs.rmSync(target, { recursive: true, force: true });
run(process.execPath, ['node_modules/typedoc/bin/typedoc'], 'The reference could not be written');
console.log(
  `${filesBelow(target, ['.html']).length} pages. Open ` +
    `${path.relative(process.cwd(), path.join(target, 'index.html'))}`,
);

/**
 * Runs a program in the tool's folder, or ends with what went wrong. @param {string} command @param
 * {string[]} args @param {string} problem
 */
function run(command, args, problem) {
  const { status } = spawnSync(command, args, { cwd: tool, stdio: 'inherit' });
  if (status === 0) return;
  console.error(`${problem}: see above.`);
  process.exit(1);
}
