/** One step of Lookbehind in a plane: k steps back (up the loss), k gradients there, one step forward. */
import { OptionError } from '../core/errors';
import { axis, compose, type FigureOptions, NARROW } from './compose';
import { ARROWS, contours, withoutColorBar } from './contourPath';
import { extent } from './extent';
import type { Annotation, AxisOptions, Figure, Point, Trace } from './figure';
import type { Grid } from './grid';
import { placeNames } from './labels';
import { methodStyle } from './methods';
import { COLORS, PALE } from './theme';

/**
 * Options of `lookbehindStepFigure`: the points of one step, as `dissectStep` and `projectStep` return them.
 */
export interface LookbehindStepOptions extends FigureOptions {
  /** Width in pixels: names are left out where they have no room in it. Default 600. Less in a panel. */
  width?: number;
  /** Slow weights before the step. */
  slow: Point;
  /** Perturbed weights after each of the k ascent steps. */
  perturbed: readonly Point[];
  /** Fast weights after each of the k descent steps. */
  fast: readonly Point[];
  /** Slow weights after the step. */
  newSlow: Point;
  /** Gradients at the perturbed weights, one each: arrows of their descent direction. Default: none. */
  gradients?: readonly Point[];
  /** Draws the mean of the gradients at the slow weights. Default: true if there are gradients. */
  meanGradient?: boolean;
  /** The loss on the plane, drawn as contours. Default: none. */
  grid?: Grid;
  /** Default: First direction. */
  x?: AxisOptions;
  /** Default: Second direction. */
  y?: AxisOptions;
}

/** About the height of the plot in pixels, alone or among panels. */
const PLOT_HEIGHT = 300;
/** About the room in pixels that is left and right of it. */
const BESIDE = 94;
const ASCENT = methodStyle('sam').color;
const DESCENT = methodStyle('lookbehindSAM').color;

/**
 * One Lookbehind step with its slow, fast and perturbed weights and the gradients that the fast weights
 * follow.
 * Both axes have the same scale. Gradients have a common scale of their own: the longest is a sixth of the
 * plot's height.
 * @throws {OptionError} if there are not as many perturbed as fast weights, or gradients.
 */
export function lookbehindStepFigure(options: LookbehindStepOptions): Figure {
  const {
    slow,
    perturbed,
    fast,
    newSlow,
    gradients = [],
    meanGradient = gradients.length > 0,
    grid,
  } = options;
  const k = perturbed.length;
  if (fast.length !== k) throw new OptionError('fast', fast.length, `${k} points, one per perturbed point`);
  if (gradients.length > 0 && gradients.length !== k)
    throw new OptionError('gradients', gradients.length, `${k}, one per perturbed point`);

  const ranges = rangesAround([slow, newSlow, ...perturbed, ...fast], grid);
  const mean: Point = [average(gradients.map((one) => one[0])), average(gradients.map((one) => one[1]))];
  const longest = Math.max(1e-300, ...gradients.map((one) => Math.hypot(...one)));
  const scale = (ranges.y[1] - ranges.y[0]) / 6 / longest;
  const downhill = ([x, y]: Point, gradient: Point): Point => [
    x - scale * gradient[0],
    y - scale * gradient[1],
  ];
  const aside = (9 * (ranges.y[1] - ranges.y[0])) / PLOT_HEIGHT;
  const back = chain([slow, ...perturbed]);
  const ahead = chain([slow, ...fast]);
  // The way back follows the gradients: beside it, their arrows are seen.
  const descents = gradients.map((gradient, i): Segment => {
    const [x, y] = perturbed[i]!;
    const [toX, toY] = gradient.map((one) => (aside * one) / Math.max(1e-300, Math.hypot(...gradient)));
    const from = [x! + toY!, y! - toX!];
    return [from, downhill(from, gradient)];
  });
  const meanDescent: Segment[] = meanGradient ? [[slow, downhill(slow, mean)]] : [];

  const data: Trace[] = [
    ...(grid ? [withoutColorBar(contours(grid, { z: 'Loss', levels: 16, scale: PALE }))] : []),
    arrows('Perturbed weights: k steps back', back, ASCENT),
    ...(gradients.length > 0 ? [arrows('Descent direction there', descents, COLORS.muted, 1.6)] : []),
    arrows('Fast weights: k gradient steps', ahead, DESCENT),
    ...(meanGradient ? [arrows('Mean descent direction', meanDescent, COLORS.ink, 1.6)] : []),
    {
      type: 'scatter',
      mode: 'lines+markers',
      name: 'Slow weights: 1 step forward',
      x: [slow[0], newSlow[0]],
      y: [slow[1], newSlow[1]],
      line: { color: COLORS.ink, width: 4 },
      marker: {
        symbol: ['circle', 'star'],
        size: [11, 17],
        opacity: 1,
        color: COLORS.ink,
        line: { color: COLORS.paper, width: 1.5 },
      },
      hovertemplate: '(%{x:.4~g}, %{y:.4~g})<extra>slow weights</extra>',
    },
  ];
  const names = labels(
    [
      { at: slow, text: 'w', color: COLORS.ink },
      { at: newSlow, text: 'w′', color: COLORS.ink },
      ...lastFirst(perturbed.map((at, i) => ({ at, text: `p<sub>${i + 1}</sub>`, color: ASCENT }))),
      ...lastFirst(fast.map((at, i) => ({ at, text: `f<sub>${i + 1}</sub>`, color: DESCENT }))),
    ],
    [...back, ...descents, ...ahead, ...meanDescent, [slow, newSlow]],
    Math.min(
      PLOT_HEIGHT / (ranges.y[1] - ranges.y[0]),
      ((options.width ?? NARROW) - BESIDE) / (ranges.x[1] - ranges.x[0]),
    ),
  );
  // Without contours the axes may show more than their ranges, to fill the width.
  const hidden = { showgrid: false, constrain: grid ? 'domain' : 'range' };
  return compose(
    {
      data,
      xaxis: axis({ title: 'First direction', range: ranges.x, ...options.x }, hidden),
      yaxis: axis(
        { title: 'Second direction', range: ranges.y, ...options.y },
        { ...hidden, scaleanchor: 'x' },
      ),
      annotations: names,
    },
    options,
    {
      title: `One step of Lookbehind: ${k} step${k === 1 ? '' : 's'} back, 1 step forward`,
      height: heightOf(ranges, grid),
    },
  );
}

