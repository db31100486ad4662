/**
 * Trains a model with an optimizer of the family: compiled steps, a history at the slow weights, and a state that can be saved at
 * any step and goes on bit for bit.
 *
 * Everything random is drawn from streams named by seed, epoch and step, so that a resumed run needs no generator's state.
 */

import { checkKnownOptions, checkNumber, checkOneOf, type Divergence, StateMismatchError } from '../core/errors';
import { Random } from '../core/random';
import * as tf from '../core/tf';
import type { Augmentation, Dataset } from '../data';
import type { FamilyOptimizer, LossFunction } from '../optimizers';
import { type BatchLoss, Evaluator, trainingForward } from './evaluate';
import { checkNotEmpty, dataWarnings, divergenceError, fingerprintOf, LossWatch, type WeightFingerprint } from './health';
import { withLayerLosses } from './layerLosses';
import { lossFor } from './modelLoss';
import { type Schedule, type ScheduleFunction, scheduleFunction } from './schedule';
import { innerSteps, type PassNoise, StepRunner } from './stepRunner';
import { captureTrainer, restoreTrainer, type TrainerSettings, type TrainerState } from './trainerState';
import { trainableVariables, trainedIds } from './weights';

/** Options of a `Trainer`. */
export interface TrainerOptions {
  /** Passes over the training set. A whole number, at least 1. */
  epochs: number;
  /** Samples per step. A whole number, at least 1. Default 128. */
  batchSize?: number;
  /** Seed of data order, augmentation, noise and dropout. A whole number. Default 0. */
  seed?: number;
  /**
   * What the optimizer's learning rate is multiplied by in a step. The rate itself stays the optimizer's and may be set at any time.
   * Default constant.
   */
  schedule?: Schedule;
  /** The loss of a batch, from int32 labels [n] and the model's outputs. Default: mean cross-entropy, on logits or probabilities. */
  loss?: BatchLoss;
  /** Data to evaluate on after an epoch. */
  test?: Dataset;
  /** Epochs between two evaluations; the last epoch is always evaluated. A whole number, at least 1. Default 1. */
  evaluateEvery?: number;
  /** Makes the tensors of a batch, changed at random, such as `cropAndFlip()`. Default: the samples as they are. */
  augment?: Augmentation;
  /** Draws a fresh batch for each of the optimizer's k inner steps ("minibatch switching") in place of one for all. Default false. */
  switchBatches?: boolean;
  /** Wraps the loss of every pass. Runs inside of the compiled step. */
  wrapLoss?: (loss: LossFunction, variables: tf.Variable[]) => LossFunction;
  /**
   * Noise-aware training: evaluates the loss with fresh noise in every pass, ascents included; a `TrainingNoise`. Its position is that of
   * the optimizer, also after `restore`. It stays the caller's. Default none.
   */
  noise?: PassNoise;
  /**
   * What a loss or a weight that is not finite does: `throw` a DivergenceError, `stop` with the status `diverged`, or `continue`. Default
   * `throw`.
   */
  onDivergence?: 'throw' | 'stop' | 'continue';
  /** Runs op by op in place of compiling the step. Default: whether LB_EAGER is 1. */
  eager?: boolean;
}

/** One epoch. */
export interface EpochRecord {
  /** Epochs finished, from 1. */
  epoch: number;
  /**
   * Mean over the epoch of the batch loss at the slow weights before each step, regularizers and other losses of layers included; with
   * noise on the weights in noise-aware training.
   */
  trainLoss: number;
  /** Loss on the test set after the epoch, losses of layers left out, or null where it was not evaluated. */
  testLoss: number | null;
  /** Accuracy on the test set after the epoch, 0 to 1, or null. */
  testAccuracy: number | null;
  /** Learning rate of the last step. */
  learningRate: number;
  /** Gradients taken since the start. */
  gradientEvaluations: number;
  /** Seconds spent in training steps since the start, evaluations left out. */
  seconds: number;
}

/** Where training stands, after a step. */
export interface TrainingProgress {
  /** Epoch under way, from 0. */
  epoch: number;
  /** Epochs in all. */
  epochs: number;
  /** Steps done in this epoch. */
  step: number;
  /** Steps of one epoch. */
  stepsPerEpoch: number;
  /** Loss at the weights before the last step. */
  loss: number;
  /** The last finished epoch. */
  last: EpochRecord | undefined;
}

/** How training ended: `aborted` and `running` can go on. */
export type TrainingStatus = 'running' | 'finished' | 'aborted' | 'diverged';

