/**
 * The one visual identity of all figures: fonts, colours, and a fixed colour, dash and marker for each method.
 *
 * The hue says how the steps are arranged (one step, multistep, Lookahead, Lookbehind), the dash says how the weights are perturbed
 * (solid: SAM, dashed: ASAM, dotted: not at all). Hues are those of Okabe and Ito, which colour-blind readers can tell apart.
 * Figures bring their own white paper, so that they read the same in a light and in a dark JupyterLab.
 */
import type { Layout } from './figure';

/** Fonts in order of preference; all have Greek letters. The first three have the same widths. */
export const FONT_FAMILY = 'Arial, Liberation Sans, Helvetica, DejaVu Sans, sans-serif';

/** Colours of everything that is not a method. */
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

/** A colour scale of plotly: pairs of position in [0, 1] and colour. */
export type ColorScale = [number, string][];

/** For values where more is darker: tables of errors, matrices. */
export const SEQUENTIAL: ColorScale = evenly('#fdfbe3', '#d5edc3', '#93d3bd', '#4fb3bf', '#2b8cb5', '#2560a0', '#1d3a70');

/** For losses: the deeper, the darker. */
export const LANDSCAPE: ColorScale = evenly('#1d3a70', '#2560a0', '#2b8cb5', '#4fb3bf', '#93d3bd', '#d5edc3', '#fdfbe3');

/** For losses under trajectories, which must stand out: pale. */
export const PALE: ColorScale = evenly('#c3d0de', '#d3dde7', '#e2e8ef', '#eef2f6', '#f8fafb');

/** How a method is drawn, everywhere. */
export interface MethodStyle {
  /** The method's name for readers. */
  label: string;
  /** Hexadecimal colour. */
  color: string;
  /** Dash of its lines, as plotly wants it. */
  dash: string;
  /** Marker, in plotly's words. */
  symbol: string;
}

const METHODS = {
  sgd: { label: 'SGD', color: '#6e7781', dash: 'dot', symbol: 'cross' },
  adamw: { label: 'AdamW', color: '#a6761d', dash: 'dot', symbol: 'x' },
  sam: { label: 'SAM', color: '#0072b2', dash: 'solid', symbol: 'square' },
  asam: { label: 'ASAM', color: '#56b4e9', dash: 'dash', symbol: 'square-open' },
  multistepSAM: { label: 'Multistep-SAM', color: '#009e73', dash: 'solid', symbol: 'triangle-up' },
  multistepASAM: { label: 'Multistep-ASAM', color: '#5cc9a7', dash: 'dash', symbol: 'triangle-up-open' },
  lookahead: { label: 'Lookahead + SGD', color: '#cc79a7', dash: 'dot', symbol: 'diamond' },
  lookaheadSAM: { label: 'Lookahead + SAM', color: '#8f3d6e', dash: 'solid', symbol: 'diamond' },
  lookaheadASAM: { label: 'Lookahead + ASAM', color: '#b55c91', dash: 'dash', symbol: 'diamond-open' },
  lookbehindSAM: { label: 'Lookbehind-SAM', color: '#d55e00', dash: 'solid', symbol: 'circle' },
  lookbehindSAMAdaptive: { label: 'Lookbehind-SAM, adaptive α', color: '#e69f00', dash: '11px,3px', symbol: 'circle' },
  lookbehindASAM: { label: 'Lookbehind-ASAM', color: '#e58a4e', dash: 'dash', symbol: 'circle-open' },
  lookbehindASAMAdaptive: {
    label: 'Lookbehind-ASAM, adaptive α',
    color: '#c9a227',
    dash: '6px,3px,2px,3px',
    symbol: 'circle-open',
  },
} as const satisfies Record<string, MethodStyle>;

/** The methods that have a style of their own. */
export type MethodName = keyof typeof METHODS;

/** Names of the methods with a style of their own, in the order in which tables and legends list them. */
export const METHOD_NAMES: readonly MethodName[] = Object.keys(METHODS) as MethodName[];

/** For methods that the library doesn't know: told apart from the known ones, and from each other, by hue and marker. */
const OTHERS: readonly Omit<MethodStyle, 'label' | 'dash'>[] = [
  { color: '#5e4fa2', symbol: 'pentagon' },
  { color: '#7a6a00', symbol: 'star' },
  { color: '#a50026', symbol: 'hourglass' },
  { color: '#3f7d7d', symbol: 'triangle-down' },
  { color: '#4d9221', symbol: 'hexagram' },
  { color: '#b37feb', symbol: 'bowtie' },
  { color: '#32383f', symbol: 'star-diamond' },
  { color: '#e7298a', symbol: 'star-triangle-up' },
];

/** Where a figure has more unknown methods than there are hues, the dashes begin anew. */
const OTHER_DASHES = ['dashdot', 'longdash', '2px,2px'] as const;

