/**
 * Disks that refuse: full, read-only, with a limit on the size of files. Each gives a StorageError that says
 * so, and nothing saved is lost.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { configHash, executeRun, openRun, type RunConfig, RunStore } from 'lookbehind/runs';
import { readCheckpoint } from '../../lib/dist/training/checkpoint';
import { outputOf, startScript, temporaryFolder } from './support';

const CONFIG: RunConfig = {
  data: { kind: 'digits', trainSize: 100 },
  model: { kind: 'mlp', hidden: [64] },
  optimizer: { kind: 'sgd', momentum: 0.9 },
  epochs: 6,
  batchSize: 50,
};
const hash = configHash(CONFIG);

/** A file system in memory of so many kilobytes; undefined where this user may not mount one. */
function smallDisk(t: TestContext, kilobytes: number): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'lookbehind-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${kilobytes}k`, 'tmpfs', folder], { stdio: 'pipe' });
  } catch {
    rmSync(folder, { recursive: true });
    t.skip('mounting a small disk needs root');
    return undefined;
  }
  t.after(() => {
    execFileSync('umount', ['-l', folder]);
    rmSync(folder, { recursive: true });
  });
  return folder;
}

const storageError = (pattern: RegExp) => (error: Error) => {
  assert.equal(error.name, 'StorageError', error.stack);
  assert.match(error.message, pattern);
  return true;
};

test('a full disk ends a run with what to do; with space again it ends as undisturbed', async (t) => {
  const disk = smallDisk(t, 512);
  if (disk === undefined) return;
  const whole = new RunStore(join(temporaryFolder(t), 'whole'));
  await executeRun(CONFIG, whole);
  const store = new RunStore(join(disk, 'runs'));
  const ballast = join(disk, 'ballast');
  // Room for some checkpoints of 40 kB each, then for none.
  const { bavail, bsize } = statfsSync(disk);
  writeFileSync(ballast, Buffer.alloc(bavail * bsize - 100 * 1024));
  await assert.rejects(
    executeRun(CONFIG, store, { checkpointSeconds: 0 }),
    storageError(/the disk is full \(ENOSPC\)\. Free some space/),
  );
  const folder = store.runFolder(hash);
  const kept = readdirSync(join(folder, 'checkpoint'));
  for (const name of kept) readCheckpoint(join(folder, 'checkpoint', name)); // whole, or it throws
  assert.deepEqual(
    (readdirSync(disk, { recursive: true }) as string[]).filter((name) => /tmp$|lock/.test(name)),
    [],
  );
  rmSync(ballast);
  const outcome = await executeRun(CONFIG, store, { checkpointSeconds: 0 });
  assert.ok(outcome.kind === 'done');
  assert.deepEqual(store.readCheckpoint(hash)!.weights, whole.readCheckpoint(hash)!.weights);
});

test('a full temporary folder', async (t) => {
  const disk = smallDisk(t, 64);
  if (disk === undefined) return;
  writeFileSync(join(disk, 'ballast'), Buffer.alloc(statfsSync(disk).bavail * statfsSync(disk).bsize));
  const child = startScript(
    `const tf = require('@tensorflow/tfjs');
    const { compile } = require('lookbehind/compile');
    const f = compile((x) => x.add(1));
    try { f(tf.scalar(1)); f(tf.scalar(1)); console.log('passed'); } catch (error) { console.log(error.name + ': ' + error.message); }`,
    [],
    { env: { TMPDIR: disk } },
  );
  const { stdout } = await outputOf(child);
  assert.match(stdout, /StorageError: .*the disk is full/);
});

test('a read-only folder: results are read, work is refused', async (t) => {
  const disk = smallDisk(t, 1024);
  if (disk === undefined) return;
  const store = new RunStore(join(disk, 'runs'));
  await executeRun(CONFIG, store);
  const other = { ...CONFIG, seed: 1 };
  execFileSync('mount', ['-o', 'remount,ro', disk]);
  const done = await executeRun(CONFIG, store);
  assert.ok(done.kind === 'done' && done.reused);
  (await openRun(CONFIG, store)).dispose();
  await assert.rejects(
    executeRun(other, store),
    storageError(/read-only, or belongs to another user \(EROFS\)\. Make it writable/),
  );
});

test('a limit on the size of files', async (t) => {
  const folder = temporaryFolder(t);
  const script = `process.on('SIGXFSZ', () => {});
    const { saveCheckpoint, loadCheckpoint } = require('lookbehind/train');
    const [folder] = process.argv.slice(1);
    const state = (size) => ({ manifest: { format: 'own' }, weights: new Uint8Array(size), optimizer: new Uint8Array(0) });
    saveCheckpoint(folder, state(1000));
    try { saveCheckpoint(folder, state(4e6)); } catch (error) { console.log(error.name + ': ' + error.message); }
    console.log(loadCheckpoint(folder).weights.length);`;
  const command = `ulimit -f 1024; exec "$0" -e "$1" "$2"`;
  const output = execFileSync('bash', ['-c', command, process.execPath, script, folder], {
    encoding: 'utf8',
    cwd: join(__dirname, '../..'),
  });
  assert.match(output, /StorageError: .*larger than allowed \(EFBIG\).*\n1000\n/);
  assert.equal(readdirSync(folder).length, 1);
  assert.ok(statSync(join(folder, '00000001.checkpoint')).size > 1000);
});
