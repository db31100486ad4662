/**
 * Pooling: a faster gradient of max-pooling, and second derivatives.
 *
 * By itself, TensorFlow's MaxPoolGrad searches each window anew and takes a third of a small ConvNet's step.
 * Where windows do not overlap, whole slices of the input are compared with the output instead: slice (r, q)
 * holds position (r, q) of every window. As in TensorFlow, the first of equal maxima gets the gradient. In a
 * graph the native op is faster still: there oneDNN remembers in the forward pass where each maximum was.
 */

import { isTracing } from '../../core/recording';
import * as tf from '../../core/tf';
import { attr, isNative, type OpAttribute, runOp } from '../backend';
import { type KernelAttributes, registerGradient, replaceNativeKernel } from './register';

interface PoolAttributes {
  filterSize: number | [number, number];
  strides: number | [number, number];
  pad: 'valid' | 'same' | number;
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

type PoolInfo = ReturnType<typeof tf.backend_util.computePool2DInfo>;

/** Windows of more positions than this are left to the native kernel. */
const MAX_POSITIONS = 16;

replaceNativeKernel('MaxPoolGrad', (stock) => (inputs, attributes) => {
  const { dy, input, output } = inputs;
  const info = infoOf(input, attributes);
  return !isTracing() && tilesExactly(info)
    ? tf.tidy(() => tiledMaxPoolGrad(dy, input, output, info))
    : stock(inputs, attributes);
});

// MaxPoolGrad is linear in dy and piecewise constant in the rest.
registerGradient('MaxPoolGrad', {
  inputsToSave: ['input', 'output'],
  gradFunc: (ddx, [input, output], attributes) => ({
    dy: () =>
      isNative()
        ? runOp('MaxPoolGradGrad', poolAttributes(infoOf(input, attributes)), [
            input,
            output,
            ddx as tf.Tensor,
          ])
        : atMaxima(ddx as tf.Tensor, input as tf.Tensor4D, attributes),
    input: () => tf.zerosLike(input),
    output: () => tf.zerosLike(output),
  }),
});

registerGradient('AvgPoolGrad', {
  inputsToSave: ['input'],
  gradFunc: (ddx, [input], attributes) => {
    const { filterSize, strides, pad, dimRoundingMode } = attributes as unknown as PoolAttributes;
    return {
      dy: () => tf.avgPool(ddx as tf.Tensor4D, filterSize, strides, pad, dimRoundingMode),
      input: () => tf.zerosLike(input),
    };
  },
});

/** The numbers of `tensor` at the places of the maxima of `input`, on any backend. */
function atMaxima(tensor: tf.Tensor, input: tf.Tensor4D, attributes: tf.NamedAttrMap): tf.Tensor {
  const { filterSize, strides, pad } = attributes as unknown as PoolAttributes;
  const { indexes } = tf.maxPoolWithArgmax(input, filterSize, strides, pad, true) as Record<
    'indexes',
    tf.Tensor
  >;
  return tf.gather(tf.reshape(tensor, [-1]), tf.cast(indexes, 'int32'));
}

function tiledMaxPoolGrad(dy: tf.Tensor, input: tf.Tensor, output: tf.Tensor, info: PoolInfo): tf.Tensor {
  const { batchSize, outHeight, outWidth, inChannels, filterHeight, filterWidth } = info;
  // [n, window row, row in window, window column, column in window and channel]
  const x = tf.reshape(input, [batchSize, outHeight, filterHeight, outWidth, filterWidth * inChannels]);
  const slice = [batchSize, outHeight, 1, outWidth, inChannels];
  const maximum = tf.reshape(output, slice);
  let remaining: tf.Tensor = tf.reshape(dy, slice);
  const zeros = tf.zerosLike(remaining);
  const rows: tf.Tensor[] = [];
  for (let r = 0; r < filterHeight; r++) {
    const columns: tf.Tensor[] = [];
    for (let q = 0; q < filterWidth; q++) {
      const position = tf.slice(x, [0, 0, r, 0, q * inChannels], slice);
      const taken = tf.where(tf.equal(position, maximum), remaining, zeros);
      remaining = tf.sub(remaining, taken);
      columns.push(taken);
    }
    rows.push(tf.concat(columns, 4));
  }
  return tf.reshape(tf.concat(rows, 2), input.shape);
}

/** Whether the windows cover the input once, without overlap, gap or padding. */
function tilesExactly(info: PoolInfo): boolean {
  return (
    info.dataFormat === 'channelsLast' &&
    info.filterHeight === info.strideHeight &&
    info.filterWidth === info.strideWidth &&
    info.filterHeight * info.outHeight === info.inHeight &&
    info.filterWidth * info.outWidth === info.inWidth &&
    info.filterHeight * info.filterWidth <= MAX_POSITIONS
  );
}

function infoOf(input: tf.Tensor, attributes: KernelAttributes | tf.NamedAttrMap): PoolInfo {
  const { filterSize, strides, pad, dimRoundingMode } = attributes as unknown as PoolAttributes;
  const shape = input.shape as [number, number, number, number];
  return tf.backend_util.computePool2DInfo(shape, filterSize, strides, 1, pad, dimRoundingMode);
}

function poolAttributes(info: PoolInfo): OpAttribute[] {
  return [
    attr.type('T', 'float32'),
    attr.int('ksize', [1, info.filterHeight, info.filterWidth, 1]),
    attr.int('strides', [1, info.strideHeight, info.strideWidth, 1]),
    attr.string('padding', info.padInfo.type),
    attr.string('data_format', 'NHWC'),
  ];
}
