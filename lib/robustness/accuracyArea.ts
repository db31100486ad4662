/**
 * One number for robustness: the area under the curve of accuracy against the noise level.
 */
import { OptionError } from '../runtime/errors';
import type { NoiseLevel } from './evaluate';

/**
 * Mean accuracy over the range of levels, in [0, 1]: the area under the accuracy curve (trapezoids between neighbouring levels)
 * divided by the width of the range. Each level counts by its mean over draws.
 *
 * @throws OptionError where there are fewer than two levels, or they do not rise.
 */
export function accuracyArea(levels: readonly NoiseLevel[]): number {
  if (levels.length < 2) throw new OptionError('levels', levels.length, 'at least two levels');
  let area = 0;
  for (let i = 1; i < levels.length; i++) {
    const width = levels[i].level - levels[i - 1].level;
    if (!(width > 0))
      throw new OptionError(
        'levels',
        levels.map(({ level }) => level),
        'rising levels',
      );
    area += (width * (levels[i - 1].accuracy.mean + levels[i].accuracy.mean)) / 2;
  }
  return area / (levels[levels.length - 1].level - levels[0].level);
}
