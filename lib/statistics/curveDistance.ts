/**
 * How far one measured curve lies from another, over what both have seen: for the question on which scale
 * several curves become one.
 *
 *     mean over the points of the curve, within the range of the reference:  |y - reference(x)|
 *
 * The reference is interpolated linearly over log x, as radii and learning rates are tried in powers.
 */
import { OptionError } from '../core/errors';
import { mean } from '../core/spread';

/** A curve: y at ascending x > 0. */
export interface MeasuredCurve {
  /** Where the curve was measured: ascending, above 0. */
  x: readonly number[];
  /** Its heights: one per x. */
  y: readonly number[];
}

/**
 * The mean absolute difference of `curve` from `reference`, in units of y. Points outside of the reference's
 * range, and those without a finite value, do not count; NaN where none is left.
 *
 * @throws OptionError where x and y have different lengths, or x is not positive and ascending.
 */
export function distanceToCurve(curve: MeasuredCurve, reference: MeasuredCurve): number {
  checkCurve('curve', curve);
  checkCurve('reference', reference);
  const gaps = curve.x.map((x, i) => Math.abs(curve.y[i] - valueAt(reference, x))).filter(Number.isFinite);
  return mean(gaps);
}

/** The value at x between the points of a curve; NaN outside. */
function valueAt({ x: xs, y: ys }: MeasuredCurve, x: number): number {
  const exact = xs.findIndex((known) => Math.abs(known / x - 1) < 1e-9);
  if (exact >= 0) return ys[exact];
  const after = xs.findIndex((known) => known > x);
  if (after <= 0) return Number.NaN;
  const share = Math.log(x / xs[after - 1]) / Math.log(xs[after] / xs[after - 1]);
  return ys[after - 1] + share * (ys[after] - ys[after - 1]);
}

/** Refuses what is no curve. */
export function checkCurve(name: string, { x, y }: MeasuredCurve): void {
  if (x.length !== y.length) throw new OptionError(`${name}.y`, y, `as many values as x, ${x.length}`);
  if (!x.every((value, i) => value > (i === 0 ? 0 : x[i - 1]) && Number.isFinite(value))) {
    throw new OptionError(`${name}.x`, x, 'positive numbers in ascending order');
  }
}
