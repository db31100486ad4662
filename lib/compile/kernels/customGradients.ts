/**
 * Makes tf.customGrad refuse what it would get wrong.
 *
 * A custom gradient may save values that its forward function computed. tf.js does not know how those depend
 * on the inputs, so the derivative of such a gradient would miss a part, silently. Where a backward pass is
 * itself recorded, each saved value that is no input is therefore tied to the inputs by an op whose own
 * gradient is an error.
 */

import { LookbehindError } from '../../core/errors';
import * as tf from '../../core/tf';
import { isNative } from '../backend';
import { isRecorded, registerNativeGradient, registerNativeKernel } from './register';

/** A derivative of a derivative that tf.js cannot take exactly. */
export class SecondDerivativeError extends LookbehindError {}

const SAVED_VALUE = 'LookbehindSavedValue';

type Save = (tensors: tf.Tensor[]) => void;
type Gradient = (dy: tf.Tensor, saved: tf.Tensor[]) => tf.Tensor | tf.Tensor[];
type Forward = (...args: (tf.Tensor | Save)[]) => { value: tf.Tensor; gradFunc: Gradient };

const engine = tf.engine() as unknown as {
  customGrad(forward: Forward): (...inputs: tf.Tensor[]) => tf.Tensor;
};
const stockCustomGrad = engine.customGrad;

engine.customGrad = (forward) =>
  stockCustomGrad.call(engine, (...args) => {
    const inputs = args.slice(0, -1) as tf.Tensor[];
    const save = args[args.length - 1] as Save;
    let isComputed: boolean[] = [];
    const { value, gradFunc } = forward(...inputs, (tensors: tf.Tensor[]) => {
      isComputed = tensors.map((tensor) => !inputs.some(({ id }) => id === tensor.id));
      save(tensors);
    });
    const tie = (saved: tf.Tensor[]) =>
      saved.map((tensor, i) => (isComputed[i] ? tied(tensor, inputs) : tensor));
    return { value, gradFunc: (dy, saved) => gradFunc(dy, isRecorded() ? tie(saved) : saved) };
  });

/** The same tensor, as an op of `inputs` on the tape. */
function tied(tensor: tf.Tensor, inputs: tf.Tensor[]): tf.Tensor {
  if (!isNative()) {
    const refuse = (value: tf.Tensor) => ({ value: value.clone(), gradFunc: refused });
    return stockCustomGrad.call(engine, refuse as Forward)(tensor, ...inputs);
  }
  const named = Object.fromEntries(inputs.map((input, i) => [`input${i}`, input]));
  return tf.engine().runKernel(SAVED_VALUE, { value: tensor, ...named }) as tf.Tensor;
}

registerNativeKernel(SAVED_VALUE, ({ value }) => {
  const { dataId, dtype, shape } = value;
  (tf.backend() as unknown as { incRef(dataId: object): void }).incRef(dataId);
  return { dataId, dtype, shape };
});

registerNativeGradient(SAVED_VALUE, { gradFunc: refused });

function refused(): never {
  throw new SecondDerivativeError(
    'A tf.customGrad saves a value that it computed, and its gradient was to be differentiated again: ' +
      'tf.js would leave out a part of the result. Save the inputs and compute the value in the gradient ' +
      'function. Of the losses, tf.losses.softmaxCrossEntropy and tf.logSoftmax are such functions; ' +
      'crossEntropy of this library is not.',
  );
}
