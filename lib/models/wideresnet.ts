/**
 * Wide residual networks: few layers with many filters.
 *
 * Sergey Zagoruyko, Nikos Komodakis, "Wide Residual Networks", BMVC 2016, arXiv:1605.07146. WRN-d-w has d layers with weights and
 * is w times as wide as a ResNet for CIFAR: WRN-28-10 has 36.5 million weights, WRN-28-2 has 1.47 million.
 *
 *     block       h = relu(bn(x));  y = conv3x3(dropout(relu(bn(conv3x3(h, stride))))) + shortcut
 *     shortcut    conv1x1(h, stride) where the shape changes, else x
 *
 * BatchNorm and ReLU come before the convolutions ("pre-activation"), so nothing but additions lies on the way from the first
 * convolution to the last BatchNorm. Padding at stride 2 is PyTorch's, see `conv2d`.
 */
import { checkKnownOptions, checkNumber, OptionError } from '../core/errors';
import * as tf from '../core/tf';
import {
  activate,
  batchNorm,
  checkDropout,
  checkInputShape,
  conv2d,
  type ModelOptions,
  resolveModelOptions,
  type Symbolic,
} from './layers';
import { classifier, inStages } from './residual';

/** Options of `wideResNet`. */
export interface WideResNetOptions extends ModelOptions {
  /** Number of layers with weights, the 1 x 1 shortcuts not counted: 6 n + 4 for n blocks in each of the three stages. Default 28. */
  depth?: number;
  /** How many times as wide as a ResNet, a whole number >= 1. Default 10. */
  widen?: number;
  /** Shape of one image. Default `[32, 32, 3]`. */
  inputs?: readonly number[];
  /** Filters of the first convolution, >= 1. The stages have `width * widen` times 1, 2 and 4. Default 16, as published. */
  width?: number;
  /** Share of each block's inner outputs set to 0 in training, in [0, 1); a trainer seeds the masks. Default 0: no dropout. */
  dropout?: number;
}

/**
 * A Wide ResNet. Input `[n, ...inputs]`, output: logits `[n, classes]`. The caller disposes the model.
 *
 * Layers have the names of the usual PyTorch code (https://github.com/xternalz/WideResNet-pytorch) with `/` for `.`: `conv1`,
 * `block1/layer/0/bn1`, `block1/layer/0/conv1`, `block1/layer/0/convShortcut`, ..., `bn1`, `fc`.
 *
 * @throws OptionError
 */
export function wideResNet(options: WideResNetOptions): tf.LayersModel {
  checkKnownOptions('wideResNet', options, [
    'depth',
    'widen',
    'inputs',
    'width',
    'dropout',
    'classes',
    'initializer',
    'seed',
    'name',
  ]);
  const depth = checkNumber('depth', options.depth ?? 28, { min: 10, integer: true });
  if (depth % 6 !== 4) throw new OptionError('depth', depth, '6 n + 4: 10, 16, 22, 28, 34, 40, ...');
  const widen = checkNumber('widen', options.widen ?? 10, { min: 1, integer: true });
  const width = checkNumber('width', options.width ?? 16, { min: 1, integer: true });
  const dropout = checkDropout(options.dropout);
  const { classes, initializer, seed, name } = resolveModelOptions(options, `wrn${depth}-${widen}`);
  const inputs = checkInputShape(options.inputs ?? [32, 32, 3], [3]);

  const input = tf.input({ shape: inputs, name: `${name}/input` });
  let x = conv2d(input, { filters: width, kernelSize: 3, useBias: false, name: `${name}/conv1` });
  x = inStages(x, new Array<number>(3).fill((depth - 4) / 6), (from, { stage, block, stride }) =>
    wideBlock(from, {
      filters: width * widen * 2 ** stage,
      stride,
      dropout,
      name: `${name}/block${stage + 1}/layer/${block}`,
    }),
  );
  x = normalised(x, `${name}/bn1`, `${name}/relu`);
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
  const first = normalised(x, `${name}/bn1`, `${name}/relu1`);
  let h = normalised(convolution(first, 3, stride, 'conv1'), `${name}/bn2`, `${name}/relu2`);
  if (dropout > 0) h = tf.layers.dropout({ rate: dropout, name: `${name}/dropout` }).apply(h) as Symbolic;
  const residual = convolution(h, 3, 1, 'conv2');
  const keepsShape = stride === 1 && x.shape[3] === filters;
  const shortcut = keepsShape ? x : convolution(first, 1, stride, 'convShortcut');
  return tf.layers.add({ name: `${name}/add` }).apply([residual, shortcut]) as Symbolic;
}

function normalised(x: Symbolic, norm: string, relu: string): Symbolic {
  return activate(batchNorm(x, norm), 'relu', relu);
}
