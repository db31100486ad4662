/**
 * SAM and ASAM: descend from the weights with the gradient found at their worst neighbour.
 *
 *     g   = gradient at w
 *     eps = ascent(w, g, rho)
 *     w   = base step from w along the gradient at w + eps
 *
 * Two gradients per step. The weights come back from a copy, so an unchanged weight is unchanged bit for bit.
 * References: see ascent.ts. Order of work: https://github.com/chandar-lab/Lookbehind-SAM, classes SAM and ASAM.
 */
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

/** SAM, or ASAM by its ascent rule. Make it with `sam` or `asam`. */
export class SAM extends SharpnessOptimizer {
  /** The name under which it is saved. @nocollapse */
  static get className(): string {
    return 'SAM';
  }

  constructor(rule: 'sam' | 'asam', options: AdaptiveSharpnessOptions = {}) {
    super(rule, ascentRule(rule, options), options);
  }

  step(loss: LossFunction, variables: tf.Variable[], { measure = false, probe }: StepOptions = {}): StepResult {
    const evaluator = new LossEvaluator(loss, variables);
    const atWeights = evaluator.at(undefined, { phase: 'ascent', inner: 0, batchNormUpdates: this.statisticsUpdates(1, true) });
    const trained = evaluator.variables;
    const { eps, scaledNorm } = this.ascent.perturb(evaluator.start, atWeights.gradients, this.radius.tensor, trained);
    const climbed = addAll(evaluator.start, eps);
    const atPerturbed = evaluator.at(climbed, {
      phase: 'descent',
      inner: 0,
      batchNormUpdates: this.statisticsUpdates(1, false),
    });
    const weights = evaluator.start;
    const perturbed = evaluator.complete(climbed);
    const updated = this.base.update(weights, atPerturbed.gradients, trained);
    evaluator.finish(updated);
    probe?.inner?.(
      {
        inner: 0,
        loss: atWeights.loss,
        gradients: atWeights.gradients,
        scaledNorm,
        perturbed,
        lossPerturbed: atPerturbed.loss,
        descentGradients: atPerturbed.gradients,
        fast: updated,
      },
      trained,
    );
    return {
      loss: atWeights.loss,
      gradientEvaluations: evaluator.evaluations,
      measures: measure ? measuresOf([atWeights, atPerturbed], weights, [perturbed]) : undefined,
    };
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
