/**
 * Accuracy and loss of a model under noise on its weights.
 *
 * Every model, level and layer meets the same random numbers in draw d (draws.ts), so differences between
 * them are paired. Many noisy weight sets are made and evaluated at a time, within a memory budget
 * (training/modelLoss.ts). The model itself is never changed.
 */

import { defaultMemoryBudget } from '../compile/memoryBudget';
import { disposing } from '../core/disposing';
import { checkObject, OptionError } from '../core/errors';
import { numbersOf } from '../core/numbers';
import {
  callback,
  checkOptions,
  either,
  listOf,
  needed,
  number,
  type OptionsOf,
  object,
  oneOf,
  option,
  signal,
  where,
  whole,
  withDefault,
} from '../core/options';
import type * as tf from '../core/tf';
import { LOSS } from '../training/losses';
import { type EvaluationResult, ModelLoss } from '../training/modelLoss';
import type { Samples } from '../training/samples';
import { allVariables } from '../training/weights';
import { BatchNormEstimator, type BatchNormOptions } from './batchNormStatistics';
import { KeptDraws } from './draws';
import type { NoiseFamily, TensorSelector, WeightNoise, WeightTensor } from './noise';
import { type NoiseCase, NoisyWeightSets } from './noisyWeightSets';
import { type DrawSummary, summarize } from './summary';
import { kernelsAndEmbeddings, type ModelTensor, selectTensors, weightTensors } from './tensors';

const BATCH_NORM = either(oneOf(['keep']), object<BatchNormOptions>('an object with samples and batches'));

const EVALUATOR = {
  /** Number of noise draws, >= 1. Default 10. */
  draws: whole({ min: 1 }, 10),
  /**
   * Seed of the draws, a whole number. Models compared under the same seed are compared at the same draws.
   * Default 0.
   */
  seed: whole({}, 0),
  /** Which tensors get noise. Default: kernels and embeddings. */
  select: withDefault(callback<TensorSelector>(), kernelsAndEmbeddings),
  /**
   * BatchNorm's statistics: `keep` those of the clean weights, or recompute them for each noisy model (and
   * for the clean one) on the given samples. No matter for models without BatchNorm. Default `keep`.
   */
  batchNorm: withDefault(BATCH_NORM, 'keep'),
  /** The loss, by name or as a function. Default: as of a `ModelLoss`. */
  loss: LOSS,
  /** Samples per forward pass, >= 1. Default: as for `evaluateMany`. */
  batchSize: whole({ min: 1 }),
  /**
   * Bytes that the weight sets evaluated together may take, as in `evaluateMany`; a quarter of it may hold
   * random numbers in addition. Default 256 MB; on a GPU a quarter of its free memory, if that is more.
   */
  memoryBudget: number({ min: 1 }),
};

/** Options of a `NoiseEvaluator`: how noise is drawn, and how models are evaluated under it. */
export type NoiseEvaluatorOptions = OptionsOf<typeof EVALUATOR>;

const REPORTS = {
  /** Stops the evaluation after the present weight sets, with an AbortedError. */
  signal: signal(),
  /** Called from time to time. */
  onProgress: callback<(progress: NoiseProgress) => void>(),
};

/** How one evaluation draws, stops and reports. What is left out is as the evaluator's options say. */
export type NoiseRunOptions = OptionsOf<typeof REPORTS> &
  Pick<NoiseEvaluatorOptions, 'draws' | 'seed' | 'select' | 'batchNorm'>;

const RUN = {
  draws: whole({ min: 1 }),
  seed: whole(),
  select: callback<TensorSelector>(),
  batchNorm: BATCH_NORM,
  ...REPORTS,
};

const AT_LEAST_ONE = 'a list of at least one number';
const LIST_OF_LEVELS = option<readonly number[]>('numbers', AT_LEAST_ONE, (path, value, form) => {
  const levels = listOf(number()).check(path, value, form);
  if (levels.length === 0) throw new OptionError(path, value, AT_LEAST_ONE);
  return levels;
});

const LEVELS = {
  /** The noise at each level, such as `(sigma) => gaussianNoise({ sigma })`. */
  noise: needed(callback<NoiseFamily>()),
  /** The levels: sigmas, rates, bits, seconds. At least one. */
  levels: needed(LIST_OF_LEVELS),
};

/** What `NoiseEvaluator.evaluate` evaluates. */
export type NoiseLevelsOptions = OptionsOf<typeof LEVELS> & NoiseRunOptions;

const LAYERS = {
  /** The noise that one layer after the other gets. */
  noise: needed(
    where<WeightNoise>(
      'object',
      'a noise model',
      (value) => typeof (value as WeightNoise | null)?.apply === 'function',
    ),
  ),
};

/** What `NoiseEvaluator.sensitivity` evaluates. */
export type NoiseLayersOptions = OptionsOf<typeof LAYERS> & NoiseRunOptions;

