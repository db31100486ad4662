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
import { checkKnownOptions, checkNumber, checkOneOf } from '../core/errors';
import * as tf from '../core/tf';
import { DESCENT_OPTIONS, DescentOptimizer, type DescentOptions } from './descent';

/** Options of `rmsprop`. */
export interface RMSPropOptions extends DescentOptions {
  /** Step size. At least 0. Default 0.01. */
  learningRate?: number;
  /** Decay of the mean of squared gradients, 0 to 1. PyTorch: alpha. Default 0.99. */
  smoothing?: number;
  /** Momentum factor, 0 to 1. Default 0. */
  momentum?: number;
  /** Divides by the deviation of the gradients from their mean. Default false. */
  centered?: boolean;
  /** Added to the root. Above 0. Default 1e-8. */
  epsilon?: number;
  /** L2 factor, added to the gradient as weightDecay * w. At least 0. Default 0. */
  weightDecay?: number;
}

const RMSPROP_OPTIONS: readonly string[] = [...DESCENT_OPTIONS, 'smoothing', 'momentum', 'centered', 'epsilon'];

/** RMSProp. Make it with `rmsprop`. */
export class RMSProp extends DescentOptimizer {
  /** The name under which it is saved. @nocollapse */
  static get className(): string {
    return 'LookbehindFamilyRMSProp';
  }
  readonly slotKinds: readonly string[] = ['v', 'a', 'm'];
  readonly #smoothing: number;
  readonly #momentum: number;
  readonly #centered: boolean;
  readonly #epsilon: number;

  constructor(options: RMSPropOptions = {}) {
    checkKnownOptions('rmsprop', options, RMSPROP_OPTIONS);
    const { learningRate = 0.01, smoothing = 0.99, momentum = 0, centered = false, epsilon = 1e-8, ...rest } = options;
    super({ learningRate, ...rest });
    this.#smoothing = checkNumber('smoothing', smoothing, { min: 0, max: 1 });
    this.#momentum = checkNumber('momentum', momentum, { min: 0, max: 1 });
    this.#centered = checkOneOf('centered', centered, [true, false] as const);
    this.#epsilon = checkNumber('epsilon', epsilon, { min: 0, exclusiveMin: true });
  }

  protected move(weights: readonly tf.Tensor[], gradients: readonly tf.Tensor[], variables: readonly tf.Variable[]): tf.Tensor[] {
    return weights.map((w, i) => {
      const d = this.decayed(gradients[i], w, variables[i]);
      const v = this.#average('v', variables[i], tf.square(d));
      const spread = this.#centered ? tf.sub(v, tf.square(this.#average('a', variables[i], d))) : v;
      const u = tf.div(d, tf.add(tf.sqrt(spread), this.#epsilon));
      return tf.sub(w, tf.mul(this.#momentum === 0 ? u : this.#accumulate(variables[i], u), this.rate.tensor));
    });
  }

  override settings(): tf.serialization.ConfigDict {
    return {
      smoothing: this.#smoothing,
      momentum: this.#momentum,
      centered: this.#centered,
      epsilon: this.#epsilon,
      ...super.settings(),
    };
  }

  protected override makeSlots(variables: tf.Variable[]): void {
    for (const variable of variables) {
      this.slots.get('v', variable);
      if (this.#centered) this.slots.get('a', variable);
      if (this.#momentum !== 0) this.slots.get('m', variable);
    }
  }

  #average(kind: string, variable: tf.Variable, value: tf.Tensor): tf.Tensor {
    const slot = this.slots.get(kind, variable);
    slot.assign(tf.add(tf.mul(slot, this.#smoothing), tf.mul(value, 1 - this.#smoothing)));
    return slot;
  }

  #accumulate(variable: tf.Variable, u: tf.Tensor): tf.Tensor {
    const slot = this.slots.get('m', variable);
    slot.assign(tf.add(tf.mul(slot, this.#momentum), u));
    return slot;
  }
}
tf.serialization.registerClass(RMSProp);

/** RMSProp, with momentum and centered on request. */
export function rmsprop(options: RMSPropOptions = {}): RMSProp {
  return new RMSProp(options);
}
