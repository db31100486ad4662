/**
 * Base optimizers: those that turn one gradient into one step. Sharpness-aware schemes use them on weights of their choice, such
 * as the fast weights of Lookbehind.
 */
import { checkNumber, checkOneOf } from '../core/errors';
import * as tf from '../core/tf';
import { globalNorm } from './ascent';
import { assignAll, LossEvaluator, type LossFunction } from './loss';
import {
  FamilyOptimizer,
  Hyperparameter,
  type NamedTensor,
  type StepMeasures,
  type StepOptions,
  type StepResult,
} from './optimizer';

/** Options of all base optimizers. */
export interface DescentOptions {
  /** Step size. Paper: eta. At least 0. */
  learningRate?: number;
  /** Weight decay factor. At least 0. Default 0. */
  weightDecay?: number;
  /**
   * What momentum and weight decay are counted per, where k inner steps are taken on one batch (Lookbehind): `inner` steps, as the
   * official code does, or `batch`, with momentum^(1/k) and weightDecay / k per inner step. Default `inner`.
   */
  countPer?: 'inner' | 'batch';
}

/** A base optimizer. */
export abstract class DescentOptimizer extends FamilyOptimizer {
  readonly parts: readonly FamilyOptimizer[] = [];
  readonly hyperparameters: readonly Hyperparameter[];
  /** The learning rate, as compiled steps read it. */
  protected readonly rate: Hyperparameter;
  /** Weight decay factor of a step. */
  protected readonly weightDecay: number;
  /** What momentum and weight decay are counted per. */
  protected readonly countPer: 'inner' | 'batch';

  /** @throws OptionError */
  constructor({ learningRate, weightDecay = 0, countPer = 'inner' }: DescentOptions & { learningRate: number }) {
    super();
    this.weightDecay = checkNumber('weightDecay', weightDecay, { min: 0 });
    this.countPer = checkOneOf('countPer', countPer, ['inner', 'batch'] as const);
    this.rate = new Hyperparameter('learningRate', learningRate);
    this.hyperparameters = [this.rate];
  }

  get learningRate(): number {
    return this.rate.value;
  }

  set learningRate(learningRate: number) {
    this.rate.value = learningRate;
  }

  /**
   * The base step from `weights` along `gradients`, as new tensors. Advances the slots of `variables`. Call inside tf.tidy.
   *
   * @param innerSteps Steps that the scheme takes on one batch, for `countPer: 'batch'`.
   */
  abstract update(weights: tf.Tensor[], gradients: tf.Tensor[], variables: tf.Variable[], innerSteps?: number): tf.Tensor[];

  step(loss: LossFunction, variables: tf.Variable[], { measure = false, probe }: StepOptions = {}): StepResult {
    const evaluator = new LossEvaluator(loss, variables);
    const { loss: value, gradients } = evaluator.at(undefined, { phase: 'descent', inner: 0, batchNormUpdates: 1 });
    const trained = evaluator.variables;
    const updated = this.update(trained, gradients, trained);
    evaluator.finish(updated);
    probe?.inner?.({ inner: 0, loss: value, gradients, fast: updated }, trained);
    const measures = measure ? measuresWithoutAscent(value, gradients) : undefined;
    return { loss: value, gradientEvaluations: evaluator.evaluations, measures };
  }

  /** Makes the optimizer that `getConfig` described: model.save stores the description, tf.loadLayersModel reads it. @nocollapse */
  static override fromConfig<T extends tf.serialization.Serializable>(
    cls: tf.serialization.SerializableConstructor<T>,
    config: tf.serialization.ConfigDict,
  ): T {
    const { customObjects: _, ...options } = config;
    return new cls(options);
  }

  override applyGradients(given: tf.NamedTensorMap | NamedTensor[]): void {
    const named = Array.isArray(given) ? given : Object.entries(given).map(([name, tensor]) => ({ name, tensor }));
    const usable = named.filter(({ tensor }) => tensor !== null && tensor !== undefined);
    const variables = usable.map(({ name }) => tf.engine().registeredVariables[name]);
    this.meet(variables);
    tf.tidy(() =>
      assignAll(
        variables,
        this.update(
          variables,
          usable.map(({ tensor }) => tensor),
          variables,
        ),
      ),
    );
    this.finishStep(0);
  }

  /** Momentum-like factor of one inner step. */
  protected perInnerStep(factor: number, innerSteps: number): number {
    return this.countPer === 'batch' ? factor ** (1 / innerSteps) : factor;
  }

  /** Weight decay of one inner step. */
  protected decayPerInnerStep(innerSteps: number): number {
    return this.countPer === 'batch' ? this.weightDecay / innerSteps : this.weightDecay;
  }
}

function measuresWithoutAscent(loss: tf.Scalar, gradients: tf.Tensor[]): StepMeasures {
  return {
    losses: tf.reshape(loss, [1]),
    gradientNorms: tf.reshape(globalNorm(gradients), [1]),
    distances: tf.zeros([0]),
    alphas: tf.zeros([0]),
  };
}
