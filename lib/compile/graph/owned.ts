/**
 * Whose the tensors of a call are: the caller owns those of the result, and only them.
 */
import * as tf from '../../core/tf';
import { distinctTensors, mapTensors, once, type TensorTree } from './tree';

/**
 * Calls `fn` in a tf.tidy, as a traced and a compiled call do: the caller owns the tensors of the result,
 * and only them.
 */
export function callOwned<A extends TensorTree[], R>(fn: (...args: A) => R, args: A): R {
  let result: R | undefined;
  const newest = newestTensorId();
  tf.tidy(() => {
    const returned = fn(...args);
    if (returned instanceof Promise) returned.catch(() => undefined);
    // What was there before (an argument, a variable, a captured tensor) is not the caller's to dispose.
    result = mapTensors(
      returned,
      once((tensor) => (tensor instanceof tf.Variable || tensor.id <= newest ? tensor.clone() : tensor)),
    );
    return distinctTensors(result);
  });
  return result as R;
}

/** Tensors with a larger id are made later. */
function newestTensorId(): number {
  return tf.tidy(() => tf.scalar(0).id);
}
