/**
 * Splits a data set by class: each task has classes of its own. Split-MNIST, Split-CIFAR-100,
 * Split-TinyImageNet.
 *
 * Zenke, Poole, Ganguli, "Continual learning through synaptic intelligence", ICML 2017, arXiv:1703.04200.
 */

import { checkNumber, OptionError } from '../core/errors';
import {
  checkOptions,
  either,
  listOf,
  needed,
  type OptionsOf,
  oneOf,
  whole,
  withDefault,
} from '../core/options';
import { Random } from '../core/random';
import type { Dataset } from '../data';
import { type TaskData, TaskSequence } from './sequence';

/** Describes the options of `splitTasks`. */
export const SPLIT = {
  /** Number of tasks, a divisor of the number of classes. */
  tasks: needed(whole({ min: 1 })),
  /** Whether each task has a head of its own. Default `task-incremental`. */
  scenario: oneOf(['task-incremental', 'class-incremental'], 'task-incremental'),
  /**
   * Which classes come when: in the order of the data set (`given`), in a random order by the seed
   * (`random`), or a list of different classes, which may leave some out. Default `given`.
   */
  classOrder: withDefault(either(oneOf(['given', 'random']), listOf(whole({ min: 0 }))), 'given'),
  /** Seed of a random class order. Default 0. */
  seed: whole({}, 0),
};

/** Options of `splitTasks`. */
export type SplitTasksOptions = OptionsOf<typeof SPLIT>;

/**
 * The first task has the first classes of the order, and so on; all tasks have equally many. Labels stay
 * those of the data set. The recipe records the class order.
 *
 * @example const sequence = splitTasks(mnist(), { tasks: 5 });
 * @throws OptionError, and DataError where a task would have no samples.
 */
export function splitTasks(data: TaskData, options: SplitTasksOptions): TaskSequence {
  const { tasks: count, scenario, classOrder, seed } = checkOptions('splitTasks', SPLIT, options);
  const names = data.train.classes;
  const order = orderOf(classOrder, names.length, seed);
  checkNumber('tasks', count, { max: order.length });
  if (order.length % count !== 0)
    throw new OptionError('tasks', count, `a divisor of the number of classes, ${order.length}`);
  const perTask = order.length / count;
  const [train, test] = [indicesByClass(data.train), indicesByClass(data.test)];
  const tasks = Array.from({ length: count }, (_, t) => {
    const classes = order.slice(t * perTask, (t + 1) * perTask).sort((a, b) => a - b);
    return {
      name: classes.map((c) => names[c]).join(', '),
      classes,
      train: samplesOf(data.train, train, classes),
      test: samplesOf(data.test, test, classes),
    };
  });
  return new TaskSequence({
    name: `split ${data.train.name}`,
    scenario,
    tasks,
    recipe: { kind: 'split', data: data.train.name, tasks: count, classOrder: order, seed },
  });
}

function orderOf(classOrder: 'given' | 'random' | readonly number[], count: number, seed: number): number[] {
  if (classOrder === 'given') return Array.from({ length: count }, (_, c) => c);
  if (classOrder === 'random') return Array.from(new Random(seed, 'class order').permutation(count));
  const good =
    classOrder.length > 0 &&
    new Set(classOrder).size === classOrder.length &&
    classOrder.every((c) => c < count);
  if (!good) {
    throw new OptionError(
      'classOrder',
      classOrder,
      `"given", "random" or a list of different classes from 0 to ${count - 1}`,
    );
  }
  return [...classOrder];
}

function indicesByClass({ labels, classes }: Dataset): number[][] {
  const indices = classes.map((): number[] => []);
  labels.forEach((label, i) => {
    indices[label].push(i);
  });
  return indices;
}

/** The samples of some classes, in the order of the data set. */
function samplesOf(data: Dataset, byClass: readonly number[][], classes: readonly number[]): Dataset {
  return data.subset(classes.flatMap((c) => byClass[c] ?? []).sort((a, b) => a - b));
}
