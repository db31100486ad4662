/** Losses of two variables are computed on the CPU, whatever trains a network meanwhile. */
import * as tf from '@tensorflow/tfjs';

/** Runs `fn` on the backend `cpu`, which has its numbers at once. */
export function onCpu<T>(fn: () => T): T {
  const other = tf.getBackend();
  if (other === 'cpu') return fn();
  // Both backends have started, so that each change is made when the call returns.
  void tf.setBackend('cpu');
  try {
    return fn();
  } finally {
    void tf.setBackend(other);
  }
}
