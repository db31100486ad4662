/**
 * Results of compiled functions: a tensor, or arrays and plain records of tensors. Null and undefined may stand in for
 * optional ones.
 */
import * as tf from '../../core/tf';
import { CompileError } from './error';

/** The tensors of `value`, each once, in a fixed order. Throws a CompileError where something else is in it. */
export function flatten(value: unknown): tf.Tensor[] {
  const tensors: tf.Tensor[] = [];
  mapTensors(value, (tensor) => {
    tensors.push(tensor);
    return tensor;
  });
  return tensors;
}

/** The same structure with every tensor replaced, in the order of `flatten`: a tensor that occurs twice is replaced once. */
export function mapTensors<R>(value: R, replace: (tensor: tf.Tensor) => tf.Tensor): R {
  const replaced = new Map<tf.Tensor, tf.Tensor>();
  const once = (tensor: tf.Tensor): tf.Tensor => {
    const known = replaced.get(tensor) ?? replace(tensor);
    replaced.set(tensor, known);
    return known;
  };
  const map = (node: unknown): unknown => {
    if (node instanceof tf.Tensor) return once(node);
    if (node === null || node === undefined) return node;
    if (Array.isArray(node)) return node.map(map);
    if (isRecord(node)) return Object.fromEntries(Object.entries(node).map(([key, one]) => [key, map(one)]));
    const what = node instanceof Promise ? 'a promise' : typeof node === 'object' ? 'an object of a class' : `a ${typeof node}`;
    throw new CompileError(
      `A compiled function must return tensors, or arrays and plain records of tensors, but this one returned ${what}.` +
        (node instanceof Promise ? ' It must not be async: a graph runs as a whole.' : ''),
    );
  };
  return map(value) as R;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
