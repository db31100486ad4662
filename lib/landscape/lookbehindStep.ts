/**
 * One step of Lookbehind on the real loss: k steps back, 1 step forward, seen in the plane of its own
 * displacements
 *
 *     x: slow -> p_k   (the perturbed weights after k ascents)
 *     y: slow -> f_k   (the fast weights after k descents)
 */

import * as tf from '../core/tf';
import type { FamilyOptimizer } from '../optimizers/optimizer';
import { lossFor } from '../training/defaultLoss';
import { trainingForward } from '../training/forward';
import type { Loss } from '../training/losses';
import type { TensorSamples } from '../training/samples';
import { type StepPath, stepPath } from '../training/stepPath';
import { trainableVariables } from '../training/weights';
import { directionBetween, orthogonalDirection, withLength } from './directions';
import { Plane } from './plane';

/**
 * Takes one step of `optimizer` on a batch and records where it goes. Weights, moving averages and the
 * optimizer's state are afterwards as before.
 *
 * @param optimizer A Lookbehind optimizer, or one of its family that ascends: SAM has k = 1, and new slow
 * weights in place of fast ones.
 * @param givenLoss Default: mean cross-entropy, on logits or on what the model's last activation makes of
 * them.
 */
export function recordLookbehindStep(
  model: tf.LayersModel,
  optimizer: FamilyOptimizer,
  { xs, ys }: TensorSamples,
  givenLoss?: Loss,
): StepPath {
  const loss = lossFor(model, givenLoss);
  const variables = trainableVariables(model);
  const held = model.weights.map((weight) => weight.read().clone());
  const state = optimizer.saveState();
  try {
    return tf.tidy(() => {
      const step = optimizer.step(() => loss(ys, trainingForward(model, xs)), variables);
      const path = stepPath(step, (tensors) => flatten(tensors, step.variables, variables));
      return { ...path, fast: path.fast.length === 0 ? [path.newSlow] : path.fast };
    });
  } finally {
    model.weights.forEach((weight, i) => {
      (weight.read() as tf.Variable).assign(held[i]);
    });
    tf.dispose(held);
    optimizer.restoreState(state, variables);
  }
}

/**
 * The orthonormal plane of a step: x from the slow weights to p_k, y at right angles towards f_k. Coordinates
 * are distances.
 */
export function lookbehindStepPlane({ slow, perturbed, fast }: StepPath): Plane {
  const back = directionBetween(slow, perturbed[perturbed.length - 1], 'k steps back');
  const ahead = directionBetween(slow, fast[fast.length - 1], 'towards the fast weights');
  return new Plane(slow, withLength(back, 1), withLength(orthogonalDirection(ahead, back), 1));
}

/** The places of a step on a plane, as figures take them. */
export interface ProjectedStep {
  /** Weights before the step. */
  slow: [number, number];
  /** After each of the k ascents. */
  perturbed: [number, number][];
  /** After each of the k descents. */
  fast: [number, number][];
  /** Weights after the step. */
  newSlow: [number, number];
  /** Components of the gradients along the plane's directions, of unit length. */
  gradients: [number, number][];
  /**
   * Shares of the distances from the slow weights that lie outside of the plane: of the perturbed, the fast
   * and the new slow weights.
   */
  outside: { perturbed: number[]; fast: number[]; newSlow: number };
}

/** A step seen on a plane, by default its own. */
export function projectStep(record: StepPath, plane: Plane = lookbehindStepPlane(record)): ProjectedStep {
  const at = (weights: Float32Array): [number, number] => {
    const { a, b } = plane.project(weights);
    return [a, b];
  };
  const outside = (weights: Float32Array): number => plane.project(weights).outside;
  const gradientEnd = (gradient: Float32Array): [number, number] =>
    at(plane.origin.map((w, i) => w + gradient[i]));
  return {
    slow: at(record.slow),
    perturbed: record.perturbed.map(at),
    fast: record.fast.map(at),
    newSlow: at(record.newSlow),
    gradients: record.gradients.map(gradientEnd),
    outside: {
      perturbed: record.perturbed.map(outside),
      fast: record.fast.map(outside),
      newSlow: outside(record.newSlow),
    },
  };
}

/** What a picture of a step does not show. */
export interface StepFacts {
  /** Loss on the batch at the slow weights and after each step back. */
  losses: number[];
  /**
   * Cosine of each gradient with the first: 1 where all point the same way, so that k steps are one longer
   * step.
   */
  cosines: number[];
  /** Length of each gradient. */
  lengths: number[];
}

/** The numbers of a step. */
export function stepFacts({ loss, perturbedLosses, gradients }: StepPath): StepFacts {
  const product = (a: Float32Array, b: Float32Array): number =>
    a.reduce((sum, value, i) => sum + value * b[i], 0);
  const lengths = gradients.map((gradient) => Math.sqrt(product(gradient, gradient)));
  const cosines = gradients.map((gradient, i) => product(gradient, gradients[0]) / (lengths[i] * lengths[0]));
  return { losses: [loss, ...perturbedLosses], cosines, lengths };
}

/**
 * Tensors of the variables that took part in the step as one flat vector over all trainable ones; the others
 * keep their values.
 */
function flatten(
  tensors: tf.Tensor[],
  trained: readonly tf.Variable[],
  variables: tf.Variable[],
): Float32Array {
  const of = new Map(trained.map((variable, i) => [variable, tensors[i]]));
  const parts = variables.map((variable) => (of.get(variable) ?? variable).dataSync());
  const flat = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    flat.set(part, offset);
    offset += part.length;
  }
  return flat;
}
