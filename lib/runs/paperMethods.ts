/**
 * The methods that the paper compares, as configurations that share their options: its tables' rows, in their order.
 *
 * Mordido, Malviya, Baratin, Chandar, "Lookbehind-SAM: k steps back, 1 step forward", ICML 2024, section 4.
 */
import { checkKnownOptions, checkNumber, checkObject, checkOneOf } from '../core/errors';
import type { OptimizerConfig } from './config/optimizerConfig';

/** The methods of the paper by their names in tables. */
export type PaperMethod =
  | 'SGD'
  | 'Lookahead + SGD'
  | 'SAM'
  | 'Lookahead + SAM'
  | 'Multistep-SAM'
  | 'Lookbehind-SAM'
  | 'Lookbehind-SAM, adaptive'
  | 'ASAM'
  | 'Lookahead + ASAM'
  | 'Multistep-ASAM'
  | 'Lookbehind-ASAM'
  | 'Lookbehind-ASAM, adaptive';

/** Options of `paperMethods`. */
export interface PaperMethodsOptions {
  /** Of all methods. At least 0. Default 0.1. */
  learningRate?: number;
  /** 0 to 1. Default 0.9. */
  momentum?: number;
  /** At least 0. Default 5e-4. */
  weightDecay?: number;
  /** Inner steps of Lookbehind and of the multistep methods. A whole number, at least 1. Default 5. */
  k?: number;
  /** Share of the fast weights in Lookbehind's step forward, 0 to 1. Default 0.5. */
  alpha?: number;
  /** Inner steps of Lookbehind where alpha is adaptive. A whole number, at least 1. Default 2, as its steps are nearly k times longer. */
  adaptiveK?: number;
  /** Radius of SAM, at least 0. Default 0.05. */
  rho?: number;
  /** Radius of ASAM, at least 0. Default 0.5. */
  asamRho?: number;
  /**
   * What methods with k inner steps have in common with the one step of (A)SAM: the length of each step (`step`, the paper's protocol), or
   * the mean distance of the k perturbed points, so that each step has the length 2 rho / (k + 1) (`mean`). Default `step`.
   */
  radius?: 'step' | 'mean';
  /** Inner steps and interpolation of Lookahead. Default 5 and 0.8. */
  lookahead?: { k: number; alpha: number };
}

/**
 * The methods of the paper at one learning rate.
 *
 * @example
 * const methods = paperMethods({ learningRate: 0.1, rho: 0.1 });
 * await sweep(Object.entries(methods).map(([label, optimizer]) => ({ ...task, label, optimizer, seeds: 5 })));
 * @throws OptionError
 */
export function paperMethods(options: PaperMethodsOptions = {}): Record<PaperMethod, OptimizerConfig> {
  checkKnownOptions('paperMethods', options, [
    ...['learningRate', 'momentum', 'weightDecay', 'k', 'alpha', 'adaptiveK', 'rho', 'asamRho', 'radius', 'lookahead'],
  ]);
  const { learningRate = 0.1, momentum = 0.9, weightDecay = 5e-4, alpha = 0.5, radius = 'step' } = options;
  checkNumber('learningRate', learningRate, { min: 0 });
  checkNumber('momentum', momentum, { min: 0, max: 1 });
  checkNumber('weightDecay', weightDecay, { min: 0 });
  checkNumber('alpha', alpha, { min: 0, max: 1 });
  const k = checkNumber('k', options.k ?? 5, { min: 1, integer: true });
  const adaptiveK = checkNumber('adaptiveK', options.adaptiveK ?? 2, { min: 1, integer: true });
  const rho = checkNumber('rho', options.rho ?? 0.05, { min: 0 });
  const asamRho = checkNumber('asamRho', options.asamRho ?? 0.5, { min: 0 });
  checkOneOf('radius', radius, ['step', 'mean']);
  const { lookahead = { k: 5, alpha: 0.8 } } = options;
  checkObject('lookahead', lookahead);
  const base = { learningRate, momentum, weightDecay };
  // Rounded, so that radii that are equal on paper are equal, and their runs the same.
  const step = (whole: number, steps: number): number =>
    radius === 'step' ? whole : Number(((2 * whole) / (steps + 1)).toPrecision(6));
  const ahead = (inner: OptimizerConfig): OptimizerConfig => ({
    kind: 'lookahead',
    ...lookahead,
    base: inner,
  });

  const sgd: OptimizerConfig = { kind: 'sgd', ...base };
  const sam: OptimizerConfig = { kind: 'sam', rho, ...base };
  const asam: OptimizerConfig = { kind: 'asam', rho: asamRho, ...base };
  return {
    SGD: sgd,
    'Lookahead + SGD': ahead(sgd),
    SAM: sam,
    'Lookahead + SAM': ahead(sam),
    'Multistep-SAM': { kind: 'multistepSAM', k, rho: step(rho, k), ...base },
    'Lookbehind-SAM': { kind: 'lookbehindSAM', k, alpha, rho: step(rho, k), ...base },
    'Lookbehind-SAM, adaptive': {
      kind: 'lookbehindSAM',
      k: adaptiveK,
      alpha: 'adaptive',
      rho: step(rho, adaptiveK),
      ...base,
    },
    ASAM: asam,
    'Lookahead + ASAM': ahead(asam),
    'Multistep-ASAM': { kind: 'multistepASAM', k, rho: step(asamRho, k), ...base },
    'Lookbehind-ASAM': { kind: 'lookbehindASAM', k, alpha, rho: step(asamRho, k), ...base },
    'Lookbehind-ASAM, adaptive': {
      kind: 'lookbehindASAM',
      k: adaptiveK,
      alpha: 'adaptive',
      rho: step(asamRho, adaptiveK),
      ...base,
    },
  };
}
