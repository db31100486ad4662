import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  additiveNoise,
  bitErrors,
  compile,
  composeNoise,
  crossEntropy,
  gaussianNoise,
  type LossFunction,
  type LossPass,
  lookbehindSAM,
  models,
  type NoisyLoss,
  noisyLoss,
  OptionError,
  quantization,
  Random,
  sam,
  sgd,
  tf,
  trainableVariables,
} from 'lookbehind';
import { assertAllClose, assertNormal } from './support';

const DESCENT: LossPass = { phase: 'descent', inner: 0, batchNormUpdates: 1 };

/** A small network with data, and its loss. */
function setUp(): { model: tf.LayersModel; variables: tf.Variable[]; loss: LossFunction; dispose: () => void } {
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

describe('noisyLoss', () => {
  it('takes loss and gradient at the noisy weights, and gives the gradient to the clean ones', () => {
    const { variables, loss, dispose } = setUp();
    const clean = valuesOf(variables);
    let seen: number[][] = [];
    const recording: LossFunction = (pass) => {
      seen = valuesOf(variables);
      return loss(pass);
    };
    const noisy = noisyLoss(recording, { noise: gaussianNoise({ sigma: 0.5 }), variables, seed: 3 });
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
      for (const { name } of variables) assertAllClose(grads[name].dataSync(), expected.grads[name].dataSync(), 1e-6, name);
    });
    noisy.dispose();
    dispose();
  });

  it('draws standard normal noise, fresh at each evaluation, alike for alike seeds, and can be resumed', () => {
    const kernel = tf.variable(tf.ones([100, 100]), true, 'single/kernel');
    const draw = (noisy: NoisyLoss): Float32Array => {
      let values = new Float32Array();
      current = () => {
        values = kernel.dataSync().slice() as Float32Array<ArrayBuffer>;
      };
      noisy(DESCENT).dispose();
      return values;
    };
    let current = (): void => undefined;
    const loss: LossFunction = () => {
      current();
      return tf.scalar(0);
    };
    const make = (seed: number): NoisyLoss =>
      noisyLoss(loss, { noise: gaussianNoise({ sigma: 0.3 }), variables: [kernel], seed });
    const [one, same, other] = [make(1), make(1), make(2)];
    const first = draw(one);
    const second = draw(one);
    assertNormal(first, 1, 0.3, 'first draw');
    assertNormal(
      first.map((x, i) => (x - 1) * (second[i] - 1)),
      0,
      0.09,
      'product of two draws',
    );
    assert.deepEqual(draw(same), first);
    assert.notDeepEqual(draw(other), first);
    assert.equal(one.evaluations(), 2);
    same.resume(1);
    assert.deepEqual(draw(same), second);
    for (const noisy of [one, same, other]) noisy.dispose();
    kernel.dispose();
  });

  for (const [name, noise] of [
    ['gaussian', gaussianNoise({ sigma: 0.2 })],
    ['additive', additiveNoise({ sigma: 0.1 })],
    ['quantization and gaussian', composeNoise(quantization({ bits: 4 }), gaussianNoise({ sigma: 0.1 }))],
  ] as const) {
    it(`draws afresh in each run of a compiled step, and as in an uncompiled one: ${name}`, () => {
      const trajectories = [true, false].map((eager) => {
        const { variables, loss, dispose } = setUp();
        const noisy = noisyLoss(loss, { noise, variables, seed: 5 });
        const optimizer = sam({ learningRate: 0, rho: 0.05 });
        const step = compile(() => optimizer.step(noisy, variables).loss, { eager });
        const losses = Array.from({ length: 4 }, () => {
          const value = step();
          const [number] = value.dataSync();
          value.dispose();
          return number;
        });
        assert.equal(noisy.evaluations(), 8, 'two per step of SAM');
        step.dispose();
        noisy.dispose();
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
    const noisy = noisyLoss(loss, { noise: gaussianNoise({ sigma: 0.5 }), variables, strength: 0 });
    const evaluate = compile(() => noisy(DESCENT));
    const value = (fn: () => tf.Tensor): number => tf.tidy(() => fn().dataSync()[0]);
    const clean = value(() => loss(DESCENT));
    for (let i = 0; i < 2; i++) assertAllClose([value(evaluate)], [clean], 1e-6, 'strength 0');
    noisy.setStrength(1);
    assert.ok(Math.abs(value(evaluate) - clean) > 1e-4);
    assert.throws(() => noisy.setStrength(-1), OptionError);
    evaluate.dispose();
    noisy.dispose();
    dispose();
  });

  it('trains, with 2k gradients in a step of Lookbehind, and leaks nothing', () => {
    const { variables, loss, dispose } = setUp();
    const noisy = noisyLoss(loss, { noise: gaussianNoise({ sigma: 0.1 }), variables });
    const optimizer = lookbehindSAM({ learningRate: 0.1, rho: 0.05, k: 3, alpha: 0.5 });
    optimizer.minimize(noisy, false, variables);
    assert.equal(optimizer.gradientEvaluations, 6);
    const tensors = tf.memory().numTensors;
    const before = tf.tidy(() => loss(DESCENT).dataSync()[0]);
    for (let i = 0; i < 20; i++) optimizer.minimize(noisy, false, variables);
    assert.equal(tf.memory().numTensors, tensors);
    assert.ok(tf.tidy(() => loss(DESCENT).dataSync()[0]) < before);
    optimizer.dispose();
    noisy.dispose();
    dispose();
  });

  it('leaves clean weights behind where the loss throws', () => {
    const { variables, loss, dispose } = setUp();
    const clean = valuesOf(variables);
    const failing: LossFunction = (pass) => {
      loss(pass);
      throw new Error('the loss failed');
    };
    const noisy = noisyLoss(failing, { noise: gaussianNoise({ sigma: 0.5 }), variables });
    const optimizer = sgd({ learningRate: 0.1 });
    assert.throws(() => optimizer.minimize(noisy, false, variables), /the loss failed/);
    assert.deepEqual(valuesOf(variables), clean);
    assert.equal(noisy.evaluations(), 0);
    optimizer.dispose();
    noisy.dispose();
    dispose();
  });

  it('refuses noises without a gradient, and variables that get none', () => {
    const { variables, loss, dispose } = setUp();
    assert.throws(() => noisyLoss(loss, { noise: bitErrors({ rate: 0.1 }) as never, variables }), OptionError);
    assert.throws(() => noisyLoss(loss, { noise: gaussianNoise({ sigma: 0.1 }), variables, select: () => false }), OptionError);
    dispose();
  });
});
