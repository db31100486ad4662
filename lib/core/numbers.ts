import type * as tf from './tf';

/**
 * The numbers of `result`, which is freed. WebGPU has no other way than to wait for them; the native
 * backend has them at once.
 *
 * Code that a browser can run takes its numbers by this or by `tensor.data()`, never by `dataSync`.
 */
export async function takeNumbers(result: tf.Tensor): Promise<Float32Array> {
  try {
    return (await result.data()) as Float32Array;
  } finally {
    result.dispose();
  }
}
