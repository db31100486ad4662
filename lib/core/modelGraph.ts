/**
 * What a model is made of: its layers, also those inside of nested models and wrappers, and the calls of
 * layers in its graph.
 */
import type * as tf from './tf';

/** One call of a layer on symbolic tensors. */
export type LayerCall = tf.layers.Layer['inboundNodes'][number];

/**
 * The layers of `model` that have none inside, each once, in the order of the model: also those of nested
 * models and wrappers.
 */
export function innermostLayers(model: tf.LayersModel | tf.layers.Layer): tf.layers.Layer[] {
  const inner = layersInside(model);
  return inner.length === 0 ? [model as tf.layers.Layer] : [...new Set(inner.flatMap(innermostLayers))];
}

/** `model` and all layers inside of it, each once. */
export function allLayers(model: tf.LayersModel | tf.layers.Layer): tf.layers.Layer[] {
  return [...new Set([model as tf.layers.Layer, ...layersInside(model).flatMap(allLayers)])];
}

/** The layers of `model` that are frozen, by themselves or by a model or wrapper around them. */
export function frozenLayers(model: tf.LayersModel | tf.layers.Layer): Set<tf.layers.Layer> {
  if (!(model as tf.layers.Layer).trainable) return new Set(allLayers(model));
  return new Set(layersInside(model).flatMap((layer) => [...frozenLayers(layer)]));
}

/**
 * What models, wrappers such as TimeDistributed and Bidirectional, RNNs and stacked cells call the layers
 * inside of them.
 */
const FIELDS = ['layers', 'forwardLayer', 'backwardLayer', 'layer', 'cell', 'cells'] as const;

function layersInside(container: tf.LayersModel | tf.layers.Layer): tf.layers.Layer[] {
  const fields = container as unknown as Readonly<Record<string, unknown>>;
  return FIELDS.flatMap((field) => fields[field] ?? []).filter(isLayer);
}

function isLayer(value: unknown): value is tf.layers.Layer {
  return (
    typeof (value as Partial<tf.layers.Layer>).getClassName === 'function' && 'weights' in (value as object)
  );
}

/**
 * The calls that lead from the inputs of `model` to its outputs, each after those that it depends on. A layer
 * that is shared has several; calls in other models that its layers belong to are left out, and so are those
 * inside of nested models.
 */
export function callsOf(model: tf.LayersModel): LayerCall[] {
  const seen = new Set<LayerCall>();
  const calls: LayerCall[] = [];
  const visit = (tensor: tf.SymbolicTensor): void => {
    const call = callOf(tensor);
    if (seen.has(call)) return;
    seen.add(call);
    if (!model.inputs.includes(tensor)) call.inputTensors.forEach(visit);
    calls.push(call);
  };
  model.outputs.forEach(visit);
  return calls;
}

/** The call that `tensor` came from. */
export function callOf({ sourceLayer, nodeIndex }: tf.SymbolicTensor): LayerCall {
  return sourceLayer.inboundNodes[nodeIndex];
}
