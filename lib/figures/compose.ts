/** Puts a figure together: title, subtitle, axes with units, margins and the caption under the plot. */
import { figureText, plainFigureText } from '../core/escape';
import { inSingular } from '../core/singular';
import type { Annotation, Axis, AxisOptions, Figure, Layout, Trace } from './figure';
import { withLogTicks } from './logTicks';
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
  /** Width in pixels. Default 820, and 600 where a plane is shown, which does not adapt to its page. */
  width?: number;
  /** Height in pixels, without legend, caption and further lines of a subtitle. Default: the figure's own. */
  height?: number;
}

/** What a figure function hands to `compose`. */
export interface Composition {
  data: Trace[];
  xaxis?: Axis;
  yaxis?: Axis;
  annotations?: Annotation[];
  /** Room in pixels at the left of the plot. Default 70. Larger labels push it. */
  left?: number;
  /** Room in pixels between the title and the plot, beside the usual. Default 0. */
  top?: number;
  /** Room in pixels between the plot and the caption, beside the usual. Default 0. */
  bottom?: number;
  /** Any further layout attributes. */
  layout?: Layout;
}

/** Room in pixels between the plot and the caption: tick labels and axis title. */
const AXIS_ROOM = 58;
const CAPTION_LINE = 15;
const SUBTITLE_LINE = 21;
const TITLE_LINE = 21;
/** Bold letters are up to that much wider. */
export const BOLD = 1.1;
const LEGEND_LINE = 19;
const SIDE = 16;
/** Room in pixels at the right of the plot. */
export const RIGHT = 24;
/** Width in pixels of a color bar with its numbers and its name. */
export const COLOR_BAR = 76;
/** Texts are broken so that they are whole in figures as narrow as this, in pixels. */
export const NARROW = 600;
const TEXT_ROOM = NARROW - 2 * SIDE;

/** The figure of a composition. plotly.js makes the room that legend, color bar and labels need. */
export function compose(
  parts: Composition,
  options: FigureOptions,
  defaults: { title: string; height?: number },
): Figure {
  const { data, left = 70, top = 0, bottom = 0, annotations } = parts;
  const { height = defaults.height ?? 440, title = defaults.title, subtitle } = options;
  const { width = isPlane({ data, layout: { ...parts, ...parts.layout } }) ? NARROW : 820 } = options;
  const head = subtitle === undefined ? [] : wrap(figureText(subtitle), TEXT_ROOM, 13);
  const titleLines = wrap(figureText(title), TEXT_ROOM, 16 * BOLD);
  const furtherLines =
    SUBTITLE_LINE * Math.max(0, head.length - 1) + TITLE_LINE * Math.max(0, titleLines.length - 1);
  const small = (text: string) => `<span style="font-size:13px;color:${COLORS.muted}">${text}</span>`;
  const entries = data.filter((trace) => inLegend(trace) && trace.legend === undefined);
  const legend = legendHeight(entries, NARROW - left - RIGHT - (data.some(hasColorBar) ? COLOR_BAR : 0));
  const added = furtherLines + legend;
  const margin = {
    l: left,
    r: RIGHT,
    t: (head.length === 0 ? 54 : 74) + added + top - (legend > 0 ? 10 : 0),
    b: AXIS_ROOM + bottom,
  };
  const layout: Layout = {
    template: template(),
    width,
    height: height + added,
    title: {
      text: [`<b>${titleLines.join('<br>')}</b>`, ...head.map(small)].join('<br>'),
      pad: { l: SIDE, t: head.length + titleLines.length > 1 ? 27 : 16 },
    },
    margin,
    showlegend: legend > 0,
    ...(legend > 0 ? { legend: { y: 1 + top / (height + added - margin.t - margin.b) } } : {}),
    ...(parts.xaxis ? { xaxis: withLogTicks(parts.xaxis, data, 'x') } : {}),
    ...(parts.yaxis ? { yaxis: withLogTicks(parts.yaxis, data, 'y') } : {}),
    ...(annotations?.length ? { annotations } : {}),
    ...parts.layout,
  };
  return withCaption({ data, layout }, options.caption);
}

/** Whether a trace stands in the legend. */
export function inLegend({ name, showlegend }: Trace): boolean {
  return name !== undefined && showlegend !== false;
}

