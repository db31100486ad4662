/**
 * `npm run pack [-- OPTIONS OF NPM PACK]`: the package as it is published, into the folder where it was
 * called. It is put together in an empty folder, compiled anew, so that nothing stale gets in.
 * lib/package.json has no version: npm refuses to pack or publish lib/ itself.
 */
import './setup/node-version.mjs';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { listFolder, readJson } from './setup/files.mjs';
import { projectAt } from './setup/project.mjs';
import { setUpOrExit } from './setup/stages.mjs';

/**
 * Golden files up to this size are shipped: 103 of 133, a third of the bytes. The others are of large
 * networks and many inner steps.
 */
const LARGEST_GOLDEN = 48 * 1024;
/** What `replay` replays file by file. */
const REPLAYED = ['trajectory', 'analysis'];

const { log } = console;
console.log = console.error; // standard output is that of npm pack
await setUpOrExit({ quiet: true });
console.log = log;
const { build } = await import('esbuild');
const { root, nodeModules } = projectAt();
const stage = fs.mkdtempSync(path.join(os.tmpdir(), 'lookbehind-pack-'));
const dist = path.join(stage, 'dist');
process.on('exit', () => fs.rmSync(stage, { recursive: true, force: true }));

run(process.execPath, [
  path.join(nodeModules, 'typescript/bin/tsc'),
  ...['-p', path.join(root, 'lib'), '--outDir', dist, '--incremental', 'false', '--tsBuildInfoFile', 'null'],
]);

// `npx lookbehind replay` is the tests' own program, beside the library that it imports.
await build({
  entryPoints: [path.join(root, 'test/replay/cli.ts')],
  outfile: path.join(dist, 'cli/replay.js'),
  bundle: true,
  platform: 'node',
  packages: 'external',
  logLevel: 'error',
  plugins: [
    {
      name: 'the library',
      setup({ onResolve }) {
        onResolve({ filter: /\/lib\/dist\// }, ({ path: from }) => ({
          path: from.replace(/^.*\/lib\/dist\//, '../'),
          external: true,
        }));
      },
    },
  ],
});
const golden = path.join(root, 'test/golden');
fs.mkdirSync(path.join(dist, 'golden'));
for (const name of listFolder(golden).filter((one) => one.endsWith('.json'))) {
  const file = path.join(golden, name);
  if (fs.statSync(file).size <= LARGEST_GOLDEN && REPLAYED.includes(readJson(file).kind))
    fs.copyFileSync(file, path.join(dist, 'golden', name));
}

for (const file of ['README.md', 'LICENSE', 'runs/engines/ray_driver.py']) {
  fs.mkdirSync(path.dirname(path.join(stage, file)), { recursive: true });
  fs.copyFileSync(path.join(root, 'lib', file), path.join(stage, file));
}
const { name, ...description } = readJson(path.join(root, 'lib/package.json'));
const { version } = readJson(path.join(root, 'package.json'));
fs.writeFileSync(
  path.join(stage, 'package.json'),
  `${JSON.stringify({ name, version, ...description }, undefined, 2)}\n`,
);

const target = process.env.INIT_CWD ?? process.cwd();
run('npm', ['pack', '--ignore-scripts', `--pack-destination=${target}`, ...process.argv.slice(2)]);

/**
 * Runs a program on the folder, or ends with its exit code. @param {string} command @param {string[]} args
 */
function run(command, args) {
  const { status } = spawnSync(command, args, { cwd: stage, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
