/**
 * The plain convolutional network, for images and for signals.
 */
import { OptionError } from '../core/errors';
import {
  checkOptions,
  flag,
  needed,
  type OptionsOf,
  oneOf,
  where,
  whole,
  withDefault,
} from '../core/options';
import * as tf from '../core/tf';
import { initialize } from './initialize';
import {
  ACTIVATION,
  activate,
  batchNorm,
  conv2d,
  DROPOUT,
  dense,
  MODEL,
  type ModelOptions,
  SIZES,
  type Symbolic,
  shapeOf,
} from './layers';

const OWN = {
  /** Shape of one sample: images `[height, width, channels]`; signals `[length, channels]` or `[length]`. */
  inputs: needed(shapeOf(1, 2, 3)),
  /** Filters of each convolution layer, at least 1. Default `[16, 32]`. */
  filters: withDefault(SIZES, [16, 32]),
  /** Side (signals: length) of the kernels, odd. Default 3. */
  kernelSize: withDefault(
    where<number>(
      'whole',
      'an odd whole number >= 1',
      (value) => Number.isInteger(value) && (value as number) % 2 === 1,
    ),
    3,
  ),
  /** Pooling after each convolution layer. Default `'max'`. */
  pooling: oneOf(['max', 'average', 'none'], 'max'),
  /** Side (signals: length) of a pooled block, at least 1. Default 2. */
  poolSize: whole({ min: 1 }, 2),
  /** Takes the mean over all positions before the dense head, in place of flattening. Default false. */
  globalPooling: flag(false),
  /** Units of hidden dense layers between the convolutions and the logits. Default none. */
  hidden: withDefault(SIZES, []),
  /** Non-linearity. Default `'relu'`. */
  activation: ACTIVATION,
  /**
   * Batch normalization between each convolution (then without bias) and its non-linearity. Default false.
   */
  batchNorm: flag(false),
  /**
   * Share of each hidden layer's outputs set to 0 in training, in [0, 1); a trainer seeds the masks. Default
   * 0: no dropout.
   */
  dropout: DROPOUT,
};

/** Describes the options of `convNet`. */
export const CONV_NET = { ...OWN, ...MODEL };

/** Options of `convNet`. */
export type ConvNetOptions = OptionsOf<typeof OWN> & ModelOptions;

/**
 * A ConvNet: for each number of filters a convolution (stride 1, zero padding that keeps the size), [batch
 * normalization], non-linearity, [pooling], [dropout]; then flatten or the mean over positions, hidden dense
 * layers, and dense.
 *
 * Layers are named `conv1`, `norm1`, ..., `dense1`, ... and `logits`. Input `[n, ...inputs]`, output: logits
 * `[n, classes]`. The caller disposes the model.
 *
 * @throws OptionError
 */
export function convNet(options: ConvNetOptions): tf.LayersModel {
  const { name = 'convnet', ...settings } = checkOptions('convNet', CONV_NET, options);
  const { inputs, filters, kernelSize, pooling, hidden, activation, dropout, classes, initializer, seed } =
    settings;
  const poolSize = pooling === 'none' ? 1 : settings.poolSize;
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
    dropout > 0
      ? (tf.layers.dropout({ rate: dropout, name: `${name}/${layer}/dropout` }).apply(x) as Symbolic)
      : x;

  const input = tf.input({ shape: [...inputs], name: `${name}/input` });
  let x = input;
  if (inputs.length === 1) {
    x = tf.layers.reshape({ targetShape: [inputs[0], 1], name: `${name}/channels` }).apply(x) as Symbolic;
  }
  filters.forEach((count, i) => {
    const layer = `conv${i + 1}`;
    const convolution = {
      filters: count,
      kernelSize,
      useBias: !settings.batchNorm,
      name: `${name}/${layer}`,
    };
    x = isImage
      ? conv2d(x, convolution)
      : (tf.layers
          .conv1d({ ...convolution, padding: 'same', kernelInitializer: 'zeros' })
          .apply(x) as Symbolic);
    if (settings.batchNorm) x = batchNorm(x, `${name}/norm${i + 1}`);
    x = activate(x, activation, `${name}/${layer}/activation`);
    if (poolSize > 1) x = pool(x, isImage, pooling, poolSize, `${name}/${layer}/pool`);
    x = dropped(x, layer);
  });
  x = settings.globalPooling
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
  const layer =
    x.rank === 4 ? tf.layers.globalAveragePooling2d({ name }) : tf.layers.globalAveragePooling1d({ name });
  return layer.apply(x) as Symbolic;
}
