/**
 * What a figure is: plain JSON that plotly.js draws. The types name what the library's figures use and let
 * everything else of plotly through; plotly.js's own declarations (1.2 MB) would slow down each cell of a
 * notebook.
 */

/** Numbers in order: a plain or typed array. */
export type Numbers = ArrayLike<number>;

/** A point of a plane: x, y. */
export type Point = readonly number[];

/** One layer of a figure (plotly calls it a trace): its kind, and plotly's attributes for that kind. */
export interface Trace {
  /** What is drawn. */
  type: 'scatter' | 'bar' | 'heatmap' | 'contour' | 'surface' | 'scatter3d';
  /** Text in the legend. */
  name?: string;
  [attribute: string]: unknown;
}

/** Text at a place, with or without an arrow. */
export interface Annotation {
  /** The text; `<b>`, `<i>`, `<br>`, `<sub>` and `<sup>` are understood. */
  text?: string;
  [attribute: string]: unknown;
}

/** One axis of a figure. */
export interface Axis {
  /** What is drawn along the axis, with its unit. */
  title?: { text?: string; [attribute: string]: unknown };
  [attribute: string]: unknown;
}

/** Everything of a figure that is not data. Axes beyond the first are `xaxis2`, `yaxis2` and so on. */
export interface Layout {
  /** In pixels. */
  width?: number;
  /** In pixels. */
  height?: number;
  /** Headline, and a second line in smaller letters. */
  title?: { text: string; [attribute: string]: unknown };
  /** The x axis of the first panel. */
  xaxis?: Axis;
  /** The y axis of the first panel. */
  yaxis?: Axis;
  /** Texts in the figure, the caption among them. */
  annotations?: Annotation[];
  [attribute: string]: unknown;
}

/** A figure: what `show` displays and what plotly.js draws. */
export interface Figure {
  /** What is drawn, from back to front. */
  data: Trace[];
  /** All the rest. */
  layout: Layout;
  /** What changes of it as it moves, frame by frame (see `withSlider`). */
  frames?: Frame[];
}

/** One state of a figure that moves: what is not the same in all of them. */
export interface Frame {
  /** Its name, by which a slider calls it. */
  name: string;
  /** Which traces change. */
  traces: number[];
  /** What changes of each of them. */
  data: Record<string, unknown>[];
  /** What changes of the layout. */
  layout: Layout;
}

/** An axis as a figure's caller describes it. */
export interface AxisOptions {
  /** What is drawn along it, without the unit. */
  title?: string;
  /** Unit, written in brackets behind the title: `%`, `s`. */
  unit?: string;
  /** Logarithmic axis. Default false. */
  log?: boolean;
  /** Smallest and largest value shown, in data units (also on a logarithmic axis). Default: all data. */
  range?: readonly [number, number];
}
