/**
 * What runs learn from a sequence of tasks.
 */

import type { LifelongLearner, TaskSequence } from '../lifelong';
import type { MeasuredValues } from './config/measure';

/** What a run with `lifelong` learned, beyond the measures of its result. */
export interface LifelongResult {
  /** How the tasks were made, with the class order where classes are split. */
  recipe: TaskSequence['recipe'];
  /** Names of the tasks. */
  tasks: string[];
  /** `accuracy[i][j]`: accuracy on task j after learning task i, 0 to 1; NaN where it was not measured. */
  accuracy: number[][];
  /** Accuracy on each task before any learning, 0 to 1; null where the run diverged before. */
  initialAccuracies: number[] | null;
  /** What `measures` asked for, after each task, on its data. */
  measures: MeasuredValues[];
}

/** The measures of a learner as columns of a result; empty where no task was learned. */
export function lifelongValues({ measures }: LifelongLearner): MeasuredValues {
  if (measures === undefined) return {};
  const { forgetting, ...values } = measures;
  return {
    ...values,
    ...Object.fromEntries(Object.entries(forgetting).map(([name, value]) => [`forgetting.${name}`, value])),
  };
}

/** The matrix of a learner and what it was measured on. */
export function lifelongResult({
  sequence,
  accuracy,
  initialAccuracies,
  records,
}: LifelongLearner): LifelongResult {
  return {
    recipe: sequence.recipe,
    tasks: sequence.tasks.map(({ name }) => name),
    accuracy,
    initialAccuracies: initialAccuracies ?? null,
    measures: records.map(({ measures }) => measures),
  };
}
