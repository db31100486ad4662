/** Every line of guides/your-own.md, as a reader would run it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { ROOT } from './support';

const { node } = require('@tensorflow/tfjs-node') as {
  node: { encodePng(image: tf.Tensor3D): Promise<Uint8Array> };
};

/** Blocks of code in `language`, without the line that names their file. */
function blocks(guide: string, language: string): string[] {
  return [...guide.matchAll(new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``, 'g'))].map(([, code]) => code);
}

/** What the guide takes for given: a table of houses, and images of two signs. */
async function makeData(folder: string): Promise<void> {
  const rows = Array.from({ length: 150 }, (_, i) => [Math.sin(i * i), Math.cos(3 * i * i), Math.sin(5 * i)]);
  const lines = rows.map(([a, b, c]) =>
    [a, b, c, 1 + 2 * a - b + 0.5 * a * c].map((x) => x.toFixed(4)).join(),
  );
  writeFileSync(join(folder, 'houses.csv'), `size,age,floor,price\n${lines.join('\n')}\n`);
  for (const name of ['bar', 'cross']) {
    mkdirSync(join(folder, 'signs', name), { recursive: true });
    for (let i = 0; i < 40; i++) {
      const [x, y] = [i % 8, (i * 5) % 8];
      const isOn = (r: number, c: number): boolean => c === x || (name === 'cross' && r === y);
      const pixels = Array.from({ length: 64 }, (_, p) =>
        isOn(Math.floor(p / 8), p % 8) ? 255 : (p * i) % 60,
      );
      const image = tf.tensor3d(pixels, [8, 8, 1], 'int32');
      writeFileSync(join(folder, 'signs', name, `${i}.png`), await node.encodePng(image));
      image.dispose();
    }
  }
}

test("the guide to data and models of one's own", { timeout: 300_000 }, async (t) => {
  const guide = readFileSync(join(ROOT, 'guides', 'your-own.md'), 'utf8');
  mkdirSync(join(ROOT, 'results'), { recursive: true });
  const folder = mkdtempSync(join(ROOT, 'results', 'guide-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  await makeData(folder);
  const scripts = blocks(guide, 'js');
  for (const code of scripts) writeFileSync(join(folder, code.split('\n')[0].slice('// '.length)), code);
  const written = scripts.flatMap((code) => code.split('\n').filter((line) => line !== ''));
  assert.ok(written.length <= 85, `${written.length} lines of code`);
  const [grid] = blocks(guide, 'json');
  writeFileSync(join(folder, 'grid.json'), grid);
  const run = (...args: string[]): string => {
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    return stdout;
  };

  const said = run('train.mjs');
  const [, error] = /absolute error (\S+)/.exec(said)!;
  assert.ok(Number(error) < 0.2, said);
  assert.match(said, /sharpness 0\.\d+, noise adds [\d.]+,[\d.]+/);
  assert.match(said, /fit goes on at 0\.\d+/);
  for (const path of ['logs/houses k=2', 'checkpoints', 'network/model.json'])
    assert.ok(existsSync(join(folder, path)), path);

  const shell = blocks(guide, 'sh');
  assert.deepEqual(shell[0].split('\n').slice(0, 1), ['node train.mjs']);
  const [, command] = /^npx lookbehind (.*)\n$/.exec(shell[1])!;
  const reported = run(join(ROOT, 'lib', 'dist', 'bin.js'), ...command.split(' '), '--workers', '2');
  assert.match(reported, /12 runs, 0 of them from before, 0 failed/);
  const [head, ...rows] = readFileSync(join(folder, 'rows.csv'), 'utf8').trim().split('\n');
  assert.equal(rows.length, 12);
  assert.match(head, /noisyAccuracy@0\.1/);
  const again = run(join(ROOT, 'lib', 'dist', 'bin.js'), ...command.split(' '), '--workers', '2');
  assert.match(again, /12 runs, 12 of them from before/);
});
