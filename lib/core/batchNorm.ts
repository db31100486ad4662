/**
 * BatchNorm of tf.layers inside of a step: how often a pass moves the statistics, and by which convention.
 *
 *   y = (x - mean) / sqrt(variance + epsilon) * gamma + beta         mean and biased variance of the batch
 *   moving <- m * moving + (1 - m) * batch      applied 0, 1 or 2 times: `withBatchNormUpdates`
 *
 * The batch variance that enters the moving average is the biased one in tf.js and the unbiased one, n/(n -
 * 1) times as large, in PyTorch: `setBatchNormConvention`. (PyTorch's momentum is 1 - m.)
 *
 * The `call` of the layer class is hooked once. The hook hands on to the stock method, but for calls within
 * `withBatchNormUpdates` or `withFrozenBatchNorm`, and for layers whose convention was chosen: stock training
 * stays as it is. `lookbehind/compile` plugs in a fused implementation (compile/kernels/batchNorm.ts).
 */

import { checkOneOf } from './errors';
import { layerPrototype } from './layerClass';
import { frozenLayers, innermostLayers } from './modelGraph';
import * as tf from './tf';

/**
 * Which variance of the batch enters the moving variance: `tensorflow` the biased one, `pytorch` the unbiased
 * one.
 */
export type BatchNormConvention = 'tensorflow' | 'pytorch';

/** What the hook uses of the layer. The fields are those of tf.layers' class. */
export interface BatchNormLayer {
  axis: number;
  momentum: number;
  epsilon: number;
  gamma?: tf.LayerVariable;
  beta?: tf.LayerVariable;
  movingMean: tf.LayerVariable;
  movingVariance: tf.LayerVariable;
}

/**
 * The calls of one layer in a pass that stands for two. Each pair is one for the moving mean and one for the
 * moving variance.
 */
interface Calls {
  count: number;
  /** The statistics before the first call. */
  old: tf.Tensor[];
  /** What one pass so far adds to the decayed old statistics. Known from the second call on. */
  added: tf.Tensor[] | undefined;
}

type Call = (
  this: BatchNormLayer,
  inputs: tf.Tensor | tf.Tensor[],
  kwargs: { training?: boolean },
) => tf.Tensor;

const conventions = new WeakMap<object, BatchNormConvention>();
const movingStatistics = new WeakSet<tf.Variable>();
let conventionChanges = 0;
let updateCount: 0 | 1 | 2 = 1;
/** Calls of `withBatchNormUpdates` that are under way. */
let depth = 0;
let fused: FusedBatchNorm | undefined;
/** Layers that normalize by their moving averages, also in training mode. */
let frozen: ReadonlySet<object> = new Set();
/** With two updates: the layers that were called so far. */
let calledLayers = new Map<BatchNormLayer, Calls>();

/**
 * Calls `fn`; within it, each BatchNorm layer that runs in training mode applies its moving-average update
 * `count` times.
 *
 * With 2, a forward pass whose gradient serves as the descent gradient of one step and as the ascent gradient
 * of the next leaves the statistics that two passes would leave, also those of a layer that it calls several
 * times.
 *
 * @param count 0 (the statistics stay), 1 (as always) or 2.
 * @param fn A synchronous function.
 */
export function withBatchNormUpdates<T>(count: 0 | 1 | 2, fn: () => T): T {
  checkOneOf('count', count, [0, 1, 2]);
  const outer = { updateCount, calledLayers };
  updateCount = count;
  calledLayers = new Map();
  depth++;
  try {
    return fn();
  } finally {
    depth--;
    for (const { old, added } of calledLayers.values()) tf.dispose([old, added ?? []]);
    ({ updateCount, calledLayers } = outer);
  }
}

/**
 * Calls `fn`; within it, BatchNorm layers of `model` that are frozen normalize by their moving averages and
 * leave them as they are, also in training mode, as in Keras. Stock tf.js moves them. With
 * `withBatchNormUpdates` this has no order.
 *
 * @param fn A synchronous function.
 */
export function withFrozenBatchNorm<T>(model: tf.LayersModel, fn: () => T): T {
  const outer = frozen;
  frozen = frozenLayers(model);
  try {
    return fn();
  } finally {
    frozen = outer;
  }
}

/**
 * Chooses the convention of every BatchNorm layer inside of a model or of a layer. The default is
 * `tensorflow`.
 */
export function setBatchNormConvention(
  model: tf.LayersModel | tf.layers.Layer,
  convention: BatchNormConvention,
): void {
  checkOneOf('convention', convention, ['tensorflow', 'pytorch']);
  for (const layer of innermostLayers(model)) {
    if (layer.getClassName() === 'BatchNormalization') conventions.set(layer, convention);
  }
  conventionChanges++;
}

/**
 * Whether `variable` is a moving mean or variance of a BatchNorm layer, so that a forward pass may write it
 * and `withBatchNormUpdates` says how often. Known from the first use of the layer in training mode.
 */
export function isMovingStatistic(variable: tf.Variable): boolean {
  return movingStatistics.has(variable);
}

/**
 * What a trace depends on besides its arguments: the present update count, and a number that any change of
 * convention raises.
 */
export function batchNormState(): { updateCount: 0 | 1 | 2; conventionChanges: number } {
  return { updateCount, conventionChanges };
}

