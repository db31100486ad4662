/**
 * The noisy weight sets of one evaluation, made on demand and counted.
 */
import { OptionError } from '../core/errors';
import * as tf from '../core/tf';
import type { WeightSets } from '../training/weightSets';
import { withWeights } from '../training/weights';
import type { BatchNormEstimator } from './batchNormStatistics';
import type { KeptDraws } from './draws';
import type { WeightNoise, WeightTensor } from './noise';
import type { ModelTensor } from './tensors';

/** One noise on some tensors: what all draws are evaluated for. */
export interface NoiseCase {
  noise: WeightNoise;
  tensors: readonly ModelTensor[];
}

/** What one draw did to the weights. */
export interface InjectedNoise {
  relativeError: number;
  flippedBits: number;
  storedBits: number;
}

/**
 * The weight sets of all draws and cases, made on demand: set 0 is clean, then all cases of draw 0, all cases
 * of draw 1, and so on, so that the random numbers of one draw are in use for a short time. Set 0 stands for
 * all draws of a noise that changes nothing.
 */
export class NoisyWeightSets implements WeightSets {
  readonly count: number;
  /** What was injected: `injected[case][draw]`. */
  readonly injected: InjectedNoise[][];
  readonly #cases: readonly NoiseCase[];
  /** Indices of the cases that change something. */
  readonly #changing: readonly number[];
  readonly #variables: readonly tf.Variable[];
  readonly #clean: Float32Array[];
  readonly #squaredNorms: number[];
  readonly #draws: KeptDraws;
  readonly #estimator: BatchNormEstimator | undefined;

  /**
   * @param variables All weights of the model.
   * @param clean Their numbers without noise.
   * @param draws Where the random numbers come from.
   * @param count Number of draws.
   * @param estimator Recomputes BatchNorm's statistics for each set, where given.
   */
  constructor(
    variables: readonly tf.Variable[],
    clean: Float32Array[],
    cases: readonly NoiseCase[],
    { draws, count, estimator }: { draws: KeptDraws; count: number; estimator?: BatchNormEstimator },
  ) {
    this.#cases = cases;
    this.#variables = variables;
    this.#clean = clean;
    this.#squaredNorms = this.#clean.map(squaredNorm);
    this.#draws = draws;
    this.#estimator = estimator;
    this.#changing = cases.flatMap(({ noise }, i) => (noise.changesNothing ? [] : [i]));
    this.count = 1 + count * this.#changing.length;
    const nothing = { relativeError: 0, flippedBits: 0, storedBits: 0 };
    this.injected = cases.map(({ noise }) =>
      noise.changesNothing ? new Array<InjectedNoise>(count).fill(nothing) : [],
    );
  }

  /** Index of the weight set of a draw and a case. */
  indexOf(draw: number, index: number): number {
    const place = this.#changing.indexOf(index);
    return place < 0 ? 0 : 1 + draw * this.#changing.length + place;
  }

  async chunk(from: number, to: number): Promise<tf.Tensor[]> {
    const sets = to - from;
    const stacks = this.#clean.map((values) => new Float32Array(sets * values.length));
    for (let set = from; set < to; set++) {
      const weights = await this.#weightsOf(set);
      weights.forEach((values, i) => {
        stacks[i].set(values, (set - from) * values.length);
      });
    }
    return this.#variables.map(({ shape }, i) => tf.tensor(stacks[i], [sets, ...shape]));
  }

  /** All weights of one set, moving statistics included. */
  async #weightsOf(set: number): Promise<Float32Array[]> {
    const weights = [...this.#clean];
    if (set > 0) {
      const index = this.#changing[(set - 1) % this.#changing.length];
      const draw = Math.floor((set - 1) / this.#changing.length);
      this.injected[index][draw] = this.#inject(weights, this.#cases[index], draw);
    }
    if (this.#estimator !== undefined) await this.#refit(weights, this.#estimator);
    return weights;
  }

  /** Replaces the weights of the tensors of one case by noisy ones. */
  #inject(weights: Float32Array[], { noise, tensors }: NoiseCase, draw: number): InjectedNoise {
    const numbers = this.#draws.at(draw);
    const bits = { flipped: 0, stored: 0 };
    let change = 0;
    let norm = 0;
    for (const tensor of tensors) {
      const i = this.#variables.indexOf(tensor.variable);
      const noisy = noise.apply(this.#clean[i], numbers.site(tensor));
      checkSize(noise, tensor, noisy.values);
      change += squaredDistance(noisy.values, this.#clean[i]);
      norm += this.#squaredNorms[i];
      bits.flipped += noisy.bits?.flipped ?? 0;
      bits.stored += noisy.bits?.stored ?? 0;
      weights[i] = noisy.values;
    }
    // Noise on weights that are all zero is infinitely large; no noise on them is none.
    const relativeError = change === 0 ? 0 : Math.sqrt(change / norm);
    return { relativeError, flippedBits: bits.flipped, storedBits: bits.stored };
  }

  /** Replaces BatchNorm's statistics by those that belong to `weights`. */
  async #refit(weights: Float32Array[], estimator: BatchNormEstimator): Promise<void> {
    const tensors = this.#variables.map(({ shape }, i) => tf.tensor(weights[i], shape));
    try {
      const measured = withWeights(this.#variables, tensors, () => estimator.measure());
      const values = await estimator.estimate(measured);
      estimator.statistics.forEach((variable, i) => {
        weights[this.#variables.indexOf(variable)] = values[i];
      });
    } finally {
      tf.dispose(tensors);
    }
  }
}

function checkSize(noise: WeightNoise, tensor: WeightTensor, values: Float32Array): void {
  const size = tensor.shape.reduce((product, n) => product * n, 1);
  if (values.length === size) return;
  throw new OptionError(
    'noise',
    noise.name,
    `a noise that returns ${size} weights for ${tensor.name}`,
    `It returned ${values.length}.`,
  );
}

function squaredNorm(a: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * a[i];
  return sum;
}

function squaredDistance(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = a[i] - b[i];
    sum += difference * difference;
  }
  return sum;
}
