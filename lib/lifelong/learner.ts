/**
 * Learns a sequence of tasks, one after the other, with any optimizer of the family.
 *
 *     for each task, `epochs` times over its samples:
 *       batch  = the next samples of the task  [+ samples drawn from the memory]         experience replay
 *       one step of the optimizer on the batch, at rate
 *         max(learningRate * learningRateDecay^task, learningRateFloor)
 *       in the first pass: offer the task's samples to the memory                        reservoir sampling
 *     after each task: accuracy on the tasks learned so far and on the next, or on all: a row of the matrix
 *
 * Experience replay: Chaudhry et al., "On tiny episodic memories in continual learning", 2019,
 * arXiv:1902.10486. Learning rates that fall from task to task, small batches and dropout (an option of the
 * model): Mirzadeh, Farajtabar, Pascanu, Ghasemzadeh, "Understanding the role of training regimes in
 * continual learning", NeurIPS 2020, arXiv:2006.06958 (stable SGD).
 *
 * The loop is that of every training; here is what is special: batches of tasks with samples from the memory,
 * heads, and what happens between tasks.
 */

import { joinedBytes } from '../core/bytes';
import { checkNumber, OptionError } from '../core/errors';
import {
  callback,
  checkOptions,
  flag,
  needed,
  nested,
  number,
  type OptionsOf,
  oneOf,
  type SettingsOf,
  whole,
} from '../core/options';
import { Random } from '../core/random';
import { mean } from '../core/spread';
import * as tf from '../core/tf';
import type { FamilyOptimizer } from '../optimizers/optimizer';
import { assignAll } from '../optimizers/passes';
import { lossFor, outputKind } from '../training/defaultLoss';
import {
  type EpochEvaluation,
  LOOP,
  type LoopOptions,
  type StepBatches,
  TRAIN,
  TrainingLoop,
  type TrainingStatus,
  type TrainOptions,
} from '../training/loop';
import type { Loss } from '../training/losses';
import { ModelLoss } from '../training/modelLoss';
import { captureModel, checkModelState, type ModelState, restoreModel } from '../training/modelState';
import {
  checkSettings,
  type TrainerManifest,
  type TrainerSettings,
  type TrainerState,
} from '../training/trainerState';
import { trainableVariables } from '../training/weights';
import { headMask, maskByTask } from './heads';
import { type LifelongMeasures, lifelongMeasures } from './measures';
import { Reservoir, type ReservoirState } from './reservoir';
import { augmentedBatch, type SampleRef, taskBatch } from './samples';
import type { TaskSequence } from './sequence';

/** Describes the options of experience replay. */
export const REPLAY = {
  /**
   * Samples that the memory keeps: references to training samples as they are stored, before augmentation. At
   * least 1.
   */
  capacity: needed(whole({ min: 1 })),
  /**
   * Samples that join each batch, drawn from the memory as soon as it has so many. From 1 to `capacity`.
   * Default: the batch size.
   */
  batchSize: whole({ min: 1 }),
  /**
   * Draws other samples from the memory for each of the optimizer's k inner steps. Default: the learner's
   * `switchBatches`.
   */
  switchBatches: flag(),
};

/** Options of experience replay. */
export type ReplayOptions = OptionsOf<typeof REPLAY>;

/** Describes how tasks are learned: what runs have, too. */
export const LEARNING = {
  /**
   * What is learned when: the tasks one after the other (`sequential`); all at once, the upper bound
   * (`joint`); or each from the first weights, the reference for learning accuracy (`independent`). Default
   * `sequential`.
   */
  regime: oneOf(['sequential', 'joint', 'independent'], 'sequential'),
  /** Factor on the learning rate from task to task in sequential learning, above 0. Default 1. */
  learningRateDecay: number({ min: 0, exclusiveMin: true }, 1),
  /** The learning rate does not fall below this. At least 0. Default 0; stable SGD has 5e-5. */
  learningRateFloor: number({ min: 0 }, 0),
  /**
   * Whether the optimizer forgets momentum and the like at a task's start (`renew`) or not (`keep`). Default
   * `renew`.
   */
  optimizerState: oneOf(['renew', 'keep'], 'renew'),
  /**
   * Tasks tested after each task: those learned so far and the next one, which is all that the measures need
   * (`needed`), or `all` of them, which fills the accuracy matrix in up to twice the time. Default `needed`.
   */
  evaluate: oneOf(['needed', 'all'], 'needed'),
};

