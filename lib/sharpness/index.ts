/**
 * Sharpness and curvature of a loss: within a radius, in the worst case, on average; Hessian products,
 * eigenvalues, trace, density.
 */
export { worstCaseSharpness } from './apgd';
export { type AscentQuality, ascentQuality } from './ascentQuality';
export { averageSharpness } from './average';
export { type Curvature, measureCurvature } from './curvature';
export type { SharpnessCurve } from './curve';
export { type SpectralDensity, smoothDensity, spectralDensity } from './density';
export { type HessianOperator, hessianOperator } from './hessian';
export { type TopEigenvalues, topEigenvalues } from './lanczos';
export { oneStepSharpness } from './oneStep';
export { type StepNoise, type StepNoiseOptions, stepNoise } from './stepNoise';
export { hutchPlusPlus, type TraceEstimate } from './trace';
