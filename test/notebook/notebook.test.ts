import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, test } from 'node:test';
import fc from 'fast-check';
import { AbortedError, OptionError } from 'lookbehind/errors';
import { interruptible, profile, progress } from 'lookbehind/notebook';
import { renderTable, type TableRow } from 'lookbehind/statistics';
import { duration } from '../../lib/dist/core/duration';
import { inKernel } from '../../lib/dist/notebook/display';
import { throttle } from '../../lib/dist/notebook/throttle';

const NOTEBOOK = require.resolve('../../lib/dist/notebook/interrupt').replace(/interrupt\.js$/, '');

describe('tables', () => {
  const rows: TableRow[] = [
    { method: 'SAM', error: [25.1, 26.3, 25.9], cost: 12000, alpha: null },
    { method: 'a|b <i>', error: { mean: 24, std: 0.5 }, cost: 500, alpha: 0.5 },
    { method: 'SGD', error: [30, Number.NaN, 10], cost: 100, alpha: Number.NaN },
  ];
  const options = { digits: { error: 1 }, best: { error: 'min', cost: 'min' } } as const;

  test('show means with their spread, mark the best, and name what diverged', () => {
    const cells = renderTable(rows, options)
      .text.split('\n')
      .map((line) => line.split(/ {2,}/));
    assert.deepEqual(cells[0], ['method', 'error', 'cost', 'alpha']);
    assert.deepEqual(cells[2], ['SAM', '25.8 ± 0.6', '12000']);
    assert.deepEqual(cells[3], ['a|b <i>', '*24.0 ± 0.5', '500', '0.50']);
    assert.deepEqual(cells[4], ['SGD', '20.0 ± 14.1 (1 diverged)', '*100', 'diverged']);
  });

  test('tell apart what diverged, what failed, and what has no value', () => {
    const samples: Record<string, TableRow[string]> = {
      some: [30, Number.NaN, 10, 'failed', 'failed', null],
      one: [3, 'failed'],
      failed: ['failed', 'failed'],
      diverged: [Number.NaN, Number.POSITIVE_INFINITY],
      both: [Number.NaN, 'failed'],
      none: [null, null],
      empty: [],
    };
    const { text } = renderTable(Object.entries(samples).map(([name, value]) => ({ name, value })));
    assert.deepEqual(
      text
        .split('\n')
        .slice(2)
        .map((line) => line.split(/ {2,}/)[1]),
      [
        '20.00 ± 14.14 (1 diverged, 2 failed, 1 without a value)',
        '3.00 (1 failed)',
        'failed',
        'diverged',
        '1 diverged, 1 failed',
        '–',
        '–',
      ],
    );
  });

  test('escape what HTML and Markdown would read', () => {
    const { html, markdown } = renderTable(rows, {
      ...options,
      caption: 'a < b',
      heads: { error: 'error & more' },
    });
    assert.match(html, /<td style="text-align:left;white-space:nowrap">a\|b &lt;i&gt;<\/td>/);
    assert.match(html, /<figcaption[^>]*>a &lt; b<\/figcaption>.*error &amp; more/);
    assert.match(markdown, /^a \\< b\n\n\| method \| error \\& more \|.*\n\| --- \| ---: \|/);
    assert.match(renderTable([{ a: 'two\nlines' }]).text, /\ntwo lines$/);
    assert.match(markdown, /\| a\\\|b \\<i\\> \| \*\*24\.0 ± 0\.5\*\* \|/);
  });

  test('break names of rows in HTML only where they are long', () => {
    const cell = (name: string) => renderTable([{ name, remark: 'two words' }]).html.match(/<td[^>]*>/g);
    assert.deepEqual(cell('k = 5'), [
      '<td style="text-align:left;white-space:nowrap">',
      '<td style="text-align:left">',
    ]);
    assert.deepEqual(cell('a name '.repeat(6)), [
      '<td style="text-align:left;min-width:14em">',
      '<td style="text-align:left">',
    ]);
    assert.match(renderTable([{}]).html, /<tr><\/tr>/);
  });

  test('keep an interval or a number with its unit in one line of a text', () => {
    const { html, text } = renderTable([
      { name: 'a', found: 'step 0.3 / 2: -1.2 [-2.5, 0.2] points, 20 % wrong' },
    ]);
    assert.match(
      html,
      />step\u00a00\.3\u00a0\/\u00a02:\u00a0-1\.2\u00a0\[-2\.5,\u00a00\.2\] points,\u00a020\u00a0% wrong</,
    );
    assert.match(text, /step 0\.3/);
  });

  test('join x_mean and x_std, and choose columns', () => {
    const { text } = renderTable([{ k: 2, error_mean: 3, error_std: 0.25, n: 5 }], {
      columns: ['error', 'k'],
    });
    assert.match(text, /error {2}k\n.*\n3\.00 ± 0\.25 {2}2$/);
  });

  test('refuse columns that the table lacks', () => {
    assert.throws(
      () => renderTable(rows, { best: { eror: 'min' } }),
      /best must be a column of the table: method, error, cost, alpha/,
    );
    assert.throws(() => renderTable(rows, { columns: ['x'] }), OptionError);
    assert.throws(() => renderTable(rows, { digits: { x: 1 } }), OptionError);
  });

  test('have as many lines as rows, whatever is in them', () => {
    const cell = fc.oneof(
      fc.string(),
      fc.double(),
      fc.integer(),
      fc.constant(null),
      fc.array(fc.double(), { minLength: 1 }),
    );
    fc.assert(
      fc.property(fc.array(fc.record({ a: cell, b: cell }), { minLength: 1 }), (random) => {
        const { html, markdown } = renderTable(random);
        assert.equal(html.match(/<tr>/g)!.length, random.length + 1);
        assert.equal(markdown.split('\n').length, random.length + 2);
      }),
    );
  });

  test('read danfojs frames, also aggregated ones', async () => {
    const { DataFrame } = await import('danfojs-node');
    const frame = new DataFrame([
      { method: 'SAM', error: 25 },
      { method: 'SAM', error: 27 },
      { method: 'SGD', error: 30 },
      { method: 'SGD', error: 34 },
    ]);
    assert.match(renderTable(frame).text, /^method {2}error\n.*\nSAM {8}25\nSAM {8}27\n/);
    const aggregated = frame.groupby(['method']).agg({ error: ['mean', 'std'] });
    assert.match(
      renderTable(aggregated, { best: { error: 'min' } }).text,
      /SAM {5}\*26\.00 ± 1\.41\nSGD {6}32\.00 ± 2\.83$/,
    );
  });
});

