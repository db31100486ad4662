/**
 * Base optimizers: those that turn one gradient into one step. Sharpness-aware schemes use them on weights of
 * their choice, such as the fast weights of Lookbehind.
 */
import { OptionError } from '../core/errors';
import { callback, number, type OptionsOf } from '../core/options';
import * as tf from '../core/tf';
import { globalNorm, type WeightChoice } from './ascent';
import { Hyperparameter } from './hyperparameter';
import { FamilyOptimizer } from './optimizer';
import { type Advance, assignAll, type Passes } from './passes';
import type { NamedTensor } from './weights';

/** Describes what base optimizers have beside their step size and weight decay. */
export const DESCENT_OPTIONS = {
  /**
   * Which variables weight decay applies to. Default: all. `isKernel` leaves out biases and normalizations. A
   * function cannot be saved, as `rescale` of ASAM.
   */
  decays: callback<WeightChoice>(),
  /**
   * Largest norm of the gradient, over all variables together: a longer one is shortened. Above 0. Default:
   * none.
   */
  clipNorm: number({ min: 0, exclusiveMin: true }),
  /**
   * Largest size of a number of the gradient, after `clipNorm`: what exceeds it is cut. Above 0. Default:
   * none.
   */
  clipValue: number({ min: 0, exclusiveMin: true }),
};

/** Options that all base optimizers have beside their step size and weight decay. */
export type DescentOptions = OptionsOf<typeof DESCENT_OPTIONS>;

/** Keeps 0 / 0 away in clipping; the value of torch.nn.utils.clip_grad_norm_. */
const CLIP_EPSILON = 1e-6;

/** A base optimizer. */
export abstract class DescentOptimizer extends FamilyOptimizer {
  readonly parts: readonly FamilyOptimizer[] = [];
  readonly hyperparameters: readonly Hyperparameter[];
  /** The learning rate, as compiled steps read it. */
  protected readonly rate: Hyperparameter;
  readonly #options: DescentOptions & { weightDecay?: number };
  readonly #own: tf.serialization.ConfigDict;

  /**
   * @param options Checked options.
   * @param own What the optimizer has beside them: it is saved with them.
   */
  constructor(
    { learningRate, ...options }: DescentOptions & { learningRate: number; weightDecay?: number },
    own: tf.serialization.ConfigDict = {},
  ) {
    super();
    this.#options = options;
    this.#own = own;
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
   * The base step from `weights` along `gradients`, as new tensors. Advances the slots of `variables`. Call
   * inside tf.tidy.
   */
  update(
    weights: readonly tf.Tensor[],
    gradients: readonly tf.Tensor[],
    variables: readonly tf.Variable[],
  ): tf.Tensor[] {
    return this.move(weights, this.#clipped(gradients), variables);
  }

  /** The rule: the step along gradients that are clipped. */
  protected abstract move(
    weights: readonly tf.Tensor[],
    gradients: readonly tf.Tensor[],
    variables: readonly tf.Variable[],
  ): tf.Tensor[];

  /** Weight decay factor of one variable. */
  protected decayOf(variable: tf.Variable): number {
    const { decays, weightDecay = 0 } = this.#options;
    return decays === undefined || decays(variable) ? weightDecay : 0;
  }

  /** The gradient with weight decay as a part of it: g + weightDecay * w. */
  protected decayed(gradient: tf.Tensor, weight: tf.Tensor, variable: tf.Variable): tf.Tensor {
    const decay = this.decayOf(variable);
    return decay === 0 ? gradient : tf.add(gradient, tf.mul(weight, decay));
  }

  #clipped(gradients: readonly tf.Tensor[]): readonly tf.Tensor[] {
    const { clipNorm: longest, clipValue: largest } = this.#options;
    const shorten = longest && tf.minimum(1, tf.div(longest, tf.add(globalNorm(gradients), CLIP_EPSILON)));
    const short = shorten === undefined ? gradients : gradients.map((g) => tf.mul(g, shorten));
    return largest === undefined ? short : short.map((g) => tf.clipByValue(g, -largest, largest));
  }

  settings(): tf.serialization.ConfigDict {
    const { decays, ...options } = this.#options;
    return { ...this.#own, ...options, ...(decays === undefined ? {} : { decays: 'a function' }) };
  }

  /** @throws OptionError if `decays` was given: a file cannot hold a function. */
  override getConfig(): tf.serialization.ConfigDict {
    refuseFunction('decays', this.#options.decays);
    return super.getConfig();
  }

  advance(passes: Passes): Advance {
    const { gradients } = passes.descent(0);
    return { weights: this.update(passes.variables, gradients, passes.variables) };
  }

  /**
   * Makes the optimizer that `getConfig` described: model.save stores the description, tf.loadLayersModel
   * reads it. @nocollapse
   */
  static override fromConfig<T extends tf.serialization.Serializable>(
    cls: tf.serialization.SerializableConstructor<T>,
    config: tf.serialization.ConfigDict,
  ): T {
    const { customObjects: _, ...options } = config;
    return new cls(options);
  }

  override applyGradients(given: tf.NamedTensorMap | NamedTensor[]): void {
    const named = Array.isArray(given)
      ? given
      : Object.entries(given).map(([name, tensor]) => ({ name, tensor }));
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

/**
 * Whether weight decay usually applies to a variable: to kernels and embeddings, but not to biases and
 * normalizations.
 */
export function isKernel({ name }: { name: string }): boolean {
  return !/(^|\/)(bias|beta|gamma)(_\d+)?$/.test(name);
}

/** Throws an OptionError if an optimizer that is to be saved itself has an option that is a function. */
export function refuseFunction(name: string, given: unknown): void {
  if (given === undefined) return;
  throw new OptionError(
    name,
    given,
    'left out if the optimizer itself is saved, because a file cannot hold a function',
    'Save the model without its optimizer, and the state of the optimizer with saveState(); restore ' +
      `it into one made with ${name}.`,
  );
}
