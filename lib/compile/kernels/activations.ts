/**
 * Gradients of activations and other functions of one tensor: native where tf.js composes them, and right
 * where they are differentiated again.
 *
 * A stock gradient that saves its *output* (tanh, sigmoid, softmax, exp, elu, ...) is silently wrong when it
 * is differentiated again: tf.js puts the saved copy on its tape before the op itself, so what flows into the
 * copy is lost. Here such a gradient uses the saved output only where nothing records it, and computes the
 * output again from the input otherwise.
 */

import * as tf from '../../core/tf';
import { attr, runOp } from '../backend';
import { isRecorded, registerGradient, registerNativeGradient, registerNativeKernel } from './register';

type Attributes = Parameters<tf.GradFunc>[2];
type Op = (x: tf.Tensor, attributes: Attributes) => tf.Tensor;

/** Registers the gradient of y = op(x) as `derivative(dy, y)`. */
function gradientByOutput(
  kernel: string,
  input: 'x' | 'logits',
  op: Op,
  derivative: (dy: tf.Tensor, y: tf.Tensor, attributes: Attributes) => tf.Tensor,
): void {
  registerGradient(kernel, {
    inputsToSave: [input],
    outputsToSave: [true],
    gradFunc: (dy, [x, y], attributes) => ({
      [input]: () => derivative(dy as tf.Tensor, isRecorded() ? op(x, attributes) : y, attributes),
    }),
  });
}

gradientByOutput('Exp', 'x', tf.exp, (dy, y) => tf.mul(dy, y));
gradientByOutput('Tanh', 'x', tf.tanh, (dy, y) => tf.mul(dy, tf.sub(1, tf.square(y))));
gradientByOutput('Sigmoid', 'x', tf.sigmoid, (dy, y) => tf.mul(dy, tf.mul(y, tf.sub(1, y))));
gradientByOutput(
  'Softmax',
  'logits',
  (logits, attributes) => tf.softmax(logits, axisOf(attributes, 'dim')),
  (dy, y, attributes) => {
    const weighted = tf.mul(dy, y);
    return tf.sub(weighted, tf.mul(tf.sum(weighted, axisOf(attributes, 'dim'), true), y));
  },
);

registerGradient('Elu', {
  inputsToSave: ['x'],
  outputsToSave: [true],
  gradFunc: (dy, [x, y]) => {
    const incoming = dy as tf.Tensor;
    return {
      x: () =>
        isRecorded()
          ? tf.mul(incoming, tf.exp(tf.minimum(x, 0)))
          : (tf.engine().runKernel('EluGrad', { dy: incoming, y }) as tf.Tensor),
    };
  },
});

registerGradient('Pow', {
  inputsToSave: ['a', 'b'],
  outputsToSave: [true],
  gradFunc: (dy, [base, exponent, y]) => {
    const incoming = dy as tf.Tensor;
    const [a, b] = [tf.cast(base, 'float32'), tf.cast(exponent, 'float32')];
    return {
      a: () => sumTo(tf.mul(incoming, tf.mul(b, tf.pow(a, tf.sub(b, 1)))), a.shape),
      b: () => {
        // Where a <= 0 the logarithm is not defined, and the derivative is taken as 0; as in stock tf.js.
        const log = tf.where(tf.greater(a, 0), tf.log(a), tf.zerosLike(a));
        return sumTo(tf.mul(incoming, tf.mul(isRecorded() ? tf.pow(a, b) : y, log)), b.shape);
      },
    };
  },
});

const RELU_GRADIENT = 'LookbehindReluGrad';
const RELU6_GRADIENT = 'LookbehindRelu6Grad';

registerMaskGradient('Relu', RELU_GRADIENT, 'ReluGrad');
registerMaskGradient('Relu6', RELU6_GRADIENT, 'Relu6Grad');

/**
 * Registers dx = dy where the function rises and 0 elsewhere, as one native op. It is linear in dy and
 * constant in x almost everywhere. Whether it rises can be told from y as well as from x; y leaves TensorFlow
 * free to fuse the function with what is before it.
 */
function registerMaskGradient(kernel: string, gradientKernel: string, op: string): void {
  const masked = (dy: tf.Tensor, x: tf.Tensor) =>
    tf.engine().runKernel(gradientKernel, { dy, x }) as tf.Tensor;
  registerNativeKernel(gradientKernel, ({ dy, x }) => runOp(op, [attr.type('T', 'float32')], [dy, x]));
  registerNativeGradient(kernel, {
    inputsToSave: ['x'],
    outputsToSave: [true],
    gradFunc: (dy, [x, y]) => ({
      x: () => masked(dy as tf.Tensor, tf.cast(isRecorded() ? x : y, 'float32')),
    }),
  });
  registerNativeGradient(gradientKernel, {
    inputsToSave: ['x'],
    gradFunc: (ddx, [x]) => ({ dy: () => masked(ddx as tf.Tensor, x), x: () => tf.zerosLike(x) }),
  });
}

/** The sum over the axes along which `shape` was broadcast. */
function sumTo(tensor: tf.Tensor, shape: number[]): tf.Tensor {
  const axes = tf.broadcast_util.getReductionAxes(shape, tensor.shape);
  return tf.reshape(axes.length > 0 ? tf.sum(tensor, axes) : tensor, shape);
}

/** The axis that a softmax was taken along. */
function axisOf(attributes: Attributes, name: string): number {
  return (attributes as unknown as Record<string, number>)[name];
}
