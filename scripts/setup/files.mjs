/** Small file helpers that never throw where "it is not there" is an answer. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

/** @param {string} file */
export function isFile(file) {
  return fs.statSync(file, { throwIfNoEntry: false })?.isFile() ?? false;
}

/** Size in bytes, or undefined where there is no such file. @param {string} file */
export function sizeOf(file) {
  return fs.statSync(file, { throwIfNoEntry: false })?.size;
}

/** Text of a file, or undefined where it cannot be read. @param {string} file */
export function readText(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/** Parsed JSON of a file, or undefined where it is missing or damaged. @param {string} file */
export function readJson(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Entries of a folder, or none where it is missing. @param {string} folder */
export function listFolder(folder) {
  try {
    return fs.readdirSync(folder);
  } catch {
    return [];
  }
}

/**
 * Files below a folder with one of these endings, sorted, skipping folders by name. @param {string} folder
 * @param {string[]} endings @param {string[]} [skip] @returns {string[]}
 */
export function filesBelow(folder, endings, skip = []) {
  return fs
    .readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => {
      const file = path.join(folder, entry.name);
      if (entry.isDirectory()) return skip.includes(entry.name) ? [] : filesBelow(file, endings, skip);
      return endings.some((ending) => entry.name.endsWith(ending)) ? [file] : [];
    })
    .sort();
}

/** SHA-256 over several parts, as hex. @param {...(string | Buffer)} parts */
export function sha256(...parts) {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest('hex');
}

/**
 * Writes a file in one step: a reader sees the old text or the new one, never half of it. @param {string}
 * file @param {string | Buffer} content
 */
export function writeAtomically(file, content) {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}.tmp`;
  fs.writeFileSync(temporary, content);
  fs.renameSync(temporary, file);
}
