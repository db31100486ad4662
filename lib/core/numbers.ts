/**
 * The numbers of tensors. WebGPU has no other way than to wait for them; the native backend has them at once.
 *
 * Code that a browser can run takes its numbers here or by `tensor.data()`, not by `dataSync`.
 */
import type * as tf from './tf';

/** The numbers of each tensor. */
export async function numbersOf(tensors: readonly tf.Tensor[]): Promise<Float32Array[]> {
  return (await Promise.all(tensors.map((tensor) => tensor.data()))) as Float32Array[];
}

/** The numbers of `result`, which is freed. */
export async function takeNumbers(result: tf.Tensor): Promise<Float32Array> {
  try {
    return (await result.data()) as Float32Array;
  } finally {
    result.dispose();
  }
}
