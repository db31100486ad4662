import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isLocked, startOf, tryLock } from '../../lib/dist/files/lock';

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'lookbehind-lock-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'run');
}

/** The holder as the lock of this process writes it. */
function ownHolder(folder: string): { pid: number; started: string; host: string } {
  const lock = tryLock(folder);
  const [name] = readdirSync(folder);
  const holder = JSON.parse(readFileSync(join(folder, name), 'utf8'));
  lock?.release();
  return holder;
}

test('one holder at a time, also in one process', (t) => {
  const folder = folderOf(t);
  const lock = tryLock(folder);
  assert.ok(lock);
  assert.equal(tryLock(folder), undefined);
  assert.ok(isLocked(folder));
  lock.release();
  assert.ok(!isLocked(folder));
  assert.deepEqual(readdirSync(folder), []);
  const next = tryLock(folder);
  assert.ok(next);
  next.release();
});

test('the lock of a process that died is stale, whatever the clock says', async (t) => {
  const folder = folderOf(t);
  const { host } = ownHolder(folder);
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  const holder = { pid: child.pid!, started: startOf(child.pid!)!, host };
  const path = join(folder, 'lock-00000000-0000.json');
  writeFileSync(path, JSON.stringify(holder));
  for (const year of [1971, 2100]) {
    utimesSync(path, new Date(`${year}-01-01`), new Date(`${year}-01-01`));
    assert.equal(tryLock(folder), undefined, `with a file from ${year}`);
  }
  child.kill('SIGKILL');
  await once(child, 'exit');
  const lock = tryLock(folder);
  assert.ok(lock);
  assert.ok(!readdirSync(folder).includes('lock-00000000-0000.json'));
  lock.release();
});

test('a process number that is used again does not keep a lock alive', (t) => {
  const folder = folderOf(t);
  const holder = ownHolder(folder);
  writeFileSync(
    join(folder, 'lock-00000000-0000.json'),
    JSON.stringify({ ...holder, started: `${holder.started}0` }),
  );
  assert.ok(!isLocked(folder));
});

test('a damaged lock is stale', (t) => {
  const folder = folderOf(t);
  ownHolder(folder);
  writeFileSync(join(folder, 'lock-00000000-0000.json'), '{"pid": 1');
  assert.ok(!isLocked(folder));
});

test('a holder on another machine is alive while it touches its file', (t) => {
  const folder = folderOf(t);
  const holder = ownHolder(folder);
  const path = join(folder, 'lock-00000000-0000.json');
  writeFileSync(path, JSON.stringify({ ...holder, host: 'elsewhere' }));
  const clock = t.mock.method(performance, 'now', () => 0);
  const at = (seconds: number): boolean => {
    clock.mock.mockImplementation(() => seconds * 1000);
    return isLocked(folder);
  };
  assert.ok(at(0));
  assert.ok(at(50));
  utimesSync(path, new Date(1e9), new Date(1e9)); // a beat, by a clock far off
  assert.ok(at(90));
  assert.ok(at(140));
  assert.ok(!at(151));
  assert.deepEqual(readdirSync(folder), []);
});

test('is touched while the main thread is busy, and says so where it was lost', async (t) => {
  const [ours, theirs] = [folderOf(t), folderOf(t)];
  const [kept, taken] = [tryLock(ours)!, tryLock(theirs)!];
  const [file] = readdirSync(ours);
  utimesSync(join(ours, file), new Date(0), new Date(0));
  rmSync(theirs, { recursive: true }); // as one who takes the holder for dead
  await new Promise((started) => setTimeout(started, 1000));
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10_500); // a long step
  assert.ok(statSync(join(ours, file)).mtimeMs > Date.now() - 12_000);
  while (!taken.lost.aborted) await new Promise((wait) => setTimeout(wait, 50));
  assert.ok(!kept.lost.aborted);
  kept.release();
  taken.release();
});

test('of many processes that try at once, never two hold it', async (t) => {
  const folder = folderOf(t);
  const script = `
    const { tryLock } = require('./lib/dist/files/lock');
    const { openSync, closeSync, rmSync } = require('node:fs');
    const [folder] = process.argv.slice(1);
    const end = Date.now() + 700;
    let held = 0;
    while (Date.now() < end) {
      const lock = tryLock(folder);
      if (lock === undefined) continue;
      closeSync(openSync(folder + '/inside', 'wx')); // fails where another is inside
      held++;
      rmSync(folder + '/inside');
      lock.release();
    }
    console.log(held);`;
  const children = Array.from({ length: 3 }, () =>
    spawn(process.execPath, ['-e', script, folder], { cwd: join(__dirname, '../..') }),
  );
  const results = await Promise.all(
    children.map(async (child) => {
      const output: string[] = [];
      child.stdout.setEncoding('utf8').on('data', (text: string) => output.push(text));
      child.stderr.setEncoding('utf8').on('data', (text: string) => output.push(text));
      const [code] = await once(child, 'close');
      return { code, output: output.join('') };
    }),
  );
  for (const { code, output } of results) assert.equal(code, 0, output);
  assert.ok(results.reduce((sum, { output }) => sum + Number(output), 0) > 10);
});
