/**
 * Biases on TensorFlow's own ops: adding a vector along the last axis, and its gradient, the sum over all
 * other axes. Both are faster than the general ops, and TensorFlow fuses a bias with the convolution or the
 * product before it.
 *
 * BiasAddGrad adds row after row, so its rounding errors grow with the number of rows: 0.0035 of the sum at a
 * million rows of 0.1, thrice those of the stock kernel at 128 rows. More than a few rows are therefore
 * summed in two stages: `blocks` sums of every blocks-th row, then the sum of these. A step of the mlp takes
 * as long as with one stage.
 */

import * as tf from '../../core/tf';
import { attr, runOp } from '../backend';
import { replaceNativeKernel } from './register';

/** The most rows that are summed one after the other. */
const MAX_ROWS = 16;

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
  if (!native) return stock(inputs, attributes);
  const channels = x.shape[x.rank - 1];
  const rows = x.size / channels;
  if (x.size === 0 || rows <= MAX_ROWS) return runOp('BiasAddGrad', ATTRIBUTES, [x]);
  const blocks = blocksOf(rows);
  if (channels === 1 || blocks === undefined) return stock(inputs, attributes);
  return tf.tidy(() => {
    const partial = runOp('BiasAddGrad', ATTRIBUTES, [tf.reshape(x, [rows / blocks, blocks * channels])]);
    return runOp('BiasAddGrad', ATTRIBUTES, [tf.reshape(partial, [blocks, channels])]);
  });
});

/** The largest divisor of `rows` near its root; undefined where there is none. */
function blocksOf(rows: number): number | undefined {
  const root = Math.floor(Math.sqrt(rows));
  for (let blocks = root; blocks >= root / 4; blocks--) if (rows % blocks === 0) return blocks;
  return undefined;
}

function isBias(bias: tf.Tensor, to: tf.Tensor): boolean {
  return (
    bias.rank === 1 &&
    to.rank >= 2 &&
    bias.shape[0] === to.shape[to.rank - 1] &&
    bias.dtype === 'float32' &&
    to.dtype === 'float32'
  );
}
