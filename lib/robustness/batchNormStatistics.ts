/**
 * BatchNorm's moving statistics, recomputed for given weights.
 *
 *     mean     = sum over batches of n_b * mean_b     / sum of n_b
 *     variance = sum over batches of n_b * variance_b / sum of n_b
 *
 * with mean_b and variance_b of batch b in a forward pass in training mode; a layer that is called several
 * times in it, once for each time step, say, has the means over its calls. Noise on the weights shifts what
 * flows through the network, so the statistics of the clean weights no longer fit; this refits them, without
 * labels and without training.
 *
 * The recipe of `update_bn` in Garipov et al., "Loss surfaces, mode connectivity, and fast ensembling of
 * DNNs", NeurIPS 2018, and Izmailov et al., "Averaging weights leads to wider optima and better
 * generalization", UAI 2018; for analog hardware Joshi et al., Nature Communications 11, 2473 (2020).
 */

import { type Compiled, compile } from '../compile/compile';
import { withBatchNormUpdates } from '../core/batchNorm';
import { disposing } from '../core/disposing';
import { OptionError } from '../core/errors';
import { innermostLayers } from '../core/modelGraph';
import { takeNumbers } from '../core/numbers';
import { checkOptions, needed, type OptionsOf, object, type SettingsOf, whole } from '../core/options';
import { Random } from '../core/random';
import { sumOf } from '../core/sum';
import * as tf from '../core/tf';
import { HeldBatches } from '../training/heldBatches';
import { type Samples, sampleCount } from '../training/samples';
import { withWeights } from '../training/weights';

const OPTIONS = {
  /** Where the samples come from: the training data. Labels are not used. */
  data: needed(object<Samples>()),
  /** Number of batches, chosen at random; at least 1. Default: all, a full recomputation. */
  batches: whole({ min: 1 }),
  /** Samples per batch, >= 1. Default 250. */
  batchSize: whole({ min: 1 }, 250),
  /** Seed of the choice and order of samples, a whole number. Default 0. */
  seed: whole({}, 0),
};

/** Which samples BatchNorm statistics are recomputed on. */
export type BatchNormOptions = OptionsOf<typeof OPTIONS>;

interface BatchNormLayer {
  layer: tf.layers.Layer;
  mean: tf.Variable;
  variance: tf.Variable;
  momentum: number;
}

/** Recomputes BatchNorm statistics again and again, by a compiled forward pass. Dispose it after use. */
export class BatchNormEstimator {
  /**
   * The moving statistics of the model, mean and variance of each BatchNorm layer. Empty for a model without.
   */
  readonly statistics: readonly tf.Variable[];
  readonly #batches: HeldBatches | undefined;
  readonly #measure: Compiled<[tf.Tensor], tf.Tensor>;

