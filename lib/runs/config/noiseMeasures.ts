/**
 * Measures of robustness at the end of a run: accuracy under noise on the weights. Those of one run share the
 * compiled evaluation.
 */

import { OptionError } from '../../core/errors';
import {
  checkKind,
  checkOptions,
  type KindOf,
  listOf,
  needed,
  number,
  type OptionsOf,
  oneOf,
  option,
  where,
  whole,
  withDefault,
} from '../../core/options';
import { gaussianNoise, NoiseEvaluator, type NoiseFamily } from '../../robustness';
import type { BatchNormOptions } from '../../robustness/batchNormStatistics';
import type { NoiseEvaluatorOptions } from '../../robustness/evaluate';
import type { Measure, MeasuredValues, MeasureSubject } from './measure';
import {
  buildNoise,
  buildNoiseFamily,
  checkLevels,
  checkNoise,
  checkNoiseFamily,
  type NoiseConfig,
  type NoiseFamilyConfig,
  TENSORS,
  tensorSelector,
} from './noiseConfig';

/** Describes what may become of BatchNorm's moving statistics at noisy weights. */
const BATCH_NORM = {
  keep: {},
  estimate: {
    /** Number of batches, drawn at random. At least 1. Default 10. */
    batches: whole({ min: 1 }, 10),
    /** Samples per batch. At least 1. Default 100. */
    batchSize: whole({ min: 1 }, 100),
  },
  recompute: {
    /** Samples per batch. At least 1. Default 250. */
    batchSize: whole({ min: 1 }, 250),
  },
};

/**
 * What becomes of BatchNorm's moving statistics at noisy weights: those of the clean weights are kept
 * (`keep`), they are estimated anew on some batches of training samples (`estimate`), or recomputed on all of
 * them (`recompute`). No labels are used.
 */
export type BatchNormConfig = KindOf<typeof BATCH_NORM>;

const POLICIES = 'a list of keep, estimate and recompute, each at most once and at least one of them';
const batchNormPolicies = option<readonly (BatchNormConfig | BatchNormConfig['kind'])[]>(
  'list',
  POLICIES,
  (path, value, form) => {
    const one = option<BatchNormConfig>('object', 'a policy', (at, policy) =>
      checkKind(at, policy, BATCH_NORM, form),
    );
    const policies = listOf(one).check(path, value, form);
    const kinds = policies.map(({ kind }) => kind);
    if (kinds.length > 0 && new Set(kinds).size === kinds.length) return policies;
    throw new OptionError(path, kinds, POLICIES);
  },
);

/** Describes what measures of robustness have in common. */
const OPTIONS = {
  /** Noise draws per level; all runs meet the same ones. At least 1. Default 10. */
  draws: whole({ min: 1 }, 10),
  /** Seed of the draws. Default 0. */
  seed: whole({}, 0),
  /** Which weights get noise: kernels and embeddings, or all that training changes. Default `kernels`. */
  tensors: TENSORS.tensors,
  /** The set to evaluate on. Default `test`. */
  on: oneOf(['train', 'test'], 'test'),
  /**
   * Evaluates on this many samples of the set, chosen with equal class proportions. At least 1. Default: all.
   */
  samples: whole({ min: 1 }),
  /**
   * What becomes of BatchNorm's statistics, each kind once. All are measured; names are as in
   * `noisyAccuracy.estimate@0.2`. Default `keep`.
   */
  batchNorm: withDefault(batchNormPolicies, ['keep']),
};

const NOISY_ACCURACY = {
  ...OPTIONS,
  /** Standard deviations of the noise, relative to each weight. At least 0. */
  sigmas: needed(listOf(number({ min: 0 }))),
};

const ROBUSTNESS = {
  ...OPTIONS,
  /** Name of the values: letters, digits and _. Default: the kind of the noise. */
  name: where<string>(
    'text',
    'letters, digits and _',
    (value) => typeof value === 'string' && /^\w+$/.test(value),
  ),
  /** The noise, without its strength. */
  noise: needed(
    option<NoiseFamilyConfig | Exclude<NoiseFamilyConfig['kind'], 'composed'>>(
      'object',
      'a noise',
      checkNoiseFamily,
    ),
  ),
  /** Strengths of the noise: sigmas, bits, rates, seconds. At least one. */
  levels: needed(listOf(number())),
};

const { tensors: _, ...OF_LAYERS } = OPTIONS;

const LAYER_SENSITIVITY = {
  ...OF_LAYERS,
  /** The noise. */
  noise: needed(option<NoiseConfig>('object', 'a noise', checkNoise)),
};

