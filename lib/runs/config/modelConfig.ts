/**
 * The model of a run, as JSON, and how it is built.
 */

import { OptionError } from '../../core/errors';
import type * as tf from '../../core/tf';
import type { Dataset } from '../../data';
import {
  type Activation,
  type ConvNetOptions,
  convNet,
  type MlpOptions,
  mlp,
  type ResNetOptions,
  resNet,
  type VitOptions,
  vit,
  type WideResNetOptions,
  wideResNet,
} from '../../models';
import { type Check, checkFields, checkKind, type Field, type Fields, flag, listOf, number, oneOf, required } from './schema';

/** What the data and the seed of the run say about a model. */
type Given = 'inputs' | 'classes' | 'seed' | 'name';

/** A multilayer perceptron: the options of `mlp`. */
export interface MlpConfig extends Omit<MlpOptions, Given | 'activation' | 'hidden'> {
  /** A multilayer perceptron. */
  kind: 'mlp';
  /** Units of each hidden layer. */
  hidden: number[];
  /** Non-linearity of the hidden layers. Default `relu`. */
  activation?: Activation;
}

/** A plain convolutional network: the options of `convNet`. */
export interface ConvNetConfig extends Omit<ConvNetOptions, Given | 'filters' | 'hidden'> {
  /** A plain convolutional network. */
  kind: 'convNet';
  /** Filters of each convolution layer. Default `[16, 32]`. */
  filters?: number[];
  /** Units of hidden dense layers between the convolutions and the logits. Default none. */
  hidden?: number[];
}

/** A residual network for images: the options of `resNet`. */
export interface ResNetConfig extends Omit<ResNetOptions, Given> {
  /** A residual network. */
  kind: 'resNet';
}

/** A wide residual network for images: the options of `wideResNet`. */
export interface WideResNetConfig extends Omit<WideResNetOptions, Given> {
  /** A wide residual network. */
  kind: 'wideResNet';
}

/** A vision transformer: the options of `vit`. */
export interface VitConfig extends Omit<VitOptions, Given> {
  /** A vision transformer. */
  kind: 'vit';
}

/** The model of a run. */
export type ModelConfig = MlpConfig | ConvNetConfig | ResNetConfig | WideResNetConfig | VitConfig;

const size = (fallback?: number): Field<number> => number({ min: 1, integer: true }, fallback);

const dropout: Field<number> = {
  default: 0,
  check: (path, value) => {
    if (!(typeof value === 'number' && value >= 0 && value < 1)) throw new OptionError(path, value, 'a number >= 0 and < 1');
    return value;
  },
};

const kernelSize: Field<number> = {
  default: 3,
  check: (path, value) => {
    if (!(Number.isInteger(value) && (value as number) % 2 === 1 && (value as number) > 0)) {
      throw new OptionError(path, value, 'an odd whole number >= 1');
    }
    return value as number;
  },
};

const initializer = oneOf(['pytorch', 'he'], 'pytorch');
const activation = oneOf(['relu', 'tanh'], 'relu');

const MLP: Fields<Omit<MlpConfig, 'kind'>> = {
  hidden: required(listOf(size())),
  activation,
  batchNorm: flag(false),
  dropout,
  initializer,
};

const CONV_NET: Fields<Omit<ConvNetConfig, 'kind'>> = {
  filters: listOf(size(), [16, 32]),
  kernelSize,
  pooling: oneOf(['max', 'average', 'none'], 'max'),
  poolSize: size(2),
  globalPooling: flag(false),
  hidden: listOf(size(), []),
  activation,
  batchNorm: flag(false),
  dropout,
  initializer,
};

const RES_NET: Fields<Omit<ResNetConfig, 'kind'>> = {
  depth: required(oneOf([18, 20, 32, 34, 50, 56])),
  width: size(),
  initializer,
};

const wideDepth: Field<number> = {
  default: 28,
  check: (path, value) => {
    if (!(Number.isInteger(value) && (value as number) >= 10 && (value as number) % 6 === 4)) {
      throw new OptionError(path, value, '6 n + 4: 10, 16, 22, 28, 34, 40, ...');
    }
    return value as number;
  },
};

const WIDE_RES_NET: Fields<Omit<WideResNetConfig, 'kind'>> = {
  depth: wideDepth,
  widen: size(10),
  width: size(16),
  dropout,
  initializer,
};

const VIT: Fields<Omit<VitConfig, 'kind'>> = {
  patchSize: size(4),
  width: size(192),
  depth: size(12),
  heads: size(3),
  mlpWidth: size(),
  dropout,
};

const KINDS: { readonly [K in ModelConfig['kind']]: Check<object> } = {
  mlp: (path, value, form) => checkFields(path, value, MLP, form),
  convNet: (path, value, form) => checkFields(path, value, CONV_NET, form),
  resNet: (path, value, form) => checkFields(path, value, RES_NET, form),
  wideResNet: (path, value, form) => checkFields(path, value, WIDE_RES_NET, form),
  vit: (path, value, form) => checkFields(path, value, VIT, form),
};

/** Checks the model of a run. */
export const checkModel: Check<ModelConfig> = (path, value, form) => checkKind(path, value, KINDS, form);

/** How each kind is built. */
const BUILDERS = { mlp, convNet, resNet, wideResNet, vit } as const satisfies Record<ModelConfig['kind'], unknown>;

/**
 * Builds the model of a run for `data`, with initial weights that depend on the model and `seed` only. The caller disposes it.
 *
 * @throws OptionError where the model does not fit the data.
 */
export function buildModel(config: ModelConfig, data: Dataset, seed: number): tf.LayersModel {
  const { kind, ...options } = config;
  // The options are those of the kind: the configuration was checked.
  const build = BUILDERS[kind] as (options: object) => tf.LayersModel;
  return build({ ...options, inputs: data.inputShape, classes: data.classes.length, seed });
}
