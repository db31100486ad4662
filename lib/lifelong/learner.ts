/**
 * Learns a sequence of tasks, one after the other, with any optimizer of the family.
 *
 *     for each task, `epochs` times over its samples:
 *       batch  = the next samples of the task  [+ samples drawn from the memory]         experience replay
 *       one step of the optimizer on the batch, at max(learningRate * learningRateDecay^task, learningRateFloor)
 *       in the first pass: offer the task's samples to the memory                        reservoir sampling
 *     after each task: accuracy on the tasks learned so far and on the next, or on all: one row of the accuracy matrix
 *
 * Experience replay: Chaudhry et al., "On tiny episodic memories in continual learning", 2019, arXiv:1902.10486. Learning rates that
 * fall from task to task, small batches and dropout (an option of the model): Mirzadeh, Farajtabar, Pascanu, Ghasemzadeh,
 * "Understanding the role of training regimes in continual learning", NeurIPS 2020, arXiv:2006.06958 (stable SGD).
 *
 * Everything random is drawn from streams named by seed, task, epoch and step, or saved, so that a resumed run needs nothing else.
 */

import { AbortedError, checkKnownOptions, checkNumber, checkOneOf, type Divergence, OptionError } from '../core/errors';
import { Random } from '../core/random';
import * as tf from '../core/tf';
import type { Augmentation } from '../data';
import type { FamilyOptimizer, LossFunction } from '../optimizers';
import { assignAll } from '../optimizers/loss';
import { type BatchLoss, Evaluator, trainingForward } from '../training/evaluate';
import { allFinite, divergenceError, LossWatch } from '../training/health';
import { withLayerLosses } from '../training/layerLosses';
import { lossFor, outputKind } from '../training/modelLoss';
import { captureModel, type ModelState, restoreModel } from '../training/modelState';
import { innerSteps, type PassNoise, StepRunner } from '../training/stepRunner';
import type { EpochRecord, TrainingProgress, TrainingStatus } from '../training/trainer';
import { trainableVariables, trainedIds } from '../training/weights';
import { headMask, maskByTask } from './heads';
import { captureLearner, type LifelongState, restoreLearner } from './learnerState';
import { type LifelongMeasures, lifelongMeasures } from './measures';
import { Reservoir } from './reservoir';
import { augmentedBatch, type SampleRef, taskBatch } from './samples';
import type { TaskSequence } from './sequence';

/**
 * What is learned when: the tasks one after the other (`sequential`); all at once, the upper bound (`joint`); or each from the first
 * weights, the reference for learning accuracy (`independent`).
 */
export type LearningRegime = 'sequential' | 'joint' | 'independent';

/** Options of experience replay. */
export interface ReplayOptions {
  /** Samples that the memory keeps: references to training samples as they are stored, before augmentation. At least 1. */
  capacity: number;
  /** Samples that join each batch, drawn from the memory as soon as it has so many. From 1 to `capacity`. Default: the batch size. */
  batchSize?: number;
  /** Draws other samples from the memory for each of the optimizer's k inner steps. Default: the learner's `switchBatches`. */
  switchBatches?: boolean;
}

