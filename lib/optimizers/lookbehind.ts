/**
 * Lookbehind-SAM and Lookbehind-ASAM: k steps back, 1 step forward.
 *
 *     slow = fast = live = w
 *     k times: live = live + ascent(live, gradient at live, rho)       the steps back, which add up
 *              g_i = gradient at live
 *     k times: fast = base step from fast along g_i                    each gradient met on the way descends
 *     w = alpha * fast + (1 - alpha) * slow                            the step forward
 *
 * alpha is a number or, per variable, adaptive: (cos(fast_1 - slow, fast_k - slow) + 1) / 2 with the fast
 * weights after the first and the last inner step, so that variables whose steps disagree stay closer to
 * where they were.
 *
 * The paper and the official code write both loops as one. That is the same, because no gradient is taken at
 * the fast weights; in two, a variable that only a later gradient depends on takes part in all base steps.
 * For the same reason a fixed alpha is a factor of the learning rate, with momentum too: w' = w - alpha *
 * learningRate * (sum of the k updates). Only weight decay, which is taken at the fast weights, makes a
 * difference.
 *
 * On one batch the gradient that descends at live is also the next one that climbs: k + 1 gradients per step,
 * where the official loop takes 2k. Momentum runs on through inner and outer steps, and weight decay is taken
 * at the fast weights.
 *
 * Mordido, Malviya, Baratin, Chandar, "Lookbehind-SAM: k steps back, 1 step forward", ICML 2024, PMLR
 * 235:36229-36248. https://github.com/chandar-lab/Lookbehind-SAM, classes LookbehindSAM and LookbehindASAM.
 */
import { OptionError } from '../core/errors';
import {
  checkOptions,
  type Description,
  either,
  number,
  type OptionsOf,
  oneOf,
  whole,
  withDefault,
} from '../core/options';
import * as tf from '../core/tf';
import type { Advance, Passes, Visit } from './passes';
import {
  type AdaptiveSharpnessOptions,
  BY_ASAM,
  BY_SAM,
  SharpnessOptimizer,
  type SharpnessOptions,
} from './scheme';

/** Keeps the cosine of a variable that did not move defined; the value of torch.nn.CosineSimilarity. */
const COSINE_EPSILON = 1e-8;

/** Describes what Lookbehind has beside the options of every scheme. */
export const OF_LOOKBEHIND = {
  /** Steps back per step forward. Paper: k. At least 1. Default 2. */
  k: whole({ min: 1 }, 2),
  /**
   * Share of the fast weights in the new slow weights, 0 to 1, or `adaptive`: per variable, from the angle
   * between the first and the last fast step. Paper: alpha, and alpha* for adaptive. Default 0.5.
   */
  alpha: withDefault(either(number({ min: 0, max: 1 }), oneOf(['adaptive'])), 0.5),
  /**
   * What the momentum and weight decay given here are counted per: `inner` steps, as the official code does,
   * or the whole `batch`: the base then gets momentum ** (1 / k) and weightDecay / k. Default `inner`. Left
   * out with `base`, which has its own numbers.
   */
  countPer: oneOf(['inner', 'batch'], 'inner'),
};

/** Describes the options of `lookbehindSAM`. */
export const LOOKBEHIND_SAM = { ...OF_LOOKBEHIND, ...BY_SAM };

/** Describes the options of `lookbehindASAM`. */
export const LOOKBEHIND_ASAM = { ...OF_LOOKBEHIND, ...BY_ASAM };

/** Options of `lookbehindSAM`. */
export type LookbehindSAMOptions = SharpnessOptions & OptionsOf<typeof OF_LOOKBEHIND>;

/** Options of `lookbehindASAM`. */
export type LookbehindASAMOptions = AdaptiveSharpnessOptions & OptionsOf<typeof OF_LOOKBEHIND>;

/** Who takes options, for errors, and which. */
interface Known {
  name: string;
  options: Description;
}

