/**
 * Trains a model on a data set with an optimizer of the family.
 */

import { checkKnownOptions, checkNumber } from '../core/errors';
import type * as tf from '../core/tf';
import type { Dataset } from '../data';
import type { FamilyOptimizer } from '../optimizers/optimizer';
import { Evaluator } from './evaluate';
import { checkNotEmpty, dataWarnings } from './health';
import { LOOP_OPTIONS, type LoopOptions, type StepBatches, TrainingLoop } from './loop';
import { type Schedule, type ScheduleFunction, scheduleFunction } from './schedule';
import type { TrainerSettings } from './trainerState';

/** Options of a `Trainer`. */
export interface TrainerOptions extends LoopOptions {
  /** Passes over the training set. A whole number, at least 1. */
  epochs: number;
  /**
   * What the optimizer's learning rate is multiplied by in a step. The rate itself stays the optimizer's and may be set at any time.
   * Default constant.
   */
  schedule?: Schedule;
  /** Data to evaluate on after an epoch. */
  test?: Dataset;
  /** Epochs between two evaluations; the last epoch is always evaluated. A whole number, at least 1. Default 1. */
  evaluateEvery?: number;
}

const OPTIONS: ReadonlyArray<keyof TrainerOptions> = [...LOOP_OPTIONS, 'epochs', 'schedule', 'test', 'evaluateEvery'];

/** Trains one model. Dispose it after use; model and optimizer stay the caller's. */
export class Trainer extends TrainingLoop {
  override readonly epochs: number;
  override readonly settings: TrainerSettings;
  /** Steps of one epoch. */
  readonly stepsPerEpoch: number;

  readonly #options: TrainerOptions;
  readonly #factor: ScheduleFunction;
  readonly #evaluator: Evaluator;

  /** @throws OptionError; DataError where a set has no samples. */
  constructor(
    model: tf.LayersModel,
    optimizer: FamilyOptimizer,
    /** What it is trained on. */
    readonly trainingSet: Dataset,
    options: TrainerOptions,
  ) {
    checkKnownOptions('Trainer', options, OPTIONS);
    super(model, optimizer, { ...options, batchSize: options.batchSize ?? 128 });
    const { epochs, schedule = { kind: 'constant' }, evaluateEvery = 1, test, loss, eager } = options;
    const { batchSize, batchesPerStep, seed } = this;
    this.epochs = checkNumber('epochs', epochs, { min: 1, integer: true });
    checkNumber('evaluateEvery', evaluateEvery, { min: 1, integer: true });
    checkNotEmpty('trainingSet', trainingSet);
    if (test !== undefined) checkNotEmpty('test', test);
    this.#options = options;
    this.warnings.push(...dataWarnings(model, trainingSet, batchSize));
    this.settings = { samples: trainingSet.size, batchSize, batchesPerStep, seed };
    this.stepsPerEpoch = Math.ceil(trainingSet.size / (batchSize * batchesPerStep));
    this.#factor = scheduleFunction(schedule, epochs, this.stepsPerEpoch);
    this.#evaluator = new Evaluator(model, { loss, eager });
  }

  /** Loss and accuracy on `data` at the weights meant for evaluation. */
  async evaluate(data: Dataset, signal?: AbortSignal): Promise<{ loss: number; accuracy: number }> {
    return this.optimizer.withSlowWeights(() => this.#evaluator.run(data, signal));
  }

  override stepsIn(_epoch: number): number {
    return this.stepsPerEpoch;
  }

  override dispose(): void {
    this.#evaluator.dispose();
    super.dispose();
  }

  protected override get place(): readonly number[] {
    return [this.position.epoch, this.position.step];
  }

  protected override rateAt(epoch: number, step: number): number {
    return this.optimizer.learningRate * this.#factor(epoch, step);
  }

  protected override batchesIn(epoch: number): (step: number) => StepBatches {
    const { trainingSet, batchSize, batchesPerStep, seed } = this;
    const { augment } = this.#options;
    const all = trainingSet.batches({ batchSize, seed, epoch });
    return (step) => {
      const batches = all.slice(step * batchesPerStep, (step + 1) * batchesPerStep);
      const tensors = batches.map((indices, i) => {
        const { xs, ys } = augment?.(trainingSet, indices, this.random('augment', i)) ?? trainingSet.tensors(indices);
        return [xs, ys];
      });
      return { tensors, samples: batches[0].length };
    };
  }

  protected override async evaluateAfter(
    epoch: number,
    signal: AbortSignal | undefined,
  ): Promise<{ loss: number; accuracy: number } | undefined> {
    const { test, evaluateEvery = 1 } = this.#options;
    const isDue = (epoch + 1) % evaluateEvery === 0 || epoch + 1 === this.epochs;
    return test === undefined || !isDue ? undefined : this.evaluate(test, signal);
  }
}
