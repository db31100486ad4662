/** Figures: pure functions from results to plotly's `{data, layout}`. */
export { METHOD_NAMES, type MethodName } from '../core/methods';
export { type Spread, spread, spreadAlong } from '../core/spread';
export { type AccuracyMatrixOptions, accuracyMatrix } from './accuracyMatrix';
export { type AlphaCurveOptions, type AlphaSeries, alphaCurve } from './alphaCurve';
export { type BarrierCurveOptions, type BarrierSeries, barrierCurve } from './barrierCurve';
export { type Bar, type BarsOptions, bars } from './bars';
export { type Caption, type FigureOptions, withCaption } from './compose';
export { type ContourPathOptions, contourPath, type Mark, type Trajectory } from './contourPath';
export { type CurveSeries, type CurvesOptions, curves } from './curves';
export { type DotRangeOptions, type DotRangeRow, dotRange } from './dotRange';
export type { Annotation, Axis, AxisOptions, Figure, Layout, Numbers, Point, Trace } from './figure';
export { type Grid, type GridOptions, gridOf, gridOfSurface, type SurfaceLike } from './grid';
export { type HeatmapOptions, heatmap } from './heatmap';
export {
  type LandscapeOptions,
  type LandscapePanel,
  landscapeContours,
  landscapeSurfaces,
  onPlane,
  type PlaneTrajectory,
  type ProjectedPoint,
} from './landscape';
export { type LookbehindStepOptions, lookbehindStepFigure } from './lookbehindStep';
export { type MethodLabel, type MethodStyle, methodStyle } from './methods';
export { type NoiseCurveOptions, type NoiseSeries, noiseCurve } from './noiseCurve';
export { type Panel, type PanelsOptions, panels } from './panels';
export { type PerturbationCurveOptions, type PerturbationSeries, perturbationCurve } from './perturbationCurve';
export { type ScatterOptions, type ScatterSeries, scatter } from './scatter';
export { type ScatterTradeoffOptions, scatterTradeoff, type TradeoffPoint, type TradeoffSeries } from './scatterTradeoff';
export { type SpectrumOptions, type SpectrumSeries, spectrum } from './spectrum';
