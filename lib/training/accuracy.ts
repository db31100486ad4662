/**
 * How many samples a model gets right.
 */
import * as tf from '../core/tf';
import { outputKind } from './defaultLoss';

/**
 * For how many samples the largest output is at the label, as a float32 scalar: labels are int32 `[n]` or
 * one-hot, outputs `[n, classes]`. With one output, labels are 0 or 1 (`[n]` or `[n, 1]`), and an output
 * above `boundary` means 1. NaN where labels are no classes.
 *
 * @param boundary Between the two classes of a model with one output: `classBoundary`.
 */
export function correctCount(labels: tf.Tensor, outputs: tf.Tensor, boundary: number): tf.Scalar {
  if (outputs.rank === 2 && outputs.shape[1] === 1) return correctOfTwo(labels, outputs, boundary);
  const isClass = labels.rank === 1 && labels.dtype === 'int32';
  const isOneHot = labels.rank === 2 && tf.util.arraysEqual(labels.shape, outputs.shape);
  if (outputs.rank !== 2 || !(isClass || isOneHot)) return tf.scalar(Number.NaN);
  const classes = isClass ? labels : labels.argMax(1);
  return tf.sum(tf.cast(tf.equal(outputs.argMax(1), classes), 'float32')) as tf.Scalar;
}

/** As `correctCount`, for outputs `[n, 1]`. */
function correctOfTwo(labels: tf.Tensor, outputs: tf.Tensor, boundary: number): tf.Scalar {
  if (labels.size !== outputs.size) return tf.scalar(Number.NaN);
  return tf.tidy(() => {
    const isOne = tf.reshape(tf.equal(labels, 1), [-1]);
    const isZero = tf.reshape(tf.equal(labels, 0), [-1]);
    const saysOne = tf.reshape(tf.greater(outputs, boundary), [-1]);
    const correct = tf.sum(tf.cast(tf.equal(tf.cast(saysOne, 'int32'), tf.cast(isOne, 'int32')), 'float32'));
    const areClasses = tf.all(tf.logicalOr(isOne, isZero));
    return tf.where(areClasses, correct, tf.scalar(Number.NaN)) as tf.Scalar;
  });
}

/**
 * Where the one output of a model changes from class 0 to class 1: 0.5 where its last activation is a
 * sigmoid, else 0, as for logits.
 */
export function classBoundary(model: tf.LayersModel): number {
  return outputKind(model) === 'sigmoid' ? 0.5 : 0;
}
