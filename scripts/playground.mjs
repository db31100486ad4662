/** `npm run playground`: the playground as one HTML file, which the browser opens. */
import './setup/node-version.mjs';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { readCommandLine } from './setup/command-line.mjs';
import { projectAt } from './setup/project.mjs';
import { setUpOrExit } from './setup/stages.mjs';

const USAGE = `Usage: npm run playground [-- OPTIONS]

Writes the playground to results/playground/index.html and opens it. The file holds all it needs: it
works from disk, from any web server, and without a network.

  --no-open   only writes it
  --help`;

const { values } = readCommandLine(USAGE, { 'no-open': { type: 'boolean' } });
await setUpOrExit({ quiet: true });
const { bundlePage } = await import('./playground/bundle.mjs'); // needs what set-up installs
const { root } = projectAt();
const file = path.join(root, 'results/playground/index.html');
fs.mkdirSync(path.dirname(file), { recursive: true });
fs.writeFileSync(file, await bundlePage(root, 'index'));
const megabytes = (fs.statSync(file).size / 1e6).toFixed(1);
console.log(`${path.relative(process.cwd(), file)}, ${megabytes} MB. Open it in any browser.`);
if (!values['no-open']) open(file);

/**
 * Shows a file in the reader's browser; where there is none, the line above says what to open. @param
 * {string} file
 */
function open(file) {
  /** @type {Partial<Record<NodeJS.Platform, [string, ...string[]]>>} */
  const openers = { darwin: ['open'], win32: ['cmd', '/c', 'start', ''] };
  const [command, ...args] = openers[process.platform] ?? ['xdg-open'];
  const child = spawn(command, [...args, file], { stdio: 'ignore', detached: true });
  child.on('error', () => {});
  child.unref();
}
