/**
 * Is a point of a trade-off better than a curve? Two points of different height cannot be compared; a point
 * and the curve's value at the same height can.
 *
 *     gap = x - x*(y),    x*(y): the smallest x at which the curve, straight between its points, is y high
 *
 * With the loss as x and the sharpness as y: how much loss is paid for the same sharpness. Below 0: less than
 * on the curve.
 */
import { OptionError } from '../core/errors';

/** A point of a trade-off. */
export interface TradeoffPlace {
  /** What is paid, such as the training loss. */
  x: number;
  /** What is had for it, such as the sharpness. */
  y: number;
}

/**
 * The distance of a point from a curve along x, at the point's y. NaN where the curve does not have that
 * height, and where a number is NaN.
 *
 * @param curve Points in the order in which they are joined, at least two.
 * @throws OptionError where there are fewer.
 */
export function tradeoffGap({ x, y }: TradeoffPlace, curve: readonly TradeoffPlace[]): number {
  if (curve.length < 2) throw new OptionError('curve', `${curve.length} points`, 'at least 2 points');
  const crossings = curve.slice(1).flatMap((to, i) => {
    const from = curve[i]!;
    if (!((from.y <= y && y <= to.y) || (to.y <= y && y <= from.y))) return [];
    if (from.y === to.y) return [from.x, to.x];
    return [from.x + ((to.x - from.x) * (y - from.y)) / (to.y - from.y)];
  });
  return crossings.length === 0 ? Number.NaN : x - crossings.reduce((a, b) => Math.min(a, b));
}

/** A setting of a trade-off: one value per seed. */
export interface TradeoffValues {
  /** One coordinate of the setting, such as its loss: one value per seed. */
  x: readonly number[];
  /** The other, such as its sharpness: one value per seed, in the same order. */
  y: readonly number[];
}

/**
 * The gaps of a setting to a curve of settings, each seed to the curve of its own. NaN where that does not
 * reach.
 *
 * @throws OptionError where the numbers of seeds differ, or the curve has fewer than two points.
 */
export function pairedGaps(setting: TradeoffValues, curve: readonly TradeoffValues[]): number[] {
  const seeds = setting.x.length;
  for (const { x, y } of [setting, ...curve]) {
    if (x.length !== seeds || y.length !== seeds)
      throw new OptionError('curve', [x.length, y.length], `values of ${seeds} seeds, as many as setting.x`);
  }
  const placeOf = ({ x, y }: TradeoffValues, seed: number): TradeoffPlace => ({ x: x[seed]!, y: y[seed]! });
  return setting.x.map((_, seed) =>
    tradeoffGap(
      placeOf(setting, seed),
      curve.map((point) => placeOf(point, seed)),
    ),
  );
}
