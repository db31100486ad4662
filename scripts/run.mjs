/**
 * Runs a program of the project, on a project that is set up:  node scripts/run.mjs FILE [ARGUMENTS]
 *
 * Standard output is the program's alone: where the set-up has something to say, it says it on standard
 * error.
 */
import './setup/node-version.mjs';
import { spawn } from 'node:child_process';
import { projectAt } from './setup/project.mjs';
import { isSetUp, setUpOrExit } from './setup/stages.mjs';

const project = projectAt();
const [file, ...args] = process.argv.slice(2);
const ray = args.some((arg, i) => arg === '--engine=ray' || (arg === 'ray' && args[i - 1] === '--engine'));
if (!isSetUp(project, { ray })) {
  console.log = console.error;
  await setUpOrExit({ ray });
}
const loader = file.endsWith('.ts') ? ['--import', import.meta.resolve('tsx')] : [];
// Paths on the command line are meant from where it was typed; npm itself moves to the project's root.
const cwd = process.env.INIT_CWD ?? process.cwd();
const child = spawn(process.execPath, [...loader, `${project.root}/${file}`, ...args], {
  stdio: 'inherit',
  cwd,
});
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM']))
  process.on(signal, () => signal === 'SIGTERM' && child.kill(signal));
child.on('close', (code, signal) => {
  process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 1);
});
