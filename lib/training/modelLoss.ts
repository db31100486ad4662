/**
 * The loss of a model on samples: as the model is, at other weights, at many weight sets; its gradient, and
 * its Hessian times a vector.
 *
 *   at                    loss and accuracy at the present weights
 *   atMany                the same at many weight sets: points of a surface, noisy weights, checkpoints
 *   loss, gradient, hvp   batch by batch, as functions of one flat weight vector (flatLoss.ts)
 *
 * Many weight sets are evaluated in one of two ways, both compiled:
 *
 *   'stacked'   dense networks: m weight sets in one batched forward pass (stacked.ts)
 *   'loop'      every other model: one weight set after the other, as the input of the compiled forward pass
 *
 * Both leave out what a loop of setWeights and evaluate does beside the work itself. The weights of the model
 * are the same afterwards, bit for bit.
 */
import { usesGpu } from '../compile/backend';
import { type Compiled, compile } from '../compile/compile';
import { crossEntropy } from '../compile/losses';
import { defaultMemoryBudget } from '../compile/memoryBudget';
import { checkNumber, checkOneOf, throwIfAborted } from '../core/errors';
import { takeNumbers } from '../core/numbers';
import { callback, checkOptions, flag, number, type OptionsOf, oneOf, signal, whole } from '../core/options';
import * as tf from '../core/tf';
import { nextTurn } from '../core/turn';
import { classBoundary, correctCount } from './accuracy';
import { defaultBatchSize, inParts, samplesWithin, stackedChunkSize } from './chunkSizes';
import { lossFor } from './defaultLoss';
import { FlatLoss } from './flatLoss';
import { foldedForward } from './folded';
import { type BatchNormMode, forward } from './forward';
import { HeldBatches, keptClones } from './heldBatches';
import { type BatchLoss, LOSS } from './losses';
import { checkMetrics, METRICS, type MetricName, metricOf } from './metrics';
import { labelsAreNumbers, type Samples, sampleBatches, sampleCount, type TensorSamples } from './samples';
import { stackedForward } from './stacked';
import { chunksOf, padRows, variablesOf, type WeightSets } from './weightSets';
import { allVariables, trainableVariables, withWeights } from './weights';

/** Describes `EvaluateOptions`. */
export const EVALUATE = {
  /**
   * Samples per forward pass, >= 1; in `gradient` and `hvp` the m of m-sharpness. Results at fixed weights
   * depend on it by rounding only, unless `batchNorm` is `'batch'`. Default: 250 for the present weights, 128
   * for gradients; for many weight sets batches of equal size, of at most 1000 samples in the way `'stacked'`
   * and 500 in the way `'loop'` (on a GPU: as many as there are), fewer where the activations of a layer
   * would take much of the budget.
   */
  batchSize: whole({ min: 1 }),
  /**
   * The loss, by name or as a function. Default: mean cross-entropy, on logits or on what the model's last
   * activation makes of them; mean squared error where the labels of a data set are numbers.
   */
  loss: LOSS,
  /**
   * What else to measure, by name; `accuracy` is there anyway where labels are classes. Weight sets in number
   * have none. Default none.
   */
  metrics: METRICS,
  /**
   * `'moving'`: by the moving averages, as in `model.predict`. `'batch'`: by each batch's own mean and
   * variance, as in training; the moving averages stay as they are, and Dropout is active; it rules out the
   * way `'stacked'`. Default `'moving'`.
   */
  batchNorm: oneOf<BatchNormMode>(['moving', 'batch']),
  /**
   * Changes what the model puts out, before loss and accuracy are taken: masks the heads of other tasks, for
   * example.
   */
  outputs: callback<(outputs: tf.Tensor) => tf.Tensor>(),
  /** Stops the evaluation at the next batch, with an AbortedError. */
  signal: signal(),
};

/** How a model is evaluated. */
export type EvaluateOptions = OptionsOf<typeof EVALUATE>;

