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

/** The same figure seen from above: surfaces become contours, lines in space their shadow. A figure without 3-D is returned as it is. */
export function flatten(figure: Figure): Figure {
  if (!isSpatial(figure)) return figure;
  const scenes = Object.keys(figure.layout).filter((key) => /^scene\d*$/.test(key));
  const number = (scene: unknown) => String(scene ?? 'scene').slice('scene'.length);
  const data = figure.data.map((trace): Trace => {
    const { scene, contours: _, lighting: __, hidesurface: ___, z, marker, line, ...kept } = trace;
    const axes = { xaxis: `x${number(scene)}`, yaxis: `y${number(scene)}` };
    if (trace.type === 'surface') {
      const lines = { width: 0.6, color: 'rgba(31, 35, 40, 0.28)', smoothing: 0.8 };
      return { ...kept, ...axes, z, type: 'contour', ncontours: 20, line: lines };
    }
    if (trace.type === 'scatter3d') return { ...kept, ...axes, marker, line, type: 'scatter' };
    return trace;
  });
  const layout: Layout = { ...figure.layout };
  for (const key of scenes) {
    const scene = figure.layout[key] as Scene;
    delete layout[key];
    const id = number(key);
    const place = (along: Axis | undefined, domain: [number, number] | undefined, anchor: string): Axis => ({
      ...axis({ title: along?.title?.text ?? '' }),
      ...(domain ? { domain } : {}),
      ...(along?.range ? { range: along.range } : {}),
      showgrid: false,
      anchor,
    });
    layout[`xaxis${id}`] = place(scene.xaxis, scene.domain?.x, `y${id}`);
    layout[`yaxis${id}`] = place(scene.yaxis, scene.domain?.y, `x${id}`);
  }
  return { data, layout };
}
