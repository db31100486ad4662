/**
 * RMSProp, as torch.optim.RMSprop.
 *
 *     d = g + weightDecay * w
 *     v = smoothing * v + (1 - smoothing) * d^2
 *     a = smoothing * a + (1 - smoothing) * d                        centered only, else 0
 *     u = d / (sqrt(v - a^2) + epsilon)
 *     m = momentum * m + u
 *     w = w - learningRate * m
 *
 * Tieleman, Hinton, "Lecture 6.5 - rmsprop", COURSERA: Neural Networks for Machine Learning, 2012.
 * Centered: Graves, "Generating Sequences With Recurrent Neural Networks", 2013, arXiv:1308.0850.
 * https://docs.pytorch.org/docs/stable/generated/torch.optim.RMSprop.html
 */
import { checkOptions, flag, number, type OptionsOf, type SettingsOf } from '../core/options';
import * as tf from '../core/tf';
import { DESCENT_OPTIONS, DescentOptimizer, type DescentOptions } from './descent';

const OWN = {
  /** Step size. At least 0. Default 0.01. */
  learningRate: number({ min: 0 }, 0.01),
  /** Decay of the mean of squared gradients, 0 to 1. PyTorch: alpha. Default 0.99. */
  smoothing: number({ min: 0, max: 1 }, 0.99),
  /** Momentum factor, 0 to 1. Default 0. */
  momentum: number({ min: 0, max: 1 }, 0),
  /** Divides by the deviation of the gradients from their mean. Default false. */
  centered: flag(false),
  /** Added to the root. Above 0. Default 1e-8. */
  epsilon: number({ min: 0, exclusiveMin: true }, 1e-8),
  /** L2 factor, added to the gradient as weightDecay * w. At least 0. Default 0. */
  weightDecay: number({ min: 0 }, 0),
};

/** Describes the options of `rmsprop`. */
export const RMSPROP_OPTIONS = { ...OWN, ...DESCENT_OPTIONS };

/** Options of `rmsprop`. */
export type RMSPropOptions = OptionsOf<typeof OWN> & DescentOptions;

/** RMSProp. Make it with `rmsprop`. */
export class RMSProp extends DescentOptimizer {
  /** The name under which it is saved. @nocollapse */
  static get className(): string {
    return 'LookbehindFamilyRMSProp';
  }
  readonly slotKinds: readonly string[] = ['v', 'a', 'm'];
  readonly #own: Pick<SettingsOf<typeof OWN>, 'smoothing' | 'momentum' | 'centered' | 'epsilon'>;

  constructor(options: RMSPropOptions = {}) {
    const { smoothing, momentum, centered, epsilon, ...rest } = checkOptions(
      'rmsprop',
      RMSPROP_OPTIONS,
      options,
    );
    super(rest, { smoothing, momentum, centered, epsilon });
    this.#own = { smoothing, momentum, centered, epsilon };
  }

  protected move(
    weights: readonly tf.Tensor[],
    gradients: readonly tf.Tensor[],
    variables: readonly tf.Variable[],
  ): tf.Tensor[] {
    return weights.map((w, i) => {
      const d = this.decayed(gradients[i], w, variables[i]);
      const v = this.#average('v', variables[i], tf.square(d));
      const spread = this.#own.centered ? tf.sub(v, tf.square(this.#average('a', variables[i], d))) : v;
      const u = tf.div(d, tf.add(tf.sqrt(spread), this.#own.epsilon));
      return tf.sub(
        w,
        tf.mul(this.#own.momentum === 0 ? u : this.#accumulate(variables[i], u), this.rate.tensor),
      );
    });
  }

  protected override makeSlots(variables: tf.Variable[]): void {
    for (const variable of variables) {
      this.slots.get('v', variable);
      if (this.#own.centered) this.slots.get('a', variable);
      if (this.#own.momentum !== 0) this.slots.get('m', variable);
    }
  }

  #average(kind: string, variable: tf.Variable, value: tf.Tensor): tf.Tensor {
    const slot = this.slots.get(kind, variable);
    slot.assign(tf.add(tf.mul(slot, this.#own.smoothing), tf.mul(value, 1 - this.#own.smoothing)));
    return slot;
  }

  #accumulate(variable: tf.Variable, u: tf.Tensor): tf.Tensor {
    const slot = this.slots.get('m', variable);
    slot.assign(tf.add(tf.mul(slot, this.#own.momentum), u));
    return slot;
  }
}
tf.serialization.registerClass(RMSProp);

/** RMSProp, with momentum and centered on request. */
export function rmsprop(options: RMSPropOptions = {}): RMSProp {
  return new RMSProp(options);
}
