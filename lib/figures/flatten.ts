/** A 3-D figure as contours: for pictures and for readers that don't draw WebGL. */
import { plainSceneText } from '../core/escape';
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

/** Room in pixels for the tick labels and the title: of an x axis under its plot, and of a y axis at its left. */
const AXIS_ROOM = { under: 52, left: 62 };

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

/** The names of the 3-D scenes of a layout. */
export function scenesOf(layout: Layout): string[] {
  return Object.keys(layout).filter((name) => /^scene\d*$/.test(name));
}

/** Each scene becomes a pair of axes in its place, with room for labels at the left and, above other scenes, below; its title moves along. */
function flatLayout(layout: Layout): Layout {
  const flat: Layout = { ...layout };
  const { width = 820, height = 440 } = layout;
  const margin = { l: 0, r: 0, t: 0, b: 0, ...(layout.margin as object) };
  const left = AXIS_ROOM.left / (width - margin.l - margin.r);
  const under = AXIS_ROOM.under / (height - margin.t - margin.b);
  const scenes = scenesOf(layout);
  const domains = scenes.map((key) => ({ x: [0, 1], y: [0, 1], ...(layout[key] as Scene).domain }));
  const lowest = Math.min(...domains.map(({ y }) => y[0]));
  scenes.forEach((key, s) => {
    const { xaxis, yaxis } = layout[key] as Scene;
    const { x, y } = domains[s]!;
    delete flat[key];
    const id = sceneId(key);
    // The figure's own margin has room for the labels of the lowest row.
    const bottom = y[0] === lowest ? 0 : y[0] + under;
    flat[`xaxis${id}`] = flatAxis(xaxis, [x[0]! + left, x[1]!], `y${id}`);
    flat[`yaxis${id}`] = flatAxis(yaxis, [bottom, y[1]!], `x${id}`);
  });
  if (layout.annotations) {
    flat.annotations = layout.annotations.map((one) =>
      domains.some(({ x, y }) => one.xref === 'paper' && one.x === x[0] && one.y === y[1])
        ? { ...one, x: (one.x as number) + left, yshift: 5 }
        : one,
    );
  }
  return flat;
}

function flatAxis(spatial: Axis | undefined, domain: [number, number], anchor: string): Axis {
  const range = spatial?.range === undefined ? {} : { range: spatial.range };
  return { ...axis({ title: plainSceneText(spatial?.title?.text ?? '') }), ...range, domain, anchor, showgrid: false };
}

function sceneId(scene: unknown): string {
  return String(scene ?? 'scene').slice('scene'.length);
}
