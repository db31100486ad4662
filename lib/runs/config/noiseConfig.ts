/**
 * Noise on weights, as JSON, and how it is made: noise of a given strength, noise whose strength the levels of a measure give, and the
 * noise of noise-aware training.
 */

import { OptionError } from '../../core/errors';
import {
  type AdditiveNoiseOptions,
  additiveNoise,
  allWeights,
  type BitErrorOptions,
  bitErrors,
  composeNoise,
  type DifferentiableNoise,
  type GaussianNoiseOptions,
  gaussianNoise,
  kernelsAndEmbeddings,
  type NoiseFamily,
  type PCMOptions,
  pcm,
  type QuantizationOptions,
  quantization,
  RERAM_TIMES,
  type ReRAMOptions,
  reram,
  type TensorSelector,
  TrainingNoise,
} from '../../robustness';
import { type Check, checkFields, checkKind, type Field, type Fields, flag, listOf, number, oneOf, required } from './schema';

/** The options of each noise, and which of them the levels of a measure stand for. */
interface NoiseOptions {
  gaussian: GaussianNoiseOptions;
  additive: AdditiveNoiseOptions;
  quantization: QuantizationOptions;
  bitErrors: Omit<BitErrorOptions, 'positions'> & {
    /** Bits that can fail, 0 = least significant. Default `all`. Names stand for the one bit at that end. */
    positions?: 'all' | 'mostSignificant' | 'leastSignificant' | number[];
  };
  pcm: PCMOptions;
  reram: ReRAMOptions;
}

const LEVEL = {
  gaussian: 'sigma',
  additive: 'sigma',
  quantization: 'bits',
  bitErrors: 'rate',
  pcm: 'seconds',
  reram: 'seconds',
} as const satisfies { [K in keyof NoiseOptions]: keyof NoiseOptions[K] };

type Level = typeof LEVEL;

/** A noise: the name of its factory and its options. `composed`: one after the other. */
export type NoiseConfig =
  | { [K in keyof NoiseOptions]: { kind: K } & NoiseOptions[K] }[keyof NoiseOptions]
  | {
      kind: 'composed';
      /** The noises, in the order in which they fall on the weights. */
      stages: NoiseConfig[];
    };

/**
 * A noise without its strength, which is given by levels: sigma (`gaussian`, `additive`), bits (`quantization`), the rate (`bitErrors`),
 * the seconds since programming (`pcm`, `reram`). `composed`: levels stand for what its stages leave out.
 */
export type NoiseFamilyConfig =
  | { [K in keyof NoiseOptions]: { kind: K } & Omit<NoiseOptions[K], Level[K]> }[keyof NoiseOptions]
  | {
      kind: 'composed';
      /** The noises, in the order in which they fall on the weights; at least one without its strength. */
      stages: (NoiseConfig | NoiseFamilyConfig)[];
    };

/** Which weights get noise: kernels and embeddings, or all that training changes. */
export type NoisyTensors = 'kernels' | 'all';

/** Noise-aware training: fresh noise in every pass of a step, ascents included. `none`: training without noise. */
export type TrainingNoiseConfig =
  | { kind: 'none' }
  | (NoiseConfig & {
      /** Which weights get noise. Default `kernels`. */
      tensors?: NoisyTensors;
    });

/** Which weights get noise. */
export const noisyTensors: Field<NoisyTensors> = oneOf(['kernels', 'all'], 'kernels');

/** The selector that a configuration names. */
export function tensorSelector(tensors: NoisyTensors = 'kernels'): TensorSelector {
  return tensors === 'all' ? allWeights : kernelsAndEmbeddings;
}

const factor: Field<number> = number({ min: 0 }, 1);

const bits: Field<number> = number({ min: 2, max: 8, integer: true });

const QUANTIZATION = {
  scheme: oneOf(['symmetric', 'asymmetric'], 'symmetric'),
  per: oneOf(['tensor', 'channel'], 'tensor'),
  clip: number({ min: 0, exclusiveMin: true }),
} as const;

const positions: Field<'all' | 'mostSignificant' | 'leastSignificant' | number[]> = {
  default: 'all',
  check: (path, value, form) =>
    Array.isArray(value)
      ? listOf(number({ min: 0, max: 7, integer: true })).check(path, value, form)
      : oneOf(['all', 'mostSignificant', 'leastSignificant']).check(path, value, form),
};

const FIELDS: { readonly [K in keyof NoiseOptions]: Fields<NoiseOptions[K]> } = {
  gaussian: { sigma: number({ min: 0 }) },
  additive: { sigma: number({ min: 0 }), relativeTo: oneOf(['maximum', 'rms', 'none'], 'maximum') },
  quantization: { bits, ...QUANTIZATION },
  bitErrors: {
    ...QUANTIZATION,
    rate: number({ min: 0, max: 1 }),
    bits: { ...bits, default: 8 },
    scheme: oneOf(['symmetric', 'asymmetric'], 'asymmetric'),
    fault: oneOf(['flip', 'stuckAt0', 'stuckAt1'], 'flip'),
    positions,
    protectedBits: number({ min: 0, max: 8, integer: true }, 0),
  },
  pcm: {
    seconds: number({ min: 0 }),
    driftCompensation: flag(true),
    programmingNoise: factor,
    drift: factor,
    readNoise: factor,
  },
  reram: { seconds: oneOf(RERAM_TIMES) as Field<number>, strength: factor },
};

/** Whether a noise says how strong it is (`given`), leaves that to levels (`open`), or either. */
type Strength = 'given' | 'open' | 'either';