/** Options of `Trainer.train`. */
export interface TrainOptions {
  /** Stops at the next step; `train` can be called again. */
  signal?: AbortSignal;
  /** Called after each step. */
  onProgress?: (progress: TrainingProgress) => void;
  /** Called after each epoch, and awaited: the place for checkpoints and live figures. */
  onEpoch?: (record: EpochRecord, trainer: Trainer) => void | Promise<void>;
  /** Stops after this many epochs in all, for a run in parts. Default: all epochs. */
  untilEpoch?: number;
}

const OPTIONS: readonly string[] = [
  'epochs',
  'batchSize',
  'seed',
  'schedule',
  'loss',
  'test',
  'evaluateEvery',
  'augment',
  'switchBatches',
  'wrapLoss',
  'noise',
  'onDivergence',
  'eager',
];

/** Position and sums of a training under way. */
export interface TrainerPosition {
  /** Epochs finished. */
  epoch: number;
  /** Steps done in the epoch under way. */
  step: number;
  /** Sum over the epoch's samples of the loss at the slow weights. */
  lossSum: number;
  /** Samples seen in the epoch. */
  sampleCount: number;
  /** Seconds spent in steps. */
  seconds: number;
}

/** Trains one model. Dispose it after use; model and optimizer stay the caller's. */
export class Trainer {
  /** One record per finished epoch. */
  readonly history: EpochRecord[] = [];
  /** How the last call of `train` ended. */
  status: TrainingStatus = 'running';
  /** Where and why training diverged first; undefined where it did not. */
  divergence: Divergence | undefined;
  /** What makes the numbers mean less than they seem to: one class only, gradients that are all zero, and the like. In words. */
  readonly warnings: string[];
  /** Where training stands. */
  position: TrainerPosition = { epoch: 0, step: 0, lossSum: 0, sampleCount: 0, seconds: 0 };
  /** Epochs in all. */
  readonly epochs: number;
  /** Steps of one epoch. */
  readonly stepsPerEpoch: number;
  /** What a state must have been saved with to be restored here. */
  readonly settings: TrainerSettings;

  readonly #options: TrainerOptions;
  readonly #factor: ScheduleFunction;
  readonly #evaluator: Evaluator;
  #steps: StepRunner;
  /** What `#steps` was traced for: which layers are trained. */
  #traced: string;
  #isTraining = false;
  readonly #watch = new LossWatch();
  #lastSaved: Divergence['lastSaved'] = null;
  #fingerprint: WeightFingerprint | undefined;
  /** Learning rate of the last step; undefined before the first since the start or since `restore`. */
  #lastRate: number | undefined;

  /** @throws OptionError; DataError where a set has no samples. */
  constructor(
    /** The model that is trained: the caller's. */
    readonly model: tf.LayersModel,
    /** The optimizer that trains it: the caller's. */
    readonly optimizer: FamilyOptimizer,
    /** What it is trained on. */
    readonly trainingSet: Dataset,
    options: TrainerOptions,
  ) {
    checkKnownOptions('Trainer', options, OPTIONS);
    const { epochs, batchSize = 128, seed = 0, schedule = { kind: 'constant' } } = options;
    const { evaluateEvery = 1, onDivergence = 'throw', switchBatches = false } = options;
    this.epochs = checkNumber('epochs', epochs, { min: 1, integer: true });
    checkNumber('batchSize', batchSize, { min: 1, integer: true });
    checkNumber('seed', seed, { integer: true });
    checkNumber('evaluateEvery', evaluateEvery, { min: 1, integer: true });
    checkOneOf('onDivergence', onDivergence, ['throw', 'stop', 'continue']);
    checkNotEmpty('trainingSet', trainingSet);
    if (options.test !== undefined) checkNotEmpty('test', options.test);
    this.#options = options;
    this.warnings = dataWarnings(model, trainingSet, batchSize);
    const batchesPerStep = switchBatches ? innerSteps(optimizer) : 1;
    this.settings = { samples: trainingSet.size, batchSize, batchesPerStep, seed };
    this.stepsPerEpoch = Math.ceil(trainingSet.size / (batchSize * batchesPerStep));
    this.#factor = scheduleFunction(schedule, epochs, this.stepsPerEpoch);
    this.#evaluator = new Evaluator(model, { loss: options.loss, eager: options.eager });
    this.#steps = this.#makeSteps();
    this.#traced = trainedIds(model);
  }

