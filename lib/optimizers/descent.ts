/**
 * Base optimizers: those that turn one gradient into one step. Sharpness-aware schemes use them on weights of their choice, such
 * as the fast weights of Lookbehind.
 */
import { checkNumber } from '../core/errors';
import * as tf from '../core/tf';
import { Hyperparameter } from './hyperparameter';
import { FamilyOptimizer } from './optimizer';
import { type Advance, assignAll, type Passes } from './passes';
import type { NamedTensor } from './weights';

/** Options of all base optimizers. */
export interface DescentOptions {
  /** Step size. Paper: eta. At least 0. */
  learningRate?: number;
  /** Weight decay factor. At least 0. Default 0. */
  weightDecay?: number;
}

/** A base optimizer. */
export abstract class DescentOptimizer extends FamilyOptimizer {
  readonly parts: readonly FamilyOptimizer[] = [];
  readonly hyperparameters: readonly Hyperparameter[];
  /** The learning rate, as compiled steps read it. */
  protected readonly rate: Hyperparameter;
  /** Weight decay factor of a step. */
  protected readonly weightDecay: number;

  /** @throws OptionError */
  constructor({ learningRate, weightDecay = 0 }: DescentOptions & { learningRate: number }) {
    super();
    this.weightDecay = checkNumber('weightDecay', weightDecay, { min: 0 });
    this.rate = new Hyperparameter('learningRate', learningRate);
    this.hyperparameters = [this.rate];
  }

  get learningRate(): number {
    return this.rate.value;
  }

  set learningRate(learningRate: number) {
    this.rate.value = learningRate;
  }

  /** The base step from `weights` along `gradients`, as new tensors. Advances the slots of `variables`. Call inside tf.tidy. */
  abstract update(weights: readonly tf.Tensor[], gradients: readonly tf.Tensor[], variables: readonly tf.Variable[]): tf.Tensor[];

  advance(passes: Passes): Advance {
    const { gradients } = passes.descent(0);
    return { weights: this.update(passes.variables, gradients, passes.variables) };
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
}
