/** Several figures side by side as one, with one legend. */

import { OptionError } from '../core/errors';
import { figureText } from '../core/escape';
import {
  BOLD,
  COLOR_BAR,
  compose,
  type FigureOptions,
  hasColorBar,
  inLegend,
  isPlane,
  legendHeight,
  NARROW,
  RIGHT,
  wrap,
} from './compose';
import { withoutColorBar } from './contourPath';
import { extent } from './extent';
import type { Annotation, Axis, Figure, Layout, Trace } from './figure';
import { withLogTicks } from './logTicks';
import { COLORS, LEGEND } from './theme';

/** One part of a figure of panels. */
export interface Panel {
  /** Stands over the panel. */
  title: string;
  /** A figure with one x and one y axis. Its own title and caption are dropped. */
  figure: Figure;
}

/** Options of `panels`. */
export interface PanelsOptions extends FigureOptions {
  /** The figures, row by row. */
  panels: readonly Panel[];
  /** Panels in a row. Default: all, up to 3. */
  columns?: number;
  /** Height of a row in pixels, without titles and axis labels. Default 300. */
  rowHeight?: number;
  /** One range for all y axes, or for those of each row. Default false. */
  shareY?: boolean | 'rows';
  /** One range for all x axes, or for those of each row. Default false. */
  shareX?: boolean | 'rows';
}

/** Room between rows of panels, in pixels. */
const GAP_Y = 96;
const HEAD = 24;
/** Sizes of letters of the titles: the first in which all fit in one line, else the first. */
const TITLE_SIZES = [13, 12, 11] as const;
const NAME_SIZE = 13;
const TITLE_LINE = 17;
/** Least way in pixels from a title to the next, or to the edge of the figure. */
const TITLE_GAP = 6;
/** Titles are broken to stay apart in narrow cells, if the panels have some room beside their labels. */
const LEAST_PLOT = 240;
/** Height of title, panel titles and axis titles together. */
const FRAME = 54 + HEAD + 58;
/** Names in one legend; where there are more, each row of panels has its own. */
const MOST_NAMES = 6;

/**
 * Figures side by side. A name that occurs in several panels stands in the legend once, and switches all its
 * lines. Where that were more than six names, but are fewer in each row, rows have legends of their own.
 * @throws {OptionError} if there is no panel, or one with 3-D axes.
 */
