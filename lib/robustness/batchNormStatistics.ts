/**
 * BatchNorm's moving statistics, recomputed for given weights.
 *
 *     mean     = sum over batches of n_b * mean_b     / sum of n_b
 *     variance = sum over batches of n_b * variance_b / sum of n_b
 *
 * with mean_b and variance_b of batch b in a forward pass in training mode. Noise on the weights shifts what flows through the
 * network, so the statistics of the clean weights no longer fit; this refits them, without labels and without training.
 *
 * The recipe of `update_bn` in Garipov et al., "Loss surfaces, mode connectivity, and fast ensembling of DNNs", NeurIPS 2018, and
 * Izmailov et al., "Averaging weights leads to wider optima and better generalization", UAI 2018; for analog hardware Joshi et
 * al., Nature Communications 11, 2473 (2020).
 */
import { withBatchNormUpdates } from '../runtime/batchnorm';
import { type Compiled, compile } from '../runtime/compile';
import { checkKnownOptions, checkNumber, OptionError } from '../runtime/errors';
import { Random } from '../runtime/random';
import * as tf from '../runtime/tf';
import { type Samples, sampleCount } from '../training/samples';
import { withWeights } from '../training/weights';

/** Which samples BatchNorm statistics are recomputed on. */
export interface BatchNormOptions {
  /** Where the samples come from: the training data. Labels are not used. */
  data: Samples;
  /** Number of batches, chosen at random; at least 1. Default: all, a full recomputation. */
  batches?: number;
  /** Samples per batch, >= 1. Default 250. */
  batchSize?: number;
  /** Seed of the choice and order of samples, a whole number. Default 0. */
  seed?: number;
}

interface BatchNormLayer {
  mean: tf.Variable;
  variance: tf.Variable;
  momentum: number;
}

/** Recomputes BatchNorm statistics again and again, by a compiled forward pass. Dispose it after use. */
export class BatchNormEstimator {
  /** The moving statistics of the model, mean and variance of each BatchNorm layer. Empty for a model without. */
  readonly statistics: readonly tf.Variable[];
  readonly #batches: tf.Tensor[];
  readonly #measure: Compiled<[tf.Tensor], tf.Tensor>;

  /** @throws OptionError, DataError */
  constructor(model: tf.LayersModel, options: BatchNormOptions) {
    checkKnownOptions('batchNorm', options, ['data', 'batches', 'batchSize', 'seed']);
    const layers = batchNormLayers(model.layers);
    this.statistics = layers.flatMap(({ mean, variance }) => [mean, variance]);
    this.#batches = layers.length === 0 ? [] : chooseBatches(options);
    this.#measure = compile((xs: tf.Tensor) => batchStatistics(model, layers, xs), { name: 'batchNormStatistics', seed: 0 });
  }

  /** The statistics at the present weights, in the order of `statistics`. The model's own stay as they are. */
  estimate(): Float32Array[] {
    const sums = this.statistics.map(({ size }) => new Float64Array(size));
    let count = 0;
    for (const xs of this.#batches) {
      const measured = this.#measure(xs);
      const values = measured.dataSync();
      measured.dispose();
      let next = 0;
      for (const sum of sums) {
        for (let i = 0; i < sum.length; i++) sum[i] += xs.shape[0] * values[next++];
      }
      count += xs.shape[0];
    }
    return sums.map((sum) => Float32Array.from(sum, (total) => total / count));
  }

  /** Frees the samples and the compiled function. */
  dispose(): void {
    tf.dispose(this.#batches);
    this.#measure.dispose();
  }
}

/**
 * Recomputes the BatchNorm statistics of `model` and writes them into it. Of use whenever weights were not trained but made:
 * by noise, quantization, averaging or interpolation.
 *
 * @throws OptionError, DataError
 */
export function recomputeBatchNorm(model: tf.LayersModel, options: BatchNormOptions): void {
  const estimator = new BatchNormEstimator(model, options);
  try {
    const values = estimator.estimate();
    tf.tidy(() => {
      estimator.statistics.forEach((variable, i) => {
        variable.assign(tf.tensor(values[i], variable.shape));
      });
    });
  } finally {
    estimator.dispose();
  }
}

/** Mean and variance of one batch at every BatchNorm layer, concatenated. */
function batchStatistics(model: tf.LayersModel, layers: readonly BatchNormLayer[], xs: tf.Tensor): tf.Tensor {
  return tf.tidy(() => {
    const moving = layers.flatMap(({ mean, variance }) => [mean, variance]);
    // From zero, one update leaves (1 - momentum) times the statistics of the batch.
    const zeros = moving.map((variable) => tf.zerosLike(variable));
    return withWeights(moving, zeros, () => {
      withBatchNormUpdates(1, () => model.apply(xs, { training: true }));
      return tf.concat(
        layers.flatMap(({ mean, variance, momentum }) => [tf.div(mean, 1 - momentum), tf.div(variance, 1 - momentum)]),
      );
    });
  });
}

function batchNormLayers(layers: readonly tf.layers.Layer[]): BatchNormLayer[] {
  return layers.flatMap((layer) => {
    const inner = (layer as Partial<tf.LayersModel>).layers;
    if (inner !== undefined) return batchNormLayers(inner);
    if (layer.getClassName() !== 'BatchNormalization') return [];
    const [mean, variance] = layer.weights.slice(-2).map((weight) => weight.read() as tf.Variable);
    const momentum = layer.getConfig().momentum as number;
    if (momentum >= 1) throw new OptionError(`momentum of ${layer.name}`, momentum, '< 1', 'Its statistics never move.');
    return [{ mean, variance, momentum }];
  });
}

/** Inputs of the batches, chosen once. */
function chooseBatches({ data, batches, batchSize = 250, seed = 0 }: BatchNormOptions): tf.Tensor[] {
  checkNumber('batchSize', batchSize, { min: 1, integer: true });
  if (batches !== undefined) checkNumber('batches', batches, { min: 1, integer: true });
  const order = new Random(seed, 'batchNorm').permutation(sampleCount(data));
  const used = order.subarray(0, batches === undefined ? order.length : Math.min(batches * batchSize, order.length));
  return Array.from({ length: Math.ceil(used.length / batchSize) }, (_, b) =>
    inputsAt(data, used.subarray(b * batchSize, (b + 1) * batchSize)),
  );
}

function inputsAt(data: Samples, indices: Int32Array): tf.Tensor {
  if (!('tensors' in data)) return tf.tidy(() => tf.gather(data.xs, tf.tensor1d(indices, 'int32')));
  const { xs, ys } = data.tensors(indices);
  ys.dispose();
  return xs;
}
