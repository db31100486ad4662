/**
 * Data sets and models of one's own in runs: a module that exports them by name, and that worker processes
 * load.
 *
 *     // mine.mjs
 *     export const data = { houses: async (options) => ({ train, test }) };        may have `selection`, too
 *     export const models = { small: ({ inputs, classes, seed, ...options }) => tf.sequential(...) };
 *     export const files = ['houses.csv'];                                         files and folders it reads
 *
 *     data: { kind: 'own', module: 'mine.mjs', name: 'houses', options: {} }
 *
 * A run depends on the content of the module: SHA-256 of the file, of what it imports by a relative path, and
 * of its `files`. Packages do not count, nor where the module lies.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { checkOneOf, DataError, OptionError } from '../../core/errors';
import { needed, type OptionsOf, object, option, text } from '../../core/options';
import type * as tf from '../../core/tf';
import { Dataset } from '../../data';

/** A module as a checked configuration names it. */
export interface OwnModule {
  /** Absolute path. */
  path: string;
  /** SHA-256 of all that counts. */
  sha256: string;
}

/** What a model of one's own is told. */
export interface OwnModelOptions {
  /** Shape of one sample. */
  inputs: number[];
  /** Number of classes, or of numbers in a label. */
  classes: number;
  /**
   * Seed of the initial weights, made of that of the run and never 0: give it to all initializers, so that
   * runs can be repeated and compared.
   */
  seed: number;
}

/** What a module exports. */
interface Exports {
  data?: Record<string, (options: object) => Promise<Sets> | Sets>;
  models?: Record<string, (options: OwnModelOptions) => tf.LayersModel>;
  files?: readonly string[];
}

/** The sets of a data set: `train` and `test`; `selection` where there is one. */
export type Sets = { train: Dataset; test: Dataset } & Record<string, Dataset>;

const ALLOWED = 'the path of a module that can be loaded';

const MODULE = option<string | OwnModule>('other', ALLOWED, (path, value, form) => {
  const { sha256, path: file } = checkedModule(path, value);
  // What names a run is the content.
  return form === 'minimal' ? sha256 : { path: file, sha256 };
});

/** Describes data and models of one's own. */
export const OWN = {
  /** The module, by its path from the present folder. */
  module: needed(MODULE),
  /** The name under which it exports the data set or model. */
  name: needed(text()),
  /** Options for it: JSON. Default none. */
  options: object<Readonly<Record<string, unknown>>>(),
};

/** What is loaded of a module. */
export type OwnConfig = OptionsOf<typeof OWN>;

/** Throws an OptionError where the module, as its file is now, does not export what `config` names. */
export function checkExport(path: string, { module, name }: OwnConfig, what: 'data' | 'models'): void {
  const { path: file } = checkedModule(`${path}.module`, module);
  checkOneOf(`${path}.name`, name, Object.keys(loaded(file)[what] ?? {}));
}

/**
 * Loads a data set of one's own. Throws a DataError where the module changed, throws or returns no data sets.
 */
export async function loadOwnData(config: OwnConfig): Promise<Sets> {
  const { load, title } = exported(config, 'data');
  const sets = await guarded(title, () => load(config.options ?? {}));
  const entries = Object.entries(sets ?? {});
  if (sets?.train && sets.test && entries.every(([, set]) => set instanceof Dataset)) return sets;
  const given = entries.map(([name, set]) => `${name}: ${set?.constructor?.name}`).join(', ');
  throw new DataError(
    `${title} must return { train, test }, each a Dataset of this library, not { ${given} }.`,
  );
}

/** Builds a model of one's own. Throws a DataError where the module changed, throws or returns no model. */
export function buildOwnModel(config: OwnConfig, given: OwnModelOptions): tf.LayersModel {
  const { load, title } = exported(config, 'models');
  let model: tf.LayersModel;
  try {
    model = load({ ...config.options, ...given });
  } catch (error) {
    throw failure(title, error);
  }
  if (Array.isArray(model?.layers) && model.inputs?.length > 0) return model;
  throw new DataError(`${title} must return a tf.LayersModel.`);
}

async function guarded<T>(title: string, load: () => T | Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    throw failure(title, error);
  }
}