  /**
   * Trains to the end, from where it stands. Gives way to other work after each step.
   *
   * Which layers are trained is looked at before each step: `layer.trainable = false` between two steps freezes the layer.
   *
   * The loss is looked at after each step, the weights after each epoch, so that no epoch is recorded whose weights are not finite.
   *
   * @returns The status: `finished`, `aborted` by the signal, or `diverged`; `running` where `untilEpoch` was reached.
   * @throws StateMismatchError where a call before is still under way: two calls would share one position.
   * @throws DivergenceError where a loss or a weight is not finite, unless `onDivergence` says otherwise. It names step and cause, and the
   *   state that was saved last.
   */
  async train(options: TrainOptions = {}): Promise<TrainingStatus> {
    checkKnownOptions('train', options, ['signal', 'onProgress', 'onEpoch', 'untilEpoch']);
    checkNumber('untilEpoch', options.untilEpoch ?? this.epochs, { min: 0, integer: true });
    if (this.#isTraining) {
      throw new StateMismatchError(
        `The trainer is training already, in epoch ${this.position.epoch + 1} of ${this.epochs}: await that call of train() before the next.`,
      );
    }
    this.#isTraining = true;
    try {
      return await this.#train(options);
    } finally {
      this.#isTraining = false;
    }
  }

