/**
 * Tasks that differ in how the images are turned: Rotated-MNIST.
 *
 * Lopez-Paz, Ranzato, "Gradient episodic memory for continual learning", NeurIPS 2017, arXiv:1706.08840.
 */

import { checkNumber, OptionError } from '../core/errors';
import { checkOptions, listOf, number, type OptionsOf, whole, withDefault } from '../core/options';
import type { Dataset } from '../data';
import { domainTasks } from './samples';
import type { TaskData, TaskSequence } from './sequence';

/** Describes the options of `rotatedTasks`. */
export const ROTATED = {
  /** Angle of each task in degrees, counter-clockwise. Default 0, 36, 72, 108, 144. */
  angles: withDefault(listOf(number()), [0, 36, 72, 108, 144]),
  /**
   * Training samples of each task: disjoint parts of the data set, with equal class proportions. Default: all
   * of it for each.
   */
  trainSamples: whole({ min: 1 }),
  /** Seed of the choice of samples. Default 0. */
  seed: whole({}, 0),
};

/** Options of `rotatedTasks`. */
export type RotatedTasksOptions = OptionsOf<typeof ROTATED>;

/**
 * Each task turns all images about their centre by its angle. Tests are on all test samples.
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
 * Images turned about their centre, counter-clockwise: each new pixel is interpolated between the four old
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
  const [height, width, channels] = data.inputShape;
  const { inputs, inputSize } = data;
  const turned = inputs.slice();
  const bytes = inputs instanceof Uint8Array;
  const { from, weight } = bilinearSources(height, width, channels, angle);
  for (let start = 0; start < inputs.length; start += inputSize) {
    for (let c = 0; c < channels; c++) {
      const first = start + c;
      for (let pixel = 0, i = 0; pixel < height * width; pixel++, i += 4) {
        const above = weight[i] * inputs[first + from[i]] + weight[i + 1] * inputs[first + from[i + 1]];
        const value =
          above + weight[i + 2] * inputs[first + from[i + 2]] + weight[i + 3] * inputs[first + from[i + 3]];
        turned[first + pixel * channels] = bytes ? Math.round(value) : value + 0; // a negative zero becomes 0
      }
    }
  }
  return data.with({ inputs: turned });
}

/**
 * Where the four old pixels begin that each new one is made of, and their weights: 0 for those outside of the
 * image.
 */
function bilinearSources(
  height: number,
  width: number,
  channels: number,
  angle: number,
): { from: Int32Array; weight: Float64Array } {
  const radians = (angle / 180) * Math.PI;
  const [cos, sin] = [Math.cos(radians), Math.sin(radians)];
  const [centreY, centreX] = [(height - 1) / 2, (width - 1) / 2];
  const from = new Int32Array(4 * height * width);
  const weight = new Float64Array(4 * height * width);
  for (let pixel = 0; pixel < height * width; pixel++) {
    const dy = Math.floor(pixel / width) - centreY;
    const dx = (pixel % width) - centreX;
    const y = centreY + dx * sin + dy * cos;
    const x = centreX + dx * cos - dy * sin;
    for (let corner = 0; corner < 4; corner++) {
      const row = Math.floor(y) + (corner >> 1);
      const column = Math.floor(x) + (corner & 1);
      if (row < 0 || row >= height || column < 0 || column >= width) continue;
      from[4 * pixel + corner] = (row * width + column) * channels;
      weight[4 * pixel + corner] = (1 - Math.abs(y - row)) * (1 - Math.abs(x - column));
    }
  }
  return { from, weight };
}
