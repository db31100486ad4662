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
const DRIVER = 'experiments/ray_driver.py';

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
      'pure-rand': here('pure-rand'),
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
    const code = `require('lookbehind').mnist1d()`;
    const { stderr } = spawnSync(process.execPath, ['-e', code], {
      cwd: project,
      encoding: 'utf8',
      env: { ...process.env, LB_DATA: '' },
    });
    assert.match(stderr, /DataError.*Set the environment variable LB_DATA/);
  });
});