/** The check of each kind. `extra`: fields that stand beside those of the noise. */
function kindsWith(
  strength: Strength,
  extra: Readonly<Record<string, Field<unknown>>> = {},
): Readonly<Record<NoiseConfig['kind'], Check<object>>> {
  const simple = Object.entries(FIELDS).map(([kind, all]): [string, Check<object>] => {
    const level = LEVEL[kind as keyof NoiseOptions];
    const { [level]: its, ...others } = all as unknown as Record<string, Field<unknown>>;
    const own = strength === 'given' ? { [level]: required(its), ...others } : strength === 'open' ? others : all;
    const fields = { ...own, ...extra } as Fields<Record<string, unknown>>;
    return [kind, (path, value, form) => checkFields(path, value, fields, form)];
  });
  const stage: Check<NoiseConfig> = (path, value, form) =>
    checkKind(path, value, kindsWith(strength === 'given' ? 'given' : 'either'), form);
  const stages: Field<NoiseConfig[]> = {
    ...listOf({ check: stage }),
    check(path, value, form) {
      const list = listOf({ check: stage }).check(path, value, form);
      if (list.length === 0) throw new OptionError(path, value, 'a list of at least one noise');
      if (strength === 'open' && list.every(hasStrength)) {
        throw new OptionError(path, value, 'a list with a noise whose strength is left out', 'The levels stand for it.');
      }
      return list;
    },
  };
  const composed = { stages: required(stages), ...extra } as Fields<Record<string, unknown>>;
  return {
    ...(Object.fromEntries(simple) as Record<keyof NoiseOptions, Check<object>>),
    composed: (path, value, form) => checkFields(path, value, composed, form),
  };
}

function hasStrength(config: NoiseConfig): boolean {
  return config.kind === 'composed' ? config.stages.every(hasStrength) : LEVEL[config.kind] in config;
}

const GIVEN = kindsWith('given');
const OPEN = kindsWith('open');
const TRAINING: Readonly<Record<TrainingNoiseConfig['kind'], Check<object>>> = {
  none: (path, value, form) => checkFields(path, value, {}, form),
  ...kindsWith('given', { tensors: noisyTensors }),
};

/** Checks a noise with its strength. */
export const checkNoise: Check<NoiseConfig> = (path, value, form) => {
  const config = checkKind<NoiseConfig>(path, value, GIVEN, form);
  underPath(path, () => buildNoise(config));
  return config;
};

/** Checks a noise without its strength. */
export const checkNoiseFamily: Check<NoiseFamilyConfig> = (path, value, form) => checkKind(path, value, OPEN, form);

/** Checks that every level is a strength that the noise can have. */
export function checkLevels(path: string, config: NoiseFamilyConfig, levels: readonly number[]): void {
  if (levels.length === 0) throw new OptionError(path, levels, 'a list of at least one number');
  for (const level of levels) {
    try {
      buildNoiseFamily(config)(level);
    } catch (error) {
      if (!(error instanceof OptionError)) throw error;
      throw error.value === level ? new OptionError(path, level, error.allowed) : error;
    }
  }
}

/** Checks the noise of noise-aware training. */
export const checkTrainingNoise: Check<TrainingNoiseConfig> = (path, value, form) => {
  const config = checkKind<TrainingNoiseConfig>(path, value, TRAINING, form);
  if (config.kind !== 'none') underPath(path, () => buildNoise(config));
  return config;
};

/** Gives the options that an error is about the path of their object. */
function underPath(path: string, fn: () => unknown): void {
  try {
    fn();
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    throw new OptionError(`${path}.${error.option}`, error.value, error.allowed);
  }
}

/** The noise that a configuration describes. */
export function buildNoise(config: NoiseConfig): DifferentiableNoise {
  switch (config.kind) {
    case 'gaussian':
      return gaussianNoise({ sigma: config.sigma });
    case 'additive': {
      const { sigma, relativeTo } = config;
      return additiveNoise({ sigma, relativeTo });
    }
    case 'quantization': {
      const { bits, scheme, per, clip } = config;
      return quantization({ bits, scheme, per, clip });
    }
    case 'bitErrors': {
      const { rate, fault, positions, protectedBits, bits, scheme, per, clip } = config;
      return bitErrors({ rate, fault, positions, protectedBits, bits, scheme, per, clip });
    }
    case 'pcm': {
      const { seconds, driftCompensation, programmingNoise, drift, readNoise } = config;
      return pcm({ seconds, driftCompensation, programmingNoise, drift, readNoise });
    }
    case 'reram':
      return reram({ seconds: config.seconds, strength: config.strength });
    case 'composed':
      return composeNoise(...config.stages.map(buildNoise));
  }
}

/** The noise at each level. */
export function buildNoiseFamily(config: NoiseFamilyConfig): NoiseFamily {
  return (level) => buildNoise(atLevel(config, level));
}

function atLevel(config: NoiseConfig | NoiseFamilyConfig, level: number): NoiseConfig {
  if (config.kind === 'composed') return { ...config, stages: config.stages.map((stage) => atLevel(stage, level)) };
  return { [LEVEL[config.kind]]: level, ...config } as NoiseConfig;
}

/** The noise of a training run, or undefined where there is none. The caller disposes it. */
export function buildTrainingNoise(config: TrainingNoiseConfig, seed: number): TrainingNoise | undefined {
  if (config.kind === 'none') return undefined;
  return new TrainingNoise({ noise: buildNoise(config), select: tensorSelector(config.tensors), seed });
}
