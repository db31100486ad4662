/**
 * The mean of numbers that are not float32. The stock kernel casts them, and then names the type that they
 * had: an op by itself takes no offence, a graph cannot hold it.
 */
import * as tf from '../../core/tf';
import { replaceNativeKernel } from './register';

replaceNativeKernel('Mean', (stock) => ({ x }, attributes) => {
  if (x.dtype === 'float32') return stock({ x }, attributes);
  const asFloat = tf.cast(x, 'float32');
  const mean = stock({ x: asFloat }, attributes);
  asFloat.dispose();
  return mean;
});
