/**
 * Sharpness as a curve over the radius: no single radius tells how sharp a minimum is.
 */
import { checkNumber, OptionError } from '../core/errors';

/** S(rho) = loss within rho of the weights - loss at the weights, with its spread. */
export interface SharpnessCurve {
  /** What is taken within the ball: the loss after one ascent step, the largest found, or the mean over random directions. */
  kind: 'one-step' | 'worst-case' | 'average';
  /** The norm of the ball. */
  norm: 'l2' | 'linf';
  /** Whether distances are relative to |w| + eta. */
  adaptive: boolean;
  /** Radii, as they were given. */
  radii: number[];
  /** S at each radius: the mean over batches, weighted by their sizes, and over draws. */
  values: number[];
  /** Standard deviation of S over batches and draws, at each radius; 0 where there is one only. */
  deviations: number[];
  /** The mean loss at the perturbed weights, at each radius: `baseLoss + values[i]`. */
  perturbedLosses: number[];
  /** The mean loss at the weights themselves. */
  baseLoss: number;
  /** S of each batch (and draw), at each radius. */
  samples: number[][];
}

/** One batch (or one draw on one batch): its size, its loss, and the loss at the perturbed weights for each radius. */
export interface CurveSample {
  size: number;
  loss: number;
  perturbed: number[];
}

/** The curve from its samples. */
export function curveOf(
  header: Pick<SharpnessCurve, 'kind' | 'norm' | 'adaptive' | 'radii'>,
  curveSamples: readonly CurveSample[],
): SharpnessCurve {
  const total = curveSamples.reduce((sum, { size }) => sum + size, 0);
  const mean = (of: (sample: CurveSample) => number): number =>
    curveSamples.reduce((sum, sample) => sum + of(sample) * sample.size, 0) / total;
  const samples = header.radii.map((_, i) => curveSamples.map(({ loss, perturbed }) => perturbed[i] - loss));
  const baseLoss = mean(({ loss }) => loss);
  const perturbedLosses = header.radii.map((_, i) => mean(({ perturbed }) => perturbed[i]));
  return {
    ...header,
    values: header.radii.map((_, i) => mean(({ loss, perturbed }) => perturbed[i] - loss)),
    deviations: samples.map(standardDeviation),
    perturbedLosses,
    baseLoss,
    samples,
  };
}

/** Checks a list of radii. */
export function checkRadii(radii: readonly number[]): number[] {
  if (!Array.isArray(radii) || radii.length === 0) throw new OptionError('radii', radii, 'a list of at least one radius >= 0');
  return radii.map((radius) => checkNumber('radii', radius, { min: 0 }));
}

/** The standard deviation of a sample (n - 1); 0 for one value. */
export function standardDeviation(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
}
