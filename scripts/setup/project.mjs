/** Where things are: every path of the set-up, from the folder in which the project lies. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { listFolder } from './files.mjs';

/**
 * @typedef {object} Project
 * @property {string} root folder of package.json
 * @property {string} nodeModules
 * @property {string} tfjsNode the npm package that holds the native addon
 * @property {string} venv Python environment of the project
 * @property {string} python its interpreter
 * @property {string} lock file that keeps two set-ups from working at once
 * @property {() => string | undefined} sitePackages folder of the installed Python packages; undefined before
 * the environment exists
 */

/** @param {string} [root] @returns {Project} */
export function projectAt(root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')) {
  const venv = path.join(root, '.venv');
  const nodeModules = path.join(root, 'node_modules');
  return {
    root,
    nodeModules,
    tfjsNode: path.join(nodeModules, '@tensorflow/tfjs-node-gpu'),
    venv,
    python: path.join(venv, 'bin/python'),
    lock: path.join(root, '.setup-lock'),
    sitePackages() {
      const version = listFolder(path.join(venv, 'lib')).find((name) => /^python3\.\d+$/.test(name));
      return version && path.join(venv, 'lib', version, 'site-packages');
    },
  };
}
