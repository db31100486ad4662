/**
 * The plain convolutional network, for images and for signals.
 */
import { checkFlag, checkKnownOptions, checkNumber, checkOneOf, OptionError } from '../core/errors';
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
  conv2d,
  dense,
  type ModelOptions,
  resolveModelOptions,
  type Symbolic,
} from './layers';

/** Options of `convNet`. */
export interface ConvNetOptions extends ModelOptions {
  /** Shape of one sample: images `[height, width, channels]`; signals `[length, channels]` or `[length]`. */
  inputs: readonly number[];
  /** Filters of each convolution layer, >= 1. Default `[16, 32]`. */
  filters?: readonly number[];
  /** Side (signals: length) of the kernels, odd. Default 3. */
  kernelSize?: number;
  /** Pooling after each convolution layer. Default `'max'`. */
  pooling?: 'max' | 'average' | 'none';
  /** Side (signals: length) of a pooled block, >= 1. Default 2. */
  poolSize?: number;
  /** Takes the mean over all positions before the dense head, in place of flattening. Default false. */
  globalPooling?: boolean;
  /** Units of hidden dense layers between the convolutions and the logits. Default none. */
  hidden?: readonly number[];
  /** Non-linearity. Default `'relu'`. */
  activation?: Activation;
  /** Batch normalisation between each convolution (then without bias) and its non-linearity. Default false. */
  batchNorm?: boolean;
  /** Share of each hidden layer's outputs set to 0 in training, in [0, 1); a trainer seeds the masks. Default 0: no dropout. */
  dropout?: number;
}

/**
 * A ConvNet: for each number of filters a convolution (stride 1, zero padding that keeps the size), [batch normalisation],
 * non-linearity, [pooling], [dropout]; then flatten or the mean over positions, hidden dense layers, and dense.
 *
 * Layers are named `conv1`, `norm1`, ..., `dense1`, ... and `logits`. Input `[n, ...inputs]`, output: logits `[n, classes]`.
 * The caller disposes the model.
 *
 * @throws OptionError
 */
export function convNet(options: ConvNetOptions): tf.LayersModel {
  checkKnownOptions('convNet', options, [
    'inputs',
    'filters',
    'kernelSize',
    'pooling',
    'poolSize',
    'globalPooling',
    'hidden',
    'classes',
    'activation',
    'batchNorm',
    'dropout',
    'initializer',
    'seed',
    'name',
  ]);
  const { classes, initializer, seed, name } = resolveModelOptions(options, 'convnet');
  const inputs = checkInputShape(options.inputs, [1, 2, 3]);
  const filters = checkSizes('filters', options.filters ?? [16, 32]);
  const hidden = checkSizes('hidden', options.hidden ?? []);
  const activation = checkActivation(options.activation ?? 'relu');
  const pooling = checkOneOf('pooling', options.pooling ?? 'max', ['max', 'average', 'none']);
  const poolSize = pooling === 'none' ? 1 : checkNumber('poolSize', options.poolSize ?? 2, { min: 1, integer: true });
  const dropout = checkDropout(options.dropout);
  checkFlag('batchNorm', options.batchNorm ?? false);
  const kernelSize = checkNumber('kernelSize', options.kernelSize ?? 3, { min: 1, integer: true });
  if (kernelSize % 2 === 0) throw new OptionError('kernelSize', kernelSize, 'odd');
  const isImage = inputs.length === 3;
  const smallest = poolSize ** filters.length;
  if (inputs.slice(0, isImage ? 2 : 1).some((side) => side < smallest)) {
    throw new OptionError(
      'inputs',
      inputs,
      `at least ${smallest} wide`,
      `Pooling by ${poolSize} after each layer leaves nothing.`,
    );
  }

  const dropped = (x: Symbolic, layer: string): Symbolic =>
    dropout > 0 ? (tf.layers.dropout({ rate: dropout, name: `${name}/${layer}/dropout` }).apply(x) as Symbolic) : x;

  const input = tf.input({ shape: inputs, name: `${name}/input` });
  let x = input;
  if (inputs.length === 1) {
    x = tf.layers.reshape({ targetShape: [inputs[0], 1], name: `${name}/channels` }).apply(x) as Symbolic;
  }
  filters.forEach((count, i) => {
    const layer = `conv${i + 1}`;
    const convolution = { filters: count, kernelSize, useBias: !options.batchNorm, name: `${name}/${layer}` };
    x = isImage
      ? conv2d(x, convolution)
      : (tf.layers.conv1d({ ...convolution, padding: 'same', kernelInitializer: 'zeros' }).apply(x) as Symbolic);
    if (options.batchNorm) x = batchNorm(x, `${name}/norm${i + 1}`);
    x = activate(x, activation, `${name}/${layer}/activation`);
    if (poolSize > 1) x = pool(x, isImage, pooling, poolSize, `${name}/${layer}/pool`);
    x = dropped(x, layer);
  });
  x = options.globalPooling
    ? meanOverPositions(x, `${name}/mean`)
    : (tf.layers.flatten({ name: `${name}/flatten` }).apply(x) as Symbolic);
  hidden.forEach((units, i) => {
    const layer = `dense${i + 1}`;
    x = dense(x, units, `${name}/${layer}`);
    x = dropped(activate(x, activation, `${name}/${layer}/activation`), layer);
  });
  const model = tf.model({ inputs: input, outputs: dense(x, classes, `${name}/logits`), name });
  initialize(model, initializer, seed);
  return model;
}

function pool(x: Symbolic, isImage: boolean, pooling: string, poolSize: number, name: string): Symbolic {
  const options = { poolSize, strides: poolSize, name };
  const { maxPooling1d, maxPooling2d, averagePooling1d, averagePooling2d } = tf.layers;
  const layer = isImage
    ? pooling === 'max'
      ? maxPooling2d({ ...options, strides: [poolSize, poolSize] })
      : averagePooling2d({ ...options, strides: [poolSize, poolSize] })
    : pooling === 'max'
      ? maxPooling1d(options)
      : averagePooling1d(options);
  return layer.apply(x) as Symbolic;
}

function meanOverPositions(x: Symbolic, name: string): Symbolic {
  const layer = x.rank === 4 ? tf.layers.globalAveragePooling2d({ name }) : tf.layers.globalAveragePooling1d({ name });
  return layer.apply(x) as Symbolic;
}
