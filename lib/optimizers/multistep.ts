/**
 * Multistep-SAM and Multistep-ASAM: climb k times, then descend once with the last gradient.
 *
 *     p = w
 *     k times: p = p + ascent(p, gradient at p, rho)
 *     w = base step from w along the gradient at p
 *
 * Each ascent has the full length rho and starts where the last one ended. k + 1 gradients per step; k = 1 is
 * SAM. Baseline of Mordido, Malviya, Baratin, Chandar, "Lookbehind-SAM: k steps back, 1 step forward", ICML
 * 2024, PMLR 235:36229-36248.
 */
import { checkOptions, type OptionsOf, whole } from '../core/options';
import * as tf from '../core/tf';
import type { Advance, Passes } from './passes';
import {
  type AdaptiveSharpnessOptions,
  BY_ASAM,
  BY_SAM,
  SharpnessOptimizer,
  type SharpnessOptions,
} from './scheme';

const OWN = {
  /** Ascent steps. Paper: k. At least 1. Default 2. */
  k: whole({ min: 1 }, 2),
};

const { reuseGradients: _, ...SAM } = BY_SAM;
const { reuseGradients: __, ...ASAM } = BY_ASAM;

/** Describes the options of `multistepSAM`. */
export const MULTISTEP_SAM = { ...OWN, ...SAM };

/** Describes the options of `multistepASAM`. */
export const MULTISTEP_ASAM = { ...OWN, ...ASAM };

/** Options of `multistepSAM`. */
export type MultistepSAMOptions = Omit<SharpnessOptions, 'reuseGradients'> & OptionsOf<typeof OWN>;

/** Options of `multistepASAM`. */
export type MultistepASAMOptions = Omit<AdaptiveSharpnessOptions, 'reuseGradients'> & OptionsOf<typeof OWN>;

/** Multistep-SAM, or Multistep-ASAM by its ascent rule. Make it with `multistepSAM` or `multistepASAM`. */
export class MultistepSAM extends SharpnessOptimizer {
  /** The name under which it is saved. @nocollapse */
  static get className(): string {
    return 'MultistepSAM';
  }
  /** Ascent steps. */
  readonly k: number;

  constructor(rule: 'sam' | 'asam', options: MultistepASAMOptions = {}) {
    const isSam = rule === 'sam';
    const description = isSam ? MULTISTEP_SAM : MULTISTEP_ASAM;
    const { k, ...settings } = checkOptions(isSam ? 'multistepSAM' : 'multistepASAM', description, options);
    super(rule, options, settings, { k });
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
