/** Every golden trajectory through compiled steps: the graph does what the operations do. */
import 'lookbehind/compile';
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { type GoldenTrajectory, readGolden } from '../replay/golden';
import { replayTrajectory } from '../replay/trajectory';

const folder = join(__dirname, '..', 'golden');
const trajectories = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .map((name) => readGolden(join(folder, name)))
  .filter(({ kind }) => kind === 'trajectory') as unknown as GoldenTrajectory[];

describe('golden trajectories, compiled', () => {
  for (const golden of trajectories) {
    it(golden.id, () => {
      const before = tf.memory().numTensors;
      const deviations = replayTrajectory(golden, {
        compiled: true,
        reuseGradients: golden.settings.batchMode !== 'fresh',
      });
      assert.ok(deviations.passed, deviations.toString());
      assert.equal(tf.memory().numTensors, before);
    });
  }
});
