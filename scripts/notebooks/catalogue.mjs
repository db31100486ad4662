/**
 * The index of the notebooks in notebooks/README.md: a picture, the claim and the minutes of each, taken from
 * the notebooks themselves.
 */
import fs from 'node:fs';
import path from 'node:path';
import { writeAtomically } from '../setup/files.mjs';
import { NOTEBOOKS, notebookNames, readNotebook, textOf } from './file.mjs';

const README = path.join(NOTEBOOKS, 'README.md');
const IMAGES = path.join(NOTEBOOKS, 'images');
const BEGIN = '<!-- The index is made from the notebooks by "npm run notebooks -- --index". -->';
const END = '<!-- End of the index. -->';

/**
 * @typedef {{ name: string, title: string, claim: string, time: string, picture: Buffer | undefined }} Entry
 */

/** What the index says of a notebook. @param {string} name of its file @returns {Entry} */
export function entryOf(name) {
  const notebook = readNotebook(path.join(NOTEBOOKS, name));
  const head = textOf(notebook.cells[0]);
  const find = (/** @type {RegExp} */ pattern, /** @type {string} */ what) => {
    const found = pattern.exec(head)?.[1];
    if (found === undefined) throw new Error(`${name}: its first cell has no ${what}`);
    return found.replace(/\s+/g, ' ').trim();
  };
  return {
    name: name.replace(/\.ipynb$/, ''),
    title: find(/^# (.+)$/m, 'title, "# ..."'),
    claim: find(/^\*\*Claim[^*]*\*\* ([\s\S]+?)(?:\n\n|$)/m, 'paragraph "**Claim.** ..."'),
    time: find(
      /Time on two CPU cores: (.+?)(?: \(set `LB_PROFILE`\))?\.(?:\s|$)/m,
      'sentence "Time on two CPU cores: ..."',
    ),
    picture: pictureOf(notebook),
  };
}

/**
 * The picture for the index: that of the cell with the tag `thumbnail`, else the first one. @param
 * {import('./file.mjs').Notebook} notebook
 */
function pictureOf({ cells }) {
  const tagged = cells.filter((cell) => cell.metadata.tags?.includes('thumbnail'));
  const outputs = [...tagged, ...cells].flatMap((cell) => cell.outputs ?? []);
  const picture = outputs.map((output) => output.data?.['image/png']).find((data) => data !== undefined);
  return picture === undefined ? undefined : Buffer.from([picture].flat().join(''), 'base64');
}

/** The text of notebooks/README.md with the index as the notebooks are now. @param {Entry[]} entries */
export function readmeWith(entries) {
  const [before, rest] = fs.readFileSync(README, 'utf8').split(BEGIN);
  const after = rest?.split(END)[1];
  if (after === undefined) throw new Error('notebooks/README.md has lost the comments around its index.');
  // Not a table: JupyterLab would shrink the pictures to the width that texts leave.
  const parts = entries.map(({ name, title, claim, time, picture }) => {
    const image = picture
      ? `\n\n<a href="${name}.ipynb"><img src="images/${name}.png" width="410" alt=""></a>`
      : '';
    return `### [${title}](${name}.ipynb)\n\n${claim}\n\n<small>${time}</small>${image}`;
  });
  return `${before}${BEGIN}\n\n${parts.join('\n\n')}\n\n${END}${after}`;
}

/** Path of the picture of an entry. @param {Entry} entry */
export function imageFile({ name }) {
  return path.join(IMAGES, `${name}.png`);
}

/** Writes the index and its pictures. */
export function writeCatalogue() {
  const entries = notebookNames().map(entryOf);
  writeAtomically(README, readmeWith(entries));
  for (const entry of entries) if (entry.picture) writeAtomically(imageFile(entry), entry.picture);
}
