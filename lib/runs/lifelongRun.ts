/**
 * Runs that learn a sequence of tasks.
 */

import { OptionError } from '../core/errors';
import type * as tf from '../core/tf';
import { LifelongLearner, type TaskMeasure, type TaskSequence, taskModel } from '../lifelong';
import type { FamilyOptimizer } from '../optimizers';
import { buildAugmentation } from './config/augmentationConfig';
import { type FullRunConfig, type RunConfig, resolveConfig } from './config/config';
import { DataLoader } from './config/dataConfig';
import { buildSequence, learningOptions } from './config/lifelongConfig';
import type { MeasuredValues } from './config/measure';
import { type MeasureConfig, takeMeasures } from './config/measures';
import { buildModel } from './config/modelConfig';
import { buildTrainingNoise } from './config/noiseConfig';
import { buildOptimizer } from './config/optimizerConfig';

/** What a configuration with `lifelong` describes, ready to learn. */
export interface BuiltLifelongRun {
  /** The configuration, complete. */
  config: FullRunConfig;
  /** The tasks. */
  sequence: TaskSequence;
  /** The model, with its initial weights. */
  model: tf.LayersModel;
  /** The optimizer. */
  optimizer: FamilyOptimizer;
  /** Learns the tasks; nothing is learned yet. */
  learner: LifelongLearner;
  /** Frees model, optimizer, learner and what belongs to them. */
  dispose(): void;
}

/** What a run with `lifelong` learned, beyond the measures of its result. */
export interface LifelongResult {
  /** How the tasks were made, with the class order where classes are split. */
  recipe: TaskSequence['recipe'];
  /** Names of the tasks. */
  tasks: string[];
  /** `accuracy[i][j]`: accuracy on task j after learning task i, 0 to 1; NaN where it was not measured. */
  accuracy: number[][];
  /** Accuracy on each task before any learning, 0 to 1; null where the run diverged before. */
  initialAccuracies: number[] | null;
  /** What `measures` asked for, after each task, on its data. */
  measures: MeasuredValues[];
}

/**
 * Builds tasks, model, optimizer and learner of a run. The caller disposes the result.
 *
 * @param loader Loads the data; give the same one to runs that follow on the same data.
 * @throws OptionError for a wrong field, DataError where data is missing.
 */
export async function buildLifelongRun(config: RunConfig, loader: DataLoader = new DataLoader()): Promise<BuiltLifelongRun> {
  const full = resolveConfig(config);
  const { lifelong, epochs, batchSize, seed, switchBatches } = full;
  if (lifelong === undefined) throw new OptionError('lifelong', lifelong, 'given', 'Use buildRun for a run without tasks.');
  const data = await loader.load(full.data, seed);
  const sequence = buildSequence(lifelong, data, seed);
  const model = buildModel(full.model, data.train, seed);
  const optimizer = buildOptimizer(full.optimizer);
  const noise = buildTrainingNoise(full.noise, seed);
  const learner = new LifelongLearner(model, optimizer, sequence, {
    ...learningOptions(lifelong),
    epochs,
    batchSize,
    seed,
    switchBatches,
    augment: buildAugmentation(full.augmentation),
    noise,
    measure: measureOfTask(full.measures),
    onDivergence: 'stop',
  });
  return {
    config: full,
    sequence,
    model,
    optimizer,
    learner,
    dispose() {
      learner.dispose();
      noise?.dispose();
      optimizer.dispose();
      model.dispose();
    },
  };
}

/** The measures of a learner as columns of a result; empty where no task was learned. */
export function lifelongValues({ measures }: LifelongLearner): MeasuredValues {
  if (measures === undefined) return {};
  const { forgetting, ...values } = measures;
  return { ...values, ...Object.fromEntries(Object.entries(forgetting).map(([name, value]) => [`forgetting.${name}`, value])) };
}

/** The matrix of a learner and what it was measured on. */
export function lifelongResult({ sequence, accuracy, initialAccuracies, records }: LifelongLearner): LifelongResult {
  return {
    recipe: sequence.recipe,
    tasks: sequence.tasks.map(({ name }) => name),
    accuracy,
    initialAccuracies: initialAccuracies ?? null,
    measures: records.map(({ measures }) => measures),
  };
}

function measureOfTask(measures: readonly MeasureConfig[]): TaskMeasure {
  return async ({ model, sequence, task, signal }) =>
    takeMeasures(measures, { model: taskModel(model, sequence, task), data: sequence.tasks[task], signal });
}