export function panels(options: PanelsOptions): Figure {
  const {
    panels: parts,
    columns = Math.min(3, parts.length),
    shareY = false,
    shareX = false,
    rowHeight = 300,
  } = options;
  const plane = parts.some(({ figure }) => isPlane(figure));
  const { width = plane ? planeWidth(columns) : columns > 2 ? 900 : 820 } = options;
  if (parts.length === 0) throw new OptionError('panels', parts.length, 'at least one panel');
  const rows = Math.ceil(parts.length / columns);
  const left = widest(parts.map(({ figure }) => figure));
  const scaled = parts.some(({ figure }) => figure.data.some(hasColorBar));
  const rowOf = (p: number) => Math.floor(p / columns);
  const all = Array.from({ length: rows }, (_, row) => namesOf(parts.filter((_, p) => rowOf(p) === row)));
  const byRow = namesOf(parts).size > MOST_NAMES && all.every(({ size }) => size <= MOST_NAMES);
  const named = all.map(() => new Set<string>());
  const merged = parts.flatMap(({ figure }, p) =>
    figure.data.map((trace) => ({
      ...placed(trace, p, named[byRow ? rowOf(p) : 0]!, p === parts.length - 1),
      ...(byRow && p >= columns && inLegend(trace) ? { legend: legendId(rowOf(p)) } : {}),
    })),
  );
  const right = RIGHT + (scaled ? COLOR_BAR : 0);
  const whole = Math.max(LEAST_PLOT, (plane ? width : Math.min(width, NARROW)) - left - right);
  const cell = whole / columns;
  const xgap = (shareY ? 0.06 : 0.14 * Math.max(1, left / 74)) * columns;
  // plotly.js: a title may reach over the gap, but the last one of a row only to the edge of the figure.
  const step = whole / (columns - xgap);
  const titleRoom = (p: number) =>
    (p + 1) % columns > 0 ? step - TITLE_GAP : step * (1 - xgap) + right - TITLE_GAP;
  const titlesIn = (size: number) =>
    parts.map(({ title }, p) => wrap(figureText(title), titleRoom(p), size * BOLD));
  const titleSize = TITLE_SIZES.find((size) => mostLines(titlesIn(size)) === 1) ?? TITLE_SIZES[0];
  const titles = titlesIn(titleSize);
  const names = parts.map(({ figure }) => wrap(figure.layout.xaxis?.title?.text ?? '', cell, NAME_SIZE));
  const top = TITLE_LINE * (mostLines(titles) - 1);
  const bottom = TITLE_LINE * (mostLines(names) - 1);
  const later = (row: number) => merged.filter((trace) => inLegend(trace) && trace.legend === legendId(row));
  const legends = Math.max(...all.map((_, row) => (row > 0 ? legendHeight(later(row), whole) : 0)));
  const gap = GAP_Y + top + bottom + legends;
  const frame = FRAME + top + bottom;
  const height = options.height ?? frame + rows * rowHeight + (rows - 1) * gap;
  const grid = {
    rows,
    columns,
    pattern: 'independent',
    xgap,
    ygap: (gap * rows) / (height - frame + gap),
  };

  const layout: Layout = {};
  const annotations: Annotation[] = [];
  const shapes: object[] = [];
  const drawn = height - frame; // pixels of all rows with the gaps between them
  for (let row = 1; byRow && row < rows; row++) {
    const above = (row * (drawn + gap)) / rows - HEAD - top;
    layout[legendId(row)] = { ...LEGEND, y: 1 - above / drawn };
  }
  parts.forEach(({ title, figure }, p) => {
    const id = axisId(p);
    const start = p - (p % columns); // of its row
    const group = (share: boolean | 'rows') =>
      share === 'rows' ? parts.slice(start, start + columns) : share ? parts : [parts[p]!];
    const leader = (share: boolean | 'rows') => (share === 'rows' ? start : 0);
    const { xaxis = {}, yaxis = {} } = figure.layout;
    if (Object.keys(figure.layout).some((key) => /^(scene|xaxis2|yaxis2)/.test(key))) {
      throw new OptionError('panels', title, 'figures with one x and one y axis');
    }
    const [alongX, alongY] = [group(shareX), group(shareY)];
    const ofY = withLogTicks({ ...yaxis, ...sharedRange(alongY, 'yaxis') }, dataOf(alongY), 'y');
    layout[`xaxis${id}`] = {
      ...withLogTicks({ ...xaxis, ...sharedRange(alongX, 'xaxis') }, dataOf(alongX), 'x', 0.8 * cell),
      ...(names[p]!.length > 1 ? { title: { ...xaxis.title, text: names[p]!.join('<br>') } } : {}),
      ...(shareX && p > leader(shareX) ? { matches: `x${axisId(leader(shareX))}` } : {}),
    };
    layout[`yaxis${id}`] = {
      ...(shareY && p % columns > 0 ? hiddenLabels(ofY) : ofY),
      ...(yaxis.scaleanchor ? { scaleanchor: `x${id}` } : {}),
      // Planes of one range and shape agree by themselves; plotly.js takes only one of the two.
      ...(shareY && p > leader(shareY) && !yaxis.scaleanchor
        ? { matches: `y${axisId(leader(shareY))}` }
        : {}),
    };
    annotations.push({
      text: `<b>${titles[p]!.join('<br>')}</b>`,
      xref: `x${id} domain`,
      yref: `y${id} domain`,
      x: 0,
      y: 1,
      xanchor: 'left',
      yanchor: 'bottom',
      yshift: 5,
      showarrow: false,
      align: 'left',
      font: { size: titleSize, color: COLORS.ink },
    });
    annotations.push(
      ...(figure.layout.annotations ?? [])
        .filter((one) => one.name !== 'caption')
        .map((one) => moved(one, id)),
    );
    shapes.push(...((figure.layout.shapes as Annotation[] | undefined) ?? []).map((one) => moved(one, id)));
  });
  const first = parts[0]!.figure.layout;
  return compose(
    {
      data: merged,
      annotations,
      left,
      top: HEAD + top,
      bottom,
      layout: {
        ...layout,
        ...(rows * columns > 1 ? { grid } : {}),
        ...(first.plot_bgcolor ? { plot_bgcolor: first.plot_bgcolor } : {}),
        ...(shapes.length > 0 ? { shapes } : {}),
      },
    },
    { ...options, width, height },
    { title: parts.map((part) => part.title).join(' · ') },
  );
}

