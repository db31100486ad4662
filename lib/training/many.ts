/**
 * Loss and accuracy of one model at many weight sets: points of a loss surface, noisy weights, checkpoints.
 *
 * Two ways, both compiled:
 *
 *   'stacked'   dense networks: m weight sets in one batched forward pass (stacked.ts)
 *   'loop'      every other model: one weight set after the other, given to the compiled forward pass as its input
 *
 * Both leave out what a loop of setWeights and evaluate does beside the work itself. The weights of the model are the
 * same afterwards, bit for bit.
 */
import { usesGpu } from '../compile/backend';
import { type Compiled, compile } from '../compile/compile';
import { crossEntropy } from '../compile/losses';
import { defaultMemoryBudget } from '../compile/memoryBudget';
import { checkKnownOptions, checkNumber, checkOneOf, DataError, StateMismatchError, throwIfAborted } from '../core/errors';
import { callsOf } from '../core/modelGraph';
import * as tf from '../core/tf';
import { type BatchLoss, type BatchNormMode, classBoundary, correctCount, forward } from './evaluate';
import { foldedForward } from './folded';
import { HeldBatches } from './heldBatches';
import { lossFor } from './modelLoss';
import { type Samples, sampleCount } from './samples';
import { type StackedForward, stackedForward } from './stacked';
import { allVariables, trainableVariables, withWeights } from './weights';

/** Many weight sets, made chunk by chunk. */
export interface WeightSets {
  /** Number of weight sets. */
  readonly count: number;
  /**
   * The sets `from` (inclusive) to `to` (exclusive): for each weight of the model one tensor `[to - from, ...shape]`. Either the
   * trainable weights, in the order of `model.trainableWeights`, or all, in the order of `model.weights`; all chunks
   * alike. The evaluation disposes them.
   */
  chunk(from: number, to: number): tf.Tensor[];
}

/** How a `ManyEvaluator` works. */
export interface ManyEvaluatorOptions {
  /** The loss. Default: mean cross-entropy, on logits or on what the model's last activation makes of them. */
  loss?: BatchLoss;
  /**
   * Samples per forward pass, >= 1. Default: batches of equal size, of at most 1000 samples in the way `'stacked'` and 500 in the way
   * `'loop'` (on a GPU: as many as there are), fewer where the activations of a layer would take much of the budget.
   */
  batchSize?: number;
  /** By which statistics BatchNorm normalises, as in `evaluate`. `'batch'` rules out the way `'stacked'`. Default `'moving'`. */
  batchNorm?: BatchNormMode;
  /**
   * Bytes that the weight sets of one chunk and what is computed from them may take, >= 1. Half as much comes on top for samples
   * that are held as tensors; others are converted for each use. So does the model itself. At
   * least one set is evaluated at a time, whatever the budget. Default 256 MB; on a GPU a quarter of its free memory, if that is more.
   */
  memoryBudget?: number;
  /** Weight sets per chunk, >= 1, in place of a number chosen from the budget. */
  chunkSize?: number;
  /** `'loop'` takes that way for a dense network too. Default: `'stacked'` where the model allows it. */
  way?: 'stacked' | 'loop';
  /** Runs op by op in place of compiling. Default false. */
  eager?: boolean;
}

/** What one chunk gave. */
export interface ChunkEvaluations {
  /** First weight set of the chunk. */
  from: number;
  /** Mean loss of each weight set of the chunk. */
  losses: Float64Array;
  /** Accuracy of each weight set of the chunk, in [0, 1]. */
  accuracies: Float64Array;
}

/** How one run of a `ManyEvaluator` reports and stops. */
export interface ManyRunOptions {
  /** Stops the run after the present chunk, with an AbortedError. */
  signal?: AbortSignal;
  /** Weight sets per chunk of this run, >= 1. A last chunk that is smaller is filled up, so that one size is compiled. */
  chunkSize?: number;
  /** Called with the results of each chunk as soon as they are there. */
  onChunk?: (chunk: ChunkEvaluations) => void | Promise<void>;
}

/** Losses and accuracies of many weight sets. */
export interface ManyEvaluations {
  /** Mean loss over all samples, for each weight set. */
  losses: Float64Array;
  /** Share of right answers in [0, 1], for each weight set; NaN where labels are no classes. */
  accuracies: Float64Array;
}

/** Bytes of a float32. */
const FLOAT = 4;

/**
 * Activations of a chunk that fit the processor's cache are evaluated about twice as fast as larger ones. On a GPU the more
 * the better.
 */
const CACHE_FRIENDLY_BYTES = 16 * 2 ** 20;

/** Bytes of the largest activations of one part, which stay in the cache of a core from layer to layer. */
const PART_BYTES = 5 * 2 ** 20;

const OPTIONS = ['loss', 'batchSize', 'batchNorm', 'memoryBudget', 'chunkSize', 'way', 'eager'] as const;

