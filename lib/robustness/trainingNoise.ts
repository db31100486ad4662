/**
 * Noise-aware training: the loss at noisy weights, its gradient for the clean ones.
 *
 *     w~ = w + strength * (noise(w) - w)      fresh noise at each evaluation of the loss
 *     g  = grad loss(w~)                      handed on as the gradient at w (straight through)
 *
 * A step of SGD draws once, one of SAM twice (ascent and descent), one of Lookbehind 2k times: its gradients
 * cannot be reused where every evaluation sees other noise.
 *
 * Joshi et al., "Accurate deep neural network inference using computational phase-change memory", Nature
 * Communications 11, 2473 (2020); with bit errors or quantization in place of Gaussian noise, Stutz et al.,
 * MLSys 2021, arXiv:2006.13977.
 */

import { attr, isNative, runOp } from '../compile/backend';
import { checkNumber, OptionError } from '../core/errors';
import {
  callback,
  checkOptions,
  needed,
  number,
  type OptionsOf,
  object,
  whole,
  withDefault,
} from '../core/options';
import { Random } from '../core/random';
import * as tf from '../core/tf';
import type { LossFunction } from '../optimizers/passes';
import type { PassNoise } from '../training/stepRunner';
import { withWeights } from '../training/weights';
import {
  type DifferentiableNoise,
  isDifferentiable,
  type TensorNoiseSite,
  type TensorSelector,
  type WeightTensor,
} from './noise';
import { describeVariables, kernelsAndEmbeddings, selectTensors } from './tensors';

const OPTIONS = {
  /** The noise: any of the library's, or a composition of them. */
  noise: needed(object<DifferentiableNoise>()),
  /** Which weights get noise. Default: kernels and embeddings. */
  select: withDefault(callback<TensorSelector>(), kernelsAndEmbeddings),
  /**
   * Factor on the change that the noise makes. May be set at any time, to warm up for example. At least 0,
   * default 1.
   */
  strength: number({ min: 0 }, 1),
  /** Seed of the noise, a whole number. Default 0. */
  seed: whole({}, 0),
};

/** Options of `TrainingNoise`. */
export type TrainingNoiseOptions = OptionsOf<typeof OPTIONS>;

/**
 * The noise of one training run.
 *
 * Its random numbers come from the seed and a counter of evaluations that lives in a tf.Variable. So a
 * compiled step draws afresh at each run, draws what the same step would draw op by op, and can be resumed.
 * Dispose it after use.
 *
 * @example
 * const noise = new TrainingNoise({ noise: gaussianNoise({ sigma: 0.1 }) });
 * const trainer = new Trainer(model, optimizer, train, { epochs: 20, noise });
 */
export class TrainingNoise implements PassNoise {
  readonly #noise: DifferentiableNoise;
  readonly #select: TensorSelector;
  readonly #seed: number;
  readonly #counter: tf.Variable;
  readonly #strength: tf.Variable;

  /** @throws OptionError */
  constructor(options: TrainingNoiseOptions) {
    const { noise, select, seed, strength } = checkOptions('TrainingNoise', OPTIONS, options);
    if (!isDifferentiable(noise)) {
      throw new OptionError('noise', noise, 'a differentiable noise', 'Give it a method perturb.');
    }
    this.#noise = noise;
    this.#select = select;
    this.#seed = seed;
    [this.#counter, this.#strength] = tf.tidy(() => [
      tf.variable(tf.tensor1d([0], 'int32'), false),
      tf.variable(tf.scalar(strength), false),
    ]);
  }

  /**
   * A loss that is evaluated at noisy weights and passes its gradients to the clean ones: for
   * `optimizer.minimize`; a Trainer calls it by itself. The weights hold noise only while the loss runs.
   * BatchNorm's moving statistics follow the noisy forward passes.
   *
   * @param loss The loss.
   * @param variables The weights that it depends on; those that `select` chooses get noise.
   * @throws OptionError where `select` chooses none of them.
   */
  readonly wrapLoss = (loss: LossFunction, variables: readonly tf.Variable[]): LossFunction => {
    const tensors = selectTensors(describeVariables(variables), this.#select);
    const noisyVariables = tensors.map(({ variable }) => variable);
    return (pass) =>
      tf.tidy(() => {
        const noisy = tensors.map(({ variable, ...tensor }) => this.#noisy(variable, tensor));
        const value = withWeights(noisyVariables, noisy, () => loss(pass));
        this.#counter.assign(next(this.#counter));
        return value;
      });
  };

  /**
   * How often the loss was evaluated. A Trainer sets it, also when a run is resumed, to the optimizer's
   * `gradientEvaluations`, so that the run draws what the uninterrupted one would have drawn; who calls
   * `optimizer.minimize` must do the same.
   */
  get evaluations(): number {
    return this.#counter.dataSync()[0];
  }

  set evaluations(evaluations: number) {
    checkNumber('evaluations', evaluations, { min: 0, integer: true });
    tf.tidy(() => this.#counter.assign(tf.tensor1d([evaluations], 'int32')));
  }

  /** Factor on the change that the noise makes, from the next evaluation on. */
  get strength(): number {
    return this.#strength.dataSync()[0];
  }

  set strength(strength: number) {
    checkNumber('strength', strength, { min: 0 });
    tf.tidy(() => this.#strength.assign(tf.scalar(strength)));
  }

  /** Frees the counter and the strength. */
  dispose(): void {
    tf.dispose([this.#counter, this.#strength]);
  }

  #noisy(variable: tf.Variable, tensor: WeightTensor): tf.Tensor {
    const { role, ordinal, shape } = tensor;
    const numbers = (kind: 'normal' | 'uniform', stream: string): tf.Tensor => {
      const key = new Random(this.#seed, `training/${role} ${ordinal} [${shape}]/${stream}`).seed();
      return numbersAt(kind, shape, key, this.#counter);
    };
    const site: TensorNoiseSite = {
      ...tensor,
      normals: (stream) => numbers('normal', stream),
      uniforms: (stream) => numbers('uniform', stream),
    };
    return tf.add(variable, tf.mul(this.#strength, tf.sub(this.#noise.perturb(variable, site), variable)));
  }
}

/** One more: an op of the graph where there is one, else a number that stays within JavaScript's reach. */
function next(counter: tf.Tensor): tf.Tensor1D {
  const one = tf.tensor1d([1], 'int32');
  return isNative() ? tf.add(counter, one) : tf.tensor1d([counter.dataSync()[0] + 1], 'int32');
}

/**
 * Random numbers that depend on a key and a counter, the counter being a tensor: a native op where there is
 * one, which a graph can contain.
 */
function numbersAt(
  kind: 'normal' | 'uniform',
  shape: readonly number[],
  key: number,
  counter: tf.Tensor,
): tf.Tensor {
  if (isNative()) {
    const seed = tf.concat([tf.tensor1d([key], 'int32'), counter]);
    const types = [attr.type('dtype', 'float32'), attr.type('T', 'int32'), attr.type('Tseed', 'int32')];
    const op = kind === 'normal' ? 'StatelessRandomNormal' : 'StatelessRandomUniform';
    return runOp(op, types, [tf.tensor1d([...shape], 'int32'), seed]);
  }
  const size = shape.reduce((product, n) => product * n, 1);
  const random = new Random(key, `evaluation ${counter.dataSync()[0]}`);
  return tf.tensor(kind === 'normal' ? random.normals(size) : random.uniforms(size), [...shape]);
}
