/**
 * Several figures as one that moves: by a slider, or by a button that plays them. All of it is plotly's own
 * (frames, sliders, buttons): it needs neither a kernel nor a script, and a picture shows one telling frame.
 */
import { checkNumber, OptionError } from '../core/errors';
import { figureText } from '../core/escape';
import { extent } from './extent';
import type { Annotation, Axis, Figure, Layout, Trace } from './figure';
import { withLogTicks } from './logTicks';
import { COLORS } from './theme';

/** One state of a figure that moves. */
export interface FrameOf {
  /** What the slider shows for it, such as `0.1`; no two are equal. */
  label: string;
  /** The figure in this state. */
  figure: Figure;
}

/** Options of `withSlider`. */
export interface SliderOptions {
  /** The figures, in the order in which they are shown; each has the same kinds of traces. */
  frames: readonly FrameOf[];
  /** Stands before the label, such as `ρ =`. */
  name: string;
  /** Which one is shown at first, and in pictures: its place in `frames`. Default: the last. */
  shown?: number;
}

/** Options of `withFrames`. */
export interface FramesOptions extends SliderOptions {
  /** How long all frames together take, in seconds, > 0. Default 4. */
  seconds?: number;
}

/** Height of the slider with its labels, in pixels. */
const SLIDER = 84;
/** Width of the buttons. */
const BUTTONS = 124;

/**
 * Figures as one, with a slider that goes through them. Axes without a range get one for all of them; size,
 * legend and caption are those of the figure that is shown at first.
 * @throws {OptionError} if there is no figure, if two have one label, or other kinds of traces.
 */
export function withSlider(options: SliderOptions): Figure {
  return moving(options);
}

/**
 * The same with a button that plays the figures one after the other.
 * @throws {OptionError} as `withSlider`, and if `seconds` is not above 0.
 */
export function withFrames({ seconds = 4, ...options }: FramesOptions): Figure {
  checkNumber('seconds', seconds, { min: 0, exclusiveMin: true });
  return moving(options, Math.max(40, (1000 * seconds) / options.frames.length));
}

/** `pause`: milliseconds from one frame to the next where a button plays them. */
function moving({ frames, name, shown = frames.length - 1 }: SliderOptions, pause?: number): Figure {
  if (frames.length === 0) throw new OptionError('frames', 0, 'at least one figure');
  checkNumber('shown', shown, { min: 0, max: frames.length - 1, integer: true });
  const labels = frames.map(({ label }) => label);
  if (new Set(labels).size < labels.length)
    throw new OptionError('frames', labels.join(', '), 'figures with a label of their own');
  const figures = frames.map(({ figure }) => figure);
  checkKinds(figures, shown);

  const { data, layout } = figures[shown]!;
  const varied = data.map((_, t) => variedKeys(figures.map((figure) => figure.data[t]!)));
  const traces = varied.flatMap((keys, t) => (keys.length > 0 ? [t] : []));
  const texts = textsOf(figures.map((figure) => raised(figure.layout)));
  const top = sliderTop(layout);
  const left = pause === undefined ? 0 : BUTTONS;
  return {
    data,
    layout: {
      ...raised(layout),
      ...commonRanges(figures, layout),
      ...texts[shown],
      sliders: [{ ...SLIDER_STYLE, ...slider(labels, name, shown), pad: { t: top, l: left, r: 8 } }],
      ...(pause === undefined
        ? {}
        : { updatemenus: [{ ...BUTTON_STYLE, buttons: buttons(pause), pad: { t: top + 24 } }] }),
    },
    frames: figures.map((figure, f) => ({
      name: labels[f]!,
      traces,
      data: traces.map((t) =>
        Object.fromEntries(varied[t]!.map((key) => [key, figure.data[t]![key] ?? null])),
      ),
      layout: texts[f]!,
    })),
  };
}

/** The same figure without what moves it: for pictures, in which no button can be pressed. */
export function still({ data, layout: { updatemenus: _, ...layout } }: Figure): Figure {
  return { data, layout };
}

/** Goes to a frame at once, or from one to the next. */
function motion(duration: number): object {
  return { mode: 'immediate', frame: { duration, redraw: true }, transition: { duration: 0 } };
}

function slider(labels: readonly string[], name: string, active: number): object {
  return {
    active,
    steps: labels.map((label) => ({
      label: figureText(label),
      method: 'animate',
      args: [[label], motion(0)],
    })),
    currentvalue: { prefix: `${figureText(name)} `, font: { size: 13, color: COLORS.ink }, offset: 6 },
  };
}

function buttons(pause: number): object[] {
  return [
    { label: 'Play', method: 'animate', args: [null, { ...motion(pause), fromcurrent: true }] },
    { label: 'Stop', method: 'animate', args: [[null], motion(0)] },
  ];
}

const BELOW = { x: 0, y: 0, xanchor: 'left', yanchor: 'top' };
const SLIDER_STYLE = {
  ...BELOW,
  len: 1,
  font: { size: 11, color: COLORS.muted },
  bgcolor: COLORS.grid,
  activebgcolor: COLORS.line,
  bordercolor: COLORS.line,
  tickcolor: COLORS.line,
  ticklen: 4,
  minorticklen: 3,
};
const BUTTON_STYLE = {
  ...BELOW,
  type: 'buttons',
  direction: 'left',
  showactive: false,
  font: { size: 12, color: COLORS.ink },
  bgcolor: COLORS.paper,
  bordercolor: COLORS.line,
};

