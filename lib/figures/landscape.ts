/** Loss landscapes on planes through weight space, as contours and as surfaces, on one color range. */

import { OptionError } from '../core/errors';
import { figureText, sceneText } from '../core/escape';
import { axis, colorBarTitle, compose, type FigureOptions } from './compose';
import { contours, ends, type Levels, withoutColorBar } from './contourPath';
import { extent } from './extent';
import type { Annotation, AxisOptions, Figure, Layout, Numbers, Point, Trace } from './figure';
import type { Grid } from './grid';
import { type MethodLabel, type Styled, styled } from './methods';
import { panels, planeWidth } from './panels';
import { COLORS, LANDSCAPE } from './theme';

/** A way of weights, projected on the plane. */
export interface PlaneTrajectory extends MethodLabel {
  /** Coordinates on the plane. */
  points: readonly Point[];
  /** True loss at each point (not of its shadow on the plane): shown on hovering; the height in a surface. */
  loss?: Numbers;
  /** Share of each point's distance that lies outside the plane, from 0 to 1: shown on hovering. */
  outside?: Numbers;
}

/** What a trajectory needs of a point that was projected on a plane. */
export interface ProjectedPoint {
  /** Coordinate along the plane's first direction. */
  a: number;
  /** Coordinate along the second. */
  b: number;
  /** True loss. */
  loss: number;
  /** Share of the distance outside the plane, from 0 to 1. */
  outside: number;
}

/** Projected points as part of a trajectory: `{ method: 'sam', ...onPlane(points) }`. */
export function onPlane(
  points: readonly ProjectedPoint[],
): Required<Pick<PlaneTrajectory, 'points' | 'loss' | 'outside'>> {
  return {
    points: points.map(({ a, b }) => [a, b]),
    loss: points.map(({ loss }) => loss),
    outside: points.map(({ outside }) => outside),
  };
}

/** One landscape. */
export interface LandscapePanel {
  /** Stands over it. */
  title: string;
  /** Loss on the plane; NaN if it is not computed yet. */
  grid: Grid;
  /** Ways of weights over it. Default: none. */
  trajectories?: readonly PlaneTrajectory[];
}

/** Options of `landscapeContours` and `landscapeSurfaces`. */
export interface LandscapeOptions extends FigureOptions {
  /** The landscapes, in the order in which they are drawn. */
  landscapes: readonly LandscapePanel[];
  /** Default: First direction. */
  x?: AxisOptions;
  /** Default: Second direction. */
  y?: AxisOptions;
  /** Name of the value. Default: Loss. */
  z?: string;
  /** Colors and heights follow the logarithm: shows basin and walls. Needs values above 0. Default false. */
  log?: boolean;
  /** Smallest and largest value that colors tell apart. Default: those of all landscapes together. */
  range?: readonly [number, number];
  /** Landscapes in a row. Default: all, up to 3, and up to 2 surfaces. */
  columns?: number;
}

/** About as many contours over the whole range. */
const LEVELS = 20;

/**
 * Contours of landscapes side by side, on one color range, with trajectories.
 * @throws {OptionError} if there is no landscape, or no finite value, or one that has no logarithm.
 */
export function landscapeContours(options: LandscapeOptions): Figure {
  const { landscapes, z = 'Loss', columns } = options;
  const scale = valueScale(options);
  const ways = styledWays(landscapes);
  const figures = landscapes.map(({ title, grid }, l) => {
    const contour: Trace = {
      ...contours(
        { ...grid, z: grid.z.map((row) => row.map(scale.of)) },
        { z, levels: scale.levels, scale: LANDSCAPE },
      ),
      zmin: scale.low,
      zmax: scale.high,
      customdata: grid.z,
      colorbar: { title: colorBarTitle(z), ...scale.ticks },
      hovertemplate: `(%{x:.3~g}, %{y:.3~g})<br>${figureText(z)} %{customdata:.4~g}<extra></extra>`,
    };
    const lines = ways[l]!.flatMap(withHalo);
    return {
      title,
      figure: compose(
        {
          data: [contour, ...lines],
          xaxis: axis({ title: 'First direction', ...options.x }, { showgrid: false, range: ends(grid.x) }),
          yaxis: axis({ title: 'Second direction', ...options.y }, { showgrid: false, range: ends(grid.y) }),
        },
        {},
        { title },
      ),
    };
  });
  const inRow = columns ?? Math.min(3, landscapes.length);
  return panels({
    title: `${z} landscape`,
    rowHeight: rowHeight(landscapes[0]!.grid, inRow),
    ...options,
    panels: figures,
    columns: inRow,
    shareY: true,
  });
}

