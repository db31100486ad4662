/**
 * What SAM, Multistep-SAM and Lookbehind share: an ascent rule, a base optimizer and a radius.
 */
import { OptionError } from '../core/errors';
import { flag, number, type OptionsOf, oneOf, option, type SettingsOf, withDefault } from '../core/options';
import * as tf from '../core/tf';
import {
  ASAM_OPTIONS,
  type AsamAscentOptions,
  type AscentRule,
  asamAscent,
  ascentStep,
  samAscent,
} from './ascent';
import { type DescentOptimizer, refuseFunction } from './descent';
import { Hyperparameter } from './hyperparameter';
import { FamilyOptimizer, optimizerFrom } from './optimizer';
import type { BatchNormPolicy, PassOptions, Visit } from './passes';
import { SGD, SGD_OPTIONS, type SGDOptions } from './sgd';
import { asBase } from './stock';

/** What a scheme can have inside. */
export type BaseOptimizer = DescentOptimizer | tf.Optimizer;

const SCHEME_OPTIONS = {
  /** Length of one ascent step. Paper: rho. At least 0. Default 0.05 (SAM) or 0.5 (ASAM). */
  rho: number({ min: 0 }, 0.05),
  /**
   * The base optimizer: `sgd(...)`, `adam(...)`, `adamw(...)`, `rmsprop(...)`, or any tf.Optimizer. Default
   * `sgd` with the options given here. A tf.Optimizer counts each inner step as one of its own; it cannot be
   * saved, and a compiled step is recorded anew when its learning rate changes: with a schedule, or to go on
   * later, take one of this library.
   */
  base: option<BaseOptimizer>('object', 'a base optimizer', asBase),
  /**
   * Whether a gradient taken at a perturbed point serves both the descent there and the next ascent: k + 1
   * gradients in place of 2k, same numbers. Default: where that is exact, that is where the loss reads
   * nothing of its pass (one batch) and changes no state but BatchNorm's statistics. A loss with dropout
   * draws one mask less per inner step than in the official order of work.
   */
  reuseGradients: flag(),
  /**
   * Which of the passes of one step move BatchNorm's statistics: `every` (the official code), only the
   * `first`, at the weights before the step, or `none`. Default `every`.
   */
  batchNormUpdates: oneOf<BatchNormPolicy>(['every', 'first', 'none'], 'every'),
};

/**
 * Options of every sharpness-aware optimizer. The options of `sgd` set the base optimizer, unless `base` is
 * given.
 */
export type SharpnessOptions = SGDOptions & OptionsOf<typeof SCHEME_OPTIONS>;

/** Options of the optimizers that climb by ASAM's rule. */
export type AdaptiveSharpnessOptions = SharpnessOptions & AsamAscentOptions;

/** Describes the options of the optimizers that climb by SAM's rule. */
export const BY_SAM = { ...SCHEME_OPTIONS, ...SGD_OPTIONS };

/** Describes the options of the optimizers that climb by ASAM's rule. */
export const BY_ASAM = { ...BY_SAM, rho: withDefault(SCHEME_OPTIONS.rho, 0.5), ...ASAM_OPTIONS };

/** The options that all schemes have, with defaults. */
type SchemeSettings = Omit<SettingsOf<typeof BY_SAM>, 'reuseGradients'> &
  Partial<SettingsOf<typeof ASAM_OPTIONS> & Pick<SettingsOf<typeof BY_SAM>, 'reuseGradients'>>;

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
  readonly #own: tf.serialization.ConfigDict;

  /**
   * @param given The options as the caller gave them.
   * @param settings The same, checked and with defaults.
   * @param own What the optimizer has beside those of all schemes: it is saved with them.
   * @throws OptionError
   */
  constructor(
    rule: 'sam' | 'asam',
    given: object,
    settings: SchemeSettings,
    own: tf.serialization.ConfigDict = {},
  ) {
    super();
    const { rho, eta = ASAM_OPTIONS.eta.default ?? 0, rescale, batchNormUpdates, reuseGradients } = settings;
    this.base = baseOf(given as SharpnessOptions, settings);
    this.ascent = rule === 'sam' ? samAscent : asamAscent({ eta, rescale });
    this.#passOptions = { batchNormUpdates, reuseGradients };
    this.#own = own;
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
      ...this.#own,
    };
  }

  /** @throws OptionError where `rescale` was given: a file cannot hold a function. */
  override getConfig(): tf.serialization.ConfigDict {
    refuseFunction('rescale', this.ascent.rescale);
    return super.getConfig();
  }

  /**
   * One step back: the weights of `here`, and what the ascent rule adds along the gradient there, for `times`
   * the radius.
   */
  protected climb({ weights, gradients }: Visit, variables: readonly tf.Variable[], times = 1): tf.Tensor[] {
    const rho = times === 1 ? this.radius.tensor : tf.mul(this.radius.tensor, times);
    const eps = ascentStep(gradients, this.ascent.scales(weights, variables), rho as tf.Scalar);
    return weights.map((w, i) => tf.add(w, eps[i]));
  }

  /**
   * Makes the optimizer that `getConfig` described: model.save stores the description, tf.loadLayersModel
   * reads it. @nocollapse
   */
  static override fromConfig<T extends tf.serialization.Serializable>(
    cls: tf.serialization.SerializableConstructor<T>,
    config: tf.serialization.ConfigDict,
  ): T {
    const { rule, base, customObjects: _, ...options } = config;
    const Scheme = cls as unknown as new (rule: unknown, options: unknown) => T;
    return new Scheme(rule, { ...options, base: optimizerFrom(base) });
  }
}

function baseOf(given: SharpnessOptions, settings: SchemeSettings): DescentOptimizer {
  const names = Object.keys(SGD_OPTIONS) as (keyof SGDOptions)[];
  if (settings.base === undefined)
    return new SGD(Object.fromEntries(names.map((name) => [name, settings[name]])));
  const extra = names.find((name) => given[name] !== undefined);
  // The check has turned whatever was given into a base optimizer.
  if (extra === undefined) return settings.base as DescentOptimizer;
  throw new OptionError(extra, given[extra], 'left out where base is given', 'Set it on the base optimizer.');
}
