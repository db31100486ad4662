/**
 * Two controls for Lookbehind-SAM: its inner loop and its step forward, along gradients from other points.
 *
 *     e = rho * g / ||g||,   g = gradient at w
 *
 *     straight path     p_i = w + i * e,  i = 1 .. k;   g_i = gradient at p_i               k + 1 gradients
 *     repeated SAM      p = w + (k + 1) / 2 * e;        g_1 = ... = g_k = gradient at p     2 gradients
 *
 *     k times: fast = base step from fast along g_i
 *     w = alpha * fast + (1 - alpha) * slow                                               as in lookbehind.ts
 *
 * So each step back keeps the first direction, or there is one, to the mean distance of Lookbehind's points.
 * With k = 1 both are Lookbehind with k = 1, with rho = 0 both are Lookbehind with rho = 0. What Lookbehind
 * gains over repeated SAM it owes to its path; what it gains over the straight path, to the bends of the
 * path. No published methods.
 */
import type { OptionsOf } from '../core/options';
import * as tf from '../core/tf';
import { Lookbehind, OF_LOOKBEHIND } from './lookbehind';
import type { Passes, Visit } from './passes';
import { BY_SAM, type SharpnessOptions } from './scheme';

const { reuseGradients: _, ...SAM } = BY_SAM;

/** Describes the options of `repeatedSAM` and `straightSAM`. */
export const CONTROL = { ...OF_LOOKBEHIND, ...SAM };

/**
 * Options of `repeatedSAM` and `straightSAM`: those of Lookbehind-SAM, where rho is the length of one of its
 * steps back.
 */
export type ControlOptions = Omit<SharpnessOptions, 'reuseGradients'> & OptionsOf<typeof OF_LOOKBEHIND>;

/** Repeated SAM. Make it with `repeatedSAM`. */
export class RepeatedSAM extends Lookbehind {
  /** The name under which it is saved. @nocollapse */
  static override get className(): string {
    return 'RepeatedSAM';
  }

  constructor(rule: 'sam', options: ControlOptions = {}) {
    super(rule, options, { name: 'repeatedSAM', options: CONTROL });
  }

  protected override stepsBack(passes: Passes): Visit[] {
    const here = passes.ascent(0);
    const there = passes.descent(0, this.climb(here, passes.variables, (this.k + 1) / 2));
    return Array.from({ length: this.k }, () => there);
  }
}
tf.serialization.registerClass(RepeatedSAM);

/** Lookbehind along a straight path. Make it with `straightSAM`. */
export class StraightSAM extends Lookbehind {
  /** The name under which it is saved. @nocollapse */
  static override get className(): string {
    return 'StraightSAM';
  }

  constructor(rule: 'sam', options: ControlOptions = {}) {
    super(rule, options, { name: 'straightSAM', options: CONTROL });
  }

  protected override stepsBack(passes: Passes): Visit[] {
    const here = passes.ascent(0);
    return Array.from({ length: this.k }, (_, inner) =>
      passes.descent(inner, this.climb(here, passes.variables, inner + 1)),
    );
  }
}
tf.serialization.registerClass(StraightSAM);

/**
 * Repeated SAM, a control for Lookbehind-SAM: k base steps along one gradient, taken at the mean distance of
 * its path. Two gradients.
 */
export function repeatedSAM(options: ControlOptions = {}): RepeatedSAM {
  return new RepeatedSAM('sam', options);
}

/**
 * A control for Lookbehind-SAM: all its steps back go in the direction of the first. k + 1 gradients per
 * step.
 */
export function straightSAM(options: ControlOptions = {}): StraightSAM {
  return new StraightSAM('sam', options);
}
