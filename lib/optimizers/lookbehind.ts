/**
 * Lookbehind-SAM and Lookbehind-ASAM: k steps back, 1 step forward.
 *
 *     slow = fast = live = w
 *     k times:
 *       live = live + ascent(live, gradient at live, rho)          the steps back: they add up, behind the slow weights
 *       fast = base step from fast along the gradient at live      each gradient met on the way descends
 *     w = alpha * fast + (1 - alpha) * slow                        the step forward
 *
 * alpha is a number or, per variable, adaptive: (cos(fast_1 - slow, fast_k - slow) + 1) / 2 with the fast weights after the first
 * and the last inner step, so that variables whose steps disagree stay closer to where they were.
 *
 * A fixed alpha is a factor of the learning rate, with momentum too: no gradient is taken at the fast weights, so that
 * w' = w - alpha * learningRate * (sum of the k updates). Only weight decay, which is taken at the fast weights, makes a difference.
 *
 * On one batch the gradient that descends at live is also the next one that climbs: k + 1 gradients per step, where the official
 * loop takes 2k. Momentum runs on through inner and outer steps, and weight decay is taken at the fast weights.
 *
 * Mordido, Malviya, Baratin, Chandar, "Lookbehind-SAM: k steps back, 1 step forward", ICML 2024, PMLR 235:36229-36248.
 * https://github.com/chandar-lab/Lookbehind-SAM, classes LookbehindSAM and LookbehindASAM.
 */
import { checkNumber, checkObject, OptionError } from '../core/errors';
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

/** Keeps the cosine of a variable that did not move defined; the value of torch.nn.CosineSimilarity. */
const COSINE_EPSILON = 1e-8;

/** Options of `lookbehindSAM`. */
export interface LookbehindSAMOptions extends SharpnessOptions {
  /** Steps back per step forward. Paper: k. A whole number, at least 1. Default 2. */
  k?: number;
  /**
   * Share of the fast weights in the new slow weights, 0 to 1, or `adaptive`: per variable, from the angle between the first and
   * the last fast step. Paper: alpha, and alpha* for adaptive. Default 0.5.
   */
  alpha?: number | 'adaptive';
}

/** Options of `lookbehindASAM`. */
export interface LookbehindASAMOptions extends LookbehindSAMOptions, AdaptiveSharpnessOptions {
  /** Length of one ascent step. Paper: rho. At least 0. Default 0.5. */
  rho?: number;
}

/** Lookbehind over SAM or ASAM. Make it with `lookbehindSAM` or `lookbehindASAM`. */
export class Lookbehind extends SharpnessOptimizer {
  /** The name under which it is saved. @nocollapse */
  static get className(): string {
    return 'Lookbehind';
  }
  /** Steps back per step forward. */
  readonly k: number;
  /** Interpolation factor, or `adaptive`. */
  readonly alpha: number | 'adaptive';

  constructor(rule: 'sam' | 'asam', options: LookbehindASAMOptions = {}) {
    checkObject('options', options);
    const { k = 2, alpha = 0.5 } = options;
    checkNumber('k', k, { min: 1, integer: true });
    if (alpha !== 'adaptive' && !(typeof alpha === 'number' && alpha >= 0 && alpha <= 1)) {
      throw new OptionError('alpha', alpha, 'a number >= 0 and <= 1, or "adaptive"');
    }
    super(rule === 'sam' ? 'lookbehindSAM' : 'lookbehindASAM', ascentRule(rule, options), options, ['k', 'alpha']);
    this.k = k;
    this.alpha = alpha;
  }

