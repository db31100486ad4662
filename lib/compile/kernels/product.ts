/**
 * Matrix products on MatMul, where tfjs-node uses the batched BatchMatMulV2 for everything. MatMul is a
 * little faster, and TensorFlow fuses a bias and an activation into it.
 */

import * as tf from '../../core/tf';
import { attr, runOp } from '../backend';
import { type NativeKernel, replaceNativeKernel } from './register';

replaceNativeKernel('BatchMatMul', multiply);

replaceNativeKernel('_FusedMatMul', (stock) => (inputs, attributes) => {
  const { a, b, bias, preluActivationWeights } = inputs;
  if (!isMatrix(a) || !isMatrix(b)) return stock(inputs, attributes);
  const { transposeA, transposeB, activation, leakyreluAlpha } = attributes as {
    transposeA: boolean;
    transposeB: boolean;
    activation: string;
    leakyreluAlpha: number;
  };
  return tf.tidy(() => {
    const product = tf.matMul(asMatrix(a), asMatrix(b), transposeA, transposeB);
    const sum = bias == null ? product : tf.add(product, bias);
    const { applyActivation } = tf.backend() as unknown as Activations;
    const result = applyActivation.call(
      tf.backend(),
      sum,
      activation,
      preluActivationWeights,
      leakyreluAlpha,
    );
    return tf.reshape(result, a.rank === 3 ? [1, ...result.shape] : result.shape);
  });
});

interface Activations {
  applyActivation(
    x: tf.Tensor,
    activation: string,
    prelu: tf.Tensor | undefined,
    leakyreluAlpha: number,
  ): tf.Tensor;
}

function multiply(stock: NativeKernel): NativeKernel {
  return (inputs, attributes) => {
    const { a, b } = inputs;
    if (!isMatrix(a) || !isMatrix(b) || a.rank !== b.rank || a.dtype !== b.dtype)
      return stock(inputs, attributes);
    return tf.tidy(() => {
      const options = [
        attr.type('T', a.dtype),
        attr.bool('transpose_a', attributes.transposeA === true),
        attr.bool('transpose_b', attributes.transposeB === true),
      ];
      const product = runOp('MatMul', options, [asMatrix(a), asMatrix(b)]);
      return a.rank === 3 ? tf.reshape(product, [1, ...product.shape]) : product;
    });
  };
}

/** Whether the tensor is one matrix, as it is or as a batch of one. */
function isMatrix(tensor: tf.Tensor): boolean {
  return tensor.rank === 2 || (tensor.rank === 3 && tensor.shape[0] === 1);
}

function asMatrix(tensor: tf.Tensor): tf.Tensor {
  return tensor.rank === 2 ? tensor : tf.reshape(tensor, tensor.shape.slice(1));
}
