/** What cells show of their last value, and of model.fit, in a real tslab kernel. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';

const ROOT = join(__dirname, '..', '..');
const PYTHON = join(ROOT, '.venv', 'bin', 'python');

interface Cell {
  outputs: { output_type: string; data?: Record<string, unknown>; text?: string; name?: string }[];
  error: string | null;
  messages: string[];
}

const CELLS = [
  `import * as tf from '@tensorflow/tfjs';
  import { Dataset, digits } from 'lookbehind/data';
  import { mlp } from 'lookbehind/models';
  import 'lookbehind/notebook';`,
  'tf.tensor2d([[1, 2], [3, 4.5]])',
  'const data = digits(); data.train',
  "new Dataset({ name: 'slope', split: 'all', inputs: Float32Array.of(1, " +
    '2), labels: [0.5, -3], inputShape: [] })',
  'const model = mlp({ inputs: 4, hidden: [3], classes: 2, seed: 0 }); model',
  `const xs = tf.randomNormal([60, 4]);
  const ys = tf.oneHot(tf.zeros([60], 'int32'), 2);
  model.compile({ optimizer: 'sgd', loss: 'meanSquaredError', metrics: ['accuracy'] });
  const history = await model.fit(xs, ys, { epochs: 3, batchSize: 10, validationData: [xs, ys] });`,
  'history',
  '({ plain: [1, 2] })',
  'const gone = tf.scalar(1); gone.dispose(); gone',
  'console.log(data);',
];

describe(
  'the last value of a cell',
  { skip: existsSync(PYTHON) ? false : 'no .venv: run npm run setup' },
  () => {
    let cells: Cell[];

    before(() => {
      const { JPY_SESSION_NAME: _, ...env } = process.env;
      const run = spawnSync(PYTHON, [join(__dirname, 'run_cells.py'), join(ROOT, 'notebooks')], {
        input: JSON.stringify(CELLS.map((code) => ({ code }))),
        env,
        encoding: 'utf8',
        maxBuffer: 1e8,
      });
      assert.equal(run.status, 0, run.stderr);
      cells = JSON.parse(run.stdout) as Cell[];
      for (const [i, { error }] of cells.entries()) assert.equal(error, null, CELLS[i]);
    });

    const text = (cell: number): string => cells[cell]!.outputs.map((output) => output.text ?? '').join('');

    test('a tensor shows its type, its shape and its numbers', () => {
      assert.match(text(1), /dtype: float32[\s\S]*shape: \[2,2\][\s\S]*\[1, 2 +\][\s\S]*\[3, 4\.5\]/);
      assert.ok(text(1).length < 200, text(1));
      assert.match(text(8), /disposed/);
    });

    test('a data set shows its sizes, its classes and its first images', () => {
      assert.match(
        text(2),
        /^digits, train: [\d,]+ samples of \[8, 8, 1\]; 10 classes: 0 \(\d+\), 1 \(\d+\)/,
      );
      const picture = cells[2]!.outputs.find(({ data }) => data !== undefined)!.data!;
      const png = Buffer.from(picture['image/png'] as string, 'base64');
      assert.equal(png.toString('latin1', 1, 4), 'PNG');
      assert.deepEqual([png.readUInt32BE(16), png.readUInt32BE(20)], [10 * 58, 2 * 58]);
      assert.equal(text(3), 'slope, all: 2 samples of []; labels are numbers from -3 to 0.5\n');
      // Also inside of other values.
      assert.match(text(9), /train: digits, train: [\d,]+ samples/);
    });

    test('a model shows its layers', () => {
      assert.match(text(4), /Layer \(type\)[\s\S]*Total params: 23\n/);
    });

    test('model.fit is one bar that changes in place', () => {
      const { outputs, messages } = cells[5]!;
      assert.equal(outputs.length, 1, JSON.stringify(outputs).slice(0, 1000));
      assert.match(
        outputs[0]!.data!['text/plain'] as string,
        /^fit: done in .* · epoch 3\/3 · loss [\d.]+ · val_loss [\d.]+ · acc [\d.]+ · val_acc [\d.]+$/,
      );
      assert.deepEqual([...new Set(messages)], ['display_data', 'update_display_data']);
    });

    test('a history shows a figure for each thing that was measured', () => {
      const shown = cells[6]!.outputs.map(({ data }) => data!['text/plain']);
      assert.deepEqual(shown, [
        '[figure] loss (training, validation)',
        '[figure] acc (training, validation)',
      ]);
    });

    test('other values are printed as ever', () => {
      assert.equal(text(7), '{ plain: [ 1, 2 ] }\n');
    });
  },
);
