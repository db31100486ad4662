/**
 * Losses on native kernels.
 *
 *   loss_i  = -sum_c y_ic log softmax(z_i)_c      with smoothing e: (1 - e) y_ic + e / c in place of y_ic
 *   d loss_i / d z_i = softmax(z_i) - y_i
 */

import { checkNumber, OptionError } from '../core/errors';
import * as tf from '../core/tf';
import { attr, isNative, runOpWithOutputs } from './backend';
import { registerNativeGradient, registerNativeKernel } from './kernels/register';

const LOSS = 'LookbehindCrossEntropy';
const LOSS_GRADIENT = 'LookbehindCrossEntropyGrad';

/**
 * Mean softmax cross-entropy over a batch.
 *
 * One native op gives loss and gradient, about 20 times faster than tf.losses.softmaxCrossEntropy. It can be
 * differentiated twice with respect to the logits, not with respect to the labels.
 *
 * @param labels Classes, int32 [n]; or one distribution per sample, [n, c], whose rows sum to 1 (one-hot,
 * smoothed or mixed).
 * @param logits Unnormalized scores, float32 [n, c].
 * @param labelSmoothing Share of each label that is spread evenly over all classes, 0 to 1, as
 *   label_smoothing of PyTorch. Default 0.
 * @returns The mean over the n samples, float32 []. The caller owns it.
 * @throws OptionError where the shapes or dtypes are others. A class outside of [0, c) is an error of the
 * native op.
 */
export function crossEntropy(labels: tf.Tensor, logits: tf.Tensor, labelSmoothing = 0): tf.Scalar {
  checkNumber('labelSmoothing', labelSmoothing, { min: 0, max: 1 });
  if (logits.rank !== 2) throw new OptionError('logits', `[${logits.shape}]`, 'a tensor of shape [n, c]');
  const sparse = labels.rank === 1 && labels.dtype === 'int32' && labels.shape[0] === logits.shape[0];
  if (!sparse && !tf.util.arraysEqual(labels.shape, logits.shape)) {
    throw new OptionError(
      'labels',
      `${labels.dtype} [${labels.shape}]`,
      `int32 classes of shape [${logits.shape[0]}], or distributions of shape [${logits.shape}]`,
    );
  }
  return tf.tidy(() => {
    const classes = logits.shape[1] as number;
    const rows = (): tf.Tensor =>
      tf.cast(sparse ? tf.oneHot(labels as tf.Tensor1D, classes) : labels, 'float32');
    if (labelSmoothing > 0) return crossEntropy(smoothed(rows(), classes, labelSmoothing), logits);
    if (!isNative()) return tf.mean(composed(logits, rows()));
    const inputs = { logits, labels: sparse ? labels : rows() };
    return tf.mean(tf.engine().runKernel(LOSS, inputs) as tf.Tensor1D);
  });
}

/** Labels of which a share is spread evenly over all classes. */
export function smoothed(labels: tf.Tensor, classes: number, labelSmoothing: number): tf.Tensor {
  return tf.add(tf.mul(labels, 1 - labelSmoothing), labelSmoothing / classes);
}

/**
 * The loss of each row, on other backends. It saves its inputs alone, so that its gradient can be
 * differentiated; that of tf.losses.softmaxCrossEntropy cannot, and does not say so.
 */
const composed = tf.customGrad((...args) => {
  const [logits, labels, save] = args as unknown as [tf.Tensor, tf.Tensor, (tensors: tf.Tensor[]) => void];
  save([logits, labels]);
  return {
    // The labels of a row sum to 1.
    value: tf.sub(tf.logSumExp(logits, -1), tf.sum(tf.mul(labels, logits), -1)),
    gradFunc: (dy, [z, y]) => [
      tf.mul(tf.expandDims(dy as tf.Tensor, -1), tf.sub(tf.softmax(z), y)),
      tf.zerosLike(y),
    ],
  };
});

type Inputs = { logits: tf.Tensor; labels: tf.Tensor };

function nativeCrossEntropy({ logits, labels }: Inputs): [loss: tf.Tensor, gradient: tf.Tensor] {
  const [loss, gradient] =
    labels.rank === 1
      ? runOpWithOutputs(
          'SparseSoftmaxCrossEntropyWithLogits',
          [attr.type('T', 'float32'), attr.type('Tlabels', 'int32')],
          [logits, labels],
          2,
        )
      : runOpWithOutputs('SoftmaxCrossEntropyWithLogits', [attr.type('T', 'float32')], [logits, labels], 2);
  return [loss, gradient];
}

registerNativeKernel(LOSS, (inputs) => {
  const [loss, gradient] = nativeCrossEntropy(inputs as Inputs);
  gradient.dispose();
  return loss;
});

registerNativeKernel(LOSS_GRADIENT, (inputs) => {
  const [loss, gradient] = nativeCrossEntropy(inputs as Inputs);
  loss.dispose();
  return gradient;
});

// The gradient is an op of the inputs, though the op that gives the loss gives it too: only so can it be
// differentiated again. In a compiled graph the second op costs nothing, TensorFlow merges it with the first.
registerNativeGradient(LOSS, {
  inputsToSave: ['logits', 'labels'],
  gradFunc: (dy, [logits, labels]) => ({
    logits: () =>
      tf.mul(
        tf.expandDims(dy as tf.Tensor, -1),
        tf.engine().runKernel(LOSS_GRADIENT, { logits, labels }) as tf.Tensor,
      ),
  }),
});

// The Hessian of one sample is diag(p) - p p', p = softmax(z).
registerNativeGradient(LOSS_GRADIENT, {
  inputsToSave: ['logits'],
  gradFunc: (dy, [logits]) => ({
    logits: () => {
      const p = tf.softmax(logits);
      const weighted = tf.mul(p, dy as tf.Tensor);
      return tf.sub(weighted, tf.mul(p, tf.sum(weighted, -1, true)));
    },
  }),
});
