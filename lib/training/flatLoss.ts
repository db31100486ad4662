/**
 * A loss as a function of one flat weight vector: what the tools for sharpness and curvature work on.
 *
 *   w: all variables one after the other, each row-major
 *   loss_b(w), its gradient, its Hessian times v, for batch b
 *
 * Nothing here changes the variables: while one loss is computed they point to other data (`withWeights`),
 * and back.
 */
import { type Compiled, compile } from '../compile/compile';
import { checkNumber, StateMismatchError } from '../core/errors';
import { callback, checkOptions, flag, type OptionsOf } from '../core/options';
import * as tf from '../core/tf';
import { isRescaled } from '../optimizers/ascent';
import type { HeldBatches } from './heldBatches';
import { samplesFrom, type TensorSamples } from './samples';
import { slotsOf, type WeightSlot, withWeights } from './weights';

/** One tensor of the flat weight vector of a loss. */
export interface Parameter extends WeightSlot {
  /**
   * Whether adaptive measures rescale it by |w| + eta, as ASAM does: true for kernels, embeddings and gamma.
   */
  adaptive: boolean;
}

/** Loss and gradient, owned by the caller. */
export interface LossAndGradient {
  /** The mean loss. */
  loss: tf.Scalar;
  /** Flat, in the order of `parameters`. */
  gradient: tf.Tensor1D;
}

/** The mean loss of one batch at the present weights; a function without data gets no batch. */
export type BatchFunction = (batch?: TensorSamples) => tf.Scalar;

type OnBatch<A extends tf.Tensor[], R> = Compiled<[...A, batch: TensorSamples | undefined], R>;

/**
 * A loss on fixed batches as a function of the flat weight vector: a `ModelLoss`, or any function of
 * variables by `functionLoss`. Dispose it after use.
 */
export class FlatLoss {
  /** The tensors that make up the flat vector, in its order. */
  readonly parameters: readonly Parameter[];
  /** Number of weights. */
  readonly size: number;
  readonly #variables: readonly tf.Variable[];
  readonly #batches: (() => HeldBatches) | undefined;
  readonly #loss: OnBatch<[w: tf.Tensor1D], tf.Scalar>;
  readonly #gradient: OnBatch<[w: tf.Tensor1D], LossAndGradient>;
  readonly #hvp: OnBatch<[w: tf.Tensor1D, v: tf.Tensor1D], tf.Tensor1D>;

