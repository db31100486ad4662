/** One number per method, as bars. */
import { figureText } from '../core/escape';
import { spread } from '../core/spread';
import { axis, compose, type FigureOptions } from './compose';
import type { Annotation, AxisOptions, Figure, Numbers } from './figure';
import { labeledRows } from './labeledRows';
import { type MethodLabel, styled } from './methods';
import { COLORS } from './theme';

/** One bar. */
export interface Bar extends MethodLabel {
  /** One value per seed; the bar is their mean. */
  values: Numbers;
}

/** Options of `bars`. */
export interface BarsOptions extends FigureOptions {
  /** Top to bottom. */
  bars: readonly Bar[];
  /** What was measured, with its unit. */
  x: AxisOptions;
  /** Digits behind the decimal point of the numbers at the bars. Default 1. */
  digits?: number;
}

/**
 * Horizontal bars from zero: means over seeds, with error bars of one standard deviation, and the numbers.
 */
export function bars(options: BarsOptions): Figure {
  const { x, digits = 1 } = options;
  const items = styled(options.bars).map(({ name, style, values }) => ({
    name,
    color: style.color,
    ...spread(values),
  }));
  const numbers: Annotation[] = items.map(({ mean, std, count, diverged }, i) => ({
    text: Number.isFinite(mean)
      ? `${mean.toFixed(digits)}${count > 1 ? ` ± ${std.toFixed(digits)}` : ''}${lost(diverged)}`
      : 'diverged',
    x: Number.isFinite(mean) ? Math.max(0, mean + std) : 0,
    y: i,
    showarrow: false,
    xanchor: 'left',
    xshift: 6,
    font: { size: 12, color: COLORS.muted },
  }));
  return compose(
    {
      data: [
        {
          type: 'bar',
          orientation: 'h',
          x: items.map((item) => item.mean),
          y: items.map((_, i) => i),
          marker: { color: items.map((item) => item.color) },
          error_x: {
            type: 'data',
            array: items.map((item) => item.std),
            color: COLORS.ink,
            thickness: 1.4,
            width: 4,
          },
          customdata: items.map((item) => [item.std, item.name]),
          hovertemplate:
            `%{customdata[1]}<br>${figureText(x.title)} ` +
            '%{x:.4~g} ± %{customdata[0]:.2~g}<extra></extra>',
          showlegend: false,
        },
      ],
      xaxis: axis(x, { rangemode: 'tozero' }),
      ...labeledRows(
        items.map((item) => item.name),
        { showgrid: false },
      ),
      annotations: numbers,
      layout: { bargap: 0.35 },
    },
    options,
    { title: x.title ?? '', height: 130 + items.length * 36 },
  );
}

function lost(diverged: number): string {
  return diverged === 0 ? '' : ` (${diverged} diverged)`;
}
