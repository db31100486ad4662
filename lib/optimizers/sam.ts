/**
 * SAM and ASAM: descend from the weights with the gradient found at their worst neighbor.
 *
 *     g   = gradient at w
 *     eps = ascent(w, g, rho)
 *     w   = base step from w along the gradient at w + eps
 *
 * Two gradients per step. The weights come back from a copy, so an unchanged weight is unchanged bit for bit.
 * References: see ascent.ts. Order of work: https://github.com/chandar-lab/Lookbehind-SAM, classes SAM and
 * ASAM.
 */
import { checkOptions } from '../core/options';
import * as tf from '../core/tf';
import type { Advance, Passes } from './passes';
import {
  type AdaptiveSharpnessOptions,
  BY_ASAM,
  BY_SAM,
  SharpnessOptimizer,
  type SharpnessOptions,
} from './scheme';

/** SAM, or ASAM by its ascent rule. Make it with `sam` or `asam`. */
export class SAM extends SharpnessOptimizer {
  /** The name under which it is saved. @nocollapse */
  static get className(): string {
    return 'SAM';
  }

  constructor(rule: 'sam' | 'asam', options: AdaptiveSharpnessOptions = {}) {
    super(rule, options, checkOptions(rule, rule === 'sam' ? BY_SAM : BY_ASAM, options));
  }

  advance(passes: Passes): Advance {
    const { variables } = passes;
    const here = passes.ascent(0);
    const there = passes.descent(0, this.climb(here, variables));
    return { weights: this.base.update(here.weights, there.gradients, variables) };
  }
}
tf.serialization.registerClass(SAM);

/** Sharpness-aware minimization. Two gradients per step. */
export function sam(options: SharpnessOptions = {}): SAM {
  return new SAM('sam', options);
}

/** Adaptive sharpness-aware minimization: SAM in weights rescaled by |w| + eta. Two gradients per step. */
export function asam(options: AdaptiveSharpnessOptions = {}): SAM {
  return new SAM('asam', options);
}
