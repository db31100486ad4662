/**
 * The state of a training as data: position, history, the optimizer's state and every weight of the model by
 * name.
 */

import { type Divergence, StateMismatchError } from '../core/errors';
import type { OptimizerManifest, OptimizerState } from '../optimizers/state';
import type { EpochRecord, TrainerPosition, TrainingLoop, TrainingStatus } from './loop';
import {
  captureModel,
  checkModelState,
  type ModelState,
  rememberedVariables,
  restoreModel,
  type SavedWeight,
  savedNames,
} from './modelState';

/** Saved state of a training. `manifest` is plain JSON, in which numbers may be NaN or infinite. */
export interface TrainerState {
  /** What the bytes mean, and all that is no tensor. */
  manifest: TrainerManifest;
  /** The weights' bytes. */
  weights: Uint8Array;
  /** The bytes of the optimizer's state. */
  optimizer: Uint8Array;
}

/**
 * What a training must have in common with the one that it goes on from, by name: its position counts steps
 * of its own batches. Numbers of samples, batch size and seed, for example; in lifelong learning the tasks,
 * too.
 */
export type TrainerSettings = Readonly<Record<string, number | string | boolean>>;

/** What the bytes of a `TrainerState` mean. */
export interface TrainerManifest {
  /** Format and version of the state. */
  format: 'lookbehind-training/2';
  /** See `TrainingLoop.status`. */
  status: TrainingStatus;
  /** See `TrainingLoop.position`. */
  position: TrainerPosition;
  /** See `TrainingLoop.history`. */
  history: EpochRecord[];
  /** See `TrainingLoop.warnings`; absent where there are none. */
  warnings?: string[];
  /** See `TrainingLoop.divergence`. */
  divergence?: Divergence;
  /** See `TrainingLoop.settings`. */
  settings: TrainerSettings;
  /** Weights in the order of their bytes: trained ones and moving statistics. */
  weights: SavedWeight[];
  /** What the optimizer's bytes mean. */
  optimizer: OptimizerManifest;
}

/** Copies the state of `trainer`. */
export function captureTrainer(trainer: TrainingLoop): TrainerState {
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
export function restoreTrainer(trainer: TrainingLoop, state: TrainerState): void {
  const { manifest } = state;
  const { model, optimizer } = trainer;
  if (manifest.format !== 'lookbehind-training/2') {
    throw new StateMismatchError(
      `This is not the state of a training: its format is ${JSON.stringify(manifest.format)}.`,
    );
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
  trainer: TrainingLoop,
  { status, position, history, settings, optimizer }: TrainerManifest,
): void {
  checkSettings(trainer, settings);
  const { epochs } = trainer;
  const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;
  const within = (value: unknown, end: number): boolean =>
    Number.isInteger(value) && (value as number) >= 0 && (value as number) <= end;
  const steps = trainer.stepsIn(within(position?.epoch, epochs - 1) ? position.epoch : 0);
  const wrong = Object.entries({
    status: ['running', 'finished', 'aborted', 'diverged'].includes(status),
    position:
      isObject(position) &&
      within(position.epoch, epochs) &&
      within(position.step, steps) &&
      [position.lossSum, position.sampleCount, position.seconds].every((value) => typeof value === 'number'),
    history: Array.isArray(history) && history.every(isObject),
    optimizer: isObject(optimizer),
  }).find(([, good]) => !good);
  if (wrong !== undefined) {
    throw new StateMismatchError(
      `The saved ${wrong[0]} does not fit a training of ${epochs} epochs of ${steps} steps. Use the ` +
        'same settings, or an older checkpoint.',
    );
  }
}

/** Throws a StateMismatchError where `saved` are not the settings of `trainer`. */
export function checkSettings({ settings }: TrainingLoop, saved: TrainerSettings | undefined): void {
  for (const [name, value] of Object.entries(settings)) {
    const before: unknown = saved?.[name];
    if (before === value) continue;
    throw new StateMismatchError(
      `The state was saved by a training whose ${name} is ${shown(before)}, but here it is ` +
        `${shown(value)}. Its position counts steps of its own ` +
        'batches: use the same settings, or start anew.',
    );
  }
}

function shown(value: unknown): string {
  return ['number', 'string', 'boolean'].includes(typeof value) ? String(value) : 'not known';
}
