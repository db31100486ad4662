/**
 * The way of an optimizer over a loss of a few parameters, as plain numbers: for figures and for a look at
 * each part of a step.
 */

import { compile } from '../compile/compile';
import { checkNumbers } from '../core/errors';
import { callback, checkOptions, needed, numbers, type OptionsOf, object, whole } from '../core/options';
import * as tf from '../core/tf';
import type { FamilyOptimizer } from '../optimizers/optimizer';
import { type StepPath, stepPath } from './stepPath';

/** A loss of one tensor, such as `twoMinima().loss`. */
export type PointLoss = (point: tf.Tensor) => tf.Scalar;

const OPTIONS = {
  /** The loss. */
  loss: needed(callback<PointLoss>()),
  /** Where to start: the parameters. */
  start: needed(numbers()),
  /** The optimizer. It stays the caller's. */
  optimizer: needed(object<FamilyOptimizer>('an optimizer, such as sgd()')),
  /** Steps to take, >= 1. */
  steps: needed(whole({ min: 1 })),
  /** Steps between two recorded points, >= 1. Start and end are always recorded. Default 1. */
  every: whole({ min: 1 }, 1),
};

/** Options of `walk`. */
export type WalkOptions = OptionsOf<typeof OPTIONS>;

/**
 * Takes steps on a loss and returns the weights on the way, start and end included: what `minimize` in a loop
 * gives, compiled.
 *
 * @throws OptionError
 */
export function walk(options: WalkOptions): number[][] {
  const { loss, start, optimizer, steps, every } = checkOptions('walk', OPTIONS, options);
  const point = variableAt(start);
  optimizer.prepare([point]);
  const compiled = compile(
    () => {
      const { loss: value, gradientEvaluations } = optimizer.step(() => loss(point), [point]);
      optimizer.finishStep(gradientEvaluations);
      return value;
    },
    { name: 'walk', makesNoVariables: true },
  );
  const path = [read(point)];
  try {
    for (let step = 1; step <= steps; step++) {
      compiled().dispose();
      if (step % every === 0 || step === steps) path.push(read(point));
    }
    return path;
  } finally {
    compiled.dispose();
    point.dispose();
  }
}

/**
 * Takes one step of `optimizer` from `start` and says what happened in it; points and gradients have one
 * number per parameter.
 *
 * @throws OptionError
 */
export function dissectStep({
  loss,
  start,
  optimizer,
}: Pick<WalkOptions, 'loss' | 'start' | 'optimizer'>): StepPath<number[]> {
  const point = variableAt(start);
  try {
    return tf.tidy(() => {
      const step = optimizer.step(() => loss(point), [point]);
      optimizer.finishStep(step.gradientEvaluations);
      return stepPath(step, ([tensor]) => read(tensor));
    });
  } finally {
    point.dispose();
  }
}

function variableAt(start: readonly number[]): tf.Variable {
  checkNumbers('start', start);
  return tf.tidy(() => tf.variable(tf.tensor1d([...start])));
}

function read(tensor: tf.Tensor): number[] {
  return Array.from(tensor.dataSync());
}
