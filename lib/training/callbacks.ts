/**
 * Callbacks of a training, in the manner of tf.js: what `model.fit` takes, a `Trainer` takes, too.
 *
 *     onTrainBegin { onEpochBegin { onBatchBegin step onBatchEnd } evaluation onEpochEnd } onTrainEnd
 *
 * Logs have the names of tf.js: `loss`; after an epoch with an evaluation also `val_loss`, `val_acc` where
 * labels are classes, and a `val_` name for each metric. A callback stops the training by `model.stopTraining
 * = true`.
 */
import { describe, OptionError } from '../core/errors';
import { option } from '../core/options';
import * as tf from '../core/tf';

/**
 * A callback: functions by name, or an object such as `tf.callbacks.earlyStopping()` and
 * `tf.node.tensorBoard(folder)`.
 */
export type TrainingCallback = tf.CustomCallbackArgs | CallbackObject;

/**
 * An object of a class of callbacks of tf.js. Its other methods are left out: with them editors would not
 * know the types of functions by name.
 */
export interface CallbackObject {
  /** Tells it how long the training is. */
  setParams(params: Record<string, number>): void;
  /** Tells it what is trained. */
  setModel(model: tf.LayersModel): void;
}

/** Names of the functions of a callback. */
const NAMES = [
  'onTrainBegin',
  'onTrainEnd',
  'onEpochBegin',
  'onEpochEnd',
  'onBatchBegin',
  'onBatchEnd',
  'onYield',
];

/** The option `callbacks`. */
export const CALLBACKS = option<TrainingCallback | readonly TrainingCallback[]>(
  'other',
  'a callback of tf.js or a list of them',
  (path, value) => {
    const list = (Array.isArray(value) ? value : [value]) as unknown[];
    for (const one of list)
      if (!isCallback(one)) {
        const wrong =
          typeof one === 'object' && one !== null ? Object.entries(one).find(isStrange) : undefined;
        const got = wrong === undefined ? one : `${wrong[0]}: ${describe(wrong[1])}`;
        throw new OptionError(path, got, `an object of functions named ${NAMES.join(', ')}`);
      }
    return list as TrainingCallback[];
  },
);

/** What callbacks are told before training. */
export interface CallbackParams {
  epochs: number;
  initialEpoch: number;
  steps: number;
  batchSize: number;
}

/** The callbacks as one, which knows the model. */
export function callbackList(
  callbacks: TrainingCallback | readonly TrainingCallback[],
  model: tf.LayersModel,
  params: CallbackParams,
): tf.CallbackList {
  const all = (Array.isArray(callbacks) ? callbacks : [callbacks]) as readonly TrainingCallback[];
  const list = new tf.CallbackList(all.map(objectOf));
  list.setParams({ ...params, verbose: 0 });
  list.setModel(model);
  return list;
}

function objectOf(callback: TrainingCallback): tf.CustomCallback {
  if (isObject(callback)) return callback as tf.CustomCallback;
  const functions = callback as tf.CustomCallbackArgs;
  return new tf.CustomCallback(functions, functions.onYield === undefined ? 'never' : 'auto');
}

/** Whether it is an object of a class of tf.js, whichever copy of it. */
function isObject(callback: object): boolean {
  return typeof (callback as { setParams?: unknown }).setParams === 'function';
}

function isCallback(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  if (isObject(value)) return true;
  return !Object.entries(value).some(isStrange);
}

/** Whether a callback has no such function. */
function isStrange([name, one]: [string, unknown]): boolean {
  return !NAMES.includes(name) || !['function', 'undefined'].includes(typeof one);
}
