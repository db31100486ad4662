/** Figures: pure functions from results to plotly's `{data, layout}`. */
export { type Caption, type FigureOptions, withCaption } from './compose';
export { type ContourPathOptions, contourPath, type Mark, type Trajectory } from './contourPath';
export { type CurveSeries, type CurvesOptions, curves, type MethodLabel } from './curves';
export type { Annotation, Axis, AxisOptions, Figure, Layout, Numbers, Point, Trace } from './figure';
export { type Grid, type GridOptions, gridOf } from './grid';
export { type HeatmapOptions, heatmap } from './heatmap';
export { type NoiseCurveOptions, type NoiseSeries, noiseCurve } from './noiseCurve';
export { type PerturbationCurveOptions, type PerturbationSeries, perturbationCurve } from './perturbationCurve';
export { type Spread, spread, spreadAlong } from './spread';
export { METHOD_NAMES, type MethodName, type MethodStyle, methodStyle } from './theme';
