import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { lookbehindSAM, sam, sgd } from 'lookbehind';
import { compile, crossEntropy } from 'lookbehind/compile';
import { mnist1d } from 'lookbehind/data';
import { OptionError } from 'lookbehind/errors';
import type { LossFunction, LossPass } from 'lookbehind/extend';
import { type FamilyOptimizer, Random } from 'lookbehind/extend';
import * as models from 'lookbehind/models';
import {
  additiveNoise,
  bitErrors,
  composeNoise,
  gaussianNoise,
  pcm,
  quantization,
  reram,
  TrainingNoise,
} from 'lookbehind/robustness';
import { Trainer, trainableVariables } from 'lookbehind/train';
import { assertAllClose, assertNormal } from './support';

const DESCENT: LossPass = { phase: 'descent', inner: 0, batchNormUpdates: 1 };

/** A small network with data, and its loss. */
function setUp(): {
  model: tf.LayersModel;
  variables: tf.Variable[];
  loss: LossFunction;
  dispose: () => void;
} {
  const model = models.mlp({ inputs: 4, hidden: [6], classes: 3, seed: 1 });
  const random = new Random(2, 'data');
  const xs = tf.tensor(random.normals(80), [20, 4]);
  const ys = tf.tensor1d(
    Int32Array.from({ length: 20 }, () => random.int(3)),
    'int32',
  );
  return {
    model,
    variables: trainableVariables(model),
    loss: () => crossEntropy(ys, model.apply(xs, { training: true }) as tf.Tensor),
    dispose() {
      tf.dispose([xs, ys]);
      model.dispose();
    },
  };
}

function valuesOf(variables: readonly tf.Variable[]): number[][] {
  return variables.map((variable) => [...variable.dataSync()]);
}

