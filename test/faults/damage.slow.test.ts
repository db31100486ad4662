/**
 * Files that are damaged: bits flipped, cut off, emptied, JSON of another type. Each reader gives what was
 * written, or what was written before, or a typed error; never another number.
 */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { sgd } from 'lookbehind';
import { digits, readIdx } from 'lookbehind/data';
import { LookbehindError } from 'lookbehind/errors';
import {
  flatWeights,
  lossSurface,
  Plane,
  randomDirection,
  surfaceFromJson,
  surfaceToJson,
} from 'lookbehind/landscape';
import * as models from 'lookbehind/models';
import { configHash, executeRun, type RunConfig, RunStore } from 'lookbehind/runs';
import { loadCheckpoint, saveCheckpoint, Trainer } from 'lookbehind/train';
import { readCifarArchive } from '../../lib/dist/data/cifar';
import { SEED, scale, temporaryFolder } from './support';

/** How a file is damaged; places are shares of its length. */
type Damage =
  | { kind: 'flip'; at: number; bit: number }
  | { kind: 'cut'; at: number }
  | { kind: 'empty' }
  | { kind: 'replace'; text: string }
  | { kind: 'overwrite'; at: number; bytes: Uint8Array };

// Doubles would nearly all be close to 0.
const share = fc.noBias(fc.nat(999_999)).map((millionths) => millionths / 1_000_000);
const DAMAGE: fc.Arbitrary<Damage> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('flip' as const), at: share, bit: fc.nat(7) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('cut' as const), at: share }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('overwrite' as const),
      at: share,
      bytes: fc.uint8Array({ minLength: 1, maxLength: 16 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'empty' as const }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('replace' as const),
      text: fc.oneof(fc.json(), fc.constantFrom('null', '[]', '{}\n{}\n', '0', '""')),
    }),
  },
);

function damaged(content: Buffer, damage: Damage): Buffer {
  const copy = Buffer.from(content);
  switch (damage.kind) {
    case 'flip':
      copy[Math.floor(damage.at * copy.length)] ^= 1 << damage.bit;
      return copy;
    case 'cut':
      return copy.subarray(0, Math.floor(damage.at * copy.length));
    case 'empty':
      return Buffer.alloc(0);
    case 'replace':
      return Buffer.from(damage.text);
    case 'overwrite':
      copy.set(
        damage.bytes.subarray(0, copy.length - Math.floor(damage.at * copy.length)),
        Math.floor(damage.at * copy.length),
      );
      return copy;
  }
}

/** A file, and how it is read: undefined stands for nothing that can be used. */
interface Case {
  path: string;
  read(): unknown;
  /** What reading may give beside what it gave before the damage. */
  others?: unknown[];
}

async function assertHonest(cases: readonly Case[]): Promise<void> {
  const files = await Promise.all(
    cases.map(async (one) => ({
      ...one,
      content: readFileSync(one.path),
      right: [await one.read(), ...(one.others ?? [])],
    })),
  );
  const property = fc.asyncProperty(fc.constantFrom(...files.keys()), DAMAGE, async (file, damage) => {
    const { path, content, read, right } = files[file];
    writeFileSync(path, damaged(content, damage));
    try {
      const found = await read();
      assert.ok(
        right.some((one) => isEqual(one, found)),
        `${basename(path)} gave something else after ${JSON.stringify(damage)}`,
      );
    } catch (error) {
      if (!(error instanceof LookbehindError)) throw error;
      assert.match(error.message, /\.$/, 'a whole sentence');
    } finally {
      writeFileSync(path, content);
    }
  });
  await fc.assert(property, { numRuns: scale(300), seed: SEED });
}

function isEqual(a: unknown, b: unknown): boolean {
  try {
    assert.deepEqual(a, b);
    return true;
  } catch {
    return false;
  }
}

const CONFIG: RunConfig = {
  data: { kind: 'digits', trainSize: 100 },
  model: { kind: 'mlp', hidden: [4] },
  optimizer: { kind: 'lookbehindSAM', momentum: 0.9 },
  epochs: 4,
  batchSize: 50,
};
const hash = configHash(CONFIG);

/** @param epochs Epochs after which the run is stopped. Default: none. */
async function runIn(t: TestContext, epochs?: number): Promise<{ store: RunStore; folder: string }> {
  const store = new RunStore(join(temporaryFolder(t), 'runs'));
  const stop = new AbortController();
  const onProgress = (share: number): void => {
    if (epochs !== undefined && share > epochs / CONFIG.epochs) stop.abort();
  };
  await executeRun(CONFIG, store, { checkpointSeconds: 0, signal: stop.signal, onProgress });
  return { store, folder: store.runFolder(hash) };
}

test('the files of a run', async (t) => {
  const { store, folder } = await runIn(t);
  const newest = join(folder, store.checkpointFile(hash)!);
  await assertHonest([
    { path: join(folder, 'config.json'), read: () => store.readConfig(hash) },
    { path: join(folder, 'result.json'), read: () => store.readResult(hash), others: [undefined] },
    { path: join(folder, 'history.csv'), read: () => store.readHistory(hash) },
    { path: newest, read: () => store.readCheckpoint(hash), others: [undefined] },
  ]);
  assert.deepEqual(readdirSync(dirname(newest)), [basename(newest)], 'a finished run keeps one checkpoint');
});

