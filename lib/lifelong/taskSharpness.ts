/**
 * How sharp the loss of a task is when the task is learned: does a flat minimum forget less?
 */
import { checkKnownOptions, checkNumber, checkNumbers } from '../core/errors';
import { modelObjective, oneStepSharpness } from '../sharpness';
import { taskModel } from './heads';
import type { TaskMeasure } from './learner';

/** Options of `taskSharpness`. */
export interface TaskSharpnessOptions {
  /** Radii, each >= 0. Paper: rho. */
  radii: readonly number[];
  /** Training samples of the task to measure on, drawn with equal class proportions. At least 1. Default 1000, or all. */
  samples?: number;
  /** The m of m-sharpness: samples per batch, each climbing by itself. At least 1. Default 128. */
  batchSize?: number;
  /** Measures relative to the weights' sizes, as ASAM does. Default false. */
  adaptive?: boolean;
}

/**
 * The rise of a task's loss after one ascent step of SAM, as the option `measure` of a learner. The measures are named
 * `sharpness@0.1`.
 *
 * @example new LifelongLearner(model, optimizer, sequence, { measure: taskSharpness({ radii: [0.1, 0.5] }) })
 * @throws OptionError
 */
export function taskSharpness(options: TaskSharpnessOptions): TaskMeasure {
  checkKnownOptions('taskSharpness', options, ['radii', 'samples', 'batchSize', 'adaptive']);
  const { radii, samples = 1000, batchSize = 128, adaptive = false } = options;
  checkNumbers('radii', radii, { min: 0 });
  checkNumber('batchSize', batchSize, { min: 1, integer: true });
  checkNumber('samples', samples, { min: 1, integer: true });
  return async ({ sequence, task, model, signal }) => {
    const { train } = sequence.tasks[task];
    const data = samples < train.size ? train.subset(samples, { stratified: true }) : train;
    const objective = modelObjective(taskModel(model, sequence, task), data, { batchSize });
    try {
      const { values } = await oneStepSharpness(objective, { radii, adaptive, signal });
      return Object.fromEntries(radii.map((radius, i) => [`sharpness@${radius}`, values[i]]));
    } finally {
      objective.dispose();
    }
  };
}
