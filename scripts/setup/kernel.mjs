/**
 * Stage "notebook kernel": registers tslab (TypeScript) in .venv, with the environment it needs, and sets
 * JupyterLab's defaults.
 */
import fs from 'node:fs';
import path from 'node:path';
import { readText, writeAtomically } from './files.mjs';
import { KERNEL_ENVIRONMENT } from './versions.mjs';

/** @type {import('./stages.mjs').Stage} */
export const notebookKernel = {
  name: 'notebook kernel',
  after: ['patches', 'JupyterLab'],

  isCurrent({ project }) {
    return [...filesOf(project)].every(([file, text]) => readText(file) === text);
  },

  async run({ project }) {
    for (const [file, text] of filesOf(project)) writeAtomically(file, text);
  },
};

/** What the stage writes: texts by path. @param {import('./project.mjs').Project} project */
function filesOf(project) {
  const share = path.join(project.venv, 'share/jupyter');
  return new Map([
    [path.join(share, 'kernels/tslab/kernel.json'), json(kernelSpec(project))],
    [path.join(share, 'lab/settings/overrides.json'), json(LAB_DEFAULTS)],
  ]);
}

/**
 * JupyterLab's settings where the user has chosen none: Markdown files open as pages, and nobody is asked for
 * news. Cells out of sight stay in the page: by default JupyterLab 4.6 hides them with `content-visibility`,
 * and Chromium goes on hiding the texts of figures that were drawn anew meanwhile, as by a wider window.
 */
const LAB_DEFAULTS = {
  '@jupyterlab/notebook-extension:tracker': { windowingMode: 'defer' },
  '@jupyterlab/docmanager-extension:plugin': { defaultViewers: { markdown: 'Markdown Preview' } },
  '@jupyterlab/apputils-extension:notification': { fetchNews: 'false', checkForUpdates: false },
};

/** @param {object} value */
function json(value) {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/**
 * Node.js and tslab by their full paths: the kernel also starts where neither is on the PATH, as in a desktop
 * application.
 * @param {import('./project.mjs').Project} project
 */
function kernelSpec({ nodeModules }) {
  return {
    argv: [
      fs.realpathSync(process.execPath),
      // danfojs uses what Node.js 22 warns about, and a warning would appear in a cell's output.
      '--no-deprecation',
      path.join(nodeModules, 'tslab/bin/tslab'),
      'kernel',
      '--config-path',
      '{connection_file}',
    ],
    display_name: 'TypeScript',
    language: 'typescript',
    env: KERNEL_ENVIRONMENT,
  };
}
