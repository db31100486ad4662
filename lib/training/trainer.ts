/**
 * Trains a model on a data set with an optimizer of the family.
 */

import { OptionError } from '../core/errors';
import { checkOptions, needed, type OptionsOf, object, type SettingsOf, whole } from '../core/options';
import type * as tf from '../core/tf';
import type { Dataset } from '../data';
import type { FamilyOptimizer } from '../optimizers/optimizer';
import { lossFor } from './defaultLoss';
import { checkNotEmpty, dataWarnings } from './health';
import { type EpochEvaluation, LOOP, type LoopOptions, type StepBatches, TrainingLoop } from './loop';
import { METRICS } from './metrics';
import { type EvaluationResult, ModelLoss } from './modelLoss';
import { SCHEDULE, type ScheduleFunction, scheduleFunction } from './schedule';
import type { TrainerSettings } from './trainerState';

/** Describes the options of a `Trainer`, beside those of every training. */
export const TRAINER = {
  /** Passes over the training set. At least 1. */
  epochs: needed(whole({ min: 1 })),
  /** Samples per step. At least 1. Default 128. */
  batchSize: whole({ min: 1 }, 128),
  /**
   * What the optimizer's learning rate is multiplied by in a step. The rate itself stays the optimizer's and
   * may be set at any time. Default constant.
   */
  schedule: SCHEDULE,
  /** Data to evaluate on after an epoch. */
  test: object<Dataset>('a Dataset'),
  /**
   * What to measure on it, by name, beside the loss and the accuracy of classes: `['mae']`, for example.
   * Default nothing.
   */
  metrics: METRICS,
  /** Epochs between two evaluations; the last epoch is always evaluated. At least 1. Default 1. */
  evaluateEvery: whole({ min: 1 }, 1),
};

/** Options of a `Trainer`. */
export type TrainerOptions = OptionsOf<typeof TRAINER> & LoopOptions;

/**
 * Trains one model. Dispose it after use; model and optimizer stay the caller's. `tensorBoard` shows its
 * epochs in TensorBoard: `train({ callbacks: tensorBoard('logs/mine') })`.
 */
export class Trainer extends TrainingLoop {
  override readonly epochs: number;
  override readonly settings: TrainerSettings;
  /** Steps of one epoch. */
  readonly stepsPerEpoch: number;

  readonly #options: SettingsOf<typeof TRAINER & typeof LOOP>;
  readonly #factor: ScheduleFunction;
  readonly #loss: ModelLoss;

  /** @throws OptionError; DataError where a set has no samples. */
  constructor(
    model: tf.LayersModel,
    optimizer: FamilyOptimizer,
    /** What it is trained on. */
    readonly trainingSet: Dataset,
    options: TrainerOptions,
  ) {
    const checked = checkOptions('Trainer', { ...TRAINER, ...LOOP }, options);
    checkNotEmpty('trainingSet', trainingSet);
    super(model, optimizer, {
      ...checked,
      loss: lossFor(model, checked.loss, trainingSet),
      ownLoss: typeof checked.loss === 'function',
    });
    const { epochs, schedule, test, metrics, loss, eager } = checked;
    const { batchSize, batchesPerStep, seed } = this;
    if (test !== undefined) checkTest(test, trainingSet);
    this.#options = checked;
    this.epochs = epochs;
    this.warnings.push(...dataWarnings(model, trainingSet, batchSize));
    this.settings = { samples: trainingSet.size, batchSize, batchesPerStep, seed };
    this.stepsPerEpoch = Math.ceil(trainingSet.size / (batchSize * batchesPerStep));
    this.#factor = scheduleFunction(schedule, epochs, this.stepsPerEpoch);
    this.#loss = new ModelLoss(model, trainingSet, { loss, metrics, eager });
  }

  /** Loss, accuracy and metrics on `data` at the weights meant for evaluation. */
  async evaluate(data: Dataset, signal?: AbortSignal): Promise<EvaluationResult> {
    return this.optimizer.withSlowWeights(() => this.#loss.at(data, signal));
  }

  override stepsIn(_epoch: number): number {
    return this.stepsPerEpoch;
  }

  override dispose(): void {
    this.#loss.dispose();
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
        const { xs, ys } =
          augment?.(trainingSet, indices, this.random('augment', i)) ?? trainingSet.tensors(indices);
        return [xs, ys];
      });
      return { tensors, samples: batches[0].length };
    };
  }

  protected override async evaluateAfter(
    epoch: number,
    signal: AbortSignal | undefined,
  ): Promise<EpochEvaluation | undefined> {
    const { test, evaluateEvery } = this.#options;
    const isDue = (epoch + 1) % evaluateEvery === 0 || epoch + 1 === this.epochs;
    if (test === undefined || !isDue) return undefined;
    const result = await this.evaluate(test, signal);
    return test.classes.length > 0 ? result : { ...result, accuracy: null };
  }
}

/** Throws an error where `test` is no set with the classes of the training set. */
function checkTest(test: Dataset, { classes, name }: Dataset): void {
  checkNotEmpty('test', test);
  if (test.classes.length === classes.length) return;
  const wordsFor = (count: number): string => (count === 0 ? 'numbers as labels' : `${count} classes`);
  throw new OptionError(
    'test',
    `a set with ${wordsFor(test.classes.length)}`,
    `a set with ${wordsFor(classes.length)}, as ${name}, the training set`,
  );
}
