/**
 * The loss of a model: the one that is given; else mean squared error where labels are numbers, and
 * cross-entropy on what its last layer puts out where they are classes.
 *
 *     logits z              mean of -log softmax(z)_y                        crossEntropy
 *     a softmax's p         mean of -log p_y
 *     one logit z           mean of log(1 + e^z) - y z,                      y in {0, 1}
 *     one sigmoid's p       mean of -y log p - (1 - y) log(1 - p)
 */

import { crossEntropy, smoothed } from '../compile/losses';
import { checkModel } from '../core/checkModel';
import { OptionError } from '../core/errors';
import * as tf from '../core/tf';
import { type BatchLoss, type Loss, type LossConfig, regressionLoss } from './losses';
import { labelsAreNumbers, type SampleSource, type Samples } from './samples';

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
 * The loss of `model` on `samples`: `loss` where it is given, by name or as a function. `crossEntropy`, the
 * default where labels are classes, is that of what the model puts out: logits, probabilities of a softmax,
 * or one logit or probability for two classes.
 *
 * @throws OptionError where the model has several outputs, or several sigmoids: only a loss that is given can
 *   say what they mean; and where it has several inputs, which data sets do not have.
 */
export function lossFor(model: tf.LayersModel, loss: Loss | undefined, samples?: Samples): BatchLoss {
  checkModel(model);
  if (model.inputs.length > 1) {
    throw new OptionError(
      'model',
      `a model with ${model.inputs.length} inputs`,
      'a model with one input',
      'Train it by model.fit with an optimizer of this library, or join its inputs to one.',
    );
  }
  if (typeof loss === 'function' && loss !== crossEntropy) return loss;
  const usual = samples !== undefined && labelsAreNumbers(samples) ? 'meanSquaredError' : 'crossEntropy';
  const named = loss === undefined || loss === crossEntropy ? usual : loss;
  const config = (typeof named === 'string' ? { kind: named } : named) as LossConfig;
  return config.kind === 'crossEntropy'
    ? crossEntropyFor(model, config.labelSmoothing ?? 0, samples)
    : regressionLoss(config);
}

/** Cross-entropy on what `model` puts out. */
function crossEntropyFor(
  model: tf.LayersModel,
  labelSmoothing: number,
  samples: Samples | undefined,
): BatchLoss {
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
  const { length: classes } = (samples as SampleSource | undefined)?.classes ?? [];
  const units = shape.at(-1);
  if (typeof units === 'number' && classes > (isOne ? 2 : units)) {
    throw new OptionError(
      'model',
      `a model with ${units} ${units === 1 ? 'number' : 'numbers'} for each sample`,
      `a model that puts out ${classes} numbers for each sample, one for each class`,
      `Let its last layer have ${classes} units.`,
    );
  }
  const ofLogits =
    labelSmoothing === 0 ? crossEntropy : (...args: Both) => crossEntropy(...args, labelSmoothing);
  if (kind === 'softmax')
    return isOne ? ofLogits : (labels, p) => tf.tidy(() => ofLogits(labels, tf.log(tf.maximum(p, LEAST))));
  if (isOne) return ofTwo(kind === 'sigmoid' ? ofSigmoid : ofLogit, labelSmoothing);
  if (kind === 'logits') return ofLogits;
  throw new OptionError(
    'model',
    `a model whose last layer has ${shape.at(-1)} sigmoids`,
    'a model that puts out logits or a softmax, or has one sigmoid, where no loss is given',
    'Give a loss, such as (labels, outputs) => tf.losses.logLoss(labels, outputs).',
  );
}

type Both = Parameters<BatchLoss>;

/** The loss of two classes with labels in the shape of the outputs: 0 and 1, or what is between them. */
function ofTwo(loss: (y: tf.Tensor, outputs: tf.Tensor) => tf.Tensor, labelSmoothing: number): BatchLoss {
  return (labels, outputs) =>
    tf.tidy(() => {
      const y = classesOf(labels, outputs);
      return tf.mean(loss(labelSmoothing === 0 ? y : smoothed(y, 2, labelSmoothing), outputs)) as tf.Scalar;
    });
}

function ofLogit(y: tf.Tensor, outputs: tf.Tensor): tf.Tensor {
  return tf.sub(tf.softplus(outputs), tf.mul(y, outputs));
}

function ofSigmoid(y: tf.Tensor, outputs: tf.Tensor): tf.Tensor {
  const p = tf.clipByValue(outputs, LEAST, MOST);
  return tf.neg(tf.add(tf.mul(y, tf.log(p)), tf.mul(tf.sub(1, y), tf.log(tf.sub(1, p)))));
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
