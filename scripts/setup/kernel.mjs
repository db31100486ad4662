/** Stage "notebook kernel": registers tslab (TypeScript) in .venv, with the environment it needs. */
import fs from 'node:fs';
import path from 'node:path';
import { readText, writeAtomically } from './files.mjs';
import { KERNEL_ENVIRONMENT } from './versions.mjs';

/** @type {import('./stages.mjs').Stage} */
export const notebookKernel = {
  name: 'notebook kernel',
  after: ['npm packages', 'JupyterLab'],

  isCurrent({ project }) {
    return readText(kernelFile(project)) === kernelSpec(project);
  },

  async run({ project }) {
    writeAtomically(kernelFile(project), kernelSpec(project));
  },
};

/** @param {import('./project.mjs').Project} project */
function kernelFile({ venv }) {
  return path.join(venv, 'share/jupyter/kernels/tslab/kernel.json');
}

/**
 * Node.js and tslab by their full paths: the kernel also starts where neither is on the PATH, as in a desktop application.
 * @param {import('./project.mjs').Project} project
 */
function kernelSpec({ nodeModules }) {
  const spec = {
    argv: [
      fs.realpathSync(process.execPath),
      '--no-deprecation', // packages of danfojs use what Node.js 22 warns about, and a warning would appear in a cell's output
      path.join(nodeModules, 'tslab/bin/tslab'),
      'kernel',
      '--config-path',
      '{connection_file}',
    ],
    display_name: 'TypeScript',
    language: 'typescript',
    env: KERNEL_ENVIRONMENT,
  };
  return `${JSON.stringify(spec, null, 2)}\n`;
}