  async #train({ signal, onProgress, onEpoch, untilEpoch = this.epochs }: TrainOptions): Promise<TrainingStatus> {
    if (this.status === 'finished' || this.status === 'diverged') return this.status;
    this.status = 'running';
    while (this.position.epoch < Math.min(untilEpoch, this.epochs)) {
      const { epoch } = this.position;
      const batches = this.trainingSet.batches({ batchSize: this.settings.batchSize, seed: this.settings.seed, epoch });
      let last = Number.NaN;
      while (this.position.step < this.stepsPerEpoch) {
        if (signal?.aborted) {
          this.status = 'aborted';
          return this.status;
        }
        const { step } = this.position;
        const first = step * this.settings.batchesPerStep;
        const loss = this.#step(batches.slice(first, first + this.settings.batchesPerStep));
        if (!Number.isFinite(loss) && this.#diverged(loss, this.#watch.cause())) return this.status;
        last = loss;
        onProgress?.({
          epoch,
          epochs: this.epochs,
          step: this.position.step,
          stepsPerEpoch: this.stepsPerEpoch,
          loss,
          last: this.history.at(-1),
        });
        await new Promise((resolve) => setImmediate(resolve));
      }
      if (this.#checkWeights(last)) return this.status;
      const record = await this.#finishEpoch();
      await onEpoch?.(record, this);
    }
    if (this.position.epoch === this.epochs) this.status = 'finished';
    return this.status;
  }

  /** Loss and accuracy on `data` at the weights meant for evaluation. */
  async evaluate(data: Dataset, signal?: AbortSignal): Promise<{ loss: number; accuracy: number }> {
    return this.optimizer.withSlowWeights(() => this.#evaluator.run(data, signal));
  }

  /** Learning rate of the last step: the optimizer's own times the schedule's factor. Before the first step, that of the first. */
  get lastLearningRate(): number {
    const { epoch, step } = this.position;
    const [lastEpoch, lastStep] = step === 0 && epoch > 0 ? [epoch - 1, this.stepsPerEpoch - 1] : [epoch, Math.max(0, step - 1)];
    return this.#lastRate ?? this.optimizer.learningRate * this.#factor(lastEpoch, lastStep);
  }

  /** Everything that a later `restore` needs to go on bit for bit. */
  save(): TrainerState {
    const { epoch, step } = this.position;
    this.#lastSaved = { epoch, step };
    return captureTrainer(this);
  }

  /**
   * Goes on where `state` was saved.
   *
   * @throws StateMismatchError where model, optimizer, batch size, seed or number of samples are others. Nothing is changed then.
   */
  restore(state: TrainerState): void {
    restoreTrainer(this, state);
    const { epoch, step } = this.position;
    this.#lastSaved = { epoch, step };
    this.#fingerprint = epoch > 0 && step === 0 ? fingerprintOf(trainableVariables(this.model)) : undefined;
    this.#watch.reset();
    this.#lastRate = undefined;
    this.#steps.resume();
  }

  /** Frees the compiled steps. */
  dispose(): void {
    this.#evaluator.dispose();
    this.#steps.dispose();
  }

  #makeSteps(): StepRunner {
    const { model } = this;
    const { wrapLoss, noise, eager } = this.#options;
    const loss = lossFor(model, this.#options.loss);
    return new StepRunner(this.optimizer, trainableVariables(model), {
      lossOf: (xs, ys) => withLayerLosses(model, loss(ys, trainingForward(model, xs))),
      wrapLoss,
      noise,
      seed: () => new Random(this.settings.seed, `dropout/${this.position.epoch}/${this.position.step}`).seed(),
      eager,
    });
  }

  /** Traces the steps anew where other layers are trained than in the last step. */
  #followTrainable(): void {
    const trained = trainedIds(this.model);
    if (trained === this.#traced) return;
    this.#steps.dispose();
    this.#steps = this.#makeSteps();
    this.#traced = trained;
    this.#fingerprint = undefined;
  }

  /** Runs `step` at the learning rate `rate`. The optimizer's own rate, which the schedule multiplies, is its again afterwards. */
  #atRate<T>(rate: number, step: () => T): T {
    const { optimizer } = this;
    const own = optimizer.learningRate;
    this.#lastRate = rate;
    optimizer.learningRate = rate;
    try {
      return step();
    } finally {
      optimizer.learningRate = own;
    }
  }

  /** One step; returns the loss before it. */
  #step(batches: Int32Array[]): number {
    const started = performance.now();
    const { epoch, step } = this.position;
    const { optimizer, trainingSet } = this;
    const { augment } = this.#options;
    this.#followTrainable();
    const tensors = batches.map((indices, i) => {
      const random = (): Random => new Random(this.settings.seed, `augment/${epoch}/${step}/${i}`);
      const { xs, ys } = augment === undefined ? trainingSet.tensors(indices) : augment(trainingSet, indices, random());
      return [xs, ys];
    });
    try {
      const loss = this.#atRate(optimizer.learningRate * this.#factor(epoch, step), () => this.#steps.run(tensors));
      this.#watch.see(
        loss,
        tensors.map(([xs]) => xs),
      );
      const count = batches[0].length;
      this.position.lossSum += loss * count;
      this.position.sampleCount += count;
      this.position.step++;
      return loss;
    } finally {
      tf.dispose(tensors);
      this.position.seconds += (performance.now() - started) / 1000;
    }
  }

  async #finishEpoch(): Promise<EpochRecord> {
    const { position, optimizer } = this;
    const { test, evaluateEvery = 1 } = this.#options;
    const epoch = position.epoch + 1;
    const evaluated = test !== undefined && (epoch % evaluateEvery === 0 || epoch === this.epochs);
    const result = evaluated ? await this.evaluate(test) : undefined;
    const record: EpochRecord = {
      epoch,
      trainLoss: position.lossSum / position.sampleCount,
      testLoss: result?.loss ?? null,
      testAccuracy: result?.accuracy ?? null,
      learningRate: this.lastLearningRate,
      gradientEvaluations: optimizer.gradientEvaluations,
      seconds: position.seconds,
    };
    this.history.push(record);
    this.position = { ...position, epoch, step: 0, lossSum: 0, sampleCount: 0 };
    return record;
  }

  /**
   * After an epoch: whether the weights that its last step gave end the training, because they are not finite. Where they are the same as
   * an epoch before, that is a warning.
   */
  #checkWeights(loss: number): boolean {
    const before = this.#fingerprint;
    this.#fingerprint = fingerprintOf(trainableVariables(this.model));
    const { finite, size } = this.#fingerprint;
    if (!finite) return this.#diverged(loss, 'the gradient or the step was too large');
    if (before !== undefined && before.size === size && this.lastLearningRate > 0) {
      this.#warn(
        `No weight changed in epoch ${this.position.epoch + 1}, as far as single precision tells: are all gradients zero (dead units)?`,
      );
    }
    return false;
  }

  #warn(message: string): void {
    const about = message.replace(/\d+/g, '');
    if (!this.warnings.some((one) => one.replace(/\d+/g, '') === about)) this.warnings.push(message);
  }

  /** Reports a divergence as `onDivergence` says; true where training ends. */
  #diverged(loss: number, cause: string): boolean {
    const { epoch, step } = this.position;
    const divergence = { epoch: epoch + 1, step, loss, cause, lastSaved: this.#lastSaved };
    this.divergence ??= divergence;
    const { onDivergence = 'throw' } = this.#options;
    if (onDivergence === 'continue') return false;
    this.status = 'diverged';
    if (onDivergence === 'stop') return true;
    const where = `step ${step} of epoch ${epoch + 1}`;
    throw divergenceError('The training loss', where, divergence, this.lastLearningRate);
  }
}
