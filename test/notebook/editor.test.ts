/**
 * Writing in a notebook: hovering shows the documentation of every public name, completion finds it, and
 * cells answer quickly.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { publicNames } from '../publicNames';

const ROOT = join(__dirname, '..', '..');
const PYTHON = join(ROOT, '.venv', 'bin', 'python');
const missing = !existsSync(PYTHON)
  ? 'no .venv: run npm run setup'
  : process.platform !== 'linux'
    ? 'reads /proc'
    : false;

interface Answer {
  content: { status: string; found?: boolean; data?: { 'text/plain': string }; matches?: string[] };
  /** Processor time of the kernel. */
  seconds: number;
}

interface Question {
  ask: 'inspect' | 'complete' | 'execute';
  code: string;
  cursor?: number;
}

/** The cell of imports of the walkthrough. */
function importCell(): string {
  const { cells } = JSON.parse(readFileSync(join(ROOT, 'notebooks', '00-walkthrough.ipynb'), 'utf8')) as {
    cells: { cell_type: string; source: string[] }[];
  };
  return cells.find(({ cell_type }) => cell_type === 'code')!.source.join('');
}

/** Cells after the first ones: other work on the machine does not disturb all of them. */
const LATER = ['later 1', 'later 2', 'later 3', 'later 4', 'later 5'];

describe('an editor on a tslab kernel', { skip: missing }, () => {
  const names = publicNames();
  const doors = [...new Set(names.map(({ door }) => door))];
  const figureNames = names
    .filter(({ door, isValue }) => door === 'lookbehind/figures' && isValue)
    .map(({ name }) => name);
  const everything = doors
    .map(
      (door) =>
        `import { ${names
          .filter((one) => one.door === door)
          .map(({ name }) => name)
          .join(', ')} } from '${door}';`,
    )
    .join('\n');
  const place = (name: string): number => {
    const found = new RegExp(`[ ,]${name}[ ,]`).exec(everything)!;
    return found.index + name.length;
  };
  const options = "import { lookbehindSAM } from 'lookbehind';\nlookbehindSAM({ ";
  const method = "import * as figures from 'lookbehind/figures';\nfigures.";
  const questions: Record<string, Question> = {
    // First, in a kernel that has seen nothing yet.
    imports: { ask: 'execute', code: importCell() },
    first: { ask: 'execute', code: 'const one = 1;' },
    ...Object.fromEntries(
      LATER.map((name, i): [string, Question] => [
        name,
        { ask: 'execute', code: `const plan${i} = lookbehindSAM({ k: 5, alpha: 0.5, rho: 0.05 });` },
      ]),
    ),
    ...Object.fromEntries(
      names.map(({ name }): [string, Question] => [
        name,
        { ask: 'inspect', code: everything, cursor: place(name) },
      ]),
    ),
    importing: { ask: 'complete', code: "import { lookb } from 'lookbehind';", cursor: 14 },
    options: { ask: 'complete', code: `${options}});`, cursor: options.length },
    figures: { ask: 'complete', code: method, cursor: method.length },
  };
  let answers: Record<string, Answer>;

  before(() => {
    const { JPY_SESSION_NAME: _, ...env } = process.env;
    const { status, stdout, stderr } = spawnSync(
      PYTHON,
      [join(__dirname, 'ask_kernel.py'), join(ROOT, 'notebooks')],
      {
        input: JSON.stringify(Object.values(questions)),
        env,
        encoding: 'utf8',
        maxBuffer: 1e8,
      },
    );
    assert.equal(status, 0, stderr);
    const report = JSON.parse(stdout) as Answer[];
    answers = Object.fromEntries(Object.keys(questions).map((name, i) => [name, report[i]!]));
  });

  test('shows the documentation of every public name', () => {
    assert.ok(names.length > 300);
    const silent = names.filter(({ name, documentation }) => {
      const shown = answers[name]!.content.data?.['text/plain'] ?? '';
      return documentation === '' || !shown.includes(documentation.split('\n')[0]!);
    });
    assert.deepEqual(
      silent.map(({ name }) => name),
      [],
    );
  });

  test('completes names, options and figures', () => {
    const matches = (name: string): string[] => answers[name]!.content.matches ?? [];
    for (const name of ['lookbehindSAM', 'lookbehindASAM', 'LookbehindSAMOptions'])
      assert.ok(matches('importing').includes(name), name);
    for (const name of ['k', 'alpha', 'rho', 'learningRate', 'momentum'])
      assert.ok(matches('options').includes(name), name);
    const found = matches('figures');
    assert.deepEqual(
      figureNames.filter((name) => !found.includes(name)),
      [],
    );
  });

  test('runs the cell of imports and later ones, and says how long that takes', (t) => {
    for (const name of ['imports', 'first', ...LATER]) {
      assert.equal(answers[name]!.content.status, 'ok', name);
      t.diagnostic(`${name}: ${answers[name]!.seconds.toFixed(2)} s`);
    }
  });
});
