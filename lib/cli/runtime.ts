/**
 * A program of its own for `doctor`: what computes here. A damaged native library ends the process that loads
 * it.
 */
import { usesGpu } from '../compile/backend';
import { nativePackage } from '../compile/native';
import * as tf from '../core/tf';

const a = tf.tensor2d([1, 2, 3, 4], [2, 2]);
const product = Array.from(tf.matMul(a, a).dataSync());
console.log(
  JSON.stringify({ package: nativePackage, gpu: usesGpu(), right: product.join() === '7,10,15,22' }),
);