/** What of a trace is not the same in all frames. */
function variedKeys(states: readonly Trace[]): string[] {
  const keys = new Set(states.flatMap((state) => Object.keys(state)));
  return [...keys].filter((key) => differ(states.map((state) => state[key])));
}

function differ(values: readonly unknown[]): boolean {
  const first = JSON.stringify(values[0]);
  return values.some((value) => JSON.stringify(value) !== first);
}

/**
 * Title, texts and shapes of each layout, where they are not the same in all. plotly.js lays those of a frame
 * over those before it, one by one: all have the same number, and say whether they are seen.
 */
function textsOf(layouts: readonly Layout[]): Layout[] {
  const keys = ['title', 'annotations', 'shapes'].filter((key) =>
    differ(layouts.map((layout) => layout[key])),
  );
  const lists = layouts.map((layout) => keys.map((key) => [key, layout[key]] as const));
  const most = keys.map((_, k) =>
    Math.max(...lists.map((list) => (list[k]![1] as object[] | undefined)?.length ?? 0)),
  );
  return lists.map((list) =>
    Object.fromEntries(
      list.map(([key, value], k) => [key, key === 'title' ? value : padded(value as object[], most[k]!)]),
    ),
  );
}

function padded(parts: readonly object[] = [], count: number): object[] {
  return Array.from({ length: count }, (_, i) =>
    parts[i] ? { ...parts[i], visible: true } : { visible: false },
  );
}

/** The layout with room for the slider between the plot and its caption. */
function raised(layout: Layout): Layout {
  const { height = 440, annotations } = layout;
  const margin = layout.margin as { b: number };
  return {
    ...layout,
    height: height + SLIDER,
    margin: { ...margin, b: margin.b + SLIDER },
    ...(annotations && {
      annotations: annotations.map((one) =>
        one.name === 'caption' ? { ...one, yshift: (one.yshift as number) - SLIDER } : one,
      ),
    }),
  };
}

/** Where the slider begins below the plot: where the caption would. */
function sliderTop({ annotations = [], margin }: Layout): number {
  const caption = annotations.find((one: Annotation) => one.name === 'caption');
  return caption ? -(caption.yshift as number) : (margin as { b: number }).b;
}

/** For each axis without a range one that holds the numbers of all frames. */
function commonRanges(figures: readonly Figure[], layout: Layout): Layout {
  const { columns = 1 } = (layout.grid as { columns?: number } | undefined) ?? {};
  const free = Object.keys(layout).filter((key) => {
    const { range, autorange, matches, scaleanchor } = layout[key] as Axis;
    return /^[xy]axis\d*$/.test(key) && !(range ?? autorange ?? matches ?? scaleanchor);
  });
  return Object.fromEntries(
    free.flatMap((key) => {
      const axis = layout[key] as Axis;
      const id = key.replace('axis', '');
      const letter = id[0] as 'x' | 'y';
      const group = Object.keys(layout).filter(
        (other) => other === key || (layout[other] as Axis | undefined)?.matches === id,
      );
      const drawn = new Set(group.map((one) => one.replace('axis', '')));
      const traces = figures.flatMap(({ data }) =>
        data.filter((trace) => drawn.has(String(trace[`${letter}axis`] ?? letter))),
      );
      const values = traces.flatMap((trace) => placesOf(trace, letter)).filter((value) => value !== null);
      const numbers = values.filter(
        (value): value is number => typeof value === 'number' && Number.isFinite(value),
      );
      const places = axis.type === 'log' ? numbers.filter((value) => value > 0).map(Math.log10) : numbers;
      const named = values.some((value) => typeof value === 'string');
      if (places.length === 0 || named || traces.some(({ type }) => type !== 'scatter')) return [];
      const [low, high] = extent(places);
      const room = 0.05 * (high - low || 1);
      const ranged = { ...axis, range: [low - room, high + room] };
      return [[key, withLogTicks(ranged, [], letter, 500 / columns)]];
    }),
  );
}

/** Where a trace lies along an axis, with the ends of its error bars. */
function placesOf(trace: Trace, letter: 'x' | 'y'): unknown[] {
  const values = Array.from((trace[letter] as ArrayLike<unknown> | undefined) ?? []);
  const { array: errors } = (trace[`error_${letter}`] as { array?: number[] } | undefined) ?? {};
  const ends = errors?.flatMap((error, i) => [Number(values[i]) - error, Number(values[i]) + error]);
  return [...values, ...(ends ?? [])];
}

function checkKinds(figures: readonly Figure[], shown: number): void {
  const kinds = figures.map(({ data }) => data.map(({ type }) => type).join(', '));
  const other = kinds.findIndex((kind) => kind !== kinds[shown]);
  if (other >= 0)
    throw new OptionError(
      `frames[${other}]`,
      kinds[other],
      `traces of the same kinds as frames[${shown}]: ${kinds[shown]}`,
      'A band of spread, for one, is drawn only where runs differ.',
    );
}