const OF_MODEL_LOSS = {
  /**
   * Bytes that the weight sets of one chunk and what is computed from them may take, >= 1. Half as much comes
   * on top for samples that are held as tensors; others are converted for each use. So does the model itself.
   * At least one set is evaluated at a time, whatever the budget. Default 256 MB; on a GPU a quarter of its
   * free memory, if that is more.
   */
  memoryBudget: number({ min: 1 }),
  /** Weight sets per chunk, >= 1, in place of a number chosen from the budget. */
  chunkSize: whole({ min: 1 }),
  /** `'loop'` takes that way for a dense network too. Default: `'stacked'` where the model allows it. */
  way: oneOf(['stacked', 'loop']),
  /** Runs op by op in place of compiling. Default false. */
  eager: flag(false),
};

/** How a `ModelLoss` works. */
export type ModelLossOptions = OptionsOf<typeof OF_MODEL_LOSS> & Omit<EvaluateOptions, 'signal'>;

/** Result of an evaluation. */
export interface EvaluationResult {
  /** Mean loss over all samples. */
  loss: number;
  /**
   * Share of samples whose largest output is at their label, in [0, 1]; with one output, of those where it is
   * on the side of its label, 0 or 1: above 0, or above 0.5 where it is a sigmoid's. NaN where labels are no
   * classes but numbers.
   */
  accuracy: number;
  /** Number of samples. */
  count: number;
  /** The `metrics` that were asked for, by name; absent where none were. */
  metrics?: Record<string, number>;
}

/** Losses and accuracies of many weight sets. */
export interface ManyEvaluations {
  /** Mean loss over all samples, for each weight set. */
  losses: Float64Array;
  /** Share of right answers in [0, 1], for each weight set; NaN where labels are no classes. */
  accuracies: Float64Array;
}

/** What one chunk gave. */
export interface ChunkEvaluations extends ManyEvaluations {
  /** First weight set of the chunk. */
  from: number;
}

/** Describes `AtManyOptions`. */
export const AT_MANY = {
  /** Stops after the present chunk, with an AbortedError. */
  signal: signal(),
  /**
   * Weight sets per chunk of this run, >= 1. A last chunk that is smaller is filled up, so that one size is
   * compiled.
   */
  chunkSize: whole({ min: 1 }),
  /** Called with the results of each chunk as soon as they are there. */
  onChunk: callback<(chunk: ChunkEvaluations) => void | Promise<void>>(),
};

/** How the evaluation of many weight sets reports and stops. */
export type AtManyOptions = OptionsOf<typeof AT_MANY>;

/** How many weight sets are evaluated. */
interface Plan {
  way: 'stacked' | 'loop';
  batchSize: number;
  /** Samples that go through the network together, in the way `'loop'`. */
  partSize: number;
  chunkSize: number;
}

/** Describes `EvaluateOptions` without the signal. */
export const { signal: _, ...EVALUATE_SYNC } = EVALUATE;

/** Describes `ModelLossOptions`. */
export const MODEL_LOSS = { ...EVALUATE_SYNC, ...OF_MODEL_LOSS };

/** Data sets of different sizes end in batches of different sizes; a forward pass is compiled for each. */
const MAX_SIGNATURES = 32;

/** Samples per forward pass at the present weights. */
const BATCH = 250;

/** Samples per gradient. */
const GRADIENT_BATCH = 128;

/** Bytes of the largest activations of one part, which stay in the cache of a core from layer to layer. */
const PART_BYTES = 5 * 2 ** 20;

/**
 * The loss of one model on some samples. Holds batches as tensors, as the memory allows, and compiled
 * functions: dispose it after use.
 *
 * @example
 * const loss = new ModelLoss(model, train);
 * const { losses } = await loss.atMany([noisy(1), noisy(2), noisy(3)]);
 */
export class ModelLoss extends FlatLoss {
  /** Number of samples. */
  readonly sampleCount: number;
  readonly #model: tf.LayersModel;
  /** Where they were given as tensors, own references to them: their owner may dispose his. */
  readonly #samples: Samples;
  readonly #options: ModelLossOptions;
  readonly #loss: BatchLoss;
  readonly #metrics: readonly MetricName[];
  readonly #boundary: number;
  /** Whether labels are numbers, so that no answer is right or wrong. */
  readonly #ofNumbers: boolean;
  readonly #evaluate: Compiled<[batch: TensorSamples], tf.Tensor>;
  readonly #many: Compiled<[weights: tf.Tensor[], batch: TensorSamples], tf.Tensor>;
  #held: { size: number; batches: HeldBatches } | undefined;
  #plan: Plan | undefined;

