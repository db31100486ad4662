/** Differences with their intervals around zero: is one method better, and how sure is that? */
import { figureText } from '../core/escape';
import { axis, compose, type FigureOptions } from './compose';
import { extent } from './extent';
import type { Annotation, AxisOptions, Figure, Trace } from './figure';
import { labeledRows } from './labeledRows';
import { isLookbehind, methodStyles } from './methods';
import { COLORS } from './theme';

/** One difference. */
export interface DotRangeRow {
  /** What is compared. Default: the method's label. */
  label?: string;
  /** Method that gives the color. Of more than six rows only those of Lookbehind have theirs. */
  method?: string;
  /** Number of inner steps: shades the color. */
  k?: number;
  /** NaN here or in the interval: the row is named, and empty. */
  estimate: number;
  /** Lower end of the interval. */
  low: number;
  /** Upper end of the interval. */
  high: number;
}

/** Options of `dotRange`. */
export interface DotRangeOptions extends FigureOptions {
  /** Top to bottom. */
  rows: readonly DotRangeRow[];
  /** What the differences are, with their unit. */
  x: AxisOptions;
  /** The side of zero that is better, named at the axis. Default: not named. */
  better?: 'left' | 'right';
}

/** A row that would make the axis so many times as long as the others need stands beside it, in numbers. */
const OUTLYING = 4;

/** More colors than these say nothing: each row has its name beside it. */
const MOST_COLORS = 6;

const UNKNOWN = { estimate: Number.NaN, low: Number.NaN, high: Number.NaN };

/**
 * Estimates with their intervals (mostly 95 %), one per row, around a line at zero. A filled dot: the
 * interval excludes zero; an open one: it does not.
 */
export function dotRange(options: DotRangeOptions): Figure {
  const { rows, x, better } = options;
  const styles = methodStyles(rows.map(({ method = '', k }) => ({ method, k })));
  const colorOf = ({ method }: DotRangeRow, i: number) => {
    if (method === undefined) return COLORS.ink;
    return rows.length > MOST_COLORS && !isLookbehind(method) ? COLORS.muted : styles[i]!.color;
  };
  const items = rows.map((row, i) => {
    const { estimate, low, high } = [row.estimate, row.low, row.high].every(Number.isFinite) ? row : UNKNOWN;
    return {
      label: figureText(row.label ?? styles[i]!.label),
      color: colorOf(row, i),
      estimate,
      low,
      high,
      sure: low > 0 || high < 0,
    };
  });
  const colors = items.map((item) => item.color);
  const known = items.filter((item) => !Number.isNaN(item.estimate));
  const { low, high, outlier } = robustExtent(known);
  const room = (high - low || 1) * 0.06;
  const intervals = items.map(
    (item, i): Trace => ({
      type: 'scatter',
      mode: 'lines',
      x: [item.low, item.high],
      y: [i, i],
      line: { color: item.color, width: 3 },
      hoverinfo: 'skip',
      showlegend: false,
    }),
  );
  const dots: Trace = {
    type: 'scatter',
    mode: 'markers',
    x: items.map((item) => item.estimate),
    y: items.map((_, i) => i),
    customdata: items.map((item) => [item.low, item.high, item.label]),
    marker: {
      size: 11,
      color: items.map((item) => (item.sure ? item.color : COLORS.paper)),
      line: { width: 2.5, color: colors },
    },
    hovertemplate:
      '%{customdata[2]}<br>%{x:.3~g} [%{customdata[0]:.3~g}, %{customdata[1]:.3~g}]<extra></extra>',
    showlegend: false,
  };
  const named = axis(
    { ...x, range: x?.range ?? [low - room, high + room] },
    { zeroline: true, zerolinecolor: COLORS.muted, zerolinewidth: 1.5 },
  );
  const title = named.title!.text!;
  if (better !== undefined)
    named.title!.text = better === 'left' ? `← better · ${title}` : `${title} · better →`;
  return compose(
    {
      data: [...intervals, dots],
      xaxis: named,
      annotations: outlier && x?.range === undefined ? [numbersOf(outlier, items.indexOf(outlier))] : [],
      ...labeledRows(items.map((item) => item.label)),
    },
    options,
    { title: x.title ?? 'Differences', height: 140 + rows.length * 34 },
  );
}

interface Interval {
  estimate: number;
  low: number;
  high: number;
}

/** The ends of all intervals and zero; without one interval, the outlier, that would squeeze all others. */
function robustExtent<T extends Interval>(items: readonly T[]): { low: number; high: number; outlier?: T } {
  const ends = (some: readonly T[]) => {
    const [low, high] = extent([0, ...some.flatMap((item) => [item.low, item.high])]);
    return { low, high };
  };
  const all = ends(items);
  const without = items.map((outlier) => ({ ...ends(items.filter((one) => one !== outlier)), outlier }));
  const lengthOf = ({ low, high }: { low: number; high: number }) => high - low;
  const least = without.reduce((a, b) => (lengthOf(b) < lengthOf(a) ? b : a), without[0] ?? all);
  const squeezes = items.length > 3 && lengthOf(all) > OUTLYING * lengthOf(least) && lengthOf(least) > 0;
  return squeezes ? least : all;
}

/** What an interval beyond the axis is, in its row, at the side on which it lies. */
function numbersOf({ estimate, low, high }: Interval, row: number): Annotation {
  const [left, right] = estimate < 0 ? ['← ', ''] : ['', ' →'];
  const [middle, from, to] = [estimate, low, high].map((value) => Number(value.toPrecision(3)));
  return {
    text: figureText(`${left}${middle} [${from}, ${to}]${right}`),
    xref: 'paper',
    x: estimate < 0 ? 0 : 1,
    xanchor: estimate < 0 ? 'left' : 'right',
    y: row,
    showarrow: false,
    font: { size: 12, color: COLORS.ink },
    bgcolor: COLORS.paper,
  };
}
