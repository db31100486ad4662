/**
 * What patches/ changes in tslab, in a real kernel. Ports, the end of Jupyter and packages that change: see
 * test/notebooks.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';

const ROOT = join(__dirname, '..', '..');
const PYTHON = join(ROOT, '.venv', 'bin', 'python');

interface Message {
  cell: number;
  type: string;
  content: { execution_state?: string; name?: string; text?: string };
}

/** Lists of cells: those of a list are sent all at once, when those above have ended. */
const queue: string[][] = [];
let reports: Message[][] = [];

/** Puts cells at the end of the queue; returns what came of them. */
function runAll(...codes: string[]): () => Message[] {
  const place = queue.push(codes) - 1;
  return () => reports[place]!;
}

/** Sends the queue to a kernel. */
function runQueue(): void {
  const run = spawnSync(PYTHON, [join(__dirname, 'queue_cells.py'), ROOT], {
    input: JSON.stringify(queue),
    encoding: 'utf8',
    maxBuffer: 1e8,
  });
  assert.equal(run.status, 0, run.stderr);
  reports = JSON.parse(run.stdout) as Message[][];
}

function textOf(messages: Message[], cell: number, name: 'stdout' | 'stderr'): string {
  const streams = messages.filter((message) => message.type === 'stream' && message.cell === cell);
  return streams.map(({ content }) => (content.name === name ? content.text : '')).join('');
}

test('each patch opens with its reason', () => {
  const files = readdirSync(join(ROOT, 'patches'));
  assert.ok(files.length > 0);
  for (const file of files) {
    assert.match(file, /^(@[\w.-]+\+)?[\w.-]+\+\d+\.\d+\.\d+\+\d{3}\+[\w-]+\.patch$/);
    assert.match(
      readFileSync(join(ROOT, 'patches', file), 'utf8'),
      /^\w[\s\S]{80,}?\n\n--- a\/node_modules\//,
    );
  }
});

describe('a tslab kernel', { skip: existsSync(PYTHON) ? false : 'no .venv: run npm run setup' }, () => {
  before(runQueue);

  const failing = runAll(
    'interface Unused {\n  a: number;\n}\n\nfunction half(x: number): number {\n  if (x % 2) throw ' +
      'new RangeError(x + " is odd");\n  return x / 2;\n}',
    'type Another = string;\n\nconst three: number = 3;\nawait null;\nconsole.log(half(three));',
  );
  test('shows the lines of the cell in which an error arose', () => {
    // The second cell was sent before the first one ran.
    const [message, ...rest] = textOf(failing(), 1, 'stderr').trimEnd().split('\n');
    assert.equal(message, 'RangeError: 3 is odd');
    assert.equal(rest[0], '    6 |   if (x % 2) throw new RangeError(x + " is odd");');
    assert.match(rest[1]!, /^ {6}\| +\^$/);
    assert.deepEqual(rest.slice(2), ['    at half, cell [1], line 6', '    at cell [2], line 5']);
  });

  const fitting = runAll(
    "import * as tf from '@tensorflow/tfjs';\n" +
      'const model = tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [3] })] });\n' +
      "model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });",
    'const xs = tf.zeros([4, 3]);\nawait model.fit(xs, tf.zeros([4]));',
  );
  const recursive = runAll(
    'const down = (n: number): number => {\n  if (n === 0) throw new Error("deep");\n' +
      '  return down(n - 1);\n};\n[9].map(down);',
  );
  test('shows the line of the cell, however deep in a package the error arose', () => {
    const [, line, , ...frames] = textOf(fitting(), 1, 'stderr').trimEnd().split('\n');
    assert.equal(line, '    2 | await model.fit(xs, tf.zeros([4]));');
    assert.match(frames.at(-1)!, /^ {4}at cell \[\d+\], line 2$/);
    assert.match(frames.at(-2)!, /^ {4}\.\.\. \d+ more$/);
    assert.equal(frames.length, 5, frames.join('\n'));
    // Frames at one line stand once, and none after the last line of a cell.
    const places = textOf(recursive(), 0, 'stderr').match(/line \d+$/gm);
    assert.deepEqual(places, ['line 2', 'line 3', 'line 5']);
  });

  const shorthand = runAll(
    'const k = 5; let alpha = 0.5; let rho = 1; const options = { ' +
      'rho: 0.1 } as { rho?: number; alpha?: number };',
    'const inner = 2; console.log(JSON.stringify({ k, alpha, inner, nested: [{ k }] }));',
    '({ rho, alpha = 0.25 } = options); console.log(rho, alpha);',
    'const make = ({ k, alpha = 1 }: { k: number; alpha?: number }) => ({ k, alpha }); ' +
      'console.log(JSON.stringify(make({ k: 7 })), k);',
  );
  test('knows shorthand properties of variables of earlier cells', () => {
    assert.equal(textOf(shorthand(), 1, 'stdout'), '{"k":5,"alpha":0.5,"inner":2,"nested":[{"k":5}]}\n');
    assert.equal(textOf(shorthand(), 2, 'stdout'), '0.1 0.25\n');
    assert.equal(textOf(shorthand(), 3, 'stdout'), '{"k":7,"alpha":1} 5\n');
  });

  const names = runAll(
    'const methods: { kind: string; k?: number }[] = [{ kind: "sam", k: 5 }]; const kind = "none";',
    'const { kind: method, k: steps } = methods[0]; const of = ({ k: n = 1 }: { k?: number }) => n;',
    'console.log(method, steps, of(methods[0]), kind);',
  );
  test('knows names of properties from variables, whatever cell declares their type', () => {
    assert.equal(textOf(names(), 2, 'stdout') + textOf(names(), 1, 'stderr'), 'sam 5 5 none\n');
  });

  const wait = 'await new Promise((resolve) => setTimeout(resolve, 150));';
  const waiting = runAll(wait, wait, 'console.log("last");');
  test('is busy with one cell at a time', () => {
    const states = waiting()
      .filter(({ type }) => type === 'status')
      .map(({ cell, content }) => `${cell} ${content.execution_state}`);
    assert.deepEqual(states, ['0 busy', '0 idle', '1 busy', '1 idle', '2 busy', '2 idle']);
  });

  const lines = 3000;
  const talking = runAll(`for (let i = 0; i < ${lines}; i++) console.log(i);`);
  test('loses no output, however much comes at once', () => {
    const all = Array.from({ length: lines }, (_, i) => `${i}\n`).join('');
    assert.equal(textOf(talking(), 0, 'stdout'), all);
    assert.equal(textOf(talking(), 0, 'stderr'), '');
  });

  const packaged = runAll(
    "import * as tf from '@tensorflow/tfjs-core';",
    'tf.tidy(() => tf.reshape({} as tf.Tensor, [1]));',
  );
  test('begins an error of a package with what went wrong, not with the line that threw it', () => {
    const error = /^Error: Argument 'x' passed to 'reshape' must be a Tensor/;
    assert.match(textOf(packaged(), 1, 'stderr'), error);
  });
});
