/**
 * The methods of `core/methods.ts` as configurations of optimizers, and the other way round.
 *
 * Mordido, Malviya, Baratin, Chandar, "Lookbehind-SAM: k steps back, 1 step forward", ICML 2024, section 4.
 */
import { METHOD_NAMES, METHODS, type Method, type MethodName } from '../core/methods';
import { checkOptions, number, type OptionsOf, object, oneOf, whole, withDefault } from '../core/options';
import { own } from '../core/records';
import type { OptimizerConfig } from './config/optimizerConfig';

/** Methods that are not the paper's. */
const OTHERS = ['adamw', 'repeatedSAM', 'straightSAM'] as const;

/** Names of the methods over SGD, which are those of the paper. */
export type MethodOverSGD = Exclude<MethodName, (typeof OTHERS)[number]>;

/** The methods of the paper by their names in tables. */
export type PaperMethod = (typeof METHODS)[MethodOverSGD]['label'];

/** The paper's methods in the order of its tables. */
export const METHODS_OVER_SGD = METHOD_NAMES.filter(
  (name): name is MethodOverSGD => !(OTHERS as readonly MethodName[]).includes(name),
);

/** Numbers that make a method an optimizer. */
export interface MethodSettings {
  /** Options of SGD. */
  sgd: { learningRate?: number; momentum?: number; weightDecay?: number };
  /** Options of SAM's ascent. */
  sam: { rho?: number };
  /** Options of ASAM's ascent. */
  asam: { rho?: number; eta?: number };
  /** Inner steps. */
  k?: number;
  /** Share of the fast weights; left out for adaptive methods. */
  alpha?: number | 'adaptive';
}

/** A method as the configuration of an optimizer. */
export function optimizerOf(
  method: MethodOverSGD,
  { sgd, sam, asam, k, alpha }: MethodSettings,
): OptimizerConfig {
  const { steps, rule, adaptive }: Method = METHODS[method];
  const ascent = rule === 'ASAM' ? asam : sam;
  const single: OptimizerConfig =
    rule === null ? { kind: 'sgd', ...sgd } : { kind: rule === 'SAM' ? 'sam' : 'asam', ...ascent, ...sgd };
  if (steps === 'lookahead') return { kind: 'lookahead', k, alpha: alpha as number, base: single };
  if (steps === 'single' || rule === null) return single;
  if (steps === 'multistep') return { kind: `multistep${rule}`, k, ...ascent, ...sgd };
  return { kind: `lookbehind${rule}`, k, alpha: adaptive ? 'adaptive' : alpha, ...ascent, ...sgd };
}

/**
 * The method that an optimizer is, as `methodStyle` knows it, and its inner steps if the method's name leaves
 * them open.
 */
export function methodOf(optimizer: OptimizerConfig): { method: string; k?: number } {
  if (optimizer.kind === 'lookahead') {
    const base = optimizer.base?.kind ?? 'sgd';
    const known = own<Method>(METHODS, base);
    const isNamed = known?.steps === 'single' && base !== 'adamw';
    return { method: isNamed ? `lookahead${known.rule ?? ''}` : `lookahead over ${base}` };
  }
  if ('alpha' in optimizer && optimizer.alpha === 'adaptive') return { method: `${optimizer.kind}Adaptive` };
  return 'k' in optimizer ? { method: optimizer.kind, k: optimizer.k } : { method: optimizer.kind };
}

const PAPER_METHOD = {
  /** Of all methods. At least 0. Default 0.1. */
  learningRate: number({ min: 0 }, 0.1),
  /** 0 to 1. Default 0.9. */
  momentum: number({ min: 0, max: 1 }, 0.9),
  /** At least 0. Default 5e-4. */
  weightDecay: number({ min: 0 }, 5e-4),
  /** Inner steps of Lookbehind and of the multistep methods. At least 1. Default 5. */
  k: whole({ min: 1 }, 5),
  /** Share of the fast weights in Lookbehind's step forward, 0 to 1. Default 0.5. */
  alpha: number({ min: 0, max: 1 }, 0.5),
  /**
   * Inner steps of Lookbehind with adaptive alpha. At least 1. Default 2, as its steps are nearly k times
   * longer.
   */
  adaptiveK: whole({ min: 1 }, 2),
  /** Radius of SAM, at least 0. Default 0.05. */
  rho: number({ min: 0 }, 0.05),
  /** Radius of ASAM, at least 0. Default 0.5. */
  asamRho: number({ min: 0 }, 0.5),
  /**
   * What methods with k inner steps have in common with the one step of (A)SAM: the length of each step
   * (`step`, the paper's protocol), or the mean distance of the k perturbed points, so that each step has the
   * length 2 rho / (k + 1) (`mean`). Default `step`.
   */
  radius: oneOf(['step', 'mean'], 'step'),
  /** Inner steps and interpolation of Lookahead. Default 5 and 0.8. */
  lookahead: withDefault(object<{ k: number; alpha: number }>(), { k: 5, alpha: 0.8 }),
};

/** Options of `paperMethods`. */
export type PaperMethodsOptions = OptionsOf<typeof PAPER_METHOD>;

/**
 * The methods of the paper at one learning rate.
 *
 * @example
 * const methods = Object.entries(paperMethods({ learningRate: 0.1, rho: 0.1 }));
 * await sweep(methods.map(([label, optimizer]) => ({ ...task, label, optimizer, seeds: 5 })));
 * @throws OptionError
 */
export function paperMethods(options: PaperMethodsOptions = {}): Record<PaperMethod, OptimizerConfig> {
  const settings = checkOptions('paperMethods', PAPER_METHOD, options);
  const { learningRate, momentum, weightDecay, alpha, radius, rho, asamRho, lookahead } = settings;
  const sgd = { learningRate, momentum, weightDecay };
  const configs = METHODS_OVER_SGD.map((name): [string, OptimizerConfig] => {
    const { label, steps, adaptive }: Method = METHODS[name];
    const k = adaptive ? settings.adaptiveK : settings.k;
    const isWhole = radius === 'step' || steps === 'single' || steps === 'lookahead';
    // Rounded, so that radii that are equal on paper are equal, and their runs the same.
    const step = (whole: number) => ({
      rho: isWhole ? whole : Number(((2 * whole) / (k + 1)).toPrecision(6)),
    });
    const inner = steps === 'lookahead' ? lookahead : { k, alpha };
    return [label, optimizerOf(name, { sgd, sam: step(rho), asam: step(asamRho), ...inner })];
  });
  return Object.fromEntries(configs) as Record<PaperMethod, OptimizerConfig>;
}