const KNOWN: Readonly<Record<'sam' | 'asam', Known>> = {
  sam: { name: 'lookbehindSAM', options: LOOKBEHIND_SAM },
  asam: { name: 'lookbehindASAM', options: LOOKBEHIND_ASAM },
};

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

  /** @param known What its options are, and who takes them, where it is not Lookbehind itself. */
  constructor(rule: 'sam' | 'asam', options: LookbehindASAMOptions = {}, known: Known = KNOWN[rule]) {
    const { k, alpha, countPer, ...rest } = checkOptions(
      known.name,
      known.options as typeof LOOKBEHIND_ASAM,
      options,
    );
    super(rule, options, countPer === 'batch' ? perInnerStep(rest, k) : rest, { k, alpha });
    this.k = k;
    this.alpha = alpha;
  }

  override get innerSteps(): number {
    return this.k;
  }

  advance(passes: Passes): Advance {
    const { variables } = passes;
    const there = this.stepsBack(passes);
    const slow = passes.visits[0].weights;
    const fast = [slow];
    for (const { gradients } of there)
      fast.push(this.base.update(fast[fast.length - 1], gradients, variables));
    const alphas = slow.map((w, i) => this.#alphaOf(w, fast[1][i], fast[this.k][i]));
    const weights = slow.map((w, i) =>
      tf.add(tf.mul(alphas[i], fast[this.k][i]), tf.mul(tf.sub(1, alphas[i]), w)),
    );
    return { weights, fast: fast.slice(1), alphas };
  }

  /** The k points whose gradients descend, in order. */
  protected stepsBack(passes: Passes): Visit[] {
    return Array.from({ length: this.k }, (_, inner) => {
      const here = passes.ascent(inner);
      return passes.descent(inner, this.climb(here, passes.variables), inner < this.k - 1);
    });
  }

  #alphaOf(slow: tf.Tensor, firstFast: tf.Tensor, lastFast: tf.Tensor): tf.Scalar {
    return this.alpha === 'adaptive' ? adaptiveAlpha(slow, firstFast, lastFast) : tf.scalar(this.alpha);
  }
}
tf.serialization.registerClass(Lookbehind);

/**
 * The options with the momentum and weight decay of one of the k inner steps that together have those of
 * `options`.
 */
function perInnerStep<T extends { base?: object; momentum: number; weightDecay: number }>(
  options: T,
  k: number,
): T {
  if (options.base === undefined) {
    return { ...options, momentum: options.momentum ** (1 / k), weightDecay: options.weightDecay / k };
  }
  const advice = 'Give the base the numbers of one inner step: momentum ** (1 / k), weightDecay / k.';
  throw new OptionError('countPer', 'batch', '"inner" if base is given', advice);
}

/**
 * alpha* of one variable: 1 where the first and the last fast step point the same way, 0 where they are
 * opposed.
 */
function adaptiveAlpha(slow: tf.Tensor, firstFast: tf.Tensor, lastFast: tf.Tensor): tf.Scalar {
  const first = tf.sub(firstFast, slow);
  const last = tf.sub(lastFast, slow);
  const length = (a: tf.Tensor): tf.Tensor => tf.maximum(tf.sqrt(tf.sum(tf.square(a))), COSINE_EPSILON);
  const cosine = tf.div(tf.sum(tf.mul(first, last)), tf.mul(length(first), length(last)));
  return tf.clipByValue(tf.div(tf.add(cosine, 1), 2), 0, 1) as tf.Scalar;
}

/**
 * Lookbehind-SAM: k steps back by SAM's rule, 1 step forward. k + 1 gradients per step, or 2k in the official
 * order of work.
 */
export function lookbehindSAM(options: LookbehindSAMOptions = {}): Lookbehind {
  return new Lookbehind('sam', options);
}

/**
 * Lookbehind-ASAM: k steps back by ASAM's rule, 1 step forward. k + 1 gradients per step, or 2k in the
 * official order of work.
 */
export function lookbehindASAM(options: LookbehindASAMOptions = {}): Lookbehind {
  return new Lookbehind('asam', options);
}
