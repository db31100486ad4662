/**
 * The multilayer perceptron.
 */
import { checkFlag, checkKnownOptions, OptionError } from '../core/errors';
import * as tf from '../core/tf';
import { initialize } from './initialize';
import {
  type Activation,
  activate,
  batchNorm,
  checkActivation,
  checkDropout,
  checkInputShape,
  checkSizes,
  dense,
  type ModelOptions,
  resolveModelOptions,
  type Symbolic,
} from './layers';

/** Options of `mlp`. */
export interface MlpOptions extends ModelOptions {
  /** Number of inputs, or shape of one sample, which is flattened: `40`, `[40]`, `[28, 28, 1]`. */
  inputs: number | readonly number[];
  /** Units of each hidden layer, >= 1; `[]` is a linear model. */
  hidden: readonly number[];
  /** Non-linearity of the hidden layers: one for all, or one each. Default `'relu'`. */
  activation?: Activation | readonly Activation[];
  /** Batch normalisation between each hidden layer and its non-linearity. Default false. */
  batchNorm?: boolean;
  /** Share of each hidden layer's outputs set to 0 in training, in [0, 1); a trainer seeds the masks. Default 0: no dropout. */
  dropout?: number;
}

/**
 * An MLP: flatten, then for each hidden layer dense, [batch normalisation], non-linearity, [dropout], then dense.
 *
 * Layers are named `dense1`, `norm1`, ... and `logits`. Input `[n, ...inputs]`, output: logits `[n, classes]`. The caller
 * disposes the model.
 *
 * @throws OptionError
 */
export function mlp(options: MlpOptions): tf.LayersModel {
  checkKnownOptions('mlp', options, [
    'inputs',
    'hidden',
    'classes',
    'activation',
    'batchNorm',
    'dropout',
    'initializer',
    'seed',
    'name',
  ]);
  const { classes, initializer, seed, name } = resolveModelOptions(options, 'mlp');
  const inputs = checkInputShape(typeof options.inputs === 'number' ? [options.inputs] : options.inputs, [1, 2, 3]);
  const hidden = checkSizes('hidden', options.hidden);
  const dropout = checkDropout(options.dropout);
  checkFlag('batchNorm', options.batchNorm ?? false);
  const activations = eachLayer(options.activation ?? 'relu', hidden.length);

  const input = tf.input({ shape: inputs, name: `${name}/input` });
  let x = inputs.length > 1 ? (tf.layers.flatten({ name: `${name}/flatten` }).apply(input) as Symbolic) : input;
  hidden.forEach((units, i) => {
    const layer = i + 1;
    x = dense(x, units, `${name}/dense${layer}`);
    if (options.batchNorm) x = batchNorm(x, `${name}/norm${layer}`);
    x = activate(x, activations[i], `${name}/activation${layer}`);
    if (dropout > 0) x = tf.layers.dropout({ rate: dropout, name: `${name}/dropout${layer}` }).apply(x) as Symbolic;
  });
  const model = tf.model({ inputs: input, outputs: dense(x, classes, `${name}/logits`), name });
  initialize(model, initializer, seed);
  return model;
}

/** The non-linearity of each of `n` layers. */
function eachLayer(activation: Activation | readonly Activation[], n: number): Activation[] {
  if (typeof activation === 'string') return new Array<Activation>(n).fill(checkActivation(activation));
  if (activation.length !== n) {
    throw new OptionError('activation', activation, `one for all or one for each of the ${n} hidden layers`);
  }
  return activation.map(checkActivation);
}
