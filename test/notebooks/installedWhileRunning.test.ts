/**
 * A package that a notebook imports is installed anew, or built, while the notebook runs: the cells that
 * follow, and threads, run as if nothing had happened.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';

const root = join(__dirname, '..', '..');
const PYTHON = join(root, '.venv', 'bin', 'python');

const CELLS = [
  "import { one } from 'fixture';\nimport { two } from './own';\nconsole.log(one, two);",
  `import { renameSync, writeFileSync } from 'fs';
writeFileSync('node_modules/fixture/index.d.ts', 'export declare const one: string;');
writeFileSync('node_modules/fixture/more.d.ts', 'export {};');
renameSync('node_modules/fixture/package.json', 'node_modules/fixture/package.old');
renameSync('node_modules/fixture/package.old', 'node_modules/fixture/package.json');
writeFileSync('own.ts', "export const two = 'changed';");
await new Promise((resolve) => setTimeout(resolve, 1500));`,
  'const next: number = one + 1;\nconsole.log(next);',
  "import { two as again } from './own';\nconsole.log(again);",
  `import { Worker } from 'worker_threads';
const thread = new Worker('require("worker_threads").parentPort.postMessage("a thread")', { eval: true });
console.log(await new Promise((done, fail) => thread.on('message', done).on('error', fail)));`,
];

it(
  'packages may change while a notebook runs, and own sources are read again',
  { skip: existsSync(PYTHON) ? false : 'no .venv: run npm run setup' },
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'lookbehind-installed-'));
    try {
      const fixture = join(folder, 'node_modules', 'fixture');
      mkdirSync(fixture, { recursive: true });
      writeFileSync(
        join(fixture, 'package.json'),
        JSON.stringify({ name: 'fixture', version: '1.0.0', main: 'index.js', types: 'index.d.ts' }),
      );
      writeFileSync(join(fixture, 'index.js'), 'exports.one = 1;');
      writeFileSync(join(fixture, 'index.d.ts'), 'export declare const one: number;');
      writeFileSync(join(folder, 'own.ts'), 'export const two: number = 2;');
      const cells = CELLS.map((source, i) => ({
        cell_type: 'code',
        id: `c${i}`,
        metadata: {},
        outputs: [],
        execution_count: null,
        source,
      }));
      const metadata = { kernelspec: { name: 'tslab', display_name: 'TypeScript', language: 'typescript' } };
      const [source, target] = ['in.ipynb', 'out.ipynb'].map((name) => join(folder, name));
      writeFileSync(source, JSON.stringify({ cells, metadata, nbformat: 4, nbformat_minor: 5 }));
      const { status, stderr } = spawnSync(
        PYTHON,
        ['-W', 'ignore', join(root, 'scripts', 'notebooks', 'execute.py'), source, target, '--quiet'],
        {
          encoding: 'utf8',
        },
      );
      assert.equal(status, 0, stderr);
      const outputs = JSON.parse(readFileSync(target, 'utf8')).cells.map(
        (cell: { outputs: { text?: string[] }[] }) => cell.outputs.flatMap(({ text }) => text ?? []).join(''),
      );
      assert.deepEqual(outputs, ['1 2\n', '', '2\n', 'changed\n', 'a thread\n']);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
