/** Stage "library": compiles lib/ to lib/dist where its sources changed. */
import fs from 'node:fs';
import path from 'node:path';
import { filesBelow, isFile, readText, sha256, writeAtomically } from './files.mjs';
import { SetupError } from './report.mjs';

/** @type {import('./stages.mjs').Stage} */
export const library = {
  name: 'library',
  after: ['native addon', 'notebook kernel'], // last: an error in a source file stops nothing else

  isCurrent({ project }) {
    return isLibraryCurrent(project.root);
  },

  async run({ project, processes }) {
    const { code, output } = await buildLibrary(project, processes);
    if (code !== 0)
      throw new SetupError('The library in lib/ does not compile.', 'mend the errors below.', output);
  },
};

/**
 * Compiles the library. Output of sources that are gone is removed, so that no import can find it.
 * @param {import('./project.mjs').Project} project
 * @param {import('./processes.mjs').Processes} processes
 * @returns {Promise<import('./processes.mjs').Result>} the compiler's
 */
export async function buildLibrary({ root, nodeModules }, processes) {
  const dist = path.join(root, 'lib/dist');
  const before = fingerprint(root);
  const expected = new Set(outputsOf(root));
  if (fs.existsSync(dist)) {
    for (const file of filesBelow(dist, ['.js', '.d.ts'])) if (!expected.has(file)) fs.rmSync(file);
  }
  // Else tsc writes changed files only.
  if (![...expected].every(isFile)) fs.rmSync(path.join(dist, '.tsbuildinfo'), { force: true });
  const result = await processes.run(
    process.execPath,
    [path.join(nodeModules, 'typescript/bin/tsc'), '-p', 'lib'],
    {
      cwd: root,
    },
  );
  if (result.code !== 0) return result;
  await buildPages(root, before);
  writeAtomically(stampFile(root), before);
  return result;
}

/**
 * Bundles the pages that notebooks show, where anything has changed since.
 * @param {string} root @param {string} fingerprint
 */
async function buildPages(root, fingerprint) {
  if (readText(stampFile(root)) === fingerprint && PAGES.every((page) => isFile(pageFile(root, page))))
    return;
  // esbuild is there when the packages are installed, which the module of the set-up may be loaded before.
  const { bundlePage } = await import('../playground/bundle.mjs');
  for (const page of PAGES) writeAtomically(pageFile(root, page), await bundlePage(root, page));
}

/** The pages of the playground that `lookbehind/notebook` shows. */
const PAGES = /** @type {const} */ (['plane', 'train']);

/** @param {string} root @param {string} page */
function pageFile(root, page) {
  return path.join(root, 'lib/dist/playground', `${page}.html`);
}

/** Whether lib/dist holds the output of the sources as they are. @param {string} root */
export function isLibraryCurrent(root) {
  return (
    readText(stampFile(root)) === fingerprint(root) &&
    outputsOf(root).every(isFile) &&
    PAGES.every((page) => isFile(pageFile(root, page)))
  );
}

/** @param {string} root */
function sourcesOf(root) {
  return filesBelow(path.join(root, 'lib'), ['.ts'], ['dist', 'node_modules']);
}

/** @param {string} root */
function outputsOf(root) {
  const lib = path.join(root, 'lib');
  return sourcesOf(root).flatMap((source) => {
    const output = path.join(lib, 'dist', path.relative(lib, source).replace(/\.ts$/, ''));
    return source.endsWith('.d.ts') ? [] : [`${output}.js`, `${output}.d.ts`];
  });
}

/** @param {string} root */
function fingerprint(root) {
  const compiler = readText(path.join(root, 'node_modules/typescript/package.json')) ?? '';
  const settings = readText(path.join(root, 'lib/tsconfig.json')) ?? '';
  return sha256(
    compiler,
    settings,
    ...[...sourcesOf(root), ...filesBelow(path.join(root, 'playground'), ['.ts', '.css', '.html'])].flatMap(
      (file) => [path.relative(root, file), fs.readFileSync(file)],
    ),
  );
}

/** @param {string} root */
function stampFile(root) {
  return path.join(root, 'lib/dist/.sources');
}
