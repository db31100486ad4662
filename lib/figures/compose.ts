/** Puts a figure together: title, subtitle, axes with units, margins, legend and the caption under the plot. */
import { figureText, plainFigureText } from '../core/escape';
import type { Annotation, Axis, AxisOptions, Figure, Layout, Trace } from './figure';
import { COLORS, template } from './theme';

/** Where the numbers of a figure come from: the fields a reader needs to judge it, all optional. */
export interface Caption {
  /** Data set and sizes. */
  data?: string;
  /** Model. */
  model?: string;
  /** Number of seeds, or the seeds themselves. */
  seeds?: number | readonly number[];
  /** Profile: smoke, quick or paper. */
  profile?: string;
  /** Cost in gradient evaluations, seconds or both. */
  cost?: string;
  /** Device and threads. */
  device?: string;
  /** Anything else, as a sentence. */
  note?: string;
}

/** What every figure function takes beside its data. */
export interface FigureOptions {
  /** Headline: what is shown. Each figure function has a default. */
  title?: string;
  /** Second line, smaller: the setting, or what to look at. */
  subtitle?: string;
  /** Text under the plot, or its fields. */
  caption?: Caption | string;
  /** Width in pixels. Default 820. */
  width?: number;
  /** Height in pixels, without the caption and all but the first line of a subtitle. Default: the figure's own, mostly 440. */
  height?: number;
}

/** What a figure function hands to `compose`. */
export interface Composition {
  data: Trace[];
  xaxis?: Axis;
  yaxis?: Axis;
  annotations?: Annotation[];
  /** Room in pixels at the right of the plot, for legend or colour bar. Default: what the legend needs. */
  right?: number;
  /** Room in pixels at the left of the plot. Default 70. */
  left?: number;
  /** Room in pixels between the title and the plot, beside the usual. Default 0. */
  top?: number;
  /** Left edge of the legend, in widths of the plot. Default 1: beside the plot. */
  legendX?: number;
  /** Any further layout attributes. */
  layout?: Layout;
}

/** Room in pixels between the plot and the caption: tick labels and axis title. */
const AXIS_ROOM = 58;
const CAPTION_LINE = 15;
const SUBTITLE_LINE = 21;
const SIDE = 16;
/** Texts are broken so that they are whole in figures as narrow as this, in pixels, however wide they were made. */
export const NARROW = 720;

/** The figure of a composition, in the library's theme. */
export function compose(parts: Composition, options: FigureOptions, defaults: { title: string; height?: number }): Figure {
  const { width = 820, height = defaults.height ?? 440, title = defaults.title, subtitle } = options;
  const legend = legendWidth(parts.data) > 0 && parts.layout?.showlegend !== false;
  const head = subtitle === undefined ? [] : wrap(figureText(subtitle), textRoom(width), 13);
  const furtherLines = SUBTITLE_LINE * Math.max(0, head.length - 1);
  const layout: Layout = {
    template: template(),
    width,
    height: height + furtherLines,
    title: {
      text: [`<b>${figureText(title)}</b>`, ...head.map(small)].join('<br>'),
      font: { size: 16 },
      x: 0,
      y: 1,
      xref: 'container',
      yref: 'container',
      xanchor: 'left',
      yanchor: 'top',
      pad: { l: SIDE, t: head.length === 0 ? 16 : 27 },
    },
    margin: {
      l: parts.left ?? 70,
      r: parts.right ?? (legend ? legendWidth(parts.data) : 24),
      t: (head.length === 0 ? 54 : 74) + furtherLines + (parts.top ?? 0),
      b: AXIS_ROOM,
    },
    showlegend: legend,
    ...(legend ? { legend: { x: parts.legendX ?? 1, xanchor: 'left', y: 1, yanchor: 'top' } } : {}),
    ...(parts.xaxis ? { xaxis: withLogTicks(parts.xaxis, parts.data, 'x') } : {}),
    ...(parts.yaxis ? { yaxis: withLogTicks(parts.yaxis, parts.data, 'y') } : {}),
    ...(parts.annotations?.length ? { annotations: parts.annotations } : {}),
    ...parts.layout,
  };
  return withCaption({ data: parts.data, layout }, options.caption);
}