  /** @internal */
  constructor(
    variables: readonly tf.Variable[],
    lossOf: BatchFunction,
    { adaptive = isRescaled, eager = false }: FunctionLossOptions,
    batches?: () => HeldBatches,
  ) {
    this.parameters = slotsOf(variables).map((slot, i) => ({ ...slot, adaptive: adaptive(variables[i]!) }));
    this.size = this.parameters.reduce((sum, { size }) => sum + size, 0);
    this.#variables = variables;
    this.#batches = batches;
    const at = <R>(w: tf.Tensor1D, fn: () => R): R =>
      tf.tidy(() => withWeights(variables, this.split(w), fn) as never);
    const slopes = (loss: () => tf.Scalar): LossAndGradient => {
      const { value, grads } = tf.variableGrads(loss, [...variables]);
      // A variable that the loss does not depend on has gradient 0.
      return {
        loss: value,
        gradient: flat(variables.map((variable) => grads[variable.name] ?? tf.zerosLike(variable))),
      };
    };
    const options = { eager: eager || undefined, maxSignatures: 16 };
    this.#loss = compile((w, batch) => at(w, () => lossOf(batch)), { ...options, name: 'ModelLoss.loss' });
    this.#gradient = compile((w, batch) => at(w, () => slopes(() => lossOf(batch))), {
      ...options,
      name: 'ModelLoss.gradient',
    });
    this.#hvp = compile(
      (w, v, batch) =>
        at(
          w,
          () => slopes(() => tf.sum(tf.mul(slopes(() => lossOf(batch)).gradient, v)) as tf.Scalar).gradient,
        ),
      { ...options, name: 'ModelLoss.hvp' },
    );
  }

  /** Samples in each batch; one batch of one "sample" for a function without data. */
  get batchSizes(): readonly number[] {
    return this.#batches?.().sizes ?? [1];
  }

  /** Number of batches. */
  get batchCount(): number {
    return this.batchSizes.length;
  }

  /** The present weights as a flat vector, owned by the caller. */
  weights(): tf.Tensor1D {
    return tf.tidy(() => flat(this.#variables));
  }

  /** Mean loss over batch `batch` at `w`. The caller owns it. */
  loss(w: tf.Tensor1D, batch: number): tf.Scalar {
    return this.#on(batch, undefined, (samples) => this.#loss(w, samples));
  }

  /**
   * Mean loss over batch `batch` at `w`, and its gradient.
   *
   * @param sample Takes this sample of the batch alone.
   */
  gradient(w: tf.Tensor1D, batch: number, sample?: number): LossAndGradient {
    return this.#on(batch, sample, (samples) => this.#gradient(w, samples));
  }

  /**
   * The Hessian of `loss(w, batch)` times `v`, by differentiating twice. The caller owns it.
   *
   * Right only where every op of the loss has a second derivative: `HessianOperator` checks that.
   *
   * @param sample Takes this sample of the batch alone.
   */
  hvp(w: tf.Tensor1D, v: tf.Tensor1D, batch: number, sample?: number): tf.Tensor1D {
    return this.#on(batch, sample, (samples) => this.#hvp(w, v, samples));
  }

  /** The flat vector cut into one tensor per parameter. The caller owns them. */
  split(flat: tf.Tensor1D): tf.Tensor[] {
    if (flat.size !== this.size) {
      throw new StateMismatchError(
        `The loss has ${this.size} weights, but a vector of ${flat.size} was given.`,
      );
    }
    const sizes = this.parameters.map(({ size }) => size);
    return tf.tidy(() => {
      const parts = sizes.length === 1 ? [flat] : tf.split(flat, sizes);
      return parts.map((part, i) => tf.reshape(part, this.parameters[i].shape));
    });
  }

  /** Frees the compiled functions; the weights stay. */
  dispose(): void {
    for (const compiled of [this.#loss, this.#gradient, this.#hvp]) compiled.dispose();
  }

  #on<T>(batch: number, sample: number | undefined, fn: (samples?: TensorSamples) => T): T {
    checkNumber('batch', batch, { min: 0, max: this.batchCount - 1, integer: true });
    if (this.#batches === undefined) return fn();
    return this.#batches().use(batch, (xs, ys) => {
      if (sample === undefined) return fn({ xs, ys });
      const one = samplesFrom({ xs, ys }, sample, 1);
      try {
        return fn(one);
      } finally {
        tf.dispose([one.xs, one.ys]);
      }
    });
  }
}

const FUNCTION_LOSS = {
  /** Which variables adaptive measures rescale. Default: all but those named `bias` or `beta`. */
  adaptive: callback<(variable: tf.Variable) => boolean>(),
  /** Runs op by op in place of compiling. Default false. */
  eager: flag(false),
};

/** Options of `functionLoss`. */
export type FunctionLossOptions = OptionsOf<typeof FUNCTION_LOSS>;

/**
 * Any scalar function of tf.Variables as a loss without data.
 *
 * @example const bowl = functionLoss([x], () => tf.sum(tf.square(x)));
 */
export function functionLoss(
  variables: readonly tf.Variable[],
  loss: () => tf.Scalar,
  options: FunctionLossOptions = {},
): FlatLoss {
  return new FlatLoss(variables, loss, checkOptions('functionLoss', FUNCTION_LOSS, options));
}

function flat(tensors: readonly tf.Tensor[]): tf.Tensor1D {
  return tf.concat(tensors.map((tensor) => tf.reshape(tensor, [-1]))) as tf.Tensor1D;
}
