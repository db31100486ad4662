/** Finds the project's notebooks and executes them through execute.py. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { listFolder } from '../setup/files.mjs';

const EXECUTE = fileURLToPath(new URL('execute.py', import.meta.url));

/** How much a notebook computes: seconds (tests), minutes on two CPU cores, the paper's scale. */
export const PROFILES = ['smoke', 'quick', 'paper'];

/** The notebooks in order, as file names. @param {string} root */
export function listNotebooks(root) {
  return listFolder(path.join(root, 'notebooks'))
    .filter((name) => name.endsWith('.ipynb'))
    .sort();
}

/**
 * The profile that is asked for.
 * @param {string | undefined} asked on the command line; else LB_PROFILE counts, else quick
 */
export function chooseProfile(asked) {
  const profile = asked ?? process.env.LB_PROFILE ?? 'quick';
  if (PROFILES.includes(profile)) return profile;
  console.error(`There is no profile "${profile}": choose ${PROFILES.join(', ')}.`);
  process.exit(2);
}

/**
 * Executes a notebook; its progress goes to the terminal.
 * @param {import('../setup/project.mjs').Project} project
 * @param {string} name file name in notebooks/
 * @param {{ profile: string, output: string, html?: string, clean?: boolean }} options output and html: paths of the results
 * @returns {Promise<number>} 0: all cells ran; 1: one failed; 130: interrupted
 */
export async function executeNotebook(project, name, { profile, output, html, clean = false }) {
  const args = ['-I', EXECUTE, path.join(project.root, 'notebooks', name), '--output', output];
  if (html) args.push('--html', html);
  if (clean) args.push('--clean');
  const child = spawn(project.python, args, {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, LB_PROFILE: profile },
  });
  // The terminal sends Ctrl-C to both: the child then interrupts the cell and saves, this process waits for it.
  const wait = () => {};
  const passOn = () => child.kill('SIGTERM');
  process.on('SIGINT', wait);
  process.on('SIGTERM', passOn);
  const [code] = await once(child, 'close');
  process.off('SIGINT', wait);
  process.off('SIGTERM', passOn);
  return code ?? 1;
}
