/**
 * The stamp of a committed notebook, `metadata.lookbehind`: what its outputs were made from.
 * `npm run notebooks` sets it, and a test fails where it no longer fits: where a cell was edited and not run
 * again, or the library gives other results since then.
 *
 * A hash of the library's sources would go stale with every commit. What counts is whether the same
 * configuration gives the same result; that is what RESULTS_VERSION of lib/runs/config/version.ts stands for
 * (test/runs/results.test.ts guards it).
 */
import { createRequire } from 'node:module';
import { sha256 } from '../setup/files.mjs';
import { codeCells, textOf } from './file.mjs';

/** @typedef {{ cells: string, profile: string, results: string }} Stamp */

/**
 * What the outputs of a notebook would be made from, if it ran now. @param {import('./file.mjs').Notebook}
 * notebook @param {string} profile @returns {Stamp}
 */
export function stampOf(notebook, profile) {
  return { cells: hashOfCells(notebook), profile, results: resultsVersion() };
}

/**
 * Names the code of a notebook. Import declarations do not count: they say where names come from, and a wrong
 * one stops the notebook.
 * @param {import('./file.mjs').Notebook} notebook
 */
export function hashOfCells(notebook) {
  return sha256(...codeCells(notebook).map((cell) => textOf(cell).replace(IMPORTS, ''))).slice(0, 16);
}

const IMPORTS = /^import [^;]*;\n?/gm;

/**
 * Why the outputs of a notebook are not those of its code; undefined where they are. @param
 * {import('./file.mjs').Notebook} notebook
 */
export function staleness(notebook) {
  const stamp = /** @type {Stamp | undefined} */ (notebook.metadata.lookbehind);
  if (stamp === undefined) return 'it was not executed by "npm run notebooks"';
  const now = stampOf(notebook, 'quick'); // the profile of committed outputs
  if (stamp.cells !== now.cells) return 'a cell was changed after it ran';
  if (stamp.results !== now.results)
    return `its outputs are of ${stamp.results}, the library is at ${now.results}`;
  if (stamp.profile !== now.profile) return `its outputs are of the profile ${stamp.profile}`;
  return undefined;
}

/** @returns {string} */
function resultsVersion() {
  return createRequire(import.meta.url)('../../lib/dist/runs/config/version.js').RESULTS_VERSION;
}
