/**
 * The loss of a model by default: cross-entropy, on what its last layer puts out.
 *
 *     logits z              mean of -log softmax(z)_y                        crossEntropy
 *     a softmax's p         mean of -log p_y
 *     one logit z           mean of log(1 + e^z) - y z,                      y in {0, 1}
 *     one sigmoid's p       mean of -y log p - (1 - y) log(1 - p)
 */

import { crossEntropy } from '../compile/losses';
import { OptionError } from '../core/errors';
import * as tf from '../core/tf';

/**
 * A loss: the mean over a batch, from labels (int32 `[n]`, or one row per sample) and what the model puts
 * out.
 */
export type BatchLoss = (labels: tf.Tensor, outputs: tf.Tensor) => tf.Scalar;

/** What the last layer of a model puts out, as far as a loss is concerned. */
export type OutputKind = 'logits' | 'softmax' | 'sigmoid';

/** Probabilities below are taken for it: the smallest float32 of full precision is a little less. */
const LEAST = 1e-37;

/** The largest float32 below 1. */
const MOST = 1 - 2 ** -24;

/** What the last layer of `model` puts out; of the first output, where there are several. */
export function outputKind(model: tf.LayersModel): OutputKind {
  // Not `outputLayers`, which a Sequential lacks until it is used.
  let layer: tf.layers.Layer = model;
  while (layer instanceof tf.LayersModel) layer = layer.outputs[0].sourceLayer;
  const { activation, axis = -1 } = layer.getConfig();
  const rank = model.outputs[0].shape.length;
  if (layer.getClassName() === 'Softmax') return axis === -1 || axis === rank - 1 ? 'softmax' : 'logits';
  if (activation === 'softmax') return 'softmax';
  return ['sigmoid', 'hardSigmoid', 'hard_sigmoid'].includes(activation as string) ? 'sigmoid' : 'logits';
}

/**
 * `loss`, or where it is left out or `crossEntropy`, cross-entropy on what `model` puts out: logits,
 * probabilities of a softmax, or one logit or probability for two classes.
 *
 * @throws OptionError where the model has several outputs, or several sigmoids: only a loss that is given can
 *   say what they mean; and where it has several inputs, which data sets do not have.
 */
export function lossFor(model: tf.LayersModel, loss: BatchLoss = crossEntropy): BatchLoss {
  if (model.inputs.length > 1) {
    throw new OptionError(
      'model',
      `a model with ${model.inputs.length} inputs`,
      'a model with one input',
      'Train it by model.fit with an optimizer of this library, or join its inputs to one.',
    );
  }
  if (loss !== crossEntropy) return loss;
  if (model.outputs.length > 1) {
    throw new OptionError(
      'model',
      `a model with ${model.outputs.length} outputs`,
      'a model with one output where no loss is given',
      'Train it by model.fit with an optimizer of this library, or give a loss.',
    );
  }
  const kind = outputKind(model);
  const { shape } = model.outputs[0];
  const isOne = shape.length === 2 && shape[1] === 1;
  if (kind === 'softmax') return isOne ? crossEntropy : ofSoftmax;
  if (isOne) return kind === 'sigmoid' ? ofSigmoid : ofLogit;
  if (kind === 'logits') return crossEntropy;
  throw new OptionError(
    'model',
    `a model whose last layer has ${shape.at(-1)} sigmoids`,
    'a model that puts out logits or a softmax, or has one sigmoid, where no loss is given',
    'Give a loss, such as (labels, outputs) => tf.losses.logLoss(labels, outputs).',
  );
}

function ofSoftmax(labels: tf.Tensor, outputs: tf.Tensor): tf.Scalar {
  return tf.tidy(() => crossEntropy(labels, tf.log(tf.maximum(outputs, LEAST))));
}

function ofLogit(labels: tf.Tensor, outputs: tf.Tensor): tf.Scalar {
  return tf.tidy(() => {
    const y = classesOf(labels, outputs);
    return tf.mean(tf.sub(tf.softplus(outputs), tf.mul(y, outputs))) as tf.Scalar;
  });
}

function ofSigmoid(labels: tf.Tensor, outputs: tf.Tensor): tf.Scalar {
  return tf.tidy(() => {
    const y = classesOf(labels, outputs);
    const p = tf.clipByValue(outputs, LEAST, MOST);
    const ofOne = tf.mul(y, tf.log(p));
    const ofZero = tf.mul(tf.sub(1, y), tf.log(tf.sub(1, p)));
    return tf.neg(tf.mean(tf.add(ofOne, ofZero))) as tf.Scalar;
  });
}

/** Labels of two classes, 0 and 1 or what is between them, in the shape of `outputs`. */
function classesOf(labels: tf.Tensor, outputs: tf.Tensor): tf.Tensor {
  if (labels.size !== outputs.size) {
    throw new OptionError(
      'labels',
      `${labels.dtype} [${labels.shape}]`,
      `one label per sample, of ${outputs.shape[0]}: 0 or 1`,
    );
  }
  return tf.cast(tf.reshape(labels, outputs.shape), 'float32');
}
