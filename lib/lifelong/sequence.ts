/**
 * What is learned one after the other: a sequence of tasks over the same inputs.
 *
 *     task-incremental      classes and a head of each task's own; which task a sample belongs to is known
 *     class-incremental     each task has classes of its own; one head for all classes, also in evaluation
 *     domain-incremental    each task has all classes, on other inputs; one head
 *
 * van de Ven, Tuytelaars, Tolias, "Three types of incremental learning", Nature Machine Intelligence 4, 1185
 * (2022).
 */

import { checkOneOf, DataError, OptionError } from '../core/errors';
import * as tf from '../core/tf';
import type { Dataset } from '../data';

/** What is known about a sample's task. */
export type Scenario = 'task-incremental' | 'class-incremental' | 'domain-incremental';

const SCENARIOS: readonly Scenario[] = ['task-incremental', 'class-incremental', 'domain-incremental'];

/** The data that tasks are made of. To choose settings, give a selection set as `test`. */
export interface TaskData {
  /** What is learned. */
  train: Dataset;
  /** What is evaluated. */
  test: Dataset;
}

/** One task. */
export interface Task extends TaskData {
  /** Name for tables and figures. */
  name: string;
  /** Classes that occur in it, ascending. Labels are classes of the whole sequence. */
  classes: readonly number[];
}

/** Fields of a new `TaskSequence`. */
export interface TaskSequenceFields {
  /** Name of the sequence, such as `rotated mnist`. */
  name: string;
  /** What is known about a sample's task. */
  scenario: Scenario;
  /** The tasks in the order in which they are learned, at least one. */
  tasks: readonly Task[];
  /** How the sequence was made, as plain JSON: class order, angles, seed. Default: nothing. */
  recipe?: Readonly<Record<string, unknown>>;
}

/**
 * Tasks in order. Make it with `splitTasks`, `permutedTasks` or `rotatedTasks`, or from tasks of your own.
 */
export class TaskSequence {
  /** Name of the sequence, such as `rotated mnist`. */
  readonly name: string;
  /** What is known about a sample's task. */
  readonly scenario: Scenario;
  /** The tasks in the order in which they are learned. */
  readonly tasks: readonly Task[];
  /** How the sequence was made, as plain JSON. */
  readonly recipe: Readonly<Record<string, unknown>>;
  /** Units that a model's last layer needs: the classes of all tasks together. */
  readonly outputs: number;
  /** Shape of one sample. */
  readonly inputShape: readonly number[];

  /**
   * @throws OptionError where there is no task, or the tasks do not share inputs and classes.
   * @throws DataError where a task has no samples, or labels that it does not list.
   */
  constructor({ name, scenario, tasks, recipe = {} }: TaskSequenceFields) {
    checkOneOf('scenario', scenario, SCENARIOS);
    if (tasks.length === 0) throw new OptionError('tasks', tasks, 'a list of at least one task');
    this.name = name;
    this.scenario = scenario;
    this.tasks = tasks;
    this.recipe = recipe;
    this.outputs = tasks[0].train.classes.length;
    if (this.outputs === 0) throw new OptionError('tasks', tasks[0].name, 'tasks of classes, not of numbers');
    this.inputShape = tasks[0].train.inputShape;
    for (const task of tasks) this.#checkTask(task);
  }

  /** Number of tasks. */
  get length(): number {
    return this.tasks.length;
  }

  #checkTask(task: Task): void {
    const classes = new Set(task.classes);
    for (const data of [task.train, task.test]) {
      if (
        !tf.util.arraysEqual(data.inputShape, [...this.inputShape]) ||
        data.classes.length !== this.outputs
      ) {
        throw new OptionError(
          `tasks: ${task.name}`,
          `inputs [${data.inputShape}] of ${data.classes.length} classes`,
          `inputs [${this.inputShape}] of ${this.outputs} classes, as the first task has`,
        );
      }
      if (data.size === 0)
        throw new DataError(`The task "${task.name}" has no samples in its ${data.split} set.`);
      const foreign = data.labels.find((label) => !classes.has(label));
      if (foreign !== undefined) {
        throw new DataError(
          `The task "${task.name}" has samples of class ${foreign}, which it does not list.`,
        );
      }
    }
  }
}
