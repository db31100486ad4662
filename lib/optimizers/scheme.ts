/**
 * What SAM, Multistep-SAM and Lookbehind share: an ascent rule, a base optimizer and a radius.
 */
import { checkKnownOptions, checkObject, OptionError } from '../core/errors';
import * as tf from '../core/tf';
import { type AsamAscentOptions, type AscentRule, asamAscent, ascentStep, samAscent } from './ascent';
import { type DescentOptimizer, refuseFunction } from './descent';
import { Hyperparameter } from './hyperparameter';
import { FamilyOptimizer, optimizerFrom } from './optimizer';
import type { BatchNormPolicy, PassOptions, Visit } from './passes';
import { SGD, SGD_OPTIONS, type SGDOptions } from './sgd';
import { asBase } from './stock';

/** Options of every sharpness-aware optimizer. The options of `sgd` set the base optimizer, unless `base` is given. */
export interface SharpnessOptions extends SGDOptions {
  /** Length of one ascent step. Paper: rho. At least 0. Default 0.05 (SAM) or 0.5 (ASAM). */
  rho?: number;
  /** The base optimizer: `sgd(...)`, `adam(...)`, `adamw(...)`, `rmsprop(...)`, or any tf.Optimizer. Default `sgd` with the options given here. */
  base?: DescentOptimizer | tf.Optimizer;
  /**
   * Whether a gradient taken at a perturbed point serves both the descent there and the next ascent: k + 1 gradients in place of
   * 2k, same numbers. Default: where that is exact, that is where the loss reads nothing of its pass (one batch) and changes no state but
   * BatchNorm's statistics. A loss with dropout draws one mask less per inner step than in the official order of work.
   */
  reuseGradients?: boolean;
  /**
   * Which of the passes of one step move BatchNorm's statistics: `every` (the official code), only the `first`, at the weights
   * before the step, or `none`. Default `every`.
   */
  batchNormUpdates?: BatchNormPolicy;
}

/** Options of the optimizers that climb by ASAM's rule. */
export interface AdaptiveSharpnessOptions extends SharpnessOptions, AsamAscentOptions {}

const SHARPNESS_OPTIONS: readonly string[] = [...SGD_OPTIONS, 'rho', 'base', 'reuseGradients', 'batchNormUpdates'];
const ASAM_OPTIONS: readonly string[] = ['eta', 'rescale'];

/** An optimizer that climbs before it descends. */
export abstract class SharpnessOptimizer extends FamilyOptimizer {
  /** The optimizer that descends with the gradients met on the way. */
  readonly base: DescentOptimizer;
  /** How it climbs: by SAM's rule or ASAM's. */
  readonly ascent: AscentRule;
  readonly parts: readonly FamilyOptimizer[];
  readonly hyperparameters: readonly Hyperparameter[];
  readonly slotKinds: readonly string[] = [];
  /** The radius rho, as compiled steps read it. */
  protected readonly radius: Hyperparameter;
  readonly #passOptions: PassOptions;

  /** @throws OptionError */
  constructor(what: string, ascent: AscentRule, options: AdaptiveSharpnessOptions, ownOptions: readonly string[] = []) {
    super();
    checkKnownOptions(what, options, [...SHARPNESS_OPTIONS, ...(ascent.name === 'asam' ? ASAM_OPTIONS : []), ...ownOptions]);
    const { rho = ascent.name === 'asam' ? 0.5 : 0.05, base, reuseGradients, batchNormUpdates = 'every' } = options;
    if (!(['every', 'first', 'none'] as const).includes(batchNormUpdates)) {
      throw new OptionError('batchNormUpdates', batchNormUpdates, 'one of "every", "first", "none"');
    }
    this.base = baseOf(what, options, base);
    this.ascent = ascent;
    this.#passOptions = { batchNormUpdates, reuseGradients };
    this.radius = new Hyperparameter('rho', rho);
    this.parts = [this.base];
    this.hyperparameters = [this.radius];
  }

  override get passOptions(): PassOptions {
    return this.#passOptions;
  }

  get learningRate(): number {
    return this.base.learningRate;
  }

  set learningRate(learningRate: number) {
    this.base.learningRate = learningRate;
  }

  /** Length of one ascent step. May be set at any time. */
  get rho(): number {
    return this.radius.value;
  }

  set rho(rho: number) {
    this.radius.value = rho;
  }

  settings(): tf.serialization.ConfigDict {
    const { name, eta, rescale } = this.ascent;
    const { batchNormUpdates = 'every', reuseGradients } = this.#passOptions;
    return {
      rule: name,
      ...(eta === undefined ? {} : { eta }),
      ...(rescale === undefined ? {} : { rescale: 'a function' }),
      batchNormUpdates,
      ...(reuseGradients === undefined ? {} : { reuseGradients }),
    };
  }

  /** @throws OptionError where `rescale` was given: a file cannot hold a function. */
  override getConfig(): tf.serialization.ConfigDict {
    refuseFunction('rescale', this.ascent.rescale);
    return super.getConfig();
  }

  /** One step back: the weights of `here`, and what the ascent rule adds along the gradient there. */
  protected climb({ weights, gradients }: Visit, variables: readonly tf.Variable[]): tf.Tensor[] {
    const eps = ascentStep(gradients, this.ascent.scales(weights, variables), this.radius.tensor);
    return weights.map((w, i) => tf.add(w, eps[i]));
  }

  /** Makes the optimizer that `getConfig` described: model.save stores the description, tf.loadLayersModel reads it. @nocollapse */
  static override fromConfig<T extends tf.serialization.Serializable>(
    cls: tf.serialization.SerializableConstructor<T>,
    config: tf.serialization.ConfigDict,
  ): T {
    const { rule, base, customObjects: _, ...options } = config;
    const Scheme = cls as unknown as new (rule: unknown, options: unknown) => T;
    return new Scheme(rule, { ...options, base: optimizerFrom(base) });
  }
}

/** The ascent rule that `options` ask for. */
export function ascentRule(name: 'sam' | 'asam', options: AsamAscentOptions): AscentRule {
  checkObject('options', options);
  const { eta, rescale } = options;
  return name === 'sam' ? samAscent : asamAscent({ eta, rescale });
}

function baseOf(what: string, options: SharpnessOptions, base: SharpnessOptions['base']): DescentOptimizer {
  const forBase = Object.fromEntries(Object.entries(options).filter(([name]) => SGD_OPTIONS.includes(name)));
  if (base === undefined) return new SGD(forBase);
  const descent = asBase(`${what}: base`, base);
  const [extra] = Object.keys(forBase);
  if (extra !== undefined) {
    throw new OptionError(
      `${what}: ${extra}`,
      options[extra as keyof SharpnessOptions],
      'left out where base is given',
      'Set it on the base optimizer.',
    );
  }
  return descent;
}
