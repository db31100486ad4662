/**
 * Accuracy and loss of a model under noise on its weights.
 *
 * Every model, level and layer meets the same random numbers in draw d (draws.ts), so differences between them are paired. Many
 * noisy weight sets are made and evaluated at a time, within a memory budget (training/many.ts). The model itself is never changed.
 */
import { checkKnownOptions, checkNumber, OptionError } from '../runtime/errors';
import * as tf from '../runtime/tf';
import type { BatchLoss } from '../training/evaluate';
import { ManyEvaluator } from '../training/many';
import type { Samples } from '../training/samples';
import { allVariables, withWeights } from '../training/weights';
import { BatchNormEstimator, type BatchNormOptions } from './batchNormStatistics';
import { NoiseDraw } from './draws';
import type { NoiseFamily, TensorSelector, WeightNoise, WeightTensor } from './noise';
import { type DrawSummary, summarize } from './summary';
import { kernelsAndEmbeddings, type ModelTensor, selectTensors, weightTensors } from './tensors';

/** How noise is drawn and models are evaluated under it. */
export interface NoiseDrawOptions {
  /** Number of noise draws, >= 1. Default 10. */
  draws?: number;
  /** Seed of the draws, a whole number. Models compared under the same seed are compared at the same draws. Default 0. */
  seed?: number;
  /** Which tensors get noise. Default: kernels and embeddings. */
  select?: TensorSelector;
  /**
   * BatchNorm's statistics: `keep` those of the clean weights, or recompute them for each noisy model (and for the clean one) on
   * the given samples. No matter for models without BatchNorm. Default `keep`.
   */
  batchNorm?: 'keep' | BatchNormOptions;
  /** The loss. Default: mean softmax cross-entropy on logits. */
  loss?: BatchLoss;
  /** Samples per forward pass, >= 1. Default 250. */
  batchSize?: number;
  /** Bytes that the weight sets evaluated together may take, as in `evaluateMany`. Default 256 MB. */
  memoryBudget?: number;
  /** Stops the evaluation after the present weight sets, with an AbortedError. */
  signal?: AbortSignal;
  /** Called from time to time. */
  onProgress?: (progress: NoiseProgress) => void;
}

/** Options of `evaluateUnderNoise`. */
export interface NoiseEvaluationOptions extends NoiseDrawOptions {
  /** The noise at each level, such as `(sigma) => gaussianNoise({ sigma })`. */
  noise: NoiseFamily;
  /** The levels: sigmas, rates, bits, seconds. At least one. */
  levels: readonly number[];
}

/** Options of `noiseSensitivity`. */
export interface NoiseSensitivityOptions extends NoiseDrawOptions {
  /** The noise that one layer after the other gets. */
  noise: WeightNoise;
}

/** How far an evaluation is. */
export interface NoiseProgress {
  /** Weight sets evaluated so far. */
  done: number;
  /** Weight sets in all: levels times draws, and the clean one. */
  total: number;
}

/** Loss and accuracy of the model without noise. */
export interface CleanEvaluation {
  loss: number;
  /** In [0, 1]. */
  accuracy: number;
}

/** What noise did to the model, over draws. */
export interface NoiseEffect {
  /** Name of the noise, with its settings. */
  noise: string;
  /** Accuracy in [0, 1]. */
  accuracy: DrawSummary;
  /** Accuracy lost: clean minus noisy. */
  accuracyDrop: DrawSummary;
  loss: DrawSummary;
  /** Loss gained: noisy minus clean. */
  lossRise: DrawSummary;
  /** Injected error ||w' - w|| / ||w||, over all tensors that got noise. */
  relativeError: DrawSummary;
  /** Bits that changed, for noises that change bits. */
  flippedBits?: DrawSummary;
  /** Bits that are stored, for noises that change bits. */
  storedBits?: number;
}

/** The effect of noise at one level. */
export interface NoiseLevel extends NoiseEffect {
  level: number;
}

/** The effect of noise on one layer alone. */
export interface LayerSensitivity extends NoiseEffect {
  /** Name of the layer. */
  layer: string;
  /** Names of its tensors that got noise. */
  tensors: string[];
  /** Number of weights that got noise. */
  weights: number;
}

/** Result of `evaluateUnderNoise`. */
export interface NoiseEvaluation {
  clean: CleanEvaluation;
  /** One entry per level, in the given order. */
  levels: NoiseLevel[];
  draws: number;
  seed: number;
  /** Number of samples that each weight set was evaluated on. */
  samples: number;
  /** Duration in seconds. */
  seconds: number;
}

/** Result of `noiseSensitivity`. */
export interface NoiseSensitivity {
  clean: CleanEvaluation;
  /** One entry per layer that has weights to be noisy, in the order of the layers. */
  layers: LayerSensitivity[];
  draws: number;
  seed: number;
  /** Number of samples that each weight set was evaluated on. */
  samples: number;
  /** Duration in seconds. */
  seconds: number;
}

