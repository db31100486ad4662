/** Files are written and read as files alone: no link is followed, no pipe is waited for. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { DataError } from '../../lib/dist/core/errors';
import { writeFileAtomic } from '../../lib/dist/files/atomicFile';
import { parseChecked, stringifyChecked } from '../../lib/dist/files/checkedJson';
import { tryLock } from '../../lib/dist/files/lock';
import { readRegularFile } from '../../lib/dist/files/regularFile';
import { SurfaceFile } from '../../lib/dist/landscape/surfaceFile';

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'lookbehind-files-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test('links under the names that temporary files once had are not written through', (t) => {
  const folder = folderOf(t);
  const victim = join(folder, 'victim');
  writeFileSync(victim, 'precious');
  for (let i = 0; i < 50; i++) symlinkSync(victim, join(folder, `new.${process.pid}.${i}.tmp`));
  writeFileAtomic(join(folder, 'new'), 'content');
  assert.equal(readFileSync(victim, 'utf8'), 'precious');
  assert.equal(readFileSync(join(folder, 'new'), 'utf8'), 'content');
});

test('a pipe, a device and a folder are refused at once', (t) => {
  const folder = folderOf(t);
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  for (const path of [pipe, '/dev/zero'])
    assert.throws(() => readRegularFile(path), /pipe or device, not a file/);
  assert.throws(() => readRegularFile(folder), /folder, not a file/);
  assert.throws(() => new SurfaceFile(pipe, 'any'), /pipe or device, not a file/);
});

test('a lock without a start, or with a number that no process has, is taken over', (t) => {
  const folder = join(folderOf(t), 'run');
  const first = tryLock(folder)!;
  const holder = JSON.parse(readFileSync(join(folder, readdirSync(folder)[0]), 'utf8'));
  first.release();
  const { started: _, ...startless } = holder;
  const wrong = [
    { ...startless, pid: 2 ** 40 },
    { ...holder, started: '' },
    ...[-1, 0, 1.5, 1e300].map((pid) => ({ ...startless, pid })),
  ];
  for (const content of [
    ...wrong,
    { ...holder, host: 'elsewhere', pid: -5 },
    { ...startless, host: 'elsewhere' },
  ]) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'lock-00000000-0000.json'), JSON.stringify(content));
    const lock = tryLock(folder);
    assert.ok(lock, JSON.stringify(content));
    lock.release();
    assert.deepEqual(readdirSync(folder), []);
  }
});

test('points of a surface file have whole numbers as indices', (t) => {
  const path = join(folderOf(t), 'surface.jsonl');
  const good = [0, 1, 0.5, 0.25];
  const wrong = [
    ['__proto__', 'flatMap', 1, 1],
    [-1, 0, 1, 1],
    [0.5, 0, 1, 1],
    [1e300, 0, 1, 1],
    [0, 0, 1],
    { 0: 0 },
    null,
  ];
  const header = { format: 'lookbehind-surface/3', fingerprint: 'any', chunkSize: 4, probes: [] };
  const lines = [header, ...[good, ...wrong].map((point) => ({ points: [point] })), { points: 'many' }];
  writeFileSync(path, lines.map((line) => `${stringifyChecked(line)}\n`).join(''));
  assert.deepEqual(new SurfaceFile(path, 'any').points, [good]);
});

test('checked JSON keeps numbers that are not finite, and no changed letter goes unnoticed', () => {
  const record = {
    format: 'any/1',
    loss: [Number.NaN, 1 / 3, Number.POSITIVE_INFINITY, -1e-300],
    note: { text: 'ä "NaN' },
  };
  for (const text of [stringifyChecked(record), stringifyChecked(record, 2)]) {
    assert.deepEqual(parseChecked(text), record);
    for (let at = 0; at < text.length; at++) {
      const changed = `${text.slice(0, at)}${text[at] === '7' ? '8' : '7'}${text.slice(at + 1)}`;
      assert.throws(() => parseChecked(changed), DataError, `letter ${at}`);
    }
  }
  for (const other of ['', 'null', '[]', '{}', '5', '{"crc32":0}'])
    assert.throws(() => parseChecked(other), DataError);
});
