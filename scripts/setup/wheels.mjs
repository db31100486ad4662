/**
 * Whether installed Python packages are whole, by pip's own books: each package has a RECORD with the size of
 * every file. Comparing sizes finds cut-off and missing files in a fraction of a second, where hashing would
 * take many.
 */
import path from 'node:path';
import { listFolder, readText, sizeOf } from './files.mjs';

/**
 * Names and versions of the installed packages, in pip's normal form, with the folder that describes each.
 * @param {string} sitePackages
 * @returns {{ name: string, version: string, folder: string }[]}
 */
export function installedWheels(sitePackages) {
  return listFolder(sitePackages).flatMap((folder) => {
    const match = folder.match(/^(.+)-([^-]+)\.dist-info$/);
    return match ? [{ name: normalName(match[1]), version: match[2], folder }] : [];
  });
}

/**
 * Files of an installed package that are absent or of another size than pip wrote; its whole RECORD where
 * that is gone.
 * @param {string} sitePackages
 * @param {string} folder the package's `.dist-info`
 * @param {(file: string) => boolean} [isRelevant] limits the check to some files, named relative to
 * sitePackages
 * @returns {string[]}
 */
export function damagedFiles(sitePackages, folder, isRelevant = () => true) {
  const record = path.join(folder, 'RECORD');
  const lines = readText(path.join(sitePackages, record))?.split('\n');
  if (!lines) return [record];
  return lines.flatMap((line) => {
    const match = line.match(/^"?(.+?)"?,[^,]*,(\d+)\r?$/);
    // Files outside of site-packages are start scripts and Jupyter's shared data; pip writes the project's
    // path into some.
    if (!match || match[1].startsWith('..') || !isRelevant(match[1])) return [];
    return sizeOf(path.join(sitePackages, match[1])) === Number(match[2]) ? [] : [match[1]];
  });
}

/** @param {string} name */
export function normalName(name) {
  return name.toLowerCase().replace(/[-_.]+/g, '-');
}
