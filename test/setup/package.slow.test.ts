/**
 * The package as it is published: what is in it, that its doors have right types, and that it works in empty
 * projects and in a browser.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createContext, runInContext } from 'node:vm';
import { build } from 'esbuild';
import { DOORS } from '../publicNames';

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

/** A package of this checkout, so that no registry is needed. */
const here = (name: string): string => `file:${join(root, 'node_modules', name)}`;
/** What the library depends on. */
const needed = Object.fromEntries(
  Object.keys(JSON.parse(read('lib/package.json')).dependencies).map((name) => [name, here(name)]),
);

describe('the packed library', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'lookbehind-package-'));
  const project = join(scratch, 'project');
  let packed: { filename: string; version: string; files: { path: string }[] };
  after(() => rmSync(scratch, { recursive: true, force: true }));

  function run(command: string, args: string[], cwd: string): string {
    const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' });
    assert.equal(status, 0, `${command} ${args.join(' ')}\n${stdout}\n${stderr}`);
    return stdout;
  }

  before(() => {
    const report = run(
      'npm',
      ['run', '--silent', 'pack', '--', '--json', `--pack-destination=${scratch}`],
      root,
    );
    [packed] = JSON.parse(report.slice(report.indexOf('['))) as [typeof packed];
    mkdirSync(project);
    const dependencies = {
      lookbehind: `file:${join(scratch, packed.filename)}`,
      '@tensorflow/tfjs': here('@tensorflow/tfjs'),
      '@tensorflow/tfjs-node': here('@tensorflow/tfjs-node'), // stands for the next one here
      '@tensorflow/tfjs-node-gpu': here('@tensorflow/tfjs-node-gpu'),
      ...needed,
    };
    writeFileSync(
      join(project, 'package.json'),
      JSON.stringify({ name: 'project', private: true, dependencies }),
    );
    run(
      'npm',
      ['install', '--offline', '--ignore-scripts', '--no-audit', '--no-fund', '--legacy-peer-deps'],
      project,
    );
  });

  it('is made by npm run pack alone: npm refuses to pack lib/ as it is, with and without scripts', () => {
    for (const scripts of ['--ignore-scripts', '--ignore-scripts=false']) {
      const options = [
        'pack',
        '--workspace=lib',
        '--loglevel=error',
        scripts,
        `--pack-destination=${scratch}`,
      ];
      const { status, stderr } = spawnSync('npm', options, { cwd: root, encoding: 'utf8' });
      assert.notEqual(status, 0);
      assert.match(stderr, /must have name and version/);
    }
  });

  it('holds the compiled library with its declarations, golden files, the driver of Ray, a README and the license, and nothing else', () => {
    const paths = packed.files.map(({ path }) => path);
    for (const file of [
      'package.json',
      'README.md',
      'LICENSE',
      'dist/errors.js',
      'dist/optimizers/index.d.ts',
      DRIVER,
    ])
      assert.ok(paths.includes(file));
    const strange = paths.filter(
      (path) =>
        path !== DRIVER &&
        !/^(package\.json|README\.md|LICENSE|dist\/(golden\/.+\.json|.+\.(js|d\.ts)))$/.test(path),
    );
    assert.deepEqual(strange, []);
    assert.equal(read('lib/LICENSE'), read('LICENSE'));
    assert.equal(packed.version, JSON.parse(read('package.json')).version);
    const { main, types, license, peerDependenciesMeta, peerDependencies } = JSON.parse(
      read('lib/package.json'),
    );
    assert.deepEqual(
      { main, types, license },
      { main: 'dist/optimizers/index.js', types: 'dist/optimizers/index.d.ts', license: 'MIT' },
    );
    // Every other package is optional.
    assert.deepEqual(
      ['@tensorflow/tfjs', ...Object.keys(peerDependenciesMeta)],
      Object.keys(peerDependencies),
    );
  });

  it('runs the example of both READMEs in an empty project, as an ES module', () => {
    const example = exampleOf('README.md');
    assert.equal(exampleOf('lib/README.md'), example);
    const check = `
      const [, accuracy] = model.evaluate(xs, tf.oneHot(labels, 2));
      const { createRequire } = await import('node:module');
      console.log(JSON.stringify({ accuracy: accuracy.dataSync()[0], at: createRequire(import.meta.url).resolve('lookbehind') }));`;
    writeFileSync(
      join(project, 'example.mjs'),
      example.replace('epochs: 30', 'epochs: 30, verbose: 0') + check,
    );
    const { accuracy, at } = JSON.parse(
      run(process.execPath, ['example.mjs'], project).trim().split('\n').at(-1)!,
    );
    assert.ok(accuracy > 0.97, `accuracy ${accuracy}`);
    assert.ok(at.startsWith(project), at);
  });

  it('has types for the example: strict, in ES modules', () => {
    writeFileSync(join(project, 'example.mts'), exampleOf('README.md'));
    const options = ['--strict', '--noEmit', '--target', 'es2022', '--module', 'node16', '--types', 'node'];
    const types = ['--typeRoots', join(root, 'node_modules/@types'), '--skipLibCheck'];
    run(
      process.execPath,
      [join(root, 'node_modules/typescript/bin/tsc'), ...options, ...types, 'example.mts'],
      project,
    );
  });

  it('has doors whose types and modules fit together, for each way to resolve them', async () => {
    const { checkPackage, createPackageFromTarballData } = await import('@arethetypeswrong/core');
    const result = await checkPackage(
      createPackageFromTarballData(readFileSync(join(scratch, packed.filename))),
    );
    assert.ok(result.types);
    assert.deepEqual(result.problems, []);
    const paths = Object.entries(result.entrypoints).filter(([, { hasTypes }]) => hasTypes);
    assert.deepEqual(
      paths.map(([path]) => path.replace(/^\./, 'lookbehind')).sort(),
      [...DOORS.keys()].sort(),
    );
  });

  it('has commands', () => {
    const bin = join(project, 'node_modules', '.bin', 'lookbehind');
    assert.match(
      run(bin, ['--help'], project),
      /sweep .*\n.*replay .*\n.*reproduce .*\n.*study .*\n.*doctor /,
    );
    assert.match(run(bin, ['sweep', '--help'], project), /npx lookbehind sweep --config FILE/);
    assert.match(run(bin, ['reproduce', '--help'], project), /npx lookbehind reproduce --table T/);
    const { stdout } = spawnSync(bin, ['doctor'], { cwd: project, encoding: 'utf8' });
    assert.match(stdout, /ok +@tensorflow\/tfjs: .*\nok +native TensorFlow: @tensorflow\/tfjs-node/);
    for (const command of ['doctor', 'replay', 'sweep', 'reproduce']) {
      const unknown = spawnSync(bin, [command, '--frobnicate'], { cwd: project, encoding: 'utf8' });
      assert.notEqual(unknown.status, 0);
      assert.match(unknown.stderr, /option.*--frobnicate|got --frobnicate/, command);
    }
    const wrong = spawnSync(bin, ['swep'], { cwd: project, encoding: 'utf8' });
    assert.equal(wrong.status, 1);
    assert.match(wrong.stderr, /There is no command "swep"/);
    writeFileSync(
      join(project, 'grid.json'),
      JSON.stringify({ data: 'twoMoons', model: { kind: 'mlp', hidden: [4] }, optimizer: 'sgd', epochs: 1 }),
    );
    const nowhere = spawnSync(bin, ['sweep', '--config', 'grid.json'], {
      cwd: project,
      encoding: 'utf8',
      env: { ...process.env, LB_DATA: '', LB_RUNS: '' },
    });
    assert.match(nowhere.stderr, /store must be given: .*--store/);
  });

  it('replays what the official code recorded', () => {
    const bin = join(project, 'node_modules', '.bin', 'lookbehind');
    const shipped = packed.files
      .filter(({ path }) => path.startsWith('dist/golden/'))
      .map(({ path }) => path.slice('dist/golden/'.length));
    assert.ok(
      ['quadratic-sam.json', 'mlp-lookbehind-sam-k2-adaptive.json', 'convnet-asam.json'].every((name) =>
        shipped.includes(name),
      ),
    );
    assert.match(
      run(bin, ['replay'], project),
      new RegExp(`\\n${shipped.length} passed, 0 failed, 0 skipped\\n$`),
    );
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
        '@tensorflow/tfjs': here('@tensorflow/tfjs'),
        ...needed,
      };
      writeFileSync(
        join(plain, 'package.json'),
        JSON.stringify({ name: 'plain', private: true, dependencies }),
      );
      run(
        'npm',
        ['install', '--offline', '--ignore-scripts', '--no-audit', '--no-fund', '--legacy-peer-deps'],
        plain,
      );
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
      const { backend, accuracy } = resultOf(
        'example.mjs',
        example.replace('epochs: 30', 'epochs: 30, verbose: 0') + check,
      );
      assert.equal(backend, 'cpu');
      assert.ok((accuracy as number) > 0.97, `accuracy ${accuracy}`);
    });

    it('says in one sentence what is missing', () => {
      const { compiled, frame, picture } = resultOf(
        'missing.mjs',
        `import * as tf from '@tensorflow/tfjs';
        import { compile } from 'lookbehind/compile';
        import { figureToPng } from 'lookbehind/notebook';
        import { toFrame } from 'lookbehind/statistics';
        const messageOf = async (work) => work().then(() => '', (error) => error.message);
        const double = compile((x) => tf.mul(x, 2)); // runs op by op here
        console.log(JSON.stringify({
          compiled: double(tf.scalar(2)).dataSync()[0],
          frame: await messageOf(() => toFrame([])),
          picture: await messageOf(() => figureToPng({ data: [], layout: {} })),
        }));`,
      );
      assert.equal(compiled, 4);
      assert.match(
        frame as string,
        /^Data frames need the package danfojs-node\. Install it with: npm install danfojs-node/,
      );
      assert.match(picture as string, /^Pictures of figures need the package .*Install it with: npm install/);
    });

    for (const [name, compiler] of [
      ['TypeScript 5.0', '@tslab/typescript-for-tslab/lib/tsc.js'],
      ['TypeScript 5.9', 'typescript-5.9/bin/tsc'],
      ['TypeScript 7', 'typescript/bin/tsc'],
    ]) {
      it(`has declarations without an error of ours for ${name}, those of libraries checked, too`, () => {
        writeFileSync(
          join(plain, 'doors.mts'),
          [...DOORS.keys()].map((door) => `export * from '${door}';`).join('\n'),
        );
        const options = [
          '--strict',
          '--noEmit',
          '--target',
          'es2022',
          '--module',
          'node16',
          '--types',
          'node',
        ];
        const types = ['--typeRoots', join(root, 'node_modules/@types'), '--skipLibCheck', 'false'];
        const args = [join(root, 'node_modules', compiler!), ...options, ...types, 'doors.mts'];
        const { stdout } = spawnSync(process.execPath, args, { cwd: plain, encoding: 'utf8' });
        // Declarations of tf.js have errors of their own.
        const ours = stdout.split('\n').filter((line) => /^(doors|node_modules\/lookbehind)/.test(line));
        assert.deepEqual(ours, []);
      });
    }

    it('trains alike in ES modules, CommonJS modules, and bundled for a browser', async () => {
      const training = `
        tf.setBackend('cpu').then(() => {
        const xs = tf.tensor2d(Array.from({ length: 40 }, (_, i) => Math.sin(i)), [20, 2]);
        const ys = tf.oneHot(tf.tensor1d(Array.from({ length: 20 }, (_, i) => i % 2), 'int32'), 2);
        const init = (seed) => tf.initializers.glorotUniform({ seed });
        const model = tf.sequential({ layers: [
          tf.layers.dense({ units: 4, activation: 'tanh', inputShape: [2], kernelInitializer: init(1) }),
          tf.layers.batchNormalization(),
          tf.layers.dense({ units: 2, activation: 'softmax', kernelInitializer: init(2) }),
        ] });
        model.compile({ optimizer: lookbehindSAM({ k: 2, alpha: 'adaptive', learningRate: 0.1, momentum: 0.9 }), loss: 'categoricalCrossentropy' });
        return model.fit(xs, ys, { epochs: 5, shuffle: false, verbose: 0 });
        }).then(({ history }) => log(JSON.stringify({ losses: history.loss })));`;
      const imports = "import * as tf from '@tensorflow/tfjs'; import { lookbehindSAM } from 'lookbehind';";
      const requires =
        "const tf = require('@tensorflow/tfjs'); const { lookbehindSAM } = require('lookbehind');";
      const log = 'const log = console.log;';
      const { losses } = resultOf('training.mjs', `${imports} ${log} ${training}`) as { losses: number[] };
      assert.ok(losses[4]! < losses[0]!, `${losses}`);
      assert.deepEqual(resultOf('training.cjs', `${requires} ${log} ${training}`).losses, losses);
      const { outputFiles } = await build({
        stdin: { contents: `${imports} ${training}`, resolveDir: plain },
        bundle: true,
        platform: 'browser',
        write: false,
        logLevel: 'error',
      });
      // What a worker of a browser has, and nothing of Node.
      const output = new Promise<string>((resolve) => {
        const world: Record<string, unknown> = {
          console,
          performance,
          setTimeout,
          clearTimeout,
          TextEncoder,
          TextDecoder,
          log: resolve,
        };
        world.self = createContext(world);
        world.WorkerGlobalScope = Object;
        runInContext(outputFiles[0]!.text, world.self as object);
      });
      assert.deepEqual((JSON.parse(await output) as { losses: number[] }).losses, losses);
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
      const [inProcess, processes] = ['inProcess', 'processes'].map(
        (engine) => resultOf(`${engine}.mjs`, script(engine)).rows,
      );
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
