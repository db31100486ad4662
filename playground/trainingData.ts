/** The data sets that the page trains on, small enough to be part of it, and a network for each. */
import { Dataset, digits, twoMoons } from 'lookbehind/data';
import digitsFile from '../data/digits/digits.bin';
import mnist1dSample from '../data/mnist1d/mnist1d.bin';

/** A task: what to learn, and by which network. */
export interface Task {
  /** What it is, in a sentence. */
  says: string;
  train: Dataset;
  test: Dataset;
  hidden: number[];
  /** Weights to begin with, flat. Default: drawn at random. */
  weights?: Float32Array;
  /** Radii of the sharpness curve go up to it. */
  radius: number;
}

const SIGNAL = 40;
const SIGNALS = { train: 2000, test: 1000 };

/** The tasks by the names that links call them. */
export const TASKS = {
  moons: () => ({
    says: 'Two interleaved half circles: 300 points to learn from, 1,000 others to test on.',
    train: twoMoons({ samples: 300, noise: 0.2, seed: 1 }),
    test: twoMoons({ samples: 1000, noise: 0.2, seed: 2 }),
    hidden: [32, 32],
    radius: 1,
  }),
  digits: () => {
    const { train, test } = digits(digitsFile);
    return {
      says: 'Handwritten digits of 8 × 8 pixels: 640 to learn from, 757 others to test on.',
      train: train.flattened(),
      test: test.flattened(),
      hidden: [64],
      radius: 1,
    };
  },
  mnist1d: () => ({
    says: 'MNIST-1D, digits drawn as curves of 40 numbers: 2,000 to learn from, 1,000 others to test on.',
    train: signals('train', 0, SIGNALS.train),
    test: signals('test', SIGNALS.train, SIGNALS.test),
    hidden: [100, 100],
    radius: 1,
  }),
} as const satisfies Record<string, () => Task>;

/**
 * The first of MNIST-1D's signals, as bytes: 128 stands for 0, and 32 for a standard deviation
 * (scripts/playground/bundle.mjs).
 */
function signals(split: string, from: number, count: number): Dataset {
  const labels = (SIGNALS.train + SIGNALS.test) * SIGNAL;
  return new Dataset({
    name: 'mnist1d',
    split,
    inputs: mnist1dSample.subarray(from * SIGNAL, (from + count) * SIGNAL),
    labels: mnist1dSample.subarray(labels + from, labels + from + count),
    inputShape: [SIGNAL],
    classes: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
    statistics: { mean: [128], std: [32] },
  });
}
