/**
 * The loss as the optimizers of the family see it: a function that is evaluated several times in one step, at weights that the
 * optimizer chooses.
 */
import { isMovingStatistic, withBatchNormUpdates } from '../runtime/batchnorm';
import * as tf from '../runtime/tf';
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
 * The loss to minimize: returns a scalar. `() => ...` promises that every evaluation of one step sees the same batch;
 * `(pass) => ...` may look at the pass and, for example, draw a fresh batch for each inner step.
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
 * Evaluates the loss of one optimizer step at several points. The variables that the loss depends on are known after the first
 * evaluation; the others take no part in the step, as parameters without a gradient do in PyTorch.
 */
export class LossEvaluator {
  /** Number of gradients taken so far. */
  evaluations = 0;

  /** Whether the loss changed state that only a repeated evaluation can change again in the same way. */
  changesOtherState = false;

  constructor(
    private readonly loss: LossFunction,
    /** The variables of the step, reduced to those with a gradient by the first evaluation. */
    public variables: tf.Variable[],
  ) {}

  /** Loss and gradients at `weights`, or at the present weights where that is undefined. Call inside tf.tidy. */
  at(weights: tf.Tensor[] | undefined, pass: LossPass): Evaluation {
    if (weights !== undefined) assignAll(this.variables, weights);
    const gradientsAt = (): { value: tf.Scalar; grads: tf.NamedTensorMap } =>
      withBatchNormUpdates(pass.batchNormUpdates, () => tf.variableGrads(() => this.loss(pass), this.variables));
    this.evaluations++;
    if (this.evaluations > 1) {
      const { value, grads } = withoutMetrics(gradientsAt);
      return { loss: value, gradients: this.variables.map(({ name }) => grads[name]) };
    }
    const before = otherState(this.variables);
    const { value, grads } = gradientsAt();
    this.changesOtherState = before.some(([variable, dataId]) => variable.dataId !== dataId && !isMovingStatistic(variable));
    this.variables = this.variables.filter(({ name }) => grads[name] !== undefined && grads[name] !== null);
    return { loss: value, gradients: this.variables.map(({ name }) => grads[name]) };
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
