/**
 * The loss of a model, or of any function of tf.Variables, as a function of one flat weight vector: what the tools for
 * sharpness and curvature work on.
 *
 *   w: all trainable weights one after the other, each row-major      loss_b(w), its gradient, Hessian times v, for batch b
 *
 * Nothing here changes the model: while one loss is computed the variables point to other data (`withWeights`), and back.
 */

import { type Compiled, compile } from '../compile/compile';
import { checkFunction, checkKnownOptions, checkNumber, checkObject, checkOneOf, StateMismatchError } from '../core/errors';
import * as tf from '../core/tf';
import { isRescaled } from '../optimizers/ascent';
import { type BatchLoss, type BatchNormMode, forward } from '../training/evaluate';
import { HeldBatches } from '../training/heldBatches';
import { lossFor } from '../training/modelLoss';
import type { Samples } from '../training/samples';
import { trainableVariables, withWeights } from '../training/weights';

/** One tensor of the flat weight vector. */
export interface Parameter {
  /** Name of its variable. */
  name: string;
  /** Shape of the tensor. */
  shape: number[];
  /** Number of weights. */
  size: number;
  /** Where it starts in the flat vector. */
  offset: number;
  /** Whether adaptive measures rescale it by |w| + eta, as ASAM does: true for kernels, embeddings and gamma. */
  adaptive: boolean;
}

/** Options of `modelObjective`. */
export interface ObjectiveOptions {
  /** Samples per batch, >= 1: the m of m-sharpness. Default 128. */
  batchSize?: number;
  /** The loss. Default: mean softmax cross-entropy on logits. */
  loss?: BatchLoss;
  /** By which statistics BatchNorm normalises, as in `evaluate`. Default `'moving'`. */
  batchNorm?: BatchNormMode;
  /** Runs op by op in place of compiling. Default false. */
  eager?: boolean;
}

/** Options of `functionObjective`. */
export interface FunctionObjectiveOptions {
  /** Which variables adaptive measures rescale. Default: all but those named `bias` or `beta`. */
  adaptive?: (variable: tf.Variable) => boolean;
  /** Runs op by op in place of compiling. Default false. */
  eager?: boolean;
}

/** Loss and gradient, owned by the caller. */
export interface LossAndGradient {
  /** The mean loss. */
  loss: tf.Scalar;
  /** Flat, in the order of `parameters`. */
  gradient: tf.Tensor1D;
}

type BatchFunction<R> = Compiled<tf.Tensor[], R>;

/**
 * The loss on fixed batches as a function of the flat weight vector. Holds batches, as the memory allows, and the compiled functions: dispose it
 * after use. Make it with `modelObjective` or `functionObjective`.
 */
export class Objective {
  /** The tensors that make up the flat vector, in its order. */
  readonly parameters: readonly Parameter[];
  /** Number of weights. */
  readonly size: number;
  /** Samples in each batch; one batch of one "sample" for a function without data. */
  readonly batchSizes: readonly number[];
  readonly #variables: readonly tf.Variable[];
  readonly #batches: HeldBatches | undefined;
  readonly #loss: BatchFunction<tf.Scalar>;
  readonly #gradient: BatchFunction<LossAndGradient>;
  readonly #hessian: BatchFunction<tf.Tensor1D>;

