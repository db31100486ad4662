/**
 * Cells in a real tslab kernel: what a saved notebook holds, what changes in place, and what an interrupt
 * does.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';

const ROOT = join(__dirname, '..', '..');
const PYTHON = join(ROOT, '.venv', 'bin', 'python');

interface Output {
  output_type: string;
  data?: Record<string, unknown>;
  text?: string;
}

interface CellReport {
  outputs: Output[];
  error: string | null;
  seconds: number;
  messages: string[];
}

const CELLS = [
  {
    // Single files: TensorFlow takes seconds to load and is not needed here.
    code: `
      import * as figures from 'lookbehind/figures';
      import { interruptible } from '../lib/dist/notebook/interrupt';
      import { progress } from '../lib/dist/notebook/progress';
      import { liveFigure } from '../lib/dist/notebook/liveFigure';
      import { show } from '../lib/dist/notebook/show';
      import { table } from '../lib/dist/notebook/table';`,
  },
  {
    code: `
      const figure = figures.curves({ series: [{ method: 'sam', x: [1, 2, 3], runs: [[3, 2, 1], [3, 2, 1.5]] }] });
      await show(figure, { caption: { seeds: 2 } });`,
  },
  {
    code:
      "table([{ method: 'SAM', error: [1, 2, 3] }, { method: 'SGD', " +
      "error: [4, 5, 6] }], { best: { error: 'min' } });",
  },
  {
    code: `
      const bar = progress({ title: 'Counting', total: 300 });
      for (let i = 1; i <= 300; i++) {
        await new Promise((resolve) => setTimeout(resolve, 2));
        bar.update(i, { loss: 1 / i });
      }
      bar.finish();`,
  },
  {
    code: `
      const live = liveFigure(figure, { interval: 100 });
      const start = performance.now();
      for (let i = 0; performance.now() - start < 2000; i++) {
        live.update(figures.withCaption(figure, 'Update ' + i));
        await new Promise((resolve) => setTimeout(resolve, 40));
      }
      await live.finish(figures.withCaption(figure, 'The end'));`,
  },
  {
    code: `
      let counter = 0;
      let cleaned = false;
      const work = async (signal: AbortSignal): Promise<void> => {
        const bar = progress({ title: 'Long work', total: 1000000 });
        try {
          while (!signal.aborted) {
            counter++;
            await new Promise((resolve) => setImmediate(resolve));
            bar.update(counter);
          }
          await new Promise((resolve) => setTimeout(resolve, 100));
          cleaned = true;
        } finally {
          bar.finish();
        }
      };`,
  },
  {
    // Not in the cell's first synchronous stretch, where there are no handlers.
    code: `
      await new Promise((resolve) => setImmediate(resolve));
      const before = process.listenerCount('SIGINT');`,
  },
  { code: 'await interruptible(work);', interruptAt: 'Long work' },
  {
    code: `
      const stopped = counter;
      await new Promise((resolve) => setTimeout(resolve, 100));
      console.log(JSON.stringify({ moved: counter - stopped, cleaned, handlers: process.listenerCount('SIGINT') - before }));`,
  },
  { code: 'const again = await interruptible(async () => "ran again"); console.log(again);' },
];

describe(
  'cells in a tslab kernel',
  { skip: existsSync(PYTHON) ? false : 'no .venv: run npm run setup' },
  () => {
    let report: CellReport[];

    before(() => {
      const { JPY_SESSION_NAME: _, ...env } = process.env;
      const run = spawnSync(PYTHON, [join(__dirname, 'run_cells.py'), join(ROOT, 'notebooks')], {
        input: JSON.stringify(CELLS),
        env,
        encoding: 'utf8',
        maxBuffer: 1e8,
      });
      assert.equal(run.status, 0, run.stderr);
      report = JSON.parse(run.stdout);
    });

    const only = (cell: number): Record<string, unknown> => {
      const { outputs, error } = report[cell]!;
      assert.equal(error, null);
      assert.equal(outputs.length, 1, JSON.stringify(outputs).slice(0, 500));
      return outputs[0]!.data!;
    };

    test('importing the library prints nothing', () => {
      assert.equal(report[0]!.error, null);
      assert.deepEqual(report[0]!.outputs, []);
    });

    test('a figure is interactive, a picture and text in one output, and no HTML', () => {
      const data = only(1);
      assert.deepEqual(Object.keys(data).sort(), [
        'application/vnd.plotly.v1+json',
        'image/png',
        'text/plain',
      ]);
      const { data: traces, layout } = data['application/vnd.plotly.v1+json'] as {
        data: object[];
        layout: { width?: number; autosize: boolean; height: number; annotations: { text: string }[] };
      };
      assert.equal(traces.length, 2);
      assert.equal(layout.annotations[0]!.text, '2 seeds');
      const png = Buffer.from(data['image/png'] as string, 'base64');
      assert.equal(png.toString('latin1', 1, 4), 'PNG');
      // As wide as its cell, while the picture has the figure's own size.
      assert.deepEqual([layout.width, layout.autosize], [undefined, true]);
      assert.deepEqual([png.readUInt32BE(16), png.readUInt32BE(20)], [820, layout.height]);
    });

    test('a table is HTML, Markdown and text, with the best marked', () => {
      const data = only(2);
      assert.match(data['text/html'] as string, /<b>2\.00 ± 1\.00<\/b>/);
      assert.match(data['text/markdown'] as string, /\| \*\*2\.00 ± 1\.00\*\* \|/);
      assert.match(data['text/plain'] as string, /\*2\.00 ± 1\.00/);
    });

    test('progress changes in place, at most ten times a second, and leaves one quiet line', () => {
      assert.match(only(3)['text/plain'] as string, /^Counting: 300 steps in \d+(\.\d)? s · loss 0\.003333$/);
      const { messages, seconds } = report[3]!;
      assert.deepEqual([...new Set(messages)], ['display_data', 'update_display_data']);
      assert.ok(
        messages.length >= 4 && messages.length <= seconds * 10 + 3,
        `${messages.length} drawings in ${seconds} s`,
      );
    });

    test('a live figure changes in place and ends with its last state and picture', () => {
      const data = only(4);
      const { layout } = data['application/vnd.plotly.v1+json'] as {
        layout: { annotations: { text: string }[] };
      };
      assert.equal(layout.annotations[0]!.text, 'The end');
      assert.deepEqual(Object.keys(data).sort(), [
        'application/vnd.plotly.v1+json',
        'image/png',
        'text/plain',
      ]);
      const { messages } = report[4]!;
      assert.ok(messages.length >= 3 && messages.length <= 27, messages.join());
    });

    test('an interrupt stops the work, waits for its cleaning up, and fails the cell', () => {
      const { error, outputs } = report[7]!;
      assert.match(error!, /AbortedError: Interrupted/);
      assert.match(outputs[0]!.data!['text/plain'] as string, /^Long work: stopped at \d+ of 1000000 steps/);
    });

    test('afterwards nothing runs on, no handler is left, and cells work again', () => {
      assert.deepEqual(JSON.parse(report[8]!.outputs[0]!.text!), { moved: 0, cleaned: true, handlers: 0 });
      assert.equal(report[9]!.outputs[0]!.text, 'ran again\n');
    });
  },
);