/** Options of a `LifelongLearner`. */
export interface LifelongOptions {
  /** Passes over each task's training set. A whole number, at least 1. Default 1. */
  epochs?: number;
  /** Samples of the task per step. A whole number, at least 1. Default 10. */
  batchSize?: number;
  /** What is learned when. Default `sequential`. */
  regime?: LearningRegime;
  /** Experience replay, in sequential learning. Default: none. */
  replay?: ReplayOptions;
  /** Factor on the learning rate from task to task in sequential learning, above 0. Default 1. */
  learningRateDecay?: number;
  /** The learning rate does not fall below this. At least 0. Default 0; stable SGD has 5e-5. */
  learningRateFloor?: number;
  /** Whether the optimizer forgets momentum and the like at a task's start (`renew`) or not (`keep`). Default `renew`. */
  optimizerState?: 'renew' | 'keep';
  /** Draws a fresh batch for each of the optimizer's k inner steps ("minibatch switching") in place of one for all. Default false. */
  switchBatches?: boolean;
  /**
   * Leaves out an epoch's last batch where it is smaller than the others, so that all steps have one shape and are compiled once. The
   * memory is offered its samples all the same. Default true.
   */
  dropLast?: boolean;
  /** Seed of data order, memory, augmentation and dropout. A whole number. Default 0. */
  seed?: number;
  /** The loss of a batch, from int32 labels [n] and the outputs, masked where tasks have heads. Default: mean softmax cross-entropy. */
  loss?: BatchLoss;
  /** Changes the samples of a batch at random, replayed ones included: `cropAndFlip()`, for example. */
  augment?: Augmentation;
  /** Wraps the loss of every pass. Runs inside of the compiled step. */
  wrapLoss?: (loss: LossFunction, variables: tf.Variable[]) => LossFunction;
  /** Noise-aware training, as for a `Trainer`. Default none. */
  noise?: PassNoise;
  /**
   * Tasks tested after each task: those learned so far and the next one, which is all that the measures need (`needed`), or `all` of them,
   * which fills the accuracy matrix in up to twice the time. Default `needed`.
   */
  evaluate?: 'needed' | 'all';
  /** Measured after each task, at the weights meant for evaluation: `taskSharpness(...)`, for example. */
  measure?: TaskMeasure;
  /**
   * What a loss or a weight that is not finite does: `throw` a DivergenceError, `stop` with the status `diverged`, or `continue`. Default
   * `throw`.
   */
  onDivergence?: 'throw' | 'stop' | 'continue';
  /** Runs op by op in place of compiling. Default: whether LB_EAGER is 1. */
  eager?: boolean;
}

/** Measures something after a task was learned: numbers by name. */
export type TaskMeasure = (context: TaskContext) => Promise<Record<string, number>>;

/** What a `TaskMeasure` sees. The model holds the weights meant for evaluation, and must be left as it is. */
export interface TaskContext {
  /** The task just learned, from 0; the last one where all were learned at once. */
  task: number;
  /** All tasks. */
  sequence: TaskSequence;
  /** The model that learns. */
  model: tf.LayersModel;
  /** Asks the measure to stop, with an AbortedError. */
  signal?: AbortSignal;
}

/** What is known when a task is learned. */
export interface TaskRecord {
  /** The task, from 0; the last one where all were learned at once. */
  task: number;
  /** Its name; `all tasks` where all were learned at once. */
  name: string;
  /** Accuracy on the test set of each task, 0 to 1; NaN where it was not tested. */
  accuracies: number[];
  /** Loss on the test set of each task; NaN where it was not tested. */
  losses: number[];
  /** What `measure` returned. */
  measures: Record<string, number>;
}

/** Where a learner stands, after a step. */
export interface LifelongProgress extends TrainingProgress {
  /** Task under way, from 0; in joint learning always 0. Epochs count on through all tasks. */
  stage: number;
  /** Tasks in all; 1 in joint learning. */
  stages: number;
}

/** Options of `LifelongLearner.train`. */
export interface LearnOptions {
  /** Stops at the next step; `train` can be called again. */
  signal?: AbortSignal;
  /** Called after each step. */
  onProgress?: (progress: LifelongProgress) => void;
  /** Called after each epoch, and awaited: the place for checkpoints. */
  onEpoch?: (record: EpochRecord, learner: LifelongLearner) => void | Promise<void>;
  /** Called after each task, and awaited: the place for live figures and for copies of the weights. */
  onTask?: (record: TaskRecord, learner: LifelongLearner) => void | Promise<void>;
}

/** Position and sums of a learner under way. */
export interface LifelongPosition {
  /** Tasks finished; in joint learning 0, then 1. */
  stage: number;
  /** Epochs finished of the task under way. */
  epoch: number;
  /** Steps done in the epoch under way. */
  step: number;
  /** Sum over the epoch's steps of the loss at the slow weights. */
  lossSum: number;
  /** Seconds spent in steps. */
  seconds: number;
}

