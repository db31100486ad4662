/**
 * Stage "native addon": compiles tfjs-node's C++ binding against TensorFlow's libraries and tries it out.
 *
 * One call of the compiler does it: no node-gyp, no make, no download of Node's headers (node-api-headers has
 * the four that are needed). The addon finds the libraries through a link inside the npm package, relative,
 * so that the project may move.
 */
import fs from 'node:fs';
import path from 'node:path';
import { isFile, readJson, readText, sha256, writeAtomically } from './files.mjs';
import { SetupError } from './report.mjs';
import { findCompiler } from './requirements.mjs';
import { LIBRARIES } from './tensorflow.mjs';
import { NODE_API, TENSORFLOW, TFJS_NODE } from './versions.mjs';

const FLAGS = ['-O2', '-std=c++17', '-fPIC', `-DNAPI_VERSION=${NODE_API}`];
const SOURCES = ['binding/tfjs_backend.cc', 'binding/tfjs_binding.cc'];

/** @type {import('./stages.mjs').Stage} */
export const nativeAddon = {
  name: 'native addon',
  after: ['npm packages', 'patches', 'TensorFlow'],

  isCurrent({ project }) {
    const places = placesOf(project);
    return (
      readLink(places.link) === places.linkTarget &&
      isFile(places.addon) &&
      readText(places.verified) === fingerprint(project, places)
    );
  },

  async run({ project, processes, options }) {
    if (readJson(path.join(project.tfjsNode, 'package.json'))?.version !== TFJS_NODE) {
      throw new SetupError(
        `The set-up is made for tfjs-node-gpu ${TFJS_NODE}.`,
        'put that version back into package.json and package-lock.json.',
      );
    }
    const places = placesOf(project);
    linkLibraries(places);
    const install = async () => {
      writeAtomically(places.addon, fs.readFileSync(places.cached));
      return tryOut(project, processes);
    };
    let trial = isFile(places.cached) && !options.force ? await install() : undefined;
    const compiles = !trial?.device; // nothing cached, or something damaged
    if (compiles) {
      await compile(project, processes, places.cached);
      trial = await install();
    }
    if (!trial?.device) {
      fs.rmSync(places.cached, { force: true });
      throw runtimeProblem(trial);
    }
    writeAtomically(places.verified, fingerprint(project, places));
    return `${compiles ? 'compiled' : 'taken from the last set-up'}, runs on the ${trial.device}`;
  },
};

/** @param {import('./project.mjs').Project} project */
function placesOf(project) {
  const link = path.join(project.tfjsNode, 'deps/lib');
  const sources = SOURCES.map((file) => readText(path.join(project.tfjsNode, file)) ?? '');
  const key = sha256(TENSORFLOW, process.platform, process.arch, ...FLAGS, ...sources).slice(0, 16);
  const folder = path.join(project.tfjsNode, 'lib', `napi-v${NODE_API}`);
  return {
    key,
    link,
    linkTarget: path.relative(path.dirname(link), tensorflowFolder(project)),
    addon: path.join(folder, 'tfjs_binding.node'),
    verified: path.join(folder, 'verified'),
    cached: path.join(project.venv, 'addon-cache', `tfjs_binding-${key}.node`), // outlives npm ci
  };
}

/** @param {import('./project.mjs').Project} project */
function tensorflowFolder(project) {
  return path.join(project.sitePackages() ?? '', 'tensorflow');
}

/** @param {string} file */
function readLink(file) {
  try {
    return fs.readlinkSync(file);
  } catch {
    return undefined;
  }
}

/**
 * What was tried out: this very addon, of these sources, with these very libraries. @param
 * {import('./project.mjs').Project} project @param {{ addon: string, key: string }} places
 */
function fingerprint(project, { addon, key }) {
  const libraries = LIBRARIES.map((name) => {
    const stat = fs.statSync(path.join(tensorflowFolder(project), name), { throwIfNoEntry: false });
    return `${stat?.size} ${stat?.mtimeMs}`;
  });
  return sha256(fs.readFileSync(addon), key, process.version, ...libraries);
}