/** BatchNorm in training mode as one kernel, which also moves the statistics. */
export interface FusedBatchNorm {
  /** Whether it can do this call on the present backend. */
  applies(layer: BatchNormLayer, input: tf.Tensor): boolean;
  /**
   * @param moves The update of the moving averages: how often, and by the unbiased variance or the biased
   * one.
   */
  call(
    layer: BatchNormLayer,
    input: tf.Tensor,
    moves: { updateCount: 0 | 1 | 2; unbiased: boolean },
  ): tf.Tensor;
}

/** Runs all BatchNorm layers in training mode by `implementation` where that applies. */
export function useFusedBatchNorm(implementation: FusedBatchNorm): void {
  fused = implementation;
}

const prototype = layerPrototype('BatchNormalization') as { call: Call } | undefined;
if (prototype) prototype.call = hooked(prototype.call);

/** The stock method `stock` with the hook in front of it. */
function hooked(stock: Call): Call {
  return function (inputs, kwargs) {
    if (!kwargs?.training) return stock.call(this, inputs, kwargs);
    const input = Array.isArray(inputs) ? inputs[0] : inputs;
    if (frozen.has(this)) return frozenCall(this, input);
    const kernel = fused?.applies(this, input) ? fused : undefined;
    if (depth === 0 && kernel === undefined && !isUnbiased(this)) return stock.call(this, inputs, kwargs);
    for (const statistic of [this.movingMean, this.movingVariance])
      movingStatistics.add(statistic.read() as tf.Variable);
    const call = (): tf.Tensor =>
      kernel?.call(this, input, { updateCount, unbiased: isUnbiased(this) }) ??
      composedCall(this, input, () => stock.call(this, inputs, kwargs));
    return tf.tidy(() => (updateCount === 2 && this.momentum < 1 ? repeatedCall(this, call) : call()));
  };
}

/**
 * One of several calls of a layer in a pass that stands for two. With s_1, ..., s_t the statistics of the
 * calls so far, two passes leave
 *
 *     m^(2t) old + (m^t + 1) added_t,     added_t = m added_(t-1) + (1 - m) s_t
 */
function repeatedCall(layer: BatchNormLayer, call: () => tf.Tensor): tf.Tensor {
  const statistics = [layer.movingMean, layer.movingVariance];
  const before = statistics.map((statistic) => statistic.read().clone());
  const y = call();
  const calls = calledLayers.get(layer);
  if (calls === undefined) {
    calledLayers.set(layer, { count: 1, old: before.map(tf.keep), added: undefined });
    return y;
  }
  const m = layer.momentum;
  const { old, added } = calls;
  // Each call by itself leaves m^2 times what was before and 1 - m^2 times its own; from that its share in
  // one pass.
  const share = (after: tf.Tensor, from: tf.Tensor): tf.Tensor =>
    tf.div(tf.sub(after, tf.mul(from, m * m)), 1 + m);
  calls.count++;
  calls.added = statistics.map((statistic, i) => {
    const earlier = added?.[i] ?? share(before[i], old[i]);
    return tf.keep(tf.add(tf.mul(earlier, m), share(statistic.read(), before[i])));
  });
  tf.dispose(added ?? []);
  const { count } = calls;
  statistics.forEach((statistic, i) => {
    statistic.write(
      tf.add(tf.mul(old[i], m ** (2 * count)), tf.mul((calls.added as tf.Tensor[])[i], m ** count + 1)),
    );
  });
  return y;
}

/**
 * By the moving averages. The stock method cannot be differentiated where a layer has no scale or no offset.
 */
function frozenCall(layer: BatchNormLayer, input: tf.Tensor): tf.Tensor {
  const axis = layer.axis < 0 ? layer.axis + input.rank : layer.axis;
  const shape = input.shape.map((size, i) => (i === axis ? size : 1));
  const along = (weight: tf.LayerVariable | undefined, absent: number): tf.Tensor =>
    weight === undefined ? tf.scalar(absent) : tf.reshape(weight.read(), shape);
  return tf.tidy(() => {
    const deviation = tf.sqrt(tf.add(along(layer.movingVariance, 1), layer.epsilon));
    const scale = tf.div(along(layer.gamma, 1), deviation);
    const offset = tf.sub(along(layer.beta, 0), tf.mul(along(layer.movingMean, 0), scale));
    return tf.add(tf.mul(input, scale), offset);
  });
}

/** The stock method, with its one update of the moving averages turned into `updateCount` of them. */
function composedCall(layer: BatchNormLayer, input: tf.Tensor, stockCall: () => tf.Tensor): tf.Tensor {
  const axis = layer.axis < 0 ? layer.axis + input.rank : layer.axis;
  const count = input.size / (input.shape[axis] as number);
  const { momentum } = layer;
  const before = [layer.movingMean, layer.movingVariance].map((statistic) => statistic.read().clone());
  const y = stockCall();
  [layer.movingMean, layer.movingVariance].forEach((statistic, i) => {
    const old = before[i];
    // With momentum 1 the statistics never move, and what the batch had cannot be told from them.
    if (updateCount === 0 || momentum === 1) {
      statistic.write(old);
      return;
    }
    const bessel = i === 1 && isUnbiased(layer) && count > 1;
    if (updateCount === 1 && !bessel) return;
    const batch = tf.add(old, tf.div(tf.sub(statistic.read(), old), 1 - momentum));
    const value = bessel ? tf.mul(batch, count / (count - 1)) : batch;
    statistic.write(tf.sub(old, tf.mul(tf.sub(old, value), 1 - momentum ** updateCount)));
  });
  return y;
}

function isUnbiased(layer: BatchNormLayer): boolean {
  return conventions.get(layer) === 'pytorch';
}
