/**
 * Wide residual networks: few layers with many filters.
 *
 * Sergey Zagoruyko, Nikos Komodakis, "Wide Residual Networks", BMVC 2016, arXiv:1605.07146. WRN-d-w has d
 * layers with weights and is w times as wide as a ResNet for CIFAR: WRN-28-10 has 36.5 million weights,
 * WRN-28-2 has 1.47 million.
 *
 *     block       h = relu(bn(x));  y = conv3x3(dropout(relu(bn(conv3x3(h, stride))))) + shortcut
 *     shortcut    conv1x1(h, stride) where the shape changes, else x
 *
 * BatchNorm and ReLU come before the convolutions ("pre-activation"), so nothing but additions lies on the
 * way from the first convolution to the last BatchNorm. Padding at stride 2 is PyTorch's, see `conv2d`.
 */
import { checkOptions, type OptionsOf, where, whole, withDefault } from '../core/options';
import * as tf from '../core/tf';
import {
  activate,
  batchNorm,
  conv2d,
  DROPOUT,
  MODEL,
  type ModelOptions,
  type Symbolic,
  shapeOf,
} from './layers';
import { classifier, inStages } from './residual';

const isDepth = (value: unknown): boolean => typeof value === 'number' && value >= 10 && value % 6 === 4;

const OWN = {
  /**
   * Number of layers with weights, the 1 x 1 shortcuts not counted: 6 n + 4 for n blocks in each of the three
   * stages. Default 28.
   */
  depth: withDefault(where<number>('whole', '6 n + 4: 10, 16, 22, 28, 34, 40, ...', isDepth), 28),
  /** How many times as wide as a ResNet, at least 1. Default 10. */
  widen: whole({ min: 1 }, 10),
  /** Shape of one image. Default `[32, 32, 3]`. */
  inputs: withDefault(shapeOf(3), [32, 32, 3]),
  /**
   * Filters of the first convolution, at least 1. The stages have `width * widen` times 1, 2 and 4. Default
   * 16, as published.
   */
  width: whole({ min: 1 }, 16),
  /**
   * Share of each block's inner outputs set to 0 in training, in [0, 1); a trainer seeds the masks. Default
   * 0: no dropout.
   */
  dropout: DROPOUT,
};

/** Describes the options of `wideResNet`. */
export const WIDE_RES_NET = { ...OWN, ...MODEL };

/** Options of `wideResNet`. */
export type WideResNetOptions = OptionsOf<typeof OWN> & ModelOptions;

/**
 * A Wide ResNet. Input `[n, ...inputs]`, output: logits `[n, classes]`. The caller disposes the model.
 *
 * Layers have the names of the usual PyTorch code (https://github.com/xternalz/WideResNet-pytorch) with `/`
 * for `.`: `conv1`, `block1/layer/0/bn1`, `block1/layer/0/conv1`, `block1/layer/0/convShortcut`, ..., `bn1`,
 * `fc`.
 *
 * @throws OptionError
 */
export function wideResNet(options: WideResNetOptions): tf.LayersModel {
  const { depth, widen, width, inputs, dropout, classes, initializer, seed, ...rest } = checkOptions(
    'wideResNet',
    WIDE_RES_NET,
    options,
  );
  const { name = `wrn${depth}-${widen}` } = rest;

  const input = tf.input({ shape: [...inputs], name: `${name}/input` });
  let x = conv2d(input, { filters: width, kernelSize: 3, useBias: false, name: `${name}/conv1` });
  x = inStages(x, new Array<number>(3).fill((depth - 4) / 6), (from, { stage, block, stride }) =>
    wideBlock(from, {
      filters: width * widen * 2 ** stage,
      stride,
      dropout,
      name: `${name}/block${stage + 1}/layer/${block}`,
    }),
  );
  x = normalized(x, `${name}/bn1`, `${name}/relu`);
  return classifier(input, x, { name, head: 'fc', classes, initializer, seed });
}

interface WideBlockOptions {
  filters: number;
  stride: number;
  dropout: number;
  name: string;
}

function wideBlock(x: Symbolic, { filters, stride, dropout, name }: WideBlockOptions): Symbolic {
  const convolution = (from: Symbolic, kernelSize: number, step: number, layer: string): Symbolic =>
    conv2d(from, { filters, kernelSize, stride: step, useBias: false, name: `${name}/${layer}` });
  const first = normalized(x, `${name}/bn1`, `${name}/relu1`);
  let h = normalized(convolution(first, 3, stride, 'conv1'), `${name}/bn2`, `${name}/relu2`);
  if (dropout > 0) h = tf.layers.dropout({ rate: dropout, name: `${name}/dropout` }).apply(h) as Symbolic;
  const residual = convolution(h, 3, 1, 'conv2');
  const keepsShape = stride === 1 && x.shape[3] === filters;
  const shortcut = keepsShape ? x : convolution(first, 1, stride, 'convShortcut');
  return tf.layers.add({ name: `${name}/add` }).apply([residual, shortcut]) as Symbolic;
}

function normalized(x: Symbolic, norm: string, relu: string): Symbolic {
  return activate(batchNorm(x, norm), 'relu', relu);
}