function failure(title: string, error: unknown): DataError {
  return new DataError(`${title} failed: ${error instanceof Error ? error.message : error}`, {
    cause: error,
  });
}

/** What a checked configuration names, of the module with the content that it had then. */
function exported<W extends 'data' | 'models'>(
  { module, name }: OwnConfig,
  what: W,
): { load: NonNullable<Exports[W]>[string]; title: string } {
  const { path, sha256 } = checkedModule('module', module);
  const present = checkedModule('module', path).sha256;
  if (present !== sha256) {
    throw new DataError(
      `${path}, or a file that it depends on, was changed: the run is of the content ` +
        `${sha256.slice(0, 12)}, which now is ${present.slice(0, 12)}. ` +
        'Give its path again for a run of the new content.',
    );
  }
  const load = loaded(path)[what]?.[name];
  if (typeof load === 'function') return { load: load as never, title: `${what}.${name} of ${path}` };
  throw new OptionError('name', name, `one of ${Object.keys(loaded(path)[what] ?? {}).join(', ')}`);
}

/** A module by its path, or as a configuration that was checked before has it. */
function checkedModule(path: string, value: unknown): OwnModule {
  if (typeof value === 'object' && value !== null && 'path' in value && 'sha256' in value) {
    const { path: file, sha256 } = value;
    if (typeof file === 'string' && typeof sha256 === 'string' && /^[0-9a-f]{64}$/.test(sha256))
      return { path: file, sha256 };
  }
  if (typeof value !== 'string') throw new OptionError(path, value, ALLOWED);
  const file = resolve(value);
  try {
    return { path: file, sha256: contentOf(file) };
  } catch (error) {
    throw new OptionError(path, value, ALLOWED, (error as Error).message);
  }
}

/** Contents by the path of the module; each is valid as long as no file of it has another size or time. */
const known = new Map<string, { signature: string; files: string[]; sha256: string }>();

/** The modules of this process, as their content was when they were loaded. */
const modules = new Map<string, { exports: Exports; sha256: string }>();

function contentOf(file: string): string {
  const before = known.get(file);
  if (before !== undefined && signatureOf(before.files) === before.signature) return before.sha256;
  const files = [...importsOf(file)];
  const data = (loadedAs(file, hashOf(files)).files ?? []).flatMap((name) =>
    filesOf(resolve(dirname(file), name)),
  );
  files.push(...data);
  const sha256 = hashOf(files);
  known.set(file, { signature: signatureOf(files), files, sha256 });
  return sha256;
}

function loaded(file: string): Exports {
  contentOf(file);
  return modules.get(file)!.exports;
}

/** Loads a module once; it stays as it is for the rest of the process. */
function loadedAs(file: string, sha256: string): Exports {
  const present = modules.get(file);
  if (present?.sha256 === sha256) return present.exports;
  if (present !== undefined)
    throw new Error('It was changed after this process loaded it. Start the program again.');
  const exports = require(file) as Exports;
  modules.set(file, { exports, sha256 });
  return exports;
}

/** The module and what it imports by a relative path, each once, in the order of its text. */
function importsOf(file: string, found = new Set<string>()): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  const source = readFileSync(file, 'utf8');
  for (const [, , specifier] of source.matchAll(
    /\b(?:from|import|require)\s*\(?\s*(['"])(\.{1,2}\/[^'"]+)\1/g,
  )) {
    const path = resolve(dirname(file), specifier);
    const target = ['', '.js', '.mjs', '.cjs', '.json', '/index.js'].map((end) => path + end).find(isFile);
    if (target !== undefined) importsOf(target, found);
  }
  return found;
}

/** A file, or all files in a folder. */
function filesOf(path: string): string[] {
  if (isFile(path)) return [path];
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => join(path, name))
    .filter(isFile);
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

function signatureOf(files: readonly string[]): string {
  return files
    .map((file) => statSync(file, { throwIfNoEntry: false }))
    .map((stat) => `${stat?.mtimeMs} ${stat?.size}`)
    .join();
}

/** One hash for the contents, each with its length. */
function hashOf(files: readonly string[]): string {
  const hash = createHash('sha256');
  for (const file of files) {
    const content = readFileSync(file);
    hash.update(`${content.length}\n`).update(content);
  }
  return hash.digest('hex');
}
