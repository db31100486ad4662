/** Loss on the way between two minima: the barrier between them. */

import { spreadAlong } from '../core/spread';
import type { FigureOptions } from './compose';
import { curves } from './curves';
import type { AxisOptions, Figure, Numbers } from './figure';
import { type MethodLabel, styled } from './methods';

/** The loss along one path. */
export interface BarrierSeries extends MethodLabel {
  /** Places on the path, from 0 (one minimum) to 1 (the other). */
  t: Numbers;
  /** Loss at each place, one row per seed (pair of minima). */
  loss: readonly Numbers[];
}

/** Options of `barrierCurve`. */
export interface BarrierCurveOptions extends FigureOptions {
  /** One path between minima each. */
  series: readonly BarrierSeries[];
  /** Default: Place between the two minima. */
  x?: AxisOptions;
  /** Default: Loss. */
  y?: AxisOptions;
}

/** Loss along paths between minima; the legend gives each barrier: height over the line between the ends. */
export function barrierCurve(options: BarrierCurveOptions): Figure {
  return curves({
    title: 'Loss between two minima',
    markers: false,
    ...options,
    series: styled(options.series).map(({ method, k, label, style, t, loss }) => ({
      method,
      k,
      label: `${label ?? style.label}: barrier ${barrierHeight(t, loss).toPrecision(2)}`,
      x: t,
      runs: loss,
    })),
    x: { title: 'Place between the two minima', ...options.x },
    y: { title: 'Loss', ...options.y },
  });
}

/** Largest height of the mean curve over the straight line between its ends. */
function barrierHeight(t: Numbers, loss: readonly Numbers[]): number {
  const mean = spreadAlong(loss).map((point) => point.mean);
  const last = mean.length - 1;
  const share = (i: number) => (t[i]! - t[0]!) / (t[last]! - t[0]!);
  return Math.max(...mean.map((value, i) => value - (mean[0]! + (mean[last]! - mean[0]!) * share(i))));
}
