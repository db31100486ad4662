/**
 * Tasks that differ in the order of the inputs: Permuted-MNIST. The first task has the order of the data set.
 *
 * Goodfellow, Mirza, Xiao, Courville, Bengio, "An empirical investigation of catastrophic forgetting in
 * gradient-based neural networks", 2013, arXiv:1312.6211.
 */

import { OptionError } from '../core/errors';
import { checkOptions, type OptionsOf, whole } from '../core/options';
import { Random } from '../core/random';
import type { Dataset } from '../data';
import { domainTasks, OF_DOMAINS } from './samples';
import type { TaskData, TaskSequence } from './sequence';

const OWN = {
  /** Number of tasks, at least 1. Default 5. */
  tasks: whole({ min: 1 }, 5),
  /** Seed of the permutations and of the choice of samples. Default 0. */
  seed: whole({}, 0),
};

/** Describes the options of `permutedTasks`. */
export const PERMUTED: typeof OWN & typeof OF_DOMAINS = { ...OWN, ...OF_DOMAINS };

/** Options of `permutedTasks`. */
export type PermutedTasksOptions = OptionsOf<typeof PERMUTED>;

/**
 * Each task applies one permutation of the pixels (of the places of a signal, of the features) to all
 * samples; the channels of a pixel stay together. Tests are on all test samples.
 *
 * @throws OptionError, also for features that are standardized one by one: permute first.
 */
export function permutedTasks(data: TaskData, options: PermutedTasksOptions = {}): TaskSequence {
  const settings = checkOptions('permutedTasks', PERMUTED, options);
  const { inputShape, inputSize, statistics } = data.train;
  const channels = inputShape.length > 1 ? inputShape[inputShape.length - 1] : 1;
  if (statistics !== null && statistics.mean.length > channels) {
    throw new OptionError(
      'data',
      'features with a mean and deviation each',
      'standardized by one mean, or after the permutation',
    );
  }
  const places = inputSize / channels;
  const orders = Array.from({ length: settings.tasks }, (_, t) =>
    new Random(settings.seed, `permutation/${t}`).permutation(places),
  );
  const names = orders.map((_, t) => (t === 0 ? 'as given' : `permuted ${t}`));
  return domainTasks('permuted', data, settings, names, (set, t) =>
    t === 0 ? set : permuted(set, orders[t], channels),
  );
}

/**
 * The data set with place `order[i]` of each sample moved to place `i`. Stored values are moved as they are.
 */
function permuted(data: Dataset, order: Int32Array, channels: number): Dataset {
  const { inputSize } = data;
  const from = Int32Array.from(
    { length: inputSize },
    (_, i) => order[Math.floor(i / channels)] * channels + (i % channels),
  );
  return data.changed((stored) => {
    const moved = stored.slice();
    for (let start = 0; start < stored.length; start += inputSize)
      for (let i = 0; i < inputSize; i++) moved[start + i] = stored[start + from[i]];
    return moved;
  });
}
