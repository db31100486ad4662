/**
 * Stochastic gradient descent, as torch.optim.SGD.
 *
 *     d = g + weightDecay * w
 *     m = d at the first step of this variable, later m = momentum * m + (1 - dampening) * d
 *     u = d + momentum * m (Nesterov), m, or d without momentum
 *     w = w - learningRate * u
 *
 * Sutskever, Martens, Dahl, Hinton, "On the importance of initialization and momentum in deep learning", ICML 2013.
 * https://docs.pytorch.org/docs/stable/generated/torch.optim.SGD.html
 */
import { checkKnownOptions, checkNumber, OptionError } from '../core/errors';
import * as tf from '../core/tf';
import { DESCENT_OPTIONS, DescentOptimizer, type DescentOptions } from './descent';

/** Options of `sgd`. */
export interface SGDOptions extends DescentOptions {
  /** Step size. Paper: eta. At least 0. Default 0.1. */
  learningRate?: number;
  /** Momentum factor, 0 to 1. Default 0. */
  momentum?: number;
  /** Share of the gradient that does not enter the momentum, 0 to 1. Default 0. */
  dampening?: number;
  /** Looks ahead along the momentum. Needs momentum > 0 and dampening 0. Default false. */
  nesterov?: boolean;
  /** L2 factor, added to the gradient as weightDecay * w. At least 0. Default 0. */
  weightDecay?: number;
}

/** Names of the options of `sgd`, for the factories that pass them on. */
export const SGD_OPTIONS: readonly string[] = [...DESCENT_OPTIONS, 'momentum', 'dampening', 'nesterov'];

/** Stochastic gradient descent with momentum. Make it with `sgd`. */
export class SGD extends DescentOptimizer {
  /** The name under which it is saved. @nocollapse */
  static get className(): string {
    return 'LookbehindFamilySGD';
  }
  readonly slotKinds: readonly string[] = ['momentum'];
  override readonly numberKinds: readonly string[] = ['started'];
  readonly #momentum: number;
  readonly #dampening: number;
  readonly #nesterov: boolean;

  constructor(options: SGDOptions = {}) {
    checkKnownOptions('sgd', options, SGD_OPTIONS);
    const { learningRate = 0.1, momentum = 0, dampening = 0, nesterov = false, ...rest } = options;
    checkNumber('momentum', momentum, { min: 0, max: 1 });
    checkNumber('dampening', dampening, { min: 0, max: 1 });
    if (nesterov && (momentum === 0 || dampening !== 0)) {
      throw new OptionError('nesterov', nesterov, 'false unless momentum > 0 and dampening = 0');
    }
    super({ learningRate, ...rest });
    this.#momentum = momentum;
    this.#dampening = dampening;
    this.#nesterov = nesterov;
  }

  protected move(weights: readonly tf.Tensor[], gradients: readonly tf.Tensor[], variables: readonly tf.Variable[]): tf.Tensor[] {
    return weights.map((w, i) => {
      const d = this.decayed(gradients[i], w, variables[i]);
      const u = this.#momentum === 0 ? d : this.#accumulate(variables[i], d);
      return tf.sub(w, tf.mul(u, this.rate.tensor));
    });
  }

  override settings(): tf.serialization.ConfigDict {
    return {
      momentum: this.#momentum,
      dampening: this.#dampening,
      nesterov: this.#nesterov,
      ...super.settings(),
    };
  }

  protected override makeSlots(variables: tf.Variable[]): void {
    if (this.#momentum === 0) return;
    for (const variable of variables) {
      this.slots.get('momentum', variable);
      if (this.#dampening !== 0) this.#started(variable);
    }
  }

  /** Whether the variable took a step: 0 or 1. */
  #started(variable: tf.Variable): tf.Variable {
    return this.slots.number('started', variable, 0);
  }

  #accumulate(variable: tf.Variable, d: tf.Tensor): tf.Tensor {
    const slot = this.slots.get('momentum', variable);
    const entering = this.#dampening === 0 ? d : tf.mul(d, this.#share(variable));
    const m = tf.add(tf.mul(slot, this.#momentum), entering);
    slot.assign(m);
    return this.#nesterov ? tf.add(d, tf.mul(m, this.#momentum)) : m;
  }

  /** Share of the gradient that enters the momentum: 1 at the first step, 1 - dampening later. */
  #share(variable: tf.Variable): tf.Tensor {
    const started = this.#started(variable);
    const share = tf.sub(1, tf.mul(started, this.#dampening));
    started.assign(tf.onesLike(started));
    return share;
  }
}
tf.serialization.registerClass(SGD);

/** Stochastic gradient descent with momentum, Nesterov's variant, dampening and L2 weight decay. */
export function sgd(options: SGDOptions = {}): SGD {
  return new SGD(options);
}
