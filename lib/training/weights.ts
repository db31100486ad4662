/**
 * The weights of a model as tf.Variables, and running code with other values in their place.
 */
import { StateMismatchError } from '../core/errors';
import { frozenLayers } from '../core/modelGraph';
import * as tf from '../core/tf';

/** The trainable weights of `model`, in the order of `model.trainableWeights`. They stay the model's. */
export function trainableVariables(model: tf.LayersModel): tf.Variable[] {
  return model.trainableWeights.map((weight) => weight.read() as tf.Variable);
}

/** One tensor within a flat vector of weights: all tensors one after the other, each row-major. */
export interface WeightSlot {
  /** Name of its variable. */
  name: string;
  /** Shape of the tensor. */
  shape: number[];
  /** Number of weights. */
  size: number;
  /** Where it starts in the flat vector. */
  offset: number;
}

/** The places of `variables` in the flat vector of all of them, in their order. */
export function slotsOf(variables: readonly tf.Variable[]): WeightSlot[] {
  let offset = 0;
  return variables.map(({ name, shape, size }) => {
    offset += size;
    return { name, shape: [...shape], size, offset: offset - size };
  });
}

/** Which variables and layers are trained, as one text: it changes where a layer is frozen or thawed. */
export function trainedIds(model: tf.LayersModel): string {
  // A BatchNorm layer without scale and offset has no variable that is trained.
  const frozen = [...frozenLayers(model)].map(({ id }) => id);
  return [...trainableVariables(model).map(({ id }) => id), '', ...frozen].join();
}

/**
 * All weights of `model`, BatchNorm's moving averages included, in the order of `model.weights`. They stay
 * the model's.
 */
export function allVariables(model: tf.LayersModel): tf.Variable[] {
  return model.weights.map((weight) => weight.read() as tf.Variable);
}

/**
 * Runs `fn` while `variables` have the values `tensors`, then gives them back the values they had, bit for
 * bit, also where `fn` throws. No numbers are copied: a variable only points to other data meanwhile.
 * `tensors` stay the caller's.
 *
 * `fn` must be synchronous. What it returns must not be a variable itself, which by then has its old value
 * again.
 *
 * @throws StateMismatchError where number, shape or type of the tensors differ from the variables'.
 */
export function withWeights<T>(
  variables: readonly tf.Variable[],
  tensors: readonly tf.Tensor[],
  fn: () => T,
): T {
  if (tensors.length !== variables.length) {
    throw new StateMismatchError(
      `The model has ${variables.length} weights of this kind, but ${tensors.length} tensors were given.`,
    );
  }
  variables.forEach((variable, i) => {
    if (!tf.util.arraysEqual(variable.shape, tensors[i].shape) || variable.dtype !== tensors[i].dtype) {
      throw new StateMismatchError(
        `Weight ${variable.name} is ${variable.dtype} [${variable.shape}], but its new value is ` +
          `${tensors[i].dtype} [${tensors[i].shape}].`,
      );
    }
  });
  const held = variables.map((variable) => tf.keep(variable.clone()));
  try {
    variables.forEach((variable, i) => {
      variable.assign(tensors[i] as tf.Tensor);
    });
    return fn();
  } finally {
    variables.forEach((variable, i) => {
      variable.assign(held[i]);
      held[i].dispose();
    });
  }
}
