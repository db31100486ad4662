/**
 * What one step did, as plain numbers.
 */
import type * as tf from '../core/tf';
import { placesOf, type Step } from '../optimizers/passes';

/**
 * The way of one step: where it was, what it met there, and where it ended. `W` holds weights, or a gradient.
 */
export type StepPath<W = Float32Array> = {
  /** Weights before the step. */
  slow: W;
  /** Loss there. */
  loss: number;
  /** Live weights after each ascent. */
  perturbed: W[];
  /** Loss at each of them. */
  perturbedLosses: number[];
  /** Gradient at each of them. */
  gradients: W[];
  /** Fast weights after each base step. Empty for algorithms without. */
  fast: W[];
  /** Interpolation factors, one per variable. Empty for algorithms without. */
  alphas: number[];
  /** Weights after the step. */
  newSlow: W;
  /** Gradients that the step took. */
  gradientEvaluations: number;
};

/** The way of `step`. `flat` reads one tensor per variable of the step. */
export function stepPath<W>(
  { visits, weights, fast = [], alphas = [], gradientEvaluations }: Step,
  flat: (tensors: tf.Tensor[]) => W,
): StepPath<W> {
  const [start, ...perturbed] = placesOf(visits);
  const number = (scalar: tf.Scalar): number => scalar.dataSync()[0];
  return {
    slow: flat(start.weights),
    loss: number(start.loss),
    perturbed: perturbed.map((visit) => flat(visit.weights)),
    perturbedLosses: perturbed.map((visit) => number(visit.loss)),
    gradients: perturbed.map((visit) => flat(visit.gradients)),
    fast: fast.map(flat),
    alphas: alphas.map(number),
    newSlow: flat(weights),
    gradientEvaluations,
  };
}
