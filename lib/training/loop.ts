/**
 * The loop of a training: compiled steps, a history at the slow weights, and a state that can be saved at any
 * step and goes on bit for bit. A `Trainer` goes over a data set with it, a `LifelongLearner` over a sequence
 * of tasks.
 *
 *     for each epoch:
 *       for each step: one step of the optimizer on the batches of the step, at the learning rate of the step
 *       are all weights finite?  evaluate;  one record of the history
 *
 * Everything random is drawn from streams named by seed and place, so that a resumed training needs no
 * generator's state.
 */

import { hasOwnCode } from '../compile/ownCode';
import {
  AbortedError,
  type Divergence,
  describe,
  OptionError,
  StateMismatchError,
  throwIfAborted,
} from '../core/errors';
import { takeNumbers } from '../core/numbers';
import {
  callback,
  checkOptions,
  flag,
  type OptionsOf,
  object,
  oneOf,
  type SettingsOf,
  signal,
  whole,
} from '../core/options';
import { Random } from '../core/random';
import * as tf from '../core/tf';
import { nextTurn } from '../core/turn';
import type { Augmentation } from '../data';
import { FamilyOptimizer } from '../optimizers/optimizer';
import type { LossFunction } from '../optimizers/passes';
import { CALLBACKS, callbackList } from './callbacks';
import { trainingForward } from './forward';
import { divergenceError, fingerprintOf, LossWatch, type WeightFingerprint } from './health';
import { withLayerLosses } from './layerLosses';
import { type BatchLoss, LOSS } from './losses';
import type { EvaluationResult } from './modelLoss';
import { letNoiseGoOn, type PassNoise, StepRunner } from './stepRunner';
import { captureTrainer, restoreTrainer, type TrainerSettings, type TrainerState } from './trainerState';
import { trainableVariables, trainedIds } from './weights';

/** Describes the options of every training. */
export const LOOP = {
  /**
   * Seed of data order, augmentation, noise and dropout; in lifelong learning also of the memory. Default 0.
   */
  seed: whole({}, 0),
  /**
   * The loss of a batch: its name, as `'huberLoss'` or `{ kind: 'crossEntropy', labelSmoothing: 0.1 }`, or a
   * function of int32 labels [n] (float32 where they are numbers) and the model's outputs, masked where tasks
   * have heads. Evaluations have it, too. Default: mean cross-entropy, on logits or probabilities; mean
   * squared error where labels are numbers.
   */
  loss: LOSS,
  /**
   * Makes the tensors of a batch, changed at random, such as `cropAndFlip()`. Default: the samples as they
   * are.
   */
  augment: callback<Augmentation>(),
  /**
   * Draws a fresh batch for each of the optimizer's k inner steps ("minibatch switching") in place of one for
   * all. Default false.
   */
  switchBatches: flag(false),
  /** Wraps the loss of every pass. Runs inside of the compiled step. */
  wrapLoss: callback<(loss: LossFunction, variables: tf.Variable[]) => LossFunction>(),
  /**
   * Noise-aware training: evaluates the loss with fresh noise in every pass, ascents included; a
   * `TrainingNoise`. Its position is that of the optimizer, also after `restore`. It stays the caller's.
   * Default none.
   */
  noise: object<PassNoise>('a noise of training, such as a TrainingNoise'),
  /**
   * What a loss or a weight that is not finite does: `throw` a DivergenceError, `stop` with the status
   * `diverged`, or `continue`. Default `throw`.
   */
  onDivergence: oneOf(['throw', 'stop', 'continue'], 'throw'),
  /** Runs op by op in place of compiling the step. Default: whether LB_EAGER is 1. */
  eager: flag(),
};

/** `ownLoss`: whether the loss is a function of the user's. */
type LoopSettings = SettingsOf<typeof LOOP> & { ownLoss: boolean };

/** Options of every training. */
export type LoopOptions = OptionsOf<typeof LOOP>;