/** What measures of robustness have in common. */
export type NoiseMeasureOptions = OptionsOf<typeof OPTIONS>;

/**
 * Accuracy under multiplicative Gaussian noise on the weights, 0 to 1: `noisyAccuracy@0.2` is its mean and
 * `noisyAccuracyStd@0.2` its standard deviation over draws.
 */
export type NoisyAccuracyConfig = { kind: 'noisyAccuracy' } & OptionsOf<typeof NOISY_ACCURACY>;

/**
 * Accuracy under any noise on the weights, as `noisyAccuracy`: `bitErrors@0.01`, `bitErrorsStd@0.01`; where
 * labels are numbers the loss, `bitErrorsLoss@0.01`, `bitErrorsLossStd@0.01`. May be
 * taken several times.
 */
export type RobustnessConfig = { kind: 'robustness' } & OptionsOf<typeof ROBUSTNESS>;

/** Accuracy lost with noise on one layer alone, -1 to 1, a mean over draws: `layerSensitivity@dense1`. */
export type LayerSensitivityConfig = { kind: 'layerSensitivity' } & OptionsOf<typeof LAYER_SENSITIVITY>;

/** See `NoisyAccuracyConfig`. */
export const noisyAccuracy: Measure<NoisyAccuracyConfig> = {
  options: NOISY_ACCURACY,
  names: () => ['noisyAccuracy'],
  run: ({ sigmas, ...options }, subject) =>
    accuracies('noisyAccuracy', (sigma) => gaussianNoise({ sigma }), sigmas, options, subject),
};

/** See `RobustnessConfig`. */
export const robustness: Measure<RobustnessConfig> = {
  options: ROBUSTNESS,
  verify: (path, { noise, levels }) => checkLevels(`${path}.levels`, noise as NoiseFamilyConfig, levels),
  names: (config) => [nameOf(config)],
  run: ({ noise, levels, ...options }, subject) =>
    accuracies(
      nameOf({ noise, ...options }),
      buildNoiseFamily(noise as NoiseFamilyConfig),
      levels,
      options,
      subject,
    ),
};

/** See `LayerSensitivityConfig`. */
export const layerSensitivity: Measure<LayerSensitivityConfig> = {
  options: LAYER_SENSITIVITY,
  names: () => ['layerSensitivity'],
  async run({ noise, ...options }, subject) {
    const { signal } = subject;
    return forEachPolicy(options, subject, async (evaluator, { policy, ...rest }) => {
      const { layers } = await evaluator.sensitivity({ noise: buildNoise(noise), ...rest, signal });
      // The first part of a layer's name is that of the model.
      const short = (layer: string): string => layer.slice(layer.indexOf('/') + 1);
      return layers.map(({ layer, accuracyDrop }) => [
        `layerSensitivity${policy}@${short(layer)}`,
        accuracyDrop.mean,
      ]);
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
    const ofNumbers = subject.data.train.classes.length === 0;
    const name = ofNumbers ? `${what}Loss` : what;
    return effects.flatMap(({ level, accuracy, loss }): [string, number][] => {
      const { mean, std } = ofNumbers ? loss : accuracy;
      return [
        [`${name}${policy}@${level}`, mean],
        [`${name}Std${policy}@${level}`, std],
      ];
    });
  });
}

/**
 * One policy for BatchNorm, as the evaluator takes it; `policy` is the part of a name that tells it from
 * `keep`.
 */
interface PolicyOptions extends Pick<NoiseEvaluatorOptions, 'draws' | 'seed' | 'select' | 'batchNorm'> {
  policy: string;
}

/** Calls `measure` for each policy, with an evaluator that all measures of the run share. */
async function forEachPolicy(
  { draws, seed, tensors, on = 'test', samples, batchNorm: policies = ['keep'] }: NoiseMeasureOptions,
  { model, data, loss, shared }: MeasureSubject,
  measure: (evaluator: NoiseEvaluator, options: PolicyOptions) => Promise<[string, number][]>,
): Promise<MeasuredValues> {
  const evaluator = shared(`noise/${on}/${samples}`, () => {
    const all = data[on];
    const used =
      samples !== undefined && samples < all.size
        ? all.subset(samples, { stratified: all.classes.length > 0 })
        : all;
    return new NoiseEvaluator(model, used, { loss });
  });
  const values: [string, number][] = [];
  for (const policy of policies) {
    const { kind, ...options } = typeof policy === 'string' ? { kind: policy } : policy;
    const statistics: BatchNormOptions = {
      data: data.train,
      ...(kind === 'estimate' ? checkOptions('estimate', BATCH_NORM.estimate, options) : options),
    };
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
