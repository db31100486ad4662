/** The package as it is published: what is in it, and that it works in an empty project, on the README's own example. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

const root = join(__dirname, '..', '..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');

/** The example of a README: its first TypeScript block. */
function exampleOf(readme: string): string {
  const found = /```ts\n([\s\S]+?)```/.exec(read(readme));
  assert.ok(found, `${readme} has no example`);
  return found[1]!;
}

/** Python's side of the engine for Ray. */
const DRIVER = 'runs/engines/ray_driver.py';

describe('the packed library', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'lookbehind-package-'));
  const project = join(scratch, 'project');
  let packed: { filename: string; files: { path: string }[] };
  after(() => rmSync(scratch, { recursive: true, force: true }));

  function run(command: string, args: string[], cwd: string): string {
    const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' });
    assert.equal(status, 0, `${command} ${args.join(' ')}\n${stdout}\n${stderr}`);
    return stdout;
  }

  before(() => {
    const report = run('npm', ['pack', '--json', '--workspace=lib', `--pack-destination=${scratch}`], root);
    [packed] = JSON.parse(report) as [typeof packed];
    // What the package depends on comes from this checkout, so that no registry is needed. npm installs the tarball itself.
    const here = (name: string): string => `file:${join(root, 'node_modules', name)}`;
    mkdirSync(project);
    const dependencies = {
      lookbehind: `file:${join(scratch, packed.filename)}`,
      '@tensorflow/tfjs': here('@tensorflow/tfjs'),
      '@tensorflow/tfjs-node': here('@tensorflow/tfjs-node'),
      ...Object.fromEntries(['pure-rand', 'fflate', 'tar-stream', 'yauzl'].map((name) => [name, here(name)])),
    };
    writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'project', private: true, dependencies }));
    run('npm', ['install', '--offline', '--ignore-scripts', '--no-audit', '--no-fund', '--legacy-peer-deps'], project);
  });

  it('holds the compiled library with its declarations, the driver of Ray, a README and the license, and nothing else', () => {
    const paths = packed.files.map(({ path }) => path);
    for (const file of ['package.json', 'README.md', 'LICENSE', 'dist/index.js', 'dist/index.d.ts', DRIVER])
      assert.ok(paths.includes(file));
    const strange = paths.filter(
      (path) => path !== DRIVER && !/^(package\.json|README\.md|LICENSE|dist\/.+\.(js|d\.ts))$/.test(path),
    );
    assert.deepEqual(strange, []);
    assert.equal(read('lib/LICENSE'), read('LICENSE'));
    const { version, main, types, license, peerDependenciesMeta, peerDependencies } = JSON.parse(read('lib/package.json'));
    assert.deepEqual({ main, types, license }, { main: 'dist/index.js', types: 'dist/index.d.ts', license: 'MIT' });
    assert.equal(version, JSON.parse(read('package.json')).version);
    assert.deepEqual(Object.keys(peerDependenciesMeta), Object.keys(peerDependencies));
  });

  it('runs the example of both READMEs in an empty project, as an ES module', () => {
    const example = exampleOf('README.md');
    assert.equal(exampleOf('lib/README.md'), example);
    const check = `
      const [, accuracy] = model.evaluate(xs, tf.oneHot(labels, 2));
      const { createRequire } = await import('node:module');
      console.log(JSON.stringify({ accuracy: accuracy.dataSync()[0], at: createRequire(import.meta.url).resolve('lookbehind') }));`;
    writeFileSync(join(project, 'example.mjs'), example.replace('epochs: 30', 'epochs: 30, verbose: 0') + check);
    const { accuracy, at } = JSON.parse(run(process.execPath, ['example.mjs'], project).trim().split('\n').at(-1)!);
    assert.ok(accuracy > 0.97, `accuracy ${accuracy}`);
    assert.ok(at.startsWith(project), at);
  });

  it('has types for the example: strict, in ES modules', () => {
    writeFileSync(join(project, 'example.mts'), exampleOf('README.md'));
    const options = ['--strict', '--noEmit', '--target', 'es2022', '--module', 'node16', '--types', 'node'];
    const types = ['--typeRoots', join(root, 'node_modules/@types'), '--skipLibCheck'];
    run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), ...options, ...types, 'example.mts'], project);
  });

  it('says where data that ship with the project are looked for', () => {
    const code = `require('lookbehind/data').mnist1d()`;
    const { stderr } = spawnSync(process.execPath, ['-e', code], {
      cwd: project,
      encoding: 'utf8',
      env: { ...process.env, LB_DATA: '' },
    });
    assert.match(stderr, /DataError.*Set the environment variable LB_DATA/);
  });

  describe('beside plain TensorFlow.js, without a native runtime', () => {
    const plain = join(scratch, 'plain');

    before(() => {
      mkdirSync(plain);
      const dependencies = {
        lookbehind: `file:${join(scratch, packed.filename)}`,
        '@tensorflow/tfjs': `file:${join(root, 'node_modules/@tensorflow/tfjs')}`,
        'pure-rand': `file:${join(root, 'node_modules/pure-rand')}`,
      };
      writeFileSync(join(plain, 'package.json'), JSON.stringify({ name: 'plain', private: true, dependencies }));
      run('npm', ['install', '--offline', '--ignore-scripts', '--no-audit', '--no-fund', '--legacy-peer-deps'], plain);
    });

    /** The JSON that a script prints last. */
    function resultOf(file: string, script: string): Record<string, unknown> {
      writeFileSync(join(plain, file), script);
      return JSON.parse(run(process.execPath, [file], plain).trim().split('\n').at(-1)!);
    }

    it('runs the example of the README', () => {
      const example = exampleOf('README.md').replace('@tensorflow/tfjs-node', '@tensorflow/tfjs');
      const check = `
        const [, accuracy] = model.evaluate(xs, tf.oneHot(labels, 2));
        console.log(JSON.stringify({ backend: tf.getBackend(), accuracy: accuracy.dataSync()[0] }));`;
      const { backend, accuracy } = resultOf('example.mjs', example.replace('epochs: 30', 'epochs: 30, verbose: 0') + check);
      assert.equal(backend, 'cpu');
      assert.ok((accuracy as number) > 0.97, `accuracy ${accuracy}`);
    });

    it('runs a sweep in this process and in worker processes, with the same results', () => {
      const script = (engine: string) => `
        import { RunStore, sweep } from 'lookbehind/runs';
        process.env.LB_DATA = ${JSON.stringify(join(root, 'data'))};
        const rows = await sweep(
          {
            data: { kind: 'digits', trainSize: 60 }, model: { kind: 'mlp', hidden: [8] }, epochs: 2, batchSize: 20, seeds: 1,
            optimizer: [{ kind: 'sgd', learningRate: 0.1 }, { kind: 'lookbehindSAM', k: [1, 2] }],
          },
          { store: new RunStore('runs-${engine}'), engine: '${engine}', workers: 1 },
        );
        console.log(JSON.stringify({ rows: rows.map(({ status, result, error }) => ({ status, error: error?.message, last: result?.last?.trainLoss })) }));`;
      const [inProcess, processes] = ['inProcess', 'processes'].map((engine) => resultOf(`${engine}.mjs`, script(engine)).rows);
      assert.deepEqual(
        (inProcess as { status: string }[]).map(({ status }) => status),
        ['finished', 'finished', 'finished'],
      );
      assert.ok((inProcess as { last: number }[]).every(({ last }) => last > 0 && last < 3));
      assert.deepEqual(processes, inProcess);
    });

    it('trains stock models with stock optimizers as without the library', () => {
      const script = (load: string) => `
        ${load}
        import * as tf from '@tensorflow/tfjs';
        const init = (seed) => tf.initializers.glorotUniform({ seed });
        const image = tf.sequential({ layers: [
          tf.layers.conv2d({ inputShape: [6, 6, 1], filters: 3, kernelSize: 3, activation: 'relu6', kernelInitializer: init(1) }),
          tf.layers.batchNormalization(), tf.layers.maxPooling2d({ poolSize: 2 }), tf.layers.flatten(),
          tf.layers.dense({ units: 4, activation: 'elu', kernelInitializer: init(2) }),
          tf.layers.dense({ units: 2, activation: 'softmax', kernelInitializer: init(3) }),
        ] });
        const words = tf.sequential({ layers: [
          tf.layers.embedding({ inputDim: 7, outputDim: 4, inputLength: 5, embeddingsInitializer: init(4) }),
          tf.layers.lstm({ units: 3, kernelInitializer: init(5), recurrentInitializer: init(6) }),
          tf.layers.dense({ units: 2, activation: 'softmax', kernelInitializer: init(7) }),
        ] });
        const ys = tf.oneHot(tf.tensor1d([0, 1, 0, 1, 1, 0], 'int32'), 2);
        const pixels = tf.tensor4d(Array.from({ length: 216 }, (_, i) => Math.sin(i)), [6, 6, 6, 1]);
        const tokens = tf.tensor2d(Array.from({ length: 30 }, (_, i) => (3 * i) % 7), [6, 5]);
        const losses = [];
        for (const [model, xs] of [[image, pixels], [words, tokens]]) {
          model.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy' });
          const { history } = await model.fit(xs, ys, { epochs: 4, shuffle: false, verbose: 0 });
          losses.push(...history.loss);
        }
        console.log(JSON.stringify({ losses }));`;
      const [stock, beside] = ['', "import 'lookbehind';"].map(
        (load, i) => resultOf(`stock${i}.mjs`, script(load)).losses as number[],
      );
      assert.ok(stock![3]! < stock![0]! && stock![7]! < stock![4]!, `${stock}`);
      stock!.forEach((loss, i) => {
        assert.ok(Math.abs(beside![i]! - loss) < 1e-6, `${beside} is not ${stock}`);
      });
    });
  });
});
