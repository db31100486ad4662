/**
 * What an accuracy matrix tells: A[i][j] is the accuracy on task j after learning task i, i and j from 0.
 *
 *     average accuracy      mean over tasks j learned so far of A[last][j]
 *     learning accuracy     mean over j of A[j][j], each task when it was just learned
 *     backward transfer     mean over j < last of A[last][j] - A[j][j]
 *     forward transfer      mean over j > 0 of A[j-1][j] - b[j], b the accuracy before any learning
 *     forgetting, over tasks j < last, in three published definitions:
 *       firstMinusLast          mean of A[j][j] - A[last][j]     Avalanche; the negative of backward transfer
 *       maximumMinusLast        mean of max over i >= j of A[i][j], minus A[last][j]; never below 0.
 *                               Mammoth, stable SGD
 *       maximumEarlierMinusNow  the same with j <= i < last; below 0 where a task got better than ever.
 *                               Chaudhry et al. 2018, FACIL
 *
 * In the maxima only rows from the learning of a task on count: the published codes do not test tasks
 * earlier. All are in the unit of A. What is not defined, such as forgetting after the first task, is NaN, as
 * is all that depends on a NaN.
 *
 * Lopez-Paz and Ranzato, NeurIPS 2017, arXiv:1706.08840 (transfer); Riemer et al., ICLR 2019,
 * arXiv:1810.11910 (learning accuracy); Chaudhry et al., ECCV 2018, arXiv:1801.10112 (forgetting).
 */
import { OptionError } from '../core/errors';
import { mean } from '../core/spread';

/**
 * `A[i][j]`: accuracy on task j after learning task i; NaN where it was not measured. One row per task
 * learned so far.
 */
export type AccuracyMatrix = readonly (readonly number[])[];

/** Forgetting in three published definitions. */
export interface Forgetting {
  /** Mean fall from when a task was just learned to now. */
  firstMinusLast: number;
  /** Mean fall from the best value ever, now included, to now. */
  maximumMinusLast: number;
  /** Mean fall from the best earlier value to now. */
  maximumEarlierMinusNow: number;
}

/** All measures of a matrix, in its unit. */
export interface LifelongMeasures {
  /** Mean over the tasks learned so far of the accuracy now. */
  averageAccuracy: number;
  /** Mean over the tasks of the accuracy when each was just learned. */
  learningAccuracy: number;
  /**
   * Mean over the earlier tasks of the accuracy now minus that when just learned; below 0 where they were
   * forgotten. NaN after the first task.
   */
  backwardTransfer: number;
  /** NaN where the accuracies before learning are not given. */
  forwardTransfer: number;
  /** Mean forgetting over the earlier tasks; NaN after the first task. */
  forgetting: Forgetting;
}

/**
 * All measures of `accuracy`.
 *
 * @param accuracy One row per task learned so far, each with one number per task: at least as many as there
 * are rows.
 * @param initial Accuracy on each task before any learning, for forward transfer.
 * @throws OptionError where the matrix has no row, or rows of different length.
 */
export function lifelongMeasures(accuracy: AccuracyMatrix, initial?: readonly number[]): LifelongMeasures {
  checkMatrix(accuracy);
  const forgotten = forgettingPerTask(accuracy);
  const learned = accuracy.map((_, j) => j);
  const now = accuracy[accuracy.length - 1];
  const meanForgetting = (name: keyof Forgetting): number => mean(forgotten.map((one) => one[name]));
  return {
    averageAccuracy: mean(learned.map((j) => now[j])),
    learningAccuracy: mean(learned.map((j) => accuracy[j][j])),
    backwardTransfer: mean(learned.slice(0, -1).map((j) => now[j] - accuracy[j][j])),
    forwardTransfer:
      initial === undefined ? Number.NaN : mean(learned.slice(1).map((j) => accuracy[j - 1][j] - initial[j])),
    forgetting: {
      firstMinusLast: meanForgetting('firstMinusLast'),
      maximumMinusLast: meanForgetting('maximumMinusLast'),
      maximumEarlierMinusNow: meanForgetting('maximumEarlierMinusNow'),
    },
  };
}

/** Forgetting of each task but the last one learned. Errors as for `lifelongMeasures`. */
export function forgettingPerTask(accuracy: AccuracyMatrix): Forgetting[] {
  checkMatrix(accuracy);
  const last = accuracy.length - 1;
  return Array.from({ length: last }, (_, j) => {
    const since = accuracy.slice(j).map((row) => row[j]);
    const now = accuracy[last][j];
    return {
      firstMinusLast: accuracy[j][j] - now,
      maximumMinusLast: Math.max(...since) - now,
      maximumEarlierMinusNow: Math.max(...since.slice(0, -1)) - now,
    };
  });
}

function checkMatrix(accuracy: AccuracyMatrix): void {
  const columns = accuracy[0]?.length ?? 0;
  if (accuracy.length === 0 || columns < accuracy.length || accuracy.some((row) => row.length !== columns)) {
    throw new OptionError(
      'accuracy',
      accuracy.map((row) => row.length),
      'at least one row, all of the same length, and no more rows than columns',
    );
  }
}