/** One epoch. */
export interface EpochRecord {
  /** Epochs finished, from 1; in lifelong learning counted through all tasks. */
  epoch: number;
  /**
   * Mean over the epoch of the batch loss at the slow weights before each step, regularizers and other losses
   * of layers included; with noise on the weights in noise-aware training.
   */
  trainLoss: number;
  /** Loss on the test set after the epoch, losses of layers left out, or null where it was not evaluated. */
  testLoss: number | null;
  /** Accuracy on the test set after the epoch, 0 to 1, or null; null also where labels are numbers. */
  testAccuracy: number | null;
  /**
   * The `metrics` of a `Trainer` on the test set after the epoch; absent where there are none, or none were
   * taken.
   */
  testMetrics?: Record<string, number>;
  /** Learning rate of the last step. */
  learningRate: number;
  /** Gradients taken since the start. */
  gradientEvaluations: number;
  /** Seconds spent in training steps since the start, evaluations left out. */
  seconds: number;
}

/** What was evaluated after an epoch; no accuracy (null) where labels are numbers. */
export type EpochEvaluation = Pick<EvaluationResult, 'loss' | 'metrics'> & { accuracy: number | null };

/** How training ended: `aborted` and `running` can go on. */
export type TrainingStatus = 'running' | 'finished' | 'aborted' | 'diverged';

/** Describes the options of `train`. */
export const TRAIN = {
  /** Stops at the next step, or in the evaluation after an epoch; `train` can be called again. */
  signal: signal(),
  /**
   * Callbacks as of `model.fit`, each awaited: functions by name (`{ onEpochEnd: (epoch, logs) => ... }`),
   * `tf.callbacks.earlyStopping()`, `tf.node.tensorBoard(folder)`. `trainer.history`, `position` and `save()`
   * are up to date in them. A learning rate set on the optimizer holds from the next step on, and
   * `model.stopTraining = true` ends the training.
   */
  callbacks: CALLBACKS,
  /** Stops after this many epochs in all, for a run in parts. Default: all epochs. */
  untilEpoch: whole({ min: 0 }),
};

/** Options of `train`. */
export type TrainOptions = OptionsOf<typeof TRAIN>;

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

/** What one step is taken on. */
export interface StepBatches {
  /**
   * The tensors of each batch, disposed after the step: inputs and labels first, then what `outputsFor` is
   * given.
   */
  tensors: tf.Tensor[][];
  /** Samples that the loss of the step stands for. */
  samples: number;
  /** Called when the step is taken. */
  taken?(): void;
}

/** A training under way. Dispose it after use; model and optimizer stay the caller's. */
export abstract class TrainingLoop {
  /** One record per finished epoch. */
  readonly history: EpochRecord[] = [];
  /** How the last call of `train` ended. */
  status: TrainingStatus = 'running';
  /** Where and why training diverged first; undefined where it did not. */
  divergence: Divergence | undefined;
  /**
   * What makes the numbers mean less than they seem to: one class only, gradients that are all zero, and the
   * like. In words.
   */
  readonly warnings: string[] = [];
  /** Where training stands. */
  position: TrainerPosition = { epoch: 0, step: 0, lossSum: 0, sampleCount: 0, seconds: 0 };
  /** Epochs in all. */
  abstract readonly epochs: number;
  /** What a state must have been saved with to be restored here. */
  abstract readonly settings: TrainerSettings;

  /** Samples per batch. */
  protected readonly batchSize: number;
  /** Batches of one step: one, or one for each inner step. */
  protected readonly batchesPerStep: number;
  /** Seed of everything random. */
  protected readonly seed: number;

  /** The loss of a batch, without that of layers. */
  readonly loss: BatchLoss;

  readonly #options: LoopSettings;
  #steps: StepRunner | undefined;
  /** What `#steps` was traced for: which layers are trained. */
  #traced = '';
  #isTraining = false;
  readonly #watch = new LossWatch();
  #lastSaved: Divergence['lastSaved'] = null;
  /** Of the weights after the last epoch. */
  #fingerprint: WeightFingerprint | undefined;
  /** Whether the weights were restored since the last step. */
  #isRestored = false;
  /** Learning rate of the last step; undefined before the first since the start or since `restore`. */
  #lastRate: number | undefined;