/** Width in pixels of the lines of captions and subtitles. */
function textRoom(width: number): number {
  return Math.min(width, NARROW) - 2 * SIDE;
}

/** A line of the title in the subtitle's style. */
function small(text: string): string {
  return `<span style="font-size:13px;color:${COLORS.muted}">${text}</span>`;
}

/** The same figure with a caption under the plot; it grows by the caption's height. A caption that it had is replaced. */
export function withCaption(figure: Figure, caption: Caption | string | undefined): Figure {
  const text = figureText(captionText(caption));
  const old = figure.layout.annotations?.find((one) => one.name === 'caption');
  const others = figure.layout.annotations?.filter((one) => one !== old) ?? [];
  const width = figure.layout.width ?? 820;
  const lines = wrap(text, textRoom(width), 11);
  const room = (count: number) => (count === 0 ? 0 : count * CAPTION_LINE + 12);
  const before = old ? room(String(old.text).split('<br>').length) : 0;
  const margin = figure.layout.margin as { l: number; r: number; t: number; b: number };
  const grown = room(lines.length) - before;
  if (old === undefined && lines.length === 0) return figure;
  return {
    data: figure.data,
    layout: {
      ...figure.layout,
      height: (figure.layout.height ?? 440) + grown,
      margin: { ...margin, b: margin.b + grown },
      annotations:
        lines.length === 0
          ? others
          : [
              ...others,
              {
                name: 'caption',
                text: lines.join('<br>'),
                font: { size: 11, color: COLORS.muted },
                align: 'left',
                showarrow: false,
                xref: 'paper',
                yref: 'paper',
                x: 0,
                y: 0,
                xanchor: 'left',
                yanchor: 'top',
                xshift: SIDE - margin.l,
                yshift: -(margin.b - before),
              },
            ],
    },
  };
}

/** A caption's fields as one text. */
export function captionText(caption: Caption | string | undefined): string {
  if (caption === undefined) return '';
  if (typeof caption === 'string') return caption;
  const { data, model, seeds, profile, cost, device, note } = caption;
  const seedText =
    seeds === undefined
      ? undefined
      : typeof seeds === 'number'
        ? `${seeds} seed${seeds === 1 ? '' : 's'}`
        : `seed${seeds.length === 1 ? '' : 's'} ${seeds.join(', ')}`;
  const facts = [data, model, seedText, profile && `profile ${profile}`, cost, device].filter(
    (fact) => fact !== undefined && fact !== '',
  );
  return [facts.join(' · '), note].filter((part) => part !== undefined && part !== '').join('. ');
}

/** Whether a figure shows a plane, by contours or by axes that share a scale: it keeps its width, and with it its shape. */
export function isPlane({ data, layout }: Figure): boolean {
  const axes = Object.keys(layout).filter((name) => /^[xy]axis\d*$/.test(name));
  return data.some(({ type }) => type === 'contour') || axes.some((name) => (layout[name] as Axis).scaleanchor !== undefined);
}

/** An axis with its unit in brackets behind the title. */
export function axis(options: AxisOptions, more: Axis = {}): Axis {
  const { title = '', unit, log = false, range } = options;
  return {
    title: { text: figureText(unit === undefined ? title : `${title} (${unit})`) },
    ...(log ? { type: 'log' } : {}),
    ...(range ? { range: log ? range.map(Math.log10) : [...range] } : {}),
    ...more,
  };
}

/**
 * The axis with its tick labels in one size, and none over another: as numbers (1, 2, 5, 10 ...) over up to three decades, else as powers
 * of ten. By itself plotly.js writes powers a quarter larger than other labels, and digits between them a quarter smaller.
 */
function withLogTicks(axis: Axis, data: readonly Trace[], letter: 'x' | 'y'): Axis {
  if (axis.type !== 'log' || axis.tickvals !== undefined) return axis;
  const [low, high] = logEnds(axis, data, letter);
  if (high - low <= 3) return { ...axis, tickformat: '~g', ...(high - low > 0.7 ? { dtick: 'D2' } : {}) };
  return {
    ...axis,
    exponentformat: 'power',
    dtick: Math.ceil((high - low) / 8),
    tickfont: { size: 12 / 1.25, color: COLORS.muted },
  };
}

