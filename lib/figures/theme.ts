/**
 * The one visual identity of all figures: fonts and colors. Those of methods are in `core/methods.ts`.
 *
 * Figures are drawn on white paper. On a dark page one rule of CSS turns their lightness over and keeps their
 * hues: in JupyterLab (scripts/jupyter/custom/custom.css), in exported notebooks and in pages of figures.
 */
import type { Layout } from './figure';

/** Fonts in order of preference; all have Greek letters. The first three have the same widths. */
const FONT_FAMILY = 'Arial, Liberation Sans, Helvetica, DejaVu Sans, sans-serif';

/** Colors of everything that is not a method. */
export const COLORS = {
  /** Titles and labels. */
  ink: '#1f2328',
  /** Captions, subtitles, ticks. */
  muted: '#59636e',
  /** Grid lines. */
  grid: '#e7eaee',
  /** Axis lines and zero lines. */
  line: '#afb8c1',
  paper: '#ffffff',
  /** Cells and points of runs that diverged. */
  diverged: '#d0d7de',
} as const;

/** The filter of CSS that makes a figure, or a page, dark. */
export const DARK = 'invert(0.92) hue-rotate(180deg)';

/** Rules of CSS for a white page that is dark where the reader's system is. */
export const DARK_PAGE = `@media (prefers-color-scheme: dark) {
  html { background: #141414; }
  body { background: #fff; filter: ${DARK}; }
  iframe { filter: invert(1) hue-rotate(180deg); } /* a page within is dark by itself */
}`;

/** A color scale of plotly: pairs of position in [0, 1] and color. */
export type ColorScale = [number, string][];

/** For values where more is darker: tables of errors, matrices. */
export const SEQUENTIAL: ColorScale = evenly(
  '#fdfbe3',
  '#d5edc3',
  '#93d3bd',
  '#4fb3bf',
  '#2b8cb5',
  '#2560a0',
  '#1d3a70',
);

/** For values on two sides of a middle. */
export const DIVERGING: ColorScale = evenly(
  '#1d3a70',
  '#2b8cb5',
  '#b9dde3',
  '#fbfaf5',
  '#f6cf9f',
  '#d9813b',
  '#8a3d0d',
);

/** For losses: the deeper, the darker. */
export const LANDSCAPE: ColorScale = evenly(
  '#1d3a70',
  '#2560a0',
  '#2b8cb5',
  '#4fb3bf',
  '#93d3bd',
  '#d5edc3',
  '#fdfbe3',
);

/** For losses under trajectories, which must stand out: pale. */
export const PALE: ColorScale = evenly('#c3d0de', '#d3dde7', '#e2e8ef', '#eef2f6', '#f8fafb');

/** A scale the other way round. */
export function reversed(scale: ColorScale): ColorScale {
  return scale.map(([place, color]): [number, string] => [1 - place, color]).reverse();
}

/** Color of layer `index` of `count`: light at the input, dark at the output. */
export function layerColor(index: number, count: number): string {
  const position = (0.3 + (0.7 * index) / Math.max(1, count - 1)) * (SEQUENTIAL.length - 1);
  const below = Math.min(Math.floor(position), SEQUENTIAL.length - 2);
  return mix(SEQUENTIAL[below]![1], SEQUENTIAL[below + 1]![1], position - below);
}

/** The color of a scale at a position from 0 to 1; beyond them that of the ends. */
export function colorAt(scale: ColorScale, position: number): string {
  const above = scale.findIndex(([place]) => place >= position);
  if (above === 0) return scale[0]![1];
  if (above < 0) return scale[scale.length - 1]![1];
  const [[from, color], [to, other]] = [scale[above - 1]!, scale[above]!];
  return mix(color, other, (position - from) / (to - from));
}

/**
 * Ink, paper or black: the first with the contrast of 4.5 that WCAG 2 asks for. Paper or black always has it.
 */
export function readableOn(color: string): string {
  const contrast = (text: string): number => {
    const [dark, light] = [luminance(text), luminance(color)].sort((a, b) => a - b) as [number, number];
    return (light + 0.05) / (dark + 0.05);
  };
  return [COLORS.ink, COLORS.paper].find((text) => contrast(text) >= 4.5) ?? '#000000';
}

/** The color with the given opacity, as plotly wants it. */
export function translucent(color: string, opacity: number): string {
  return `rgba(${channels(color).join(', ')}, ${opacity})`;
}

/** `amount` 0 gives `color`, 1 gives `other`. */
export function mix(color: string, other: string, amount: number): string {
  const to = channels(other);
  const mixed = channels(color).map((value, i) => Math.round(value + (to[i]! - value) * amount));
  return `#${mixed.map((value) => value.toString(16).padStart(2, '0')).join('')}`;
}

/** A legend over its plots. */
export const LEGEND = {
  orientation: 'h',
  traceorder: 'normal',
  x: 0,
  xanchor: 'left',
  y: 1,
  yanchor: 'bottom',
  font: { size: 12 },
  bgcolor: 'rgba(255, 255, 255, 0)',
  tracegroupgap: 0,
} as const;

/** The plotly template of every figure: what a figure doesn't say itself. */
export function template(): { layout: Layout; data: Record<string, object[]> } {
  const axis = {
    showline: true,
    linecolor: COLORS.line,
    gridcolor: COLORS.grid,
    zeroline: false,
    ticks: 'outside',
    ticklen: 4,
    tickcolor: COLORS.line,
    tickfont: { size: 12, color: COLORS.muted },
    title: { font: { size: 13, color: COLORS.ink }, standoff: 10 },
    automargin: true,
    // plotly.js would look for labels that leave the drawing, which takes quadratic time.
    ticklabeloverflow: 'allow',
  };
  const colorbar = {
    outlinewidth: 0,
    thickness: 14,
    ticks: 'outside',
    ticklen: 4,
    tickcolor: COLORS.line,
    tickfont: { size: 12, color: COLORS.muted },
    title: { font: { size: 13, color: COLORS.ink } },
  };
  return {
    layout: {
      font: { family: FONT_FAMILY, size: 12, color: COLORS.ink },
      paper_bgcolor: COLORS.paper,
      plot_bgcolor: COLORS.paper,
      hovermode: 'closest',
      hoverlabel: { font: { family: FONT_FAMILY, size: 12 } },
      xaxis: axis,
      yaxis: axis,
      title: {
        text: '',
        font: { size: 16 },
        x: 0,
        y: 1,
        xref: 'container',
        yref: 'container',
        xanchor: 'left',
        yanchor: 'top',
      },
      legend: LEGEND,
    },
    data: { heatmap: [{ colorbar }], contour: [{ colorbar }], surface: [{ colorbar }] },
  };
}

function evenly(...colors: string[]): ColorScale {
  return colors.map((color, i) => [i / (colors.length - 1), color]);
}

/** Relative luminance of an sRGB color, 0 to 1. */
function luminance(color: string): number {
  const [red, green, blue] = channels(color).map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
}

function channels(color: string): number[] {
  return [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16));
}
