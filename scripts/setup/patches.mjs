/**
 * Stage "patches": changes installed packages as the files of patches/ say. Each is named
 * package+version+number+what, @scope+package where there is a scope, and opens with its reason. The file as
 * it was installed stays beside each changed one (`.orig`), so that other patches can follow later.
 */
import fs from 'node:fs';
import path from 'node:path';
import { listFolder, readJson, readText, sha256, writeAtomically } from './files.mjs';
import { SetupError } from './report.mjs';

/** @type {import('./stages.mjs').Stage} */
export const patches = {
  name: 'patches',
  after: ['npm packages'],

  isCurrent({ project }) {
    return [...byPackage(project.root)].every(
      ([name, list]) => readText(stampFile(project, name)) === fingerprint(list),
    );
  },

  async run({ project }) {
    // Not at the top: the package is there only after the stage before.
    const { applyPatch, parsePatch } = await import('diff');
    for (const [name, list] of byPackage(project.root)) {
      /** @type {Map<string, string>} texts by path, with the patches so far */
      const texts = new Map();
      for (const { file, version, text } of list) {
        const installed = readJson(path.join(project.nodeModules, name, 'package.json'))?.version;
        if (installed !== version)
          throw new SetupError(`${file} is for ${name} ${version}, but ${installed} is installed.`, REMEDY);
        for (const change of parsePatch(text.slice(text.indexOf('--- a/')))) {
          const target = path.join(project.root, (change.newFileName ?? '').replace(/^b\//, ''));
          const patched = applyPatch(texts.get(target) ?? stockText(target), change, { fuzzFactor: 0 });
          if (patched === false) throw new SetupError(`${file} does not fit ${target}.`, REMEDY);
          texts.set(target, patched);
        }
      }
      for (const [target, text] of texts) writeAtomically(target, text);
      writeAtomically(stampFile(project, name), fingerprint(list));
    }
  },
};

const REMEDY =
  'delete node_modules/ and run set-up again; if package.json names another version, renew the patch.';

/** @typedef {{ file: string, name: string, version: string, text: string }} Patch */

/**
 * The patches of each package, in the order of their numbers. @param {string} root @returns
 * {Map<string, Patch[]>}
 */
function byPackage(root) {
  const folder = path.join(root, 'patches');
  const all = listFolder(folder)
    .filter((file) => file.endsWith('.patch'))
    .sort()
    .map((file) => {
      const [name, version] = file.replace(/^(@[^+]+)\+/, '$1/').split('+');
      return { file, name, version, text: fs.readFileSync(path.join(folder, file), 'utf8') };
    });
  return new Map(
    [...new Set(all.map(({ name }) => name))].map((name) => [
      name,
      all.filter((patch) => patch.name === name),
    ]),
  );
}

/** A file as it was installed, which is kept before its first change. @param {string} target */
function stockText(target) {
  const kept = `${target}.orig`;
  const text = readText(kept) ?? fs.readFileSync(target, 'utf8');
  writeAtomically(kept, text);
  return text;
}

/** @param {Patch[]} list */
function fingerprint(list) {
  return sha256(...list.flatMap(({ file, text }) => [file, text]));
}

/** @param {import('./project.mjs').Project} project @param {string} name */
function stampFile({ nodeModules }, name) {
  return path.join(nodeModules, name, '.patched');
}
