/**
 * Runs the steps of an optimizer on batches: each kind of step is compiled once, into one native call.
 */

import { type Compiled, compile, compileCompared } from '../compile/compile';
import type * as tf from '../core/tf';
import type { FamilyOptimizer } from '../optimizers/optimizer';
import type { LossFunction } from '../optimizers/passes';

/** Noise in every pass of a step, such as a `TrainingNoise`. */
export interface PassNoise {
  /** The loss with noise. Runs inside of the compiled step. */
  wrapLoss(loss: LossFunction, variables: tf.Variable[]): LossFunction;
  /** How often the loss was evaluated, which is all that the noise of the next pass depends on. */
  evaluations: number;
}

/** Options of a `StepRunner`. */
export interface StepRunnerOptions {
  /** The loss of one batch, from its tensors. Runs inside of the compiled step. */
  lossOf: (...batch: tf.Tensor[]) => tf.Scalar;
  /**
   * Wraps the loss of every pass, for example to evaluate it at noisy weights. Runs inside of the compiled
   * step.
   */
  wrapLoss?: (loss: LossFunction, variables: tf.Variable[]) => LossFunction;
  /** Evaluates the wrapped loss with noise. It stays the caller's. */
  noise?: PassNoise;
  /** Whether a step calls code of the user's own, which may keep something in JavaScript. Default false. */
  ownCode?: boolean;
  /** The seed of the random numbers of the next step, such as dropout's: a whole number. */
  seed: () => number;
  /** Runs op by op in place of compiling. Default: whether LB_EAGER is 1. */
  eager?: boolean;
}

type Batches = readonly (readonly tf.Tensor[])[];

/** Compiled steps kept at once: for each number and size of batches, and for each kind of step. */
const MAX_STEPS = 32;

/** Runs compiled steps of one optimizer on some variables. Dispose it after use; both stay the caller's. */
export class StepRunner {
  #step: Compiled<[batches: Batches], tf.Scalar> | undefined;

  constructor(
    private readonly optimizer: FamilyOptimizer,
    private readonly variables: tf.Variable[],
    private readonly options: StepRunnerOptions,
  ) {
    letNoiseGoOn(options.noise, optimizer);
  }

  /**
   * One step.
   *
   * @param batches One batch for the whole step, or one for each inner step, taken in turns if there are
   *   fewer. They stay the caller's.
   * @returns The loss at the weights before the step, owned by the caller.
   */
  run(batches: Batches): tf.Scalar {
    this.#step ??= this.#compile();
    return this.#step(batches);
  }

  /** Frees the compiled steps; a later step is compiled anew. */
  dispose(): void {
    this.#step?.dispose();
    this.#step = undefined;
  }

  #compile(): Compiled<[batches: Batches], tf.Scalar> {
    const { lossOf, wrapLoss = (loss: LossFunction) => loss, noise, ownCode, seed, eager } = this.options;
    this.optimizer.prepare(this.variables);
    return (ownCode ? compileCompared : compile)(
      (batches: Batches): tf.Scalar => {
        const { length: count } = batches;
        // One batch in all passes lets the optimizer reuse gradients.
        const loss: LossFunction =
          count === 1 ? () => lossOf(...batches[0]) : ({ inner }) => lossOf(...batches[inner % count]);
        const wrapped = wrapLoss(loss, this.variables);
        const noisy = noise === undefined ? wrapped : noise.wrapLoss(wrapped, this.variables);
        const step = this.optimizer.step(noisy, this.variables);
        this.optimizer.finishStep(step.gradientEvaluations);
        return step.loss;
      },
      {
        name: `${this.optimizer.getClassName()} step`,
        seed,
        eager,
        makesNoVariables: true,
        maxSignatures: MAX_STEPS,
      },
    );
  }
}

/** Lets the noise go on where the optimizer stands: each gradient is one evaluation of the loss. */
export function letNoiseGoOn(noise: PassNoise | undefined, optimizer: FamilyOptimizer): void {
  if (noise !== undefined) noise.evaluations = optimizer.gradientEvaluations;
}
