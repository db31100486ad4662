/**
 * Gradients of the maximum and the minimum along axes. Equal extremes share the gradient equally, so that it
 * sums to what came in; tf.js gives the whole of it to each of them.
 */
import * as tf from '../../core/tf';
import { registerGradient } from './register';

// tf.js calls the axes by another name in each of the two kernels.
for (const [kernel, axisName] of [
  ['Max', 'reductionIndices'],
  ['Min', 'axis'],
]) {
  registerGradient(kernel, {
    inputsToSave: ['x'],
    outputsToSave: [true],
    gradFunc: (dy, [x, y], attributes) => {
      const reduced = (attributes as unknown as Record<string, number | number[]>)[axisName];
      const axes = tf.util.parseAxisParam(reduced, x.shape);
      const kept = x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
      return {
        x: () => {
          const isExtreme = tf.cast(tf.equal(x, tf.reshape(y, kept)), 'float32');
          return tf.mul(tf.reshape(dy as tf.Tensor, kept), tf.div(isExtreme, tf.sum(isExtreme, axes, true)));
        },
      };
    },
  });
}
