/**
 * Registers kernels of the native backend and gradients, in place of those that tf.js brings.
 */
import * as tf from '../tf';

/** Inputs of a kernel, by name. */
export type KernelInputs = Record<string, tf.Tensor>;

/** Attributes of a kernel, by name. */
export type KernelAttributes = Record<string, unknown>;

/** A kernel in terms of tensors. */
export type NativeKernel = (inputs: KernelInputs, attributes: KernelAttributes) => tf.TensorInfo | tf.TensorInfo[];

/** The backend name of tfjs-node. */
const BACKEND = 'tensorflow';

/** Registers `kernel` for the native backend. Where tf.js has one of that name, it is replaced, and returned. */
export function registerNativeKernel(name: string, kernel: NativeKernel): NativeKernel | undefined {
  const stock = tf.getKernel(name, BACKEND);
  if (stock !== undefined) tf.unregisterKernel(name, BACKEND);
  tf.registerKernel({
    kernelName: name,
    backendName: BACKEND,
    kernelFunc: ({ inputs, attrs }) => kernel((inputs ?? {}) as KernelInputs, (attrs ?? {}) as KernelAttributes),
  });
  return stock && ((inputs, attrs) => stock.kernelFunc({ inputs, attrs: attrs as tf.NamedAttrMap, backend: tf.backend() }));
}

/** Registers the gradient of a kernel, in place of the stock one where there is one. */
export function registerNativeGradient(name: string, gradient: Omit<tf.GradConfig, 'kernelName'>): void {
  if (tf.getGradient(name) !== undefined) tf.unregisterGradient(name);
  tf.registerGradient({ kernelName: name, ...gradient });
}
