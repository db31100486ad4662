/**
 * Lifelong learning of a run, as JSON: which tasks are made of the data, and how they are learned.
 */

import { OptionError } from '../../core/errors';
import {
  type LifelongOptions,
  type PermutedTasksOptions,
  permutedTasks,
  type RotatedTasksOptions,
  rotatedTasks,
  type SplitTasksOptions,
  splitTasks,
  type TaskData,
  type TaskSequence,
} from '../../lifelong';
import { type Check, checkFields, checkKind, type Field, type Fields, flag, listOf, number, oneOf, required } from './schema';

/** How tasks are learned: options of `LifelongLearner`. Epochs and batch size of the run are those of each task. */
export interface LearningConfig
  extends Pick<LifelongOptions, 'regime' | 'learningRateDecay' | 'learningRateFloor' | 'optimizerState' | 'evaluate'> {
  /** Samples that the memory of experience replay keeps; 0: no replay. Default 0. */
  replay?: number;
  /** Samples replayed at each step, at most `replay`. Default: the batch size. */
  replayBatchSize?: number;
  /** Draws other samples from the memory for each inner step. Default: `switchBatches` of the run. */
  switchReplay?: boolean;
}

/** Each task has some of the classes: the options of `splitTasks`. */
export interface SplitConfig extends LearningConfig, Omit<SplitTasksOptions, 'seed' | 'classOrder'> {
  /** Tasks that share out the classes. */
  kind: 'split';
  /** Classes in the order of the data, or in a random one by the seed of the run. Default `given`. */
  classOrder?: 'given' | 'random';
}

/** Each task permutes the inputs: the options of `permutedTasks`. */
export interface PermutedConfig extends LearningConfig, Omit<PermutedTasksOptions, 'seed'> {
  /** Tasks that permute the inputs. */
  kind: 'permuted';
}

/** Each task turns the images: the options of `rotatedTasks`. */
export interface RotatedConfig extends LearningConfig, Omit<RotatedTasksOptions, 'seed' | 'angles'> {
  /** Tasks that turn the images. */
  kind: 'rotated';
  /** Angle of each task in degrees, counter-clockwise. Default 0, 36, 72, 108, 144. */
  angles?: number[];
}

/** Tasks made of the data of the run, and how they are learned. */
export type LifelongConfig = SplitConfig | PermutedConfig | RotatedConfig;

const DEFAULT_TASKS = 5;
const DEFAULT_ANGLES = [0, 36, 72, 108, 144];

const count = (fallback?: number): Field<number> => number({ min: 1, integer: true }, fallback);

const LEARNING: Fields<LearningConfig> = {
  regime: oneOf(['sequential', 'joint', 'independent'], 'sequential'),
  learningRateDecay: number({ min: 0, exclusiveMin: true }, 1),
  learningRateFloor: number({ min: 0 }, 0),
  optimizerState: oneOf(['renew', 'keep'], 'renew'),
  evaluate: oneOf(['needed', 'all'], 'needed'),
  replay: number({ min: 0, integer: true }, 0),
  replayBatchSize: count(),
  switchReplay: flag(),
};

const SPLIT: Fields<Omit<SplitConfig, 'kind'>> = {
  tasks: required(count()),
  scenario: oneOf(['task-incremental', 'class-incremental'], 'task-incremental'),
  classOrder: oneOf(['given', 'random'], 'given'),
  ...LEARNING,
};

const PERMUTED: Fields<Omit<PermutedConfig, 'kind'>> = { tasks: count(DEFAULT_TASKS), trainSamples: count(), ...LEARNING };

const ROTATED: Fields<Omit<RotatedConfig, 'kind'>> = {
  angles: listOf(number({}), DEFAULT_ANGLES),
  trainSamples: count(),
  ...LEARNING,
};

const KINDS: { readonly [K in LifelongConfig['kind']]: Check<object> } = {
  split: (path, value, form) => checkFields(path, value, SPLIT, form),
  permuted: (path, value, form) => checkFields(path, value, PERMUTED, form),
  rotated: (path, value, form) => checkFields(path, value, ROTATED, form),
};

/** Checks the lifelong learning of a run. */
export const checkLifelong: Check<LifelongConfig> = (path, value, form) => {
  const config = checkKind<LifelongConfig>(path, value, KINDS, form);
  const { replay = 0, regime = 'sequential', replayBatchSize, switchReplay } = config;
  const refuse = (field: keyof LearningConfig, allowed: string): never => {
    throw new OptionError(`${path}.${field}`, config[field], allowed);
  };
  if (replay > 0 && regime !== 'sequential') refuse('replay', `0 in the regime "${regime}"`);
  if (replay === 0 && replayBatchSize !== undefined) refuse('replayBatchSize', 'left out where replay is 0');
  if (replay === 0 && switchReplay !== undefined) refuse('switchReplay', 'left out where replay is 0');
  if (replay > 0 && (replayBatchSize ?? 0) > replay) refuse('replayBatchSize', `<= replay, ${replay}`);
  return config;
};

/** Number of tasks. */
export function taskCount(config: LifelongConfig): number {
  return config.kind === 'rotated' ? (config.angles ?? DEFAULT_ANGLES).length : (config.tasks ?? DEFAULT_TASKS);
}

/** Training samples of all tasks together, made of a training set of `size` samples. */
export function taskSamples(config: LifelongConfig, size: number): number {
  return config.kind === 'split' ? size : taskCount(config) * (config.trainSamples ?? size);
}

/**
 * The tasks of a run. Class order, permutations and choice of samples depend on the seed of the run.
 *
 * @throws OptionError where they cannot be made of the data.
 */
export function buildSequence(config: LifelongConfig, data: TaskData, seed: number): TaskSequence {
  switch (config.kind) {
    case 'split': {
      const { tasks, scenario, classOrder } = config;
      return splitTasks(data, { tasks, scenario, classOrder, seed });
    }
    case 'permuted': {
      const { tasks, trainSamples } = config;
      return permutedTasks(data, { tasks, trainSamples, seed });
    }
    case 'rotated': {
      const { angles, trainSamples } = config;
      return rotatedTasks(data, { angles, trainSamples, seed });
    }
  }
}

/** The options of the learner that `config` describes. */
export function learningOptions(config: LearningConfig): LifelongOptions {
  const { regime, learningRateDecay, learningRateFloor, optimizerState, evaluate } = config;
  const { replay = 0, replayBatchSize, switchReplay } = config;
  const memory = { capacity: replay, batchSize: replayBatchSize, switchBatches: switchReplay };
  return {
    ...{ regime, learningRateDecay, learningRateFloor, optimizerState, evaluate },
    replay: replay === 0 ? undefined : memory,
  };
}
