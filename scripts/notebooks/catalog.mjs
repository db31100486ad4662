/**
 * What READMEs say of the notebooks, taken from the notebooks themselves: in notebooks/README.md the picture,
 * the claim, the minutes and the verdicts of each, in README.md the first verdict of each, and the tables and
 * sentences of cells with the tag `headline`.
 */
import fs from 'node:fs';
import path from 'node:path';
import { writeAtomically } from '../setup/files.mjs';
import { NOTEBOOKS, notebookNames, readNotebook, textOf } from './file.mjs';

const INDEX = path.join(NOTEBOOKS, 'README.md');
const README = path.join(NOTEBOOKS, '..', 'README.md');
const IMAGES = path.join(NOTEBOOKS, 'images');
const BEGIN = '<!-- The index is made from the notebooks by "npm run notebooks -- --index". -->';
const END = '<!-- End of the index. -->';

const VERDICTS_BEGIN =
  '<!-- The verdicts are those of the notebooks, filled in by "npm run notebooks -- --index". -->';
const VERDICTS_END = '<!-- End of the verdicts. -->';

const HEADLINE_BEGIN =
  '<!-- The headline is that of the walkthrough, filled in by "npm run notebooks -- --index". -->';
const HEADLINE_END = '<!-- End of the headline. -->';

/** As lib/notebook/verdictTable.ts writes them. */
const VERDICTS = 'application/vnd.lookbehind.verdicts+json';

/** @typedef {import('../../lib/dist/statistics/verdict.js').Judged} Judged */
/**
 * @typedef
 * {{ name: string, title: string, claim: string, time: string, picture: Buffer | undefined, verdicts:
 * Judged[], headline: string[] }} Entry
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
    verdicts: outputsOf(notebook.cells).flatMap(
      ({ data }) => /** @type {Judged[]} */ (data?.[VERDICTS] ?? []),
    ),
    headline: outputsOf(tagged(notebook, 'headline')).flatMap(({ data }) => {
      const text = data?.['text/markdown'];
      return text === undefined ? [] : [[text].flat().join('').trim()];
    }),
  };
}

/**
 * The picture for the index: that of the cell with the tag `thumbnail`, else the first one. @param
 * {import('./file.mjs').Notebook} notebook
 */
function pictureOf(notebook) {
  const picture = outputsOf([...tagged(notebook, 'thumbnail'), ...notebook.cells])
    .map((output) => output.data?.['image/png'])
    .find((data) => data !== undefined);
  return picture === undefined ? undefined : Buffer.from([picture].flat().join(''), 'base64');
}

/** @param {import('./file.mjs').Notebook} notebook @param {string} tag */
function tagged({ cells }, tag) {
  return cells.filter((cell) => cell.metadata.tags?.includes(tag));
}

/** @param {import('./file.mjs').Cell[]} cells */
function outputsOf(cells) {
  return cells.flatMap((cell) => cell.outputs ?? []);
}

/** The text of notebooks/README.md with the index as the notebooks are now. @param {Entry[]} entries */
export function indexWith(entries) {
  // Not a table: JupyterLab would shrink the pictures to the width that texts leave.
  const parts = entries.map(({ name, title, claim, time, picture, verdicts }) => {
    const image = picture
      ? `\n\n<a href="${name}.ipynb"><img src="images/${name}.png" width="410" alt=""></a>`
      : '';
    const found = verdicts.length > 0 ? `\n${foundIn(verdicts)}\n` : '';
    return `### [${title}](${name}.ipynb)\n\n${claim}\n${found}\n<small>${time}</small>${image}`;
  });
  return between(fs.readFileSync(INDEX, 'utf8'), BEGIN, END, parts.join('\n\n'));
}

/**
 * The text of README.md with the headline, and the first verdict of each notebook, as they are now. @param
 * {Entry[]} entries
 */
export function readmeWith(entries) {
  const first = entries.filter(({ verdicts }) => verdicts.length > 0);
  const lines = first.map(
    ({ name, title, verdicts }) => `- [${title}](notebooks/${name}.ipynb): ${sentenceOf(verdicts[0])}`,
  );
  const headline = entries.flatMap((entry) => entry.headline).join('\n\n');
  const text = between(fs.readFileSync(README, 'utf8'), HEADLINE_BEGIN, HEADLINE_END, headline);
  return between(text, VERDICTS_BEGIN, VERDICTS_END, lines.join('\n'));
}

/** A line on the verdicts of a notebook, and below it all of them, folded. @param {Judged[]} verdicts */
function foundIn(verdicts) {
  const [holds, fails, open] = ['holds', 'does not hold', 'not decided'].map(
    (verdict) => verdicts.filter((one) => one.verdict.startsWith(verdict)).length,
  );
  const all = verdicts.map((one) => `- ${sentenceOf(one)}`).join('\n');
  return (
    `Holds here: ${holds} of ${verdicts.length}; does not hold here: ${fails}; not decided: ${open}. ` +
    `The first: ${sentenceOf(verdicts[0])}\n\n` +
    `<details><summary>All verdicts</summary>\n\n${all}\n\n</details>`
  );
}

/** @param {Judged} judged */
function sentenceOf({ claim, protocol, found, n, comparisons, cost, verdict }) {
  const facts = [
    `n = ${n}`,
    ...(comparisons > 1 ? [`Holm-corrected for ${comparisons}`] : []),
    ...(cost ? [`gradients: ${cost}`] : []),
  ];
  const what = `${claim.replace(/\.$/, '')} (${protocol})`;
  return `**${verdict.replace(/ \(.*/, '')}**: ${what}: ${found}; ${facts.join(', ')}.`;
}

/**
 * A document with another text between two of its lines. @param {string} document @param {string} begin
 * @param {string} end @param {string} text
 */
function between(document, begin, end, text) {
  const [before, rest] = document.split(begin);
  const after = rest?.split(end)[1];
  if (after === undefined) throw new Error(`A README has lost the comment ${begin} or ${end}`);
  return `${before}${begin}\n\n${text && `${text}\n\n`}${end}${after}`;
}

/** Path of the picture of an entry. @param {Entry} entry */
export function imageFile({ name }) {
  return path.join(IMAGES, `${name}.png`);
}

/** Writes the index and its pictures, and headline and verdicts of README.md. */
export function writeCatalog() {
  const entries = notebookNames().map(entryOf);
  writeAtomically(INDEX, indexWith(entries));
  writeAtomically(README, readmeWith(entries));
  for (const entry of entries) if (entry.picture) writeAtomically(imageFile(entry), entry.picture);
}
