/**
 * The state of a learner as data: position, accuracies, memory, the optimizer's state and every weight of the model by name.
 */

import { type Divergence, StateMismatchError } from '../core/errors';
import type { OptimizerManifest } from '../optimizers';
import {
  captureModel,
  checkModelState,
  type ModelState,
  rememberedVariables,
  restoreModel,
  type SavedWeight,
  savedNames,
} from '../training/modelState';
import type { EpochRecord, TrainingStatus } from '../training/trainer';
import type { LearningRegime, LifelongLearner, LifelongPosition, TaskRecord } from './learner';
import type { ReservoirState } from './reservoir';
import type { SampleRef } from './samples';

/** Saved state of a `LifelongLearner`. `manifest` is plain JSON. */
export interface LifelongState {
  /** What the bytes mean, and all that is no tensor. */
  manifest: LifelongManifest;
  /** The weights' bytes, float32; in the regime `independent` followed by those of the weights that each task starts from. */
  weights: Uint8Array;
  /** The bytes of the optimizer's state. */
  optimizer: Uint8Array;
}

/** What the bytes of a `LifelongState` mean. */
export interface LifelongManifest {
  /** Format and version of the state. */
  format: 'lookbehind-lifelong/2';
  /** Names of the tasks. */
  tasks: string[];
  /** See `LifelongLearner.regime`. */
  regime: LearningRegime;
  /** See `LifelongLearner.status`. */
  status: TrainingStatus;
  /** See `LifelongLearner.position`. */
  position: LifelongPosition;
  /** See `LifelongLearner.history`. */
  history: EpochRecord[];
  /** See `LifelongLearner.records`. */
  records: TaskRecord[];
  /** Accuracy on each task before any learning; null before it is known. */
  initialAccuracies: number[] | null;
  /** See `LifelongLearner.divergence`. */
  divergence?: Divergence;
  /** The memory of experience replay; null without. */
  memory: ReservoirState<SampleRef> | null;
  /** Weights in the order of their bytes: trained ones and moving statistics. */
  weights: SavedWeight[];
  /** What the optimizer's bytes mean. */
  optimizer: OptimizerManifest;
}

const FORMAT = 'lookbehind-lifelong/2';

/** Copies the state of `learner`. */
export function captureLearner(learner: LifelongLearner): LifelongState {
  const { model, optimizer, sequence, startingWeights, memory } = learner;
  const { weights, data } = captureModel(model);
  const { manifest, data: optimizerData } = optimizer.saveState(savedNames(model));
  return {
    manifest: {
      format: FORMAT,
      tasks: sequence.tasks.map(({ name }) => name),
      regime: learner.regime,
      status: learner.status,
      position: { ...learner.position },
      history: structuredClone(learner.history),
      records: structuredClone(learner.records),
      initialAccuracies: learner.initialAccuracies ?? null,
      ...(learner.divergence === undefined ? {} : { divergence: learner.divergence }),
      memory: memory?.save() ?? null,
      weights,
      optimizer: manifest,
    },
    weights: startingWeights === undefined ? data : new Uint8Array(Buffer.concat([data, startingWeights.data])),
    optimizer: optimizerData,
  };
}

/** Sets `learner` to `state`, after everything was checked. */
export function restoreLearner(learner: LifelongLearner, state: LifelongState): void {
  const { manifest } = state;
  const { model, optimizer, memory } = learner;
  if (manifest.format !== FORMAT) {
    throw new StateMismatchError(`This is not the state of a learner: its format is ${JSON.stringify(manifest.format)}.`);
  }
  checkSame('tasks', manifest.tasks.join(' | '), learner.sequence.tasks.map(({ name }) => name).join(' | '));
  checkSame('regime', manifest.regime, learner.regime);
  checkSame('replay', manifest.memory === null ? 'off' : 'on', memory === undefined ? 'off' : 'on');
  const [weights, starting] = modelStates(manifest, state.weights);
  checkModelState(model, weights);
  if (starting !== undefined) checkModelState(model, starting);
  const optimizerState = { manifest: manifest.optimizer, data: state.optimizer };
  const names = savedNames(model, weights.weights);
  optimizer.restoreState(optimizerState, rememberedVariables(model, names, optimizerState), names);
  restoreModel(model, weights);
  learner.startingWeights = starting;
  if (manifest.memory !== null) memory?.restore(manifest.memory);
  learner.status = manifest.status;
  learner.position = { ...manifest.position };
  learner.history.splice(0, learner.history.length, ...structuredClone(manifest.history));
  learner.records.splice(0, learner.records.length, ...structuredClone(manifest.records));
  learner.initialAccuracies = manifest.initialAccuracies ?? undefined;
  learner.divergence = manifest.divergence;
}

/** The present weights and, in the regime `independent`, those that each task starts from. */
function modelStates({ regime, weights }: LifelongManifest, bytes: Uint8Array): [ModelState, ModelState | undefined] {
  if (regime !== 'independent') return [{ weights, data: bytes }, undefined];
  const half = bytes.byteLength / 2;
  return [
    { weights, data: bytes.subarray(0, half) },
    { weights, data: bytes.subarray(half) },
  ];
}

function checkSame(what: string, saved: string, present: string): void {
  if (saved !== present) {
    throw new StateMismatchError(
      `The state was saved with other ${what} (${saved}) than here (${present}). Use the same settings.`,
    );
  }
}
