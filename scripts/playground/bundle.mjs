/**
 * Pages of playground/ as single HTML files that hold all they need.
 *
 * The doors of the library are bundled from its sources, not from lib/dist: of modules esbuild leaves out
 * what a page does not use, which of CommonJS it cannot.
 */
import fs from 'node:fs';
import path from 'node:path';
import { build, transform } from 'esbuild';

/**
 * The pages, and what each knows as TensorFlow.js: all there is in `index`, and parts of it for the outputs
 * of notebooks.
 */
const PAGES = {
  index: 'tfFull.ts',
  plane: 'tfCore.ts',
  train: 'tfGpu.ts',
};

/**
 * A page as the text of its HTML file.
 * @param {string} root of the project
 * @param {keyof typeof PAGES} page
 */
export async function bundlePage(root, page) {
  const source = path.join(root, 'playground');
  /** @type {{ version: string }} */
  const { version } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));
  const { outputFiles } = await build({
    entryPoints: [path.join(source, `${page}.page.ts`)],
    bundle: true,
    write: false,
    minify: true,
    format: 'iife',
    target: 'es2022',
    charset: 'utf8',
    legalComments: page === 'index' ? 'eof' : 'none', // page.html names what is inside
    logLevel: 'error',
    loader: { '.bin': 'binary', '.wasm': 'binary' },
    define: { VERSION: JSON.stringify(version) },
    plugins: [sources(root, path.join(source, PAGES[page]))],
  });
  const script = outputFiles[0].text.replace(/<\/(script)/gi, '<\\/$1').replace(/<!--/g, '<\\!--');
  const css = fs.readFileSync(path.join(source, 'style.css'), 'utf8');
  const { code: style } = await transform(css, { loader: 'css', minify: true });
  return fs
    .readFileSync(path.join(source, 'page.html'), 'utf8')
    .replace('/* style */', () => style)
    .replace('/* script */', () => script);
}

/**
 * Finds the doors of the library in its sources.
 * @param {string} root @param {string} tensorflow what stands for TensorFlow.js
 * @returns {import('esbuild').Plugin}
 */
function sources(root, tensorflow) {
  const lib = path.join(root, 'lib');
  /** @type {{ exports: Record<string, string>, browser: Record<string, string | false> }} */
  const { exports, browser } = JSON.parse(fs.readFileSync(path.join(lib, 'package.json'), 'utf8'));
  const sourceOf = (/** @type {string} */ output) =>
    path.join(lib, output.replace('./dist/', '').replace(/\.js$/, '.ts'));
  const replaced = new Map(Object.entries(browser).map(([from, to]) => [sourceOf(from), to && sourceOf(to)]));
  return {
    name: 'sources of the library',
    setup(build) {
      build.onResolve({ filter: /^lookbehind(\/|$)/ }, ({ path: door }) => ({
        path: sourceOf(exports[door.replace('lookbehind', '.')]),
      }));
      build.onResolve({ filter: /^@tensorflow\/tfjs$/ }, () => ({ path: tensorflow }));
      build.onResolve({ filter: /^\./ }, ({ path: name, resolveDir }) => {
        const file = [`${name}.ts`, `${name}/index.ts`]
          .map((one) => path.join(resolveDir, one))
          .find(fs.existsSync);
        const other = file && replaced.get(file);
        if (other === false) return { path: file, namespace: 'nothing' };
        return other ? { path: other, namespace: 'in place of what needs Node' } : undefined;
      });
      build.onLoad({ filter: /mnist1d\.bin$/ }, ({ path: file }) => ({
        contents: fewSignals(fs.readFileSync(file)),
        loader: 'binary',
      }));
      build.onLoad({ filter: /./, namespace: 'nothing' }, () => ({ contents: 'module.exports = {};' }));
      // It has every name that is asked for: a module of CommonJS can, one of ECMAScript cannot.
      build.onLoad({ filter: /./, namespace: 'in place of what needs Node' }, async ({ path: file }) => ({
        contents: (await transform(fs.readFileSync(file, 'utf8'), { loader: 'ts', format: 'cjs' })).code,
        resolveDir: path.dirname(file),
      }));
    },
  };
}

/**
 * The first 2,000 signals of MNIST-1D to train on and the 1,000 to test on, then their labels: as bytes, 128
 * for 0 and 32 more for each standard deviation.
 * @param {Buffer} file data/mnist1d/mnist1d.bin: 13,000 signals of 40 float32, then their labels
 */
function fewSignals(file) {
  const [all, length, train, test] = [13000, 40, 2000, 1000];
  const chosen = [...Array(train + test).keys()].map((i) => (i < train ? i : i - train + 4000));
  const signals = chosen.flatMap((i) =>
    Array.from({ length }, (_, at) => Math.round(file.readFloatLE((i * length + at) * 4) * 32 + 128)),
  );
  const labels = chosen.map((i) => file[all * length * 4 + i]);
  return Uint8Array.from([...signals.map((byte) => Math.min(255, Math.max(0, byte))), ...labels]);
}
