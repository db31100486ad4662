/**
 * How sharp the loss of a task is when the task is learned: does a flat minimum forget less?
 */
import { checkOptions, flag, listOf, needed, number, type OptionsOf, whole } from '../core/options';
import { oneStepSharpness } from '../sharpness';
import { withModelLoss } from '../training';
import { taskModel } from './heads';
import type { TaskMeasure } from './learner';

/** Describes the options of `taskSharpness`. */
export const TASK_SHARPNESS = {
  /** Radii, each at least 0. Paper: rho. */
  radii: needed(listOf(number({ min: 0 }))),
  /**
   * Training samples of the task to measure on, drawn with equal class proportions. At least 1. Default 1000,
   * or all.
   */
  samples: whole({ min: 1 }, 1000),
  /** The m of m-sharpness: samples per batch, each climbing by itself. At least 1. Default 128. */
  batchSize: whole({ min: 1 }, 128),
  /** Measures relative to the weights' sizes, as ASAM does. Default false. */
  adaptive: flag(false),
};

/** Options of `taskSharpness`. */
export type TaskSharpnessOptions = OptionsOf<typeof TASK_SHARPNESS>;

/**
 * The rise of a task's loss after one ascent step of SAM, as the option `measure` of a learner. The measures
 * are named `sharpness@0.1`.
 *
 * @example new LifelongLearner(model, optimizer, sequence, { measure: taskSharpness({ radii: [0.1, 0.5] }) })
 * @throws OptionError
 */
export function taskSharpness(options: TaskSharpnessOptions): TaskMeasure {
  const { radii, samples, batchSize, adaptive } = checkOptions('taskSharpness', TASK_SHARPNESS, options);
  return async ({ sequence, task, model, signal }) => {
    const { train } = sequence.tasks[task];
    const data = samples < train.size ? train.subset(samples, { stratified: true }) : train;
    return withModelLoss(taskModel(model, sequence, task), data, { batchSize }, async (loss) => {
      const { values } = await oneStepSharpness(loss, { radii, adaptive, signal });
      return Object.fromEntries(radii.map((radius, i) => [`sharpness@${radius}`, values[i]]));
    });
  };
}
