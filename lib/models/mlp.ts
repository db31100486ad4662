/**
 * The multilayer perceptron.
 */
import { checkKnownOptions, checkNumber } from '../runtime/errors';
import * as tf from '../runtime/tf';
import { initialize } from './initialize';
import {
  type Activation,
  activate,
  batchNorm,
  checkActivation,
  checkInputShape,
  checkModelOptions,
  dense,
  type ModelOptions,
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
  /** Share of each hidden layer's outputs set to 0 in training, in [0, 1). Default 0: no dropout. */
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
  const { hidden, classes, activation = 'relu', initializer = 'pytorch', seed = 0, name = 'mlp' } = options;
  checkModelOptions({ classes, name });
  const inputs = typeof options.inputs === 'number' ? [options.inputs] : options.inputs;
  const dropout = checkNumber('dropout', options.dropout ?? 0, { min: 0, max: 0.999 });

  const input = tf.input({ shape: checkInputShape(inputs, [1, 2, 3]), name: `${name}/input` });
  let x = inputs.length > 1 ? (tf.layers.flatten({ name: `${name}/flatten` }).apply(input) as Symbolic) : input;
  hidden.forEach((units, i) => {
    const layer = i + 1;
    const nonLinearity = typeof activation === 'string' ? activation : activation[i];
    x = dense(x, checkNumber('hidden', units, { min: 1, integer: true }), `${name}/dense${layer}`);
    if (options.batchNorm) x = batchNorm(x, `${name}/norm${layer}`);
    x = activate(x, checkActivation('activation', nonLinearity), `${name}/activation${layer}`);
    if (dropout > 0) x = tf.layers.dropout({ rate: dropout, name: `${name}/dropout${layer}` }).apply(x) as Symbolic;
  });
  const model = tf.model({ inputs: input, outputs: dense(x, classes, `${name}/logits`), name });
  initialize(model, initializer, seed);
  return model;
}
