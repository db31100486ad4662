/** Walks over toy losses: the same numbers as minimize gives, and a step taken apart. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { lookahead, lookbehindSAM, multistepSAM, sgd } from 'lookbehind';
import { twoMinima } from 'lookbehind/data';
import { OptionError } from 'lookbehind/errors';
import { dissectStep, walk } from 'lookbehind/train';

const { loss, start } = twoMinima();

describe('walk', () => {
  for (const make of [
    () => lookbehindSAM({ learningRate: 0.1, k: 3, momentum: 0.5 }),
    () => lookahead(sgd({ learningRate: 0.1 }), { k: 4 }),
  ]) {
    it(`goes where minimize goes: ${make().getClassName()}`, () => {
      const before = tf.memory().numTensors;
      const walking = make();
      const path = walk({ loss, start, optimizer: walking, steps: 10, every: 4 });
      assert.equal(path.length, 4, 'start, steps 4, 8 and 10');
      assert.equal(walking.iterations, 10);
      const minimizing = make();
      const point = tf.tidy(() => tf.variable(tf.tensor1d([...start])));
      for (let step = 0; step < 10; step++) minimizing.minimize(() => loss(point), false, [point]);
      path[3].forEach((value, i) => {
        assert.ok(Math.abs(value - point.dataSync()[i]) < 1e-5);
      });
      assert.equal(walking.gradientEvaluations, minimizing.gradientEvaluations);
      for (const one of [walking, minimizing, point]) one.dispose();
      assert.equal(tf.memory().numTensors, before);
    });
  }

  it('names wrong options', () => {
    const optimizer = sgd();
    assert.throws(() => walk({ loss, start, optimizer, steps: 0 }), OptionError);
    assert.throws(() => walk({ loss, start: [Number.NaN, 0], optimizer, steps: 1 }), OptionError);
    optimizer.dispose();
  });
});

describe('dissectStep', () => {
  it('is consistent: the new weights are alpha * fast + (1 - alpha) * slow', () => {
    const optimizer = lookbehindSAM({ learningRate: 0.1, k: 4, rho: 0.1, alpha: 'adaptive' });
    const { slow, fast, perturbed, perturbedLosses, gradients, alphas, newSlow, gradientEvaluations } =
      dissectStep({
        loss,
        start,
        optimizer,
      });
    assert.deepEqual(
      [fast.length, perturbed.length, perturbedLosses.length, gradients.length, gradientEvaluations],
      [4, 4, 4, 4, 5],
    );
    newSlow.forEach((value, i) => {
      assert.ok(Math.abs(value - (alphas[0] * fast[3][i] + (1 - alphas[0]) * slow[i])) < 1e-6);
    });
    perturbed.forEach((point, i) => {
      assert.ok(Math.abs(twoMinima().valueAt(point) - perturbedLosses[i]) < 1e-6);
    });
    optimizer.dispose();
  });

  it('of Multistep-SAM has k ascents and no fast weights', () => {
    const optimizer = multistepSAM({ learningRate: 0.1, k: 3 });
    const { perturbed, perturbedLosses, gradients, fast } = dissectStep({ loss, start, optimizer });
    assert.deepEqual([perturbed.length, perturbedLosses.length, gradients.length, fast.length], [3, 3, 3, 0]);
    optimizer.dispose();
  });
});