/**
 * The x axis with fewer labels than 1, 2 and 5 of each power of ten where they would run into each other on `pixels`: 1 and 3, or the
 * powers alone if at least two of them are left.
 */
export function withFewerLogTicks(axis: Axis, data: readonly Trace[], pixels: number): Axis {
  if (axis.dtick !== 'D2') return axis;
  const [low, high] = logEnds(axis, data, 'x');
  // plotly.js leaves room for the markers at both ends, so that a decade is shorter, and the power beyond an end may be seen.
  const decade = pixels / ((high - low) * (axis.range === undefined ? 1.2 : 1));
  const widest = Math.max(...[low, high].map((end) => textWidth(String(Number(`1e${Math.floor(end)}`)), 12)));
  const fits = (factor: number): boolean => Math.log10(factor) * decade >= widest + 6;
  if (fits(2)) return axis;
  const powers = Math.floor(high) - Math.ceil(low) + 1;
  if (!fits(3) && powers >= 2) return { ...axis, dtick: 1 };
  const { dtick: _, ...bare } = axis;
  const exponents = Array.from({ length: Math.ceil(high) - Math.floor(low) + 1 }, (_, i) => Math.floor(low) + i);
  return { ...bare, tickvals: exponents.flatMap((exponent) => [Number(`1e${exponent}`), Number(`3e${exponent}`)]) };
}

/** The powers of ten at the ends of a logarithmic axis: of its range, or of the data. */
function logEnds(axis: Axis, data: readonly Trace[], letter: 'x' | 'y'): [number, number] {
  const drawn = data.flatMap((trace) => Array.from((trace[letter] as ArrayLike<number> | undefined) ?? []));
  const logs = drawn.filter((value) => value > 0).map(Math.log10);
  return (axis.range as [number, number] | undefined) ?? [lowest(logs), -lowest(logs.map((value) => -value))];
}

function lowest(values: readonly number[]): number {
  return values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
}

/** Room in pixels that the legend of these traces needs; 0 without one. */
export function legendWidth(data: readonly Trace[]): number {
  const named = data.filter((trace) => trace.showlegend !== false && trace.name !== undefined);
  return named.length === 0 ? 0 : Math.ceil(Math.max(...named.map((trace) => textWidth(trace.name!, 12)))) + 62;
}

/**
 * The title of a colour bar: upright beside its numbers, as with axes. A short one stands over the bar, since plotly.js would set it
 * between two of the numbers.
 */
export function colorBarTitle(text: string): { text: string; side: 'top' | 'right' } {
  const title = figureText(text);
  return { text: title, side: textWidth(title, 13) < 60 ? 'top' : 'right' };
}

/** The text with a small first letter, unless it begins with an abbreviation: for titles inside sentences. */
export function lowerFirst(text: string): string {
  return text.replace(/^[A-Z](?=[a-z])/, (letter) => letter.toLowerCase());
}

/** Widths of the printable ASCII letters in Arial, and in the fonts made to its measure, in thousandths of the font size, from the blank on. */
const WIDTHS = [
  278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556, 556, 556,
  556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778,
  722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222,
  500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
];
/** About the width of other letters, the Greek ones among them. */
const OTHER_WIDTH = 580;

/** Width in pixels of a text of a figure in its font, without kerning; markup counts nothing. */
export function textWidth(text: string, size: number): number {
  let widths = 0;
  for (const letter of plainFigureText(text)) widths += WIDTHS[letter.codePointAt(0)! - 32] ?? OTHER_WIDTH;
  return (widths * size) / 1000;
}

/** Breaks a text of a figure into lines of at most `width` pixels, between words. */
export function wrap(text: string, width: number, size: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ').filter((part) => part !== '')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && textWidth(longer, size) > width) {
      lines.push(line);
      line = word;
    } else {
      line = longer;
    }
  }
  return line === '' ? lines : [...lines, line];
}
