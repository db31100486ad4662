/**
 * Measures of robustness at the end of a run: accuracy under noise on the weights. Those of one run share the compiled evaluation.
 */

import { OptionError } from '../../core/errors';
import {
  type BatchNormOptions,
  gaussianNoise,
  NoiseEvaluator,
  type NoiseEvaluatorOptions,
  type NoiseFamily,
} from '../../robustness';
import type { Measure, MeasuredValues, MeasureSubject } from './measure';
import {
  buildNoise,
  buildNoiseFamily,
  checkLevels,
  checkNoise,
  checkNoiseFamily,
  type NoiseConfig,
  type NoiseFamilyConfig,
  type NoisyTensors,
  noisyTensors,
  tensorSelector,
} from './noiseConfig';
import { type Check, checkFields, checkKind, type Field, type Fields, listOf, number, oneOf, required } from './schema';

/**
 * What becomes of BatchNorm's moving statistics at noisy weights: those of the clean weights are kept (`keep`), they are estimated anew on
 * some batches of training samples (`estimate`), or recomputed on all of them (`recompute`). No labels are used.
 */
export type BatchNormConfig =
  | { kind: 'keep' }
  | {
      kind: 'estimate';
      /** Number of batches, drawn at random. A whole number, at least 1. Default 10. */
      batches?: number;
      /** Samples per batch. A whole number, at least 1. Default 100. */
      batchSize?: number;
    }
  | {
      kind: 'recompute';
      /** Samples per batch. A whole number, at least 1. Default 250. */
      batchSize?: number;
    };

/** What measures of robustness have in common. */
export interface NoiseMeasureOptions {
  /** Noise draws per level; all runs meet the same ones. A whole number, at least 1. Default 10. */
  draws?: number;
  /** Seed of the draws. A whole number. Default 0. */
  seed?: number;
  /** Which weights get noise. Default `kernels`. */
  tensors?: NoisyTensors;
  /** The set to evaluate on. Default `test`. */
  on?: 'train' | 'test';
  /** Evaluates on this many samples of the set, chosen with equal class proportions. A whole number, at least 1. Default: all. */
  samples?: number;
  /** What becomes of BatchNorm's statistics, each kind once. All are measured; names are as in `noisyAccuracy.estimate@0.2`. Default `keep`. */
  batchNorm?: (BatchNormConfig | BatchNormConfig['kind'])[];
}

/**
 * Accuracy under multiplicative Gaussian noise on the weights, 0 to 1: `noisyAccuracy@0.2` is its mean and `noisyAccuracyStd@0.2` its
 * standard deviation over draws.
 */
export interface NoisyAccuracyConfig extends NoiseMeasureOptions {
  /** Accuracy under Gaussian noise. */
  kind: 'noisyAccuracy';
  /** Standard deviations of the noise, relative to each weight. At least 0. */
  sigmas: number[];
}

/** Accuracy under any noise on the weights, as `noisyAccuracy`: `bitErrors@0.01`, `bitErrorsStd@0.01`. May be taken several times. */
export interface RobustnessConfig extends NoiseMeasureOptions {
  /** Accuracy under any noise. */
  kind: 'robustness';
  /** Name of the values: letters, digits and _. Default: the kind of the noise. */
  name?: string;
  /** The noise, without its strength. */
  noise: NoiseFamilyConfig | Exclude<NoiseFamilyConfig['kind'], 'composed'>;
  /** Strengths of the noise: sigmas, bits, rates, seconds. At least one. */
  levels: number[];
}

/** Accuracy lost with noise on one layer alone, -1 to 1, a mean over draws: `layerSensitivity@dense1`. */
export interface LayerSensitivityConfig extends Omit<NoiseMeasureOptions, 'tensors'> {
  /** Accuracy lost by noise on one layer. */
  kind: 'layerSensitivity';
  /** The noise. */
  noise: NoiseConfig;
}

const whole = (fallback?: number): Field<number> => number({ min: 1, integer: true }, fallback);

/** What `estimate` takes where it is not said. */
const ESTIMATE = { batches: 10, batchSize: 100 } as const;

const BATCH_NORM: { readonly [K in BatchNormConfig['kind']]: Check<object> } = {
  keep: (path, value, form) => checkFields(path, value, {}, form),
  estimate: (path, value, form) =>
    checkFields(path, value, { batches: whole(ESTIMATE.batches), batchSize: whole(ESTIMATE.batchSize) }, form),
  recompute: (path, value, form) => checkFields(path, value, { batchSize: whole(250) }, form),
};

const batchNorm: Field<NonNullable<NoiseMeasureOptions['batchNorm']>> = {
  isList: true,
  default: ['keep'],
  check(path, value, form) {
    const one: Field<BatchNormConfig> = { check: (at, policy) => checkKind(at, policy, BATCH_NORM, form) };
    const policies = listOf(one).check(path, value, form);
    const kinds = policies.map(({ kind }) => kind);
    if (kinds.length > 0 && new Set(kinds).size === kinds.length) return policies;
    throw new OptionError(path, kinds, 'a list of keep, estimate and recompute, each at most once and at least one of them');
  },
};