test('the checkpoints of a run under way', async (t) => {
  const { store, folder } = await runIn(t, 3);
  assert.equal(store.readResult(hash), undefined);
  const newest = join(folder, store.checkpointFile(hash)!);
  const older = join(
    dirname(newest),
    readdirSync(dirname(newest)).find((name) => name !== basename(newest) && name.endsWith('.checkpoint'))!,
  );
  await assertHonest([
    { path: newest, read: () => store.readCheckpoint(hash), others: [loadCheckpoint(copyOf(older))] },
    { path: older, read: () => store.readCheckpoint(hash) },
  ]);
});

/** A folder with this one checkpoint. */
function copyOf(checkpoint: string): string {
  const folder = join(dirname(checkpoint), '..', 'alone');
  mkdirSync(folder, { recursive: true });
  cpSync(checkpoint, join(folder, basename(checkpoint)));
  return folder;
}

test('a run whose files are damaged is taken up again and ends as it would have', async (t) => {
  const { store, folder } = await runIn(t);
  const { weights } = store.readCheckpoint(hash)!;
  const result = store.readResult(hash)!;
  for (const name of ['result.json', 'history.csv', 'config.json']) writeFileSync(join(folder, name), 'null');
  const outcome = await executeRun(CONFIG, store);
  assert.ok(outcome.kind === 'done');
  const { finishedAt: _, ...again } = outcome.result;
  const { finishedAt: __, ...first } = result;
  assert.deepEqual(again, first);
  assert.deepEqual(store.readCheckpoint(hash)!.weights, weights);
  assert.equal(store.readHistory(hash).length, 4);
  rmSync(join(folder, 'checkpoint'), { recursive: true });
  assert.deepEqual(store.readResult(hash)?.last, result.last);
});

test('surfaces and checkpoints by hand', async (t) => {
  const folder = temporaryFolder(t);
  const { train } = digits();
  const model = models.mlp({ inputs: train.inputShape, hidden: [4], classes: 10 });
  const plane = new Plane(
    flatWeights(model),
    randomDirection(model, { seed: 1 }),
    randomDirection(model, { seed: 2 }),
  );
  const path = join(folder, 'surface.jsonl');
  const samples = train.subset(20);
  const read = async () => {
    const { x, y, loss, accuracy, complete } = await lossSurface(model, samples, {
      plane,
      x: { from: -1, to: 1, points: 5 },
      chunkSize: 4,
      path,
    });
    return { x, y, loss, accuracy, complete };
  };
  await read();
  const surface = await lossSurface(model, samples, { plane, x: { from: -1, to: 1, points: 3 } });
  const json = join(folder, 'surface.json');
  writeFileSync(json, surfaceToJson(surface));
  const checkpoints = join(folder, 'checkpoints');
  const trainer = new Trainer(model, sgd({ momentum: 0.9 }), samples, { epochs: 1 });
  [trainer.position.lossSum, trainer.position.seconds] = [Number.NaN, Number.POSITIVE_INFINITY];
  const checkpoint = saveCheckpoint(checkpoints, trainer.save());
  await assertHonest([
    { path, read },
    { path: checkpoint, read: () => loadCheckpoint(checkpoints) },
    { path: json, read: () => surfaceFromJson(readFileSync(json, 'utf8')) },
  ]);
});

/** A tar archive of files, as `tar` writes it. */
function tar(files: Readonly<Record<string, Buffer>>): Buffer {
  const blocks = Object.entries(files).flatMap(([name, content]) => {
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write(content.length.toString(8).padStart(11, '0'), 124);
    header.write('0', 156);
    header.fill(' ', 148, 156);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    return [header, content, Buffer.alloc((512 - (content.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

test('data files', async (t) => {
  const folder = temporaryFolder(t);
  const idx = join(folder, 'images.gz');
  writeFileSync(
    idx,
    gzipSync(
      Buffer.concat([
        Buffer.from([0, 0, 8, 2, 0, 0, 0, 5, 0, 0, 0, 4]),
        Buffer.from(Array.from({ length: 20 }, (_, i) => i * 7)),
      ]),
    ),
  );
  const layout = {
    name: 'cifar10',
    labelBytes: 1,
    labelByte: 0,
    classes: ['a', 'b'],
    train: [{ name: 'train.bin', records: 2 }],
    test: [{ name: 'test.bin', records: 1 }],
  };
  const record = (label: number): Buffer =>
    Buffer.concat([Buffer.from([label]), Buffer.alloc(3072, 7 * label + 1)]);
  const archive = join(folder, 'cifar.tar.gz');
  writeFileSync(
    archive,
    gzipSync(tar({ 'c/train.bin': Buffer.concat([record(0), record(1)]), 'c/test.bin': record(1) })),
  );
  await assertHonest([
    { path: idx, read: () => readIdx(idx) },
    {
      path: archive,
      async read() {
        const { train, test: testSet } = await readCifarArchive(archive, layout);
        return [train.inputs, train.labels, testSet.inputs, testSet.labels];
      },
    },
  ]);
});
