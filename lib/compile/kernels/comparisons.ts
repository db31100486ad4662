/**
 * Gradients of functions that are constant almost everywhere: zero. tf.js has none for them, so that a second
 * derivative through a maximum, or a first one through tf.where, stops with an error.
 */
import * as tf from '../../core/tf';
import { registerGradient } from './register';

const COMPARISONS = [
  'Equal',
  'NotEqual',
  'Greater',
  'GreaterEqual',
  'Less',
  'LessEqual',
  'LogicalAnd',
  'LogicalOr',
];
const TESTS = ['LogicalNot', 'IsNan', 'IsInf', 'IsFinite'];

for (const kernel of COMPARISONS) registerZeroGradient(kernel, ['a', 'b']);
for (const kernel of TESTS) registerZeroGradient(kernel, ['x']);

function registerZeroGradient(kernel: string, inputs: string[]): void {
  registerGradient(kernel, {
    inputsToSave: inputs,
    gradFunc: (_dy, saved) =>
      Object.fromEntries(inputs.map((name, i) => [name, () => tf.zerosLike(tf.cast(saved[i], 'float32'))])),
  });
}
