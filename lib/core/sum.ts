import * as tf from './tf';

/**
 * Tensors that one shader of WebGPU takes in: of the 8 buffers that each device has, one is for the result.
 */
const MOST_ON_WEBGPU = 7;

/**
 * The sum of tensors of one shape, as `tf.addN`. On WebGPU that gives zeros for many tensors, and says so on
 * the console only.
 */
export function sumOf(tensors: readonly tf.Tensor[]): tf.Tensor {
  if (tensors.length <= MOST_ON_WEBGPU || tf.getBackend() !== 'webgpu') return tf.addN([...tensors]);
  const [first, rest] = [tensors.slice(0, MOST_ON_WEBGPU), tensors.slice(MOST_ON_WEBGPU)];
  return sumOf([tf.addN(first), ...rest]);
}
