/**
 * The weight tensors of a model: what each is for, and which of them noise falls on.
 */
import { OptionError } from '../core/errors';
import type * as tf from '../core/tf';
import type { TensorSelector, WeightRole, WeightTensor } from './noise';

/** A weight tensor together with the variable that holds it. */
export interface ModelTensor extends WeightTensor {
  /** The variable that holds the tensor. */
  readonly variable: tf.Variable;
}

const ROLE_OF_NAME: Record<string, WeightRole> = {
  kernel: 'kernel',
  depthwise_kernel: 'kernel',
  pointwise_kernel: 'kernel',
  recurrent_kernel: 'kernel',
  embeddings: 'embedding',
  bias: 'bias',
  gamma: 'gamma',
  beta: 'beta',
};

/**
 * The role of a variable, from the last part of its name; tf.js adds a number to names that it has seen
 * before.
 */
export function weightRole(name: string): WeightRole {
  const last = name.slice(name.lastIndexOf('/') + 1).replace(/_\d+$/, '');
  return ROLE_OF_NAME[last] ?? 'other';
}

/** The default choice of tensors: kernels and embeddings, what an analog or quantized memory holds. */
export const kernelsAndEmbeddings: TensorSelector = ({ role }) => role === 'kernel' || role === 'embedding';

/**
 * Every weight that training changes: kernels, embeddings, biases and BatchNorm's gamma and beta (the paper's
 * choice).
 */
export const allWeights: TensorSelector = () => true;

/**
 * The weight tensors of a model, in the order of its layers. BatchNorm's moving statistics are not weights.
 *
 * Frozen layers count too: noise does not ask what was trained.
 */
export function weightTensors(model: tf.LayersModel): ModelTensor[] {
  const variables = model.layers.flatMap((layer) =>
    layer.weights.map((weight) => weight.read() as tf.Variable),
  );
  return describeVariables(
    [...new Set(variables)].filter(({ name }) => !/moving_(mean|variance)(_\d+)?$/.test(name)),
  );
}

/** Role and ordinal of each variable. */
export function describeVariables(variables: readonly tf.Variable[]): ModelTensor[] {
  const seen = new Map<WeightRole, number>();
  return variables.map((variable) => {
    const role = weightRole(variable.name);
    const ordinal = seen.get(role) ?? 0;
    seen.set(role, ordinal + 1);
    return { name: variable.name, role, ordinal, shape: variable.shape, variable };
  });
}

/**
 * The tensors that `select` chooses. Throws an OptionError where it chooses none: such a noise would be a
 * flat line.
 */
export function selectTensors(tensors: readonly ModelTensor[], select: TensorSelector): ModelTensor[] {
  const selected = tensors.filter((tensor) => select(tensor));
  if (selected.length === 0) {
    const names = tensors.map(({ name, role }) => `${name} (${role})`).join(', ');
    throw new OptionError(
      'select',
      select,
      'a predicate that chooses at least one tensor',
      `The model has ${names}.`,
    );
  }
  return selected;
}
