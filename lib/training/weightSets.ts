/**
 * Many weight sets of one model: what they are, and how they are cut into chunks that are evaluated together.
 */
import { DataError, StateMismatchError } from '../core/errors';
import * as tf from '../core/tf';
import { allVariables, trainableVariables } from './weights';

/** Many weight sets, made chunk by chunk. */
export interface WeightSets {
  /** Number of weight sets. */
  readonly count: number;
  /**
   * The sets `from` (inclusive) to `to` (exclusive): for each weight of the model one tensor
   * `[to - from, ...shape]`. Either the trainable weights, in the order of `model.trainableWeights`, or all,
   * in the order of `model.weights`; all chunks alike. The evaluation disposes them.
   */
  chunk(from: number, to: number): tf.Tensor[] | Promise<tf.Tensor[]>;
}

/** The sets, stacked chunk by chunk. The caller disposes the weights. */
export async function* chunksOf(
  sets: WeightSets | Iterable<tf.Tensor[]>,
  chunkSize: number,
): AsyncGenerator<{ from: number; weights: tf.Tensor[] }, void, undefined> {
  if ('chunk' in sets) {
    for (let from = 0; from < sets.count; from += chunkSize) {
      yield { from, weights: await sets.chunk(from, Math.min(from + chunkSize, sets.count)) };
    }
    return;
  }
  let from = 0;
  let held: tf.Tensor[][] = [];
  try {
    for (const set of sets) {
      held.push(set.map((tensor) => tensor.clone()));
      if (held.length < chunkSize) continue;
      yield { from, weights: stackSets(held) };
      from += held.length;
      tf.dispose(held);
      held = [];
    }
    if (held.length > 0) yield { from, weights: stackSets(held) };
  } finally {
    tf.dispose(held);
  }
}

/** The variables that sets of `weightCount` weights stand for: the trainable ones, or all. */
export function variablesOf(model: tf.LayersModel, weightCount: number): tf.Variable[] {
  const trainable = trainableVariables(model);
  if (weightCount === trainable.length) return trainable;
  const all = allVariables(model);
  if (weightCount === all.length) return all;
  throw new StateMismatchError(
    `A weight set has ${weightCount} tensors, but the model has ${trainable.length} trainable weights ` +
      `and ${all.length} in all.`,
  );
}

/** `stack` with its first row repeated until there are `rows`. */
export function padRows(stack: tf.Tensor, rows: number): tf.Tensor {
  return tf.tidy(() => {
    const [have, ...shape] = stack.shape;
    const first = tf.slice(stack, [0], [1]);
    return tf.concat([stack, tf.tile(first, [rows - have, ...shape.map(() => 1)])]);
  });
}

function stackSets(sets: tf.Tensor[][]): tf.Tensor[] {
  if (sets.some((set) => set.length !== sets[0].length)) {
    throw new DataError('The weight sets differ in their number of tensors.');
  }
  return sets[0].map((_, i) => tf.stack(sets.map((set) => set[i])));
}
