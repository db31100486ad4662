/**
 * Stages "Python environment" and "JupyterLab": the project's own .venv, so that nothing is installed into
 * the system.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { isFile, readJson, readText, sha256, writeAtomically } from './files.mjs';
import { pipInstall } from './pip.mjs';
import { SetupError } from './report.mjs';
import { checkDisk, findPython } from './requirements.mjs';
import { JUPYTER } from './versions.mjs';
import { damagedFiles, installedWheels } from './wheels.mjs';

const CONSTRAINTS = fileURLToPath(new URL('constraints.txt', import.meta.url));

/** @type {import('./stages.mjs').Stage} */
export const pythonEnvironment = {
  name: 'Python environment',
  after: [],

  isCurrent({ project }) {
    return isUsable(project);
  },

  async run({ project, processes }) {
    const python = findPython();
    checkDisk(project.root, 2.5, 'Making the Python environment');
    const { code, output } = await processes.run(
      python.command,
      ['-I', '-m', 'venv', '--clear', project.venv],
      {
        cwd: project.root,
      },
    );
    if (code === 0) {
      writeAtomically(locationFile(project), project.venv);
      return;
    }
    fs.rmSync(project.venv, { recursive: true, force: true }); // half an environment
    const remedy = /ensurepip|No module named venv/.test(output)
      ? `install Python's venv module (Debian, Ubuntu: apt install python${python.version}-venv).`
      : 'see the output below.';
    throw new SetupError('The Python environment .venv could not be made.', remedy, output);
  },
};

/** @type {import('./stages.mjs').Stage} */
export const jupyterLab = {
  name: 'JupyterLab',
  after: ['TensorFlow'], // two pips must not work in one environment at once

  isCurrent({ project }) {
    const stamp = readJson(stampFile(project));
    const present = jupyterPackages(project).map(({ folder }) => folder);
    const allThere =
      stamp?.want === wantedJupyter() &&
      stamp.packages.every((/** @type {string} */ folder) => present.includes(folder));
    return allThere && damagedPackages(project).length === 0;
  },

  async run(context) {
    const { project } = context;
    fs.rmSync(stampFile(project), { force: true });
    const exactly = damagedPackages(project).map(({ name, version }) => `${name}==${version}`);
    if (exactly.length)
      await pipInstall(context, exactly.join(', '), ['--ignore-installed', '--no-deps', ...exactly]);
    await pipInstall(context, 'JupyterLab', ['--constraint', CONSTRAINTS, ...JUPYTER]);
    const packages = jupyterPackages(project).map(({ folder }) => folder);
    writeAtomically(stampFile(project), JSON.stringify({ want: wantedJupyter(), packages }));
  },
};

/** @param {import('./project.mjs').Project} project */
function stampFile(project) {
  return path.join(project.venv, 'jupyterlab.json');
}

function wantedJupyter() {
  return sha256(...JUPYTER, fs.readFileSync(CONSTRAINTS));
}

/**
 * All packages but TensorFlow, NVIDIA's libraries and Ray, which have stages of their own. @param
 * {import('./project.mjs').Project} project
 */
function jupyterPackages(project) {
  return installedWheels(project.sitePackages() ?? '').filter(
    ({ name }) => !/^(tensorflow|nvidia-|ray$)/.test(name),
  );
}

/** Packages with missing or cut-off files. @param {import('./project.mjs').Project} project */
function damagedPackages(project) {
  const sitePackages = project.sitePackages() ?? '';
  const isDamaged = (/** @type {{ name: string, folder: string }} */ { name, folder }) =>
    damagedFiles(sitePackages, folder).length > 0 || (name === 'plotly' && !isFile(labExtension(project)));
  return jupyterPackages(project).filter(isDamaged);
}

/**
 * JupyterLab's renderer of figures, which comes with plotly; it lies outside of site-packages. @param
 * {import('./project.mjs').Project} project
 */
export function labExtension({ venv }) {
  return path.join(venv, 'share/jupyter/labextensions/jupyterlab-plotly/package.json');
}

/**
 * The file of settings that switches that renderer off, if there is one. @param
 * {import('./project.mjs').Project} project
 */
export function labExtensionDisabledBy({ venv }) {
  const config = process.env.JUPYTER_CONFIG_DIR ?? path.join(os.homedir(), '.jupyter');
  const files = [config, path.join(venv, 'etc/jupyter')].map((folder) =>
    path.join(folder, 'labconfig/page_config.json'),
  );
  return files.find((file) => readJson(file)?.disabledExtensions?.['jupyterlab-plotly'] === true);
}

/**
 * Whether .venv belongs to this folder (its scripts hold absolute paths: a moved or copied project needs a
 * new one) and its Python is still the one it was made with (a system upgrade can pull it away).
 * @param {import('./project.mjs').Project} project
 */
function isUsable(project) {
  const packages = project.sitePackages();
  if (
    readText(locationFile(project)) !== project.venv ||
    !packages ||
    !fs.existsSync(path.join(packages, 'pip'))
  )
    return false;
  const ask = ['-I', '-c', 'import sysconfig; print(sysconfig.get_path("purelib"))'];
  const asked = spawnSync(project.python, ask, { encoding: 'utf8' });
  return asked.status === 0 && path.resolve(asked.stdout.trim()) === path.resolve(packages);
}

/** Holds the path at which .venv was made. @param {import('./project.mjs').Project} project */
function locationFile({ venv }) {
  return path.join(venv, 'location');
}
