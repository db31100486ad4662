/**
 * What patches/ changes in tslab, in a real kernel. Ports, the end of Jupyter and packages that change: see
 * test/notebooks.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';

const ROOT = join(__dirname, '..', '..');
const PYTHON = join(ROOT, '.venv', 'bin', 'python');

interface Message {
  cell: number;
  type: string;
  content: { execution_state?: string; name?: string; text?: string };
}

/** Runs cells that are sent all at once. */
function runAll(...codes: string[]): Message[] {
  const run = spawnSync(PYTHON, [join(__dirname, 'queue_cells.py'), ROOT], {
    input: JSON.stringify(codes),
    encoding: 'utf8',
    maxBuffer: 1e8,
  });
  assert.equal(run.status, 0, run.stderr);
  return JSON.parse(run.stdout) as Message[];
}

function textOf(messages: Message[], cell: number, name: 'stdout' | 'stderr'): string {
  const streams = messages.filter((message) => message.type === 'stream' && message.cell === cell);
  return streams.map(({ content }) => (content.name === name ? content.text : '')).join('');
}

test('each patch opens with its reason', () => {
  const files = readdirSync(join(ROOT, 'patches'));
  assert.ok(files.length > 0);
  for (const file of files) {
    assert.match(file, /^[\w@.-]+\+\d+\.\d+\.\d+\+\d{3}\+[\w-]+\.patch$/);
    assert.match(
      readFileSync(join(ROOT, 'patches', file), 'utf8'),
      /^\w[\s\S]{80,}?\n\n--- a\/node_modules\//,
    );
  }
});

describe('a tslab kernel', { skip: existsSync(PYTHON) ? false : 'no .venv: run npm run setup' }, () => {
  test('knows shorthand properties of variables of earlier cells', () => {
    const messages = runAll(
      'const k = 5; let alpha = 0.5; let rho = 1; const options = { ' +
        'rho: 0.1 } as { rho?: number; alpha?: number };',
      'const inner = 2; console.log(JSON.stringify({ k, alpha, inner, nested: [{ k }] }));',
      '({ rho, alpha = 0.25 } = options); console.log(rho, alpha);',
      'const make = ({ k, alpha = 1 }: { k: number; alpha?: number }) => ({ k, alpha }); ' +
        'console.log(JSON.stringify(make({ k: 7 })), k);',
    );
    assert.equal(textOf(messages, 1, 'stdout'), '{"k":5,"alpha":0.5,"inner":2,"nested":[{"k":5}]}\n');
    assert.equal(textOf(messages, 2, 'stdout'), '0.1 0.25\n');
    assert.equal(textOf(messages, 3, 'stdout'), '{"k":7,"alpha":1} 5\n');
  });

  test('knows names of properties from variables, whatever cell declares their type', () => {
    const messages = runAll(
      'const methods: { kind: string; k?: number }[] = [{ kind: "sam", k: 5 }]; const kind = "none";',
      'const { kind: method, k: steps } = methods[0]; const of = ({ k: n = 1 }: { k?: number }) => n;',
      'console.log(method, steps, of(methods[0]), kind);',
    );
    assert.equal(textOf(messages, 2, 'stdout') + textOf(messages, 1, 'stderr'), 'sam 5 5 none\n');
  });

  test('is busy with one cell at a time', () => {
    const wait = 'await new Promise((resolve) => setTimeout(resolve, 150));';
    const messages = runAll(wait, wait, 'console.log("last");');
    const states = messages
      .filter(({ type }) => type === 'status')
      .map(({ cell, content }) => `${cell} ${content.execution_state}`);
    assert.deepEqual(states, ['0 busy', '0 idle', '1 busy', '1 idle', '2 busy', '2 idle']);
  });

  test('loses no output, however much comes at once', () => {
    const lines = 3000;
    const messages = runAll(`for (let i = 0; i < ${lines}; i++) console.log(i);`);
    assert.equal(textOf(messages, 0, 'stdout'), Array.from({ length: lines }, (_, i) => `${i}\n`).join(''));
    assert.equal(textOf(messages, 0, 'stderr'), '');
  });

  test('shows the lines of the cell in which an error arose', () => {
    const messages = runAll(
      'interface Unused {\n  a: number;\n}\n\nfunction half(x: number): number {\n  if (x % 2) throw ' +
        'new RangeError(x + " is odd");\n  return x / 2;\n}',
      'type Another = string;\n\nconst three: number = 3;\nawait null;\nconsole.log(half(three));',
    );
    // The second cell was sent before the first one ran.
    const [message, ...rest] = textOf(messages, 1, 'stderr').trimEnd().split('\n');
    assert.equal(message, 'RangeError: 3 is odd');
    assert.equal(rest[0], '    6 |   if (x % 2) throw new RangeError(x + " is odd");');
    assert.match(rest[1]!, /^ {6}\| +\^$/);
    assert.deepEqual(rest.slice(2), ['    at half, cell [1], line 6', '    at cell [2], line 5']);
  });

  test('begins an error of a package with what went wrong, not with the line that threw it', () => {
    const messages = runAll(
      "import * as tf from '@tensorflow/tfjs-core';",
      'tf.tidy(() => tf.reshape({} as tf.Tensor, [1]));',
    );
    assert.match(textOf(messages, 1, 'stderr'), /^Error: Argument 'x' passed to 'reshape' must be a Tensor/);
  });
});
