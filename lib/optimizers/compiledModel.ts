/**
 * Which model an optimizer was compiled with. A model that is loaded with its optimizer brings what that
 * remembers, but tf.js tells an optimizer its variables at its first step only; evaluations before it need
 * them, too.
 */
import * as tf from '../core/tf';

const models = new WeakMap<tf.Optimizer, tf.LayersModel>();

/** The trainable variables of the model that was compiled with `optimizer`; undefined where there is none. */
export function variablesOf(optimizer: tf.Optimizer): tf.Variable[] | undefined {
  return models.get(optimizer)?.trainableWeights.map((weight) => weight.read() as tf.Variable);
}

/** Notes of `Model`, tf.js's class, with what its models are compiled. tf.js without layers has no models. */
function watch(Model: typeof tf.LayersModel | undefined): void {
  if (Model === undefined) return;
  const { compile } = Model.prototype;
  Model.prototype.compile = function (this: tf.LayersModel, ...args: Parameters<typeof compile>): void {
    compile.apply(this, args);
    models.set(this.optimizer, this);
  };
}
watch(tf.LayersModel);