  step(loss: LossFunction, variables: tf.Variable[], { measure = false, probe }: StepOptions = {}): StepResult {
    const evaluator = new LossEvaluator(loss, variables);
    let here = evaluator.at(undefined, { phase: 'ascent', inner: 0, batchNormUpdates: this.statisticsUpdates(1, true) });
    const trained = evaluator.variables;
    const reuses = (): boolean => this.reuseGradients ?? !(evaluator.readsPass || evaluator.changesOtherState);

    let live = evaluator.start;
    let fasts = [evaluator.start];
    const evaluations = [here];
    const perturbed: tf.Tensor[][] = [];
    for (let inner = 0; inner < this.k; inner++) {
      const last = inner === this.k - 1;
      const { eps, scaledNorm } = this.ascent.perturb(live, here.gradients, this.radius.tensor, trained);
      const climbed = addAll(live, eps);
      const twice = reuses() && !last;
      const there = evaluator.at(climbed, {
        phase: 'descent',
        inner,
        batchNormUpdates: this.statisticsUpdates(twice ? 2 : 1, false),
      });
      live = evaluator.complete(climbed);
      fasts = this.#complete(fasts, evaluator);
      const fast = this.base.update(fasts[inner], there.gradients, trained, this.k);
      fasts.push(fast);
      evaluations.push(there);
      perturbed.push(live);
      probe?.inner?.(
        {
          inner,
          loss: here.loss,
          gradients: here.gradients,
          scaledNorm,
          perturbed: live,
          lossPerturbed: there.loss,
          descentGradients: there.gradients,
          fast,
        },
        trained,
      );
      if (last) break;
      here = reuses()
        ? there
        : evaluator.at(live, {
            phase: 'ascent',
            inner: inner + 1,
            // A loss that reads its pass only now has counted both updates already.
            batchNormUpdates: twice ? 0 : this.statisticsUpdates(1, false),
          });
      live = evaluator.complete(live);
    }

    const [slow, firstFast] = fasts;
    const fast = fasts[this.k];
    const alphas = slow.map((w, i) =>
      this.alpha === 'adaptive' ? adaptiveAlpha(w, firstFast[i], fast[i]) : tf.scalar(this.alpha),
    );
    evaluator.finish(slow.map((w, i) => tf.add(tf.mul(alphas[i], fast[i]), tf.mul(tf.sub(1, alphas[i]), w))));
    probe?.alphas?.(alphas, trained);
    return {
      loss: evaluations[0].loss,
      gradientEvaluations: evaluator.evaluations,
      measures: measure
        ? measuresOf(
            evaluations,
            slow,
            perturbed.map((point) => evaluator.complete(point)),
            alphas,
          )
        : undefined,
    };
  }

  /** The fast weights so far, with variables that joined since: their gradients were zero until now. */
  #complete(fasts: tf.Tensor[][], { variables, start }: LossEvaluator): tf.Tensor[][] {
    const known = fasts[0].length;
    const joined = variables.slice(known);
    if (joined.length === 0) return fasts;
    const zeros = joined.map((variable) => tf.zerosLike(variable));
    let fast = start.slice(known);
    return fasts.map((weights, step) => {
      if (step > 0) fast = this.base.update(fast, zeros, joined, this.k);
      return [...weights, ...fast];
    });
  }

  override settings(): tf.serialization.ConfigDict {
    return { ...super.settings(), k: this.k, alpha: this.alpha };
  }
}
tf.serialization.registerClass(Lookbehind);

/** alpha* of one variable: 1 where the first and the last fast step point the same way, 0 where they are opposed. */
function adaptiveAlpha(slow: tf.Tensor, firstFast: tf.Tensor, lastFast: tf.Tensor): tf.Scalar {
  const first = tf.sub(firstFast, slow);
  const last = tf.sub(lastFast, slow);
  const length = (a: tf.Tensor): tf.Tensor => tf.maximum(tf.sqrt(tf.sum(tf.square(a))), COSINE_EPSILON);
  const cosine = tf.div(tf.sum(tf.mul(first, last)), tf.mul(length(first), length(last)));
  return tf.clipByValue(tf.div(tf.add(cosine, 1), 2), 0, 1) as tf.Scalar;
}

/** Lookbehind-SAM: k steps back by SAM's rule, 1 step forward. k + 1 gradients per step, or 2k in the official order of work. */
export function lookbehindSAM(options: LookbehindSAMOptions = {}): Lookbehind {
  return new Lookbehind('sam', options);
}

/** Lookbehind-ASAM: k steps back by ASAM's rule, 1 step forward. k + 1 gradients per step, or 2k in the official order of work. */
export function lookbehindASAM(options: LookbehindASAMOptions = {}): Lookbehind {
  return new Lookbehind('asam', options);
}
