/**
 * Runs that learned tasks one after the other, task by task: does what was measured when a task was learned
 * tell how it is forgotten?
 */
import { forgettingPerTask } from '../lifelong/measures';
import type { FlatRow } from '../runs/config/flat';
import type { RunRow } from '../runs/sweep';
import { flattenRow } from './rows';

/**
 * One flat row for each task but the last of each finished run:
 *
 *     label, hash, seed
 *     task, name                                               the task, from 1
 *     learned, last                                            accuracy on it, just learned and at the end
 *     firstMinusLast, maximumMinusLast, maximumEarlierMinusNow how much of it was forgotten, see `Forgetting`
 *     sharpness@0.1, ...                                       what `measures` asked for, just learned
 *
 * Runs without tasks, with all tasks at once or with each task for itself have no rows: nothing can be
 * forgotten there.
 */
export function taskRows(rows: readonly RunRow[]): FlatRow[] {
  return rows.flatMap((row): FlatRow[] => {
    const { status, config, result } = row;
    const { label, hash, seed } = flattenRow(row);
    const isSequential = (config.lifelong?.regime ?? 'sequential') === 'sequential';
    if (status !== 'finished' || result?.lifelong === undefined || !isSequential) return [];
    const { accuracy, tasks, measures } = result.lifelong;
    return forgettingPerTask(accuracy).map((forgetting, j) => ({
      label,
      hash,
      seed,
      task: j + 1,
      name: tasks[j],
      learned: accuracy[j][j],
      last: accuracy[accuracy.length - 1][j],
      ...forgetting,
      ...measures[j],
    }));
  });
}
