/**
 * The part of tfjs-node's backend that the runtime builds on: ops by name, and TensorFlow sessions.
 *
 * Everything here is reached through `tf.backend()`; nothing of it is documented by tfjs-node, so this file
 * is the one place that knows it and checks that it is there.
 */
import { NativeRuntimeError } from '../core/errors';
import * as tf from '../core/tf';
import { nativePackage, nativeVersion } from './native';

/** An attribute of a TensorFlow op. Make it with `attr`. */
export interface OpAttribute {
  name: string;
  type: number;
  value: unknown;
}

/** What the runtime uses of tfjs-node's `NodeJSKernelBackend`. */
export interface NodeBackend extends tf.KernelBackend {
  executeSingleOutput(op: string, attributes: OpAttribute[], inputs: tf.TensorInfo[]): tf.Tensor;
  executeMultipleOutputs(
    op: string,
    attributes: OpAttribute[],
    inputs: tf.TensorInfo[],
    outputs: number,
  ): tf.Tensor[];
  loadSavedModelMetaGraph(path: string, tags: string): number;
  runSavedModel(
    session: number,
    inputs: tf.Tensor[],
    inputNames: { name: string }[],
    outputNames: string[],
  ): tf.Tensor[];
  deleteSavedModel(session: number): void;
}

/** Kinds of op attributes, the numbers of TensorFlow's C interface (`TF_AttrType`). */
export const ATTRIBUTE_TYPE = { string: 0, int: 1, float: 2, bool: 3, type: 4, shape: 5 } as const;

/** Data types, the numbers of TensorFlow's C interface (`TF_DataType`). */
export const DATA_TYPE: Readonly<Record<string, number>> = {
  float32: 1,
  int32: 3,
  string: 7,
  complex64: 8,
  bool: 10,
};

/** Makes op attributes: `attr.type('T', x.dtype)`. */
export const attr = {
  type: (name: string, dtype: tf.DataType): OpAttribute => ({
    name,
    type: ATTRIBUTE_TYPE.type,
    value: DATA_TYPE[dtype],
  }),
  bool: (name: string, value: boolean): OpAttribute => ({ name, type: ATTRIBUTE_TYPE.bool, value }),
  float: (name: string, value: number): OpAttribute => ({ name, type: ATTRIBUTE_TYPE.float, value }),
  int: (name: string, value: number | number[]): OpAttribute => ({ name, type: ATTRIBUTE_TYPE.int, value }),
  string: (name: string, value: string): OpAttribute => ({ name, type: ATTRIBUTE_TYPE.string, value }),
};

/** Whether tf.js runs on native TensorFlow now. */
export function isNative(): boolean {
  return tf.getBackend() === 'tensorflow';
}

/** Whether tf.js computes on a GPU now: by the native runtime, or in a browser. */
export function usesGpu(): boolean {
  return (
    ['webgl', 'webgpu'].includes(tf.getBackend()) ||
    (tf.backend() as { isUsingGpuDevice?: boolean }).isUsingGpuDevice === true
  );
}

/**
 * The native backend. Throws a NativeRuntimeError where tf.js runs on another one or tfjs-node has another
 * shape.
 */
export function nodeBackend(): NodeBackend {
  if (!isNative()) {
    throw new NativeRuntimeError(
      `This needs the native TensorFlow runtime, but tf.js runs on its "${tf.getBackend()}" backend. ` +
        (nativePackage === undefined
          ? 'Install it with: npm install @tensorflow/tfjs-node (or @tensorflow/tfjs-node-gpu).'
          : 'Call tf.setBackend("tensorflow").'),
    );
  }
  return tf.backend() as NodeBackend;
}

const USED_METHODS = [
  'executeSingleOutput',
  'executeMultipleOutputs',
  'loadSavedModelMetaGraph',
  'runSavedModel',
  'deleteSavedModel',
] as const;

let checked: NodeBackend | undefined;

/**
 * `nodeBackend()`, after a check that this version of tfjs-node has every method that compiled functions
 * need.
 */
export function checkedNodeBackend(): NodeBackend {
  const backend = nodeBackend();
  if (backend === checked) return backend;
  const missing = USED_METHODS.filter((method) => typeof backend[method] !== 'function');
  if (missing.length > 0) {
    throw new NativeRuntimeError(
      `${nativePackage} ${nativeVersion()} has no ${missing.join(', ')}: compile() was built for ` +
        'version 4.22. Install that version, or run without compiling ' +
        '(LB_EAGER=1, or the option eager: true).',
    );
  }
  checked = backend;
  return backend;
}

/** Runs one native op that has one output. The caller owns the result (or the enclosing tf.tidy). */
export function runOp(op: string, attributes: OpAttribute[], inputs: tf.TensorInfo[]): tf.Tensor {
  return nodeBackend().executeSingleOutput(op, attributes, inputs);
}

/** Runs one native op that has several outputs. The caller owns the results (or the enclosing tf.tidy). */
export function runOpWithOutputs(
  op: string,
  attributes: OpAttribute[],
  inputs: tf.TensorInfo[],
  outputs: number,
): tf.Tensor[] {
  return nodeBackend().executeMultipleOutputs(op, attributes, inputs, outputs);
}
