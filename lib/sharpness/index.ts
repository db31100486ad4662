/** Sharpness and curvature of a loss: within a radius, in the worst case, on average; Hessian products, eigenvalues, trace, density. */
export { type ApgdOptions, type ApgdResult, apgd, type WorstCaseOptions, worstCaseSharpness } from './apgd';
export { type AscentQuality, type AscentQualityOptions, ascentQuality } from './ascentQuality';
export { type AverageOptions, averageSharpness } from './average';
export { type Curvature, type CurvatureOptions, measureCurvature } from './curvature';
export type { SharpnessCurve } from './curve';
export { type DensityOptions, type SmoothOptions, type SpectralDensity, smoothDensity, spectralDensity } from './density';
export { type HessianOperator, type HessianOptions, type HessianSelfTest, hessianOperator } from './hessian';
export { type LanczosOptions, type LanczosStep, type TopEigenvalues, topEigenvalues } from './lanczos';
export {
  type FunctionObjectiveOptions,
  functionObjective,
  type LossAndGradient,
  modelObjective,
  type Objective,
  type ObjectiveOptions,
  type Parameter,
  withObjective,
} from './objective';
export { type OneStepOptions, oneStepSharpness } from './oneStep';
export type { MetricOptions } from './scale';
export { hutchPlusPlus, type TraceEstimate, type TraceOptions } from './trace';
export { type TridiagonalEigen, tridiagonalEigen } from './tridiagonal';
export type { SymmetricOperator } from './vectors';