describe('the profile', () => {
  const old = process.env.LB_PROFILE;
  afterEach(() => {
    if (old === undefined) delete process.env.LB_PROFILE;
    else process.env.LB_PROFILE = old;
  });

  test('is what LB_PROFILE says, else quick', () => {
    process.env.LB_PROFILE = 'smoke';
    assert.equal(profile(), 'smoke');
    delete process.env.LB_PROFILE;
    assert.equal(profile(), 'quick');
  });

  test('can be no other', () => {
    process.env.LB_PROFILE = 'fast';
    assert.throws(() => profile(), /LB_PROFILE must be one of "smoke", "quick", "paper", got "fast"/);
  });
});

describe('durations', () => {
  test('are written for people', () => {
    const texts = [0.04, 9.94, 9.96, 59.4, 59.6, 185, 3599.6, 7800, 3e5, 2e6, 1e8].map(duration);
    assert.deepEqual(texts, [
      '0.0 s',
      '9.9 s',
      '10 s',
      '59 s',
      '1 min 00 s',
      '3 min 05 s',
      '1 h 00 min',
      '2 h 10 min',
      '3 d 11 h',
      '23 d',
      '3 years',
    ]);
  });
});

describe('throttled drawing', () => {
  const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

  test('draws at once, then once per interval, and the last state in the end', async () => {
    let state = 0;
    const drawn: number[] = [];
    const drawing = throttle(() => drawn.push(state), 30);
    for (state = 1; state <= 5; state++) drawing.call();
    state = 6;
    while (drawn.length < 2) await sleep(10);
    await sleep(60);
    assert.deepEqual(drawn, [1, 6]);
    drawing.call();
    drawing.call();
    drawing.cancel();
    await sleep(60);
    assert.deepEqual(drawn, [1, 6, 6]);
  });
});