  constructor(
    /** The model that is trained: the caller's. */
    readonly model: tf.LayersModel,
    /** The optimizer that trains it: the caller's. */
    readonly optimizer: FamilyOptimizer,
    options: LoopSettings & { batchSize: number; loss: BatchLoss },
  ) {
    if (!(optimizer instanceof FamilyOptimizer)) {
      throw new OptionError(
        'optimizer',
        optimizer,
        'an optimizer of this library, such as sgd(...), adam(...) or lookbehindSAM(...)',
        'A tf.Optimizer can be a base: sam({ base: optimizer }) or lookahead(optimizer).',
      );
    }
    this.loss = options.loss;
    this.batchSize = options.batchSize;
    this.seed = options.seed;
    this.batchesPerStep = options.switchBatches ? optimizer.innerSteps : 1;
    this.#options = options;
  }

  /** Steps of an epoch, from 0. */
  abstract stepsIn(epoch: number): number;

  /** The batches of each step of an epoch, by the number of the step. */
  protected abstract batchesIn(epoch: number): (step: number) => StepBatches;

  /** Learning rate of a step. */
  protected abstract rateAt(epoch: number, step: number): number;

  /** What, with the seed, names the random streams of the next step. */
  protected abstract readonly place: readonly number[];

  /** Loss and accuracy after an epoch; undefined where nothing is to be evaluated then. */
  protected abstract evaluateAfter(
    epoch: number,
    signal: AbortSignal | undefined,
  ): Promise<EpochEvaluation | undefined>;

  /** Called before an epoch, and again where it was interrupted. */
  protected async begin(_signal: AbortSignal | undefined): Promise<void> {}

  /**
   * The model's outputs as the loss is to see them, `more` being what a batch has beside inputs and labels.
   */
  protected outputsFor(outputs: tf.Tensor, ..._more: tf.Tensor[]): tf.Tensor {
    return outputs;
  }

  /** Where the next step is, in words. */
  protected get where(): string {
    return `step ${this.position.step} of epoch ${this.position.epoch + 1}`;
  }

  /** Random numbers of the next step. */
  protected random(what: string, ...more: number[]): Random {
    return new Random(this.seed, [what, ...this.place, ...more].join('/'));
  }

  /**
   * Trains to the end, from where it stands. Gives way to other work after each step.
   *
   * Which layers are trained is looked at before each step: `layer.trainable = false` between two steps
   * freezes the layer.
   *
   * The loss is looked at after each step, the weights after each epoch, so that no epoch is recorded whose
   * weights are not finite.
   *
   * @returns The status: `finished`, also by a callback, `aborted` by the signal, or `diverged`; `running`
   *   where `untilEpoch` was reached.
   * @throws StateMismatchError where a call before is still under way: two calls would share one position.
   * @throws DivergenceError where a loss or a weight is not finite, unless `onDivergence` says otherwise. It
   *   names step and cause, and the state that was saved last.
   */
  async train(options: TrainOptions = {}): Promise<TrainingStatus> {
    checkOptions('train', TRAIN, options);
    if (this.#isTraining) {
      throw new StateMismatchError(
        `The trainer is training already, in epoch ${this.position.epoch + 1} of ${this.epochs}: ` +
          'await that call of train() before the next.',
      );
    }
    if (this.status === 'finished' || this.status === 'diverged') return this.status;
    this.#isTraining = true;
    this.status = 'running';
    const { epochs, batchSize, model } = this;
    const { epoch } = this.position;
    const params = {
      epochs,
      initialEpoch: epoch,
      steps: this.stepsIn(Math.min(epoch, epochs - 1)),
      batchSize,
    };
    const callbacks = callbackList(options.callbacks ?? [], model, params);
    // As a property of its own: a Sequential that was not compiled refuses the one it has.
    Object.defineProperty(model, 'stopTraining', { value: false, writable: true, configurable: true });
    try {
      await callbacks.onTrainBegin();
      await this.#train(options, callbacks);
    } catch (error) {
      if (!(error instanceof AbortedError && options.signal?.aborted)) throw error;
      this.status = 'aborted';
    } finally {
      this.#isTraining = false;
      Reflect.deleteProperty(model, 'stopTraining');
    }
    await callbacks.onTrainEnd();
    return this.status;
  }

