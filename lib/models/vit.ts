/**
 * The vision transformer: an image as a sequence of patches.
 *
 * Alexey Dosovitskiy et al., "An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale",
 * ICLR 2021, arXiv:2010.11929.
 *
 *     x = [token; patches E] + positions                     E: one dense layer for all patches
 *     x = x + attention(norm(x));  x = x + mlp(norm(x))      `depth` times; mlp: dense, gelu, dense
 *     y = head(norm(x)[token])
 */
import { checkNumber, OptionError } from '../core/errors';
import { checkOptions, type OptionsOf, whole, withDefault } from '../core/options';
import * as tf from '../core/tf';
import { type StoredTensor, storedFloats, storeFloats } from '../files/safetensors';
import { ClassToken, FirstToken, PositionEmbedding, SelfAttention } from './attention';
import { initializeTransformer } from './initialize';
import { DROPOUT, dense, MODEL, type ModelOptions, type Symbolic, shapeOf } from './layers';

const OWN = {
  /** Shape of one image. Default `[32, 32, 3]`. */
  inputs: withDefault(shapeOf(3), [32, 32, 3]),
  /** Side of the square patches in pixels; divides height and width. Default 4. */
  patchSize: whole({ min: 1 }, 4),
  /** Numbers per token. Published: 192 (Ti), 384 (S), 768 (B). Default 192. */
  width: whole({ min: 1 }, 192),
  /** Blocks, at least 1. Default 12, as published. */
  depth: whole({ min: 1 }, 12),
  /** Heads of each attention, a divisor of `width`. Published: 3 (Ti), 6 (S), 12 (B). Default 3. */
  heads: whole({ min: 1 }, 3),
  /** Hidden units of each block's MLP, at least 1. Default four times `width`, as published. */
  mlpWidth: whole({ min: 1 }),
  /**
   * Share of outputs set to 0 in training, in [0, 1): of the embedded patches, of each attention's and each
   * MLP's dense layers. A trainer seeds the masks. Default 0: no dropout.
   */
  dropout: DROPOUT,
};

const { initializer: _, ...OF_MODELS } = MODEL;

/** Describes the options of `vit`. */
export const VIT = { ...OWN, ...OF_MODELS };

/** Options of `vit`. */
export type VitOptions = OptionsOf<typeof OWN> & Omit<ModelOptions, 'initializer'>;

/**
 * A ViT. Input `[n, ...inputs]`, output: logits `[n, classes]`. The caller disposes the model.
 *
 * The defaults are ViT-Ti on small images. Layers have the names of the PyTorch code of timm with `/` for
 * `.`: `patch_embed/proj`, `cls_token`, `pos_embed`, `blocks/0/norm1`, `blocks/0/attn/qkv`,
 * `blocks/0/attn/proj`, `blocks/0/norm2`, `blocks/0/mlp/fc1`, `blocks/0/mlp/fc2`, ..., `norm`, `head`. So its
 * published weights can be loaded, see `loadStateDict`.
 *
 * Initial weights: dense kernels and positions ~ normal(0, .02), biases and token 0; the patches' kernel as
 * in PyTorch.
 *
 * @example
 * // Fine-tunes ViT-Ti/16 on 10 classes. Its pixels are standardized by mean .5 and standard deviation .5.
 * const model = vit({ inputs: [224, 224, 3], patchSize: 16, classes: 10 });
 * const { tensors } = await readSafetensors('vit_tiny_patch16_224.safetensors');
 * loadStateDict(model, tensors, { keep: ['head.'] });
 * @throws OptionError
 */
