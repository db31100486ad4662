/**
 * The loss as the optimizers of the family see it: a function that is evaluated several times in one step, at weights that the
 * optimizer chooses.
 */
import { isMovingStatistic, withBatchNormUpdates } from '../core/batchNorm';
import { LookbehindError } from '../core/errors';
import * as tf from '../core/tf';
import { withoutMetrics } from './metrics';

/** What one evaluation of the loss is for. A loss that takes it can switch batches, fix dropout seeds or skip statistics. */
export interface LossPass {
  /** `ascent`: the gradient will climb. `descent`: the gradient will descend (and, where gradients are reused, climb next). */
  phase: 'ascent' | 'descent';
  /** Inner step, 0 to k - 1. */
  inner: number;
  /** How often BatchNorm layers apply the moving-average update of this pass. Stock layers are told by the optimizer itself. */
  batchNormUpdates: 0 | 1 | 2;
}

/**
 * The loss to minimize: returns a scalar. A loss that reads nothing of its pass promises that every evaluation of one step sees the
 * same batch; one that reads it may, for example, switch batches with the inner step.
 */
export type LossFunction = (pass: LossPass) => tf.Scalar;

/** Loss and gradients at one point. `gradients[i]` belongs to `variables[i]` of the evaluator. */
export interface Evaluation {
  /** Loss, a scalar. */
  loss: tf.Scalar;
  /** One tensor per variable, of its shape. */
  gradients: tf.Tensor[];
}

/**
 * Evaluates the loss of one optimizer step at several points. The variables that the loss depends on are known after its
 * evaluations: one that only some of them use has a zero gradient in the others. Those that none uses take no part in the step, as
 * parameters without a gradient do in PyTorch.
 */
export class LossEvaluator {
  /** Number of gradients taken so far. */
  evaluations = 0;

  /** Whether the loss changed state that only a repeated evaluation can change again in the same way. */
  changesOtherState = false;

  /** Whether the loss read its pass, so that another pass may mean another batch. */
  readsPass = false;

  /** The variables with a gradient so far. Later evaluations may add some at the end. */
  readonly variables: tf.Variable[] = [];

  /** All variables that may take part. */
  readonly #candidates: tf.Variable[];
  readonly #start: tf.Tensor[] = [];
  readonly #results: Evaluation[] = [];

  constructor(
    private readonly loss: LossFunction,
    variables: tf.Variable[],
  ) {
    this.#candidates = [...new Set(variables)].filter(({ trainable }) => trainable);
  }

  /** Loss and gradients at `weights`, or at the present weights where that is undefined. Call inside tf.tidy. */
  at(weights: tf.Tensor[] | undefined, pass: LossPass): Evaluation {
    if (weights !== undefined) assignAll(this.variables, weights);
    const watched = this.#watched(pass);
    const gradientsAt = (): { value: tf.Tensor; grads: Array<tf.Tensor | undefined> } =>
      withBatchNormUpdates(pass.batchNormUpdates, () =>
        tf.engine().gradients(() => this.loss(watched), this.#candidates, undefined, true),
      );
    this.evaluations++;
    const first = this.evaluations === 1;
    const before = first ? otherState(this.#candidates) : [];
    const { value, grads } = first ? gradientsAt() : withoutMetrics(gradientsAt);
    if (value.rank !== 0) {
      throw new LookbehindError(`The loss must be a scalar, but it has shape [${value.shape}]. Take its mean, with tf.mean.`);
    }
    if (first) {
      this.changesOtherState = before.some(([variable, dataId]) => variable.dataId !== dataId && !isMovingStatistic(variable));
    }
    const found = new Map(this.#candidates.map((variable, i) => [variable, grads[i]]));
    const known = new Set(this.variables);
    this.#join(this.#candidates.filter((variable) => found.get(variable) !== undefined && !known.has(variable)));
    const gradients = this.variables.map((variable) => found.get(variable) ?? tf.zerosLike(variable));
    const evaluation = { loss: value as tf.Scalar, gradients };
    this.#results.push(evaluation);
    return evaluation;
  }

  /** The values of `variables` before the step. */
  get start(): tf.Tensor[] {
    return [...this.#start];
  }

  /** `point`, with the values before the step of those variables that joined since it was made. */
  complete(point: tf.Tensor[]): tf.Tensor[] {
    return [...point, ...this.#start.slice(point.length)];
  }

  /** Ends the step: the variables take the values given. */
  finish(weights: tf.Tensor[]): void {
    if (this.variables.length === 0) {
      const names = this.#candidates.map(({ name }) => name);
      throw new LookbehindError(
        `The loss depends on none of the variables to train, which are ${names.slice(0, 8).join(', ')}` +
          `${names.length > 8 ? ', ...' : ''}. Compute it from them inside of the function given, or pass the variables that it uses.`,
      );
    }
    assignAll(this.variables, weights);
  }

  /** Adds variables with a first gradient. */
  #join(variables: tf.Variable[]): void {
    this.variables.push(...variables);
    this.#start.push(...variables.map((variable) => variable.clone()));
    for (const { gradients } of this.#results) gradients.push(...variables.map((variable) => tf.zerosLike(variable)));
  }

  /** `pass`, which takes note of being read, in whatever way a loss writes its parameters. */
  #watched(pass: LossPass): LossPass {
    const read = <T>(value: T): T => {
      this.readsPass = true;
      return value;
    };
    return new Proxy(pass, {
      get: (target, key) => read(Reflect.get(target, key)),
      has: (target, key) => read(Reflect.has(target, key)),
      ownKeys: (target) => read(Reflect.ownKeys(target)),
    });
  }
}

/** Assigns `values[i]` to `variables[i]`. */
export function assignAll(variables: tf.Variable[], values: tf.Tensor[]): void {
  for (let i = 0; i < variables.length; i++) variables[i].assign(values[i]);
}

function otherState(trained: tf.Variable[]): Array<[tf.Variable, object]> {
  const own = new Set(trained);
  return Object.values(tf.engine().registeredVariables)
    .filter((variable) => !own.has(variable))
    .map((variable) => [variable, variable.dataId]);
}
