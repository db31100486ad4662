/** `npm start`: set-up, then JupyterLab on the index of the notebooks. Arguments go to JupyterLab. */
import './setup/node-version.mjs';
import { spawn } from 'node:child_process';
import path from 'node:path';
import { NOTEBOOKS } from './notebooks/file.mjs';
import { projectAt } from './setup/project.mjs';
import { labExtensionDisabledBy } from './setup/python.mjs';
import { setUpOrExit } from './setup/stages.mjs';

// Mends a damaged kernel or extension, and compiles the library where its sources changed.
await setUpOrExit({ quiet: true });
const project = projectAt();
const disabled = labExtensionDisabledBy(project);
if (disabled)
  console.warn(
    `Figures will not be interactive: ${disabled} disables JupyterLab's extension ` +
      '"jupyterlab-plotly". Remove it there.',
  );

const given = process.argv.slice(2);
const arguments_ = [
  ...['--notebook-dir', NOTEBOOKS, '--LabApp.default_url=/lab/tree/README.md'],
  // custom.css, from a folder of ours: a setting of the server, but no option of its own
  '--custom-css',
  `--ServerApp.tornado_settings=static_custom_path=${path.join(project.root, 'scripts/jupyter/custom')}`,
  '--MappingKernelManager.kernel_manager_class=lookbehind_kernels.KernelManager',
  ...given,
];
const lab = spawn(path.join(project.venv, 'bin/jupyter-lab'), arguments_, {
  cwd: project.root,
  stdio: 'inherit',
  // The kernel of .venv, whatever is registered elsewhere under its name.
  env: {
    ...process.env,
    JUPYTER_PATH: [path.join(project.venv, 'share/jupyter'), process.env.JUPYTER_PATH]
      .filter(Boolean)
      .join(':'),
    PYTHONPATH: [path.join(project.root, 'scripts/jupyter'), process.env.PYTHONPATH]
      .filter(Boolean)
      .join(':'),
  },
});
process.on('SIGINT', () => {}); // JupyterLab asks whether to stop
lab.on('error', () => console.error('JupyterLab did not start. Run "npm run doctor".'));
lab.on('close', (code) => {
  process.exitCode = code ?? 1;
  if (code && process.getuid?.() === 0 && !given.includes('--allow-root'))
    console.error(
      'You are root: JupyterLab wants to be told that this is meant. Try "npm start -- --allow-root".',
    );
});
