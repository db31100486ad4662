/**
 * The optimizer of a run, as JSON, and how it is built. Options that an optimizer does not have are refused: eta belongs to ASAM's
 * kind only, k to those with inner steps.
 */

import { OptionError } from '../../core/errors';
import { gradientsOf, METHODS } from '../../core/methods';
import {
  type AdamWOptions,
  type AdaptiveSharpnessOptions,
  adamw,
  asam,
  type LookaheadOptions,
  type LookbehindASAMOptions,
  type LookbehindSAMOptions,
  lookahead,
  lookbehindASAM,
  lookbehindSAM,
  type MultistepASAMOptions,
  type MultistepSAMOptions,
  multistepASAM,
  multistepSAM,
  type SGDOptions,
  type SharpnessOptions,
  sam,
  sgd,
} from '../../optimizers';
import type { DescentOptimizer } from '../../optimizers/descent';
import type { FamilyOptimizer } from '../../optimizers/optimizer';
import { type Check, checkFields, checkKind, checkObject, type Field, type Fields, flag, number, oneOf } from './schema';

/** A base optimizer: the options of `sgd` or `adamw`. */
export type BaseConfig = ({ kind: 'sgd' } & Omit<SGDOptions, 'decays'>) | ({ kind: 'adamw' } & Omit<AdamWOptions, 'decays'>);

/** Options of a sharpness-aware optimizer, as JSON. The options of `sgd` set its base, unless `base` is given. */
export type JsonOptions<O> = Omit<O, 'base' | 'rescale' | 'decays'> & {
  /** The optimizer that descends. Default: `sgd` with the options given here. */
  base?: BaseConfig;
};

/** The optimizer of a run: its factory's name and options. */
export type OptimizerConfig =
  | BaseConfig
  | ({ kind: 'sam' } & JsonOptions<SharpnessOptions>)
  | ({ kind: 'asam' } & JsonOptions<AdaptiveSharpnessOptions>)
  | ({ kind: 'multistepSAM' } & JsonOptions<MultistepSAMOptions>)
  | ({ kind: 'multistepASAM' } & JsonOptions<MultistepASAMOptions>)
  | ({ kind: 'lookbehindSAM' } & JsonOptions<LookbehindSAMOptions>)
  | ({ kind: 'lookbehindASAM' } & JsonOptions<LookbehindASAMOptions>)
  | ({
      kind: 'lookahead';
      /** The optimizer that takes the fast steps. Default `{ kind: 'sgd' }`. */
      base?: OptimizerConfig;
    } & LookaheadOptions);

const belowOne = (fallback: number): Field<number> => number({ min: 0, max: 1 - 2 ** -24 }, fallback);
const share = (fallback: number): Field<number> => number({ min: 0, max: 1 }, fallback);
const k = (fallback: number): Field<number> => number({ min: 1, integer: true }, fallback);

const CLIPPING = {
  clipNorm: number({ min: 0, exclusiveMin: true }),
  clipValue: number({ min: 0, exclusiveMin: true }),
};

const SGD: Fields<Omit<SGDOptions, 'decays'>> = {
  ...CLIPPING,
  learningRate: number({ min: 0 }, 0.1),
  momentum: share(0),
  dampening: share(0),
  nesterov: flag(false),
  weightDecay: number({ min: 0 }, 0),
};

const ADAMW: Fields<Omit<AdamWOptions, 'decays'>> = {
  ...CLIPPING,
  learningRate: number({ min: 0 }, 0.001),
  beta1: belowOne(0.9),
  beta2: belowOne(0.999),
  epsilon: number({ min: 0, exclusiveMin: true }, 1e-8),
  weightDecay: number({ min: 0 }, 0.01),
};

const batchNormUpdates = oneOf(['every', 'first', 'none'], 'every');
const SAM_RULE = { rho: number({ min: 0 }, 0.05), batchNormUpdates };
const ASAM_RULE = { rho: number({ min: 0 }, 0.5), eta: number({ min: 0 }, 0.01), batchNormUpdates };
const INNER = { k: k(2) };
const COUNT = { countPer: oneOf(['inner', 'batch'], 'inner') };
const REUSE = { reuseGradients: flag() };

const alpha: Field<number | 'adaptive'> = {
  default: 0.5,
  check: (path, value) => {
    if (value === 'adaptive' || (typeof value === 'number' && value >= 0 && value <= 1)) return value;
    throw new OptionError(path, value, 'a number >= 0 and <= 1, or "adaptive"');
  },
};

