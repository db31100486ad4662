/**
 * Noise on weights, as JSON, and how it is made: noise of a given strength, noise whose strength the levels
 * of a measure give, and the noise of noise-aware training.
 */

import { OptionError } from '../../core/errors';
import {
  type Check,
  checkKind,
  type Description,
  type Kinds,
  listOf,
  needed,
  type OptionsOf,
  oneOf,
  option,
  type SettingsOf,
} from '../../core/options';
import {
  allWeights,
  composeNoise,
  type DifferentiableNoise,
  kernelsAndEmbeddings,
  NOISES,
  type NoiseFamily,
  type TensorSelector,
  TrainingNoise,
} from '../../robustness';

type Noises = typeof NOISES;
type Simple = { [K in keyof Noises]: { kind: K } & Parameters<Noises[K]['make']>[0] };

/** A noise: the name of its factory and its options. `composed`: one after the other. */
export type NoiseConfig =
  | Simple[keyof Noises]
  | {
      kind: 'composed';
      /** The noises, in the order in which they fall on the weights. */
      stages: readonly NoiseConfig[];
    };

/**
 * A noise without its strength, which is given by levels: sigma (`gaussian`, `additive`), bits
 * (`quantization`), the rate (`bitErrors`), the seconds since programming (`pcm`, `reram`). `composed`:
 * levels stand for what its stages leave out.
 */
export type NoiseFamilyConfig =
  | { [K in keyof Noises]: Omit<Simple[K], Noises[K]['level']> }[keyof Noises]
  | {
      kind: 'composed';
      /** The noises, in the order in which they fall on the weights; at least one without its strength. */
      stages: readonly (NoiseConfig | NoiseFamilyConfig)[];
    };

/** Describes which weights get noise. */
export const TENSORS = {
  /** Which weights get noise: kernels and embeddings, or all that training changes. Default `kernels`. */
  tensors: oneOf(['kernels', 'all'], 'kernels'),
};

/** Which weights get noise. */
export type NoisyTensors = SettingsOf<typeof TENSORS>['tensors'];

/**
 * Noise-aware training: fresh noise in every pass of a step, ascents included. `none`: training without
 * noise.
 */
export type TrainingNoiseConfig = { kind: 'none' } | (NoiseConfig & OptionsOf<typeof TENSORS>);

/** The selector that a configuration names. */
export function tensorSelector(tensors: NoisyTensors = 'kernels'): TensorSelector {
  return tensors === 'all' ? allWeights : kernelsAndEmbeddings;
}

/** Whether a noise says how strong it is (`given`), leaves that to levels (`open`), or either. */
type Strength = 'given' | 'open' | 'either';

/** The options of each kind. `extra`: options that stand beside those of the noise. */
function kindsWith(strength: Strength, extra: Description = {}): Kinds {
  const simple = Object.entries(NOISES).map(([kind, { options, level }]): [string, Description] => {
    const { [level]: its, ...others } = options as Description;
    const own = {
      given: options,
      open: others,
      either: { ...options, [level]: { ...its, presence: 'optional' } },
    }[strength];
    return [kind, { ...own, ...extra } as Description];
  });
  const stage: Check<NoiseConfig> = (path, value, form) =>
    checkKind(
      path,
      value,
      kindsWith(strength === 'given' ? 'given' : 'either'),
      form,
    ) as unknown as NoiseConfig;
  const stages = option<readonly NoiseConfig[]>(
    'list',
    'a list of at least one noise',
    (path, value, form) => {
      const list = listOf(option('object', 'a noise', stage)).check(path, value, form);
      if (list.length === 0) throw new OptionError(path, value, 'a list of at least one noise');
      if (strength === 'open' && list.every(hasStrength)) {
        throw new OptionError(
          path,
          value,
          'a list with a noise whose strength is left out',
          'The levels stand for it.',
        );
      }
      return list;
    },
  );
  return { ...Object.fromEntries(simple), composed: { stages: needed(stages), ...extra } };
}

function hasStrength(config: NoiseConfig): boolean {
  return config.kind === 'composed' ? config.stages.every(hasStrength) : NOISES[config.kind].level in config;
}

const GIVEN = kindsWith('given');
const OPEN = kindsWith('open');
const TRAINING = { none: {}, ...kindsWith('given', TENSORS) };

/** Checks a noise with its strength. */
export const checkNoise: Check<NoiseConfig> = (path, value, form) => {
  const config = checkKind(path, value, GIVEN, form) as unknown as NoiseConfig;
  underPath(path, () => buildNoise(config));
  return config;
};

/** Checks a noise without its strength. */
export const checkNoiseFamily: Check<NoiseFamilyConfig> = (path, value, form) =>
  checkKind(path, value, OPEN, form) as unknown as NoiseFamilyConfig;

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
  const config = checkKind(path, value, TRAINING, form) as unknown as TrainingNoiseConfig;
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
export function buildNoise(config: NoiseConfig | TrainingNoiseConfig): DifferentiableNoise {
  if (config.kind === 'none') throw new OptionError('kind', config.kind, 'a noise');
  if (config.kind === 'composed') return composeNoise(...config.stages.map(buildNoise));
  const {
    kind,
    tensors: _,
    ...options
  } = config as NoiseConfig & { kind: keyof Noises } & OptionsOf<typeof TENSORS>;
  // The options are those of the kind: the configuration was checked.
  return (NOISES[kind].make as (options: object) => DifferentiableNoise)(options);
}

/** The noise at each level. */
export function buildNoiseFamily(config: NoiseFamilyConfig): NoiseFamily {
  return (level) => buildNoise(atLevel(config, level));
}

function atLevel(config: NoiseConfig | NoiseFamilyConfig, level: number): NoiseConfig {
  if (config.kind === 'composed')
    return { ...config, stages: config.stages.map((stage) => atLevel(stage, level)) };
  return { [NOISES[config.kind].level]: level, ...config } as unknown as NoiseConfig;
}

/** The noise of a training run, or undefined where there is none. The caller disposes it. */
export function buildTrainingNoise(config: TrainingNoiseConfig, seed: number): TrainingNoise | undefined {
  if (config.kind === 'none') return undefined;
  return new TrainingNoise({ noise: buildNoise(config), select: tensorSelector(config.tensors), seed });
}