  /** @throws OptionError, DataError */
  constructor(model: tf.LayersModel, samples: Samples, options: ModelLossOptions = {}) {
    const settings = checkOptions('ModelLoss', MODEL_LOSS, options);
    const { batchSize = GRADIENT_BATCH, way, eager, metrics = [] } = settings;
    const count = sampleCount(samples);
    const ofNumbers = labelsAreNumbers(samples) || learnsNumbers(settings);
    checkMetrics(metrics, ofNumbers);
    if (way !== undefined) checkOneOf('way', way, canStack(model, settings) ? ['stacked', 'loop'] : ['loop']);
    const loss = lossFor(model, settings.loss, samples);
    const lossOf = (batch?: TensorSamples): tf.Scalar =>
      loss(batch!.ys, outputsOf(model, batch!.xs, settings));
    super(trainableVariables(model), lossOf, { eager }, () => this.#batches(batchSize));
    this.sampleCount = count;
    this.#model = model;
    this.#samples = 'tensors' in samples ? samples : keptClones(samples);
    this.#options = settings;
    this.#loss = loss;
    this.#metrics = metrics;
    this.#boundary = classBoundary(model);
    this.#ofNumbers = ofNumbers;
    const common = { eager: eager || undefined, maxSignatures: MAX_SIGNATURES };
    const scored = ({ xs, ys }: TensorSamples): tf.Tensor => {
      const outputs = outputsOf(model, xs, settings);
      const [ofLoss, correct] = this.#scores(ys, outputs);
      const accuracy = (): tf.Scalar => tf.div(correct, xs.shape[0]);
      return tf.stack([ofLoss, correct, ...metrics.map((name) => metricOf(name, accuracy, ys, outputs))]);
    };
    this.#evaluate = compile((batch) => tf.tidy(() => scored(batch)), { ...common, name: 'ModelLoss.at' });
    this.#many = compile((weights, batch) => tf.tidy(() => this.#scoresOf(weights, batch)), {
      ...common,
      name: 'ModelLoss.atMany',
    });
  }

  /** In which way many weight sets are evaluated. */
  get way(): 'stacked' | 'loop' {
    return this.#planned.way;
  }

  /**
   * Weight sets per chunk. A run cuts its sets at the multiples of this number, so its results do not depend
   * on the budget alone.
   */
  get chunkSize(): number {
    return this.#planned.chunkSize;
  }

  /**
   * Loss and accuracy at the present weights: exact means, so a smaller last batch counts by its size. Gives
   * way to other work after each batch.
   *
   * @param samples Other samples to evaluate on. Default: its own.
   * @throws AbortedError
   */
  async at(samples: Samples = this.#samples, signal?: AbortSignal): Promise<EvaluationResult> {
    const total = new Total();
    for (const batch of sampleBatches(samples, this.#options.batchSize ?? BATCH)) {
      const size = batch.xs.shape[0];
      const [loss, correct, ...metrics] = await takeNumbers(this.#evaluated(batch));
      total.add(loss, correct, size, metrics);
      await nextTurn();
      throwIfAborted(signal, 'The evaluation');
    }
    return total.means(this.#metrics);
  }

  /** Like `at`, in one go; not for WebGPU, whose numbers can only be waited for. */
  atSync(samples: Samples = this.#samples): EvaluationResult {
    const total = new Total();
    for (const batch of sampleBatches(samples, this.#options.batchSize ?? BATCH)) {
      const size = batch.xs.shape[0];
      const result = this.#evaluated(batch);
      const [loss, correct, ...metrics] = result.dataSync();
      result.dispose();
      total.add(loss, correct, size, metrics);
    }
    return total.means(this.#metrics);
  }

  /**
   * Loss and accuracy at each weight set.
   *
   * @param weightSets Made chunk by chunk; or an iterable of sets, each a list of tensors as
   *   `model.getWeights(true)` or `model.getWeights()` gives it, which stay the caller's.
   * @throws StateMismatchError, AbortedError
   */
  async atMany(
    weightSets: WeightSets | Iterable<tf.Tensor[]>,
    options: AtManyOptions = {},
  ): Promise<ManyEvaluations> {
    const { signal, onChunk, chunkSize = this.chunkSize } = options;
    checkNumber('chunkSize', chunkSize, { min: 1, integer: true });
    const filled = options.chunkSize !== undefined;
    const losses: number[] = [];
    const accuracies: number[] = [];
    for await (const { from, weights } of chunksOf(weightSets, chunkSize)) {
      let chunk: ManyEvaluations;
      try {
        throwIfAborted(signal, 'The evaluation of many weight sets');
        const sets = weights[0].shape[0];
        // A compiled function is made for one number of sets. The sizes of last chunks are rounded up, so
        // that there are few.
        chunk = await this.#chunk(
          weights,
          sets,
          filled ? chunkSize : Math.min(2 ** Math.ceil(Math.log2(sets)), chunkSize),
        );
      } finally {
        tf.dispose(weights);
      }
      losses.push(...chunk.losses);
      accuracies.push(...chunk.accuracies);
      await onChunk?.({ from, ...chunk });
      await nextTurn();
    }
    return { losses: Float64Array.from(losses), accuracies: Float64Array.from(accuracies) };
  }

  /** Frees the samples and the compiled functions. */
  override dispose(): void {
    super.dispose();
    this.#held?.batches.dispose();
    this.#held = undefined;
    if (!('tensors' in this.#samples)) tf.dispose([this.#samples.xs, this.#samples.ys]);
    this.#evaluate.dispose();
    this.#many.dispose();
  }

  /**
   * The samples in batches of one size: those of another size are let go, so that the budget holds for all.
   */
  #batches(size: number): HeldBatches {
    if (this.#held?.size !== size) {
      this.#held?.batches.dispose();
      this.#held = { size, batches: new HeldBatches(this.#samples, size, this.#options.memoryBudget) };
    }
    return this.#held.batches;
  }

  /** Loss, number of right answers and metrics of a batch, which is freed. The caller owns the result. */
  #evaluated({ xs, ys }: TensorSamples): tf.Tensor {
    try {
      return this.#evaluate({ xs, ys });
    } finally {
      tf.dispose([xs, ys]);
    }
  }

  /** The evaluation of `sets` weight sets, filled up to `padded`. */
  async #chunk(weights: tf.Tensor[], sets: number, padded: number): Promise<ManyEvaluations> {
    const totals = Array.from({ length: sets }, () => new Total());
    const fed = padded === sets ? weights : weights.map((stack) => padRows(stack, padded));
    // Asked for again after each wait, in which others may have asked for batches of another size.
    const batches = (): HeldBatches => this.#batches(this.#planned.batchSize);
    try {
      for (const [batch, size] of batches().sizes.entries()) {
        const values = await takeNumbers(batches().use(batch, (xs, ys) => this.#many(fed, { xs, ys })));
        for (const [i, total] of totals.entries()) total.add(values[i], values[padded + i], size);
      }
    } finally {
      if (fed !== weights) tf.dispose(fed);
    }
    const means = totals.map((total) => total.means());
    return {
      losses: Float64Array.from(means, ({ loss }) => loss),
      accuracies: Float64Array.from(means, ({ accuracy }) => accuracy),
    };
  }

  /** The loss of a batch, and how many answers are right. */
  #scores(ys: tf.Tensor, outputs: tf.Tensor): [loss: tf.Scalar, correct: tf.Scalar] {
    return [
      this.#loss(ys, outputs),
      this.#ofNumbers ? tf.scalar(Number.NaN) : correctCount(ys, outputs, this.#boundary),
    ];
  }

  /** Losses and numbers of right answers of stacked weight sets, `[2 m]`. */
  #scoresOf(weights: tf.Tensor[], { xs, ys }: TensorSamples): tf.Tensor {
    const model = this.#model;
    const { outputs: change, batchNorm } = this.#options;
    const changed = (outputs: tf.Tensor): tf.Tensor => (change === undefined ? outputs : change(outputs));
    const variables = variablesOf(model, weights.length);
    if (this.way === 'stacked') {
      const stack = stackedForward(model, variables)!(weights, xs);
      const isPlain =
        this.#loss === crossEntropy && change === undefined && ys.rank === 1 && ys.dtype === 'int32';
      if (isPlain) return stackedScores(stack, ys as tf.Tensor1D);
      return joined(tf.unstack(stack).map((outputs) => this.#scores(ys, changed(outputs))));
    }
    const folded = foldedForward(model);
    const outputs = (): tf.Tensor =>
      batchNorm === 'batch'
        ? outputsOf(model, xs, this.#options)
        : changed(inParts(folded, xs, this.#planned.partSize));
    const stacks = weights.map(rowsOf);
    const sets = Array.from({ length: weights[0].shape[0] }, (_, i) => stacks.map((stack) => stack[i]));
    return joined(sets.map((set) => withWeights(variables, set, () => this.#scores(ys, outputs()))));
  }

  /** Made at first use: on a GPU the default budget comes from a program. */
  get #planned(): Plan {
    if (this.#plan !== undefined) return this.#plan;
    const model = this.#model;
    const {
      memoryBudget = defaultMemoryBudget(),
      way = canStack(model, this.#options) ? 'stacked' : 'loop',
    } = this.#options;
    const { batchSize = defaultBatchSize(model, way, this.sampleCount, memoryBudget) } = this.#options;
    const most =
      way === 'loop' ? 1 : stackedChunkSize(model, Math.min(batchSize, this.sampleCount), memoryBudget);
    const partSize = Math.max(1, samplesWithin(usesGpu() ? memoryBudget : PART_BYTES, model));
    this.#plan = { way, batchSize, partSize, chunkSize: this.#options.chunkSize ?? most };
    return this.#plan;
  }
}

function canStack(model: tf.LayersModel, { batchNorm }: ModelLossOptions): boolean {
  return batchNorm !== 'batch' && stackedForward(model, allVariables(model)) !== undefined;
}

/** Whether the loss that is given learns numbers. */
function learnsNumbers({ loss }: ModelLossOptions): boolean {
  const kind = typeof loss === 'object' ? loss.kind : loss;
  return typeof kind === 'string' && kind !== 'crossEntropy';
}

function outputsOf(
  model: tf.LayersModel,
  xs: tf.Tensor,
  { batchNorm = 'moving', outputs }: ModelLossOptions,
): tf.Tensor {
  const unchanged = forward(model, xs, batchNorm);
  return outputs === undefined ? unchanged : outputs(unchanged);
}

function joined(rows: [loss: tf.Scalar, correct: tf.Scalar][]): tf.Tensor {
  return tf.stack([...rows.map(([loss]) => loss), ...rows.map(([, correct]) => correct)]);
}

/** The sets of a stack, one after the other. */
function rowsOf(stack: tf.Tensor): tf.Tensor[] {
  const rows = tf.unstack(stack);
  // On wasm a row keeps the shape that it had within the stack, and dense layers refuse it as their bias.
  return tf.getBackend() === 'wasm' ? rows.map((row) => tf.mul(row, 1)) : rows;
}

/**
 * Cross-entropy and right answers of all sets at once: few ops, so that the graph is small. `stack` is
 * `[m, n, classes]`.
 */
function stackedScores(stack: tf.Tensor3D, ys: tf.Tensor1D): tf.Tensor {
  const atLabel = tf.sum(tf.mul(stack, tf.oneHot(ys, stack.shape[2])), 2);
  const losses = tf.mean(tf.sub(tf.logSumExp(stack, 2), atLabel), 1);
  const correct = tf.sum(tf.cast(tf.equal(tf.argMax(stack, 2), ys), 'float32'), 1);
  return tf.concat([losses, correct]);
}

/** Sums in float64, weighted by batch size. */
class Total {
  #loss = 0;
  #correct = 0;
  #count = 0;
  readonly #metrics: number[] = [];

  add(meanLoss: number, correct: number, size: number, metrics: readonly number[] = []): void {
    this.#loss += meanLoss * size;
    this.#correct += correct;
    this.#count += size;
    for (const [i, mean] of metrics.entries()) this.#metrics[i] = (this.#metrics[i] ?? 0) + mean * size;
  }

  means(names: readonly MetricName[] = []): EvaluationResult {
    const count = this.#count;
    const result = { loss: this.#loss / count, accuracy: this.#correct / count, count };
    if (names.length === 0) return result;
    return {
      ...result,
      metrics: Object.fromEntries(names.map((name, i) => [name, this.#metrics[i] / count])),
    };
  }
}