  /** @internal */
  constructor(
    variables: readonly tf.Variable[],
    batches: HeldBatches | undefined,
    lossOf: (...batch: tf.Tensor[]) => tf.Scalar,
    adaptive: (variable: tf.Variable) => boolean,
    eager: boolean,
  ) {
    let offset = 0;
    this.parameters = variables.map((variable) => {
      const { name, shape, size } = variable;
      const parameter = { name, shape: [...shape], size, offset, adaptive: adaptive(variable) };
      offset += size;
      return parameter;
    });
    this.size = offset;
    this.#variables = variables;
    this.#batches = batches;
    this.batchSizes = batches?.sizes ?? [1];
    const at = <R>(w: tf.Tensor, fn: () => R): R => withWeights(variables, this.split(w as tf.Tensor1D), fn);
    const options = { eager: eager || undefined, maxSignatures: 16 };
    this.#loss = compile((w, ...batch) => tf.tidy(() => at(w, () => lossOf(...batch))), { ...options, name: 'objective.loss' });
    this.#gradient = compile(
      (w, ...batch) =>
        tf.tidy(() =>
          at(w, () => {
            const { value, grads } = tf.variableGrads(() => lossOf(...batch), [...variables]);
            return { loss: value, gradient: this.#flatten(grads) };
          }),
        ),
      { ...options, name: 'objective.gradient' },
    );
    this.#hessian = compile(
      (w, v, ...batch) =>
        tf.tidy(() =>
          at(w, () => {
            const slope = (): tf.Scalar => {
              const { grads } = tf.variableGrads(() => lossOf(...batch), [...variables]);
              return tf.sum(tf.mul(this.#flatten(grads), v)) as tf.Scalar;
            };
            return this.#flatten(tf.variableGrads(slope, [...variables]).grads);
          }),
        ),
      { ...options, name: 'objective.hessianVectorProduct' },
    );
  }

  /** Number of batches. */
  get batchCount(): number {
    return this.batchSizes.length;
  }

  /** The present weights as a flat vector, owned by the caller. */
  weights(): tf.Tensor1D {
    return tf.tidy(() => tf.concat(this.#variables.map((variable) => tf.reshape(variable, [-1]))) as tf.Tensor1D);
  }

  /** Mean loss over batch `batch` at `w`. The caller owns it. */
  loss(w: tf.Tensor1D, batch: number): tf.Scalar {
    return this.#on(batch, (...tensors) => this.#loss(w, ...tensors));
  }

  /** Mean loss over batch `batch` at `w`, and its gradient. */
  gradient(w: tf.Tensor1D, batch: number): LossAndGradient {
    return this.#on(batch, (...tensors) => this.#gradient(w, ...tensors));
  }

  /**
   * The Hessian of `loss(w, batch)` times `v`, by differentiating twice. The caller owns it.
   *
   * Right only where every op of the loss has a second derivative: `HessianOperator` checks that.
   */
  hessianVectorProduct(w: tf.Tensor1D, v: tf.Tensor1D, batch: number): tf.Tensor1D {
    return this.#on(batch, (...tensors) => this.#hessian(w, v, ...tensors));
  }

  /** The flat vector cut into one tensor per parameter. The caller owns them. */
  split(flat: tf.Tensor1D): tf.Tensor[] {
    if (flat.size !== this.size) {
      throw new StateMismatchError(`The loss has ${this.size} weights, but a vector of ${flat.size} was given.`);
    }
    return tf.tidy(() => {
      const parts =
        this.parameters.length === 1
          ? [flat]
          : tf.split(
              flat,
              this.parameters.map(({ size }) => size),
            );
      return parts.map((part, i) => tf.reshape(part, this.parameters[i].shape));
    });
  }

  /** Frees the batches and the compiled functions; the weights stay. */
  dispose(): void {
    this.#batches?.dispose();
    for (const compiled of [this.#loss, this.#gradient, this.#hessian]) compiled.dispose();
  }

  #on<T>(batch: number, fn: (...tensors: tf.Tensor[]) => T): T {
    checkNumber('batch', batch, { min: 0, max: this.batchCount - 1, integer: true });
    return this.#batches === undefined ? fn() : this.#batches.use(batch, fn);
  }

  /** Gradients as one vector; variables that the loss does not depend on have gradient 0. */
  #flatten(gradients: tf.NamedTensorMap): tf.Tensor1D {
    const parts = this.#variables.map((variable) => gradients[variable.name] ?? tf.zerosLike(variable));
    return tf.concat(parts.map((part) => tf.reshape(part, [-1]))) as tf.Tensor1D;
  }
}

/**
 * The loss of `model` on `samples`, in batches, as a function of its trainable weights. Dropout is off and BatchNorm normalises
 * by its moving averages, unless `batchNorm` says otherwise.
 *
 * @throws OptionError, DataError
 */
export function modelObjective(model: tf.LayersModel, samples: Samples, options: ObjectiveOptions = {}): Objective {
  checkKnownOptions('objective', options, ['batchSize', 'loss', 'batchNorm', 'eager']);
  const { batchSize = 128, batchNorm = 'moving', eager = false } = options;
  checkOneOf('batchNorm', batchNorm, ['moving', 'batch']);
  const loss = lossFor(model, options.loss);
  const batches = new HeldBatches(samples, batchSize);
  const lossOf = (xs: tf.Tensor, ys: tf.Tensor): tf.Scalar => loss(ys, forward(model, xs, batchNorm));
  return new Objective(trainableVariables(model), batches, lossOf as (...batch: tf.Tensor[]) => tf.Scalar, isRescaled, eager);
}

/**
 * Hands the objective of `modelObjective` to `work`, and frees it afterwards, also where that fails.
 *
 * @example const { values } = await withObjective(model, train, {}, (objective) => oneStepSharpness(objective, { radii: [0.5] }));
 * @throws OptionError, DataError, and what `work` throws.
 */
export async function withObjective<T>(
  model: tf.LayersModel,
  samples: Samples,
  options: ObjectiveOptions,
  work: (objective: Objective) => Promise<T>,
): Promise<T> {
  const objective = modelObjective(model, samples, options);
  try {
    return await work(objective);
  } finally {
    objective.dispose();
  }
}

/**
 * Any scalar function of tf.Variables as an objective.
 *
 * @example const bowl = functionObjective([x], () => tf.sum(tf.square(x)));
 */
export function functionObjective(
  variables: readonly tf.Variable[],
  loss: () => tf.Scalar,
  options: FunctionObjectiveOptions = {},
): Objective {
  checkObject('options', options);
  // Here it is a function, elsewhere a flag.
  const { adaptive = isRescaled, ...rest } = options;
  checkFunction('adaptive', adaptive);
  checkKnownOptions('functionObjective', rest, ['eager']);
  const { eager = false } = rest;
  return new Objective(variables, undefined, loss, adaptive, eager);
}
