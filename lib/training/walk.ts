/**
 * The way of an optimizer over a loss of a few parameters, as plain numbers: for figures and for a look at each part of a step.
 */

import { compile } from '../compile/compile';
import { checkKnownOptions, checkNumber, checkNumbers } from '../core/errors';
import * as tf from '../core/tf';
import type { FamilyOptimizer } from '../optimizers';

/** A loss of one tensor, such as `twoMinima().loss`. */
export type PointLoss = (point: tf.Tensor) => tf.Scalar;

/** Options of `walk`. */
export interface WalkOptions {
  /** The loss. */
  loss: PointLoss;
  /** Where to start: the parameters. */
  start: readonly number[];
  /** The optimizer. It stays the caller's. */
  optimizer: FamilyOptimizer;
  /** Steps to take, >= 1. */
  steps: number;
  /** Steps between two recorded points, >= 1. Start and end are always recorded. Default 1. */
  every?: number;
}

/**
 * Takes steps on a loss and returns the weights on the way, start and end included: what `minimize` in a loop gives, compiled.
 *
 * @throws OptionError
 */
export function walk(options: WalkOptions): number[][] {
  checkKnownOptions('walk', options, ['loss', 'start', 'optimizer', 'steps', 'every']);
  const { loss, start, optimizer, steps, every = 1 } = options;
  checkNumber('steps', steps, { min: 1, integer: true });
  checkNumber('every', every, { min: 1, integer: true });
  const point = variableAt(start);
  const kinds = new Map<string, { run: ReturnType<typeof compiledStep>; gradients: () => number }>();
  const path = [read(point)];
  try {
    for (let step = 1; step <= steps; step++) {
      const { stepKind } = optimizer;
      let kind = kinds.get(stepKind);
      if (kind === undefined) {
        let gradients = 0;
        const run = compiledStep(optimizer, loss, point, (count) => {
          gradients = count;
        });
        kind = { run, gradients: () => gradients };
        kinds.set(stepKind, kind);
      }
      kind.run().dispose();
      optimizer.finishStep(kind.gradients());
      if (step % every === 0 || step === steps) path.push(read(point));
    }
    return path;
  } finally {
    for (const { run } of kinds.values()) run.dispose();
    point.dispose();
  }
}

/** Everything that happens in one step, as plain numbers; points and gradients have one number per parameter. */
export interface StepAnatomy {
  /** Weights before the step. */
  slow: number[];
  /** Loss there. */
  loss: number;
  /** Live weights after each ascent. */
  perturbed: number[][];
  /** Loss at each of them. */
  perturbedLosses: number[];
  /** Gradient at each of them: what the fast weights descend along. */
  gradients: number[][];
  /** Fast weights after each base step. */
  fast: number[][];
  /** Interpolation factors, one per variable: here one. Empty for algorithms without. */
  alphas: number[];
  /** Weights after the step. */
  newSlow: number[];
  /** Gradients that the step took. */
  gradientEvaluations: number;
}

/**
 * Takes one step of `optimizer` from `start` and says what happened in it.
 *
 * @throws OptionError
 */
export function dissectStep({ loss, start, optimizer }: Pick<WalkOptions, 'loss' | 'start' | 'optimizer'>): StepAnatomy {
  const point = variableAt(start);
  const anatomy: StepAnatomy = {
    slow: read(point),
    loss: Number.NaN,
    perturbed: [],
    perturbedLosses: [],
    gradients: [],
    fast: [],
    alphas: [],
    newSlow: [],
    gradientEvaluations: 0,
  };
  try {
    tf.tidy(() => {
      const result = optimizer.step(() => loss(point), [point], {
        probe: {
          inner({ perturbed, lossPerturbed, descentGradients, fast }) {
            if (perturbed) anatomy.perturbed.push(read(perturbed[0]));
            if (lossPerturbed) anatomy.perturbedLosses.push(...read(lossPerturbed));
            if (descentGradients) anatomy.gradients.push(read(descentGradients[0]));
            if (fast) anatomy.fast.push(read(fast[0]));
          },
          descent({ loss: lossPerturbed, gradients }) {
            anatomy.perturbedLosses.push(...read(lossPerturbed));
            anatomy.gradients.push(read(gradients[0]));
          },
          alphas: (alphas) => anatomy.alphas.push(...alphas.flatMap(read)),
        },
      });
      [anatomy.loss] = read(result.loss);
      anatomy.gradientEvaluations = result.gradientEvaluations;
    });
    optimizer.finishStep(anatomy.gradientEvaluations);
    anatomy.newSlow = read(point);
    return anatomy;
  } finally {
    point.dispose();
  }
}

function compiledStep(optimizer: FamilyOptimizer, loss: PointLoss, point: tf.Variable, count: (gradients: number) => void) {
  optimizer.prepare([point]);
  const step = (): tf.Scalar => {
    const result = optimizer.step(() => loss(point), [point]);
    count(result.gradientEvaluations);
    return result.loss;
  };
  return compile(step, { makesNoVariables: true });
}

function variableAt(start: readonly number[]): tf.Variable {
  checkNumbers('start', start);
  return tf.tidy(() => tf.variable(tf.tensor1d([...start])));
}

function read(tensor: tf.Tensor): number[] {
  return Array.from(tensor.dataSync());
}
