/** One quantity against another, a point per run: does the one predict the other? */
import { figureText } from '../core/escape';
import { axis, compose, type FigureOptions, lowerFirst } from './compose';
import type { AxisOptions, Figure, Numbers, Trace } from './figure';
import { type MethodLabel, styled } from './methods';

/** The runs of one method. */
export interface ScatterSeries extends MethodLabel {
  /** One value per run. */
  x: Numbers;
  /** One value per run. */
  y: Numbers;
}

/** Options of `scatter`. */
export interface ScatterOptions extends FigureOptions {
  /** The methods that are compared: one cloud of points each. */
  series: readonly ScatterSeries[];
  /** The x axis. */
  x: AxisOptions;
  /** The y axis. */
  y: AxisOptions;
}

/** A point per run, colored by method. A correlation, if any, belongs into the subtitle. */
export function scatter(options: ScatterOptions): Figure {
  const { x, y } = options;
  const data = styled(options.series).map(
    ({ name, style, ...series }): Trace => ({
      type: 'scatter',
      mode: 'markers',
      name,
      x: Array.from(series.x),
      y: Array.from(series.y),
      marker: { symbol: style.symbol, size: 8, color: style.color, opacity: 0.8 },
      hovertemplate:
        `${figureText(x.title)} %{x:.4~g}<br>` + `${figureText(y.title)} %{y:.4~g}<extra>${name}</extra>`,
    }),
  );
  return compose({ data, xaxis: axis(x), yaxis: axis(y) }, options, {
    title: `${y.title} against ${lowerFirst(x.title ?? '')}`,
  });
}
