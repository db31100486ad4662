/**
 * Samples of a task sequence by reference, and their tensors.
 */

import { OptionError } from '../core/errors';
import { whole } from '../core/options';
import { Random } from '../core/random';
import * as tf from '../core/tf';
import type { Augmentation, Dataset } from '../data';
import { deal } from '../data/deal';
import { type TaskData, TaskSequence } from './sequence';

/** One training sample of a sequence: the number of its task, and its place in the task's training set. */
export interface SampleRef {
  /** The task, from 0. */
  task: number;
  /** The sample, from 0. */
  index: number;
}

/**
 * Samples as tensors, owned by the caller: float32 `[n, ...inputShape]`, int32 `[n]` and, for each, its task,
 * int32 `[n]`.
 */
export interface TaskBatch {
  xs: tf.Tensor;
  ys: tf.Tensor;
  tasks: tf.Tensor1D;
}

/** Describes what sequences have whose tasks all show one data set. */
export const OF_DOMAINS = {
  /**
   * Training samples of each task: disjoint parts of the data set, with equal class proportions. Default: all
   * of it for each.
   */
  trainSamples: whole({ min: 1 }),
};

/** Bytes of changed samples that the tasks of a sequence store together. */
const STORED_BYTES = 64 * 2 ** 20;

/**
 * The training samples at `refs` as tensors, each changed by `augment`. Samples of one task come together, in
 * their order.
 */
export function augmentedBatch(
  { tasks }: TaskSequence,
  refs: readonly SampleRef[],
  augment: Augmentation,
  random: Random,
): TaskBatch {
  return tf.tidy(() => {
    const groups = tasks.flatMap(({ train }, task) => {
      const indices = refs.filter((ref) => ref.task === task).map(({ index }) => index);
      return indices.length === 0 ? [] : [{ task, ...augment(train, indices, random) }];
    });
    return {
      xs: tf.concat(groups.map(({ xs }) => xs)),
      ys: tf.concat(groups.map(({ ys }) => ys)),
      tasks: tf.concat(groups.map(({ task, ys }) => tf.fill([ys.size], task, 'int32') as tf.Tensor1D)),
    };
  });
}

/** The training samples at `refs` as tensors. */
export function taskBatch({ tasks, inputShape }: TaskSequence, refs: readonly SampleRef[]): TaskBatch {
  const n = refs.length;
  const { inputSize } = tasks[0].train;
  const values = new Float32Array(n * inputSize);
  const labels = new Int32Array(n);
  for (let start = 0, end = 0; start < n; start = end) {
    const { task } = refs[start];
    while (end < n && refs[end].task === task) end++;
    const { train } = tasks[task];
    const indices = refs.slice(start, end).map(({ index }) => index);
    values.set(train.values(indices), start * inputSize);
    labels.set(
      indices.map((index) => train.labels[index]),
      start,
    );
  }
  return {
    xs: tf.tensor(values, [n, ...inputShape]),
    ys: tf.tensor1d(labels, 'int32'),
    tasks: tf.tensor1d(
      refs.map(({ task }) => task),
      'int32',
    ),
  };
}

/**
 * Makes domain-incremental tasks of one data set, each with `trainSamples` samples of its own (default: all)
 * in equal class proportions. Tests are on all test samples. The settings are recorded.
 *
 * All tasks share the data set: its samples are changed as they are read. Test sets, which are read again
 * after each task, and then training sets are stored as they are changed, as long as there is room.
 *
 * @param change The data set as task `t` shows it.
 * @throws OptionError where there are too few samples.
 */
export function domainTasks(
  kind: string,
  data: TaskData,
  settings: { trainSamples?: number; seed: number },
  names: readonly string[],
  change: (data: Dataset, t: number) => Dataset,
): TaskSequence {
  const { name, classes } = data.train;
  const { trainSamples, seed } = settings;
  let room = STORED_BYTES;
  const store = (source: Dataset, t: number): Dataset => {
    const set = change(source, t);
    const bytes = source.inputs.byteLength;
    if (set === source || bytes > room) return set;
    room -= bytes;
    return set.with({ inputs: set.inputs });
  };
  const tests = names.map((_, t) => store(data.test, t));
  const trains = dealSamples(data.train, names.length, trainSamples, seed).map(store);
  const tasks = names.map((name, t) => ({
    name,
    classes: [...classes.keys()],
    train: trains[t],
    test: tests[t],
  }));
  const recipe = { kind, data: name, ...settings, trainSamples: trainSamples ?? null };
  return new TaskSequence({ name: `${kind} ${name}`, scenario: 'domain-incremental', tasks, recipe });
}

function dealSamples(data: Dataset, count: number, size: number | undefined, seed: number): Dataset[] {
  if (size === undefined) return new Array<Dataset>(count).fill(data);
  if (size * count > data.size) {
    throw new OptionError(
      'trainSamples',
      size,
      `a whole number from 1 to ${Math.floor(data.size / count)}: the ${data.size} samples are dealt ` +
        `out to ${count} tasks`,
    );
  }
  const order = new Random(seed, 'samples of tasks').permutation(data.size);
  const sizes = [...new Array<number>(count).fill(size), data.size - size * count];
  return deal(order, sizes, data.labels)
    .slice(0, count)
    .map((part) => data.subset(part));
}
