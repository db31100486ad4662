/**
 * Gradients of convolutions as convolutions forward, on processors where the backward kernels are the slower ones.
 *
 * Without AVX-512, oneDNN's backward kernels want a layout of their own and reorder what they take and what they give; its forward
 * kernel takes channels last as they are. At stride 1, for a filter of odd sides and padding 'same':
 *
 *   dx = conv(dy, filter turned by 180 degrees with its channel axes swapped)
 *   dfilter[p, q, i, o] = sum over n, y, x of xp[n, y + p, x + q, i] dy[n, y, x, o],   xp = x padded with zeros
 *      = conv(xp with axes [i, y, x, n], dy with axes [y, x, n, o], valid)             with axes [i, p, q, o]
 *
 * With padding 'valid', dy is padded in place of x. The numbers are those of TensorFlow's own kernels up to rounding.
 */
import { readFileSync } from 'node:fs';
import { attr, type NodeBackend, nodeBackend, runOp } from '../backend';
import * as tf from '../tf';
import { type KernelAttributes, type KernelInputs, replaceNativeKernel } from './register';

/** Below this many outputs the forward kernel has too few sums to keep at a time, so that the filter's gradient gains nothing. */
const FEW_OUTPUTS = 32;
/** Inputs of fewer channels fill no vector, which costs the backward kernel more than the forward one. */
const FEW_INPUTS = 8;

type Sides = [before: number, after: number];

replaceNativeKernel('Conv2DBackpropInput', (stock) => (inputs, attributes) => {
  if (!isSlowBackwards()) return stock(inputs, attributes);
  return inputGradient(inputs, attributes) ?? stock(inputs, attributes);
});

replaceNativeKernel('Conv2DBackpropFilter', (stock) => (inputs, attributes) => {
  const [, , inputChannels, outputChannels] = attributes.filterShape as number[];
  const pays = outputChannels >= FEW_OUTPUTS || inputChannels < FEW_INPUTS;
  if (!pays || !isSlowBackwards()) return stock(inputs, attributes);
  return filterGradient(inputs, attributes) ?? stock(inputs, attributes);
});

/** Gradient with respect to the input. Undefined where the rule above does not hold. The caller owns the result. */
export function inputGradient({ dy, filter }: KernelInputs, attributes: KernelAttributes): tf.Tensor | undefined {
  const [height, width] = filter.shape;
  if (!isCovered(height, width, attributes)) return undefined;
  return tf.tidy(() => {
    const turned = tf.transpose(tf.reverse(filter, [0, 1]), [0, 1, 3, 2]);
    const same = attributes.pad === 'same';
    const padded = same ? dy : padSides(dy, [height - 1, height - 1], [width - 1, width - 1]);
    return convolve(padded, turned, same ? 'SAME' : 'VALID');
  });
}

/** Gradient with respect to the filter. Undefined where the rule above does not hold. The caller owns the result. */
export function filterGradient({ x, dy }: KernelInputs, attributes: KernelAttributes): tf.Tensor | undefined {
  const [height, width] = attributes.filterShape as number[];
  // A filter of one point is a matrix product, which has no layout to reorder.
  if (height * width === 1 || !isCovered(height, width, attributes)) return undefined;
  return tf.tidy(() => {
    const [top, left] = [(height - 1) / 2, (width - 1) / 2];
    const padded = attributes.pad === 'same' ? padSides(x, [top, top], [left, left]) : x;
    const result = convolve(tf.transpose(padded, [3, 1, 2, 0]), tf.transpose(dy, [1, 2, 0, 3]), 'VALID');
    return tf.transpose(result, [1, 2, 0, 3]);
  });
}

/** Whether the rule holds: stride 1, channels last, an odd filter, named padding. (tf.js differentiates no dilated convolution.) */
function isCovered(height: number, width: number, { strides, pad, dataFormat }: KernelAttributes): boolean {
  const isOdd = height % 2 === 1 && width % 2 === 1;
  const isNamed = pad === 'same' || pad === 'valid';
  return isOdd && isNamed && (dataFormat ?? 'NHWC') === 'NHWC' && [strides].flat().every((stride) => stride === 1);
}

function padSides(x: tf.Tensor, rows: Sides, columns: Sides): tf.Tensor {
  return tf.pad(x, [[0, 0], rows, columns, [0, 0]]);
}

function convolve(x: tf.Tensor, filter: tf.Tensor, padding: 'SAME' | 'VALID'): tf.Tensor {
  const ones = [1, 1, 1, 1];
  const options = [
    attr.type('T', x.dtype),
    attr.int('strides', ones),
    attr.string('padding', padding),
    attr.string('data_format', 'NHWC'),
    attr.bool('use_cudnn_on_gpu', true),
    attr.int('dilations', ones),
  ];
  return runOp('Conv2D', options, [x, filter]);
}

let lacksAvx512: boolean | undefined;

/** Whether the backward kernels are the slow ones here: known of x86 processors without AVX-512, where no GPU does the work. */
function isSlowBackwards(): boolean {
  if ((nodeBackend() as NodeBackend & { isUsingGpuDevice?: boolean }).isUsingGpuDevice === true) return false;
  lacksAvx512 ??= process.arch === 'x64' && processorFlags().includes('avx2') && !processorFlags().includes('avx512f');
  return lacksAvx512;
}

/** What the first processor can do, as Linux lists it. Empty on other systems. */
function processorFlags(): string[] {
  try {
    return /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1].trim().split(/\s+/) ?? [];
  } catch {
    return [];
  }
}