/**
 * Colour, dash, marker and label of a method.
 * @param method a `MethodName`, in any spelling of capitals, blanks and hyphens ('Lookbehind-SAM' is 'lookbehindSAM'); an unknown
 *   name keeps itself as label and gets a spare style: the same one in each figure, unless another unknown name there took it first.
 * @param k number of inner steps: shades the colour (k = 1 light, k >= 10 dark) and is added to the label. Default: the plain colour.
 */
export function methodStyle(method: string, k?: number): MethodStyle {
  return methodStyles([{ method, k }])[0]!;
}

/** The styles of the methods of one figure: as `methodStyle`, and up to 24 unknown names are told apart. */
export function methodStyles(methods: readonly { method: string; k?: number }[]): MethodStyle[] {
  const taken = new Map<number, string>();
  return methods.map(({ method, k }) => {
    const known = METHOD_NAMES.find((name) => plain(name) === plain(method) || plain(METHODS[name].label) === plain(method));
    const style = known ? { ...METHODS[known] } : spareStyle(method, taken);
    return k === undefined ? style : { ...style, label: `${style.label}, k = ${k}`, color: shade(style.color, k) };
  });
}

/** The spare style that a name's letters choose, or the next one that no other name has taken. */
function spareStyle(method: string, taken: Map<number, string>): MethodStyle {
  const count = OTHERS.length * OTHER_DASHES.length;
  const first = hash(method) % OTHERS.length;
  // All hues with the first dash, then with the next.
  const places = Array.from({ length: count }, (_, i) => i - (i % OTHERS.length) + ((first + i) % OTHERS.length));
  const place = places.find((one) => (taken.get(one) ?? method) === method) ?? first;
  taken.set(place, method);
  const { color, symbol } = OTHERS[place % OTHERS.length]!;
  return { label: method, color, dash: OTHER_DASHES[Math.floor(place / OTHERS.length)]!, symbol };
}

/** Lighter for few inner steps, darker for many; k = 5, the paper's, is the plain colour. */
export function shade(color: string, k: number): string {
  const position = Math.log(Math.min(Math.max(k, 1), 20) / 5);
  return position <= 0
    ? mix(color, '#ffffff', (-position / Math.log(5)) * 0.55)
    : mix(color, '#000000', (position / Math.log(4)) * 0.6);
}

/** Colour of layer `index` of `count`: light at the input, dark at the output. */
export function layerColor(index: number, count: number): string {
  const position = (0.3 + (0.7 * index) / Math.max(1, count - 1)) * (SEQUENTIAL.length - 1);
  const below = Math.min(Math.floor(position), SEQUENTIAL.length - 2);
  return mix(SEQUENTIAL[below]![1], SEQUENTIAL[below + 1]![1], position - below);
}

/** The colour of a scale at a position from 0 to 1; beyond them that of the ends. */
export function colorAt(scale: ColorScale, position: number): string {
  const above = scale.findIndex(([place]) => place >= position);
  if (above === 0) return scale[0]![1];
  if (above < 0) return scale[scale.length - 1]![1];
  const [[from, color], [to, other]] = [scale[above - 1]!, scale[above]!];
  return mix(color, other, (position - from) / (to - from));
}

/** Ink, paper or black: the first that has a contrast of 4.5 to the colour, which WCAG 2 asks for. Paper or black always has. */
export function readableOn(color: string): string {
  const contrast = (text: string): number => {
    const [dark, light] = [luminance(text), luminance(color)].sort((a, b) => a - b) as [number, number];
    return (light + 0.05) / (dark + 0.05);
  };
  return [COLORS.ink, COLORS.paper].find((text) => contrast(text) >= 4.5) ?? '#000000';
}

/** The colour with the given opacity, as plotly wants it. */
export function translucent(color: string, opacity: number): string {
  return `rgba(${channels(color).join(', ')}, ${opacity})`;
}

/** `amount` 0 gives `color`, 1 gives `other`. */
export function mix(color: string, other: string, amount: number): string {
  const to = channels(other);
  const mixed = channels(color).map((value, i) => Math.round(value + (to[i]! - value) * amount));
  return `#${mixed.map((value) => value.toString(16).padStart(2, '0')).join('')}`;
}

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
    automargin: false,
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
      legend: { font: { size: 12 }, bgcolor: 'rgba(255, 255, 255, 0)', tracegroupgap: 0 },
    },
    data: { heatmap: [{ colorbar }], contour: [{ colorbar }], surface: [{ colorbar }] },
  };
}

function evenly(...colors: string[]): ColorScale {
  return colors.map((color, i) => [i / (colors.length - 1), color]);
}

/** Relative luminance of an sRGB colour, 0 to 1. */
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

function plain(name: string): string {
  return name.toLowerCase().replace(/[^a-zα]/g, '');
}

function hash(text: string): number {
  let value = 0;
  for (const letter of text) value = (value * 31 + letter.codePointAt(0)!) >>> 0;
  return value;
}