export function vit(options: VitOptions): tf.LayersModel {
  const { inputs, patchSize, width, depth, heads, dropout, classes, seed, ...rest } = checkOptions(
    'vit',
    VIT,
    options,
  );
  const { mlpWidth = 4 * width, name = 'vit' } = rest;
  if (inputs[0] % patchSize !== 0 || inputs[1] % patchSize !== 0) {
    throw new OptionError(
      'patchSize',
      patchSize,
      `a divisor of height and width of the images, ${inputs[0]} and ${inputs[1]}`,
    );
  }
  if (width % heads !== 0) throw new OptionError('heads', heads, `a divisor of the width, ${width}`);

  const dropped = (x: Symbolic, layer: string): Symbolic =>
    dropout > 0 ? (tf.layers.dropout({ rate: dropout, name: `${name}/${layer}` }).apply(x) as Symbolic) : x;
  const norm = (x: Symbolic, layer: string): Symbolic =>
    tf.layers.layerNormalization({ epsilon: 1e-6, name: `${name}/${layer}` }).apply(x) as Symbolic;
  const sum = (x: Symbolic, y: Symbolic, layer: string): Symbolic =>
    tf.layers.add({ name: `${name}/${layer}` }).apply([x, y]) as Symbolic;

  const attention = (x: Symbolic, block: string): Symbolic => {
    const qkv = dense(x, 3 * width, `${name}/${block}/qkv`);
    const attended = new SelfAttention({ heads, name: `${name}/${block}/heads` }).apply(qkv) as Symbolic;
    return dropped(dense(attended, width, `${name}/${block}/proj`), `${block}/dropout`);
  };
  const mlp = (x: Symbolic, block: string): Symbolic => {
    const linear = dense(x, mlpWidth, `${name}/${block}/fc1`);
    const hidden = tf.layers
      .activation({ activation: 'gelu', name: `${name}/${block}/gelu` })
      .apply(linear) as Symbolic;
    return dropped(
      dense(dropped(hidden, `${block}/dropout1`), width, `${name}/${block}/fc2`),
      `${block}/dropout2`,
    );
  };

  const input = tf.input({ shape: [...inputs], name: `${name}/input` });
  const patches = tf.layers
    .conv2d({
      filters: width,
      kernelSize: patchSize,
      strides: patchSize,
      kernelInitializer: 'zeros',
      name: `${name}/patch_embed/proj`,
    })
    .apply(input) as Symbolic;
  const count = (inputs[0] / patchSize) * (inputs[1] / patchSize);
  let x = tf.layers
    .reshape({ targetShape: [count, width], name: `${name}/patch_embed/flatten` })
    .apply(patches) as Symbolic;
  x = new ClassToken({ name: `${name}/cls_token` }).apply(x) as Symbolic;
  x = dropped(new PositionEmbedding({ name: `${name}/pos_embed` }).apply(x) as Symbolic, 'pos_drop');
  for (let i = 0; i < depth; i++) {
    const block = `blocks/${i}`;
    x = sum(x, attention(norm(x, `${block}/norm1`), `${block}/attn`), `${block}/add1`);
    x = sum(x, mlp(norm(x, `${block}/norm2`), `${block}/mlp`), `${block}/add2`);
  }
  // The other tokens do not matter any more, so only the first is normalized.
  const token = new FirstToken({ name: `${name}/token` }).apply(x) as Symbolic;
  const model = tf.model({
    inputs: input,
    outputs: dense(norm(token, 'norm'), classes, `${name}/head`),
    name,
  });
  initializeTransformer(model, seed);
  return model;
}

/**
 * The state dictionary of a ViT with positions for another number of patches: interpolated (bilinearly) over
 * the image, as the paper does (section 3.2) to fine-tune at another resolution.
 *
 * @param dict Has `pos_embed` `[1, 1 + h w, width]`, first that of the class token.
 * @param grid Patches per column and row of the model that it is for:
 * `[height / patchSize, width / patchSize]`.
 * @param from Patches per column and row of `dict`. Default: a square.
 * @returns A new dictionary, which shares all other tensors with `dict`.
 * @throws OptionError
 */
export function resizePositions(
  dict: ReadonlyMap<string, StoredTensor>,
  grid: readonly [number, number],
  from?: readonly [number, number],
): Map<string, StoredTensor> {
  const positions = dict.get('pos_embed');
  const [, tokens = 0, width = 0] = positions?.shape ?? [];
  const side = Math.round(Math.sqrt(tokens - 1));
  const [rows, columns] = from ?? [side, side];
  if (positions === undefined || rows * columns !== tokens - 1) {
    throw new OptionError('pos_embed', positions?.shape, `of shape [1, 1 + ${rows} * ${columns}, width]`);
  }
  for (const sizeOfGrid of grid) checkNumber('grid', sizeOfGrid, { min: 1, integer: true });
  const resized = tf.tidy(() => {
    const old = tf.tensor3d(storedFloats(positions), [1, tokens, width]);
    const image = old.slice([0, 1, 0]).reshape([1, rows, columns, width]) as tf.Tensor4D;
    const scaled = tf.image
      .resizeBilinear(image, [...grid], false, true)
      .reshape([1, grid[0] * grid[1], width]);
    return tf.concat([old.slice([0, 0, 0], [1, 1, width]), scaled], 1).dataSync() as Float32Array;
  });
  return new Map(dict).set('pos_embed', storeFloats(resized, [1, 1 + grid[0] * grid[1], width]));
}
