/**
 * The layers that the models share, with PyTorch's conventions, and the check of their common options.
 */
import { OptionError } from '../core/errors';
import {
  listOf,
  needed,
  number,
  type Option,
  type OptionsOf,
  oneOf,
  option,
  where,
  whole,
} from '../core/options';
import * as tf from '../core/tf';
import { INITIALIZERS } from './initialize';

/** Describes the options that all models have. */
export const MODEL = {
  /** Number of classes, at least 1: the model puts out as many logits. */
  classes: needed(whole({ min: 1 })),
  /** Seed of the initial weights. Default 0. */
  seed: whole({}, 0),
  /** How the initial weights are drawn. Default `'pytorch'`. */
  initializer: oneOf(INITIALIZERS, 'pytorch'),
  /**
   * Name of the model and prefix of its variables, `<name>/<layer>/<weight>`. TensorFlow.js adds `_1`, `_2`,
   * ... to the variable names of a later model of the same name in one process, so give models that are used
   * together different names where state is saved by variable name. Letters, digits, `_`, `-`, `.`, `/`.
   * Default: the name of the function.
   */
  name: where<string>(
    'text',
    'letters, digits and any of _ . - /, not starting with one of these four',
    (value) => typeof value === 'string' && /^[A-Za-z0-9][A-Za-z0-9_.\-/]*$/.test(value),
  ),
};

/** Options that all models have. */
export type ModelOptions = OptionsOf<typeof MODEL>;

/** Describes the sizes of layers. */
export const SIZES = listOf(whole({ min: 1 }));

/** Describes a non-linearity of hidden layers. */
export const ACTIVATION = oneOf(['relu', 'tanh'], 'relu');

/** Non-linearity of hidden layers. */
export type Activation = 'relu' | 'tanh';

/** Describes a dropout rate: the share of outputs set to 0 in training. */
export const DROPOUT = number({ min: 0, max: 1, exclusiveMax: true }, 0);

/** Describes the shape of one sample; `ranks` says how many sides there may be. */
export function shapeOf(...ranks: readonly number[]): Option<readonly number[], 'optional'> {
  const allowed = `a shape of ${ranks.join(' or ')} numbers`;
  return option('numbers', allowed, (path, value, form) => {
    const shape = SIZES.check(path, value, form);
    if (!ranks.includes(shape.length)) throw new OptionError(path, value, allowed);
    return shape;
  });
}

/** A symbolic tensor on its way through the layers of the model `scope`. */
export type Symbolic = tf.SymbolicTensor;

/** Fully connected layer; weights are set by `initialize`. */
export function dense(x: Symbolic, units: number, name: string): Symbolic {
  return tf.layers.dense({ units, name, kernelInitializer: 'zeros' }).apply(x) as Symbolic;
}

/**
 * Batch normalization with PyTorch's constants: epsilon 1e-5; its momentum .1 is .9 in the convention of
 * TensorFlow.
 */
export function batchNorm(x: Symbolic, name: string): Symbolic {
  return tf.layers.batchNormalization({ epsilon: 1e-5, momentum: 0.9, name }).apply(x) as Symbolic;
}

/** Element-wise non-linearity. */
export function activate(x: Symbolic, activation: Activation, name: string): Symbolic {
  return tf.layers.activation({ activation, name }).apply(x) as Symbolic;
}

/** What `conv2d` needs. */
export interface Conv2dOptions {
  filters: number;
  /** Side of the kernel, odd. */
  kernelSize: number;
  /** Default 1. */
  stride?: number;
  /** Default true. */
  useBias?: boolean;
  name: string;
}

/**
 * Convolution of `[n, height, width, channels]` with zero padding by `(kernelSize - 1) / 2` on each side, as
 * PyTorch's Conv2d.
 *
 * At stride 2 TensorFlow's `same` padding puts its one row at the bottom where PyTorch's lies at the top, so
 * the zeros are added by a layer of their own; only the rows and columns that a window reaches are added. A
 * padded convolution without stride is the same in both conventions and stays in one layer.
 */
export function conv2d(
  x: Symbolic,
  { filters, kernelSize, stride = 1, useBias = true, name }: Conv2dOptions,
): Symbolic {
  const half = (kernelSize - 1) / 2;
  let padded = x;
  if (stride > 1 && half > 0) {
    const after = (side: number): number => {
      const positions = Math.floor((side + 2 * half - kernelSize) / stride) + 1;
      return Math.max(0, (positions - 1) * stride + kernelSize - half - side);
    };
    const [, height, width] = x.shape as number[];
    const padding: [[number, number], [number, number]] = [
      [half, after(height)],
      [half, after(width)],
    ];
    padded = tf.layers.zeroPadding2d({ padding, name: `${name}/pad` }).apply(x) as Symbolic;
  }
  return tf.layers
    .conv2d({
      filters,
      kernelSize,
      strides: stride,
      padding: stride > 1 ? 'valid' : 'same',
      useBias,
      kernelInitializer: 'zeros',
      name,
    })
    .apply(padded) as Symbolic;
}