/**
 * The same landscapes as surfaces in space, with the same view and heights; trajectories run at their true
 * loss. Shown interactively in JupyterLab, as contours elsewhere.
 * @throws {OptionError} as `landscapeContours`.
 */
export function landscapeSurfaces(options: LandscapeOptions): Figure {
  const { landscapes, z = 'Loss' } = options;
  const scale = valueScale(options);
  const columns = options.columns ?? Math.min(2, landscapes.length);
  const rows = Math.ceil(landscapes.length / columns);
  const layout: Layout = {};
  const annotations: Annotation[] = [];
  const ways = styledWays(landscapes);
  const data = landscapes.flatMap(({ title, grid }, l): Trace[] => {
    const id = l === 0 ? '' : String(l + 1);
    const column = l % columns;
    const row = Math.floor(l / columns);
    const domain = {
      x: [column / columns, (column + 0.96) / columns],
      y: [row === rows - 1 ? 0 : 1 - (row + 0.93) / rows, 1 - row / rows],
    };
    const named = (text: string) => ({
      title: { text: sceneText(text), font: { size: 10 } },
      tickfont: { size: 9 },
      gridcolor: COLORS.grid,
    });
    layout[`scene${id}`] = {
      domain,
      xaxis: { ...named(options.x?.title ?? 'First direction'), nticks: 5 },
      yaxis: { ...named(options.y?.title ?? 'Second direction'), nticks: 5 },
      // In a small scene the name would be cut off; the color bar has it, too.
      zaxis: { ...named(columns > 2 ? '' : z), range: [scale.low, scale.high], ...scale.ticks },
      camera: {
        eye: columns > 2 ? { x: 1.8, y: -2.1, z: 1.3 } : { x: 1.45, y: -1.7, z: 1.05 },
        center: { x: 0, y: 0, z: -0.12 },
      },
      aspectmode: 'manual',
      aspectratio: columns > 2 ? { x: 1, y: 1, z: 1 } : { x: 1.12, y: 1.12, z: 0.85 },
    };
    annotations.push({
      text: `<b>${figureText(title)}</b>`,
      xref: 'paper',
      yref: 'paper',
      x: domain.x[0],
      y: domain.y[1],
      xanchor: 'left',
      yanchor: 'bottom',
      showarrow: false,
      font: { size: 13 },
    });
    const surface: Trace = {
      type: 'surface',
      scene: `scene${id}`,
      x: grid.x,
      y: grid.y,
      z: grid.z.map((values) => values.map(scale.of)),
      customdata: grid.z,
      colorscale: LANDSCAPE,
      cmin: scale.low,
      cmax: scale.high,
      colorbar: { title: colorBarTitle(z), len: 0.8, ...scale.ticks },
      contours: { z: { show: true, color: 'rgba(31, 35, 40, 0.3)', width: 1, ...scale.levels } },
      hovertemplate: `(%{x:.3~g}, %{y:.3~g})<br>${figureText(z)} %{customdata:.4~g}<extra></extra>`,
      showlegend: false,
    };
    const lines = ways[l]!.map((trajectory): Trace => {
      const height = trajectory.loss
        ? Array.from(trajectory.loss, scale.of)
        : trajectory.points.map(() => scale.low);
      const { marker, line, ...kept } = shadow(trajectory);
      const { symbol: _, ...dot } = marker as { symbol: string };
      return {
        ...kept,
        type: 'scatter3d',
        mode: 'lines+markers',
        scene: `scene${id}`,
        z: height,
        line: { ...line, width: 5 },
        marker: { ...dot, size: 3 },
      };
    });
    return [l === landscapes.length - 1 ? surface : withoutColorBar(surface), ...lines];
  });
  const size = {
    width: columns > 2 ? 900 : 820,
    height: 130 + rows * Math.max(230, Math.min(420, 690 / columns)),
  };
  return compose(
    { data, annotations, left: 16, top: 24, layout },
    { ...size, ...options },
    { title: `${z} landscape` },
  );
}

