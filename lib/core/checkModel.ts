/** Whether something is a model that this library works with: of tf.layers, and of the same copy of tf.js. */
import { OptionError } from './errors';
import * as tf from './tf';

/** Throws an OptionError where `model` is no tf.LayersModel, or one of another copy of tf.js. */
export function checkModel(model: unknown): asserts model is tf.LayersModel {
  if (model instanceof tf.LayersModel) return;
  const isForeign =
    typeof (model as { makeTrainFunction?: unknown } | null | undefined)?.makeTrainFunction === 'function';
  throw new OptionError(
    'model',
    isForeign ? 'a model of another copy of tf.js' : model,
    'a tf.LayersModel or a tf.Sequential',
    isForeign
      ? '"npm ls @tensorflow/tfjs" shows the copies; let "overrides" in package.json name one version.'
      : 'A tf.GraphModel is no such model: it has no layers.',
  );
}
