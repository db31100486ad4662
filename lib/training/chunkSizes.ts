/**
 * How much of an evaluation goes through a network together: as much as the memory, or the processor's cache,
 * takes.
 */
import { usesGpu } from '../compile/backend';
import { callsOf } from '../core/modelGraph';
import * as tf from '../core/tf';
import { allVariables } from './weights';

/** Bytes of a float32. */
const FLOAT = 4;

/**
 * Activations of a chunk that fit the processor's cache are evaluated about twice as fast as larger ones. On
 * a GPU the more the better.
 */
const CACHE_FRIENDLY_BYTES = 16 * 2 ** 20;

/**
 * Most samples per forward pass: larger batches of a dense network save calls, those of others outgrow the
 * processor's cache.
 */
const MOST_SAMPLES = { stacked: 1000, loop: 500 } as const;

/**
 * Samples per forward pass where none are asked for. All batches but the last are equal, so that few shapes
 * are compiled.
 */
export function defaultBatchSize(
  model: tf.LayersModel,
  way: 'stacked' | 'loop',
  samples: number,
  memoryBudget: number,
): number {
  // A few layers are held at a time.
  const most = Math.max(
    1,
    Math.min(usesGpu() ? samples : MOST_SAMPLES[way], samplesWithin(memoryBudget / 4, model)),
  );
  return Math.ceil(samples / Math.ceil(samples / most));
}

/** For how many samples the largest activations of `model` fit into `bytes`. */
export function samplesWithin(bytes: number, model: tf.LayersModel): number {
  return Math.floor(bytes / (FLOAT * Math.max(...layerSizes(model))));
}

/**
 * `forward(xs)`, part by part within one graph: parts fit the cache, and run in parallel where single ops do
 * not.
 */
export function inParts(forward: (xs: tf.Tensor) => tf.Tensor, xs: tf.Tensor, partSize: number): tf.Tensor {
  const samples = xs.shape[0];
  const count = Math.ceil(samples / partSize);
  if (count === 1) return forward(xs);
  const size = Math.ceil(samples / count);
  const sizes = Array.from({ length: Math.ceil(samples / size) }, (_, i) =>
    Math.min(size, samples - i * size),
  );
  return tf.concat(tf.split(xs, sizes).map(forward));
}

/** Numbers that each call of a layer puts out for one sample, also inside of nested models. */
function layerSizes(model: tf.LayersModel): number[] {
  return callsOf(model)
    .filter(({ outboundLayer }) => model.layers.includes(outboundLayer))
    .flatMap(({ outboundLayer: layer, outputTensors }) => {
      const sizes = outputTensors.map(({ shape }) =>
        shape.slice(1).reduce<number>((size, n) => size * (n ?? 1), 1),
      );
      return 'layers' in layer ? [...sizes, ...layerSizes(layer as tf.LayersModel)] : [Math.max(...sizes)];
    });
}

/** Most weight sets per chunk: progress is seen, and an abort heeded, between chunks. */
const MOST_SETS = 64;

/**
 * How many weight sets of a dense network fit the budget: their weights, and the activations of one batch.
 */
export function stackedChunkSize(model: tf.LayersModel, batchSize: number, memoryBudget: number): number {
  const weights = allVariables(model).reduce((sum, variable) => sum + variable.size, 0);
  const activations = batchSize * layerSizes(model).reduce((sum, n) => sum + n, 0);
  const budget = usesGpu() ? memoryBudget : Math.min(memoryBudget, CACHE_FRIENDLY_BYTES);
  return Math.max(1, Math.min(MOST_SETS, Math.floor(budget / (FLOAT * (2 * weights + activations)))));
}