/**
 * deps/lib becomes a link to the wheel's folder. It has to be a link to the folder, not to its files: the
 * libraries look for CUDA beside the folder in which they lie.
 * @param {{ link: string, linkTarget: string }} places
 */
function linkLibraries({ link, linkTarget }) {
  if (readLink(link) === linkTarget) return;
  fs.rmSync(link, { recursive: true, force: true });
  fs.mkdirSync(path.dirname(link), { recursive: true });
  fs.symlinkSync(linkTarget, link);
}

/**
 * @param {import('./project.mjs').Project} project @param {import('./processes.mjs').Processes} processes
 * @param {string} target
 */
async function compile(project, processes, target) {
  const compiler = findCompiler();
  const folder = path.dirname(target);
  fs.mkdirSync(folder, { recursive: true });
  const scratch = fs.mkdtempSync(path.join(folder, 'build-'));
  const tensorflow = tensorflowFolder(project);
  const includes = [
    path.join(project.nodeModules, 'node-api-headers/include'),
    path.join(tensorflow, 'include'),
  ].map((dir) => `-I${dir}`);
  const run = async (/** @type {string[]} */ args) => {
    const { code, output } = await processes.run(compiler, args, { cwd: project.tfjsNode });
    if (code !== 0)
      throw new SetupError(
        'The native addon could not be compiled.',
        `see the output of ${compiler} below; set CXX to use another compiler.`,
        output,
      );
  };
  try {
    const objects = SOURCES.map((_, i) => path.join(scratch, `${i}.o`));
    await Promise.all(
      SOURCES.map((source, i) => run([...FLAGS, '-c', ...includes, source, '-o', objects[i]])),
    );
    const output = path.join(scratch, 'tfjs_binding.node');
    await run([...objects, ...linkerArguments(tensorflow), '-o', output]);
    fs.renameSync(output, target);
  } finally {
    fs.rmSync(scratch, { recursive: true, force: true });
  }
}

/** @param {string} tensorflow */
function linkerArguments(tensorflow) {
  if (process.platform === 'darwin') {
    const libraries = LIBRARIES.map((name) => path.join(tensorflow, name));
    return [
      '-bundle',
      '-undefined',
      'dynamic_lookup',
      ...libraries,
      '-Wl,-rpath,@loader_path/../../deps/lib',
    ];
  }
  return [
    '-shared',
    `-L${tensorflow}`,
    ...LIBRARIES.map((name) => `-l:${name}`),
    '-Wl,-rpath,$ORIGIN/../../deps/lib',
  ];
}

/**
 * Multiplies two matrices, in a process of its own: a damaged library kills the process instead of throwing.
 * @param {import('./project.mjs').Project} project
 * @param {import('./processes.mjs').Processes} processes
 * @returns {Promise<{ device?: string, output: string, signal: NodeJS.Signals | null }>} no device: it does
 * not work
 */
async function tryOut(project, processes) {
  const program = `
    require('node:util').isNullOrUndefined ??= (value) => value == null;
    const tf = require('@tensorflow/tfjs-node-gpu');
    const a = tf.tensor2d([[1, 2], [3, 4]]);
    const device = tf.backend().isUsingGpuDevice ? 'GPU' : 'CPU';
    console.log('product', tf.matMul(a, a).dataSync().join(), device);`;
  const { output, signal } = await processes.run(process.execPath, ['-e', program], {
    cwd: project.root,
    env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '2' },
  });
  return { device: output.match(/^product 7,10,15,22 (CPU|GPU)$/m)?.[1], output, signal };
}

/** @param {{ output: string, signal: NodeJS.Signals | null } | undefined} trial */
function runtimeProblem({ output, signal } = { output: '', signal: null }) {
  const remedy =
    signal === 'SIGILL'
      ? 'use a machine whose processor has AVX instructions: TensorFlow needs them.'
      : 'delete the folder .venv and run the set-up again.';
  return new SetupError(`The native runtime does not work${signal ? ` (${signal})` : ''}.`, remedy, output);
}
