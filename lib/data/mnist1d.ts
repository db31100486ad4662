/**
 * MNIST-1D: digits drawn as one-dimensional signals; linear models, MLPs and ConvNets differ clearly on it.
 *
 * Sam Graydanus and Dmitry Kobak, "Scaling Down Deep Learning with MNIST-1D", ICML 2024
 * (https://github.com/graydanus/mnist1d, Apache-2.0). Made by the authors' package with its default
 * parameters: data/mnist1d/README.md.
 */
import { DataError } from '../core/errors';
import { Dataset } from './dataset';
import { readShipped } from './files';

/** The sets of `mnist1d()`: 10 classes, signals of length 40, `inputShape` `[40]`. */
export interface Mnist1d {
  /** The published training set: 4,000 signals (generator seed 42). */
  train: Dataset;
  /**
   * The published test set: 1,000 signals (seed 42). An error of 30 % has a standard error of 1.4 points on
   * it.
   */
  test: Dataset;
  /** 4,000 other signals, to choose settings on (seed 43). */
  selection: Dataset;
  /** 4,000 other signals, to report on with half the sampling noise of `test` (seed 44). */
  freshTest: Dataset;
}

const LENGTH = 40;
const SIZES = { train: 4000, test: 1000, selection: 4000, freshTest: 4000 };
const TOTAL = 13000;

const FILE = {
  folder: 'mnist1d',
  sha256: '17701844af81e3cfa8c3d805ae91cb543be5cf0cce416cbd66a2f0963c91491a',
};
/** Signals as float32, then labels as bytes. */
const BYTES = TOTAL * (LENGTH * 4 + 1);

/**
 * MNIST-1D, which ships with the project: float32 signals of mean 0 and standard deviation 1.
 *
 * @param content The content of the file `data/mnist1d/mnist1d.bin`: for a browser, which has no files.
 *   Default: it is read.
 * @throws DataError where the file is missing or damaged, or where `content` has another size.
 */
export function mnist1d(content: Uint8Array = readShipped(FILE)): Mnist1d {
  if (content.length !== BYTES)
    throw new DataError(`mnist1d.bin has ${BYTES} bytes, but ${content.length} were given.`);
  // A copy, because a view of float32 must start at a multiple of 4, which a Buffer need not do.
  const inputs = new Float32Array(Uint8Array.from(content.subarray(0, TOTAL * LENGTH * 4)).buffer);
  const labels = content.subarray(TOTAL * LENGTH * 4);
  let start = 0;
  const take = (split: keyof Mnist1d): Dataset => {
    const end = start + SIZES[split];
    const set = new Dataset({
      name: 'mnist1d',
      split,
      inputs: inputs.subarray(start * LENGTH, end * LENGTH),
      labels: labels.subarray(start, end),
      inputShape: [LENGTH],
      classes: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
    });
    start = end;
    return set;
  };
  return {
    train: take('train'),
    test: take('test'),
    selection: take('selection'),
    freshTest: take('freshTest'),
  };
}