/** Whether a trace has a color bar. */
export function hasColorBar({ type, showscale }: Trace): boolean {
  return (type === 'heatmap' || type === 'contour' || type === 'surface') && showscale !== false;
}

/**
 * Height in pixels of the legend over the plot, in a figure that leaves it `room` pixels: plotly.js sets it
 * in columns where it doesn't fit in one row.
 */
export function legendHeight(entries: readonly Trace[], room: number): number {
  if (entries.length === 0) return 0;
  const widths = entries.map(({ name }) => 45 + 1.1 * textWidth(name!, 12));
  const whole = widths.reduce((sum, one) => sum + one, 0) <= room;
  const inRow = whole ? entries.length : Math.max(1, Math.floor(room / Math.max(...widths)));
  return LEGEND_LINE * Math.ceil(entries.length / inRow) + 10;
}

/** The same figure with a caption under the plot in place of any other; it grows by the caption's height. */
export function withCaption({ data, layout, frames }: Figure, caption: Caption | string | undefined): Figure {
  const lines = wrap(figureText(inSingular(captionText(caption))), TEXT_ROOM, 11);
  const { annotations = [], height = 440 } = layout;
  const old = annotations.find(({ name }) => name === 'caption');
  const grown = roomFor(lines) - roomFor(old?.text?.split('<br>') ?? []);
  const margin = { l: 70, b: AXIS_ROOM, ...(layout.margin as { l?: number; b?: number } | undefined) };
  const bottom = margin.b + grown;
  const text: Annotation = {
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
    yshift: roomFor(lines) - bottom,
  };
  const captioned = (all: readonly Annotation[]): Annotation[] => [
    ...all.filter(({ name }) => name !== 'caption'),
    ...(lines.length === 0 ? [] : [text]),
  ];
  const texts = captioned(annotations);
  const { annotations: _, ...others } = layout;
  const sized = { ...others, height: height + grown, margin: { ...margin, b: bottom } };
  return {
    data,
    layout: texts.length === 0 ? sized : { ...sized, annotations: texts },
    ...(frames && {
      frames: frames.map((frame) =>
        frame.layout.annotations
          ? { ...frame, layout: { ...frame.layout, annotations: captioned(frame.layout.annotations) } }
          : frame,
      ),
    }),
  };
}

/** Height in pixels of a caption. */
function roomFor(lines: readonly string[]): number {
  return lines.length === 0 ? 0 : lines.length * CAPTION_LINE + 12;
}

/** A caption's fields as one text. */
function captionText(caption: Caption | string | undefined): string {
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

/** Whether a figure shows a plane, by contours or axes that share a scale: it keeps its width and shape. */
export function isPlane({ data, layout }: Figure): boolean {
  const axes = Object.keys(layout).filter((name) => /^[xy]axis\d*$/.test(name));
  return (
    data.some(({ type }) => type === 'contour') ||
    axes.some((name) => (layout[name] as Axis).scaleanchor !== undefined)
  );
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
 * The title of a color bar: upright beside its numbers, as with axes. A short one stands over the bar, since
 * plotly.js would set it between two of the numbers.
 */
export function colorBarTitle(text: string): { text: string; side: 'top' | 'right' } {
  const title = figureText(text);
  return { text: title, side: textWidth(title, 13) < 60 ? 'top' : 'right' };
}

/** The text with a small first letter, unless it begins with an abbreviation: for titles inside sentences. */
export function lowerFirst(text: string): string {
  return text.replace(/^[A-Z](?=[a-z])/, (letter) => letter.toLowerCase());
}

/** About the width of a letter, in font sizes. */
const LETTER = 0.48;

/** About the width of a text in pixels, for what plotly.js does not measure itself; markup counts nothing. */
export function textWidth(text: string, size: number): number {
  return LETTER * size * plainFigureText(text).length;
}

/** Breaks a text of a figure between words into lines of about `width` pixels; `k = 5` stays whole. */
export function wrap(text: string, width: number, size: number): string[] {
  const most = Math.floor(width / (LETTER * size)) - 1;
  return text.match(new RegExp(`\\S.{0,${most}}(?<!=)(?=\\s(?!=)|$)|\\S+`, 'g')) ?? [];
}
