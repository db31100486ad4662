/**
 * One number for robustness: the area under the curve of accuracy against the noise level.
 */
import { OptionError } from '../core/errors';
import type { NoiseLevel } from './evaluate';

/**
 * Mean accuracy over the range of levels, in [0, 1]: the area under the accuracy curve (trapezoids between
 * neighboring levels) divided by the width of the range. Each level counts by its mean over draws.
 *
 * @throws OptionError where there are fewer than two levels, or they do not rise.
 */
export function accuracyArea(levels: readonly NoiseLevel[]): number {
  return meanHeight(
    levels.map(({ level }) => level),
    levels.map(({ accuracy }) => accuracy.mean),
  );
}

/**
 * Mean height of a curve over its range: the area under it (trapezoids between neighboring points) divided
 * by the width of the range, in units of `heights`. For accuracies that a run stored, such as
 * `noisyAccuracy@0.1`.
 *
 * @param levels Rising; at least two.
 * @param heights One for each level.
 * @throws OptionError where there are fewer than two levels, they do not rise, or there is not one height for
 * each.
 */
export function meanHeight(levels: readonly number[], heights: readonly number[]): number {
  if (levels.length < 2) throw new OptionError('levels', levels.length, 'at least two levels');
  if (heights.length !== levels.length)
    throw new OptionError('heights', heights.length, `${levels.length}, as many as levels`);
  let area = 0;
  for (let i = 1; i < levels.length; i++) {
    const width = levels[i] - levels[i - 1];
    if (!(width > 0)) throw new OptionError('levels', levels, 'rising levels');
    area += (width * (heights[i - 1] + heights[i])) / 2;
  }
  return area / (levels[levels.length - 1] - levels[0]);
}
