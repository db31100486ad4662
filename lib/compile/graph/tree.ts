/**
 * Arguments and results of compiled functions: a tensor, or arrays and plain records of tensors. Null and
 * undefined may stand in for optional ones.
 */
import * as tf from '../../core/tf';
import { CompileError } from './error';

/** A tensor, null, undefined, or arrays and plain records of these. */
export type TensorTree = object | null | undefined;

/** What says that `what` must not be in a tree. */
type Refusal = (what: string) => Error;

/** The same tree with every tensor replaced, in a fixed order. */
export function mapTensors<T>(
  tree: T,
  replace: (tensor: tf.Tensor) => tf.Tensor,
  refuse: Refusal = refusedResult,
): T {
  const map = (node: unknown): unknown => {
    if (node instanceof tf.Tensor) return replace(node);
    if (node === null || node === undefined) return node;
    if (Array.isArray(node)) return node.map(map);
    if (isRecord(node)) return Object.fromEntries(Object.entries(node).map(([key, one]) => [key, map(one)]));
    throw refuse(inWords(node));
  };
  return map(tree) as T;
}

/**
 * The tensors of a tree, in the order of `mapTensors`. Takes part in every compiled call, so it copies
 * nothing.
 */
export function tensorsOf(tree: unknown, refuse: Refusal = refusedResult): tf.Tensor[] {
  if (tree instanceof tf.Tensor) return [tree];
  if (tree === null || tree === undefined) return [];
  if (!Array.isArray(tree) && !isRecord(tree)) throw refuse(inWords(tree));
  return Object.values(tree).flatMap((one) => tensorsOf(one, refuse));
}

/** Each tensor of a tree once, in the order in which `once` asks for them. */
export function distinctTensors(tree: unknown): tf.Tensor[] {
  return [...new Set(tensorsOf(tree))];
}

/** `replace`, asked only once for a tensor that occurs twice. */
export function once(replace: (tensor: tf.Tensor) => tf.Tensor): (tensor: tf.Tensor) => tf.Tensor {
  const replaced = new Map<tf.Tensor, tf.Tensor>();
  return (tensor) => {
    const known = replaced.get(tensor) ?? replace(tensor);
    replaced.set(tensor, known);
    return known;
  };
}

/** The dtypes and shapes of a tree's tensors, and how they are arranged. Variables stand for themselves. */
export function describeTree(tree: unknown): string {
  if (tree instanceof tf.Variable) return `variable ${tree.name} ${tree.dtype} [${tree.shape}]`;
  if (tree instanceof tf.Tensor) return `${tree.dtype} [${tree.shape}]`;
  if (tree === null || tree === undefined) return 'none';
  if (Array.isArray(tree)) return `[${tree.map(describeTree).join(', ')}]`;
  const entries = Object.entries(tree).map(([name, one]) => `${name}: ${describeTree(one)}`);
  return `{ ${entries.join(', ')} }`;
}

function refusedResult(what: string): CompileError {
  return new CompileError(
    'A compiled function must return tensors, or arrays and plain records of tensors, but this one ' +
      `returned ${what}.` +
      (what === 'a promise' ? ' It must not be async: a graph runs as a whole.' : ''),
  );
}

function inWords(node: unknown): string {
  if (node instanceof Promise) return 'a promise';
  return typeof node === 'object' ? 'an object of a class' : `a ${typeof node}`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
