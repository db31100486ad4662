/** `npm start`: set-up, then JupyterLab on the notebooks. Arguments go to JupyterLab. */
import './setup/node-version.mjs';
import { spawn } from 'node:child_process';
import path from 'node:path';
import { NOTEBOOKS } from './notebooks/run.mjs';
import { projectAt } from './setup/project.mjs';
import { setUpOrExit } from './setup/stages.mjs';

await setUpOrExit({ quiet: true });
const { root, venv } = projectAt();
const lab = spawn(path.join(venv, 'bin/jupyter-lab'), ['--notebook-dir', NOTEBOOKS, ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
});
process.on('SIGINT', () => {}); // JupyterLab asks whether to stop
lab.on('error', () => console.error('JupyterLab did not start. Run "npm run doctor".'));
lab.on('close', (code) => {
  process.exitCode = code ?? 1;
});
