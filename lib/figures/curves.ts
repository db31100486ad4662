/** Lines of methods against something: training curves, and the base of the other curves. */
import { OptionError } from '../runtime/errors';
import { axis, compose, type FigureOptions, lowerFirst } from './compose';
import type { Axis, AxisOptions, Figure, Numbers, Trace } from './figure';
import { spreadAlong } from './spread';
import { methodStyle, translucent } from './theme';

/** What is drawn: a method, with its number of inner steps where several are compared. */
export interface MethodLabel {
  /** Name of the method; fixes colour, dash and marker (see `methodStyle`). */
  method: string;
  /** Number of inner steps: shades the method's colour. */
  k?: number;
  /** Text in the legend. Default: the method's label, with k where given. */
  label?: string;
}

/** One method's curve over several runs. */
export interface CurveSeries extends MethodLabel {
  /** Where the values were taken, one number per point. */
  x: Numbers;
  /** One curve per seed, each with one value per point; NaN where the run had diverged. */
  runs: readonly Numbers[];
}

/** Options of `curves`. */
export interface CurvesOptions extends FigureOptions {
  series: readonly CurveSeries[];
  /** Default: Epoch. */
  x?: AxisOptions;
  /** What was measured, with its unit. Default: Loss. */
  y?: AxisOptions;
  /** Markers at the points. Default: where no curve has more than 16 of them. */
  markers?: boolean;
}

/**
 * A metric against training time (or anything else): one line per method, mean over seeds, with a band of one standard deviation.
 * @throws {OptionError} where a run's length differs from that of `x`.
 */
export function curves(options: CurvesOptions): Figure {
  const { series, markers = series.every((one) => one.x.length <= 16) } = options;
  const x = { title: 'Epoch', ...options.x };
  const y = { title: 'Loss', ...options.y };
  const data = series.flatMap((one) => lineWithBand(one, { markers, xName: x.title, yName: y.title }));
  const title = `${y.title} against ${lowerFirst(x.title)}`;
  return compose({ data, xaxis: axis(x, x.log ? {} : wholeTicks(series)), yaxis: axis(y) }, options, { title });
}

/** Where x counts a few things (epochs, steps), no ticks between them. */
function wholeTicks(series: readonly CurveSeries[]): Axis {
  const places = series.flatMap((one) => Array.from(one.x));
  const few = places.length > 0 && Math.max(...places) - Math.min(...places) <= 10;
  return few && places.every(Number.isInteger) ? { dtick: 1 } : {};
}

/** The traces of one curve: its band first, so that lines lie above all bands drawn before. */
function lineWithBand(
  series: CurveSeries,
  { markers, xName, yName }: { markers: boolean; xName: string; yName: string },
): Trace[] {
  const style = methodStyle(series.method, series.k);
  const name = series.label ?? style.label;
  const x = Array.from(series.x);
  for (const run of series.runs) {
    if (run.length !== x.length) throw new OptionError(`runs of ${name}`, run.length, `curves of ${x.length} points, like x`);
  }
  const points = spreadAlong(series.runs);
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
    hovertemplate: `${xName} %{x}<br>${yName} %{y:.4~g} ± %{customdata:.2~g}<extra>${name}</extra>`,
  };
  const banded = points.map((point, i) => ({ ...point, x: x[i]! })).filter((point) => point.count > 1);
  if (banded.every((point) => point.std === 0)) return [line];
  const band: Trace = {
    type: 'scatter',
    mode: 'lines',
    name,
    legendgroup: name,
    showlegend: false,
    hoverinfo: 'skip',
    x: [...banded.map((point) => point.x), ...banded.map((point) => point.x).reverse()],
    y: [...banded.map((point) => point.mean + point.std), ...banded.map((point) => point.mean - point.std).reverse()],
    fill: 'toself',
    fillcolor: translucent(style.color, 0.14),
    line: { width: 0 },
  };
  return [band, line];
}