/** Describes the options of a `LifelongLearner`, beside `LEARNING` and those of every training. */
export const LEARNER = {
  /** Passes over each task's training set. At least 1. Default 1. */
  epochs: whole({ min: 1 }, 1),
  /** Samples of the task per step. At least 1. Default 10. */
  batchSize: whole({ min: 1 }, 10),
  /** Experience replay, in sequential learning. Default: none. */
  replay: nested(REPLAY),
  /**
   * Leaves out an epoch's last batch where it is smaller than the others, so that all steps have one shape
   * and are compiled once. The memory is offered its samples all the same. Default true.
   */
  dropLast: flag(true),
  /** Measured after each task, at the weights meant for evaluation: `taskSharpness(...)`, for example. */
  measure: callback<TaskMeasure>(),
};

/** Options of a `LifelongLearner`. */
export type LifelongOptions = OptionsOf<typeof LEARNER> & OptionsOf<typeof LEARNING> & LoopOptions;

/** What is learned when. */
export type LearningRegime = 'sequential' | 'joint' | 'independent';

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

/** Options of `LifelongLearner.train`. */
export interface LearnOptions extends TrainOptions {
  /** Called after each task, and awaited: the place for live figures and for copies of the weights. */
  onTask?: (record: TaskRecord, learner: LifelongLearner) => void | Promise<void>;
}

/**
 * Saved state of a `LifelongLearner`. In the regime `independent` the weights that each task starts from
 * follow the present ones.
 */
export interface LifelongState extends TrainerState {
  /** What the bytes mean, and all that is no tensor. */
  manifest: LifelongManifest;
}

/** What the bytes of a `LifelongState` mean. */
export interface LifelongManifest extends TrainerManifest {
  /** What a learner knows beside its training. */
  lifelong: {
    /** See `LifelongLearner.records`. */
    records: TaskRecord[];
    /** Accuracy on each task before any learning; null before it is known. */
    initialAccuracies: number[] | null;
    /** The memory of experience replay; null without. */
    memory: ReservoirState<SampleRef> | null;
  };
}

/**
 * Learns one sequence with one model. Dispose it after use; model and optimizer stay the caller's.
 *
 * Loss and accuracy of the history are evaluated after the last epoch of each task: means over the tasks
 * learned so far; over all tasks in joint learning; of the task itself in independent learning.
 *
 * @example
 * const sequence = rotatedTasks(mnist(), { trainSamples: 1000 });
 * const model = models.mlp({ inputs: sequence.inputShape, hidden: [100, 100], classes: sequence.outputs });
 * const options = { epochs: 5, replay: { capacity: 200 } };
 * const learner = new LifelongLearner(model, sam({ learningRate: 0.2 }), sequence, options);
 * await learner.train();
 * learner.accuracy; learner.measures;
 */
export class LifelongLearner extends TrainingLoop {
  /** One record per finished task. */
  readonly records: TaskRecord[] = [];
  /** Accuracy on each task before any learning, for forward transfer; undefined until `train` begins. */
  initialAccuracies: number[] | undefined;
  /** The memory of experience replay. */
  readonly memory: Reservoir<SampleRef> | undefined;
  /** What is learned when. */
  readonly regime: LearningRegime;
  /** Epochs in all, of all tasks together. */
  override readonly epochs: number;
  override readonly settings: TrainerSettings;

  readonly #options: SettingsOf<typeof LEARNER & typeof LEARNING & typeof LOOP>;
  readonly #hasHeads: boolean;
  /** Epochs of each task. */
  readonly #epochs: number;
  readonly #replaySize: number;
  /** Draws from the memory of one step: one, or one for each inner step. */
  readonly #replayBatches: number;
  /** The weights from which each task is learned in the regime `independent`. */
  #starting: ModelState | undefined;
  /** What is added to the outputs in evaluation. */
  readonly #mask: tf.Variable;
  readonly #loss: ModelLoss;

