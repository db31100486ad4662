/**
 * Every weight of a model as bytes: trained ones and moving statistics.
 */
import type { SavedNames } from '../optimizers';
import { StateMismatchError } from '../runtime/errors';
import * as tf from '../runtime/tf';
import { allVariables } from './weights';

/** One weight of a saved model. */
export interface SavedWeight {
  /** Name that does not depend on how often the model was built in its process. */
  name: string;
  /** Shape of the tensor. */
  shape: number[];
}

/** The weights of a model. */
export interface ModelState {
  /** Weights in the order of their bytes. */
  weights: SavedWeight[];
  /** The bytes, float32. */
  data: Uint8Array;
}

/** Copies the weights of `model`. */
export function captureModel(model: tf.LayersModel): ModelState {
  const blocks = allVariables(model).map((variable) => {
    const values = variable.dataSync() as Float32Array;
    return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  });
  return { weights: savedWeights(model), data: new Uint8Array(Buffer.concat(blocks)) };
}

/**
 * Throws a StateMismatchError where `state` was not saved from a model like this one.
 */
export function checkModelState(model: tf.LayersModel, { weights, data }: ModelState): void {
  if (!Array.isArray(weights) || !weights.every((one) => typeof one?.name === 'string')) {
    throw new StateMismatchError('The saved weights are damaged: use an older checkpoint.');
  }
  const expected = savedWeights(model).map(({ name, shape }) => `${name} [${shape}]`);
  const saved = weights.map(({ name, shape }) => `${name} [${shape}]`);
  const differing = expected.findIndex((text, i) => text !== saved[i]);
  if (expected.length !== saved.length || differing >= 0) {
    const at = differing >= 0 ? differing : Math.min(expected.length, saved.length);
    throw new StateMismatchError(
      `The saved weights do not belong to this model: weight ${at} was ${saved[at] ?? 'absent'}, but is ${expected[at] ?? 'absent'} here. ` +
        'Build the same model.',
    );
  }
  const bytes = allVariables(model).reduce((sum, { size }) => sum + size, 0) * Float32Array.BYTES_PER_ELEMENT;
  if (data.byteLength !== bytes) {
    throw new StateMismatchError(
      `The saved weights have ${data.byteLength} bytes in place of ${bytes}. Use an older checkpoint.`,
    );
  }
}

/** Sets the weights of `model` to `state`, after they were checked. Throws a StateMismatchError where they don't fit. */
export function restoreModel(model: tf.LayersModel, state: ModelState): void {
  checkModelState(model, state);
  const values = new Float32Array(state.data.slice().buffer);
  let offset = 0;
  for (const variable of allVariables(model)) {
    const end = offset + variable.size;
    tf.tidy(() => variable.assign(tf.tensor(values.slice(offset, end), variable.shape)));
    offset = end;
  }
}

/** Names of a model's variables that do not depend on how often it was built in this process. */
export function savedNames(model: tf.LayersModel): SavedNames {
  return new Map(model.weights.map((weight) => [(weight.read() as tf.Variable).name, weight.originalName]));
}

function savedWeights(model: tf.LayersModel): SavedWeight[] {
  return model.weights.map((weight) => ({ name: weight.originalName, shape: weight.shape as number[] }));
}