const DRAW_OPTIONS = [
  'draws',
  'seed',
  'select',
  'batchNorm',
  'loss',
  'batchSize',
  'memoryBudget',
  'signal',
  'onProgress',
] as const;

/**
 * Accuracy and loss of `model` on `data` with noisy weights, at several noise levels, over several draws.
 *
 * @example
 * const { levels } = await evaluateUnderNoise(model, test, {
 *   noise: (sigma) => gaussianNoise({ sigma }),
 *   levels: [0.1, 0.2, 0.3],
 *   batchNorm: { data: train, batches: 10 },
 * });
 * @throws OptionError, also where a noise changed no weight in any draw although its settings say that it does; DataError;
 *   AbortedError. The model is the same afterwards, bit for bit, whatever happens.
 */
export async function evaluateUnderNoise(
  model: tf.LayersModel,
  data: Samples,
  options: NoiseEvaluationOptions,
): Promise<NoiseEvaluation> {
  checkKnownOptions('evaluateUnderNoise', options, [...DRAW_OPTIONS, 'noise', 'levels']);
  const { noise, levels, select = kernelsAndEmbeddings, ...drawOptions } = options;
  if (!Array.isArray(levels) || levels.length === 0) throw new OptionError('levels', levels, 'a list of at least one number');
  const tensors = selectTensors(weightTensors(model), select);
  const cases = levels.map((level) => ({ noise: noise(checkNumber('levels', level)), tensors }));
  const { effects, ...result } = await evaluateCases(model, data, cases, drawOptions);
  return { ...result, levels: effects.map((effect, i) => ({ level: levels[i], ...effect })) };
}

/**
 * Accuracy and loss of `model` on `data` with noise on one layer at a time: which layers bear it, and which do not.
 *
 * @throws As `evaluateUnderNoise`.
 */
export async function noiseSensitivity(
  model: tf.LayersModel,
  data: Samples,
  options: NoiseSensitivityOptions,
): Promise<NoiseSensitivity> {
  checkKnownOptions('noiseSensitivity', options, [...DRAW_OPTIONS, 'noise']);
  const { noise, select = kernelsAndEmbeddings, ...drawOptions } = options;
  const tensors = selectTensors(weightTensors(model), select);
  const names = [...new Set(tensors.map(layerOf))];
  const layers = names.map((layer) => ({ layer, tensors: tensors.filter((tensor) => layerOf(tensor) === layer) }));
  const cases = layers.map((one) => ({ noise, tensors: one.tensors }));
  const { effects, ...result } = await evaluateCases(model, data, cases, drawOptions);
  return {
    ...result,
    layers: effects.map((effect, i) => ({
      layer: layers[i].layer,
      tensors: layers[i].tensors.map(({ name }) => name),
      weights: layers[i].tensors.reduce((sum, { variable }) => sum + variable.size, 0),
      ...effect,
    })),
  };
}

/** One noise on some tensors: what all draws are evaluated for. */
interface NoiseCase {
  noise: WeightNoise;
  tensors: readonly ModelTensor[];
}

interface CaseResults {
  clean: CleanEvaluation;
  /** One entry per case. */
  effects: NoiseEffect[];
  draws: number;
  seed: number;
  samples: number;
  seconds: number;
}

async function evaluateCases(
  model: tf.LayersModel,
  data: Samples,
  cases: readonly NoiseCase[],
  options: NoiseDrawOptions,
): Promise<CaseResults> {
  const started = performance.now();
  const { batchNorm = 'keep', signal, onProgress, loss, batchSize, memoryBudget } = options;
  const draws = checkNumber('draws', options.draws ?? 10, { min: 1, integer: true });
  const seed = checkNumber('seed', options.seed ?? 0, { integer: true });
  const evaluator = new ManyEvaluator(model, data, { loss, batchSize, memoryBudget });
  let estimator: BatchNormEstimator | undefined;
  try {
    if (batchNorm !== 'keep') estimator = new BatchNormEstimator(model, batchNorm);
    const sets = new NoisyWeightSets(model, cases, { draws, seed, estimator });
    const { losses, accuracies } = await evaluator.run(sets, {
      signal,
      onChunk: ({ from, losses: { length } }) => onProgress?.({ done: from + length, total: sets.count }),
    });
    const clean = { loss: losses[0], accuracy: accuracies[0] };
    const effects = cases.map(({ noise }, i): NoiseEffect => {
      const injected = sets.injected[i];
      if (!noise.changesNothing && injected.every(({ relativeError }) => relativeError === 0)) {
        throw new OptionError('noise', noise.name, 'a noise that changes weights', `It changed none in ${draws} draws.`);
      }
      const overDraws = (value: (set: number, draw: number) => number): DrawSummary =>
        summarize(Array.from({ length: draws }, (_, draw) => value(sets.indexOf(draw, i), draw)));
      const effect: NoiseEffect = {
        noise: noise.name,
        accuracy: overDraws((set) => accuracies[set]),
        accuracyDrop: overDraws((set) => clean.accuracy - accuracies[set]),
        loss: overDraws((set) => losses[set]),
        lossRise: overDraws((set) => losses[set] - clean.loss),
        relativeError: overDraws((_, draw) => injected[draw].relativeError),
      };
      const { storedBits } = injected[0];
      if (storedBits === 0) return effect;
      return { ...effect, flippedBits: overDraws((_, draw) => injected[draw].flippedBits), storedBits };
    });
    return { clean, effects, draws, seed, samples: evaluator.sampleCount, seconds: (performance.now() - started) / 1000 };
  } finally {
    evaluator.dispose();
    estimator?.dispose();
  }
}