  /** @throws OptionError where an option is wrong, or the model does not fit the sequence. */
  constructor(
    model: tf.LayersModel,
    optimizer: FamilyOptimizer,
    /** The tasks. */
    readonly sequence: TaskSequence,
    options: LifelongOptions = {},
  ) {
    const checked = checkOptions('LifelongLearner', { ...LEARNER, ...LEARNING, ...LOOP }, options);
    super(model, optimizer, {
      ...checked,
      loss: lossFor(model, checked.loss),
      ownLoss: typeof checked.loss === 'function',
    });
    const { epochs, regime, replay, switchBatches, dropLast, loss, eager } = checked;
    const { batchSize, batchesPerStep, seed } = this;
    checkFit(model, sequence);
    this.#epochs = epochs;
    this.regime = regime;
    this.#replaySize = replay === undefined ? 0 : checkReplay(replay, batchSize, regime);
    this.memory = replay && new Reservoir(replay.capacity, seed);
    this.#replayBatches = (replay?.switchBatches ?? switchBatches) ? optimizer.innerSteps : 1;
    this.#options = checked;
    this.epochs = this.stages * epochs;
    this.settings = {
      ...{ tasks: sequence.tasks.map(({ name }) => name).join(' | '), regime, epochsPerTask: epochs },
      ...{
        replay: replay?.capacity ?? 0,
        replayBatchSize: this.#replaySize,
        replayBatches: this.#replayBatches,
      },
      ...{ batchSize, batchesPerStep, dropLast, seed },
    };
    this.#starting = regime === 'independent' ? captureModel(model) : undefined;
    this.#hasHeads = sequence.scenario === 'task-incremental';
    if (this.#hasHeads) checkUnsmoothed(loss);
    this.#mask = tf.tidy(() => tf.variable(tf.zeros([sequence.outputs]), false));
    const outputs = this.#hasHeads ? (all: tf.Tensor): tf.Tensor => tf.add(all, this.#mask) : undefined;
    this.#loss = new ModelLoss(model, sequence.tasks[0].test, { loss, outputs, eager });
  }

  /** Tasks that are learned one after the other: 1 in joint learning. */
  get stages(): number {
    return this.regime === 'joint' ? 1 : this.sequence.length;
  }

  /** Tasks finished; in joint learning 0, then 1. */
  get stage(): number {
    return this.#stageOf(this.position.epoch);
  }

  /** `accuracy[i][j]`: accuracy on task j after learning task i, 0 to 1; NaN where it is not known (yet). */
  get accuracy(): number[][] {
    const { length } = this.sequence;
    const rows = Array.from({ length }, () => new Array<number>(length).fill(Number.NaN));
    for (const { task, accuracies } of this.records) rows[task] = [...accuracies];
    return rows;
  }

  /**
   * The measures of the tasks learned so far; undefined before the first is. In the regime `joint` only the
   * average accuracy is defined; in `independent` the learning accuracy is what counts.
   */
  get measures(): LifelongMeasures | undefined {
    const last = this.records.at(-1);
    return last && lifelongMeasures(this.accuracy.slice(0, last.task + 1), this.initialAccuracies);
  }

  /** Learns to the end, from where it stands. As `Trainer.train`. */
  override async train(options: LearnOptions = {}): Promise<TrainingStatus> {
    checkOptions('train', { ...TRAIN, onTask: callback() }, options);
    const { onTask, callbacks = [], ...rest } = options;
    const onEpochEnd = async (epoch: number): Promise<void> => {
      if ((epoch + 1) % this.#epochs === 0) await onTask?.(this.records[this.#stageOf(epoch + 1) - 1], this);
    };
    return super.train({ ...rest, callbacks: [callbacks, { onEpochEnd }].flat() });
  }

  override save(): LifelongState {
    const { manifest, weights, optimizer } = super.save();
    const { initialAccuracies = null } = this;
    const lifelong = {
      records: structuredClone(this.records),
      initialAccuracies,
      memory: this.memory?.save() ?? null,
    };
    const starting = this.#starting?.data ?? new Uint8Array();
    return { manifest: { ...manifest, lifelong }, weights: joinedBytes([weights, starting]), optimizer };
  }

  override restore(state: LifelongState): void {
    const { settings, weights, lifelong } = state.manifest;
    checkSettings(this, settings);
    const size = state.weights.byteLength / (this.#starting === undefined ? 1 : 2);
    const starting = this.#starting && { weights, data: state.weights.subarray(size) };
    if (starting !== undefined) checkModelState(this.model, starting);
    super.restore({ ...state, weights: state.weights.subarray(0, size) });
    this.#starting = starting;
    if (lifelong.memory !== null) this.memory?.restore(lifelong.memory);
    this.records.splice(0, this.records.length, ...structuredClone(lifelong.records));
    this.initialAccuracies = lifelong.initialAccuracies ?? undefined;
  }

  override stepsIn(epoch: number): number {
    const exact = this.#samplesOf(this.#stageOf(epoch)) / (this.batchSize * this.batchesPerStep);
    return Math.max(1, this.#options.dropLast ? Math.floor(exact) : Math.ceil(exact));
  }

  override dispose(): void {
    this.#loss.dispose();
    this.#mask.dispose();
    super.dispose();
  }

  protected override get place(): readonly number[] {
    return [this.stage, this.position.epoch % this.#epochs, this.position.step];
  }

  protected override get where(): string {
    const { epoch, step } = this.position;
    return `step ${step} of epoch ${(epoch % this.#epochs) + 1} of task ${this.stage + 1}`;
  }

  /** The optimizer's own rate, less after each task. */
  protected override rateAt(epoch: number): number {
    const { learningRateDecay, learningRateFloor } = this.#options;
    const rate =
      this.optimizer.learningRate *
      learningRateDecay ** (this.regime === 'sequential' ? this.#stageOf(epoch) : 0);
    return Math.max(rate, learningRateFloor);
  }

  protected override outputsFor(outputs: tf.Tensor, tasks: tf.Tensor): tf.Tensor {
    return this.#hasHeads ? maskByTask(this.sequence, outputs, tasks) : outputs;
  }

  protected override async begin(signal: AbortSignal | undefined): Promise<void> {
    this.initialAccuracies ??= (await this.#test(this.sequence.length, signal)).accuracies;
    const { epoch, step } = this.position;
    if (epoch > 0 && epoch % this.#epochs === 0 && step === 0) await this.#beginTask();
  }

  /** Sets weights and optimizer to what a task starts from. Doing it twice does no harm. */
  async #beginTask(): Promise<void> {
    const { model, optimizer } = this;
    if (this.#starting !== undefined) {
      restoreModel(model, this.#starting);
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

  protected override batchesIn(epoch: number): (step: number) => StepBatches {
    const { batchSize, memory } = this;
    const isFirstPass = epoch % this.#epochs === 0;
    const order = this.#order(epoch);
    const perStep = batchSize * this.batchesPerStep;
    const last = this.stepsIn(epoch) - 1;
    return (step) => {
      const refs = order.slice(step * perStep, (step + 1) * perStep);
      const batches = Array.from({ length: Math.ceil(refs.length / batchSize) }, (_, i) =>
        refs.slice(i * batchSize, (i + 1) * batchSize),
      );
      return {
        tensors: this.#joinReplay(batches).map((batch, i) => this.#tensors(batch, i)),
        samples: batches[0].length,
        taken() {
          if (!isFirstPass || memory === undefined) return;
          for (const ref of step === last ? order.slice(step * perStep) : refs) memory.add(ref);
        },
      };
    };
  }

  /** The samples of one epoch, in the order in which they are learned. */
  #order(epoch: number): SampleRef[] {
    const stage = this.#stageOf(epoch);
    const tasks = this.regime === 'joint' ? [...this.sequence.tasks.keys()] : [stage];
    const all = tasks.flatMap((task) =>
      Array.from(
        { length: this.sequence.tasks[task].train.size },
        (_, index): SampleRef => ({ task, index }),
      ),
    );
    const random = new Random(this.seed, `batches/${stage}/${epoch % this.#epochs}`);
    return Array.from(random.permutation(all.length), (i) => all[i]);
  }

  /** Adds samples drawn from the memory to each batch. */
  #joinReplay(batches: SampleRef[][]): SampleRef[][] {
    const { memory } = this;
    if (memory === undefined || memory.items.length < this.#replaySize) return batches;
    const replayed = Array.from({ length: this.#replayBatches }, (_, i) =>
      memory.draw(this.#replaySize, this.random('replay', i)),
    );
    const count = Math.max(batches.length, replayed.length);
    return Array.from({ length: count }, (_, i) => [
      ...batches[i % batches.length],
      ...replayed[i % replayed.length],
    ]);
  }

  /** The tensors of a batch, owned by the caller. */
  #tensors(refs: SampleRef[], batch: number): tf.Tensor[] {
    const { sequence } = this;
    const { augment } = this.#options;
    const { xs, ys, tasks } =
      augment === undefined
        ? taskBatch(sequence, refs)
        : augmentedBatch(sequence, refs, augment, this.random('augment', batch));
    return [xs, ys, tasks];
  }

  protected override async evaluateAfter(
    epoch: number,
    signal: AbortSignal | undefined,
  ): Promise<EpochEvaluation | undefined> {
    if ((epoch + 1) % this.#epochs !== 0) return undefined;
    const { sequence, model, optimizer, regime } = this;
    const stage = this.#stageOf(epoch);
    const task = regime === 'joint' ? sequence.length - 1 : stage;
    const name = regime === 'joint' ? 'all tasks' : sequence.tasks[task].name;
    // Forward transfer is what is known of a task before it is learned.
    const { accuracies, losses } = await this.#test(
      this.#options.evaluate === 'all' ? sequence.length : task + 2,
      signal,
    );
    const context: TaskContext = { task, sequence, model, signal };
    const measures = await optimizer.withSlowWeights(
      async () => (await this.#options.measure?.(context)) ?? {},
    );
    this.records[stage] = { task, name, accuracies, losses, measures };
    const first = regime === 'independent' ? task : 0;
    const known = (values: number[]): number => mean(values.slice(first, task + 1));
    return { loss: known(losses), accuracy: known(accuracies) };
  }

  /**
   * Accuracy and loss on the test sets of the first `count` tasks, at the weights meant for evaluation; NaN
   * for the others.
   */
  async #test(
    count: number,
    signal: AbortSignal | undefined,
  ): Promise<Pick<TaskRecord, 'accuracies' | 'losses'>> {
    const { sequence, optimizer } = this;
    const accuracies = new Array<number>(sequence.length).fill(Number.NaN);
    const losses = [...accuracies];
    await optimizer.withSlowWeights(async () => {
      for (const [task, { test }] of sequence.tasks.slice(0, count).entries()) {
        tf.tidy(() => this.#mask.assign(tf.tensor1d(headMask(sequence, task))));
        const { accuracy, loss } = await this.#loss.at(test, signal);
        accuracies[task] = accuracy;
        losses[task] = loss;
      }
    });
    return { accuracies, losses };
  }

  #stageOf(epoch: number): number {
    return Math.floor(epoch / this.#epochs);
  }

  /** Training samples of a stage. */
  #samplesOf(stage: number): number {
    const { tasks } = this.sequence;
    return (this.regime === 'joint' ? tasks : [tasks[stage]]).reduce((sum, { train }) => sum + train.size, 0);
  }
}

/** Samples that are replayed at each step. */
function checkReplay(
  { capacity, batchSize }: ReplayOptions,
  taskBatchSize: number,
  regime: LearningRegime,
): number {
  if (regime !== 'sequential')
    throw new OptionError('replay', { capacity }, `left out in the regime "${regime}"`);
  return checkNumber('replay.batchSize', batchSize ?? taskBatchSize, { max: capacity });
}

/** Smoothed labels ask for a share of the outputs of all heads, also of those that are masked. */
function checkUnsmoothed(loss: Loss | undefined): void {
  if (typeof loss !== 'object' || !('labelSmoothing' in loss) || !loss.labelSmoothing) return;
  throw new OptionError(
    'loss.labelSmoothing',
    loss.labelSmoothing,
    '0 where each task has a head of its own',
  );
}

function checkFit(model: tf.LayersModel, { inputShape, outputs, scenario }: TaskSequence): void {
  const [input, output] = [model.inputs[0].shape.slice(1), model.outputs[0].shape.slice(1)];
  if (String(input) !== String(inputShape) || String(output) !== String(outputs)) {
    throw new OptionError(
      'model',
      `a model from [${input}] to [${output}]`,
      `a model from [${inputShape}] to [${outputs}]`,
    );
  }
  if (scenario === 'task-incremental' && outputKind(model) !== 'logits') {
    throw new OptionError(
      'model',
      `a model that puts out a ${outputKind(model)}`,
      'a model that puts out logits: heads are masked there',
    );
  }
}
