/**
 * The state of a training as data: position, history, the optimizer's state and every weight of the model by name.
 */
import type { OptimizerManifest, OptimizerState, SavedNames } from '../optimizers';
import { StateMismatchError } from '../runtime/errors';
import * as tf from '../runtime/tf';
import type { EpochRecord, Trainer, TrainerPosition, TrainingStatus } from './trainer';

/** Saved state of a `Trainer`. `manifest` is plain JSON. */
export interface TrainerState {
  manifest: TrainerManifest;
  /** The weights' bytes, float32. */
  weights: Uint8Array;
  /** The bytes of the optimizer's state. */
  optimizer: Uint8Array;
}

/** What the bytes of a `TrainerState` mean. */
export interface TrainerManifest {
  format: 'lookbehind-training/1';
  status: TrainingStatus;
  position: TrainerPosition;
  history: EpochRecord[];
  /** The learning rate that the schedule multiplies. */
  baseLearningRate: number;
  /** Weights in the order of their bytes: trained ones and moving statistics. */
  weights: Array<{ name: string; shape: number[] }>;
  optimizer: OptimizerManifest;
}

/** Copies the state of `trainer`. */
export function captureTrainer(trainer: Trainer): TrainerState {
  const { model, optimizer, status, position, history, baseLearningRate } = trainer;
  const weights = model.weights.map((weight) => ({ name: weight.originalName, shape: weight.shape as number[] }));
  const blocks = model.weights.map((weight) => {
    const values = weight.read().dataSync() as Float32Array;
    return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  });
  const optimizerState = optimizer.saveState(savedNames(model));
  return {
    manifest: {
      format: 'lookbehind-training/1',
      status,
      position: { ...position },
      history: history.map((record) => ({ ...record })),
      baseLearningRate,
      weights,
      optimizer: optimizerState.manifest,
    },
    weights: new Uint8Array(Buffer.concat(blocks)),
    optimizer: optimizerState.data,
  };
}

/** Sets `trainer` to `state`, after everything was checked. */
export function restoreTrainer(trainer: Trainer, state: TrainerState): void {
  const { manifest, weights: bytes } = state;
  const { model, optimizer } = trainer;
  if (manifest.format !== 'lookbehind-training/1') {
    throw new StateMismatchError(`This is not the state of a training: its format is ${JSON.stringify(manifest.format)}.`);
  }
  const expected = model.weights.map((weight) => `${weight.originalName} [${weight.shape}]`);
  const saved = manifest.weights.map(({ name, shape }) => `${name} [${shape}]`);
  const differing = expected.findIndex((text, i) => text !== saved[i]);
  if (expected.length !== saved.length || differing >= 0) {
    const at = differing >= 0 ? differing : Math.min(expected.length, saved.length);
    throw new StateMismatchError(
      `The saved weights do not belong to this model: weight ${at} was ${saved[at] ?? 'absent'}, but is ${expected[at] ?? 'absent'} here. ` +
        'Build the same model.',
    );
  }
  const count = model.weights.reduce((sum, { shape }) => sum + tf.util.sizeFromShape(shape as number[]), 0);
  if (bytes.byteLength !== count * Float32Array.BYTES_PER_ELEMENT) {
    throw new StateMismatchError(
      `The saved weights have ${bytes.byteLength} bytes in place of ${count * 4}. Use an older checkpoint.`,
    );
  }
  const optimizerState: OptimizerState = { manifest: manifest.optimizer, data: state.optimizer };
  optimizer.restoreState(
    optimizerState,
    model.trainableWeights.map((weight) => weight.read() as tf.Variable),
    savedNames(model),
  );
  const values = new Float32Array(bytes.slice().buffer);
  let offset = 0;
  for (const weight of model.weights) {
    const shape = weight.shape as number[];
    const size = tf.util.sizeFromShape(shape);
    const start = offset;
    tf.tidy(() => {
      weight.write(tf.tensor(values.slice(start, start + size), shape));
    });
    offset += size;
  }
  trainer.status = manifest.status;
  trainer.position = { ...manifest.position };
  trainer.history.splice(0, trainer.history.length, ...manifest.history);
  trainer.baseLearningRate = manifest.baseLearningRate;
}

/** Names of a model's variables that do not depend on how often it was built in this process. */
function savedNames(model: tf.LayersModel): SavedNames {
  return new Map(model.weights.map((weight) => [(weight.read() as tf.Variable).name, weight.originalName]));
}
