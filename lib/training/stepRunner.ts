/**
 * Runs the steps of an optimizer on batches: each kind of step is compiled once, into one native call.
 */

import { type Compiled, compile } from '../compile/compile';
import type * as tf from '../core/tf';
import type { FamilyOptimizer, LossFunction } from '../optimizers';

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
  /** Wraps the loss of every pass, for example to evaluate it at noisy weights. Runs inside of the compiled step. */
  wrapLoss?: (loss: LossFunction, variables: tf.Variable[]) => LossFunction;
  /** Evaluates the wrapped loss with noise. It stays the caller's. */
  noise?: PassNoise;
  /** The seed of the random numbers of the next step, such as dropout's: a whole number. */
  seed: () => number;
  /** Runs op by op in place of compiling. Default: whether LB_EAGER is 1. */
  eager?: boolean;
}

interface CompiledStep {
  run: Compiled<[batches: readonly (readonly tf.Tensor[])[]], tf.Scalar>;
  /** Gradients that one run takes; known after the first call. */
  gradientEvaluations: number;
}

/** Runs compiled steps of one optimizer on some variables. Dispose it after use; both stay the caller's. */
export class StepRunner {
  readonly #steps = new Map<string, CompiledStep>();

  constructor(
    private readonly optimizer: FamilyOptimizer,
    private readonly variables: tf.Variable[],
    private readonly options: StepRunnerOptions,
  ) {
    this.resume();
  }

  /** Lets the noise go on where the optimizer stands: each gradient is one evaluation of the loss. */
  resume(): void {
    const { noise } = this.options;
    if (noise !== undefined) noise.evaluations = this.optimizer.gradientEvaluations;
  }

  /**
   * One step.
   *
   * @param batches One batch for the whole step, or one for each inner step, taken in turns where there are fewer. They stay the
   *   caller's.
   * @returns The loss at the weights before the step.
   */
  run(batches: readonly (readonly tf.Tensor[])[]): number {
    const compiled = this.#compiledStep(batches.length);
    const loss = compiled.run(batches);
    const value = loss.dataSync()[0];
    loss.dispose();
    this.optimizer.finishStep(compiled.gradientEvaluations);
    return value;
  }

  /** Frees the compiled steps; a later step is compiled anew. */
  dispose(): void {
    for (const { run } of this.#steps.values()) run.dispose();
    this.#steps.clear();
  }

  #compiledStep(count: number): CompiledStep {
    const kind = `${this.optimizer.stepKind}, batches ${count}`;
    let compiled = this.#steps.get(kind);
    if (compiled === undefined) {
      this.optimizer.prepare(this.variables);
      compiled = this.#compile(count);
      this.#steps.set(kind, compiled);
    }
    return compiled;
  }

  /** A step on `count` batches: their number decides how many gradients are taken. */
  #compile(count: number): CompiledStep {
    const { lossOf, wrapLoss = (loss: LossFunction) => loss, noise, seed, eager } = this.options;
    const compiled = {
      gradientEvaluations: 0,
      run: compile(
        (batches: readonly (readonly tf.Tensor[])[]): tf.Scalar => {
          const loss: LossFunction = count === 1 ? () => lossOf(...batches[0]) : ({ inner }) => lossOf(...batches[inner % count]);
          const wrapped = wrapLoss(loss, this.variables);
          const noisy = noise === undefined ? wrapped : noise.wrapLoss(wrapped, this.variables);
          const result = this.optimizer.step(noisy, this.variables);
          compiled.gradientEvaluations = result.gradientEvaluations;
          return result.loss;
        },
        { name: `${this.optimizer.getClassName()} step`, seed, eager, makesNoVariables: true },
      ),
    };
    return compiled;
  }
}

/** Inner steps that can see a batch each: k, or 1 for optimizers without inner steps. */
export function innerSteps(optimizer: FamilyOptimizer): number {
  return 'ascent' in optimizer && 'k' in optimizer ? (optimizer.k as number) : 1;
}
