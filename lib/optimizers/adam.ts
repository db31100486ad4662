/**
 * Adam, as torch.optim.Adam: AdamW's step (see adamw.ts) with weight decay as a part of the gradient.
 *
 *     d = g + weightDecay * w
 *     m = beta1 * m + (1 - beta1) * d
 *     v = beta2 * v + (1 - beta2) * d^2
 *     w = w - learningRate * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)   t: steps of w
 *
 * Kingma, Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, arXiv:1412.6980.
 * https://docs.pytorch.org/docs/stable/generated/torch.optim.Adam.html
 */
import { checkOptions, number, type OptionsOf } from '../core/options';
import * as tf from '../core/tf';
import { ADAMW_OPTIONS, AdamW, type AdamWOptions } from './adamw';

const OWN = {
  /** L2 factor, added to the gradient as weightDecay * w. At least 0. Default 0. */
  weightDecay: number({ min: 0 }, 0),
};

/** Describes the options of `adam`. */
export const ADAM_OPTIONS = { ...ADAMW_OPTIONS, ...OWN };

/** Options of `adam`. */
export type AdamOptions = Omit<AdamWOptions, 'weightDecay'> & OptionsOf<typeof OWN>;

/** Adam. Make it with `adam`. */
export class Adam extends AdamW {
  /** The name under which it is saved. @nocollapse */
  static override get className(): string {
    return 'LookbehindFamilyAdam';
  }

  constructor(options: AdamOptions = {}) {
    super(checkOptions('adam', ADAM_OPTIONS, options));
  }

  protected override move(
    weights: readonly tf.Tensor[],
    gradients: readonly tf.Tensor[],
    variables: readonly tf.Variable[],
  ): tf.Tensor[] {
    const decayed = gradients.map((g, i) => this.decayed(g, weights[i], variables[i]));
    return super.move(weights, decayed, variables);
  }

  protected override shrunk(weight: tf.Tensor): tf.Tensor {
    return weight;
  }
}
tf.serialization.registerClass(Adam);

/** Adam. `adamw` has the weight decay that works better with it. */
export function adam(options: AdamOptions = {}): Adam {
  return new Adam(options);
}
