/**
 * Registers kernels of the native backend and gradients, in place of those that tf.js brings.
 */

import * as tf from '../../core/tf';
import { isNative } from '../backend';

/** Inputs of a kernel, by name. */
export type KernelInputs = Record<string, tf.Tensor>;

/** Attributes of a kernel, by name. */
export type KernelAttributes = Record<string, unknown>;

/** A kernel in terms of tensors. */
export type NativeKernel = (
  inputs: KernelInputs,
  attributes: KernelAttributes,
) => tf.TensorInfo | tf.TensorInfo[];

/** The backend name of tfjs-node. */
const BACKEND = 'tensorflow';

/** Registers a new kernel for the native backend. */
export function registerNativeKernel(name: string, kernel: NativeKernel): void {
  registerKernelOf(BACKEND, name, kernel);
}

/** Registers a new kernel for one backend, which need not be loaded. */
export function registerKernelOf(backendName: string, name: string, kernel: NativeKernel): void {
  tf.registerKernel({
    kernelName: name,
    backendName,
    kernelFunc: ({ inputs, attrs }) =>
      kernel((inputs ?? {}) as KernelInputs, (attrs ?? {}) as KernelAttributes),
  });
}

/**
 * Replaces a kernel of the native backend by what `replacement` makes of the stock one. No-op where that
 * backend is not loaded.
 */
export function replaceNativeKernel(name: string, replacement: (stock: NativeKernel) => NativeKernel): void {
  const stock = tf.getKernel(name, BACKEND);
  if (stock === undefined) return;
  tf.unregisterKernel(name, BACKEND);
  registerNativeKernel(
    name,
    replacement((inputs, attributes) =>
      stock.kernelFunc({ inputs, attrs: attributes as tf.NamedAttrMap, backend: tf.backend() }),
    ),
  );
}

/** What tf.js has to know of a gradient. */
type Gradient = Omit<tf.GradConfig, 'kernelName'>;

/**
 * Registers the gradient of a kernel, in place of the stock one where there is one. It must run on every
 * backend.
 */
export function registerGradient(name: string, gradient: Gradient): void {
  if (tf.getGradient(name) !== undefined) tf.unregisterGradient(name);
  tf.registerGradient({ kernelName: name, ...gradient });
}

/**
 * Registers a gradient that needs kernels of the native backend. tf.js keeps one gradient of a kernel for all
 * backends, so on any other backend this one hands on to the stock gradient. tf.js reads the fields at each
 * call of the kernel.
 */
export function registerNativeGradient(name: string, gradient: Gradient): void {
  const stock = tf.getGradient(name);
  const current = (): Gradient => (isNative() || stock === undefined ? gradient : stock);
  if (stock !== undefined) tf.unregisterGradient(name);
  tf.registerGradient({
    kernelName: name,
    get inputsToSave() {
      return current().inputsToSave;
    },
    get outputsToSave() {
      return current().outputsToSave;
    },
    get saveAllInputs() {
      return current().saveAllInputs;
    },
    get gradFunc() {
      return current().gradFunc;
    },
  });
}

/** Whether the present backward pass is itself recorded, to be differentiated again. */
export function isRecorded(): boolean {
  return tf.engine().state.gradientDepth > 0;
}
