/**
 * Lifelong learning of a run, as JSON: which tasks are made of the data, and how they are learned.
 */

import { OptionError } from '../../core/errors';
import { type Check, checkKind, flag, type KindOf, type OptionsOf, oneOf, whole } from '../../core/options';
import { permutedTasks, rotatedTasks, splitTasks, type TaskSequence } from '../../lifelong';
import { LEARNING, type LifelongOptions } from '../../lifelong/learner';
import { PERMUTED } from '../../lifelong/permutedTasks';
import { ROTATED } from '../../lifelong/rotatedTasks';
import type { TaskData } from '../../lifelong/sequence';
import { SPLIT } from '../../lifelong/splitTasks';

/** Describes the memory of experience replay. */
const MEMORY = {
  /** Samples that the memory of experience replay keeps; 0: no replay. Default 0. */
  replay: whole({ min: 0 }, 0),
  /** Samples replayed at each step, at most `replay`. Default: the batch size. */
  replayBatchSize: whole({ min: 1 }),
  /** Draws other samples from the memory for each inner step. Default: `switchBatches` of the run. */
  switchReplay: flag(),
};

const { seed: _split, ...SPLIT_TASKS } = SPLIT;
const { seed: _permuted, ...PERMUTED_TASKS } = PERMUTED;
const { seed: _rotated, ...ROTATED_TASKS } = ROTATED;

const CLASS_ORDER = {
  /** Classes in the order of the data, or in a random one by the seed of the run. Default `given`. */
  classOrder: oneOf(['given', 'random'], 'given'),
};

const KINDS: {
  split: Omit<typeof SPLIT, 'seed' | 'classOrder'> & typeof CLASS_ORDER & typeof LEARNING & typeof MEMORY;
  permuted: Omit<typeof PERMUTED, 'seed'> & typeof LEARNING & typeof MEMORY;
  rotated: Omit<typeof ROTATED, 'seed'> & typeof LEARNING & typeof MEMORY;
} = {
  split: { ...SPLIT_TASKS, ...CLASS_ORDER, ...LEARNING, ...MEMORY },
  permuted: { ...PERMUTED_TASKS, ...LEARNING, ...MEMORY },
  rotated: { ...ROTATED_TASKS, ...LEARNING, ...MEMORY },
};

/** Tasks made of the data of the run, and how they are learned. */
export type LifelongConfig = KindOf<typeof KINDS>;

/** How tasks are learned. Epochs and batch size of the run are those of each task. */
type LearningConfig = OptionsOf<typeof LEARNING & typeof MEMORY>;

/** Checks the lifelong learning of a run. */
export const checkLifelong: Check<LifelongConfig> = (path, value, form) => {
  const config = checkKind(path, value, KINDS, form);
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
function taskCount(config: LifelongConfig): number {
  if (config.kind === 'rotated') return (config.angles ?? ROTATED.angles.default ?? []).length;
  return config.tasks ?? PERMUTED.tasks.default ?? 0;
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
