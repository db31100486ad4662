/** Lines of methods against something: training curves, and the base of the other curves. */

import { OptionError } from '../core/errors';
import { figureText } from '../core/escape';
import { spreadAlong } from '../core/spread';
import { band } from './band';
import { axis, compose, type FigureOptions, lowerFirst } from './compose';
import type { Axis, AxisOptions, Figure, Numbers, Trace } from './figure';
import { type MethodLabel, type Styled, styled } from './methods';

/** One method's curve over several runs. */
export interface CurveSeries extends MethodLabel {
  /** Where the values were taken, one number per point. */
  x: Numbers;
  /** One curve per seed, each with one value per point; NaN if the run had diverged. */
  runs: readonly Numbers[];
  /** Ends of a band, one of each per point. Default: one standard deviation around the mean of runs. */
  band?: { low: Numbers; high: Numbers };
}

/** Options of `curves`. */
export interface CurvesOptions extends FigureOptions {
  /** The methods that are compared: one line each. */
  series: readonly CurveSeries[];
  /** Default: Epoch. */
  x?: AxisOptions;
  /** What was measured, with its unit. Default: Loss. */
  y?: AxisOptions;
  /** Markers at the points. Default: if no curve has more than 16 of them. */
  markers?: boolean;
}

/**
 * A metric against training time (or anything else): one line per method, mean over seeds, with a band of one
 * standard deviation. A line that lies off the range of `y` has no band.
 * @throws {OptionError} if a run's length differs from that of `x`.
 */
export function curves(options: CurvesOptions): Figure {
  const { series, markers = series.every((one) => one.x.length <= 16) } = options;
  const x = { title: 'Epoch', ...options.x };
  const y = { title: 'Loss', ...options.y };
  const data = styled(series).flatMap((one) =>
    lineWithBand(one, {
      markers,
      xName: figureText(x.title),
      yName: figureText(y.title),
      range: options.y?.range,
    }),
  );
  const title = `${y.title} against ${lowerFirst(x.title)}`;
  return compose({ data, xaxis: axis(x, x.log ? {} : wholeTicks(series)), yaxis: axis(y) }, options, {
    title,
  });
}

/** Where x counts a few things (epochs, steps), no ticks between them. */
function wholeTicks(series: readonly CurveSeries[]): Axis {
  const places = series.flatMap((one) => Array.from(one.x));
  const few = places.length > 0 && Math.max(...places) - Math.min(...places) <= 10;
  return few && places.every(Number.isInteger) ? { dtick: 1 } : {};
}

/** The traces of one curve: its band, where runs differ, and its line. */
function lineWithBand(
  series: Styled<CurveSeries>,
  {
    markers,
    xName,
    yName,
    range,
  }: { markers: boolean; xName: string; yName: string; range: AxisOptions['range'] },
): Trace[] {
  const { name, style } = series;
  const x = Array.from(series.x);
  const { runs, band: { low, high } = {} } = series;
  for (const values of [...runs, low, high]) {
    if (values !== undefined && values.length !== x.length)
      throw new OptionError(
        `${runs.includes(values) ? 'runs' : 'band'} of ${series.label ?? style.label}`,
        values.length,
        `curves of ${x.length} points, like x`,
      );
  }
  const points = spreadAlong(series.runs);
  const deviation = series.runs.length > 1 ? ' ± %{customdata:.2~g}' : '';
  const line: Trace = {
    type: 'scatter',
    mode: markers ? 'lines+markers' : 'lines',
    name,
    legendgroup: name,
    x,
    y: points.map((point) => point.mean),
    customdata: points.map((point) => point.std),
    line: { color: style.color, dash: style.dash, width: 2.2 },
    ...(markers ? { marker: { symbol: style.symbol, size: 7, color: style.color } } : {}),
    hovertemplate: `${xName} %{x}<br>${yName} %{y:.4~g}${deviation}<extra>${name}</extra>`,
  };
  // The band of a line that is not seen would fill the plot and belong to nothing.
  if (range && points.every(({ mean }) => !(mean >= range[0] && mean <= range[1]))) return [line];
  if (low && high) return [band(series, x, Array.from(low), Array.from(high), 0.14), line];
  const banded = points.map((point, i) => ({ ...point, x: x[i]! })).filter((point) => point.count > 1);
  if (banded.every((point) => point.std === 0)) return [line];
  const places = banded.map((point) => point.x);
  const edge = (sign: number) => banded.map(({ mean, std }) => mean + sign * std);
  return [band(series, places, edge(-1), edge(1), 0.14), line];
}