/** Options of `evaluateUnderNoise`. */
export type NoiseEvaluationOptions = NoiseEvaluatorOptions & NoiseLevelsOptions;

/** Options of `noiseSensitivity`. */
export type NoiseSensitivityOptions = NoiseEvaluatorOptions & NoiseLayersOptions;

/** How far an evaluation is. */
export interface NoiseProgress {
  /** Weight sets evaluated so far. */
  done: number;
  /** Weight sets in all: draws times levels that change something, and the clean one. */
  total: number;
}

/** Loss and accuracy of the model without noise. */
export type CleanEvaluation = Pick<EvaluationResult, 'loss' | 'accuracy'>;

/** What noise did to the model, over draws. */
export interface NoiseEffect {
  /** Name of the noise, with its settings. */
  noise: string;
  /** Accuracy in [0, 1]. */
  accuracy: DrawSummary;
  /** Accuracy lost: clean minus noisy. */
  accuracyDrop: DrawSummary;
  /** Loss with noise. */
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
  /** The level: a sigma, a rate, bits or seconds, as the noise has it. */
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

/** What all results have. */
interface NoiseResult {
  /** The model without noise. */
  clean: CleanEvaluation;
  /** Number of noise draws. */
  draws: number;
  /** Seed of the draws. */
  seed: number;
  /** Number of samples that each weight set was evaluated on. */
  samples: number;
  /** Duration in seconds. */
  seconds: number;
}

/** Result of `evaluateUnderNoise`. */
export interface NoiseEvaluation extends NoiseResult {
  /** One entry per level, in the given order. */
  levels: NoiseLevel[];
}

/** Result of `noiseSensitivity`. */
export interface NoiseSensitivity extends NoiseResult {
  /** One entry per layer that has weights to be noisy, in the order of the layers. */
  layers: LayerSensitivity[];
}

/** The share of the memory budget that random numbers may take, to be used again. */
const SHARE_OF_DRAWS = 0.25;

/**
 * Accuracy and loss of `model` on `data` with noisy weights, at several noise levels, over several draws.
 *
 * Where many models of one architecture are evaluated, use one `NoiseEvaluator`, which compiles once.
 *
 * @example
 * const { levels } = await evaluateUnderNoise(model, test, {
 *   noise: (sigma) => gaussianNoise({ sigma }),
 *   levels: [0.1, 0.2, 0.3],
 *   batchNorm: { data: train, batches: 10 },
 * });
 * @throws OptionError, also where a noise changed no weight in any draw although its settings say that it
 *   does; DataError; AbortedError. The model is the same afterwards, bit for bit, whatever happens.
 */
export async function evaluateUnderNoise(
  model: tf.LayersModel,
  data: Samples,
  options: NoiseEvaluationOptions,
): Promise<NoiseEvaluation> {
  checkObject('evaluateUnderNoise: options', options);
  const { noise, levels, signal, onProgress, ...evaluatorOptions } = options;
  return disposing(new NoiseEvaluator(model, data, evaluatorOptions), (evaluator) =>
    evaluator.evaluate({ noise, levels, signal, onProgress }),
  );
}

/**
 * Accuracy and loss of `model` on `data` with noise on one layer at a time: which layers bear it, and which
 * do not.
 *
 * @throws As `evaluateUnderNoise`.
 */
export async function noiseSensitivity(
  model: tf.LayersModel,
  data: Samples,
  options: NoiseSensitivityOptions,
): Promise<NoiseSensitivity> {
  checkObject('noiseSensitivity: options', options);
  const { noise, signal, onProgress, ...evaluatorOptions } = options;
  return disposing(new NoiseEvaluator(model, data, evaluatorOptions), (evaluator) =>
    evaluator.sensitivity({ noise, signal, onProgress }),
  );
}

/**
 * Evaluates one model under noise, at the weights that it has at each call, by compiled functions. To compare
 * trained models of one architecture, set their weights one after the other. Dispose it after use.
 */
export class NoiseEvaluator {
  readonly #model: tf.LayersModel;
  readonly #defaults: Required<Pick<NoiseEvaluatorOptions, 'draws' | 'seed' | 'select' | 'batchNorm'>>;
  readonly #loss: ModelLoss;
  readonly #estimators: { options: BatchNormOptions; estimator: BatchNormEstimator }[] = [];
  readonly #drawBudget: number;
  #kept: KeptDraws;
  #chunkSize: number | undefined;

  /** @throws OptionError, DataError */
  constructor(model: tf.LayersModel, data: Samples, options: NoiseEvaluatorOptions = {}) {
    const { draws, seed, select, batchNorm, ...others } = checkOptions(
      'evaluation under noise',
      EVALUATOR,
      options,
    );
    // Asked for once: on a GPU the answer comes from a program.
    const { memoryBudget = defaultMemoryBudget(), ...evaluatorOptions } = others;
    this.#model = model;
    this.#defaults = { draws, seed, select, batchNorm };
    this.#drawBudget = SHARE_OF_DRAWS * memoryBudget;
    this.#kept = new KeptDraws(seed, this.#drawBudget);
    selectTensors(weightTensors(model), select);
    this.#loss = new ModelLoss(model, data, { ...evaluatorOptions, memoryBudget });
    try {
      this.#estimatorOf(batchNorm);
    } catch (error) {
      this.#loss.dispose();
      throw error;
    }
  }

