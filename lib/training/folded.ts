/**
 * The forward pass in evaluation mode with BatchNorm folded into the layers before it:
 *
 *   BatchNorm(K x + b) = (s K) x + s (b - mean) + beta,     s = gamma / sqrt(variance + epsilon)
 *
 * The weights are scaled instead of all activations, which saves a pass over memory for each BatchNorm layer,
 * and TensorFlow can merge convolution, shift and ReLU into one op.
 */
import type { BatchNormLayer } from '../core/batchNorm';
import * as tf from '../core/tf';
import { withWeights } from './weights';

/** A layer and the BatchNorm layer that alone takes its output. */
interface Pair {
  kernel: tf.Variable;
  bias: tf.Variable | undefined;
  norm: BatchNormLayer;
}

const FOLDABLE: ReadonlySet<string> = new Set(['Dense', 'Conv1D', 'Conv2D']);

/**
 * What `model.apply(xs, { training: false })` gives, up to rounding, in fewer passes over memory where
 * convolution or dense layers are followed by BatchNorm. Of use inside of a compiled function: scaling the
 * weights costs more than it saves for a single small batch.
 */
export function foldedForward(model: tf.LayersModel): (xs: tf.Tensor) => tf.Tensor {
  const pairs = pairsOf(model);
  return (xs) => {
    const folded = pairs.map(fold);
    const variables = folded.flatMap(({ variables: list }) => list);
    const tensors = folded.flatMap(({ tensors: list }) => list);
    return withWeights(variables, tensors, () => {
      for (const { norm, call } of folded) Object.assign(norm, { call });
      try {
        return model.apply(xs, { training: false }) as tf.Tensor;
      } finally {
        for (const { norm } of folded) Reflect.deleteProperty(norm, 'call');
      }
    });
  };
}

/** New values for the weights before BatchNorm, and what is left for BatchNorm to do. */
function fold({ kernel, bias, norm }: Pair): {
  norm: BatchNormLayer;
  variables: tf.Variable[];
  tensors: tf.Tensor[];
  call: (inputs: tf.Tensor | tf.Tensor[]) => tf.Tensor;
} {
  const { epsilon, gamma, beta, movingMean, movingVariance } = norm;
  const mean = movingMean.read();
  const inverse = tf.rsqrt(tf.add(movingVariance.read(), epsilon));
  const scale = gamma === undefined ? inverse : tf.mul(inverse, gamma.read());
  const center = bias === undefined ? tf.neg(mean) : tf.sub(bias, mean);
  const scaled = tf.mul(center, scale);
  const shift = beta === undefined ? scaled : tf.add(scaled, beta.read());
  const input = (inputs: tf.Tensor | tf.Tensor[]): tf.Tensor => (Array.isArray(inputs) ? inputs[0] : inputs);
  // The layer's output axis is the last one of its kernel.
  const scaledKernel = tf.mul(kernel, scale);
  return bias === undefined
    ? { norm, variables: [kernel], tensors: [scaledKernel], call: (inputs) => tf.add(input(inputs), shift) }
    : {
        norm,
        variables: [kernel, bias],
        tensors: [scaledKernel, shift],
        call: (inputs) => tf.clone(input(inputs)),
      };
}

function pairsOf(model: tf.LayersModel): Pair[] {
  return model.layers.flatMap((norm) => {
    if (norm.getClassName() !== 'BatchNormalization') return [];
    const before = soleInput(norm);
    if (before === undefined || !FOLDABLE.has(before.getClassName())) return [];
    const { activation, dataFormat = 'channelsLast' } = before.getConfig();
    const { axis } = norm.getConfig();
    const isLast = axis === -1 || axis === (before.output as tf.SymbolicTensor).rank - 1;
    const isSeen = model.outputs.includes(before.output as tf.SymbolicTensor);
    if (activation !== 'linear' || dataFormat !== 'channelsLast' || !isLast || isSeen) return [];
    const [kernel, bias] = before.weights.map((weight) => weight.read() as tf.Variable);
    return [{ kernel, bias, norm: norm as unknown as BatchNormLayer }];
  });
}

/** The one layer whose output `layer` takes, where both are called once and no other layer takes it. */
function soleInput({ inboundNodes }: tf.layers.Layer): tf.layers.Layer | undefined {
  if (inboundNodes.length !== 1 || inboundNodes[0].inboundLayers.length !== 1) return undefined;
  const [before] = inboundNodes[0].inboundLayers;
  return before.inboundNodes.length === 1 && before.outboundNodes.length === 1 ? before : undefined;
}