const OPTIONS: readonly string[] = [
  'epochs',
  'batchSize',
  'regime',
  'replay',
  'learningRateDecay',
  'learningRateFloor',
  'optimizerState',
  'switchBatches',
  'dropLast',
  'seed',
  'loss',
  'augment',
  'wrapLoss',
  'noise',
  'evaluate',
  'measure',
  'onDivergence',
  'eager',
];

/**
 * Learns one sequence with one model. Dispose it after use; model and optimizer stay the caller's.
 *
 * @example
 * const sequence = rotatedTasks(mnist(), { trainSamples: 1000 });
 * const model = models.mlp({ inputs: sequence.inputShape, hidden: [100, 100], classes: sequence.outputs });
 * const learner = new LifelongLearner(model, sam({ learningRate: 0.2 }), sequence, { epochs: 5, replay: { capacity: 200 } });
 * await learner.train();
 * learner.accuracy; learner.measures;
 */
export class LifelongLearner {
  /**
   * One record per finished epoch, counted through all tasks. Loss and accuracy are evaluated after the last epoch of each task: means
   * over the tasks learned so far; over all tasks in joint learning; of the task itself in independent learning.
   */
  readonly history: EpochRecord[] = [];
  /** One record per finished task. */
  readonly records: TaskRecord[] = [];
  /** How the last call of `train` ended. */
  status: TrainingStatus = 'running';
  /** Where and why learning diverged first; undefined where it did not. Its epochs count through all tasks. */
  divergence: Divergence | undefined;
  /** Where learning stands. */
  position: LifelongPosition = { stage: 0, epoch: 0, step: 0, lossSum: 0, seconds: 0 };
  /** Accuracy on each task before any learning, for forward transfer; undefined until `train` begins. */
  initialAccuracies: number[] | undefined;
  /** The memory of experience replay. */
  readonly memory: Reservoir<SampleRef> | undefined;
  /** What is learned when. */
  readonly regime: LearningRegime;
  /** The weights from which each task is learned in the regime `independent`. */
  startingWeights: ModelState | undefined;

  readonly #options: LifelongOptions;
  readonly #epochs: number;
  readonly #batchSize: number;
  readonly #replaySize: number;
  readonly #seed: number;
  /** Batches of one step: one, or one for each inner step. */
  readonly #taskBatches: number;
  readonly #replayBatches: number;
  /** What is added to the outputs in evaluation. */
  readonly #mask: tf.Variable;
  readonly #evaluator: Evaluator;
  #steps: StepRunner;
  /** What `#steps` was traced for: which layers are trained. */
  #traced: string;
  /** Learning rate of the last step; undefined before the first since the start or since `restore`. */
  #lastRate: number | undefined;
  readonly #watch = new LossWatch();
  #lastSaved: Divergence['lastSaved'] = null;

