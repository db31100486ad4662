/**
 * Stochastic gradient descent, as torch.optim.SGD.
 *
 *     d = g + weightDecay * w
 *     m = d at the first step of this variable, later m = momentum * m + (1 - dampening) * d
 *     u = d + momentum * m (Nesterov), m, or d without momentum
 *     w = w - learningRate * u
 *
 * Sutskever, Martens, Dahl, Hinton, "On the importance of initialization and momentum in deep learning", ICML
 * 2013. https://docs.pytorch.org/docs/stable/generated/torch.optim.SGD.html
 */
import { OptionError } from '../core/errors';
import { checkOptions, flag, number, type OptionsOf, type SettingsOf } from '../core/options';
import * as tf from '../core/tf';
import { DESCENT_OPTIONS, DescentOptimizer, type DescentOptions } from './descent';

const OWN = {
  /** Step size. Paper: eta. At least 0. Default 0.1. */
  learningRate: number({ min: 0 }, 0.1),
  /** Momentum factor, 0 to 1. Default 0. */
  momentum: number({ min: 0, max: 1 }, 0),
  /** Share of the gradient that does not enter the momentum, 0 to 1. Default 0. */
  dampening: number({ min: 0, max: 1 }, 0),
  /** Looks ahead along the momentum. Needs momentum > 0 and dampening 0. Default false. */
  nesterov: flag(false),
  /** L2 factor, added to the gradient as weightDecay * w. At least 0. Default 0. */
  weightDecay: number({ min: 0 }, 0),
};

/** Describes the options of `sgd`. */
export const SGD_OPTIONS = { ...OWN, ...DESCENT_OPTIONS };

/** Options of `sgd`. */
export type SGDOptions = OptionsOf<typeof OWN> & DescentOptions;

/** Stochastic gradient descent with momentum. Make it with `sgd`. */
export class SGD extends DescentOptimizer {
  /** The name under which it is saved. @nocollapse */
  static get className(): string {
    return 'LookbehindFamilySGD';
  }
  readonly slotKinds: readonly string[] = ['momentum'];
  override readonly numberKinds: readonly string[] = ['started'];
  readonly #own: Pick<SettingsOf<typeof OWN>, 'momentum' | 'dampening' | 'nesterov'>;

  constructor(options: SGDOptions = {}) {
    const { momentum, dampening, nesterov, ...rest } = checkOptions('sgd', SGD_OPTIONS, options);
    const own = { momentum, dampening, nesterov };
    checkNesterov('', own);
    super(rest, own);
    this.#own = own;
  }

  protected move(
    weights: readonly tf.Tensor[],
    gradients: readonly tf.Tensor[],
    variables: readonly tf.Variable[],
  ): tf.Tensor[] {
    return weights.map((w, i) => {
      const d = this.decayed(gradients[i], w, variables[i]);
      const u = this.#own.momentum === 0 ? d : this.#accumulate(variables[i], d);
      return tf.sub(w, tf.mul(u, this.rate.tensor));
    });
  }

  protected override makeSlots(variables: tf.Variable[]): void {
    if (this.#own.momentum === 0) return;
    for (const variable of variables) {
      this.slots.get('momentum', variable);
      if (this.#own.dampening !== 0) this.#started(variable);
    }
  }

  /** Whether the variable took a step: 0 or 1. */
  #started(variable: tf.Variable): tf.Variable {
    return this.slots.number('started', variable, 0);
  }

  #accumulate(variable: tf.Variable, d: tf.Tensor): tf.Tensor {
    const slot = this.slots.get('momentum', variable);
    const entering = this.#own.dampening === 0 ? d : tf.mul(d, this.#share(variable));
    const m = tf.add(tf.mul(slot, this.#own.momentum), entering);
    slot.assign(m);
    return this.#own.nesterov ? tf.add(d, tf.mul(m, this.#own.momentum)) : m;
  }

  /** Share of the gradient that enters the momentum: 1 at the first step, 1 - dampening later. */
  #share(variable: tf.Variable): tf.Tensor {
    const started = this.#started(variable);
    const share = tf.sub(1, tf.mul(started, this.#own.dampening));
    started.assign(tf.onesLike(started));
    return share;
  }
}
tf.serialization.registerClass(SGD);

/**
 * Throws an OptionError if Nesterov's variant is asked for without what it needs. `path` ends in a dot, or is
 * empty.
 */
export function checkNesterov(path: string, { nesterov, momentum = 0, dampening = 0 }: SGDOptions): void {
  if (nesterov && (momentum === 0 || dampening !== 0)) {
    throw new OptionError(`${path}nesterov`, nesterov, 'false unless momentum > 0 and dampening = 0');
  }
}

/** Stochastic gradient descent with momentum, Nesterov's variant, dampening and L2 weight decay. */
export function sgd(options: SGDOptions = {}): SGD {
  return new SGD(options);
}
