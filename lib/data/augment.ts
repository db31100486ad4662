/**
 * Seeded augmentation of training images.
 */
import { OptionError } from '../core/errors';
import { checkOptions, flag, type OptionsOf, whole } from '../core/options';
import type { Random } from '../core/random';
import * as tf from '../core/tf';
import type { Batch, Dataset } from './dataset';

/**
 * Makes the tensors of a batch with each sample changed at random, in place of `data.tensors(indices)`. The
 * caller disposes them.
 *
 * The draws come from `random` alone: give each batch a stream of its own, such as
 * `new Random(seed, 'augment/' + epoch + '/' + batch)`, and a resumed run sees the same images.
 */
export type Augmentation = (data: Dataset, indices: ArrayLike<number>, random: Random) => Batch;

/** Describes the options of `cropAndFlip`. */
export const CROP_AND_FLIP = {
  /**
   * Pixels of black border around the image before a part of its old size is cut out. At least 0. Default 4.
   */
  padding: whole({ min: 0 }, 4),
  /** Mirrors every second image, at random, left to right. Default true. */
  flip: flag(true),
};

/** Options of `cropAndFlip`. */
export type CropAndFlipOptions = OptionsOf<typeof CROP_AND_FLIP>;

/**
 * The usual augmentation for CIFAR, and the paper's: a random part of the image with a border, mirrored or
 * not. The border has the stored value 0, black, as with torchvision's RandomCrop before Normalize.
 */
export function cropAndFlip(options: CropAndFlipOptions = {}): Augmentation {
  const { padding, flip } = checkOptions('cropAndFlip', CROP_AND_FLIP, options);
  return (data, indices, random) => {
    if (data.inputShape.length !== 3)
      throw new OptionError('data', data.inputShape, 'images, of shape [height, width, channels]');
    const [height, width, channels] = data.inputShape;
    const stored = data.stored(indices);
    const augmented = data.emptyStorage(indices.length);
    for (let image = 0; image < indices.length; image++) {
      const down = random.int(2 * padding + 1) - padding;
      const right = random.int(2 * padding + 1) - padding;
      const mirrored = flip && random.int(2) === 1;
      const left = Math.max(0, -right);
      const end = Math.min(width, width - right);
      for (let y = Math.max(0, -down); y < Math.min(height, height - down); y++) {
        const from = ((image * height + y + down) * width + right) * channels;
        const to = (image * height + y) * width * channels;
        if (mirrored) {
          for (let x = left; x < end; x++) {
            for (let c = 0; c < channels; c++)
              augmented[to + (width - 1 - x) * channels + c] = stored[from + x * channels + c];
          }
        } else if (left < end) {
          augmented.set(stored.subarray(from + left * channels, from + end * channels), to + left * channels);
        }
      }
    }
    return {
      xs: tf.tensor(data.scaled(augmented), [indices.length, ...data.inputShape], 'float32'),
      ys: data.labelTensor(indices),
    };
  };
}
