/** Trajectories of optimizers over the contours of a loss of two variables. */

import { checkNumber, OptionError } from '../core/errors';
import { figureText } from '../core/escape';
import { axis, colorBarTitle, compose, type FigureOptions } from './compose';
import type { Annotation, AxisOptions, Figure, Point, Trace } from './figure';
import type { Grid } from './grid';
import { type MethodLabel, styled } from './methods';
import { COLORS, type ColorScale, PALE } from './theme';

/** The way of one optimizer. */
export interface Trajectory extends MethodLabel {
  /** Points from the start to the end. */
  points: readonly Point[];
  /**
   * Steps from one point to the next, for the numbers that hovering shows: a whole number >= 1. Default 1.
   */
  every?: number;
  /** Draws each step as an arrow. For few steps. Default false. */
  arrows?: boolean;
}

/** A place worth naming: a minimum, a start. */
export interface Mark {
  /** Where it is: x, y. */
  at: Point;
  /** What stands beside it. */
  text: string;
  /** Side of the place where the text stands. Default right. */
  side?: 'right' | 'left' | 'above' | 'below';
}

/** Options of `contourPath`. */
export interface ContourPathOptions extends FigureOptions {
  /** The loss on a grid, as `gridOf` makes it. */
  grid: Grid;
  /** The ways that are drawn over the contours. */
  trajectories: readonly Trajectory[];
  /** Places that are named. Default: none. */
  marks?: readonly Mark[];
  /** Default: x. */
  x?: AxisOptions;
  /** Default: y. */
  y?: AxisOptions;
  /** Name of the value that the contours show. Default: Loss. */
  z?: string;
  /** About how many contours. Default 18. */
  levels?: number;
}

/**
 * Contours of a two-dimensional loss with the trajectories of optimizers on them; hovering shows the step.
 * @throws {OptionError} if the grid's rows don't fit its axes, or `every` is not a whole number above 0.
 */
export function contourPath(options: ContourPathOptions): Figure {
  const { grid, trajectories, marks = [], z = 'Loss', levels = 18 } = options;
  for (const { every } of trajectories)
    if (every !== undefined) checkNumber('every', every, { min: 1, integer: true });
  const ways = styled(trajectories);
  const lines: Trace[] = ways.map(({ points, every = 1, style, name, arrows }) => ({
    type: 'scatter',
    mode: 'lines+markers',
    name,
    x: points.map((point) => point[0]),
    y: points.map((point) => point[1]),
    customdata: points.map((_, i) => i * every),
    line: { color: style.color, dash: style.dash, width: 2 },
    marker: {
      color: style.color,
      opacity: 1,
      ...(arrows
        ? { ...ARROWS, size: points.map((_, step) => (step === 0 ? 0 : 14)) }
        : {
            symbol: style.symbol,
            size: points.map((_, step) => (step === points.length - 1 ? 12 : points.length > 20 ? 4 : 6)),
            line: {
              color: COLORS.paper,
              width: points.map((_, step) => (step === points.length - 1 ? 1.5 : 0)),
            },
          }),
    },
    hovertemplate: `step %{customdata}<br>(%{x:.4~g}, %{y:.4~g})<extra>${name}</extra>`,
  }));
  return compose(
    {
      data: [contours(grid, { z, levels, scale: PALE }), ...lines],
      xaxis: axis({ title: 'x', range: ends(grid.x), ...options.x }, { showgrid: false }),
      yaxis: axis({ title: 'y', range: ends(grid.y), ...options.y }, { showgrid: false }),
      annotations: marks.map(markText),
    },
    options,
    { title: 'Trajectories on the loss', height: 420 },
  );
}

/** Markers that are the heads of arrows from the points before. */
export const ARROWS = { symbol: 'arrow', angleref: 'previous', opacity: 1, line: { width: 0 } } as const;

/** Places of contour lines. */
export interface Levels {
  start: number;
  end: number;
  size: number;
}

/** Filled contours of a grid, with their color bar; `levels`: about how many lines, or their places. */
export function contours(
  grid: Grid,
  { z, levels, scale }: { z: string; levels: number | Levels; scale: ColorScale },
): Trace {
  if (grid.z.length !== grid.y.length || grid.z.some((row) => row.length !== grid.x.length)) {
    throw new OptionError(
      'grid',
      [grid.z.length, grid.z[0]?.length],
      `${grid.y.length} rows of ${grid.x.length} values, as its axes say`,
    );
  }
  return {
    type: 'contour',
    x: grid.x,
    y: grid.y,
    z: grid.z.map((row) => row.map((value) => (Number.isFinite(value) ? value : null))),
    colorscale: scale,
    ...(typeof levels === 'number' ? { ncontours: levels } : { autocontour: false, contours: levels }),
    line: { width: 0.6, color: 'rgba(31, 35, 40, 0.28)', smoothing: 0.8 },
    colorbar: { title: colorBarTitle(z) },
    hovertemplate: `(%{x:.3~g}, %{y:.3~g})<br>${figureText(z)} %{z:.4~g}<extra></extra>`,
    showlegend: false,
  };
}

/** The trace without its color bar. */
export function withoutColorBar({ colorbar: _, ...trace }: Trace): Trace {
  return { ...trace, showscale: false };
}

/** A dot with its name beside it. */
function markText({ at, text, side = 'right' }: Mark): Annotation {
  const places = {
    right: { xanchor: 'left', yanchor: 'middle', xshift: 8, yshift: 0 },
    left: { xanchor: 'right', yanchor: 'middle', xshift: -8, yshift: 0 },
    above: { xanchor: 'center', yanchor: 'bottom', xshift: 0, yshift: 8 },
    below: { xanchor: 'center', yanchor: 'top', xshift: 0, yshift: -8 },
  };
  return {
    text: figureText(text),
    x: at[0],
    y: at[1],
    showarrow: false,
    font: { size: 12 },
    bgcolor: 'rgba(255, 255, 255, 0.75)',
    borderpad: 2,
    ...places[side],
  };
}

/** The first and the last of places in order. */
export function ends(places: readonly number[]): [number, number] {
  return [places[0]!, places[places.length - 1]!];
}