const LOOKAHEAD: Fields<Omit<OptimizerConfig & { kind: 'lookahead' }, 'kind'>> = {
  k: k(5),
  alpha: share(0.5),
  base: { check: (path, value, form) => checkOptimizer(path, value, form), default: { kind: 'sgd' } },
};

const BASES: { readonly [K in BaseConfig['kind']]: Check<object> } = {
  sgd: (path, value, form) => nesterovFits(path, checkFields(path, value, SGD, form)),
  adamw: (path, value, form) => checkFields(path, value, ADAMW, form),
};

const KINDS: { readonly [K in OptimizerConfig['kind']]: Check<object> } = {
  ...BASES,
  sam: sharpness({ ...SAM_RULE, ...REUSE }),
  asam: sharpness({ ...ASAM_RULE, ...REUSE }),
  multistepSAM: sharpness({ ...INNER, ...SAM_RULE }),
  multistepASAM: sharpness({ ...INNER, ...ASAM_RULE }),
  lookbehindSAM: sharpness({ ...INNER, alpha, ...COUNT, ...SAM_RULE, ...REUSE }),
  lookbehindASAM: sharpness({ ...INNER, alpha, ...COUNT, ...ASAM_RULE, ...REUSE }),
  lookahead: (path, value, form) => checkFields(path, value, LOOKAHEAD, form),
};

/** Checks the optimizer of a run. */
export const checkOptimizer: Check<OptimizerConfig> = (path, value, form) => checkKind(path, value, KINDS, form);

/**
 * Options of a sharpness-aware optimizer: those of its rule, and either those of SGD or a base. A base that is SGD is the same as its
 * options, and becomes them.
 */
function sharpness(rule: Readonly<Record<string, Field<unknown>>>): Check<object> {
  const withSgd = { ...rule, ...SGD } as Fields<Record<string, unknown>>;
  return (path, value, form) => {
    const { base, ...own } = checkObject(path, value);
    if (base === undefined) return nesterovFits(path, checkFields(path, own, withSgd, form));
    const extra = Object.keys(own).find((name) => Object.hasOwn(SGD, name) && own[name] !== undefined);
    if (extra !== undefined) throw new OptionError(`${path}.${extra}`, own[extra], 'left out where base is given');
    const { kind, ...options } = checkKind<BaseConfig>(`${path}.base`, base, BASES, form);
    if (kind === 'sgd') return checkFields(path, { ...own, ...options }, withSgd, form);
    return { ...checkFields(path, own, rule as Fields<Record<string, unknown>>, form), base: { kind, ...options } };
  };
}

function nesterovFits<T extends SGDOptions>(path: string, options: T): T {
  const { nesterov = false, momentum = 0, dampening = 0 } = options;
  if (nesterov && (momentum === 0 || dampening !== 0)) {
    throw new OptionError(`${path}.nesterov`, nesterov, 'false unless momentum > 0 and dampening = 0');
  }
  return options;
}

/** Builds the optimizer of a run. The caller disposes it. */
export function buildOptimizer(config: OptimizerConfig): FamilyOptimizer {
  switch (config.kind) {
    case 'sgd':
    case 'adamw':
      return buildBase(config);
    case 'lookahead': {
      const { kind: _, base = { kind: 'sgd' }, ...options } = config;
      return lookahead(buildOptimizer(base), options);
    }
    default: {
      const { kind, base, ...options } = config;
      const factory = { sam, asam, multistepSAM, multistepASAM, lookbehindSAM, lookbehindASAM }[kind];
      return factory(base === undefined ? options : { ...options, base: buildBase(base) });
    }
  }
}

function buildBase(config: BaseConfig): DescentOptimizer {
  switch (config.kind) {
    case 'sgd': {
      const { kind: _, ...options } = config;
      return sgd(options);
    }
    case 'adamw': {
      const { kind: _, ...options } = config;
      return adamw(options);
    }
  }
}

/** Whether gradients are reused on request, rather than where that is exact. */
export function reusesGradients(config: OptimizerConfig): boolean {
  if ('reuseGradients' in config) return config.reuseGradients === true;
  return config.kind === 'lookahead' && config.base !== undefined && reusesGradients(config.base);
}

/**
 * Gradients that one batch costs, for an estimate of the work of a run.
 *
 * @param reuse Whether the loss allows gradients to be reused.
 */
export function gradientsPerBatch(config: OptimizerConfig, reuse = true): number {
  if (config.kind === 'lookahead') return gradientsPerBatch(config.base ?? { kind: 'sgd' }, reuse);
  const { k = 2, reuseGradients = true } = config as { k?: number; reuseGradients?: boolean };
  return gradientsOf(METHODS[config.kind], k, reuse && reuseGradients);
}
