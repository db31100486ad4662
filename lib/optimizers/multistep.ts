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
import { LossEvaluator, type LossFunction } from './loss';
import type { StepOptions, StepResult } from './optimizer';
import {
  type AdaptiveSharpnessOptions,
  addAll,
  ascentRule,
  measuresOf,
  SharpnessOptimizer,
  type SharpnessOptions,
} from './scheme';

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

  step(loss: LossFunction, variables: tf.Variable[], { measure = false, probe }: StepOptions = {}): StepResult {
    const evaluator = new LossEvaluator(loss, variables);
    const first = evaluator.at(undefined, { phase: 'ascent', inner: 0, batchNormUpdates: this.statisticsUpdates(1, true) });
    const trained = evaluator.variables;
    const evaluations = [first];
    const perturbed: tf.Tensor[][] = [];
    let live = evaluator.start;
    for (let inner = 0; inner < this.k; inner++) {
      const here = evaluations[inner];
      live = evaluator.complete(live);
      const { eps, scaledNorm } = this.ascent.perturb(live, here.gradients, this.radius.tensor, trained);
      live = addAll(live, eps);
      perturbed.push(live);
      probe?.inner?.({ inner, loss: here.loss, gradients: here.gradients, scaledNorm, perturbed: live }, trained);
      const last = inner === this.k - 1;
      evaluations.push(
        evaluator.at(live, {
          phase: last ? 'descent' : 'ascent',
          inner: last ? inner : inner + 1,
          batchNormUpdates: this.statisticsUpdates(1, false),
        }),
      );
    }
    const weights = evaluator.start;
    const descent = evaluations[this.k];
    probe?.descent?.(descent, trained);
    evaluator.finish(this.base.update(weights, descent.gradients, trained));
    return {
      loss: first.loss,
      gradientEvaluations: evaluator.evaluations,
      measures: measure
        ? measuresOf(
            evaluations,
            weights,
            perturbed.map((point) => evaluator.complete(point)),
          )
        : undefined,
    };
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
