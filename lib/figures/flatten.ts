/** A 3-D figure as contours: for pictures and for readers that don't draw WebGL. */
import { axis } from './compose';
import type { Axis, Figure, Layout, Trace } from './figure';

interface Scene {
  domain?: { x?: [number, number]; y?: [number, number] };
  xaxis?: Axis;
  yaxis?: Axis;
}

/** True where a figure has traces that only WebGL draws. */
export function isSpatial(figure: Figure): boolean {
  return figure.data.some((trace) => trace.type === 'surface' || trace.type === 'scatter3d');
}

/** Room in pixels for the tick labels and the title of an axis. */
const AXIS_ROOM = { x: 52, y: 62 };

/** The same figure seen from above: surfaces become contours, lines in space their shadow. A figure without 3-D is returned as it is. */
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
  if (trace.type === 'scatter3d') return { ...kept, ...axes, marker, line: { ...(line as object), width: 2 }, type: 'scatter' };
  return trace;
}

/** Each scene becomes a pair of axes in its place, with room for labels at the left and below. */
function flatLayout(layout: Layout): Layout {
  const flat: Layout = { ...layout };
  const { width = 820, height = 440 } = layout;
  const margin = { l: 0, r: 0, t: 0, b: 0, ...(layout.margin as object) };
  const roomX = AXIS_ROOM.y / (width - margin.l - margin.r);
  const roomY = AXIS_ROOM.x / (height - margin.t - margin.b);
  for (const key of Object.keys(layout).filter((name) => /^scene\d*$/.test(name))) {
    const scene = layout[key] as Scene;
    delete flat[key];
    const id = sceneId(key);
    const { x = [0, 1], y = [0, 1] } = scene.domain ?? {};
    flat[`xaxis${id}`] = flatAxis(scene.xaxis, [x[0] + roomX, x[1]], `y${id}`);
    flat[`yaxis${id}`] = flatAxis(scene.yaxis, [y[0] === 0 ? 0 : y[0] + roomY, y[1]], `x${id}`);
  }
  return flat;
}

function flatAxis(spatial: Axis | undefined, domain: [number, number], anchor: string): Axis {
  const range = spatial?.range === undefined ? {} : { range: spatial.range };
  return { ...axis({ title: spatial?.title?.text ?? '' }), ...range, domain, anchor, showgrid: false };
}

function sceneId(scene: unknown): string {
  return String(scene ?? 'scene').slice('scene'.length);
}
