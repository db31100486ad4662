/** `npm run doctor`: what is set up, and what to do where something is not. */
import './setup/node-version.mjs';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { nativeAddon } from './setup/addon.mjs';
import { readCommandLine } from './setup/command-line.mjs';
import { notebookKernel } from './setup/kernel.mjs';
import { library } from './setup/library.mjs';
import { nodeProblem, SUPPORTED_NODE } from './setup/node-version.mjs';
import { Processes } from './setup/processes.mjs';
import { projectAt } from './setup/project.mjs';
import { labExtension, labExtensionDisabledBy } from './setup/python.mjs';
import { findCompiler, findPython } from './setup/requirements.mjs';
import { isSetUp } from './setup/stages.mjs';

readCommandLine('Usage: npm run doctor\n\nSays what is set up, and what to do where something is not.', {});
const project = projectAt();
const context = { project, options: {}, processes: new Processes() };
const SETUP = 'run "npm run setup"';
let broken = 0;

/** @type {{ version: string }} */
const { version: own } = JSON.parse(fs.readFileSync(path.join(project.root, 'package.json'), 'utf8'));
console.log(
  `    lookbehind            ${own}, ${os.type()} ${os.release()}, ${os.arch()}, ${os.cpus()[0]?.model}`,
);
report(
  'Node.js',
  nodeProblem(process.versions.node) === '',
  `${process.versions.node} (${SUPPORTED_NODE.join(', ')} are supported)`,
  `${process.versions.node}: install one of ${SUPPORTED_NODE.join(', ')}`,
);
report('npm', ...version('npm', ['--version']));
attempt(
  'Python',
  () => describeTool(findPython()),
  'install Python 3.10 to 3.13 with its venv module, or set PYTHON',
);
attempt('C++ compiler', () => describeTool(findCompiler()), 'install g++ or clang++, or set CXX');
report(
  'memory',
  os.totalmem() > 4e9,
  `${gigabytes(os.freemem())} GB free of ${gigabytes(os.totalmem())} GB`,
  'the quick notebooks want 4 GB',
);
const { bavail, bsize } = fs.statfsSync(project.root);
report(
  'disk',
  bavail * bsize > 2e9,
  `${gigabytes(bavail * bsize)} GB free`,
  'free some space: set-up takes 2.5 GB, 7 GB with CUDA',
);
report('set-up', isSetUp(project), 'complete', SETUP);
report('native addon', nativeAddon.isCurrent(context), 'built', SETUP);
report('library build', library.isCurrent(context), 'as new as its sources', 'run "npm run build"');
checkRuntime();
report('notebook kernel', notebookKernel.isCurrent(context), 'tslab registered in .venv', SETUP);
checkLabExtension();
for (const folder of ['mnist1d', 'digits']) checkData(folder);
checkGpu();

console.log(
  broken === 0
    ? '\nEverything is ok.'
    : `\n${broken} ${broken === 1 ? 'thing needs' : 'things need'} attention.`,
);
process.exitCode = broken === 0 ? 0 : 1;

/** @param {string} what @param {boolean} ok @param {string} detail @param {string} [remedy] */
function report(what, ok, detail, remedy = SETUP) {
  if (!ok) broken++;
  console.log(`${ok ? 'ok ' : 'NO '} ${what.padEnd(22)}${ok ? detail : `${remedy}`}`);
}

/** @param {string} what @param {() => string} look @param {string} remedy */
function attempt(what, look, remedy) {
  try {
    report(what, true, look());
  } catch {
    report(what, false, '', remedy);
  }
}

/** @param {unknown} tool */
function describeTool(tool) {
  if (typeof tool === 'string') return tool;
  return Object.values(/** @type {object} */ (tool)).join(' ');
}

/** @param {string} command @param {string[]} args @returns {[boolean, string]} */
function version(command, args) {
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8' });
  return [status === 0, String(stdout).trim()];
}

/** Loads the library in a process of its own: a damaged native library ends the process that opens it. */
function checkRuntime() {
  const code = `require('lookbehind/compile'); const tf = require('@tensorflow/tfjs'); const b = tf.backend();
    const gpu = b.isUsingGpuDevice === true; const v = b.binding && b.binding.TF_Version;
    const y = tf.matMul([[1, 2], [3, 4]], [[1, 2], [3, 4]]).dataSync();
    const right = Array.from(y).join() === '7,10,15,22';
    console.log(JSON.stringify({ backend: tf.getBackend(), js: tf.version_core, gpu, v, right }));`;
  const { status, stdout, signal } = spawnSync(process.execPath, ['-e', code], {
    cwd: project.root,
    encoding: 'utf8',
  });
  if (status !== 0)
    return report(
      'TensorFlow runtime',
      false,
      '',
      `${SETUP} -- --force${signal ? ` (loading it ended with ${signal})` : ''}`,
    );
  const { backend, js, gpu, v, right } = JSON.parse(String(stdout).trim().split('\n').at(-1) ?? '{}');
  report(
    'TensorFlow runtime',
    backend === 'tensorflow' && right,
    `TensorFlow.js ${js}, TensorFlow ${v ?? ''} on ${gpu ? 'GPU' : 'CPU'}, computes right`,
  );
}

function checkLabExtension() {
  report('JupyterLab figures', fs.existsSync(labExtension(project)), 'plotly extension installed');
  const disabled = labExtensionDisabledBy(project);
  if (disabled)
    report('JupyterLab figures', false, '', `enable jupyterlab-plotly, which ${disabled} disables`);
}

/** @param {string} folder */
function checkData(folder) {
  const at = path.join(project.root, 'data', folder);
  const remedy = `restore data/${folder} from the repository`;
  attempt(
    `data ${folder}`,
    () => {
      const [, sum, file] = /** @type {RegExpExecArray} */ (
        /^([0-9a-f]{64}) {2}(\S+)/.exec(fs.readFileSync(path.join(at, 'SHA256SUMS'), 'utf8'))
      );
      const found = createHash('sha256')
        .update(fs.readFileSync(path.join(at, file)))
        .digest('hex');
      if (found !== sum) throw new Error('damaged');
      return `${file}, checksum right`;
    },
    remedy,
  );
}

function checkGpu() {
  const { status, stdout } = spawnSync(
    'nvidia-smi',
    ['--query-gpu=name,memory.total,driver_version', '--format=csv,noheader'],
    {
      encoding: 'utf8',
    },
  );
  if (status !== 0) return console.log('    GPU                   none found: everything runs on the CPU');
  for (const line of String(stdout).trim().split('\n')) report('GPU', true, line);
  const site = project.sitePackages();
  const libraries =
    site && fs.existsSync(path.join(site, 'nvidia')) ? fs.readdirSync(path.join(site, 'nvidia')) : [];
  report('CUDA libraries', libraries.length > 0, libraries.join(', '), 'run "npm run setup -- --cuda"');
}

/** @param {number} bytes */
function gigabytes(bytes) {
  return (bytes / 1e9).toFixed(1);
}
