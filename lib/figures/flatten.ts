/** A 3-D figure as contours: for pictures and for readers that don't draw WebGL. */
import { plainSceneText } from '../core/escape';
import { axis } from './compose';
import type { Axis, Figure, Layout, Trace } from './figure';

interface Scene {
  domain?: { x?: [number, number]; y?: [number, number] };
  xaxis?: Axis;
  yaxis?: Axis;
}

/** True if a figure has traces that only WebGL draws. */
function isSpatial(figure: Figure): boolean {
  return figure.data.some((trace) => trace.type === 'surface' || trace.type === 'scatter3d');
}

/** The same figure seen from above: surfaces become contours, lines in space their shadow. */
export function flatten(figure: Figure): Figure {
  if (!isSpatial(figure)) return figure;
  return { data: figure.data.map(flatTrace), layout: flatLayout(figure.layout) };
}

function flatTrace(trace: Trace): Trace {
  const { scene, contours, cmin, cmax, z, marker, line, ...kept } = trace;
  const id = sceneId(scene);
  const axes = { xaxis: `x${id}`, yaxis: `y${id}` };
  if (trace.type === 'surface') {
    const levels = (contours as { z?: { start?: number; end?: number; size?: number } } | undefined)?.z;
    const { start, end, size } = levels ?? {};
    return {
      ...kept,
      ...axes,
      type: 'contour',
      z,
      zmin: cmin,
      zmax: cmax,
      line: { width: 0.6, color: 'rgba(31, 35, 40, 0.28)', smoothing: 0.8 },
      ...(size === undefined ? {} : { autocontour: false, contours: { start, end, size } }),
    };
  }
  if (trace.type === 'scatter3d')
    return { ...kept, ...axes, marker, line: { ...(line as object), width: 2 }, type: 'scatter' };
  return trace;
}

/** The names of the 3-D scenes of a layout. */
export function scenesOf(layout: Layout): string[] {
  return Object.keys(layout).filter((name) => /^scene\d*$/.test(name));
}

/** Room in pixels at the left of axes. */
const LEFT = 70;

/** Each scene becomes a pair of axes in its place of a grid; its title moves along. */
function flatLayout(layout: Layout): Layout {
  const flat: Layout = { ...layout };
  const scenes = scenesOf(layout);
  const corners = scenes.map((key) => {
    const { x = [0, 1], y = [0, 1] } = (layout[key] as Scene).domain ?? {};
    return { x: x[0], y: y[1] };
  });
  const rows = new Set(corners.map(({ y }) => y)).size;
  const columns = new Set(corners.map(({ x }) => x)).size;
  if (rows * columns > 1)
    flat.grid = { rows, columns, pattern: 'independent', xgap: 0.11 * columns, ygap: 0.3 };
  const { l = 0, ...margin } = layout.margin as { l?: number };
  flat.margin = { ...margin, l: LEFT };
  for (const key of scenes) {
    const { xaxis, yaxis } = layout[key] as Scene;
    delete flat[key];
    flat[`xaxis${sceneId(key)}`] = flatAxis(xaxis);
    flat[`yaxis${sceneId(key)}`] = flatAxis(yaxis);
  }
  flat.annotations = layout.annotations?.map((one) => {
    const place = corners.findIndex(({ x, y }) => one.xref === 'paper' && one.x === x && one.y === y);
    if (one.name === 'caption') return { ...one, xshift: (one.xshift as number) + l - LEFT };
    if (place < 0) return one;
    const id = sceneId(scenes[place]);
    return { ...one, xref: `x${id} domain`, yref: `y${id} domain`, x: 0, y: 1, yshift: 5 };
  });
  return flat;
}

function flatAxis(spatial: Axis | undefined): Axis {
  const range = spatial?.range === undefined ? {} : { range: spatial.range };
  return { ...axis({ title: plainSceneText(spatial?.title?.text ?? '') }), ...range, showgrid: false };
}

function sceneId(scene: unknown): string {
  return String(scene ?? 'scene').slice('scene'.length);
}
