/**
 * The state of a training as data: position, history, the optimizer's state and every weight of the model by name.
 */

import { type Divergence, StateMismatchError } from '../core/errors';
import type { OptimizerManifest, OptimizerState } from '../optimizers';
import {
  captureModel,
  checkModelState,
  type ModelState,
  rememberedVariables,
  restoreModel,
  type SavedWeight,
  savedNames,
} from './modelState';
import type { EpochRecord, Trainer, TrainerPosition, TrainingStatus } from './trainer';

/** Saved state of a `Trainer`. `manifest` is plain JSON. */
export interface TrainerState {
  /** What the bytes mean, and all that is no tensor. */
  manifest: TrainerManifest;
  /** The weights' bytes. */
  weights: Uint8Array;
  /** The bytes of the optimizer's state. */
  optimizer: Uint8Array;
}

/** What a training must have in common with the one that it goes on from: the position counts its steps. */
export interface TrainerSettings {
  /** Samples of the training set. */
  samples: number;
  /** Samples per batch. */
  batchSize: number;
  /** Batches of one step: 1, or k where the inner steps switch batches. */
  batchesPerStep: number;
  /** See `TrainerOptions.seed`. */
  seed: number;
}

/** What the bytes of a `TrainerState` mean. */
export interface TrainerManifest {
  /** Format and version of the state. */
  format: 'lookbehind-training/2';
  /** See `Trainer.status`. */
  status: TrainingStatus;
  /** See `Trainer.position`. */
  position: TrainerPosition;
  /** See `Trainer.history`. */
  history: EpochRecord[];
  /** See `Trainer.warnings`; absent where there are none. */
  warnings?: string[];
  /** See `Trainer.divergence`. */
  divergence?: Divergence;
  /** On which the order of the samples depends. */
  settings: TrainerSettings;
  /** Weights in the order of their bytes: trained ones and moving statistics. */
  weights: SavedWeight[];
  /** What the optimizer's bytes mean. */
  optimizer: OptimizerManifest;
}

/** Copies the state of `trainer`. */
export function captureTrainer(trainer: Trainer): TrainerState {
  const { model, optimizer, status, position, history, settings, warnings, divergence } = trainer;
  const { weights, data } = captureModel(model);
  const optimizerState = optimizer.saveState(savedNames(model));
  return {
    manifest: {
      format: 'lookbehind-training/2',
      status,
      position: { ...position },
      history: history.map((record) => ({ ...record })),
      settings: { ...settings },
      ...(warnings.length === 0 ? {} : { warnings: [...warnings] }),
      ...(divergence === undefined ? {} : { divergence }),
      weights,
      optimizer: optimizerState.manifest,
    },
    weights: data,
    optimizer: optimizerState.data,
  };
}

/** Sets `trainer` to `state`, after everything was checked. */
export function restoreTrainer(trainer: Trainer, state: TrainerState): void {
  const { manifest } = state;
  const { model, optimizer } = trainer;
  if (manifest.format !== 'lookbehind-training/2') {
    throw new StateMismatchError(`This is not the state of a training: its format is ${JSON.stringify(manifest.format)}.`);
  }
  const modelState: ModelState = { weights: manifest.weights, data: state.weights };
  checkModelState(model, modelState);
  checkManifest(trainer, manifest);
  const optimizerState: OptimizerState = { manifest: manifest.optimizer, data: state.optimizer };
  const names = savedNames(model, manifest.weights);
  optimizer.restoreState(optimizerState, rememberedVariables(model, names, optimizerState), names);
  restoreModel(model, modelState);
  trainer.status = manifest.status;
  trainer.position = { ...manifest.position };
  trainer.history.splice(0, trainer.history.length, ...manifest.history);
  trainer.warnings.splice(0, trainer.warnings.length, ...(manifest.warnings ?? []));
  trainer.divergence = manifest.divergence;
}

/** Throws a StateMismatchError where a field is not of its kind, or lies beyond the end of the training. */
function checkManifest(
  { epochs, stepsPerEpoch, settings }: Trainer,
  { status, position, history, settings: saved, optimizer }: TrainerManifest,
): void {
  for (const [name, value] of Object.entries(settings)) {
    const before: unknown = saved?.[name as keyof TrainerSettings];
    if (before === value) continue;
    throw new StateMismatchError(
      `The state was saved by a training whose ${name} is ${shown(before)}, but here it is ${value}. Its position counts steps of its own ` +
        'batches: use the same settings, or start anew.',
    );
  }
  const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;
  const within = (value: unknown, end: number): boolean =>
    Number.isInteger(value) && (value as number) >= 0 && (value as number) <= end;
  const wrong = Object.entries({
    status: ['running', 'finished', 'aborted', 'diverged'].includes(status),
    position:
      isObject(position) &&
      within(position.epoch, epochs) &&
      within(position.step, stepsPerEpoch) &&
      [position.lossSum, position.sampleCount, position.seconds].every((value) => typeof value === 'number'),
    history: Array.isArray(history) && history.every(isObject),
    optimizer: isObject(optimizer),
  }).find(([, good]) => !good);
  if (wrong !== undefined) {
    throw new StateMismatchError(
      `The saved ${wrong[0]} does not fit a training of ${epochs} epochs of ${stepsPerEpoch} steps. Use the same settings, or an older checkpoint.`,
    );
  }
}

function shown(value: unknown): string {
  return typeof value === 'number' ? String(value) : 'not known';
}
