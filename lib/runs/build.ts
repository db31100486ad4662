/**
 * From a configuration to the things it describes.
 */

import { OptionError } from '../core/errors';
import type * as tf from '../core/tf';
import type { FamilyOptimizer } from '../optimizers';
import { Trainer } from '../training/trainer';
import { buildAugmentation } from './config/augmentationConfig';
import { type FullRunConfig, type RunConfig, resolveConfig } from './config/config';
import { DataLoader, type RunData } from './config/dataConfig';
import { buildModel } from './config/modelConfig';
import { buildTrainingNoise } from './config/noiseConfig';
import { buildOptimizer } from './config/optimizerConfig';

/** What a configuration describes, ready to train. */
export interface BuiltRun {
  /** The configuration, complete. */
  config: FullRunConfig;
  /** What is trained and evaluated on. */
  data: RunData;
  /** The model, with its initial weights. */
  model: tf.LayersModel;
  /** The optimizer. */
  optimizer: FamilyOptimizer;
  /** Trains the model; nothing is trained yet. */
  trainer: Trainer;
  /** Frees model, optimizer, trainer and what belongs to them. */
  dispose(): void;
}

/**
 * Builds data, model, optimizer and trainer of a run. The caller disposes the result.
 *
 * @param loader Loads the data; give the same one to runs that follow on the same data.
 * @throws OptionError for a wrong field, DataError where data is missing.
 */
export async function buildRun(config: RunConfig, loader: DataLoader = new DataLoader()): Promise<BuiltRun> {
  const full = resolveConfig(config);
  const { epochs, batchSize, seed, schedule, switchBatches, evaluateEvery, lifelong } = full;
  if (lifelong !== undefined)
    throw new OptionError('lifelong', lifelong, 'left out', 'Use buildLifelongRun for a run with tasks.');
  const data = await loader.load(full.data, seed);
  const model = buildModel(full.model, data.train, seed);
  const optimizer = buildOptimizer(full.optimizer);
  const noise = buildTrainingNoise(full.noise, seed);
  const trainer = new Trainer(model, optimizer, data.train, {
    epochs,
    batchSize,
    seed,
    schedule,
    switchBatches,
    evaluateEvery,
    augment: buildAugmentation(full.augmentation),
    noise,
    test: data.test,
    onDivergence: 'stop',
  });
  return {
    config: full,
    data,
    model,
    optimizer,
    trainer,
    dispose() {
      trainer.dispose();
      noise?.dispose();
      optimizer.dispose();
      model.dispose();
    },
  };
}
