/**
 * Multistep-SAM and Multistep-ASAM: climb k times, then descend once with the last gradient.
 *
 *     p = w
 *     k times: p = p + ascent(p, gradient at p, rho)
 *     w = base step from w along the gradient at p
 *
 * Each ascent has the full length rho and starts where the last one ended. k + 1 gradients per step; k = 1 is SAM.
 * Baseline of Mordido, Malviya, Baratin, Chandar, "Lookbehind-SAM: k steps back, 1 step forward", ICML 2024, PMLR 235:36229-36248.
 */
import { checkNumber, checkObject } from '../core/errors';
import * as tf from '../core/tf';
import type { Advance, Passes } from './passes';
import { type AdaptiveSharpnessOptions, ascentRule, SharpnessOptimizer, type SharpnessOptions } from './scheme';

/** Options of `multistepSAM`. */
export interface MultistepSAMOptions extends Omit<SharpnessOptions, 'reuseGradients'> {
  /** Ascent steps. Paper: k. A whole number, at least 1. Default 2. */
  k?: number;
}

/** Options of `multistepASAM`. */
export interface MultistepASAMOptions extends Omit<AdaptiveSharpnessOptions, 'reuseGradients'>, MultistepSAMOptions {
  /** Length of one ascent step. Paper: rho. At least 0. Default 0.5. */
  rho?: number;
}

/** Multistep-SAM, or Multistep-ASAM by its ascent rule. Make it with `multistepSAM` or `multistepASAM`. */
export class MultistepSAM extends SharpnessOptimizer {
  /** The name under which it is saved. @nocollapse */
  static get className(): string {
    return 'MultistepSAM';
  }
  /** Ascent steps. */
  readonly k: number;

  constructor(rule: 'sam' | 'asam', options: MultistepASAMOptions = {}) {
    checkObject('options', options);
    const { k = 2 } = options;
    checkNumber('k', k, { min: 1, integer: true });
    super(rule === 'sam' ? 'multistepSAM' : 'multistepASAM', ascentRule(rule, options), options, ['k']);
    this.k = k;
  }

  override get innerSteps(): number {
    return this.k;
  }

  advance(passes: Passes): Advance {
    const { variables } = passes;
    const start = passes.ascent(0);
    let here = start;
    for (let inner = 1; inner < this.k; inner++) here = passes.ascent(inner, this.climb(here, variables));
    const there = passes.descent(this.k - 1, this.climb(here, variables));
    return { weights: this.base.update(start.weights, there.gradients, variables) };
  }

  override settings(): tf.serialization.ConfigDict {
    return { ...super.settings(), k: this.k };
  }
}
tf.serialization.registerClass(MultistepSAM);

/** Multistep-SAM: k ascents, one descent. k + 1 gradients per step. */
export function multistepSAM(options: MultistepSAMOptions = {}): MultistepSAM {
  return new MultistepSAM('sam', options);
}

/** Multistep-ASAM: k ascents by ASAM's rule, one descent. k + 1 gradients per step. */
export function multistepASAM(options: MultistepASAMOptions = {}): MultistepSAM {
  return new MultistepSAM('asam', options);
}
