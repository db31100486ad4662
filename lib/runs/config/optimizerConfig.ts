/**
 * The optimizer of a run, as JSON, and how it is built. Options that an optimizer does not have are refused:
 * eta belongs to ASAM's kind only, k to those with inner steps.
 */

import { OptionError } from '../../core/errors';
import { gradientsOf, METHODS, type Method } from '../../core/methods';
import {
  type Check,
  checkFields,
  checkKind,
  type Description,
  type Form,
  option,
  withDefault,
} from '../../core/options';
import { own } from '../../core/records';
import { BASES, SCHEMES } from '../../optimizers';
import type { DescentOptimizer } from '../../optimizers/descent';
import { LOOKAHEAD, type LookaheadOptions, lookahead } from '../../optimizers/lookahead';
import type { FamilyOptimizer } from '../../optimizers/optimizer';
import { checkNesterov, SGD_OPTIONS } from '../../optimizers/sgd';

type Bases = typeof BASES;
type Schemes = typeof SCHEMES;
type OptionsFor<F> = F extends (options?: infer O) => unknown ? NonNullable<O> : never;

/** A base optimizer: the name of its factory and its options, but for functions. */
export type BaseConfig = {
  [K in keyof Bases]: { kind: K } & Omit<OptionsFor<Bases[K]['make']>, 'decays'>;
}[keyof Bases];

/**
 * Options of a sharpness-aware optimizer, as JSON. The options of `sgd` set its base, unless `base` is given.
 */
export type JsonOptions<O> = Omit<O, 'base' | 'rescale' | 'decays'> & {
  /** The optimizer that descends. Default: `sgd` with the options given here. */
  base?: BaseConfig;
};

/** The optimizer of a run: its factory's name and options. */
export type OptimizerConfig =
  | BaseConfig
  | { [K in keyof Schemes]: { kind: K } & JsonOptions<OptionsFor<Schemes[K]['make']>> }[keyof Schemes]
  | ({
      kind: 'lookahead';
      /** The optimizer that takes the fast steps. Default `{ kind: 'sgd' }`. */
      base?: OptimizerConfig;
    } & LookaheadOptions);

/** The options of each of `factories` in JSON: functions and base optimizers are left out. */
function jsonKinds(factories: Readonly<Record<string, { options: object }>>): Record<string, Description> {
  const json = ({ options }: { options: object }): Description =>
    Object.fromEntries(
      Object.entries(options as Description).filter(
        ([name, { kind }]) => kind !== 'function' && name !== 'base',
      ),
    );
  return Object.fromEntries(Object.entries(factories).map(([kind, factory]) => [kind, json(factory)]));
}

const BASE_KINDS = jsonKinds(BASES);

const OVER_ANY = {
  ...LOOKAHEAD,
  base: withDefault(
    option<OptimizerConfig>('object', 'an optimizer', (path, value, form) =>
      checkOptimizer(path, value, form),
    ),
    { kind: 'sgd' },
  ),
};

const KINDS: Readonly<Record<string, Description>> = {
  ...BASE_KINDS,
  ...jsonKinds(SCHEMES),
  lookahead: OVER_ANY,
};

/** Checks the optimizer of a run. */
export const checkOptimizer: Check<OptimizerConfig> = (path, value, form) => {
  const { base, ...others } =
    typeof value === 'object' && value !== null ? (value as { base?: unknown; kind?: string }) : {};
  if (base !== undefined && others.kind !== undefined && Object.hasOwn(SCHEMES, others.kind)) {
    return schemeOver(path, others as { kind: keyof Schemes }, base, form);
  }
  const config = checkKind(path, value, KINDS, form) as unknown as OptimizerConfig;
  if ('nesterov' in config) checkNesterov(`${path}.`, config);
  return config;
};

/** A scheme over a given base. A base that is SGD is the same as its options, and becomes them. */
function schemeOver(
  path: string,
  { kind, ...options }: { kind: keyof Schemes },
  given: unknown,
  form: Form,
): OptimizerConfig {
  const extra = Object.entries(options).find(
    ([name, value]) => Object.hasOwn(SGD_OPTIONS, name) && value !== undefined,
  );
  if (extra !== undefined)
    throw new OptionError(`${path}.${extra[0]}`, extra[1], 'left out where base is given');
  const base = checkKind(`${path}.base`, given, BASE_KINDS, form) as unknown as BaseConfig;
  if (base.kind === 'sgd') return checkOptimizer(path, { ...base, ...options, kind }, form);
  const rule = Object.fromEntries(
    Object.entries(KINDS[kind]).filter(([name]) => !Object.hasOwn(SGD_OPTIONS, name)),
  );
  return { kind, ...checkFields(path, options, rule, form), base } as unknown as OptimizerConfig;
}

/** Builds the optimizer of a run. The caller disposes it. */
export function buildOptimizer(config: OptimizerConfig): FamilyOptimizer {
  if (config.kind === 'lookahead') {
    const { kind: _, base = { kind: 'sgd' }, ...options } = config;
    return lookahead(buildOptimizer(base), options);
  }
  const { kind, base, ...options } = config as BaseConfig & { base?: BaseConfig };
  // The options are those of the kind: the configuration was checked.
  const make = { ...BASES, ...SCHEMES }[kind].make as (options: object) => FamilyOptimizer;
  return make(base === undefined ? options : { ...options, base: buildOptimizer(base) as DescentOptimizer });
}

/** Whether gradients are reused on request, rather than where that is exact. */
export function reusesGradients(config: OptimizerConfig): boolean {
  if ('reuseGradients' in config) return config.reuseGradients === true;
  return config.kind === 'lookahead' && config.base !== undefined && reusesGradients(config.base);
}

/** Whether a step has inner steps, each of which may see a batch of its own. */
export function hasInnerSteps(config: OptimizerConfig): boolean {
  if (config.kind === 'lookahead') return config.base !== undefined && hasInnerSteps(config.base);
  return 'k' in config;
}

/**
 * Gradients that one batch costs, for an estimate of the work of a run.
 *
 * @param reuse Whether the loss allows gradients to be reused.
 */
export function gradientsPerBatch(config: OptimizerConfig, reuse = true): number {
  if (config.kind === 'lookahead') return gradientsPerBatch(config.base ?? { kind: 'sgd' }, reuse);
  const { k = 2, reuseGradients = true } = config as { k?: number; reuseGradients?: boolean };
  const unnamed = { steps: 'single', rule: Object.hasOwn(BASES, config.kind) ? null : 'SAM' } as const;
  return gradientsOf(own<Method>(METHODS, config.kind) ?? unnamed, k, reuse && reuseGradients);
}