const OPTIONS: Fields<NoiseMeasureOptions> = {
  draws: whole(10),
  seed: number({ integer: true }, 0),
  tensors: noisyTensors,
  on: oneOf(['train', 'test'], 'test'),
  samples: whole(),
  batchNorm,
};

const NOISY_ACCURACY: Fields<Omit<NoisyAccuracyConfig, 'kind'>> = {
  ...OPTIONS,
  sigmas: required(listOf(number({ min: 0 }))),
};

const name: Field<string> = {
  check(path, value) {
    if (typeof value === 'string' && /^\w+$/.test(value)) return value;
    throw new OptionError(path, value, 'letters, digits and _');
  },
};

const ROBUSTNESS: Fields<Omit<RobustnessConfig, 'kind'>> = {
  ...OPTIONS,
  name,
  noise: required({ check: checkNoiseFamily }),
  levels: required(listOf(number({}))),
};

const { tensors: _, ...LAYER_OPTIONS } = OPTIONS;

const LAYER_SENSITIVITY: Fields<Omit<LayerSensitivityConfig, 'kind'>> = {
  ...LAYER_OPTIONS,
  noise: required({ check: checkNoise }),
};

/** See `NoisyAccuracyConfig`. */
export const noisyAccuracy: Measure<NoisyAccuracyConfig> = {
  check: (path, value, form) => checkFields(path, value, NOISY_ACCURACY, form),
  names: () => ['noisyAccuracy'],
  run: ({ sigmas, ...options }, subject) =>
    accuracies('noisyAccuracy', (sigma) => gaussianNoise({ sigma }), sigmas, options, subject),
};

/** See `RobustnessConfig`. */
export const robustness: Measure<RobustnessConfig> = {
  check(path, value, form) {
    const config = checkFields(path, value, ROBUSTNESS, form);
    checkLevels(`${path}.levels`, config.noise as NoiseFamilyConfig, config.levels);
    return config;
  },
  names: (config) => [nameOf(config)],
  run: ({ noise, levels, ...options }, subject) =>
    accuracies(nameOf({ noise, ...options }), buildNoiseFamily(noise as NoiseFamilyConfig), levels, options, subject),
};

/** See `LayerSensitivityConfig`. */
export const layerSensitivity: Measure<LayerSensitivityConfig> = {
  check: (path, value, form) => checkFields(path, value, LAYER_SENSITIVITY, form),
  names: () => ['layerSensitivity'],
  async run({ noise, ...options }, subject) {
    const { signal } = subject;
    return forEachPolicy(options, subject, async (evaluator, { policy, ...rest }) => {
      const { layers } = await evaluator.sensitivity({ noise: buildNoise(noise), ...rest, signal });
      // The first part of a layer's name is that of the model.
      const short = (layer: string): string => layer.slice(layer.indexOf('/') + 1);
      return layers.map(({ layer, accuracyDrop }) => [`layerSensitivity${policy}@${short(layer)}`, accuracyDrop.mean]);
    });
  },
};

function nameOf({ name, noise }: Pick<RobustnessConfig, 'name' | 'noise'>): string {
  return name ?? (typeof noise === 'string' ? noise : noise.kind);
}

function accuracies(
  what: string,
  noise: NoiseFamily,
  levels: readonly number[],
  options: NoiseMeasureOptions,
  subject: MeasureSubject,
): Promise<MeasuredValues> {
  return forEachPolicy(options, subject, async (evaluator, { policy, ...rest }) => {
    const { levels: effects } = await evaluator.evaluate({ noise, levels, ...rest, signal: subject.signal });
    return effects.flatMap(({ level, accuracy }): [string, number][] => [
      [`${what}${policy}@${level}`, accuracy.mean],
      [`${what}Std${policy}@${level}`, accuracy.std],
    ]);
  });
}

/** One policy for BatchNorm, as the evaluator takes it; `policy` is the part of a name that tells it from `keep`. */
interface PolicyOptions extends Pick<NoiseEvaluatorOptions, 'draws' | 'seed' | 'select' | 'batchNorm'> {
  policy: string;
}

/** Calls `measure` for each policy, with an evaluator that all measures of the run share. */
async function forEachPolicy(
  { draws, seed, tensors, on = 'test', samples, batchNorm: policies = ['keep'] }: NoiseMeasureOptions,
  { model, data, shared }: MeasureSubject,
  measure: (evaluator: NoiseEvaluator, options: PolicyOptions) => Promise<[string, number][]>,
): Promise<MeasuredValues> {
  const evaluator = shared(`noise/${on}/${samples}`, () => {
    const all = data[on];
    const used = samples !== undefined && samples < all.size ? all.subset(samples, { stratified: true }) : all;
    return new NoiseEvaluator(model, used);
  });
  const values: [string, number][] = [];
  for (const policy of policies) {
    const { kind, ...options } = typeof policy === 'string' ? { kind: policy } : policy;
    const statistics: BatchNormOptions = { data: data.train, ...(kind === 'estimate' ? ESTIMATE : {}), ...options };
    const select = tensorSelector(tensors);
    values.push(
      ...(await measure(evaluator, {
        policy: kind === 'keep' ? '' : `.${kind}`,
        ...{ draws, seed, select },
        batchNorm: kind === 'keep' ? 'keep' : statistics,
      })),
    );
  }
  return Object.fromEntries(values);
}
