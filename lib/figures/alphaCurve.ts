/** The adaptive alpha of Lookbehind over training, a line per layer. */
import { figureText } from '../core/escape';
import { axis, compose, type FigureOptions } from './compose';
import type { AxisOptions, Figure, Numbers, Trace } from './figure';
import { layerColor } from './theme';

/** Alpha of one tensor over training. */
export interface AlphaSeries {
  /** Name of the layer or tensor. */
  layer: string;
  /** Steps or epochs. */
  x: Numbers;
  /** Alpha at each of them. */
  alpha: Numbers;
}

/** Options of `alphaCurve`. */
export interface AlphaCurveOptions extends FigureOptions {
  /** From the input to the output. */
  series: readonly AlphaSeries[];
  /** Default: Step. */
  x?: AxisOptions;
  /** Default: Adaptive α, from a tenth or more below the lowest one to 1. */
  y?: AxisOptions;
}

/** Adaptive alpha against training time; layers go from light (input) to dark (output). */
export function alphaCurve(options: AlphaCurveOptions): Figure {
  const { series } = options;
  const data = series.map(
    ({ layer, x, alpha }, i): Trace => ({
      type: 'scatter',
      mode: 'lines',
      name: figureText(layer),
      x: Array.from(x),
      y: Array.from(alpha),
      line: { color: layerColor(i, series.length), width: 2 },
      hovertemplate: `%{x}: α %{y:.3f}<extra>${figureText(layer)}</extra>`,
    }),
  );
  const x = axis({ title: 'Step', ...options.x });
  // Where steps agree, all lies close below 1: the room is for what leaves it.
  const lowest = Math.min(0.9, ...series.flatMap(({ alpha }) => Array.from(alpha).filter(Number.isFinite)));
  const bottom = Math.max(0, Math.floor(10 * lowest - 1) / 10);
  const y = axis({ title: 'Adaptive α', range: [bottom, 1 + 0.02 * (1 - bottom)], ...options.y });
  return compose({ data, xaxis: x, yaxis: y }, options, { title: 'Adaptive α over training' });
}
