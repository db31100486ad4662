/**
 * Every weight of a model as bytes: trained ones and moving statistics.
 *
 * Names of tf.js are neither stable nor unique: a model that is built twice in a process gets other ones, and
 * two blocks made by one function have the same. So weights are saved in the order of their layers, which
 * freezing does not change, and found again by that order and their shapes; by names where all are unique and
 * only their order is another.
 */

import { joinedBytes } from '../core/bytes';
import { StateMismatchError } from '../core/errors';
import * as tf from '../core/tf';
import type { OptimizerState, SavedNames } from '../optimizers/state';

/** One weight of a saved model. */
export interface SavedWeight {
  /** Its name when it was saved. */
  name: string;
  /** Shape of the tensor. */
  shape: number[];
  /** Type of its numbers; absent for float32. */
  dtype?: 'int32' | 'bool';
}

/** The weights of a model. */
export interface ModelState {
  /** Weights in the order of their bytes. */
  weights: SavedWeight[];
  /** The bytes of their numbers. */
  data: Uint8Array;
}

/** Copies the weights of `model`. Throws a StateMismatchError where one holds no numbers. */
export function captureModel(model: tf.LayersModel): ModelState {
  const variables = layerVariables(model).map(({ variable }) => variable);
  const blocks = variables.map((variable) => {
    const values = variable.dataSync();
    return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  });
  return { weights: savedWeights(model), data: joinedBytes(blocks) };
}

/**
 * Throws a StateMismatchError where `state` was not saved from a model like this one.
 */
export function checkModelState(model: tf.LayersModel, { weights, data }: ModelState): void {
  const places = savedPlaces(model, weights);
  const bytes = layerVariables(model).reduce((sum, { variable }) => sum + byteLength(variable), 0);
  if (data.byteLength !== bytes || places.length !== weights.length) {
    throw new StateMismatchError(
      `The saved weights have ${data.byteLength} bytes in place of ${bytes}. Use an older checkpoint.`,
    );
  }
}

/** Sets the weights of `model` to `state`, which `checkModelState` found to fit. */
export function restoreModel(model: tf.LayersModel, state: ModelState): void {
  const variables = layerVariables(model);
  const places = savedPlaces(model, state.weights);
  const presentAt = new Map(places.map((place, i) => [place, variables[i].variable]));
  let offset = 0;
  for (const place of state.weights.keys()) {
    const variable = presentAt.get(place) as tf.Variable;
    const bytes = state.data.slice(offset, offset + byteLength(variable));
    const values =
      variable.dtype === 'float32'
        ? new Float32Array(bytes.buffer)
        : variable.dtype === 'int32'
          ? new Int32Array(bytes.buffer)
          : bytes;
    tf.tidy(() => variable.assign(tf.tensor(values, variable.shape, variable.dtype)));
    offset += bytes.byteLength;
  }
}

/**
 * Names under which an optimizer saves what it remembers of the weights of `model`: place and name. They are
 * unique, and do not depend on how often the model was built in this process.
 *
 * @param saved The saved weights, where the names of a state are meant. Default: those of the model.
 * @throws StateMismatchError where `saved` are not the weights of this model.
 */
export function savedNames(
  model: tf.LayersModel,
  saved: readonly SavedWeight[] = savedWeights(model),
): SavedNames {
  const places = savedPlaces(model, saved);
  return new Map(
    layerVariables(model).map(({ variable }, i) => [variable.name, placeName(saved, places[i])]),
  );
}

/**
 * The weights of `model` that a step may meet after `state` is restored: those that are trained, and frozen
 * ones of which the optimizer still remembers something.
 */
export function rememberedVariables(
  model: tf.LayersModel,
  names: SavedNames,
  { manifest }: OptimizerState,
): tf.Variable[] {
  const trained = new Set(model.trainableWeights.map((weight) => weight.read() as tf.Variable));
  const parts: unknown = manifest.parts;
  const slots = Array.isArray(parts)
    ? parts.flatMap((part) => (Array.isArray(part?.slots) ? part.slots : []))
    : [];
  const remembered = new Set(slots.map((slot) => slot?.variableName));
  const frozen = layerVariables(model)
    .map(({ variable }) => variable)
    .filter((variable) => !trained.has(variable) && remembered.has(names.get(variable.name)));
  return [...trained, ...frozen];
}

function placeName(weights: readonly SavedWeight[], place: number): string {
  return `${place}/${weights[place].name}`;
}

/** For each weight of `model`, in the order of `layerVariables`, where it is among the saved ones. */
function savedPlaces(model: tf.LayersModel, saved: readonly SavedWeight[]): number[] {
  const isWeight = (one: SavedWeight | undefined): boolean =>
    typeof one?.name === 'string' && Array.isArray(one.shape);
  if (!Array.isArray(saved) || !saved.every(isWeight)) {
    throw new StateMismatchError('The saved weights are damaged: use an older checkpoint.');
  }
  const present = savedWeights(model);
  const places = new Map(saved.map(({ name }, i) => [name, i]));
  const sameNames =
    places.size === saved.length &&
    saved.length === present.length &&
    present.every(({ name }) => places.has(name));
  const unique = new Set(present.map(({ name }) => name)).size === present.length;
  const found = present.map(({ name }, i) => (sameNames && unique ? (places.get(name) as number) : i));
  const text = (one: SavedWeight | undefined): string =>
    one === undefined ? 'absent' : `${one.name} ${one.dtype ?? ''}[${one.shape}]`;
  const form = (one: SavedWeight | undefined): string =>
    one === undefined ? '' : `${one.dtype ?? ''}[${one.shape}]`;
  for (let i = 0; i < Math.max(present.length, saved.length); i++) {
    const before = saved[found[i] ?? i];
    if (form(before) === form(present[i])) continue;
    throw new StateMismatchError(
      `The saved weights do not belong to this model: weight ${i} was ${text(before)}, but is ` +
        `${text(present[i])} here. Build the same model.`,
    );
  }
  return found;
}

/** The variables of `model` layer by layer, those of nested models included, each once. */
function layerVariables(model: tf.LayersModel): Array<{ name: string; variable: tf.Variable }> {
  const found = new Map<tf.Variable, string>();
  const visit = (layer: tf.layers.Layer): void => {
    if (layer instanceof tf.LayersModel) layer.layers.forEach(visit);
    for (const weight of layer.weights) {
      const variable = weight.read() as tf.Variable;
      if (!found.has(variable)) found.set(variable, weight.originalName);
    }
  };
  visit(model);
  return Array.from(found, ([variable, name]) => ({ name, variable }));
}

function savedWeights(model: tf.LayersModel): SavedWeight[] {
  return layerVariables(model).map(({ name, variable: { shape, dtype } }) => {
    if (dtype === 'float32') return { name, shape };
    if (dtype === 'int32' || dtype === 'bool') return { name, shape, dtype };
    throw new StateMismatchError(
      `The weight "${name}" is ${dtype}: weights that are no numbers cannot be saved.`,
    );
  });
}

function byteLength({ size, dtype }: tf.Variable): number {
  return size * tf.util.bytesPerElement(dtype);
}
