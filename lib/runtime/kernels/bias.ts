/**
 * Biases on TensorFlow's own ops: adding a vector along the last axis, and its gradient, the sum over all other axes. Both are
 * faster than the general ops, and TensorFlow fuses a bias with the convolution or the product before it.
 */
import { attr, runOp } from '../backend';
import type * as tf from '../tf';
import { replaceNativeKernel } from './register';

const ATTRIBUTES = [attr.type('T', 'float32'), attr.string('data_format', 'NHWC')];

replaceNativeKernel('Add', (stock) => (inputs, attributes) => {
  const { a, b } = inputs;
  return isBias(b, a)
    ? runOp('BiasAdd', ATTRIBUTES, [a, b])
    : isBias(a, b)
      ? runOp('BiasAdd', ATTRIBUTES, [b, a])
      : stock(inputs, attributes);
});

replaceNativeKernel('Sum', (stock) => (inputs, attributes) => {
  const { x } = inputs;
  const axes = [attributes.axis].flat() as number[];
  const allButLast = x.rank >= 2 && axes.length === x.rank - 1 && axes.every((axis, i) => axis === i);
  const native = allButLast && x.dtype === 'float32' && attributes.keepDims !== true;
  return native ? runOp('BiasAddGrad', ATTRIBUTES, [x]) : stock(inputs, attributes);
});

function isBias(bias: tf.Tensor, to: tf.Tensor): boolean {
  return (
    bias.rank === 1 &&
    to.rank >= 2 &&
    bias.shape[0] === to.shape[to.rank - 1] &&
    bias.dtype === 'float32' &&
    to.dtype === 'float32'
  );
}
