import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { DataError } from 'lookbehind/errors';
import { loadCheckpoint, saveCheckpoint, type TrainerState } from 'lookbehind/train';
import { readCheckpoint } from '../../lib/dist/training/checkpoint';

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'lookbehind-checkpoint-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'made', 'on demand');
}

function stateOf(epoch: number): TrainerState {
  return {
    manifest: {
      format: 'lookbehind-training/2',
      status: 'running',
      position: { epoch, step: 2, lossSum: 1 / 3, sampleCount: 7, seconds: 0.1 },
      history: [
        {
          epoch: 1,
          trainLoss: 0.1 + 0.2,
          testLoss: Number.POSITIVE_INFINITY,
          testAccuracy: null,
          learningRate: 1e-300,
          gradientEvaluations: 2 ** 40,
          seconds: Number.NaN,
        },
      ],
      settings: { samples: 80, batchSize: 16, batchesPerStep: 1, seed: 0 },
      weights: [{ name: 'dense/kernel', shape: [1, 2] }],
      optimizer: { format: 'lookbehind-optimizer/2', iterations: 1, gradientEvaluations: 1, parts: [] },
    },
    weights: new Uint8Array([10, 13, 0, 255, 123, 10, 10, epoch]),
    optimizer: new Uint8Array(0),
  };
}

test('a checkpoint comes back as it was, numbers that are not finite included', (t) => {
  const folder = folderOf(t);
  const state = stateOf(3);
  saveCheckpoint(folder, state);
  assert.deepEqual(loadCheckpoint(folder), state);
});

test('there is none in an empty or absent folder', (t) => {
  assert.equal(loadCheckpoint(folderOf(t)), undefined);
});

test('the newest two are kept, and what a killed process left half written is removed', (t) => {
  const folder = folderOf(t);
  for (let epoch = 1; epoch <= 3; epoch++) saveCheckpoint(folder, stateOf(epoch));
  writeFileSync(join(folder, '00000004.checkpoint.99.0.tmp'), 'half');
  saveCheckpoint(folder, stateOf(4));
  assert.deepEqual(readdirSync(folder).sort(), ['00000003.checkpoint', '00000004.checkpoint']);
});

test('any damage is noticed, and the checkpoint before it is used', (t) => {
  const folder = folderOf(t);
  const good = saveCheckpoint(folder, stateOf(1));
  const path = saveCheckpoint(folder, stateOf(2));
  const content = readFileSync(path);
  for (let i = 0; i < content.length; i += 3) {
    const damaged = Buffer.from(content);
    damaged[i] ^= 1;
    writeFileSync(path, damaged);
    assert.throws(() => readCheckpoint(path), DataError, `byte ${i}`);
  }
  assert.deepEqual(loadCheckpoint(folder), stateOf(1));
  for (const length of [0, 1, 60, content.length - 1]) {
    writeFileSync(path, content);
    truncateSync(path, length);
    assert.throws(() => readCheckpoint(path), DataError, `cut at ${length}`);
  }
  truncateSync(good, 10);
  assert.throws(() => loadCheckpoint(folder), /No checkpoint can be used.*Delete/s);
});