/** The height in which a plot with contours takes its width. */
function heightOf({ x, y }: { x: readonly number[]; y: readonly number[] }, grid: Grid | undefined): number {
  if (grid === undefined) return 470;
  return Math.round(Math.min(600, Math.max(360, 132 + (500 * (y[1]! - y[0]!)) / (x[1]! - x[0]!))));
}

/** Arrows as one trace, which the legend names. */
function arrows(name: string, segments: readonly Segment[], color: string, width = 2): Trace {
  const along = (c: 0 | 1) => segments.flatMap(([from, to]) => [from[c]!, to[c]!, null]);
  return {
    type: 'scatter',
    mode: 'lines+markers',
    name,
    x: along(0),
    y: along(1),
    line: { color, width },
    marker: { ...ARROWS, color, size: segments.flatMap(() => [0, 6 + 4 * width, 0]) },
    hovertemplate: `(%{x:.4~g}, %{y:.4~g})<extra>${name.split(':')[0]}</extra>`,
  };
}

/** From one point to another. */
type Segment = readonly [Point, Point];

interface Label {
  at: Point;
  text: string;
  color: string;
}

function chain(points: readonly Point[]): Segment[] {
  return points.slice(1).map((to, i) => [points[i]!, to]);
}

function lastFirst<T>(all: readonly T[]): T[] {
  return [...all.slice(-1), ...all.slice(0, -1)];
}

/** The labels beside their points, the first ones first; those without any room are left out. */
function labels(all: readonly Label[], lines: readonly Segment[], pixels: number): Annotation[] {
  const placed = ([x, y]: Point): Point => [x! * pixels, y! * pixels];
  const shifts = placeNames(
    all.map(({ at, text }) => ({ at: placed(at), width: text.includes('<sub>') ? 18 : 14 })),
    lines.map(([from, to]) => [placed(from), placed(to)]),
  );
  return all.flatMap(({ at, text, color }, i) => {
    const shift = shifts[i];
    if (shift === undefined) return [];
    const [xshift, yshift] = shift.map(Math.round);
    return {
      text: `<i>${text}</i>`,
      x: at[0],
      y: at[1],
      showarrow: false,
      xshift,
      yshift,
      font: { size: 14, color },
    };
  });
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

/** Ranges around all points, with an eighth of the larger extent on each side, and around the grid. */
function rangesAround(
  points: readonly Point[],
  grid: Grid | undefined,
): { x: [number, number]; y: [number, number] } {
  const x = extent(points.map((point) => point[0]));
  const y = extent(points.map((point) => point[1]));
  const room = Math.max(x[1] - x[0], y[1] - y[0], 1e-12) / 8;
  return {
    x: extent([x[0] - room, x[1] + room, ...(grid?.x ?? [])]),
    y: extent([y[0] - room, y[1] + room, ...(grid?.y ?? [])]),
  };
}
