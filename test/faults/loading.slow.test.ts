/**
 * Loading executes no code, follows no name out of its folder, and changes no prototype: checkpoints, runs,
 * archives, states, configurations.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { lookbehindSAM } from 'lookbehind';
import { digits } from 'lookbehind/data';
import { DataError, OptionError, StateMismatchError } from 'lookbehind/errors';
import { surfaceFromJson } from 'lookbehind/landscape';
import * as models from 'lookbehind/models';
import { executeRun, type RunConfig, RunStore, resolveConfig } from 'lookbehind/runs';
import { loadCheckpoint, saveCheckpoint, Trainer, type TrainerState } from 'lookbehind/train';
import { tarFiles } from '../../lib/dist/data/tar';
import { outputOf, ROOT, startScript, temporaryFolder } from './support';

const EVIL =
  '{"__proto__": {"polluted": true}, "constructor": {"prototype": {"polluted": true}}, "format": "own"}';

function assertClean(): void {
  assert.equal(({} as { polluted?: boolean }).polluted, undefined);
}

function trainer(): Trainer {
  const { train } = digits();
  const model = models.mlp({ inputs: train.inputShape, hidden: [4], classes: 10 });
  return new Trainer(model, lookbehindSAM({ momentum: 0.9 }), train.subset(64), { epochs: 2, batchSize: 32 });
}

test('names in JSON change no prototype', async (t) => {
  const folder = temporaryFolder(t);
  const manifest = JSON.parse(EVIL);
  saveCheckpoint(folder, { manifest, weights: new Uint8Array(4), optimizer: new Uint8Array(0) });
  assert.ok(loadCheckpoint(folder) !== undefined);
  for (const text of [EVIL, '[]', 'null', '1']) {
    assert.throws(() => surfaceFromJson(text), DataError);
    assert.throws(() => resolveConfig(JSON.parse(text)), OptionError);
  }
  assertClean();
});

test('names of runs do not lead out of the store', (t) => {
  const store = new RunStore(join(temporaryFolder(t), 'runs'));
  for (const name of ['../outside', '..', '/etc', '', 'a/b', `${'0'.repeat(16)}/..`, '__proto__']) {
    for (const method of [
      'runFolder',
      'readResult',
      'readConfig',
      'readHistory',
      'readCheckpoint',
    ] as const) {
      assert.throws(() => store[method](name), OptionError, `${method} ${name}`);
    }
  }
  assert.deepEqual(store.hashes(), []);
});

/** Writes the checksum of a tar header into it. */
function withChecksum(block: Buffer): Buffer {
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

test('an archive writes nothing, wherever its names and links point', async (t) => {
  const folder = temporaryFolder(t);
  const header = (name: string, size: number, type: string, link = ''): Buffer => {
    const block = Buffer.alloc(512);
    block.write(name, 0);
    block.write(size.toString(8).padStart(11, '0'), 124);
    block.write(type, 156);
    block.write(link, 157);
    return withChecksum(block);
  };
  const content = Buffer.alloc(512, 65);
  const archive = Buffer.concat([
    ...[header('../../escape', 512, '0'), content, header('/tmp/lookbehind-escape', 512, '0'), content],
    ...[
      header('link', 0, '2', '/etc/passwd'),
      header('hard', 0, '1', '/etc/passwd'),
      header('folder', 0, '5'),
      Buffer.alloc(1024),
    ],
  ]);
  const before = readdirSync(folder);
  const names: string[] = [];
  async function* source() {
    yield archive;
  }
  for await (const { name, read } of tarFiles(source(), 'archive.tar')) {
    names.push(name);
    assert.ok((await read()).equals(content));
  }
  assert.deepEqual(names, ['../../escape', '/tmp/lookbehind-escape']);
  assert.deepEqual(readdirSync(folder), before);
  assert.ok(gzipSync(archive).length > 0);
  for (const size of ['77777777777', '-0000000001', 'zzzzzzzzzzz']) {
    const bad = header('a', 0, '0');
    bad.write(size, 124);
    withChecksum(bad);
    const reading = async (): Promise<void> => {
      async function* one() {
        yield Buffer.concat([bad, Buffer.alloc(1024)]);
      }
      for await (const { read } of tarFiles(one(), 'archive.tar')) await read();
    };
    await assert.rejects(reading(), DataError, size);
  }
});

test('a link in the place of a run is removed or read, never what it points to', async (t) => {
  const folder = temporaryFolder(t);
  const outside = join(folder, 'outside');
  mkdirSync(outside);
  writeFileSync(join(outside, 'precious'), 'kept');
  const store = new RunStore(join(folder, 'runs'));
  const config: RunConfig = {
    data: { kind: 'digits', trainSize: 50 },
    model: { kind: 'mlp', hidden: [2] },
    optimizer: 'sgd',
    epochs: 1,
  };
  const first = await executeRun(config, store);
  assert.ok(first.kind === 'done');
  const run = store.runFolder(first.result.hash);
  writeFileSync(join(run, 'result.json'), '');
  const [events] = store.eventFolders(first.result.hash);
  (await import('node:fs')).rmSync(events, { recursive: true });
  symlinkSync(outside, events);
  await executeRun(config, store);
  assert.equal(readFileSync(join(outside, 'precious'), 'utf8'), 'kept');
  assert.deepEqual(readdirSync(outside), ['precious']);
});

test('states of other makers are refused as a whole', async () => {
  const saved = trainer();
  await saved.train({ untilEpoch: 1 });
  const state = saved.save();
  const wrong = (change: (manifest: Record<string, never>) => void): TrainerState => {
    const manifest = structuredClone(state.manifest) as never;
    change(manifest);
    return { ...state, manifest };
  };
  // biome-ignore lint/suspicious/noExplicitAny: manifests that are not what they should be.
  const changes: Record<string, (manifest: any) => void> = {
    'no weights': (manifest) => delete manifest.weights,
    'weights of another kind': (manifest) => (manifest.weights = 'all'),
    'no optimizer': (manifest) => delete manifest.optimizer,
    'no settings': (manifest) => delete manifest.settings,
    'settings of another kind': (manifest) => (manifest.settings = 'all'),
    'no position': (manifest) => delete manifest.position,
    'a position that is no number': (manifest) => (manifest.position.epoch = 'x'),
    'a position beyond the end': (manifest) => (manifest.position.step = 1e9),
    'history of another kind': (manifest) => (manifest.history = 3),
    'a status that does not exist': (manifest) => (manifest.status = 'constructor'),
    'a learning rate that is no number': (manifest) =>
      (manifest.optimizer.parts.at(-1).hyperparameters.learningRate = Number.NaN),
    'parts of another kind': (manifest) => (manifest.optimizer.parts = [null]),
    'another optimizer': (manifest) => (manifest.optimizer.parts[0].className = '__proto__'),
    'slots of another kind': (manifest) => (manifest.optimizer.parts[0].slots = null),
    'a slot outside of the bytes': (manifest) => (manifest.optimizer.parts.at(-1).slots[0].byteOffset = -4),
    'a hyperparameter that is no number': (manifest) =>
      (manifest.optimizer.parts.at(-1).hyperparameters.learningRate = 'x'),
    'counters that are no numbers': (manifest) => (manifest.optimizer.iterations = null),
  };
  for (const [name, change] of Object.entries(changes)) {
    const present = trainer();
    const before = present.save();
    assert.throws(() => present.restore(wrong(change)), StateMismatchError, name);
    const after = present.save();
    assert.deepEqual(after.manifest, before.manifest, name);
    assert.deepEqual(after.weights, before.weights, name);
  }
});

test('the library evaluates no text, and loads modules by a name it was given in one place', () => {
  const sources = (readdirSync(join(ROOT, 'lib'), { recursive: true }) as string[]).filter(
    (name) => name.endsWith('.ts') && !/^(dist|node_modules)/.test(name),
  );
  const found = sources.flatMap((name) => {
    const text = readFileSync(join(ROOT, 'lib', name), 'utf8');
    const risky =
      text.match(
        /\beval\(|new Function\(|\bvm\.|import\((?!['"])|require\((?!['"])[^)]*\)|execSync\(|\bexec\(['"`]/g,
      ) ?? [];
    return risky.map((one) => `${name}: ${one}`);
  });
  // Packages of the library's own choice, in places of its own; plotly.js in the page that draws it; and, in
  // one place, the module of one's own that a sweep is told to train with.
  const allowed =
    /^compile\/(native|backend|graph\/(randomness|proto))\.ts: require\(|^notebook\/static\.ts: (eval\(|require\()|^notebook\/fitProgress\.ts: require\(`\$\{nativePackage\}|^runs\/config\/ownModule\.ts: require\(file\)$/;
  assert.deepEqual(
    found.filter((one) => !allowed.test(one)),
    [],
  );
});

test('two processes on one run: one works, the other says so, and the result is that of one', async (t) => {
  const folder = temporaryFolder(t);
  const config = {
    data: { kind: 'digits', trainSize: 200 },
    model: { kind: 'mlp', hidden: [8] },
    optimizer: 'sam',
    epochs: 60,
    batchSize: 50,
  };
  const script = `const { executeRun, RunStore } = require('lookbehind/runs');
    const [folder, config] = process.argv.slice(1);
    executeRun(JSON.parse(config), new RunStore(folder), { checkpointSeconds: 0 }).then(({ kind, reused }) => console.log(kind, reused));`;
  const both = await Promise.all(
    [0, 1].map(() => outputOf(startScript(script, [folder, JSON.stringify(config)]))),
  );
  for (const { code, stderr } of both) assert.equal(code, 0, stderr);
  const kinds = both.map(({ stdout }) => stdout.trim()).sort();
  assert.ok(['done false,locked undefined', 'done false,done true'].includes(kinds.join()), kinds.join());
});

test('a clock that jumps changes no result, no lock and no time left', async (t) => {
  const folder = temporaryFolder(t);
  const script = `let jump = 0;
    const real = Date.now;
    Date.now = () => real() + jump;
    const { progress } = require('lookbehind/notebook');
    const { sweep } = require('lookbehind/runs');
    const grid = { data: { kind: 'digits', trainSize: 200 }, model: { kind: 'mlp', hidden: [8] }, optimizer: 'sgd', epochs: 40, seeds: 2 };
    const left = [];
    const onProgress = ({ secondsLeft }) => {
      jump = jump > 0 ? -1e12 : 1e12;
      if (secondsLeft !== undefined) left.push(secondsLeft);
    };
    sweep(grid, { store: process.argv[1], engine: 'inProcess', onProgress }).then((rows) => {
      console.log(JSON.stringify({ good: rows.every((row) => row.status === 'finished' && row.result.seconds > 0 && row.result.seconds < 600), left }));
    });`;
  const { code, stdout, stderr } = await outputOf(startScript(script, [folder]));
  assert.equal(code, 0, stderr);
  const { good, left } = JSON.parse(stdout.trim().split('\n').at(-1)!);
  assert.ok(good);
  for (const seconds of left) assert.ok(seconds >= 0 && seconds < 600, String(seconds));
});
