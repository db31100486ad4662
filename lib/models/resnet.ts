/**
 * Residual networks for small images.
 *
 * Kaiming He, Xiangyu Zhang, Shaoqing Ren, Jian Sun, "Deep Residual Learning for Image Recognition", CVPR
 * 2016, arXiv:1512.03385. Depths 20, 32, 56 are the networks of its section 4.2 (three stages), with
 * projection shortcuts; depths 18, 34, 50 are its ImageNet networks with the stem for small images (one 3 x 3
 * convolution, no pooling) that is usual for CIFAR (https://github.com/kuangliu/pytorch-cifar), which the
 * paper on Lookbehind-SAM trains.
 *
 *     basic block     h = relu(bn(conv3x3(x, stride)));  y = relu(bn(conv3x3(h)) + shortcut(x))
 *     bottleneck      h = relu(bn(conv1x1(x)));  h = relu(bn(conv3x3(h, stride)));
 *                     y = relu(bn(conv1x1(h)) + shortcut(x))
 *     shortcut        bn(conv1x1(x, stride)) where the shape changes, else x
 *
 * On images of even sides a 3 x 3 convolution at stride 2 uses one row of zeros at the top and one column at
 * the left, as in PyTorch, where TensorFlow's `same` has them at the bottom and at the right: so weights mean
 * the same here and there. `conv2d` sees to it.
 */
import { checkOptions, needed, type OptionsOf, oneOf, whole, withDefault } from '../core/options';
import * as tf from '../core/tf';
import { activate, batchNorm, conv2d, MODEL, type ModelOptions, type Symbolic, shapeOf } from './layers';
import { classifier, inStages } from './residual';

/** Number of layers with weights, shortcuts not counted. */
export type ResNetDepth = 18 | 20 | 32 | 34 | 50 | 56;

const OWN = {
  /**
   * Which network: 20, 32, 56 have three stages of width 16, 32, 64; 18, 34, 50 have four of width 64 to 512.
   */
  depth: needed(oneOf<ResNetDepth>([18, 20, 32, 34, 50, 56])),
  /** Shape of one image. Default `[32, 32, 3]`. */
  inputs: withDefault(shapeOf(3), [32, 32, 3]),
  /**
   * Filters of the first stage, at least 1; each later stage has twice as many. Default 16 or 64, as
   * published.
   */
  width: whole({ min: 1 }),
};

/** Describes the options of `resNet`. */
export const RES_NET = { ...OWN, ...MODEL };

/** Options of `resNet`. */
export type ResNetOptions = OptionsOf<typeof OWN> & ModelOptions;

interface Architecture {
  width: number;
  /** Blocks per stage. */
  blocks: readonly number[];
  bottleneck?: boolean;
}

const ARCHITECTURES: Readonly<Record<ResNetDepth, Architecture>> = {
  18: { width: 64, blocks: [2, 2, 2, 2] },
  20: { width: 16, blocks: [3, 3, 3] },
  32: { width: 16, blocks: [5, 5, 5] },
  34: { width: 64, blocks: [3, 4, 6, 3] },
  50: { width: 64, blocks: [3, 4, 6, 3], bottleneck: true },
  56: { width: 16, blocks: [9, 9, 9] },
};

/** A bottleneck block puts out this many times the filters of its 3 x 3 convolution. */
const EXPANSION = 4;

/**
 * A ResNet. Input `[n, ...inputs]`, output: logits `[n, classes]`. The caller disposes the model.
 *
 * Layers have the names of the PyTorch code with `/` for `.`: `conv1`, `bn1`, `layer1/0/conv1`,
 * `layer1/0/shortcut/conv`, `layer1/0/shortcut/bn`, ..., `linear`. For weights from there see
 * `loadStateDict`.
 *
 * @throws OptionError
 */
export function resNet(options: ResNetOptions): tf.LayersModel {
  const { depth, inputs, classes, initializer, seed, ...rest } = checkOptions('resNet', RES_NET, options);
  const { blocks, bottleneck = false, width: publishedWidth } = ARCHITECTURES[depth];
  const { width = publishedWidth, name = `resnet${depth}` } = rest;

  const input = tf.input({ shape: [...inputs], name: `${name}/input` });
  let x = conv2d(input, { filters: width, kernelSize: 3, useBias: false, name: `${name}/conv1` });
  x = activate(batchNorm(x, `${name}/bn1`), 'relu', `${name}/relu1`);
  x = inStages(x, blocks, (from, { stage, block, stride }) =>
    residualBlock(from, {
      filters: width * 2 ** stage,
      stride,
      bottleneck,
      name: `${name}/layer${stage + 1}/${block}`,
    }),
  );
  return classifier(input, x, { name, head: 'linear', classes, initializer, seed });
}

interface BlockOptions {
  filters: number;
  stride: number;
  bottleneck: boolean;
  name: string;
}

function residualBlock(x: Symbolic, { filters, stride, bottleneck, name }: BlockOptions): Symbolic {
  const normalized = (from: Symbolic, layer: number, size: number, count: number, step: number): Symbolic => {
    const convolution = {
      filters: count,
      kernelSize: size,
      stride: step,
      useBias: false,
      name: `${name}/conv${layer}`,
    };
    return batchNorm(conv2d(from, convolution), `${name}/bn${layer}`);
  };
  const relu = (from: Symbolic, layer: number): Symbolic => activate(from, 'relu', `${name}/relu${layer}`);

  const outputs = bottleneck ? filters * EXPANSION : filters;
  const last = bottleneck ? 3 : 2;
  const residual = bottleneck
    ? normalized(
        relu(normalized(relu(normalized(x, 1, 1, filters, 1), 1), 2, 3, filters, stride), 2),
        3,
        1,
        outputs,
        1,
      )
    : normalized(relu(normalized(x, 1, 3, filters, stride), 1), 2, 3, outputs, 1);

  let shortcut = x;
  if (stride !== 1 || x.shape[3] !== outputs) {
    const projection = {
      filters: outputs,
      kernelSize: 1,
      stride,
      useBias: false,
      name: `${name}/shortcut/conv`,
    };
    shortcut = batchNorm(conv2d(x, projection), `${name}/shortcut/bn`);
  }
  const sum = tf.layers.add({ name: `${name}/add` }).apply([residual, shortcut]) as Symbolic;
  return relu(sum, last);
}
