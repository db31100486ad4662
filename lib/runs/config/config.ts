/**
 * The configuration of a run: plain JSON that says everything the result depends on, and its hash, which
 * names the run.
 *
 *     hash = first 16 digits of SHA-256(version, canonical JSON without defaults and notes)
 *
 * So the order of fields does not matter, nor whether a default is written or left out. Runs are paired:
 * initial weights, the choice and order of samples and the draws of augmentation depend on data, model, batch
 * size and seed, never on the optimizer.
 */
import { createHash } from 'node:crypto';
import { OptionError } from '../../core/errors';
import {
  canonicalJson,
  checkFields,
  type Form,
  flag,
  needed,
  type OptionsOf,
  oneOf,
  option,
  text,
  type WithKinds,
  whole,
  withDefault,
} from '../../core/options';
import { NAMED_LOSS } from '../../training/losses';
import { METRICS } from '../../training/metrics';
import { SCHEDULE } from '../../training/schedule';
import { type AugmentationConfig, checkAugmentation } from './augmentationConfig';
import { checkData, type DataConfig, trainingSize } from './dataConfig';
import { checkLifelong, type LifelongConfig, taskSamples } from './lifelongConfig';
import { checkMeasures, type MeasureConfig } from './measures';
import { checkModel, type ModelConfig } from './modelConfig';
import { checkTrainingNoise, type TrainingNoiseConfig } from './noiseConfig';
import {
  checkOptimizer,
  gradientsPerBatch,
  hasInnerSteps,
  type OptimizerConfig,
  reusesGradients,
} from './optimizerConfig';
import { RESULTS_VERSION } from './version';

const HASH_DIGITS = 16;

/** Describes the options of a run. */
const RUN = {
  /** What to train and evaluate on. */
  data: needed(option<DataConfig>('object', 'a data set', checkData)),
  /** What to train. */
  model: needed(option<ModelConfig>('object', 'a model', checkModel)),
  /** How to train: the name of a factory of the library and its options. */
  optimizer: needed(option<OptimizerConfig>('object', 'an optimizer', checkOptimizer)),
  /** Learns a sequence of tasks made of the data, in place of one task. Default: one task. */
  lifelong: option<LifelongConfig>('object', 'a sequence of tasks', checkLifelong),
  /** Passes over the training set (of each task). At least 1. */
  epochs: needed(whole({ min: 1 })),
  /**
   * The loss that training minimizes and evaluations measure. Default: by labels and model, as of a
   * `Trainer`.
   */
  loss: NAMED_LOSS,
  /** What to measure on the set to evaluate on, beside loss and accuracy. Default nothing. */
  metrics: METRICS,
  /** Samples per step. At least 1. Default 128. */
  batchSize: whole({ min: 1 }, 128),
  /** What the learning rate is multiplied by. Default constant. */
  schedule: SCHEDULE,
  /** Changes training images at random. Default none. */
  augmentation: withDefault(option<AugmentationConfig>('object', 'an augmentation', checkAugmentation), {
    kind: 'none',
  }),
  /**
   * Trains with noise on the weights, fresh in every pass, ascents included; evaluations see the clean
   * weights. Default none.
   */
  noise: withDefault(option<TrainingNoiseConfig>('object', 'a noise', checkTrainingNoise), { kind: 'none' }),
  /** Draws a fresh batch for each inner step of Lookbehind and Multistep-SAM. Default false. */
  switchBatches: flag(false),
  /** Epochs between two evaluations. At least 1. Default 1. */
  evaluateEvery: whole({ min: 1 }, 1),
  /** Seed of initial weights, choice and order of samples. Default 0. */
  seed: whole({}, 0),
  /** What to measure at the end; in lifelong learning after each task, on its data. Default nothing. */
  measures: withDefault(option<readonly MeasureConfig[]>('list', 'a list', checkMeasures), []),
  /** A name for tables and figures. A note: it does not change the run, nor its hash. */
  label: text(),
  /** The profile that asked for the run. A note, as `label`. */
  profile: oneOf(['smoke', 'quick', 'paper']),
};

/** A run. `'mnist1d'` stands for `{ kind: 'mnist1d' }` wherever a kind is asked for. */
export type RunConfig = WithKinds<OptionsOf<typeof RUN>>;

/** A checked configuration, with all defaults written out. */
export type FullRunConfig = Omit<Required<OptionsOf<typeof RUN>>, Rest> & Pick<OptionsOf<typeof RUN>, Rest>;

/** What may be absent from a full configuration. */
type Rest = 'lifelong' | 'loss' | 'metrics' | 'label' | 'profile';

/**
 * Checks a configuration and writes its defaults out.
 *
 * @throws OptionError that names the field, as `optimizer.k`, and what it may be.
 */
export function resolveConfig(config: unknown): FullRunConfig {
  return check(config, 'full');
}

/** The configuration without defaults and notes, as short as it can be. Errors as for `resolveConfig`. */
export function minimalConfig(config: unknown): RunConfig {
  const { label: _label, profile: _profile, ...meaning } = check(config, 'minimal');
  return meaning;
}

/** The name of the run that `config` describes. Errors as for `resolveConfig`. */
export function configHash(config: unknown): string {
  return createHash('sha256')
    .update(`${RESULTS_VERSION}\n${canonicalJson(minimalConfig(config))}`)
    .digest('hex')
    .slice(0, HASH_DIGITS);
}

/**
 * An estimate of the work of a run, in gradients of one sample: what progress and the time left are counted
 * in.
 */
export function workOf({
  data,
  optimizer,
  lifelong,
  epochs,
  batchSize,
  switchBatches,
  noise,
}: FullRunConfig): number {
  const size = trainingSize(data);
  const samples = lifelong === undefined ? size : taskSamples(lifelong, size);
  const replayed = lifelong?.replay ? (lifelong.replayBatchSize ?? batchSize) / batchSize : 0;
  const reuse = noise.kind === 'none';
  const perSample = switchBatches && hasInnerSteps(optimizer) ? 2 : gradientsPerBatch(optimizer, reuse);
  return samples * (1 + replayed) * epochs * perSample;
}

function check(config: unknown, form: Form): FullRunConfig {
  const checked = checkFields('', config, RUN, form) as FullRunConfig;
  const {
    lifelong,
    schedule,
    evaluateEvery = 1,
    noise,
    optimizer,
  } = checked as Partial<FullRunConfig> & FullRunConfig;
  if (noise !== undefined && noise.kind !== 'none' && reusesGradients(optimizer)) {
    throw new OptionError(
      'optimizer.reuseGradients',
      true,
      'false or left out in training with noise',
      'Each pass sees other noise, so that no gradient can stand for two.',
    );
  }
  if (lifelong !== undefined && checked.metrics !== undefined)
    throw new OptionError('metrics', checked.metrics, 'left out in lifelong learning');
  if (
    lifelong !== undefined &&
    (evaluateEvery !== 1 || (schedule !== undefined && schedule.kind !== 'constant'))
  ) {
    const [field, value] = evaluateEvery === 1 ? ['schedule', schedule] : ['evaluateEvery', evaluateEvery];
    throw new OptionError(
      field,
      value,
      'left out in lifelong learning',
      'Use lifelong.learningRateDecay; tasks are evaluated at their ends.',
    );
  }
  return checked;
}