/** What one draw did to the weights. */
interface InjectedNoise {
  relativeError: number;
  flippedBits: number;
  storedBits: number;
}

/**
 * The weight sets of all draws and cases, made on demand: set 0 is clean, then all cases of draw 0, all cases of draw 1, and so
 * on, so that the random numbers of one draw are made once and then forgotten.
 */
class NoisyWeightSets {
  readonly count: number;
  /** What was injected: `injected[case][draw]`. */
  readonly injected: InjectedNoise[][];
  readonly #cases: readonly NoiseCase[];
  readonly #variables: tf.Variable[];
  readonly #clean: Float32Array[];
  readonly #seed: number;
  readonly #estimator: BatchNormEstimator | undefined;
  #draw: NoiseDraw;

  constructor(
    model: tf.LayersModel,
    cases: readonly NoiseCase[],
    { draws, seed, estimator }: { draws: number; seed: number; estimator: BatchNormEstimator | undefined },
  ) {
    this.#cases = cases;
    this.#variables = allVariables(model);
    this.#clean = this.#variables.map((variable) => variable.dataSync() as Float32Array);
    this.#seed = seed;
    this.#estimator = estimator;
    this.#draw = new NoiseDraw(seed, 0);
    this.count = 1 + draws * cases.length;
    this.injected = cases.map(() => []);
  }

  /** Index of the weight set of a draw and a case. */
  indexOf(draw: number, index: number): number {
    return 1 + draw * this.#cases.length + index;
  }

  chunk(from: number, to: number): tf.Tensor[] {
    const sets = to - from;
    const stacks = this.#clean.map((values) => new Float32Array(sets * values.length));
    for (let set = from; set < to; set++) {
      const weights = this.#weightsOf(set);
      weights.forEach((values, i) => {
        stacks[i].set(values, (set - from) * values.length);
      });
    }
    return this.#variables.map(({ shape }, i) => tf.tensor(stacks[i], [sets, ...shape]));
  }

  /** All weights of one set, moving statistics included. */
  #weightsOf(set: number): Float32Array[] {
    const weights = [...this.#clean];
    if (set > 0) {
      const index = (set - 1) % this.#cases.length;
      const draw = Math.floor((set - 1) / this.#cases.length);
      this.injected[index][draw] = this.#inject(weights, this.#cases[index], draw);
    }
    if (this.#estimator !== undefined) this.#refit(weights, this.#estimator);
    return weights;
  }

  /** Replaces the weights of the tensors of one case by noisy ones. */
  #inject(weights: Float32Array[], { noise, tensors }: NoiseCase, draw: number): InjectedNoise {
    if (draw !== this.#draw.index) this.#draw = new NoiseDraw(this.#seed, draw);
    const bits = { flipped: 0, stored: 0 };
    let change = 0;
    let norm = 0;
    for (const tensor of tensors) {
      const i = this.#variables.indexOf(tensor.variable);
      const noisy = noise.apply(this.#clean[i], this.#draw.site(tensor));
      checkSize(noise, tensor, noisy.values);
      change += squaredDistance(noisy.values, this.#clean[i]);
      norm += squaredNorm(this.#clean[i]);
      bits.flipped += noisy.bits?.flipped ?? 0;
      bits.stored += noisy.bits?.stored ?? 0;
      weights[i] = noisy.values;
    }
    // Noise on weights that are all zero is infinitely large; no noise on them is none.
    const relativeError = change === 0 ? 0 : Math.sqrt(change / norm);
    return { relativeError, flippedBits: bits.flipped, storedBits: bits.stored };
  }

  /** Replaces BatchNorm's statistics by those that belong to `weights`. */
  #refit(weights: Float32Array[], estimator: BatchNormEstimator): void {
    const tensors = this.#variables.map(({ shape }, i) => tf.tensor(weights[i], shape));
    try {
      const values = withWeights(this.#variables, tensors, () => estimator.estimate());
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

/** Name of the layer that a tensor belongs to: its own name without the last part. */
function layerOf({ name }: WeightTensor): string {
  return name.includes('/') ? name.slice(0, name.lastIndexOf('/')) : name;
}

function squaredNorm(a: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * a[i];
  return sum;
}

function squaredDistance(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] - b[i]) ** 2;
  return sum;
}