/**
 * Evaluates `model` on `samples` at many weight sets, run after run. Holds samples as tensors, as the budget allows, and compiled functions:
 * dispose it after use.
 */
export class ManyEvaluator {
  /** Which of the two ways is taken. */
  readonly way: 'stacked' | 'loop';
  /** Weight sets per chunk. A run cuts its sets at the multiples of this number, so its results do not depend on the budget alone. */
  readonly chunkSize: number;
  /** Number of samples. */
  readonly sampleCount: number;
  readonly #model: tf.LayersModel;
  readonly #batches: HeldBatches;
  readonly #loss: BatchLoss;
  readonly #batchNorm: BatchNormMode;
  /** Samples that go through the network together, in the way `'loop'`. */
  readonly #partSize: number;
  readonly #eager: boolean;
  readonly #programs = new Map<number, Compiled<tf.Tensor[], tf.Tensor>>();

  /** @throws OptionError, DataError */
  constructor(model: tf.LayersModel, samples: Samples, options: ManyEvaluatorOptions = {}) {
    checkKnownOptions('evaluateMany', options, OPTIONS);
    const { batchNorm = 'moving', eager = false } = options;
    const { memoryBudget = defaultMemoryBudget() } = options;
    checkOneOf('batchNorm', batchNorm, ['moving', 'batch']);
    checkNumber('memoryBudget', memoryBudget, { min: 1 });
    this.#model = model;
    this.#loss = lossFor(model, options.loss);
    this.#batchNorm = batchNorm;
    this.#partSize = Math.max(1, usesGpu() ? samplesWithin(memoryBudget, model) : samplesWithin(PART_BYTES, model));
    this.#eager = eager;
    this.sampleCount = sampleCount(samples);
    const canStack = batchNorm === 'moving' && stackedForward(model, allVariables(model)) !== undefined;
    this.way = checkOneOf('way', options.way ?? (canStack ? 'stacked' : 'loop'), canStack ? ['stacked', 'loop'] : ['loop']);
    const batchSize = options.batchSize ?? defaultBatchSize(model, this.way, this.sampleCount, memoryBudget);
    this.chunkSize =
      options.chunkSize === undefined
        ? this.way === 'loop'
          ? 1
          : stackedChunkSize(model, Math.min(batchSize, this.sampleCount), memoryBudget)
        : checkNumber('chunkSize', options.chunkSize, { min: 1, integer: true });
    this.#batches = new HeldBatches(samples, batchSize, memoryBudget);
  }

  /**
   * Loss and accuracy at each weight set.
   *
   * @param weightSets Made chunk by chunk; or an iterable of sets, each a list of tensors as `model.getWeights(true)` or
   *   `model.getWeights()` gives it, which stay the caller's.
   * @throws StateMismatchError, AbortedError
   */
  async run(weightSets: WeightSets | Iterable<tf.Tensor[]>, options: ManyRunOptions = {}): Promise<ManyEvaluations> {
    const { signal, onChunk, chunkSize = this.chunkSize } = options;
    checkNumber('chunkSize', chunkSize, { min: 1, integer: true });
    const filled = options.chunkSize !== undefined;
    const losses: number[] = [];
    const accuracies: number[] = [];
    for (const { from, weights } of this.#chunks(weightSets, chunkSize)) {
      let chunk: ChunkEvaluations;
      try {
        throwIfAborted(signal, 'The evaluation of many weight sets');
        chunk = { from, ...this.#evaluate(weights, chunkSize, filled) };
      } finally {
        tf.dispose(weights);
      }
      losses.push(...chunk.losses);
      accuracies.push(...chunk.accuracies);
      await onChunk?.(chunk);
      await new Promise((resolve) => setImmediate(resolve));
    }
    return { losses: Float64Array.from(losses), accuracies: Float64Array.from(accuracies) };
  }

  /** Frees the samples and the compiled functions. */
  dispose(): void {
    this.#batches.dispose();
    for (const program of this.#programs.values()) program.dispose();
    this.#programs.clear();
  }

  *#chunks(
    sets: WeightSets | Iterable<tf.Tensor[]>,
    chunkSize: number,
  ): Generator<{ from: number; weights: tf.Tensor[] }, void, undefined> {
    if ('chunk' in sets) {
      for (let from = 0; from < sets.count; from += chunkSize) {
        yield { from, weights: sets.chunk(from, Math.min(from + chunkSize, sets.count)) };
      }
      return;
    }
    let from = 0;
    let held: tf.Tensor[][] = [];
    try {
      for (const set of sets) {
        held.push(set.map((tensor) => tensor.clone()));
        if (held.length < chunkSize) continue;
        yield { from, weights: stackSets(held) };
        from += held.length;
        tf.dispose(held);
        held = [];
      }
      if (held.length > 0) yield { from, weights: stackSets(held) };
    } finally {
      tf.dispose(held);
    }
  }

  #evaluate(weights: tf.Tensor[], chunkSize: number, filled: boolean): { losses: Float64Array; accuracies: Float64Array } {
    const sets = weights[0].shape[0];
    const losses = new Float64Array(sets);
    const accuracies = new Float64Array(sets);
    // A compiled function is made for one number of sets. The sizes of last chunks are rounded up, so that there are few.
    const padded = filled ? chunkSize : Math.min(2 ** Math.ceil(Math.log2(sets)), chunkSize);
    const fed = padded === sets ? weights : weights.map((stack) => padRows(stack, padded));
    try {
      const program = this.#program(weights.length);
      for (const [batch, size] of this.#batches.sizes.entries()) {
        const result = this.#batches.use(batch, (xs, ys) => program(...fed, xs, ys));
        const values = result.dataSync();
        result.dispose();
        for (let i = 0; i < sets; i++) {
          losses[i] += values[i] * size;
          accuracies[i] += values[padded + i];
        }
      }
    } finally {
      if (fed !== weights) tf.dispose(fed);
    }
    const mean = (sum: number): number => sum / this.sampleCount;
    return { losses: losses.map(mean), accuracies: accuracies.map(mean) };
  }

