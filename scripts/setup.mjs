/** `npm run setup`: everything that the project needs, into the project's own folders. */
import './setup/node-version.mjs';
import { readCommandLine } from './setup/command-line.mjs';
import { setUpOrExit } from './setup/stages.mjs';

const USAGE = `Usage: npm run setup [-- OPTIONS]

Installs the npm packages, a Python environment (.venv) with JupyterLab, TensorFlow's libraries, the native
addon and the notebook kernel, and compiles the library. What is up to date is left alone.

  --cuda    TensorFlow for NVIDIA GPUs (chosen by itself where an NVIDIA driver is found; 6 GB)
  --cpu     TensorFlow for CPU
  --ray     Ray as well, for sweeps on a cluster (npm run sweep -- --engine ray does it by itself; 300 MB)
  --force   do every stage again
  --help`;

const { values } = readCommandLine(USAGE, {
  cuda: { type: 'boolean' },
  cpu: { type: 'boolean' },
  ray: { type: 'boolean' },
  force: { type: 'boolean' },
});
await setUpOrExit({
  cuda: values.cuda ? true : values.cpu ? false : undefined,
  ray: values.ray,
  force: values.force,
});