  /** Accuracy and loss at several levels of a noise. As `evaluateUnderNoise`. */
  async evaluate(options: NoiseLevelsOptions): Promise<NoiseEvaluation> {
    const { noise, levels, ...run } = checkOptions('NoiseEvaluator.evaluate', { ...RUN, ...LEVELS }, options);
    const tensors = this.#tensors(run);
    const cases = levels.map((level) => ({ noise: noise(level), tensors }));
    const { effects, ...result } = await this.#run(cases, run);
    return { ...result, levels: effects.map((effect, i) => ({ level: levels[i], ...effect })) };
  }

  /** Accuracy and loss with noise on one layer at a time. As `noiseSensitivity`. */
  async sensitivity(options: NoiseLayersOptions): Promise<NoiseSensitivity> {
    const { noise, ...run } = checkOptions('NoiseEvaluator.sensitivity', { ...RUN, ...LAYERS }, options);
    const tensors = this.#tensors(run);
    const names = [...new Set(tensors.map(layerOf))];
    const cases = names.map((name) => ({
      noise,
      tensors: tensors.filter((tensor) => layerOf(tensor) === name),
    }));
    const { effects, ...result } = await this.#run(cases, run);
    return {
      ...result,
      layers: effects.map((effect, i) => ({
        layer: names[i],
        tensors: cases[i].tensors.map(({ name }) => name),
        weights: cases[i].tensors.reduce((sum, { variable }) => sum + variable.size, 0),
        ...effect,
      })),
    };
  }

  /** Frees the samples and the compiled functions. */
  dispose(): void {
    this.#loss.dispose();
    for (const { estimator } of this.#estimators) estimator.dispose();
  }

  #tensors({ select = this.#defaults.select }: NoiseRunOptions): ModelTensor[] {
    return selectTensors(weightTensors(this.#model), select);
  }

  /** The estimator of BatchNorm's statistics, which is compiled once for equal options. */
  #estimatorOf(options: 'keep' | BatchNormOptions): BatchNormEstimator | undefined {
    if (options === 'keep') return undefined;
    const { data, batches, batchSize, seed } = options;
    const known = this.#estimators.find(
      ({ options: other }) =>
        other.data === data &&
        other.batches === batches &&
        other.batchSize === batchSize &&
        other.seed === seed,
    );
    if (known !== undefined) return known.estimator;
    const estimator = new BatchNormEstimator(this.#model, options);
    this.#estimators.push({ options, estimator });
    return estimator;
  }

  async #run(
    cases: readonly NoiseCase[],
    options: NoiseRunOptions,
  ): Promise<NoiseResult & { effects: NoiseEffect[] }> {
    const started = performance.now();
    const { draws = this.#defaults.draws, seed = this.#defaults.seed, signal, onProgress } = options;
    if (seed !== this.#kept.seed) this.#kept = new KeptDraws(seed, this.#drawBudget);
    const estimator = this.#estimatorOf(options.batchNorm ?? this.#defaults.batchNorm);
    const variables = allVariables(this.#model);
    const sets = new NoisyWeightSets(variables, await numbersOf(variables), cases, {
      draws: this.#kept,
      count: draws,
      estimator,
    });
    // Chunks of one size for all runs, chosen to fit the first: one graph is compiled.
    const { chunkSize } = this.#loss;
    this.#chunkSize ??= Math.ceil(sets.count / Math.ceil(sets.count / chunkSize));
    const { losses, accuracies } = await this.#loss.atMany(sets, {
      signal,
      chunkSize: this.#chunkSize,
      onChunk: ({ from, losses: { length } }) => onProgress?.({ done: from + length, total: sets.count }),
    });
    const clean = { loss: losses[0], accuracy: accuracies[0] };
    const effects = cases.map(({ noise }, i): NoiseEffect => {
      const injected = sets.injected[i];
      if (!noise.changesNothing && injected.every(({ relativeError }) => relativeError === 0)) {
        throw new OptionError(
          'noise',
          noise.name,
          'a noise that changes weights',
          `It changed none in ${draws} draws.`,
        );
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
    const seconds = (performance.now() - started) / 1000;
    return { clean, effects, draws, seed, samples: this.#loss.sampleCount, seconds };
  }
}

/** Name of the layer that a tensor belongs to: its own name without the last part. */
function layerOf({ name }: WeightTensor): string {
  return name.includes('/') ? name.slice(0, name.lastIndexOf('/')) : name;
}
