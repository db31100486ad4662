/**
 * The doors of the library: what `lookbehind` alone loads and changes, and that ES modules and CommonJS
 * modules get the same.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { nativePackage } from '../lib/dist/compile/native';
import { DOORS } from './publicNames';

const root = join(__dirname, '..');

/** The JSON that a script prints last, in a process of its own. */
function resultOf(script: string, ...options: string[]): unknown {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...options, '-e', script], {
    cwd: root,
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout.trim().split('\n').at(-1)!);
}

/** What of tf.js is another function than before, once `door` is loaded: kernels, gradients and methods. */
const changesOf = (door: string, before: string) => `
  // tfjs-node calls two functions that newer Nodes lack; lookbehind/compile brings them, stock code does not.
  Object.assign(require('node:util'), { isNullOrUndefined: (value) => value == null, isArray: Array.isArray });
  ${before}
  const tf = require('@tensorflow/tfjs');
  const snapshot = () => {
    const seen = new Map();
    const kernels = ['cpu', 'tensorflow', 'webgl'].flatMap((backend) => tf.getKernelsForBackend(backend));
    for (const kernel of kernels) seen.set('kernel ' + kernel.backendName + ' ' + kernel.kernelName, kernel.kernelFunc);
    for (const { kernelName } of kernels) seen.set('gradient ' + kernelName, tf.getGradient(kernelName));
    const classes = Object.values(tf.serialization.SerializationMap.getMap().classNameMap).map(([one]) => one);
    const { LayersModel, Sequential, Variable, Tensor } = tf;
    for (const one of new Set([...classes, LayersModel, Sequential, Variable, Tensor, tf.engine().constructor])) {
      for (let of = one.prototype; of !== null && of !== Object.prototype; of = Object.getPrototypeOf(of)) {
        for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(of)))
          if (name !== 'constructor') seen.set('method ' + (of.constructor.className ?? of.constructor.name) + '.' + name, value);
      }
    }
    for (const name of ['customGrad', 'runKernel', 'gradients']) seen.set('engine.' + name, tf.engine()[name]);
    return seen;
  };
  const stock = snapshot();
  const backend = tf.getBackend();
  require('${door}');
  const now = snapshot();
  const changed = [...now].filter(([name, value]) => stock.has(name) && stock.get(name) !== value).map(([name]) => name);
  const added = [...now.keys()].filter((name) => !stock.has(name) && /^(kernel|gradient)/.test(name));
  console.log(JSON.stringify({ size: stock.size, backend: [backend, tf.getBackend()], changed: changed.sort(), added }));`;

interface Changes {
  size: number;
  backend: [before: string, after: string];
  changed: string[];
  added: string[];
}

describe('the import of lookbehind', () => {
  for (const native of [undefined, nativePackage]) {
    it(`replaces four methods, which act inside of its own steps, beside ${native ?? '@tensorflow/tfjs'}`, () => {
      const load = native === undefined ? '' : `require('${native}');`;
      const { size, backend, changed, added } = resultOf(changesOf('lookbehind', load)) as Changes;
      assert.ok(size > 500, `${size}`);
      assert.equal(backend[1], backend[0]);
      assert.deepEqual(changed, [
        'method BatchNormalization.call',
        'method Model.compile',
        'method Model.makeTrainFunction',
        'method Variable.assign',
      ]);
      assert.deepEqual(added, []);
    });
  }

  it('loads the core and the optimizers alone, which name nothing of Node', () => {
    const files = resultOf(
      `require('lookbehind'); console.log(JSON.stringify(Object.keys(require.cache)))`,
    ) as string[];
    const own = files.filter((file) => file.startsWith(join(root, 'lib')));
    assert.deepEqual(
      own.filter((file) => !/dist.(core|optimizers).\w+\.js$/.test(file)),
      [],
    );
    assert.ok(own.length > 15);
    const ofNode = own.filter((file) =>
      /require\("node:|\b(?:process|Buffer|__dirname|__filename)\b\s*[.([]/.test(readFileSync(file, 'utf8')),
    );
    assert.deepEqual(ofNode, []);
    assert.deepEqual(
      files.filter((file) => /tfjs-node|danfojs|tslab|plotly|jsdom/.test(file)),
      [],
    );
  });
});

it('lookbehind/compile changes what its head comment lists', () => {
  const { changed } = resultOf(changesOf('lookbehind/compile', `require('${nativePackage}');`)) as Changes;
  const text = readFileSync(join(root, 'lib/compile/install.ts'), 'utf8').split('*/')[0]!;
  const unlisted = changed.filter((name) => {
    const [kind, what] = name.split(' ');
    const listed =
      { method: what!, kernel: name.split(' ').at(-1)! }[kind!] ?? what ?? name.split('.').at(-1)!;
    // Layers are listed by their names.
    return !text.includes(listed) && !text.includes(listed.replace(/\.call$/, ' '));
  });
  assert.deepEqual(unlisted, []);
  assert.match(text, /ProgbarLogger\.onTrainBegin .*\n.*fitProgress\.ts/);
  assert.ok(changed.length > 20);
});

describe('each door', () => {
  it('gives an ES module the names that it gives a CommonJS module', () => {
    const doors = JSON.stringify([...DOORS.keys()]);
    const required = `for (const door of ${doors}) seen[door] = Object.keys(require(door)).sort();`;
    const imported =
      `for (const door of ${doors}) seen[door] = Object.keys(await import(door)).filter((name) => ` +
      "!['default', 'module.exports', '__esModule'].includes(name)).sort();";
    const script = (body: string) => `const seen = {}; ${body} console.log(JSON.stringify(seen));`;
    const commonJs = resultOf(script(required)) as Record<string, string[]>;
    assert.deepEqual(resultOf(script(imported), '--input-type=module'), commonJs);
    assert.ok(Object.values(commonJs).every((names) => names.length > 0));
  });

  it('is found by TypeScript of moduleResolution node10, as the kernel of notebooks resolves', () => {
    const { exports, typesVersions } = JSON.parse(readFileSync(join(root, 'lib/package.json'), 'utf8')) as {
      exports: Record<string, string>;
      typesVersions: { '*': Record<string, string[]> };
    };
    const expected = Object.entries(exports).filter(([path, file]) => path !== '.' && file.endsWith('.js'));
    assert.deepEqual(
      typesVersions['*'],
      Object.fromEntries(
        expected.map(([path, file]) => [path.slice(2), [file.slice(2).replace(/\.js$/, '.d.ts')]]),
      ),
    );
  });
});
