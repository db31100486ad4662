/**
 * Every golden trajectory, in the official order of work and with reused gradients, and the identities
 * between algorithms.
 */
import 'lookbehind/compile';
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { type GoldenTrajectory, readGolden } from '../replay/golden';
import { replayIdentities } from '../replay/identities';
import { replayTrajectory } from '../replay/trajectory';

const folder = join(__dirname, '..', 'golden');
const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
const trajectories = files
  .map((name) => readGolden(join(folder, name)))
  .filter(({ kind }) => kind === 'trajectory') as unknown as GoldenTrajectory[];

describe('golden trajectories', () => {
  it('are all there', () => {
    const { files: listed } = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8')) as {
      files: Array<{ kind: string }>;
    };
    assert.equal(trajectories.length, listed.filter(({ kind }) => kind === 'trajectory').length);
  });

  for (const golden of trajectories) {
    it(golden.id, () => {
      const before = tf.memory().numTensors;
      const deviations = replayTrajectory(golden);
      assert.ok(deviations.passed, deviations.toString());
      assert.equal(tf.memory().numTensors, before);
    });
  }
});

describe('golden trajectories with k + 1 gradients', () => {
  const reusable = trajectories.filter(
    ({ settings }) =>
      settings.algorithm.startsWith('lookbehind') && settings.batchMode !== 'fresh' && settings.k > 1,
  );
  for (const golden of reusable) {
    it(golden.id, () => {
      const deviations = replayTrajectory(golden, { reuseGradients: true });
      assert.ok(deviations.passed, deviations.toString());
    });
  }
});

it('golden identities', () => {
  const file = join(folder, 'identities.json');
  const { passed, text } = replayIdentities(readGolden(file), file);
  assert.ok(passed, text);
});

it('a wrong number is found', () => {
  const golden = structuredClone(
    trajectories.find(({ id }) => id === 'quadratic-lookbehind-sam-k5-adaptive')!,
  );
  golden.steps[2].slow.w[0] += 1e-4;
  assert.equal(replayTrajectory(golden).passed, false);
});
