/** Runs pip in the project's Python environment. */
import { SetupError } from './report.mjs';
import { downloadRemedy } from './requirements.mjs';

/**
 * `pip install` with a remedy where it fails.
 * @param {import('./stages.mjs').Context} context
 * @param {string} label what is installed, for the error message
 * @param {string[]} args
 */
export async function pipInstall({ project, processes }, label, args) {
  // -I: neither PYTHONPATH nor packages of the user reach into the environment.
  const pip = [
    '-I',
    '-m',
    'pip',
    'install',
    '--disable-pip-version-check',
    '--no-input',
    '--no-compile',
    '--progress-bar',
    'off',
  ];
  const { code, output } = await processes.run(project.python, [...pip, ...args], {
    cwd: project.root,
    env: { ...process.env, PIP_USER: '0', PIP_REQUIRE_VIRTUALENV: '0' },
  });
  if (code === 0) return;
  const remedy = downloadRemedy(
    output,
    'HTTPS_PROXY, PIP_INDEX_URL, or "pip config"',
    'see the output below.',
  );
  throw new SetupError(`pip could not install ${label}.`, remedy, output);
}
