/**
 * The trainable weights of a model as one flat vector, and which of them make up one unit.
 */

import { OptionError, StateMismatchError } from '../core/errors';
import { innermostLayers } from '../core/modelGraph';
import { numbersOf } from '../core/numbers';
import * as tf from '../core/tf';
import type { WeightRole } from '../robustness/noise';
import { weightRole } from '../robustness/tensors';
import { slotsOf, trainableVariables, type WeightSlot } from '../training/weights';

/** One weight tensor within the flat vector, and what it is made of. */
export interface UnitSlot extends WeightSlot {
  /** What the tensor is for: kernel, bias, gamma and so on. */
  role: WeightRole;
  /**
   * The axes that count the output units ("filters"): the weights of one unit share their index along them.
   */
  unitAxes: number[];
}

/** The trainable weights of `model` in the order of `model.trainableWeights`: that of the flat vector. */
export function weightLayout(model: tf.LayersModel): UnitSlot[] {
  const transposed = new Set<number>();
  for (const layer of innermostLayers(model)) {
    if (layer.getClassName().endsWith('Transpose'))
      for (const weight of layer.weights) transposed.add(weight.read().id);
  }
  const variables = trainableVariables(model);
  return slotsOf(variables).map((slot, i) => ({
    ...slot,
    role: weightRole(slot.name),
    unitAxes: unitAxesOf(slot.name, slot.shape.length, transposed.has(variables[i]!.id)),
  }));
}

/** A copy of the trainable weights of `model` as one flat vector. */
export function flatWeights(model: tf.LayersModel): Float32Array {
  const variables = trainableVariables(model);
  const flat = new Float32Array(variables.reduce((sum, { size }) => sum + size, 0));
  let offset = 0;
  for (const variable of variables) {
    flat.set(variable.dataSync(), offset);
    offset += variable.size;
  }
  return flat;
}

/**
 * As `flatWeights`, for any backend: WebGPU has numbers only for those who wait, and `flatWeights` takes a
 * long way round there.
 */
export async function readFlatWeights(model: tf.LayersModel): Promise<Float32Array> {
  // tf.js keeps the numbers that it read beside the tensor.
  await numbersOf(trainableVariables(model));
  return flatWeights(model);
}

/**
 * Writes a flat vector into the trainable weights of `model`. Throws a StateMismatchError where its length
 * does not fit.
 */
export function setFlatWeights(model: tf.LayersModel, flat: Float32Array): void {
  const slots = weightLayout(model);
  checkFlatSize(flat, slots);
  tf.tidy(() => {
    trainableVariables(model).forEach((variable, i) => {
      variable.assign(slotTensor(flat, slots[i]));
    });
  });
}

/** The part of a flat vector that belongs to `slot`, as a tensor owned by the caller. */
export function slotTensor(flat: Float32Array, { offset, size, shape }: WeightSlot): tf.Tensor {
  return tf.tensor(flat.slice(offset, offset + size), shape);
}

/** Throws a StateMismatchError where `flat` has not as many numbers as the model has trainable weights. */
export function checkFlatSize(flat: Float32Array, slots: readonly WeightSlot[]): void {
  if (!(flat instanceof Float32Array))
    throw new OptionError('weights', flat, 'a Float32Array, as flatWeights gives it');
  const size = slots.reduce((sum, slot) => sum + slot.size, 0);
  if (flat.length !== size) {
    throw new StateMismatchError(
      `The model has ${size} trainable weights, but a vector of ${flat.length} numbers was given.`,
    );
  }
}

/**
 * TensorFlow keeps output units on the last axis: `[in, out]`, `[height, width, in, out]`. A depthwise kernel
 * `[height, width, channels, multiplier]` has one filter for each pair of the last two, a transposed
 * convolution `[height, width, out, in]` has them on the last but one, an embedding `[words, size]` has one
 * vector for each word.
 */
function unitAxesOf(name: string, rank: number, isTransposed: boolean): number[] {
  const last = name.slice(name.lastIndexOf('/') + 1);
  if (last.startsWith('depthwise_kernel')) return [rank - 2, rank - 1];
  if (last.startsWith('embeddings')) return [0];
  return [isTransposed && rank > 2 ? rank - 2 : rank - 1];
}