  /** @throws OptionError, DataError */
  constructor(model: tf.LayersModel, options: BatchNormOptions) {
    const settings = checkOptions('batchNorm', OPTIONS, options);
    const layers = batchNormLayers(model);
    this.statistics = layers.flatMap(({ mean, variance }) => [mean, variance]);
    this.#batches = layers.length === 0 ? undefined : chosenBatches(settings);
    this.#measure = compile((xs: tf.Tensor) => batchStatistics(model, layers, xs), {
      name: 'batchNormStatistics',
      seed: 0,
    });
  }

  /**
   * What each batch meets at the present weights, for `estimate`; owned by the caller. The model's own
   * statistics
   * stay as they are.
   */
  measure(): tf.Tensor[] {
    const batches = this.#batches;
    return (batches?.sizes ?? []).map((_, index) => batches!.use(index, (xs) => this.#measure(xs)));
  }

  /** The statistics, in the order of `statistics`. Frees what was measured. */
  async estimate(measured: readonly tf.Tensor[]): Promise<Float32Array[]> {
    const sums = this.statistics.map(({ size }) => new Float64Array(size));
    const sizes = this.#batches?.sizes ?? [];
    for (const [index, size] of sizes.entries()) {
      const values = await takeNumbers(measured[index]);
      let next = 0;
      for (const sum of sums) for (let i = 0; i < sum.length; i++) sum[i] += size * values[next++];
    }
    const count = sizes.reduce((sum, size) => sum + size, 0);
    return sums.map((sum) => Float32Array.from(sum, (total) => total / count));
  }

  /** Frees the samples and the compiled function. */
  dispose(): void {
    this.#batches?.dispose();
    this.#measure.dispose();
  }
}

/**
 * Recomputes the BatchNorm statistics of `model` and writes them into it. Of use whenever weights were not
 * trained but made: by noise, quantization, averaging or interpolation.
 *
 * @throws OptionError, DataError
 */
export async function recomputeBatchNorm(model: tf.LayersModel, options: BatchNormOptions): Promise<void> {
  await disposing(new BatchNormEstimator(model, options), async (estimator) => {
    const values = await estimator.estimate(estimator.measure());
    tf.tidy(() => {
      estimator.statistics.forEach((variable, i) => {
        variable.assign(tf.tensor(values[i], variable.shape));
      });
    });
  });
}

/** Mean and variance of one batch at every BatchNorm layer, concatenated. */
function batchStatistics(model: tf.LayersModel, layers: readonly BatchNormLayer[], xs: tf.Tensor): tf.Tensor {
  return tf.tidy(() => {
    const moving = layers.flatMap(({ mean, variance }) => [mean, variance]);
    const zeros = moving.map((variable) => tf.zerosLike(variable));
    const seen = layers.map(observeCalls);
    try {
      withWeights(moving, zeros, () => withBatchNormUpdates(1, () => model.apply(xs, { training: true })));
      return tf.concat(seen.flatMap(({ calls }, i) => statisticsOf(layers[i], calls)));
    } finally {
      for (const { calls, end } of seen) {
        end();
        tf.dispose(calls);
      }
    }
  });
}

/** Mean and variance that one call left in the moving statistics. */
type CallStatistics = [mean: tf.Tensor, variance: tf.Tensor];

/** Collects the statistics of each call of a layer, until `end`. The caller disposes them. */
function observeCalls({ layer, mean, variance, momentum }: BatchNormLayer): {
  calls: CallStatistics[];
  end: () => void;
} {
  const calls: CallStatistics[] = [];
  const call: tf.layers.Layer['call'] = (inputs, kwargs) => {
    // From zero, one update leaves (1 - momentum) times the statistics of the batch.
    for (const variable of [mean, variance]) tf.tidy(() => variable.assign(tf.zerosLike(variable)));
    const y = Object.getPrototypeOf(layer).call.call(layer, inputs, kwargs);
    calls.push([tf.keep(tf.div(mean, 1 - momentum)), tf.keep(tf.div(variance, 1 - momentum))]);
    return y;
  };
  Object.assign(layer, { call });
  return { calls, end: () => Reflect.deleteProperty(layer, 'call') };
}

/** The means over the calls; the present statistics of a layer that `model` has but does not call. */
function statisticsOf({ mean, variance }: BatchNormLayer, calls: readonly CallStatistics[]): tf.Tensor[] {
  if (calls.length === 0) return [mean, variance];
  const meanOf = (tensors: tf.Tensor[]): tf.Tensor =>
    tensors.length === 1 ? tensors[0] : tf.div(sumOf(tensors), tensors.length);
  return [meanOf(calls.map(([one]) => one)), meanOf(calls.map(([, other]) => other))];
}

function batchNormLayers(model: tf.LayersModel): BatchNormLayer[] {
  return innermostLayers(model).flatMap((layer) => {
    if (layer.getClassName() !== 'BatchNormalization') return [];
    const [mean, variance] = layer.weights.slice(-2).map((weight) => weight.read() as tf.Variable);
    const momentum = layer.getConfig().momentum as number;
    if (momentum >= 1)
      throw new OptionError(`momentum of ${layer.name}`, momentum, '< 1', 'Its statistics never move.');
    return [{ layer, mean, variance, momentum }];
  });
}

/** The batches, chosen once; as many are held as tensors as the memory allows. */
function chosenBatches({ data, batches, batchSize, seed }: SettingsOf<typeof OPTIONS>): HeldBatches {
  const order = new Random(seed, 'batchNorm').permutation(sampleCount(data));
  const chosen = order.subarray(0, batches === undefined ? order.length : batches * batchSize);
  if ('tensors' in data) {
    const tensors = (indices: ArrayLike<number>) => data.tensors(Int32Array.from(indices, (i) => chosen[i]));
    return new HeldBatches({ size: chosen.length, tensors }, batchSize);
  }
  const [xs, ys] = tf.tidy(() =>
    [data.xs, data.ys].map((all) => tf.gather(all, tf.tensor1d(chosen, 'int32'))),
  );
  try {
    return new HeldBatches({ xs, ys }, batchSize);
  } finally {
    tf.dispose([xs, ys]);
  }
}
