/**
 * The configuration of a run: plain JSON that says everything the result depends on, and its hash, which names the run.
 *
 *     hash = first 16 digits of SHA-256(version, canonical JSON of the configuration without defaults and notes)
 *
 * So the order of fields does not matter, nor whether a default is written or left out. Runs are paired: initial weights, the choice
 * and order of samples and the draws of augmentation depend on data, model, batch size and seed, never on the optimizer.
 */
import { createHash } from 'node:crypto';
import { OptionError } from '../../core/errors';
import type { Schedule } from '../../training/schedule';
import { type AugmentationConfig, checkAugmentation } from './augmentationConfig';
import { checkData, type DataConfig, trainingSize } from './dataConfig';
import { checkLifelong, type LifelongConfig, taskSamples } from './lifelongConfig';
import { checkMeasures, type MeasureConfig } from './measures';
import { checkModel, type ModelConfig } from './modelConfig';
import { checkTrainingNoise, type TrainingNoiseConfig } from './noiseConfig';
import { checkOptimizer, gradientsPerBatch, type OptimizerConfig, reusesGradients } from './optimizerConfig';
import { checkSchedule } from './scheduleConfig';
import { canonicalJson, checkFields, type Fields, type Form, flag, number, oneOf, required, text } from './schema';
import { RESULTS_VERSION } from './version';

const HASH_DIGITS = 16;

/** A run. `'mnist1d'` stands for `{ kind: 'mnist1d' }` wherever a kind is asked for. */
export interface RunConfig {
  /** What to train and evaluate on. */
  data: DataConfig | DataConfig['kind'];
  /** What to train. */
  model: ModelConfig | ModelConfig['kind'];
  /** How to train: the name of a factory of the library and its options. */
  optimizer: OptimizerConfig | OptimizerConfig['kind'];
  /** Learns a sequence of tasks made of the data, in place of one task. Default: one task. */
  lifelong?: LifelongConfig | LifelongConfig['kind'];
  /** Passes over the training set (of each task). A whole number, at least 1. */
  epochs: number;
  /** Samples per step. A whole number, at least 1. Default 128. */
  batchSize?: number;
  /** What the learning rate is multiplied by. Default constant. */
  schedule?: Schedule | Schedule['kind'];
  /** Changes training images at random. Default none. */
  augmentation?: AugmentationConfig | AugmentationConfig['kind'];
  /** Trains with noise on the weights, fresh in every pass, ascents included; evaluations see the clean weights. Default none. */
  noise?: TrainingNoiseConfig | 'none';
  /** Draws a fresh batch for each inner step of Lookbehind and Multistep-SAM. Default false. */
  switchBatches?: boolean;
  /** Epochs between two evaluations. A whole number, at least 1. Default 1. */
  evaluateEvery?: number;
  /** Seed of initial weights, choice and order of samples. A whole number. Default 0. */
  seed?: number;
  /** What to measure at the end; in lifelong learning after each task, on its data. Default nothing. */
  measures?: MeasureConfig[];
  /** A name for tables and figures. A note: it does not change the run, nor its hash. */
  label?: string;
  /** The profile that asked for the run. A note, as `label`. */
  profile?: 'smoke' | 'quick' | 'paper';
}

/** A checked configuration, with all defaults written out. */
export interface FullRunConfig extends Required<Omit<RunConfig, 'lifelong' | 'label' | 'profile'>> {
  /** What to train and evaluate on. */
  data: DataConfig;
  /** What to train. */
  model: ModelConfig;
  /** How to train. */
  optimizer: OptimizerConfig;
  /** The tasks that are learned one after the other; absent where it is one task. */
  lifelong?: LifelongConfig;
  /** What the learning rate is multiplied by. */
  schedule: Schedule;
  /** What changes training images at random. */
  augmentation: AugmentationConfig;
  /** Noise on the weights in training. */
  noise: TrainingNoiseConfig;
  /** A name for tables and figures. A note: not part of the hash. */
  label?: string;
  /** The profile that asked for the run. A note: not part of the hash. */
  profile?: 'smoke' | 'quick' | 'paper';
}

const whole = (fallback?: number) => number({ min: 1, integer: true }, fallback);

const FIELDS: Fields<Omit<FullRunConfig, 'label' | 'profile'> & Pick<RunConfig, 'label' | 'profile'>> = {
  data: required({ check: checkData }),
  model: required({ check: checkModel }),
  optimizer: required({ check: checkOptimizer }),
  lifelong: { check: checkLifelong },
  epochs: required(whole()),
  batchSize: whole(128),
  schedule: { check: checkSchedule, default: { kind: 'constant' } },
  augmentation: { check: checkAugmentation, default: { kind: 'none' } },
  noise: { check: checkTrainingNoise, default: { kind: 'none' } },
  switchBatches: flag(false),
  evaluateEvery: whole(1),
  seed: number({ integer: true }, 0),
  measures: { check: checkMeasures, default: [], isList: true },
  label: text(),
  profile: oneOf(['smoke', 'quick', 'paper']),
};

/**
 * Checks a configuration and writes its defaults out.
 *
 * @throws OptionError that names the field, as `optimizer.k`, and what it may be.
 */
export function resolveConfig(config: unknown): FullRunConfig {
  return check(config, 'full');
}

/** The name of the run that `config` describes. Errors as for `resolveConfig`. */
export function configHash(config: unknown): string {
  const { label: _label, profile: _profile, ...meaning } = check(config, 'minimal');
  return createHash('sha256')
    .update(`${RESULTS_VERSION}\n${canonicalJson(meaning)}`)
    .digest('hex')
    .slice(0, HASH_DIGITS);
}

/** An estimate of the work of a run, in gradients of one sample: what progress and the time left are counted in. */
export function workOf({ data, optimizer, lifelong, epochs, batchSize, switchBatches, noise }: FullRunConfig): number {
  const size = trainingSize(data);
  const samples = lifelong === undefined ? size : taskSamples(lifelong, size);
  const replayed = lifelong?.replay ? (lifelong.replayBatchSize ?? batchSize) / batchSize : 0;
  const reuse = noise.kind === 'none';
  const perSample = switchBatches && 'k' in optimizer && optimizer.kind !== 'lookahead' ? 2 : gradientsPerBatch(optimizer, reuse);
  return samples * (1 + replayed) * epochs * perSample;
}

function check(config: unknown, form: Form): FullRunConfig {
  const checked = checkFields('', config, FIELDS, form) as FullRunConfig;
  const { lifelong, schedule, evaluateEvery = 1, noise, optimizer } = checked;
  if (noise !== undefined && noise.kind !== 'none' && reusesGradients(optimizer)) {
    throw new OptionError(
      'optimizer.reuseGradients',
      true,
      'false or left out in training with noise',
      'Each pass sees other noise, so that no gradient can stand for two.',
    );
  }
  if (lifelong !== undefined && (evaluateEvery !== 1 || (schedule !== undefined && schedule.kind !== 'constant'))) {
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