  async #train(
    { signal, untilEpoch = this.epochs }: TrainOptions,
    callbacks: tf.CallbackList,
  ): Promise<void> {
    const { epochs, model } = this;
    if (this.#isRestored && this.position.epoch > 0 && this.position.step === 0) {
      this.#fingerprint = await fingerprintOf(trainableVariables(this.model));
    }
    this.#isRestored = false;
    while (this.position.epoch < Math.min(untilEpoch, epochs) && !model.stopTraining) {
      await this.begin(signal);
      await callbacks.onEpochBegin(this.position.epoch);
      const { epoch } = this.position;
      const stepsPerEpoch = this.stepsIn(epoch);
      const batches = this.batchesIn(epoch);
      let loss = Number.NaN;
      while (this.position.step < stepsPerEpoch && !model.stopTraining) {
        throwIfAborted(signal, 'The training');
        const { step: batch, sampleCount } = this.position;
        await callbacks.onBatchBegin(batch);
        loss = await this.#step(batches);
        if (!Number.isFinite(loss) && this.#diverged(loss, this.#watch.cause())) return;
        await callbacks.onBatchEnd(batch, { batch, size: this.position.sampleCount - sampleCount, loss });
        await nextTurn();
      }
      const weights = await fingerprintOf(trainableVariables(this.model));
      if (!weights.finite && this.#diverged(loss, 'the gradient or the step was too large')) return;
      const test = await this.evaluateAfter(epoch, signal);
      // Nothing waits from here on, so that a saved state has all of the epoch's end or nothing.
      if (this.#fingerprint?.size === weights.size) this.#warnOfUnchanged();
      this.#fingerprint = weights;
      await callbacks.onEpochEnd(epoch, logsOf(this.#record(test)));
    }
    if (this.position.epoch === epochs || model.stopTraining) this.status = 'finished';
  }

  /** Share of the training that is done, 0 to 1. */
  get share(): number {
    const { epoch, step } = this.position;
    return epoch === this.epochs ? 1 : (epoch + step / this.stepsIn(epoch)) / this.epochs;
  }

  /** Learning rate of the last step. Before the first step, that of the first. */
  get lastLearningRate(): number {
    const { epoch, step } = this.position;
    if (step === 0 && epoch > 0) return this.#lastRate ?? this.rateAt(epoch - 1, this.stepsIn(epoch - 1) - 1);
    return this.#lastRate ?? this.rateAt(epoch, Math.max(0, step - 1));
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
   * @throws StateMismatchError where model, optimizer or settings are others, or there is no state. Nothing
   *   is changed then.
   */
  restore(state: TrainerState): void {
    if (typeof state?.manifest !== 'object' || state.manifest === null) {
      throw new StateMismatchError(
        `${describe(state)} is no state of a training: give what save() returned. loadCheckpoint ` +
          'gives undefined where its folder has no checkpoint.',
      );
    }
    restoreTrainer(this, state);
    const { epoch, step } = this.position;
    this.#lastSaved = { epoch, step };
    this.#fingerprint = undefined;
    this.#isRestored = true;
    this.#watch.reset();
    this.#lastRate = undefined;
    letNoiseGoOn(this.#options.noise, this.optimizer);
  }

  /** Frees the compiled steps. */
  dispose(): void {
    this.#steps?.dispose();
  }

  /** Runs steps; traced anew where other layers are trained than in the last step. */
  #runner(): StepRunner {
    const { model } = this;
    const trained = trainedIds(model);
    if (this.#steps !== undefined && trained === this.#traced) return this.#steps;
    if (this.#steps !== undefined) {
      this.#steps.dispose();
      this.#fingerprint = undefined;
    }
    this.#traced = trained;
    const { wrapLoss, noise, eager } = this.#options;
    const { loss } = this;
    this.#steps = new StepRunner(this.optimizer, trainableVariables(model), {
      lossOf: (xs, ys, ...more) =>
        withLayerLosses(model, loss(ys, this.outputsFor(trainingForward(model, xs), ...more))),
      wrapLoss,
      noise,
      ownCode: this.#options.ownLoss || wrapLoss !== undefined || hasOwnCode(model),
      seed: () => this.random('dropout').seed(),
      eager,
    });
    return this.#steps;
  }

  /** One step; returns the loss before it. */
  async #step(batches: (step: number) => StepBatches): Promise<number> {
    const started = performance.now();
    const { epoch, step } = this.position;
    const steps = this.#runner();
    const { tensors, samples, taken } = batches(step);
    try {
      const result = this.#atRate(this.rateAt(epoch, step), () => steps.run(tensors));
      // The step is taken, whatever happens while its loss is waited for.
      this.position.step++;
      taken?.();
      const [loss] = await takeNumbers(result);
      await this.#watch.see(
        loss,
        tensors.map(([xs]) => xs),
      );
      this.position.lossSum += loss * samples;
      this.position.sampleCount += samples;
      return loss;
    } finally {
      tf.dispose(tensors);
      this.position.seconds += (performance.now() - started) / 1000;
    }
  }

  /**
   * Runs `step` at the learning rate `rate`. The optimizer's own rate, which the schedule multiplies, is its
   * again afterwards.
   */
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

  #record(test: EpochEvaluation | undefined): EpochRecord {
    const { epoch, lossSum, sampleCount, seconds } = this.position;
    const record: EpochRecord = {
      epoch: epoch + 1,
      trainLoss: lossSum / sampleCount,
      testLoss: test?.loss ?? null,
      testAccuracy: test?.accuracy ?? null,
      ...(test?.metrics === undefined ? {} : { testMetrics: test.metrics }),
      learningRate: this.lastLearningRate,
      gradientEvaluations: this.optimizer.gradientEvaluations,
      seconds,
    };
    this.history.push(record);
    this.position = { epoch: epoch + 1, step: 0, lossSum: 0, sampleCount: 0, seconds };
    return record;
  }

  /** Warns, once, where an epoch left all weights as they were. */
  #warnOfUnchanged(): void {
    if (!(this.lastLearningRate > 0)) return;
    const what = 'as far as single precision tells: are all gradients zero (dead units)?';
    if (this.warnings.some((warning) => warning.endsWith(what))) return;
    this.warnings.push(`No weight changed in epoch ${this.position.epoch + 1}, ${what}`);
  }

  /** Reports a divergence as `onDivergence` says; true where training ends. */
  #diverged(loss: number, cause: string): boolean {
    const { epoch, step } = this.position;
    const divergence = { epoch: epoch + 1, step, loss, cause, lastSaved: this.#lastSaved };
    this.divergence ??= divergence;
    const { onDivergence } = this.#options;
    if (onDivergence === 'continue') return false;
    this.status = 'diverged';
    if (onDivergence === 'stop') return true;
    throw divergenceError(this.where, divergence, this.lastLearningRate);
  }
}

/** A record under the names of tf.js. */
export function logsOf(record: EpochRecord): tf.Logs {
  const { trainLoss, testLoss, testAccuracy, testMetrics = {}, learningRate, gradientEvaluations } = record;
  const { accuracy: _, ...others } = testMetrics;
  return {
    loss: trainLoss,
    ...(testLoss === null ? {} : { val_loss: testLoss }),
    ...(testAccuracy === null ? {} : { val_acc: testAccuracy }),
    ...Object.fromEntries(Object.entries(others).map(([name, value]) => [`val_${name}`, value])),
    learningRate,
    gradientEvaluations,
  };
}