/** The trajectories of each landscape, with styles that hold for all of them. */
function styledWays(landscapes: readonly LandscapePanel[]): Styled<PlaneTrajectory>[][] {
  const all = styled(landscapes.flatMap(({ trajectories = [] }) => trajectories));
  return landscapes.map(({ trajectories = [] }) => all.splice(0, trajectories.length));
}

/** A trajectory on the plane over a white line, so that it stands out on dark and on light colors. */
function withHalo(trajectory: Styled<PlaneTrajectory>): Trace[] {
  const line: Trace = { ...shadow(trajectory), mode: 'lines+markers' };
  const { hovertemplate: _, customdata: __, ...under } = line;
  const paper = { line: { color: COLORS.paper, width: 5 }, marker: { size: 9, color: COLORS.paper } };
  return [{ ...under, ...paper, showlegend: false, hoverinfo: 'skip' }, line];
}

/** About the height that gives both axes the same scale, for a row of panels in the default width. */
function rowHeight(grid: Grid, columns: number): number {
  const [left, right] = ends(grid.x);
  const [bottom, top] = ends(grid.y);
  const gap = 0.06 * columns;
  const width = ((planeWidth(columns) - 170) * (1 - gap)) / (columns - gap);
  // An unfinished surface may have one column or row so far.
  if (left === right || bottom === top) return Math.min(420, width);
  return Math.min(420, Math.max(180, (width * (top - bottom)) / (right - left)));
}

/** The trace of a trajectory on the plane. */
function shadow({
  name,
  style,
  points,
  loss,
  outside,
}: Styled<PlaneTrajectory>): Trace & { line: { color: string; width: number; dash: string } } {
  const facts = points.map((_, i) => {
    const trueLoss = loss ? `<br>true loss ${Number(loss[i]!.toPrecision(4))}` : '';
    const away = outside ? `<br>${Math.round(outside[i]! * 100)} % of the distance is outside the plane` : '';
    return `point ${i}${trueLoss}${away}`;
  });
  return {
    type: 'scatter',
    name,
    x: points.map((point) => point[0]),
    y: points.map((point) => point[1]),
    line: { color: style.color, width: 2, dash: style.dash },
    marker: { symbol: style.symbol, color: style.color, size: 6 },
    customdata: facts,
    hovertemplate: `%{customdata}<extra>${name}</extra>`,
  };
}

interface ValueScale {
  /** From a value to what is drawn; values beyond the range are drawn at its ends. */
  of(value: number): number;
  low: number;
  high: number;
  /** Places of the contour lines. */
  levels: Levels;
  /** Ticks with the values themselves on a logarithmic scale. */
  ticks: { tickvals?: number[]; ticktext?: string[] };
}

function valueScale({ landscapes, log = false, range }: LandscapeOptions): ValueScale {
  if (landscapes.length === 0) throw new OptionError('landscapes', 0, 'at least one landscape');
  const values = landscapes.flatMap(({ grid }) => grid.z.flat()).filter(Number.isFinite);
  if (values.length === 0 && range === undefined)
    throw new OptionError('landscapes', 'no finite value', 'grids with a finite value, or give range');
  const [low, high] = range ?? extent(values);
  if (log && !(low > 0))
    throw new OptionError(
      'log',
      log,
      'false if there are values of 0 or less',
      'Give range to cut them off.',
    );
  const drawn = log ? Math.log10 : (value: number) => value;
  const of = (value: number) =>
    Number.isFinite(value) ? drawn(Math.min(Math.max(value, low), high)) : Number.NaN;
  if (!log) return { of, low, high, levels: niceLevels(low, high), ticks: {} };
  const marks = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100].filter(
    (mark) => mark >= low && mark <= high,
  );
  const levels = { start: drawn(low), end: drawn(high), size: (drawn(high) - drawn(low)) / LEVELS };
  return {
    of,
    low: drawn(low),
    high: drawn(high),
    levels,
    ticks: { tickvals: marks.map(Math.log10), ticktext: marks.map(String) },
  };
}

/** Contours at round numbers. */
function niceLevels(low: number, high: number): Levels {
  const rough = (high - low || 1) / LEVELS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const size = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
  return { start: Math.ceil(low / size) * size, end: high, size };
}
