/**
 * Tasks that differ in how the images are turned: Rotated-MNIST.
 *
 * Lopez-Paz, Ranzato, "Gradient episodic memory for continual learning", NeurIPS 2017, arXiv:1706.08840.
 */

import { checkNumber, OptionError } from '../core/errors';
import { checkOptions, listOf, number, type OptionsOf, whole, withDefault } from '../core/options';
import type { Dataset } from '../data';
import { domainTasks, OF_DOMAINS } from './samples';
import type { TaskData, TaskSequence } from './sequence';

const OWN = {
  /** Angle of each task in degrees, counter-clockwise. Default 0, 36, 72, 108, 144. */
  angles: withDefault(listOf(number()), [0, 36, 72, 108, 144]),
  /** Seed of the choice of samples. Default 0. */
  seed: whole({}, 0),
};

/** Describes the options of `rotatedTasks`. */
export const ROTATED: typeof OWN & typeof OF_DOMAINS = { ...OWN, ...OF_DOMAINS };

/** Images that are turned together: of each of these, one pixel after the other. They stay in the cache. */
const BLOCK = 32;
/** The largest number below 1/2: with 1/2 itself, 0.49999999999999994 would become 1. */
const BELOW_HALF = 0.5 - Number.EPSILON / 4;

/** Options of `rotatedTasks`. */
export type RotatedTasksOptions = OptionsOf<typeof ROTATED>;

/**
 * Each task turns all images about their center by its angle. Tests are on all test samples.
 *
 * @throws OptionError, also where the samples are no images.
 */
export function rotatedTasks(data: TaskData, options: RotatedTasksOptions = {}): TaskSequence {
  const settings = checkOptions('rotatedTasks', ROTATED, options);
  const { angles } = settings;
  if (angles.length === 0) throw new OptionError('angles', angles, 'a list of at least one angle');
  const names = angles.map((angle) => `${angle}°`);
  return domainTasks('rotated', data, settings, names, (set, t) => rotated(set, angles[t]));
}

/**
 * Images turned about their center, counter-clockwise: each new pixel is interpolated between the four old
 * ones around the place that it comes from (bilinear). Outside of the image everything is a stored 0. Bytes
 * stay bytes, rounded.
 *
 * @param angle In degrees.
 * @throws OptionError where the samples are no images, `[height, width, channels]`.
 */
export function rotated(data: Dataset, angle: number): Dataset {
  checkNumber('angle', angle);
  if (data.inputShape.length !== 3) {
    throw new OptionError(
      'data',
      `inputs of shape [${data.inputShape}]`,
      'images, [height, width, channels]',
    );
  }
  if (angle % 360 === 0) return data;
  const { from, weight } = bilinearSources(data.inputShape, angle);
  const { inputSize } = data;
  return data.changed((stored) => {
    const turned = data.emptyStorage(stored.length / inputSize);
    // Bytes cut fractions off, so that halves round up. Otherwise a negative zero becomes 0.
    const added = stored instanceof Uint8Array ? BELOW_HALF : 0;
    for (let start = 0; start < stored.length; start += BLOCK * inputSize) {
      const end = Math.min(start + BLOCK * inputSize, stored.length);
      for (let place = 0; place < inputSize; place++) {
        const i = 4 * place;
        const [w0, w1, w2, w3] = [weight[i], weight[i + 1], weight[i + 2], weight[i + 3]];
        if (w0 === 0 && w1 === 0 && w2 === 0 && w3 === 0) continue;
        const [from0, from1, from2, from3] = [from[i], from[i + 1], from[i + 2], from[i + 3]];
        for (let first = start; first < end; first += inputSize) {
          const above = w0 * stored[first + from0] + w1 * stored[first + from1];
          const value = above + w2 * stored[first + from2] + w3 * stored[first + from3];
          turned[first + place] = value + added;
        }
      }
    }
    return turned;
  });
}

/**
 * The four old places that each new one is made of, and their weights: 0 for those outside of the image.
 */
function bilinearSources(
  [height, width, channels]: readonly number[],
  angle: number,
): { from: Int32Array; weight: Float64Array } {
  const radians = (angle / 180) * Math.PI;
  const [cos, sin] = [Math.cos(radians), Math.sin(radians)];
  const [centerY, centerX] = [(height - 1) / 2, (width - 1) / 2];
  const places = height * width * channels;
  const from = new Int32Array(4 * places);
  const weight = new Float64Array(4 * places);
  for (let place = 0; place < places; place++) {
    const pixel = Math.floor(place / channels);
    const dy = Math.floor(pixel / width) - centerY;
    const dx = (pixel % width) - centerX;
    const y = centerY + dx * sin + dy * cos;
    const x = centerX + dx * cos - dy * sin;
    for (let corner = 0; corner < 4; corner++) {
      const row = Math.floor(y) + (corner >> 1);
      const column = Math.floor(x) + (corner & 1);
      if (row < 0 || row >= height || column < 0 || column >= width) continue;
      from[4 * place + corner] = (row * width + column) * channels + (place % channels);
      weight[4 * place + corner] = (1 - Math.abs(y - row)) * (1 - Math.abs(x - column));
    }
  }
  return { from, weight };
}