  /** The compiled evaluation for sets of `weightCount` weights: `[2, m]`, losses and numbers of right answers. */
  #program(weightCount: number): Compiled<tf.Tensor[], tf.Tensor> {
    const known = this.#programs.get(weightCount);
    if (known !== undefined) return known;
    const variables = variablesOf(this.#model, weightCount);
    const stacked = this.way === 'stacked' ? stackedForward(this.#model, variables) : undefined;
    const evaluate = (...tensors: tf.Tensor[]): tf.Tensor =>
      tf.tidy(() => {
        const weights = tensors.slice(0, weightCount);
        const [xs, ys] = tensors.slice(weightCount);
        return stacked === undefined
          ? this.#evaluateLoop(variables, weights, xs, ys)
          : this.#evaluateStacked(stacked, weights, xs, ys);
      });
    const program = compile(evaluate, { name: 'evaluateMany', maxSignatures: 24, eager: this.#eager || undefined });
    this.#programs.set(weightCount, program);
    return program;
  }

  #evaluateStacked(stacked: StackedForward, weights: tf.Tensor[], xs: tf.Tensor, ys: tf.Tensor): tf.Tensor {
    const stack = stacked(weights, xs);
    if (this.#loss === crossEntropy && ys.rank === 1 && ys.dtype === 'int32') return stackedScores(stack, ys as tf.Tensor1D);
    const outputs = tf.unstack(stack);
    return scores(outputs.map((output) => [this.#loss(ys, output), correctCount(ys, output, classBoundary(this.#model))]));
  }

  #evaluateLoop(variables: tf.Variable[], weights: tf.Tensor[], xs: tf.Tensor, ys: tf.Tensor): tf.Tensor {
    const sets = weights[0].shape[0];
    const stacks = weights.map((stack) => tf.unstack(stack));
    const moving = foldedForward(this.#model);
    return scores(
      Array.from({ length: sets }, (_, i) =>
        withWeights(
          variables,
          stacks.map((stack) => stack[i]),
          () => {
            const outputs =
              this.#batchNorm === 'moving' ? inParts(moving, xs, this.#partSize) : forward(this.#model, xs, this.#batchNorm);
            return [this.#loss(ys, outputs), correctCount(ys, outputs, classBoundary(this.#model))];
          },
        ),
      ),
    );
  }
}

/** Options of `evaluateMany`. */
export interface EvaluateManyOptions extends ManyEvaluatorOptions, ManyRunOptions {}

/**
 * Loss and accuracy of `model` on `samples` at many weight sets: those of `evaluate` at each of them, up to rounding.
 *
 * @param weightSets Made chunk by chunk, so that memory stays within the budget; or an iterable of sets.
 * @example const { losses } = await evaluateMany(model, test, [noisy(1), noisy(2), noisy(3)]);
 * @throws OptionError, DataError, StateMismatchError, AbortedError
 */
export async function evaluateMany(
  model: tf.LayersModel,
  samples: Samples,
  weightSets: WeightSets | Iterable<tf.Tensor[]>,
  options: EvaluateManyOptions = {},
): Promise<ManyEvaluations> {
  checkKnownOptions('evaluateMany', options, [...OPTIONS, 'signal', 'onChunk']);
  const { signal, onChunk, ...evaluatorOptions } = options;
  const evaluator = new ManyEvaluator(model, samples, evaluatorOptions);
  try {
    return await evaluator.run(weightSets, { signal, onChunk });
  } finally {
    evaluator.dispose();
  }
}

function variablesOf(model: tf.LayersModel, weightCount: number): tf.Variable[] {
  const trainable = trainableVariables(model);
  if (weightCount === trainable.length) return trainable;
  const all = allVariables(model);
  if (weightCount === all.length) return all;
  throw new StateMismatchError(
    `A weight set has ${weightCount} tensors, but the model has ${trainable.length} trainable weights and ${all.length} in all.`,
  );
}

function stackSets(sets: tf.Tensor[][]): tf.Tensor[] {
  if (sets.some((set) => set.length !== sets[0].length)) {
    throw new DataError('The weight sets differ in their number of tensors.');
  }
  return sets[0].map((_, i) => tf.stack(sets.map((set) => set[i])));
}

function scores(rows: [loss: tf.Scalar, correct: tf.Scalar][]): tf.Tensor {
  return tf.stack([...rows.map(([loss]) => loss), ...rows.map(([, correct]) => correct)]);
}

/** Cross-entropy and right answers of all sets at once: few ops, so that the graph is small. `stack` is `[m, n, classes]`. */
function stackedScores(stack: tf.Tensor3D, ys: tf.Tensor1D): tf.Tensor {
  const atLabel = tf.sum(tf.mul(stack, tf.oneHot(ys, stack.shape[2])), 2);
  const losses = tf.mean(tf.sub(tf.logSumExp(stack, 2), atLabel), 1);
  const correct = tf.sum(tf.cast(tf.equal(tf.argMax(stack, 2), ys), 'float32'), 1);
  return tf.concat([losses, correct]);
}

/** `stack` with its first row repeated until there are `rows`. */
function padRows(stack: tf.Tensor, rows: number): tf.Tensor {
  return tf.tidy(() => {
    const [have, ...shape] = stack.shape;
    const first = tf.slice(stack, [0], [1]);
    return tf.concat([stack, tf.tile(first, [rows - have, ...shape.map(() => 1)])]);
  });
}

/** Most samples per forward pass: larger batches of a dense network save calls, those of others outgrow the processor's cache. */
const MOST_SAMPLES = { stacked: 1000, loop: 500 } as const;

/** Samples per forward pass where none are asked for. All batches but the last are equal, so that few shapes are compiled. */
function defaultBatchSize(model: tf.LayersModel, way: 'stacked' | 'loop', samples: number, memoryBudget: number): number {
  // A few layers are held at a time.
  const most = Math.max(1, Math.min(usesGpu() ? samples : MOST_SAMPLES[way], samplesWithin(memoryBudget / 4, model)));
  return Math.ceil(samples / Math.ceil(samples / most));
}

/** For how many samples the largest activations of `model` fit into `bytes`. */
function samplesWithin(bytes: number, model: tf.LayersModel): number {
  return Math.floor(bytes / (FLOAT * Math.max(...layerSizes(model))));
}

/** `forward(xs)`, part by part within one graph: parts fit the cache, and run in parallel where single ops do not. */
function inParts(forward: (xs: tf.Tensor) => tf.Tensor, xs: tf.Tensor, partSize: number): tf.Tensor {
  const samples = xs.shape[0];
  const count = Math.ceil(samples / partSize);
  if (count === 1) return forward(xs);
  const size = Math.ceil(samples / count);
  const sizes = Array.from({ length: Math.ceil(samples / size) }, (_, i) => Math.min(size, samples - i * size));
  return tf.concat(tf.split(xs, sizes).map(forward));
}

/** Numbers that each call of a layer puts out for one sample, also inside of nested models. */
function layerSizes(model: tf.LayersModel): number[] {
  return callsOf(model)
    .filter(({ outboundLayer }) => model.layers.includes(outboundLayer))
    .flatMap(({ outboundLayer: layer, outputTensors }) => {
      const sizes = outputTensors.map(({ shape }) => shape.slice(1).reduce<number>((size, n) => size * (n ?? 1), 1));
      return 'layers' in layer ? [...sizes, ...layerSizes(layer as tf.LayersModel)] : [Math.max(...sizes)];
    });
}

/** Most weight sets per chunk: progress is seen, and an abort heeded, between chunks. */
const MOST_SETS = 64;

/** How many weight sets of a dense network fit the budget: their weights, and the activations of one batch. */
function stackedChunkSize(model: tf.LayersModel, batchSize: number, memoryBudget: number): number {
  const weights = allVariables(model).reduce((sum, variable) => sum + variable.size, 0);
  const activations = batchSize * layerSizes(model).reduce((sum, n) => sum + n, 0);
  const budget = usesGpu() ? memoryBudget : Math.min(memoryBudget, CACHE_FRIENDLY_BYTES);
  return Math.max(1, Math.min(MOST_SETS, Math.floor(budget / (FLOAT * (2 * weights + activations)))));
}
