/**
 * The forward pass of a dense network for many weight sets at once.
 *
 *   x: [n, in], shared     y_m = x W_m + b_m     one batched product over m = 1..M, then [M, n, out]
 *
 * One native op then does the work of M, which for small networks is most of the time.
 */
import type { BatchNormLayer } from '../core/batchNorm';
import * as tf from '../core/tf';

/**
 * A forward pass for many weight sets: takes one tensor `[m, ...shape]` for each weight that varies and the
 * inputs `[n, ...]`, the same for all sets; returns the outputs `[m, n, outputs]`.
 */
export type StackedForward = (weights: readonly tf.Tensor[], xs: tf.Tensor) => tf.Tensor3D;

/** Values on their way through the network: `[n, ...]` for all sets, or `[m, n, units]`, one for each. */
interface Flow {
  values: tf.Tensor;
  stacked: boolean;
}

type Step = (flow: Flow, weightOf: WeightOf) => Flow;
/**
 * The stacked values `[m, ...shape]` of a weight, or its present value where it is not among those that vary.
 */
type WeightOf = (weight: Weight) => { values: tf.Tensor; stacked: boolean };
type Weight = tf.layers.Layer['weights'][number];

/**
 * The stacked forward pass of `model`, or undefined where it is not a plain chain of these layers: Dense,
 * Activation, ReLU, Dropout (off), BatchNormalization (by its moving averages) over the last axis; Flatten
 * and Reshape before the first Dense. Dense and BatchNormalization take vectors: over `[time, features]`,
 * say, the axes of sets and of time would be taken for each other.
 *
 * @param variables The weights that vary from set to set; the others keep their present values.
 */
export function stackedForward(
  model: tf.LayersModel,
  variables: readonly tf.Variable[],
): StackedForward | undefined {
  const chain = chainOf(model);
  if (chain === undefined) return undefined;
  const firstWeights = chain.findIndex((layer) => layer.weights.length > 0);
  const steps = chain.map((layer, i) => stepOf(layer, i < firstWeights));
  if (!steps.every((step): step is Step => step !== undefined)) return undefined;
  return (weights, xs) => {
    const stacks = new Map(variables.map((variable, i) => [variable.id, weights[i]]));
    const weightOf: WeightOf = (weight) => {
      const variable = weight.read();
      const stack = stacks.get(variable.id);
      return stack === undefined ? { values: variable, stacked: false } : { values: stack, stacked: true };
    };
    let flow: Flow = { values: xs, stacked: false };
    for (const step of steps) flow = step(flow, weightOf);
    if (flow.stacked) return flow.values as tf.Tensor3D;
    return tf.tile(tf.expandDims(flow.values, 0), [weights[0].shape[0], 1, 1]) as tf.Tensor3D;
  };
}

/** The layers after the input where each is called once, on the output of the one before; else undefined. */
function chainOf(model: tf.LayersModel): tf.layers.Layer[] | undefined {
  if (model.inputs.length !== 1 || model.outputs.length !== 1) return undefined;
  const layers = model.layers.filter((layer) => layer.getClassName() !== 'InputLayer');
  const isChain = layers.every((layer, i) => {
    const calls = layer.inboundNodes;
    if (calls.length !== 1 || calls[0].inboundLayers.length !== 1) return false;
    const before = calls[0].inboundLayers[0];
    return i === 0 ? before.getClassName() === 'InputLayer' : before === layers[i - 1];
  });
  return isChain && layers[layers.length - 1]?.output === model.outputs[0] ? layers : undefined;
}

/** @param isShared Whether the layer's input is the same for all weight sets. */
function stepOf(layer: tf.layers.Layer, isShared: boolean): Step | undefined {
  const config = layer.getConfig();
  switch (layer.getClassName()) {
    case 'Dense':
      return denseStep(layer, config);
    case 'BatchNormalization':
      return batchNormStep(layer);
    case 'Dropout':
      return (flow) => flow;
    case 'Activation':
    case 'ReLU':
      return elementwiseStep(layer);
    case 'Flatten':
    case 'Reshape':
      return isShared
        ? ({ values }) => ({ values: layer.apply(values) as tf.Tensor, stacked: false })
        : undefined;
    default:
      return undefined;
  }
}

function elementwiseStep(layer: tf.layers.Layer): Step {
  return ({ values, stacked }) => ({ values: layer.call(values, {}) as tf.Tensor, stacked });
}

function denseStep(layer: tf.layers.Layer, config: tf.serialization.ConfigDict): Step | undefined {
  if (inputRank(layer) !== 2) return undefined;
  const [kernel, bias] = layer.weights;
  const activation = elementwiseStep(tf.layers.activation({ activation: config.activation as 'relu' }));
  return (flow, weightOf) => {
    const { values: kernels, stacked } = weightOf(kernel);
    const inputs = flow.values;
    let product: tf.Tensor;
    if (!flow.stacked && !stacked) product = tf.matMul(inputs as tf.Tensor2D, kernels as tf.Tensor2D);
    // [1, n, in] x [m, in, out] and [m, n, in] x [1, in, out] broadcast.
    else product = tf.matMul(asStack(inputs, flow.stacked), asStack(kernels, stacked));
    const isStacked = flow.stacked || stacked;
    return activation(
      { values: bias === undefined ? product : tf.add(product, perSet(weightOf(bias))), stacked: isStacked },
      weightOf,
    );
  };
}

function batchNormStep(layer: tf.layers.Layer): Step | undefined {
  const { axis, epsilon, gamma, beta, movingMean, movingVariance } = layer as unknown as BatchNormLayer;
  if (inputRank(layer) !== 2 || (axis !== -1 && axis !== 1)) return undefined;
  return (flow, weightOf) => {
    const inverse = tf.rsqrt(tf.add(perSet(weightOf(movingVariance)), epsilon));
    const factor = gamma === undefined ? inverse : tf.mul(inverse, perSet(weightOf(gamma)));
    const centered = tf.sub(flow.values, perSet(weightOf(movingMean)));
    const scaled = tf.mul(centered, factor);
    const values = beta === undefined ? scaled : tf.add(scaled, perSet(weightOf(beta)));
    return { values, stacked: flow.stacked || values.rank > flow.values.rank };
  };
}

/** Axes of the layer's input, that of the samples included. */
function inputRank(layer: tf.layers.Layer): number {
  return (layer.inboundNodes[0].inputShapes[0] as tf.Shape).length;
}

function asStack(values: tf.Tensor, stacked: boolean): tf.Tensor {
  return stacked ? values : tf.expandDims(values, 0);
}

/** A vector per set as `[m, 1, c]`, which broadcasts over the samples; a shared one as it is. */
function perSet({ values, stacked }: { values: tf.Tensor; stacked: boolean }): tf.Tensor {
  return stacked ? tf.expandDims(values, 1) : values;
}
