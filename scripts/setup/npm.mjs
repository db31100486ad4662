/** Stage "npm packages": what package-lock.json names, without install scripts. */
import fs from 'node:fs';
import path from 'node:path';
import { isFile, readJson } from './files.mjs';
import { SetupError } from './report.mjs';
import { checkDisk, downloadRemedy } from './requirements.mjs';

/**
 * @typedef
 * {{ version?: string, link?: boolean, optional?: boolean, os?: string[], cpu?: string[], libc?: string[] }}
 * LockEntry
 */

/** @type {import('./stages.mjs').Stage} */
export const npmPackages = {
  name: 'npm packages',
  after: [],

  isCurrent({ project }) {
    return (
      isFile(path.join(project.nodeModules, '.package-lock.json')) &&
      missingPackages(project.root).length === 0
    );
  },

  async run({ project, processes }) {
    checkDisk(project.root, 1.5, 'Installing the npm packages');
    // Install scripts stay off: that of tfjs-node-gpu downloads from a place that is often unreachable, and a
    // failure makes npm remove everything again. The addon stage does its work.
    // The lock file names exact versions with their checksums, so that a cached package need not be asked for
    // again.
    const args = [
      'ci',
      '--ignore-scripts',
      '--prefer-offline',
      '--no-audit',
      '--no-fund',
      '--loglevel=error',
    ];
    const npm = process.env.npm_execpath; // npm's own file, where the set-up was started by `npm run`
    const { code, output } = npm?.endsWith('.js')
      ? await processes.run(process.execPath, [npm, ...args], { cwd: project.root })
      : await processes.run('npm', args, { cwd: project.root });
    if (code === 127)
      throw new SetupError(
        'npm was not found.',
        'install it (it comes with Node.js from https://nodejs.org).',
        output,
      );
    if (code !== 0) {
      const remedy = downloadRemedy(
        output,
        'HTTPS_PROXY, or "npm config set proxy" and "registry"',
        'see the output below.',
      );
      throw new SetupError('"npm ci" could not install the npm packages.', remedy, output);
    }
    const missing = missingPackages(project.root);
    if (missing.length) {
      throw new SetupError(
        '"npm ci" ended without installing ' +
          `${missing.slice(0, 3).join(', ')}${missing.length > 3 ? ` and ${missing.length - 3} more` : ''}.`,
        'check that your npm registry serves these packages, and that npm is not configured to omit ' +
          'dev or optional packages.',
        output,
      );
    }
  },
};

/**
 * Packages of the lock file that belong on this machine and are absent, of another version, or copies where
 * links to a folder of the project should be. @param {string} root
 */
export function missingPackages(root) {
  const { packages = {} } = readJson(path.join(root, 'package-lock.json')) ?? {};
  return Object.entries(/** @type {Record<string, LockEntry>} */ (packages))
    .filter(([folder, entry]) => folder.startsWith('node_modules/') && belongsHere(entry))
    .filter(([folder, { version, link }]) => {
      const file = path.join(root, folder, 'package.json');
      if (link) return !fs.existsSync(file) || !fs.lstatSync(path.join(root, folder)).isSymbolicLink();
      return readJson(file)?.version !== version;
    })
    .map(([folder]) => folder.replace(/^.*node_modules\//, ''));
}

/**
 * Binary packages exist once per platform, all optional; npm installs those for this one. @param {LockEntry}
 * entry
 */
function belongsHere({ optional, os, cpu, libc }) {
  if (optional && !os) return false;
  return (
    (!os || os.includes(process.platform)) &&
    (!cpu || cpu.includes(process.arch)) &&
    (!libc || libc.includes('glibc'))
  );
}
