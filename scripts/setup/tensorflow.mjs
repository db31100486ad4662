/**
 * Stage "TensorFlow": the shared libraries and C headers out of TensorFlow's Python wheel, for CPU or for
 * NVIDIA GPUs.
 *
 * The wheel is installed without its dependencies (numpy, Keras, ...): no Python code of it ever runs here.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { isFile } from './files.mjs';
import { pipInstall } from './pip.mjs';
import { SetupError } from './report.mjs';
import { checkDisk, hasNvidiaDriver } from './requirements.mjs';
import { CUDA, TENSORFLOW } from './versions.mjs';
import { damagedFiles, installedWheels } from './wheels.mjs';

const CUDA_CONSTRAINTS = fileURLToPath(new URL('constraints-cuda.txt', import.meta.url));
const CUDA_PLATFORM = process.platform === 'linux' && process.arch === 'x64';

/** The two libraries that the addon is linked to. */
export const LIBRARIES =
  process.platform === 'darwin'
    ? ['libtensorflow_cc.2.dylib', 'libtensorflow_framework.2.dylib']
    : ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'];

/** TensorFlow's loader looks for cuSOLVER in the folder of cuBLAS, not in its own. */
const CUSOLVER_LINK = {
  file: 'nvidia/cublas/lib/libcusolver.so.11',
  target: '../../cusolver/lib/libcusolver.so.11',
};

/** @type {import('./stages.mjs').Stage} */
export const tensorflow = {
  name: 'TensorFlow',
  after: ['Python environment'],

  isCurrent({ project, options }) {
    const sitePackages = project.sitePackages();
    return sitePackages !== undefined && isComplete(sitePackages, wantsCuda(sitePackages, options));
  },

  async run(context) {
    const { project, options, processes } = context;
    const sitePackages = project.sitePackages() ?? '';
    const cuda = wantsCuda(sitePackages, options);
    if (cuda && !CUDA_PLATFORM)
      throw new SetupError(
        'TensorFlow with CUDA exists for Linux on x64 only.',
        'run the set-up without --cuda.',
      );
    checkDisk(project.root, cuda ? 7 : 2, `Installing TensorFlow ${cuda ? 'with CUDA' : 'for CPU'}`);
    checkDisk(os.tmpdir(), cuda ? 3 : 0.6, 'Downloading TensorFlow');

    const wheel = wheelName(cuda);
    const installed = installedWheels(sitePackages);
    // Both wheels unpack into one folder, so that the other one has to go first; so do CUDA's 5 GB that are
    // no longer wanted.
    const unwanted = installed.filter(
      ({ name }) => (/^tensorflow/.test(name) && name !== wheel) || (!cuda && CUDA.includes(name)),
    );
    if (unwanted.length) {
      const names = unwanted.map(({ name }) => name);
      await processes.run(project.python, ['-I', '-m', 'pip', 'uninstall', '--yes', ...names], {
        cwd: project.root,
      });
    }
    const damaged = installed.some(({ name, version }) => name === wheel && version === TENSORFLOW)
      ? ['--ignore-installed']
      : [];
    await pipInstall(context, `TensorFlow ${TENSORFLOW}`, [
      '--no-deps',
      ...damaged,
      `${wheel}==${TENSORFLOW}`,
    ]);
    if (cuda) await installCuda(context, sitePackages);
    if (!isComplete(sitePackages, cuda)) {
      throw new SetupError(
        'TensorFlow was installed, but its libraries are not complete.',
        'delete the folder .venv and run the set-up again.',
      );
    }
    return cuda ? 'with CUDA' : 'for CPU';
  },
};

/** @param {import('./stages.mjs').Context} context @param {string} sitePackages */
async function installCuda(context, sitePackages) {
  const broken = installedWheels(sitePackages).filter(
    ({ name, folder }) => CUDA.includes(name) && damagedFiles(sitePackages, folder, isLibrary).length,
  );
  const exactly = broken.map(({ name, version }) => `${name}==${version}`);
  if (exactly.length)
    await pipInstall(context, 'the CUDA libraries', ['--no-deps', '--ignore-installed', ...exactly]);
  await pipInstall(context, 'the CUDA libraries', [
    '--only-binary=:all:',
    '--constraint',
    CUDA_CONSTRAINTS,
    ...CUDA,
  ]);
  const link = path.join(sitePackages, CUSOLVER_LINK.file);
  fs.rmSync(link, { force: true });
  fs.symlinkSync(CUSOLVER_LINK.target, link);
}

/** @param {string} sitePackages @param {boolean} cuda */
function isComplete(sitePackages, cuda) {
  const wheels = installedWheels(sitePackages);
  const wheel = wheels.find(({ name, version }) => name === wheelName(cuda) && version === TENSORFLOW);
  if (!wheel || damagedFiles(sitePackages, wheel.folder, isLibraryOrHeader).length) return false;
  if (!cuda) return true;
  return (
    isFile(path.join(sitePackages, CUSOLVER_LINK.file)) &&
    CUDA.every((wanted) => {
      const found = wheels.find(({ name }) => name === wanted);
      return found && damagedFiles(sitePackages, found.folder, isLibrary).length === 0;
    })
  );
}

/** @param {string} file */
function isLibraryOrHeader(file) {
  return LIBRARIES.includes(path.basename(file)) || file.startsWith('tensorflow/include/tensorflow/c/');
}

/** @param {string} file */
function isLibrary(file) {
  return /\.so(\.\d+)*$/.test(file);
}

/** Separate wheels for CPU exist for x64 only. @param {boolean} cuda */
function wheelName(cuda) {
  return cuda || !CUDA_PLATFORM ? 'tensorflow' : 'tensorflow-cpu';
}

/**
 * As the user says; else as it is installed, so that a plain run never changes a choice; else CUDA where
 * there is an NVIDIA GPU.
 * @param {string} sitePackages
 * @param {import('./stages.mjs').Options} options
 */
function wantsCuda(sitePackages, { cuda }) {
  return cuda ?? installedForCuda(sitePackages) ?? (CUDA_PLATFORM && hasNvidiaDriver());
}

/**
 * Which TensorFlow is installed: true with CUDA, false for CPU, undefined where there is none. @param
 * {string} sitePackages
 */
export function installedForCuda(sitePackages) {
  const names = installedWheels(sitePackages).map(({ name }) => name);
  if (names.includes(wheelName(false)) && wheelName(false) !== 'tensorflow') return false;
  if (names.includes('tensorflow')) return CUDA_PLATFORM;
  return undefined;
}