describe('outside a notebook', () => {
  /** Runs code in a process of its own, where standard error is no terminal. */
  function script(code: string): { stdout: string; stderr: string } {
    const { stdout, stderr, status } = spawnSync(process.execPath, ['-e', code], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    return { stdout, stderr };
  }
  const load = (file: string) => `require(${JSON.stringify(NOTEBOOK + file)})`;

  test('there is no kernel', () => {
    assert.equal(inKernel(), false);
  });

  test('progress leaves one line on standard error; silent, it leaves none', () => {
    const code = (silent: boolean) => `
      const bar = ${load('progress')}.progress({ title: 'Training', total: 4, unit: 'epochs', silent: ${silent} });
      bar.update(1, { loss: 0.123456 }); bar.update(3); bar.finish({ accuracy: '91 %' }); bar.finish();`;
    assert.match(
      script(code(false)).stderr,
      /^Training: stopped at 3 of 4 epochs in 0\.\d s · loss 0\.1235 · accuracy 91 %\n$/,
    );
    assert.equal(script(code(true)).stderr, '');
    const share = (end: number) => `
      const bar = ${load('progress')}.progress({ title: 'Sweep', total: 1, unit: '%' });
      bar.update(${end}); bar.finish();`;
    assert.match(script(share(0.349)).stderr, /^Sweep: stopped at 34 % in /);
    assert.match(script(share(1)).stderr, /^Sweep: done in /);
  });

  test('a figure is a line of text, a table is printed', () => {
    const { stdout } = script(`
      const { curves } = require(${JSON.stringify(NOTEBOOK)} + '../figures');
      ${load('table')}.table([{ a: 1 }]);
      void ${load('show')}.show(curves({ series: [{ method: 'sam', x: [1], runs: [[1]] }] }));`);
    assert.equal(stdout, 'a\n─\n1\n[figure] Loss against epoch (SAM)\n');
  });

  test('progress refuses a total of nothing', () => {
    assert.throws(() => progress({ title: 'x', total: 0 }), OptionError);
  });

  test('Ctrl-C aborts interruptible work, which ends in order', async () => {
    const child = spawn(process.execPath, [
      '-e',
      `${load('interrupt')}.interruptible(async (signal) => {
        console.log('working');
        while (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, 5));
        console.log('tidied up');
      }).catch((error) => console.log(error.name, process.listenerCount('SIGINT')));`,
    ]);
    let output = '';
    child.stdout.on('data', (text) => {
      output += text;
      if (output === 'working\n') child.kill('SIGINT');
    });
    const [code] = await once(child, 'exit');
    assert.equal(code, 0);
    assert.equal(output, 'working\ntidied up\nAbortedError 0\n');
  });
});

describe('without the optional packages', () => {
  test('pictures fail with a hint that names what to install', () => {
    // The built files alone, in a folder above which there is no node_modules.
    const folder = mkdtempSync(join(tmpdir(), 'lookbehind-'));
    try {
      for (const part of ['figures', 'notebook/static.js', 'notebook/svgBoxes.js', 'core']) {
        cpSync(join(NOTEBOOK, '..', part), join(folder, part), { recursive: true });
      }
      const code = `
        const { figureToPng } = require('./notebook/static');
        const { curves } = require('./figures');
        figureToPng(curves({ series: [] })).catch((error) => console.log(error.name, error.message));`;
      const { stdout } = spawnSync(process.execPath, ['-e', code], { encoding: 'utf8', cwd: folder });
      assert.match(
        stdout,
        /^PictureError Pictures of figures need the package jsdom\. Install it with: npm install /,
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('interruptible work', () => {
  test('returns its result or its error, and leaves the handlers as they were', async () => {
    const before = process.listeners('SIGINT');
    assert.equal(await interruptible(async () => 7), 7);
    await assert.rejects(
      interruptible(async () => {
        throw new RangeError('own error');
      }),
      RangeError,
    );
    assert.deepEqual(process.listeners('SIGINT'), before);
  });

  test('fails after an interrupt also where it returns normally', async () => {
    const work = interruptible(async (signal) => {
      process.emit('SIGINT');
      return signal.aborted;
    });
    await assert.rejects(work, AbortedError);
  });
});
