/**
 * Makes constraints.txt and constraints-ray.txt anew, by uv's universal resolver (`pip install uv`; UV names
 * another path of it).
 *
 * One resolution serves every supported Python from its first patch release on: where releases of a package
 * differ in the Python that they want, uv writes one line for each range, with a marker.
 */
import './node-version.mjs';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { writeAtomically } from './files.mjs';
import { JUPYTER, PYTHON_MINORS, RAY } from './versions.mjs';

const jupyter = resolve(JUPYTER);
const withRay = resolve([...JUPYTER, RAY]);
const changed = jupyter.filter((line) => !withRay.includes(line));
if (changed.length) throw new Error(`Ray wants other versions than JupyterLab: ${changed.join(', ')}.`);

write('constraints.txt', jupyter, [
  '# Versions of every Python package behind JUPYTER of versions.mjs, for Python ' +
    `3.${PYTHON_MINORS.min}.0 to 3.${PYTHON_MINORS.max}, made by uv's universal resolver.`,
  '# CONTRIBUTING.md ("What is recorded") has the command that renews it.',
]);
write(
  'constraints-ray.txt',
  withRay.filter((line) => !jupyter.includes(line) && line !== RAY),
  ['# Versions of what Ray needs beyond constraints.txt, made in the same way.'],
);

/** Lines `name==version ; marker`, without names of registries. @param {string[]} requirements */
function resolve(requirements) {
  const options = ['--universal', '--python-version', `3.${PYTHON_MINORS.min}.0`];
  const plain = ['--no-emit-index-url', '--no-header', '--no-annotate', '--quiet'];
  const uv = spawnSync(process.env.UV ?? 'uv', ['pip', 'compile', ...options, ...plain, '-'], {
    input: requirements.join('\n'),
    encoding: 'utf8',
  });
  if (uv.status !== 0)
    throw new Error(`uv could not resolve ${requirements.join(', ')}: ${uv.error?.message ?? uv.stderr}`);
  return uv.stdout.trim().split('\n');
}

/** @param {string} name @param {string[]} lines @param {string[]} head */
function write(name, lines, head) {
  writeAtomically(fileURLToPath(new URL(name, import.meta.url)), `${[...head, ...lines].join('\n')}\n`);
}
