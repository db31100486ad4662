/**
 * Whether a model calls code that is not tf.js's own: layers, activations and regularizers of classes of the
 * user's, layers whose `call` was replaced, and losses and metrics that are functions. Such code may keep
 * something in JavaScript from call to call. That of tf.js does not, but for what graph/layers.ts
 * knows.
 */
import * as tf from '../core/tf';

/** What is used of tf.js's class beside its public methods: what `compile` was given. */
interface CompiledModel {
  loss?: unknown;
  metrics?: unknown;
}

const LAYERS: ReadonlySet<string> = new Set(
  ['Sequential', 'Functional', 'Model', ...Object.keys(tf.layers ?? {})].map((name) => name.toLowerCase()),
);

/** Fields of a layer that hold what its calls compute with. */
const HOLDS_PART = /(activation|regularizer)$/i;

const PARTS: ReadonlySet<string> = new Set([
  ...['elu', 'selu', 'relu', 'relu6', 'linear', 'sigmoid', 'hardSigmoid', 'softplus', 'softsign', 'tanh'],
  ...['softmax', 'logSoftmax', 'gelu', 'gelu_new', 'mish', 'swish', 'L1L2'],
]);

/** Methods of a layer that a user may replace on the layer itself. */
const REPLACED = ['call', 'apply', 'computeMask'];

/** Whether calls of the model, or its loss or metrics, run such code. */
export function hasOwnCode(model: tf.LayersModel): boolean {
  const { loss, metrics } = model as unknown as CompiledModel;
  return holdsFunction(loss) || holdsFunction(metrics) || hasOwnLayers(model, new Set());
}

function holdsFunction(value: unknown): boolean {
  if (typeof value === 'function') return true;
  return typeof value === 'object' && value !== null && Object.values(value).some(holdsFunction);
}

function hasOwnLayers(layer: tf.layers.Layer, seen: Set<object>): boolean {
  if (seen.has(layer)) return false;
  seen.add(layer);
  if (!isRegistered(layer, (name) => LAYERS.has(name.toLowerCase()))) return true;
  if (REPLACED.some((name) => Object.hasOwn(layer, name))) return true;
  return Object.entries(layer).some(([name, value]) =>
    HOLDS_PART.test(name) && typeof value === 'object' && value !== null
      ? !isRegistered(value, (part) => PARTS.has(part))
      : [value].flat().some((part) => part instanceof tf.layers.Layer && hasOwnLayers(part, seen)),
  );
}

/** Whether the class of `object` is tf.js's own of a name that it knows, and none that extends it. */
function isRegistered(object: object, isKnown: (name: string) => boolean): boolean {
  const { className } = object.constructor as { className?: string };
  const { classNameMap } = tf.serialization.SerializationMap.getMap();
  return className !== undefined && isKnown(className) && classNameMap[className]?.[0] === object.constructor;
}
