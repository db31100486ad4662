/**
 * From a configuration to the things it describes.
 */

import { OptionError } from '../core/errors';
import type * as tf from '../core/tf';
import { LifelongLearner, type TaskMeasure, type TaskSequence, taskModel } from '../lifelong';
import type { FamilyOptimizer } from '../optimizers/optimizer';
import type { LoopOptions, TrainingLoop } from '../training/loop';
import { Trainer } from '../training/trainer';
import { buildAugmentation } from './config/augmentationConfig';
import { type FullRunConfig, type RunConfig, resolveConfig } from './config/config';
import { DataLoader, type RunData } from './config/dataConfig';
import { buildSequence, learningOptions } from './config/lifelongConfig';
import { checkMeasurable, takeMeasures } from './config/measures';
import { buildModel } from './config/modelConfig';
import { buildTrainingNoise } from './config/noiseConfig';
import { buildOptimizer } from './config/optimizerConfig';

/** What every configuration describes. */
interface Built {
  /** The configuration, complete. */
  config: FullRunConfig;
  /** The model, with its initial weights. */
  model: tf.LayersModel;
  /** The optimizer. */
  optimizer: FamilyOptimizer;
  /** Frees model, optimizer and what belongs to them. */
  dispose(): void;
}

/** What a configuration describes, ready to train. */
export interface BuiltRun extends Built {
  /** What is trained and evaluated on. */
  data: RunData;
  /** Trains the model; nothing is trained yet. */
  trainer: Trainer;
}

/** What a configuration with `lifelong` describes, ready to learn. */
export interface BuiltLifelongRun extends Built {
  /** The tasks. */
  sequence: TaskSequence;
  /** Learns the tasks; nothing is learned yet. */
  learner: LifelongLearner;
}

/**
 * Builds data, model, optimizer and trainer of a run. The caller disposes the result.
 *
 * @param loader Loads the data; give the same one to runs that follow on the same data.
 * @throws OptionError for a wrong field, DataError where data is missing.
 */
export async function buildRun(config: RunConfig, loader: DataLoader = new DataLoader()): Promise<BuiltRun> {
  const full = resolveConfig(config);
  const { epochs, schedule, evaluateEvery, metrics, lifelong } = full;
  if (lifelong !== undefined)
    throw new OptionError('lifelong', lifelong, 'left out', 'Use buildLifelongRun for a run with tasks.');
  const data = await loader.load(full.data, full.seed);
  checkMeasurable(full.measures, data);
  return build(full, data, (model, optimizer, options) => {
    const trainer = new Trainer(model, optimizer, data.train, {
      ...options,
      epochs,
      schedule,
      evaluateEvery,
      metrics,
      test: data.test,
    });
    return { loop: trainer, made: { data, trainer } };
  });
}

/** As `buildRun`, for a run with `lifelong`: builds tasks, model, optimizer and learner. */
export async function buildLifelongRun(
  config: RunConfig,
  loader: DataLoader = new DataLoader(),
): Promise<BuiltLifelongRun> {
  const full = resolveConfig(config);
  const { lifelong, epochs, seed } = full;
  if (lifelong === undefined)
    throw new OptionError('lifelong', lifelong, 'given', 'Use buildRun for a run without tasks.');
  const data = await loader.load(full.data, seed);
  const sequence = buildSequence(lifelong, data, seed);
  return build(full, data, (model, optimizer, options) => {
    const own = { ...learningOptions(lifelong), epochs, measure: measureOfTask(full) };
    const learner = new LifelongLearner(model, optimizer, sequence, { ...options, ...own });
    return { loop: learner, made: { sequence, learner } };
  });
}

function build<T>(
  config: FullRunConfig,
  { train }: RunData,
  make: (
    model: tf.LayersModel,
    optimizer: FamilyOptimizer,
    options: LoopOptions & { batchSize: number },
  ) => { loop: TrainingLoop; made: T },
): Built & T {
  const { batchSize, seed, switchBatches, loss: ofBatch } = config;
  const model = buildModel(config.model, train, seed);
  const optimizer = buildOptimizer(config.optimizer);
  const noise = buildTrainingNoise(config.noise, seed);
  const augment = buildAugmentation(config.augmentation);
  const { loop, made } = make(model, optimizer, {
    batchSize,
    seed,
    switchBatches,
    loss: ofBatch,
    augment,
    noise,
    onDivergence: 'stop',
  });
  const dispose = (): void => {
    for (const one of [loop, noise, optimizer, model]) one?.dispose();
  };
  return { config, model, optimizer, dispose, ...made };
}

function measureOfTask({ measures, loss }: FullRunConfig): TaskMeasure {
  return async ({ model, sequence, task, signal }) =>
    takeMeasures(measures, {
      model: taskModel(model, sequence, task),
      data: sequence.tasks[task],
      loss,
      signal,
    });
}
