/** Loss against sharpness, a line per method over rho: which method gets flat at what price. */
import { figureText } from '../core/escape';
import { spread } from '../core/spread';
import { axis, compose, type FigureOptions, lowerFirst } from './compose';
import type { AxisOptions, Figure, Numbers, Trace } from './figure';
import { type MethodLabel, styled } from './methods';
import { translucent } from './theme';

/** One setting of a method, over several seeds. */
export interface TradeoffPoint {
  /** Radius that the method was trained with. */
  rho: number;
  /** Loss, one value per seed. */
  loss: Numbers;
  /** Sharpness, one value per seed. */
  sharpness: Numbers;
}

/** One method at growing radii. */
export interface TradeoffSeries extends MethodLabel {
  /** Its places, in the order in which they are joined. */
  points: readonly TradeoffPoint[];
}

/** Options of `scatterTradeoff`. */
export interface ScatterTradeoffOptions extends FigureOptions {
  /** The methods that are compared: one line each. */
  series: readonly TradeoffSeries[];
  /** Default: Training loss. */
  x?: AxisOptions;
  /** Default: Sharpness. */
  y?: AxisOptions;
}

/**
 * Loss (x) against sharpness (y): points are means over seeds with error bars of one standard deviation,
 * lines join a method's points in the order of rho, and markers grow with it. The lower left is best.
 */
export function scatterTradeoff(options: ScatterTradeoffOptions): Figure {
  const x = { title: 'Training loss', ...options.x };
  const y = { title: 'Sharpness', ...options.y };
  const data = styled(options.series).map(({ name, style, ...series }): Trace => {
    const points = [...series.points]
      .sort((a, b) => a.rho - b.rho)
      .map(({ rho, loss, sharpness }) => ({ rho, loss: spread(loss), sharpness: spread(sharpness) }));
    const bars = (values: number[]) => ({
      type: 'data',
      array: values,
      color: translucent(style.color, 0.45),
      thickness: 1.4,
      width: 3,
    });
    return {
      type: 'scatter',
      mode: 'lines+markers',
      name: `${name}, ${rhoRange(points.map((point) => point.rho))}`,
      x: points.map((point) => point.loss.mean),
      y: points.map((point) => point.sharpness.mean),
      error_x: bars(points.map((point) => point.loss.std)),
      error_y: bars(points.map((point) => point.sharpness.std)),
      customdata: points.map((point) => [point.rho, point.loss.std, point.sharpness.std]),
      line: { color: style.color, dash: style.dash, width: 2 },
      marker: {
        symbol: style.symbol,
        size: points.map((_, i) => markerSize(i, points.length)),
        opacity: 1,
        color: style.color,
      },
      hovertemplate:
        `ρ %{customdata[0]}<br>${figureText(x.title)} %{x:.4~g} ± %{customdata[1]:.2~g}` +
        `<br>${figureText(y.title)} %{y:.4~g} ± %{customdata[2]:.2~g}<extra>${name}</extra>`,
    };
  });
  const subtitle = 'Markers grow with ρ';
  return compose(
    { data, xaxis: axis(x), yaxis: axis(y) },
    { subtitle, ...options },
    {
      title: `${y.title} against ${lowerFirst(x.title)}`,
      height: 460,
    },
  );
}

function markerSize(index: number, count: number): number {
  return count === 1 ? 9 : 6 + (7 * index) / (count - 1);
}

function rhoRange(rhos: readonly number[]): string {
  const [first, last] = [rhos[0], rhos[rhos.length - 1]];
  return first === last ? `ρ ${first}` : `ρ ${first}–${last}`;
}
