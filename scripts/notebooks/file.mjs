/** Notebooks as files: how they are read and written, and the parts that the scripts look at. */
import fs from 'node:fs';
import path from 'node:path';
import { writeAtomically } from '../setup/files.mjs';
import { projectAt } from '../setup/project.mjs';

/**
 * @typedef {{ output_type: string, name?: string, data?: Record<string, string | string[] | object> }} Output
 */
/**
 * @typedef {{ cell_type: 'code' | 'markdown', source: string[], metadata: { tags?: string[] }, outputs?:
 * Output[] }} Cell
 */
/**
 * @typedef {{ cells: Cell[], metadata: Record<string, any>, nbformat: number, nbformat_minor: number }}
 * Notebook
 */

/** Folder of the committed notebooks. */
export const NOTEBOOKS = path.join(projectAt().root, 'notebooks');

/** Names of the committed notebooks, in reading order. */
export function notebookNames() {
  return fs
    .readdirSync(NOTEBOOKS)
    .filter((name) => name.endsWith('.ipynb') && !name.startsWith('.'))
    .sort();
}

/** @param {string} file @returns {Notebook} */
export function readNotebook(file) {
  return JSON.parse(fs.readFileSync(file, 'utf8'));
}

/**
 * Writes a notebook as Jupyter does; leaves the file alone where it says the same. @param {string} file
 * @param {Notebook} notebook
 */
export function writeNotebook(file, notebook) {
  const text = `${JSON.stringify(notebook, undefined, 1)}\n`;
  if (text !== fs.readFileSync(file, 'utf8')) writeAtomically(file, text);
}

/** The cells with code, in order. @param {Notebook} notebook */
export function codeCells(notebook) {
  return notebook.cells.filter((cell) => cell.cell_type === 'code' && textOf(cell).trim() !== '');
}

/** @param {{ source: string | string[] }} cell */
export function textOf({ source }) {
  return Array.isArray(source) ? source.join('') : source;
}
