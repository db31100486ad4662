/**
 * The straight-through estimator: forward the value of f, backward the gradient of the identity. It gives
 * functions that are flat almost everywhere, such as rounding, a useful gradient.
 *
 * Bengio, Leonard, Courville, "Estimating or propagating gradients through stochastic neurons for conditional
 * computation", arXiv:1308.3432 (2013).
 */
import * as tf from '../core/tf';

/**
 * f(weights), with the gradient of the identity.
 *
 * @param pass Where the gradient passes: a tensor of 0 and 1 in the shape of the weights. Default:
 * everywhere.
 */
export function straightThrough(
  weights: tf.Tensor,
  f: (weights: tf.Tensor) => tf.Tensor,
  pass?: (weights: tf.Tensor) => tf.Tensor,
): tf.Tensor {
  return tf.customGrad((input, save) => {
    const w = input as tf.Tensor;
    if (pass !== undefined) (save as tf.GradSaveFunc)([w]);
    return {
      value: f(w),
      gradFunc: (dy, saved) => (pass === undefined ? dy : tf.mul(dy, pass(saved[0]))),
    };
  })(weights);
}