function dataOf(parts: readonly Panel[]): Trace[] {
  return parts.flatMap(({ figure }) => figure.data);
}

/** Where all axes have a range: one that holds them all, in the direction of the first. */
function sharedRange(parts: readonly Panel[], name: 'xaxis' | 'yaxis'): Axis {
  const ranges = parts.map(({ figure }) => figure.layout[name]?.range as [number, number] | undefined);
  if (ranges.some((range) => range === undefined)) return {};
  const [low, high] = extent(ranges.flatMap((range) => range!));
  const [first, last] = ranges[0]!;
  return { range: first > last ? [high, low] : [low, high] };
}

/** Width in pixels of a figure with so many planes in a row: where two are, it is whole in a narrow cell. */
export function planeWidth(columns: number): number {
  return columns > 2 ? 820 : NARROW;
}

/** Names that the legend of some panels has. */
function namesOf(parts: readonly Panel[]): Set<string> {
  return new Set(dataOf(parts).flatMap((trace) => (inLegend(trace) ? [trace.name!] : [])));
}

/** How plotly.js calls the legend of a row: `legend`, `legend2` ... */
function legendId(row: number): string {
  return `legend${axisId(row)}`;
}

function mostLines(texts: readonly string[][]): number {
  return Math.max(1, ...texts.map((lines) => lines.length));
}

/** Room at the left of the figures for the labels of their rows. */
function widest(figures: readonly Figure[]): number {
  return Math.max(70, ...figures.map(({ layout }) => (layout.margin as { l: number } | undefined)?.l ?? 0));
}

/** The trace on its panel's axes, named once in the legend, with one color bar for all panels. */
function placed(trace: Trace, panel: number, named: Set<string>, last: boolean): Trace {
  const id = axisId(panel);
  const repeated = inLegend(trace) && named.has(trace.name!);
  if (inLegend(trace)) named.add(trace.name!);
  return {
    ...(hasColorBar(trace) && !last ? withoutColorBar(trace) : trace),
    xaxis: `x${id}`,
    yaxis: `y${id}`,
    ...(trace.name === undefined ? {} : { legendgroup: trace.name }),
    ...(repeated ? { showlegend: false } : {}),
  };
}

function hiddenLabels({ title: _, tickfont: __, ...yaxis }: Axis): Axis {
  return { ...yaxis, title: { text: '' }, showticklabels: false };
}

/** An annotation or shape, with what it refers to in the panel's axes. */
function moved(one: Annotation, id: string): Annotation {
  const renamed = (old: unknown, letter: 'x' | 'y') =>
    old === 'paper'
      ? `${letter}${id} domain`
      : String(old ?? letter).replace(/^[xy](?= domain$|$)/, `${letter}${id}`);
  return { ...one, xref: renamed(one.xref, 'x'), yref: renamed(one.yref, 'y') };
}

function axisId(panel: number): string {
  return panel === 0 ? '' : String(panel + 1);
}
