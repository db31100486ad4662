/**
 * Noise-aware training: the loss at noisy weights, its gradient for the clean ones.
 *
 *     w~ = w + strength * (noise(w) - w)      fresh noise at each evaluation of the loss
 *     g  = grad loss(w~)                      handed on as the gradient at w (straight through)
 *
 * One step of SGD draws once, one of SAM twice (ascent and descent), one of Lookbehind 2k times. The random numbers come from a
 * seed and a counter of evaluations that lives in a tf.Variable, so that a compiled step draws afresh at each run, draws what
 * the uncompiled one draws, and can be resumed.
 *
 * Joshi et al., "Accurate deep neural network inference using computational phase-change memory", Nature Communications 11, 2473
 * (2020); with bit errors or quantization in place of Gaussian noise, Stutz et al., MLSys 2021, arXiv:2006.13977.
 */
import type { LossFunction, LossPass } from '../optimizers';
import { attr, isNative, runOp } from '../runtime/backend';
import { checkKnownOptions, checkNumber, OptionError } from '../runtime/errors';
import { Random } from '../runtime/random';
import * as tf from '../runtime/tf';
import { withWeights } from '../training/weights';
import { type DifferentiableNoise, isDifferentiable, type TensorNoiseSite, type TensorSelector } from './noise';
import { describeVariables, kernelsAndEmbeddings, type ModelTensor, selectTensors } from './tensors';

/** Options of `noisyLoss`. */
export interface NoisyLossOptions {
  /** The noise: `gaussianNoise`, `additiveNoise`, `quantization`, or a composition of these. */
  noise: DifferentiableNoise;
  /** Weights that the loss depends on, such as `trainableVariables(model)`. They stay the caller's. */
  variables: readonly tf.Variable[];
  /** Which of them get noise. Default: kernels and embeddings. */
  select?: TensorSelector;
  /** Factor on the change that the noise makes; `setStrength` changes it in mid-training. At least 0, default 1. */
  strength?: number;
  /** Seed of the noise, a whole number. Default 0. */
  seed?: number;
}

/** A loss at noisy weights, for `optimizer.minimize` and everything else that takes a loss. */
export interface NoisyLoss extends LossFunction {
  /** The loss at fresh noise. */
  (pass: LossPass): tf.Scalar;
  /** How often the loss was evaluated. Save it with a checkpoint. */
  evaluations(): number;
  /** Goes on as after `evaluations` evaluations. */
  resume(evaluations: number): void;
  /** Changes the strength from the next evaluation on; a compiled step notices. */
  setStrength(strength: number): void;
  /** Frees the counter. */
  dispose(): void;
}

/**
 * Wraps a loss so that it is evaluated at noisy weights, with the gradients passed to the clean ones.
 *
 * The weights themselves never hold noise outside of an evaluation. BatchNorm's moving statistics follow the noisy forward
 * passes. `loss` may be wrapped before or after `compile`.
 *
 * @throws OptionError
 */
export function noisyLoss(loss: LossFunction, options: NoisyLossOptions): NoisyLoss {
  checkKnownOptions('noisyLoss', options, ['noise', 'variables', 'select', 'strength', 'seed']);
  const { noise, variables, select = kernelsAndEmbeddings, seed = 0 } = options;
  if (!isDifferentiable(noise)) {
    throw new OptionError('noise', noise, 'a differentiable noise', 'Train with gaussianNoise, additiveNoise or quantization.');
  }
  checkNumber('seed', seed, { integer: true });
  const checkStrength = (value: number): number => checkNumber('strength', value, { min: 0 });
  const initialStrength = checkStrength(options.strength ?? 1);
  const tensors = selectTensors(describeVariables(variables), select);
  const noisyVariables = tensors.map(({ variable }) => variable);
  const counter = tf.tidy(() => tf.variable(tf.tensor1d([0], 'int32'), false));
  const strength = tf.tidy(() => tf.variable(tf.scalar(initialStrength), false));

  const noisy = ({ variable, ...tensor }: ModelTensor): tf.Tensor => {
    const site: TensorNoiseSite = {
      ...tensor,
      normals: (stream) => drawNormals(tensor.shape, seed, streamName(tensor, stream), counter),
    };
    return tf.add(variable, tf.mul(strength, tf.sub(noise.perturb(variable, site), variable)));
  };
  const evaluate = (pass: LossPass): tf.Scalar =>
    tf.tidy(() => {
      const value = withWeights(noisyVariables, tensors.map(noisy), () => loss(pass));
      counter.assign(tf.add(counter, tf.tensor1d([1], 'int32')));
      return value;
    });
  return Object.assign(evaluate, {
    evaluations: () => counter.dataSync()[0],
    resume: (evaluations: number) => {
      checkNumber('evaluations', evaluations, { min: 0, integer: true });
      tf.tidy(() => counter.assign(tf.tensor1d([evaluations], 'int32')));
    },
    setStrength: (value: number) => tf.tidy(() => strength.assign(tf.scalar(checkStrength(value)))),
    dispose: () => tf.dispose([counter, strength]),
  });
}

function streamName({ role, ordinal, shape }: Omit<ModelTensor, 'variable'>, stream: string): string {
  return `noisyLoss/${role} ${ordinal} [${shape}]/${stream}`;
}

/**
 * Standard normal numbers from a seed, the name of a stream and a counter that is a tensor: a native op where there is one, so
 * that a graph can contain it.
 */
function drawNormals(shape: readonly number[], seed: number, stream: string, counter: tf.Tensor): tf.Tensor {
  const key = new Random(seed, stream).seed();
  if (isNative()) {
    const seeds = tf.concat([tf.tensor1d([key], 'int32'), counter]);
    const types = [attr.type('dtype', 'float32'), attr.type('T', 'int32'), attr.type('Tseed', 'int32')];
    return runOp('StatelessRandomNormal', types, [tf.tensor1d([...shape], 'int32'), seeds]);
  }
  const size = shape.reduce((product, n) => product * n, 1);
  return tf.tensor(new Random(key, `evaluation ${counter.dataSync()[0]}`).normals(size), [...shape]);
}
