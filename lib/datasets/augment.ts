/**
 * Seeded augmentation of training images.
 */
import { checkKnownOptions, checkNumber, OptionError } from '../runtime/errors';
import type { Random } from '../runtime/random';
import * as tf from '../runtime/tf';
import type { Batch, Dataset } from './dataset';

/**
 * Makes the tensors of a batch with each sample changed at random, in place of `data.tensors(indices)`. The caller disposes them.
 *
 * The draws come from `random` alone: give each batch a stream of its own, such as
 * `new Random(seed, 'augment/' + epoch + '/' + batch)`, and a resumed run sees the same images.
 */
export type Augmentation = (data: Dataset, indices: ArrayLike<number>, random: Random) => Batch;

/** Options of `cropAndFlip`. */
export interface CropAndFlipOptions {
  /** Pixels of black border around the image before a part of its old size is cut out, >= 0. Default 4. */
  padding?: number;
  /** Mirrors every second image, at random, left to right. Default true. */
  flip?: boolean;
}

/**
 * The usual augmentation for CIFAR, and the paper's: a random part of the image with a border, mirrored or not. The border is 0
 * before standardisation, as with torchvision's RandomCrop before Normalize.
 */
export function cropAndFlip(options: CropAndFlipOptions = {}): Augmentation {
  checkKnownOptions('cropAndFlip', options, ['padding', 'flip']);
  const padding = checkNumber('padding', options.padding ?? 4, { min: 0, integer: true });
  const { flip = true } = options;
  return (data, indices, random) => {
    if (data.inputShape.length !== 3)
      throw new OptionError('data', data.inputShape, 'images, of shape [height, width, channels]');
    const [height, width, channels] = data.inputShape;
    const values = data.values(indices);
    const augmented = blackImages(data, indices.length);
    for (let image = 0; image < indices.length; image++) {
      const down = random.int(2 * padding + 1) - padding;
      const right = random.int(2 * padding + 1) - padding;
      const mirrored = flip && random.int(2) === 1;
      const start = image * data.inputSize;
      for (let y = Math.max(0, -down); y < Math.min(height, height - down); y++) {
        for (let x = Math.max(0, -right); x < Math.min(width, width - right); x++) {
          let from = start + ((y + down) * width + x + right) * channels;
          let to = start + (y * width + (mirrored ? width - 1 - x : x)) * channels;
          for (let c = 0; c < channels; c++) augmented[to++] = values[from++];
        }
      }
    }
    const labels = Int32Array.from(indices, (index) => data.labels[index]);
    return {
      xs: tf.tensor(augmented, [indices.length, ...data.inputShape], 'float32'),
      ys: tf.tensor1d(labels, 'int32'),
    };
  };
}

/** `n` images whose stored values are all 0, standardised as those of `data`. */
function blackImages({ statistics, inputSize }: Dataset, n: number): Float32Array {
  const images = new Float32Array(n * inputSize);
  if (statistics === null) return images;
  const black = statistics.mean.map((mean, c) => -mean / statistics.std[c]);
  if (black.length === 1) return images.fill(black[0]);
  for (let i = 0; i < images.length; i++) images[i] = black[i % black.length];
  return images;
}
