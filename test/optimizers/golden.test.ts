/**
 * One golden trajectory per algorithm and model: the quick part of golden.slow.test.ts, which replays all of
 * them.
 */
import 'lookbehind/compile';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { type GoldenTrajectory, readGolden } from '../replay/golden';
import { replayTrajectory } from '../replay/trajectory';

const QUICK = [
  'quadratic-sgd-dampening',
  'quadratic-sgd-nesterov',
  'rosenbrock-asam',
  'quadflat-lookbehind-asam-k2-adaptive',
  'softmax-lookahead-sgd-k2-a0p5-fresh',
  'softmax-lookbehind-sam-k5-a0p2-fresh',
  'mlp-multistep-asam-k5',
  'mlp-lookahead-sam-k2-a0p8-fresh',
  'mlp-lookbehind-sam-k5-adaptive-f32',
  'convnet-sam',
  'convnet-lookbehind-asam-k2-adaptive-f32',
];

describe('golden trajectories', () => {
  for (const id of QUICK) {
    const golden = readGolden(join(__dirname, '..', 'golden', `${id}.json`)) as unknown as GoldenTrajectory;
    for (const reuseGradients of golden.settings.batchMode === 'fresh' ? [false] : [false, true]) {
      it(`${id}${reuseGradients ? ', k + 1 gradients' : ''}`, () => {
        const before = tf.memory().numTensors;
        const deviations = replayTrajectory(golden, { reuseGradients });
        assert.ok(deviations.passed, deviations.toString());
        assert.equal(tf.memory().numTensors, before);
      });
    }
  }
});