describe('TrainingNoise', () => {
  it('takes loss and gradient at the noisy weights, and gives the gradient to the clean ones', () => {
    const { variables, loss, dispose } = setUp();
    const clean = valuesOf(variables);
    let seen: number[][] = [];
    const recording: LossFunction = (pass) => {
      seen = valuesOf(variables);
      return loss(pass);
    };
    const noise = new TrainingNoise({ noise: gaussianNoise({ sigma: 0.5 }), seed: 3 });
    const noisy = noise.wrapLoss(recording, variables);
    tf.tidy(() => {
      const { value, grads } = tf.variableGrads(() => noisy(DESCENT), variables);
      assert.deepEqual(valuesOf(variables), clean, 'the weights are clean afterwards');
      assert.notDeepEqual(seen[0], clean[0], 'kernels were noisy');
      assert.deepEqual(seen[1], clean[1], 'biases were not');
      variables.forEach((variable, i) => {
        variable.assign(tf.tensor(seen[i], variable.shape));
      });
      const expected = tf.variableGrads(() => loss(DESCENT), variables);
      assertAllClose(value.dataSync(), expected.value.dataSync(), 1e-6, 'loss');
      for (const { name } of variables)
        assertAllClose(grads[name].dataSync(), expected.grads[name].dataSync(), 1e-6, name);
    });
    noise.dispose();
    dispose();
  });

  it('draws standard normal noise, fresh at each evaluation, alike for alike seeds, and can be resumed', () => {
    const kernel = tf.variable(tf.ones([100, 100]), true, 'single/kernel');
    let seen = new Float32Array();
    const loss: LossFunction = () => {
      seen = Float32Array.from(kernel.dataSync());
      return tf.scalar(0);
    };
    const draw = (noise: TrainingNoise): Float32Array => {
      noise.wrapLoss(loss, [kernel])(DESCENT).dispose();
      return seen;
    };
    const [one, same, other] = [1, 1, 2].map(
      (seed) => new TrainingNoise({ noise: gaussianNoise({ sigma: 0.3 }), seed }),
    );
    const first = draw(one);
    const second = draw(one);
    assertNormal(first, 1, 0.3, 'first draw');
    const product = first.map((x, i) => (x - 1) * (second[i] - 1));
    assertNormal(product, 0, 0.09, 'product of two draws');
    assert.deepEqual(draw(same), first);
    assert.notDeepEqual(draw(other), first);
    assert.equal(one.evaluations, 2);
    one.evaluations = 0;
    assert.deepEqual(draw(one), first);
    assert.deepEqual(draw(one), second);
    for (const noise of [one, same, other]) noise.dispose();
    kernel.dispose();
  });

  for (const [name, noise] of [
    ['gaussian', gaussianNoise({ sigma: 0.2 })],
    ['additive', additiveNoise({ sigma: 0.1 })],
    ['bit errors', bitErrors({ rate: 0.1 })],
    ['phase-change memory', pcm({ seconds: 3600 })],
    ['resistive memory', reram({ seconds: 1 })],
    ['quantization and gaussian', composeNoise(quantization({ bits: 4 }), gaussianNoise({ sigma: 0.1 }))],
  ] as const) {
    it(`draws afresh in each run of a compiled step, and as in an uncompiled one: ${name}`, () => {
      const trajectories = [true, false].map((eager) => {
        const { variables, loss, dispose } = setUp();
        const training = new TrainingNoise({ noise, seed: 5 });
        const noisy = training.wrapLoss(loss, variables);
        const optimizer = sam({ learningRate: 0, rho: 0.05 });
        const step = compile(() => optimizer.step(noisy, variables).loss, { eager });
        const losses = Array.from({ length: 4 }, () => {
          const value = step();
          const [number] = value.dataSync();
          value.dispose();
          return number;
        });
        assert.equal(training.evaluations, 8, 'two per step of SAM');
        step.dispose();
        training.dispose();
        optimizer.dispose();
        dispose();
        return losses;
      });
      assertAllClose(trajectories[1], trajectories[0], 1e-5, 'losses');
      assert.equal(new Set(trajectories[0]).size, 4, 'weights stand still, so losses differ by their noise');
    });
  }

  it('scales with its strength, also in a compiled step', () => {
    const { variables, loss, dispose } = setUp();
    const noise = new TrainingNoise({ noise: gaussianNoise({ sigma: 0.5 }), strength: 0 });
    const noisy = noise.wrapLoss(loss, variables);
    const evaluate = compile(() => noisy(DESCENT));
    const value = (fn: () => tf.Tensor): number => tf.tidy(() => fn().dataSync()[0]);
    const clean = value(() => loss(DESCENT));
    for (let i = 0; i < 2; i++) assertAllClose([value(evaluate)], [clean], 1e-6, 'strength 0');
    noise.strength = 1;
    assert.equal(noise.strength, 1);
    assert.ok(Math.abs(value(evaluate) - clean) > 1e-4);
    assert.throws(() => {
      noise.strength = -1;
    }, OptionError);
    evaluate.dispose();
    noise.dispose();
    dispose();
  });

  it('trains, with 2k gradients in a step of Lookbehind, and leaks nothing', () => {
    const { variables, loss, dispose } = setUp();
    const noise = new TrainingNoise({ noise: gaussianNoise({ sigma: 0.1 }) });
    const noisy = noise.wrapLoss(loss, variables);
    const optimizer = lookbehindSAM({ learningRate: 0.1, rho: 0.05, k: 3, alpha: 0.5 });
    optimizer.minimize(noisy, false, variables);
    assert.equal(optimizer.gradientEvaluations, 6);
    const tensors = tf.memory().numTensors;
    const before = tf.tidy(() => loss(DESCENT).dataSync()[0]);
    for (let i = 0; i < 20; i++) optimizer.minimize(noisy, false, variables);
    assert.equal(tf.memory().numTensors, tensors);
    assert.ok(tf.tidy(() => loss(DESCENT).dataSync()[0]) < before);
    optimizer.dispose();
    noise.dispose();
    dispose();
  });

  it('serves a Trainer, and a resumed run draws what the uninterrupted one draws', async () => {
    const data = mnist1d().train.subset(60);
    const run = (): {
      trainer: Trainer;
      noise: TrainingNoise;
      optimizer: FamilyOptimizer;
      model: tf.LayersModel;
    } => {
      const model = models.mlp({ inputs: 40, hidden: [8], classes: 10 });
      const optimizer = sam({ learningRate: 0.1, momentum: 0.9, rho: 0.05 });
      const noise = new TrainingNoise({ noise: gaussianNoise({ sigma: 0.2 }), seed: 1 });
      const trainer = new Trainer(model, optimizer, data, { epochs: 2, batchSize: 20, noise });
      return { trainer, noise, optimizer, model };
    };
    const [whole, first, rest] = [run(), run(), run()];
    await whole.trainer.train();
    await first.trainer.train({ untilEpoch: 1 });
    rest.trainer.restore(first.trainer.save());
    assert.equal(rest.noise.evaluations, 6);
    await rest.trainer.train();
    assert.deepEqual(valuesOf(trainableVariables(rest.model)), valuesOf(trainableVariables(whole.model)));
    for (const { trainer, noise, optimizer, model } of [whole, first, rest]) {
      for (const owner of [trainer, noise, optimizer, model]) owner.dispose();
    }
  });

  it('leaves clean weights behind where the loss throws', () => {
    const { variables, loss, dispose } = setUp();
    const clean = valuesOf(variables);
    const failing: LossFunction = (pass) => {
      loss(pass);
      throw new Error('the loss failed');
    };
    const noise = new TrainingNoise({ noise: gaussianNoise({ sigma: 0.5 }) });
    const noisy = noise.wrapLoss(failing, variables);
    const optimizer = sgd({ learningRate: 0.1 });
    assert.throws(() => optimizer.minimize(noisy, false, variables), /the loss failed/);
    assert.deepEqual(valuesOf(variables), clean);
    assert.equal(noise.evaluations, 0);
    optimizer.dispose();
    noise.dispose();
    dispose();
  });

  it('refuses noises without a gradient, and variables that get none', () => {
    const { variables, loss, dispose } = setUp();
    const { perturb: _, ...withoutGradient } = gaussianNoise({ sigma: 0.1 });
    assert.throws(() => new TrainingNoise({ noise: withoutGradient as never }), OptionError);
    const noise = new TrainingNoise({ noise: gaussianNoise({ sigma: 0.1 }), select: () => false });
    assert.throws(() => noise.wrapLoss(loss, variables), OptionError);
    noise.dispose();
    dispose();
  });
});
