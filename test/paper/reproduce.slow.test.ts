/**
 * `npm run reproduce` for the tables that paperScale.long.test.ts leaves out, with small networks; and what
 * it refuses.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { startReproduce, writeCifar10 } from './support';

const scratch = mkdtempSync(join(tmpdir(), 'lookbehind-reproduce-'));
after(() => rmSync(scratch, { recursive: true, force: true, maxRetries: 5 }));

const images = join(scratch, 'images');
writeCifar10(images, { train: 100, test: 50 });
const sizes = join(scratch, 'sizes.json');
writeFileSync(
  sizes,
  JSON.stringify({
    data: 'cifar10',
    folder: images,
    samples: 100,
    models: { kind: 'mlp', hidden: [8] },
    epochs: 2,
    seeds: 2,
    draws: 2,
  }),
);

const run = (table: string, ...more: string[]) =>
  startReproduce(
    '--table',
    table,
    '--sizes',
    sizes,
    '--store',
    join(scratch, 'runs'),
    '--out',
    join(scratch, table),
    ...more,
  ).ended;

describe('npm run reproduce', () => {
  test('makes the table of lifelong learning', async () => {
    const settings = ['methods=["sgd","lookbehindSAM"]', 'k=2', 'alpha=["adaptive"]', 'tasks=2', 'memory=20'];
    const { code, text } = await run(
      'lifelong',
      ...settings.flatMap((one) => ['--size', one]),
      '--engine',
      'processes',
    );
    assert.equal(code, 0, text);
    assert.match(text, /8 runs, 0 failed; all together [\d,]+ gradients of one batch/);
    assert.deepEqual(
      readdirSync(join(scratch, 'lifelong')).sort(),
      [
        ...['csv', 'json', 'md'].map((ending) => `lifelong.${ending}`),
        ...['', '-replay'].flatMap((suffix) =>
          ['html', 'json', 'png'].map((ending) => `lifelong-cifar-10-100-images-mlp${suffix}.${ending}`),
        ),
        'runs.csv',
      ].sort(),
    );
    const markdown = readFileSync(join(scratch, 'lifelong', 'lifelong.md'), 'utf8');
    for (const label of ['SGD', 'Lookbehind-SAM, k = 2, α adaptive'])
      assert.equal(markdown.split(`| ${label} |`).length - 1, 2, `${label} without and with replay`);
    assert.equal(
      readFileSync(join(scratch, 'lifelong', 'runs.csv'), 'utf8')
        .trim()
        .split('\n').length,
      9,
    );
  });

  test('makes the table of k and alpha, and a second time only what is missing', async () => {
    const chosen = ['--size', 'k=[1,2]', '--size', 'methods=["sam","lookbehindSAM"]'];
    const first = await run('ablation', ...chosen, '--size', 'alpha=0.5');
    assert.equal(first.code, 0, first.text);
    const second = await run('ablation', ...chosen, '--size', 'alpha=[0.5,1]');
    assert.equal(second.code, 0, second.text);
    assert.match(second.text, /10 runs, 6 of them from before\. The other 4 take [\d,]+ gradients/);
    const figure = JSON.parse(
      readFileSync(join(scratch, 'ablation', 'ablation-cifar-10-100-images-mlp-sam.json'), 'utf8'),
    ) as {
      data: { z: number[][] }[];
    };
    assert.equal(figure.data[0].z.flat().filter(Number.isFinite).length, 4);
  });

  test('refuses what it does not know, before anything is run', async () => {
    const wrong: [string[], RegExp][] = [
      [['--table', 'sharpness'], /--table must be one of "generalization"/],
      [['--table', 'noise', '--size', 'epochs'], /--size must be of the form NAME=VALUE/],
      [['--table', 'noise', '--size', 'epoch=3'], /has no option "epoch"/],
      [['--table', 'noise', '--sizes', join(scratch, 'absent.json')], /--sizes must be a readable JSON file/],
      [['--table', 'noise', '--gpus', '1'], /--gpus must be left out with --engine inProcess/],
    ];
    await Promise.all(
      wrong.map(async ([args, message]) => {
        const { code, text } = await startReproduce(...args, '--store', join(scratch, 'none')).ended;
        assert.equal(code, 1);
        assert.match(text, message);
        assert.doesNotMatch(text, /^ +at /m, 'without a stack');
      }),
    );
  });
});