  /** @throws OptionError where an option is wrong, or the model does not fit the sequence. */
  constructor(
    /** The model that learns: the caller's. */
    readonly model: tf.LayersModel,
    /** The optimizer that trains it: the caller's. */
    readonly optimizer: FamilyOptimizer,
    /** The tasks. */
    readonly sequence: TaskSequence,
    options: LifelongOptions = {},
  ) {
    checkKnownOptions('LifelongLearner', options, OPTIONS);
    const { epochs = 1, batchSize = 10, regime = 'sequential', replay, switchBatches = false, seed = 0 } = options;
    const { learningRateDecay = 1, learningRateFloor = 0, eager } = options;
    checkFit(model, sequence);
    this.#epochs = checkNumber('epochs', epochs, { min: 1, integer: true });
    this.#batchSize = checkNumber('batchSize', batchSize, { min: 1, integer: true });
    this.regime = checkOneOf('regime', regime, ['sequential', 'joint', 'independent'] as const);
    checkNumber('learningRateDecay', learningRateDecay, { min: 0, exclusiveMin: true });
    checkNumber('learningRateFloor', learningRateFloor, { min: 0 });
    checkOneOf('optimizerState', options.optimizerState ?? 'renew', ['renew', 'keep']);
    checkOneOf('evaluate', options.evaluate ?? 'needed', ['needed', 'all']);
    checkOneOf('onDivergence', options.onDivergence ?? 'throw', ['throw', 'stop', 'continue']);
    this.#seed = checkNumber('seed', seed, { integer: true });
    this.#replaySize = replay === undefined ? 0 : checkReplay(replay, batchSize, regime);
    this.memory = replay && new Reservoir(replay.capacity, seed);
    this.#taskBatches = switchBatches ? innerSteps(optimizer) : 1;
    this.#replayBatches = (replay?.switchBatches ?? switchBatches) ? innerSteps(optimizer) : 1;
    this.#options = options;
    this.startingWeights = regime === 'independent' ? captureModel(model) : undefined;

    const hasHeads = sequence.scenario === 'task-incremental';
    this.#mask = tf.tidy(() => tf.variable(tf.zeros([sequence.outputs]), false));
    const outputs = hasHeads ? (all: tf.Tensor): tf.Tensor => tf.add(all, this.#mask) : undefined;
    this.#evaluator = new Evaluator(model, { loss: options.loss, outputs, eager });
    this.#steps = this.#makeSteps();
    this.#traced = trainedIds(model);
  }

  /** Tasks that are learned one after the other: 1 in joint learning. */
  get stages(): number {
    return this.regime === 'joint' ? 1 : this.sequence.length;
  }

  /** Epochs in all, of all tasks together. */
  get epochs(): number {
    return this.stages * this.#epochs;
  }

  /** `accuracy[i][j]`: accuracy on task j after learning task i, 0 to 1; NaN where it is not known (yet). */
  get accuracy(): number[][] {
    const { length } = this.sequence;
    const rows = Array.from({ length }, () => new Array<number>(length).fill(Number.NaN));
    for (const { task, accuracies } of this.records) rows[task] = [...accuracies];
    return rows;
  }

  /**
   * The measures of the tasks learned so far; undefined before the first is. In the regime `joint` only the average accuracy is
   * defined; in `independent` the learning accuracy is what counts.
   */
  get measures(): LifelongMeasures | undefined {
    const last = this.records.at(-1);
    return last && lifelongMeasures(this.accuracy.slice(0, last.task + 1), this.initialAccuracies);
  }

  /**
   * Learns to the end, from where it stands. Gives way to other work after each step.
   *
   * @returns The status: `finished`, `aborted` by the signal, or `diverged`.
   * @throws DivergenceError where a loss or a weight is not finite, unless `onDivergence` says otherwise. It names step and cause, and the
   *   state that was saved last.
   */
  async train(options: LearnOptions = {}): Promise<TrainingStatus> {
    checkKnownOptions('train', options, ['signal', 'onProgress', 'onEpoch', 'onTask']);
    const { signal, onEpoch, onTask } = options;
    if (this.status === 'finished' || this.status === 'diverged') return this.status;
    this.status = 'running';
    try {
      this.initialAccuracies ??= (await this.#test(this.sequence.length, signal)).accuracies;
      while (this.position.stage < this.stages) {
        const { stage, epoch, step } = this.position;
        if (epoch === 0 && step === 0) await this.#beginTask();
        const record = await this.#learnEpoch(options);
        if (record === undefined) return this.status;
        await onEpoch?.(record, this);
        if (this.position.stage > stage) await onTask?.(this.records[stage], this);
      }
    } catch (error) {
      if (!(error instanceof AbortedError && signal?.aborted)) throw error;
      this.status = 'aborted';
      return this.status;
    }
    this.status = 'finished';
    return this.status;
  }

  /** Everything that a later `restore` needs to go on bit for bit. */
  save(): LifelongState {
    this.#lastSaved = { epoch: this.history.length, step: this.position.step };
    return captureLearner(this);
  }

  /**
   * Goes on where `state` was saved.
   *
   * @throws StateMismatchError where sequence, regime, model or optimizer are others. Nothing is changed then.
   */
  restore(state: LifelongState): void {
    restoreLearner(this, state);
    this.#lastSaved = { epoch: this.history.length, step: this.position.step };
    this.#watch.reset();
    this.#lastRate = undefined;
    this.#steps.resume();
  }

  /** Frees the compiled steps. */
  dispose(): void {
    this.#evaluator.dispose();
    this.#steps.dispose();
    this.#mask.dispose();
  }

  #makeSteps(): StepRunner {
    const { model, sequence } = this;
    const { wrapLoss, noise, eager } = this.#options;
    const loss = lossFor(model, this.#options.loss);
    const hasHeads = sequence.scenario === 'task-incremental';
    return new StepRunner(this.optimizer, trainableVariables(model), {
      lossOf: (xs, ys, tasks) => {
        const all = trainingForward(model, xs);
        return withLayerLosses(model, loss(ys, hasHeads ? maskByTask(sequence, all, tasks) : all));
      },
      wrapLoss,
      noise,
      seed: () => this.#random('dropout', this.position.step).seed(),
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
  }

  /** Learning rate of the next step: the optimizer's own, less after each task. */
  #nextRate(): number {
    const { learningRateDecay = 1, learningRateFloor = 0 } = this.#options;
    const rate = this.optimizer.learningRate * learningRateDecay ** (this.regime === 'sequential' ? this.position.stage : 0);
    return Math.max(rate, learningRateFloor);
  }

  /** Sets weights and optimizer to what a task starts from. Doing it twice does no harm. */
  async #beginTask(): Promise<void> {
    const { model, optimizer, startingWeights } = this;
    if (this.position.stage === 0) return;
    if (startingWeights !== undefined) {
      restoreModel(model, startingWeights);
    } else if (this.#options.optimizerState === 'keep') {
      return;
    } else {
      const variables = trainableVariables(model);
      const slow = await optimizer.withSlowWeights(() => variables.map((variable) => variable.clone()));
      assignAll(variables, slow);
      tf.dispose(slow);
    }
    optimizer.forget();
  }

  /** The rest of the present epoch; undefined where it was aborted or diverged, as `status` tells. */
  async #learnEpoch({ signal, onProgress }: LearnOptions): Promise<EpochRecord | undefined> {
    const { stage, epoch } = this.position;
    const { stages } = this;
    const order = this.#order(stage, epoch);
    const perStep = this.#batchSize * this.#taskBatches;
    const exact = order.length / perStep;
    const stepsPerEpoch = Math.max(1, this.#options.dropLast === false ? Math.ceil(exact) : Math.floor(exact));
    let last = Number.NaN;
    while (this.position.step < stepsPerEpoch) {
      if (signal?.aborted) {
        this.status = 'aborted';
        return undefined;
      }
      const start = this.position.step * perStep;
      const loss = this.#step(order.slice(start, start + perStep));
      if (!Number.isFinite(loss) && this.#diverged(loss, this.#watch.cause())) return undefined;
      last = loss;
      onProgress?.({
        stage,
        stages,
        epoch: this.history.length,
        epochs: this.epochs,
        step: this.position.step,
        stepsPerEpoch,
        loss,
        last: this.history.at(-1),
      });
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (!allFinite(trainableVariables(this.model)) && this.#diverged(last, 'the gradient or the step was too large'))
      return undefined;
    const isLast = epoch + 1 === this.#epochs;
    const learned = isLast ? await this.#evaluateTask(signal) : undefined;
    // Nothing waits from here on, so a saved state has all of it or nothing.
    if (epoch === 0) this.#remember(order.slice(stepsPerEpoch * perStep));
    return this.#finishEpoch(learned);
  }

  /** The samples of one epoch, in the order in which they are learned. */
  #order(stage: number, epoch: number): SampleRef[] {
    const tasks = this.regime === 'joint' ? [...this.sequence.tasks.keys()] : [stage];
    const all = tasks.flatMap((task) =>
      Array.from({ length: this.sequence.tasks[task].train.size }, (_, index): SampleRef => ({ task, index })),
    );
    return Array.from(new Random(this.#seed, `batches/${stage}/${epoch}`).permutation(all.length), (i) => all[i]);
  }

  /** One step on the samples `refs` of the task; returns the loss before it. */
  #step(refs: SampleRef[]): number {
    const started = performance.now();
    const { epoch, step } = this.position;
    const { optimizer } = this;
    this.#followTrainable();
    const batches = this.#joinReplay(this.#chunks(refs)).map((batch, i) => this.#tensors(batch, i));
    try {
      // The optimizer's own rate is its again after the step.
      const own = optimizer.learningRate;
      this.#lastRate = this.#nextRate();
      optimizer.learningRate = this.#lastRate;
      let loss: number;
      try {
        loss = this.#steps.run(batches);
      } finally {
        optimizer.learningRate = own;
      }
      this.#watch.see(
        loss,
        batches.map(([xs]) => xs),
      );
      this.position = { ...this.position, step: step + 1, lossSum: this.position.lossSum + loss };
      if (epoch === 0) this.#remember(refs);
      return loss;
    } finally {
      tf.dispose(batches);
      this.position.seconds += (performance.now() - started) / 1000;
    }
  }

  /** The batches of one step. */
  #chunks(refs: SampleRef[]): SampleRef[][] {
    const chunks: SampleRef[][] = [];
    for (let start = 0; start < refs.length; start += this.#batchSize) chunks.push(refs.slice(start, start + this.#batchSize));
    return chunks;
  }

  /** Adds samples drawn from the memory to each batch. */
  #joinReplay(batches: SampleRef[][]): SampleRef[][] {
    const { memory } = this;
    if (memory === undefined || memory.items.length < this.#replaySize) return batches;
    const replayed = Array.from({ length: this.#replayBatches }, (_, i) =>
      memory.draw(this.#replaySize, this.#random('replay', this.position.step, i)),
    );
    const count = Math.max(batches.length, replayed.length);
    return Array.from({ length: count }, (_, i) => [...batches[i % batches.length], ...replayed[i % replayed.length]]);
  }

  /** The tensors of a batch, owned by the caller. */
  #tensors(refs: SampleRef[], batch: number): tf.Tensor[] {
    const { sequence } = this;
    const { augment } = this.#options;
    const { xs, ys, tasks } =
      augment === undefined
        ? taskBatch(sequence, refs)
        : augmentedBatch(sequence, refs, augment, this.#random('augment', this.position.step, batch));
    return [xs, ys, tasks];
  }

  #remember(refs: readonly SampleRef[]): void {
    for (const ref of refs) this.memory?.add(ref);
  }

  #random(what: string, ...place: number[]): Random {
    const { stage, epoch } = this.position;
    return new Random(this.#seed, [what, stage, epoch, ...place].join('/'));
  }

  #finishEpoch(learned: TaskRecord | undefined): EpochRecord {
    const { position, optimizer, regime, sequence } = this;
    const tested = regime === 'independent' ? [position.stage] : [...sequence.tasks.keys()].slice(0, (learned?.task ?? 0) + 1);
    const meanOf = (values: number[]): number => tested.reduce((sum, task) => sum + values[task], 0) / tested.length;
    const record: EpochRecord = {
      epoch: this.history.length + 1,
      trainLoss: position.lossSum / position.step,
      testLoss: learned === undefined ? null : meanOf(learned.losses),
      testAccuracy: learned === undefined ? null : meanOf(learned.accuracies),
      learningRate: this.#lastRate ?? this.#nextRate(),
      gradientEvaluations: optimizer.gradientEvaluations,
      seconds: position.seconds,
    };
    this.history.push(record);
    if (learned !== undefined) this.records.push(learned);
    const next = learned === undefined ? { epoch: position.epoch + 1 } : { stage: position.stage + 1, epoch: 0 };
    this.position = { ...position, ...next, step: 0, lossSum: 0 };
    return record;
  }

  async #evaluateTask(signal: AbortSignal | undefined): Promise<TaskRecord> {
    const { sequence, model, optimizer, position, regime } = this;
    const task = regime === 'joint' ? sequence.length - 1 : position.stage;
    const name = regime === 'joint' ? 'all tasks' : sequence.tasks[task].name;
    // Forward transfer is what is known of a task before it is learned.
    const { accuracies, losses } = await this.#test(this.#options.evaluate === 'all' ? sequence.length : task + 2, signal);
    const context: TaskContext = { task, sequence, model, signal };
    const measures = await optimizer.withSlowWeights(async () => (await this.#options.measure?.(context)) ?? {});
    return { task, name, accuracies, losses, measures };
  }

  /** Accuracy and loss on the test sets of the first `count` tasks, at the weights meant for evaluation; NaN for the others. */
  async #test(count: number, signal: AbortSignal | undefined): Promise<Pick<TaskRecord, 'accuracies' | 'losses'>> {
    const { sequence, optimizer } = this;
    const accuracies = new Array<number>(sequence.length).fill(Number.NaN);
    const losses = [...accuracies];
    await optimizer.withSlowWeights(async () => {
      for (const [task, { test }] of sequence.tasks.slice(0, count).entries()) {
        tf.tidy(() => this.#mask.assign(tf.tensor1d(headMask(sequence, task))));
        const { accuracy, loss } = await this.#evaluator.run(test, signal);
        accuracies[task] = accuracy;
        losses[task] = loss;
      }
    });
    return { accuracies, losses };
  }

  /** Reports a divergence as `onDivergence` says; true where learning ends. */
  #diverged(loss: number, cause: string): boolean {
    const { stage, epoch, step } = this.position;
    const divergence = { epoch: this.history.length + 1, step, loss, cause, lastSaved: this.#lastSaved };
    this.divergence ??= divergence;
    const { onDivergence = 'throw' } = this.#options;
    if (onDivergence === 'continue') return false;
    this.status = 'diverged';
    if (onDivergence === 'stop') return true;
    const where = `step ${step} of epoch ${epoch + 1} of task ${stage + 1}`;
    throw divergenceError('The loss', where, divergence, this.#lastRate ?? this.#nextRate());
  }
}

/** Samples that are replayed at each step. */
function checkReplay(replay: ReplayOptions, taskBatchSize: number, regime: LearningRegime): number {
  checkKnownOptions('replay', replay, ['capacity', 'batchSize', 'switchBatches']);
  const { capacity, batchSize } = replay;
  if (regime !== 'sequential') throw new OptionError('replay', { capacity }, `left out in the regime "${regime}"`);
  checkNumber('replay.capacity', capacity, { min: 1, integer: true });
  return checkNumber('replay.batchSize', batchSize ?? taskBatchSize, { min: 1, max: capacity, integer: true });
}

function checkFit(model: tf.LayersModel, { inputShape, outputs, scenario }: TaskSequence): void {
  const [input, output] = [model.inputs[0].shape.slice(1), model.outputs[0].shape.slice(1)];
  if (String(input) !== String(inputShape) || String(output) !== String(outputs)) {
    throw new OptionError('model', `a model from [${input}] to [${output}]`, `a model from [${inputShape}] to [${outputs}]`);
  }
  if (scenario === 'task-incremental' && outputKind(model) !== 'logits') {
    throw new OptionError(
      'model',
      `a model that puts out a ${outputKind(model)}`,
      'a model that puts out logits: heads are masked there',
    );
  }
}
