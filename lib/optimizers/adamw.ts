/**
 * Adam with decoupled weight decay, as torch.optim.AdamW.
 *
 *     w = w - learningRate * weightDecay * w
 *     m = beta1 * m + (1 - beta1) * g
 *     v = beta2 * v + (1 - beta2) * g^2
 *     w = w - learningRate * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)   t: steps of w
 *
 * Loshchilov, Hutter, "Decoupled Weight Decay Regularization", ICLR 2019, arXiv:1711.05101.
 * https://docs.pytorch.org/docs/stable/generated/torch.optim.AdamW.html
 */
import { checkOptions, number, type OptionsOf, type SettingsOf, where, withDefault } from '../core/options';
import * as tf from '../core/tf';
import { DESCENT_OPTIONS, DescentOptimizer, type DescentOptions } from './descent';

/** How much of a mean stays: its correction divides by 1 - decay^t. */
const DECAY = where<number>(
  'number',
  'a number >= 0 and < 1, also as a float32',
  (value) => typeof value === 'number' && value >= 0 && Math.fround(value) < 1,
);

const OWN = {
  /** Step size. At least 0. Default 0.001. */
  learningRate: number({ min: 0 }, 0.001),
  /** Decay of the mean of gradients, in [0, 1). Default 0.9. */
  beta1: withDefault(DECAY, 0.9),
  /** Decay of the mean of squared gradients, in [0, 1). Default 0.999. */
  beta2: withDefault(DECAY, 0.999),
  /** Added to the root of the squared mean. Above 0. Default 1e-8. */
  epsilon: number({ min: 0, exclusiveMin: true }, 1e-8),
  /** Decoupled weight decay, times the learning rate. At least 0. Default 0.01. */
  weightDecay: number({ min: 0 }, 0.01),
};

/** Describes the options of `adamw`. */
export const ADAMW_OPTIONS = { ...OWN, ...DESCENT_OPTIONS };

/** Options of `adamw`. */
export type AdamWOptions = OptionsOf<typeof OWN> & DescentOptions;

/** Adam with decoupled weight decay. Make it with `adamw`. */
export class AdamW extends DescentOptimizer {
  /** The name under which it is saved. @nocollapse */
  static get className(): string {
    return 'LookbehindFamilyAdamW';
  }
  readonly slotKinds: readonly string[] = ['m', 'v'];
  override readonly numberKinds: readonly string[] = ['beta1Power', 'beta2Power'];
  readonly #own: Pick<SettingsOf<typeof OWN>, 'beta1' | 'beta2' | 'epsilon'>;

  constructor(options: AdamWOptions = {}) {
    const { beta1, beta2, epsilon, ...rest } = checkOptions('adamw', ADAMW_OPTIONS, options);
    super(rest, { beta1, beta2, epsilon });
    this.#own = { beta1, beta2, epsilon };
  }

  protected move(
    weights: readonly tf.Tensor[],
    gradients: readonly tf.Tensor[],
    variables: readonly tf.Variable[],
  ): tf.Tensor[] {
    return weights.map((w, i) => {
      const m = this.#average('m', variables[i], gradients[i], this.#own.beta1);
      const v = this.#average('v', variables[i], tf.square(gradients[i]), this.#own.beta2);
      const meanRate = tf.div(this.rate.tensor, this.#bias('beta1Power', variables[i], this.#own.beta1));
      const rootOfSquareBias = tf.sqrt(this.#bias('beta2Power', variables[i], this.#own.beta2));
      const root = tf.add(tf.div(tf.sqrt(v), rootOfSquareBias), this.#own.epsilon);
      return tf.sub(this.shrunk(w, variables[i]), tf.mul(meanRate, tf.div(m, root)));
    });
  }

  /** The weight after its decay, which is no part of the gradient. */
  protected shrunk(weight: tf.Tensor, variable: tf.Variable): tf.Tensor {
    return tf.mul(weight, tf.sub(1, tf.mul(this.rate.tensor, this.decayOf(variable))));
  }

  protected override makeSlots(variables: tf.Variable[]): void {
    for (const variable of variables) {
      for (const kind of this.slotKinds) this.slots.get(kind, variable);
      for (const kind of this.numberKinds) this.slots.number(kind, variable, 1);
    }
  }

  #average(kind: string, variable: tf.Variable, value: tf.Tensor, beta: number): tf.Tensor {
    const slot = this.slots.get(kind, variable);
    const average = tf.add(tf.mul(slot, beta), tf.mul(value, 1 - beta));
    slot.assign(average);
    return average;
  }

  /**
   * 1 - beta^t, the part of a mean that is not its zero start; the power is kept as state, so that no step
   * counter is frozen.
   */
  #bias(kind: string, variable: tf.Variable, beta: number): tf.Tensor {
    const power = this.slots.number(kind, variable, 1);
    power.assign(tf.mul(power, beta));
    return tf.sub(1, power);
  }
}
tf.serialization.registerClass(AdamW);

/** Adam with decoupled weight decay. */
export function adamw(options: AdamWOptions = {}): AdamW {
  return new AdamW(options);
}
