/**
 * The multilayer perceptron.
 */
import { OptionError } from '../core/errors';
import {
  checkOptions,
  either,
  flag,
  listOf,
  needed,
  type OptionsOf,
  whole,
  withDefault,
} from '../core/options';
import * as tf from '../core/tf';
import { initialize } from './initialize';
import {
  ACTIVATION,
  type Activation,
  activate,
  batchNorm,
  DROPOUT,
  dense,
  MODEL,
  type ModelOptions,
  SIZES,
  type Symbolic,
  shapeOf,
} from './layers';

const OWN = {
  /** Number of inputs, or shape of one sample, which is flattened: `40`, `[40]`, `[28, 28, 1]`. */
  inputs: needed(either(whole({ min: 1 }), shapeOf(1, 2, 3))),
  /** Units of each hidden layer, at least 1; `[]` is a linear model. */
  hidden: needed(SIZES),
  /** Non-linearity of the hidden layers: one for all, or one each. Default `'relu'`. */
  activation: withDefault(either(ACTIVATION, listOf(ACTIVATION)), 'relu'),
  /** Batch normalization between each hidden layer and its non-linearity. Default false. */
  batchNorm: flag(false),
  /**
   * Share of each hidden layer's outputs set to 0 in training, in [0, 1); a trainer seeds the masks. Default
   * 0: no dropout.
   */
  dropout: DROPOUT,
};

/** Describes the options of `mlp`. */
export const MLP = { ...OWN, ...MODEL };

/** Options of `mlp`. */
export type MlpOptions = OptionsOf<typeof OWN> & ModelOptions;

/**
 * An MLP: flatten, then for each hidden layer dense, [batch normalization], non-linearity, [dropout], then
 * dense.
 *
 * Layers are named `dense1`, `norm1`, ... and `logits`. Input `[n, ...inputs]`, output: logits
 * `[n, classes]`. The caller disposes the model.
 *
 * @throws OptionError
 */
export function mlp(options: MlpOptions): tf.LayersModel {
  const {
    inputs,
    hidden,
    activation,
    dropout,
    classes,
    initializer,
    seed,
    name = 'mlp',
    ...has
  } = checkOptions('mlp', MLP, options);
  const shape = typeof inputs === 'number' ? [inputs] : [...inputs];
  const activations = eachLayer(activation, hidden.length);

  const input = tf.input({ shape, name: `${name}/input` });
  let x =
    shape.length > 1 ? (tf.layers.flatten({ name: `${name}/flatten` }).apply(input) as Symbolic) : input;
  hidden.forEach((units, i) => {
    const layer = i + 1;
    x = dense(x, units, `${name}/dense${layer}`);
    if (has.batchNorm) x = batchNorm(x, `${name}/norm${layer}`);
    x = activate(x, activations[i], `${name}/activation${layer}`);
    if (dropout > 0)
      x = tf.layers.dropout({ rate: dropout, name: `${name}/dropout${layer}` }).apply(x) as Symbolic;
  });
  const model = tf.model({ inputs: input, outputs: dense(x, classes, `${name}/logits`), name });
  initialize(model, initializer, seed);
  return model;
}

/** The non-linearity of each of `n` layers. */
function eachLayer(activation: Activation | readonly Activation[], n: number): readonly Activation[] {
  if (typeof activation === 'string') return new Array<Activation>(n).fill(activation);
  if (activation.length === n) return activation;
  throw new OptionError('activation', activation, `one for all or one for each of the ${n} hidden layers`);
}
