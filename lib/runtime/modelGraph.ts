/**
 * What a model is made of: its layers, also those inside of nested models and wrappers, and the calls of layers in its graph.
 */
import type * as tf from './tf';

/** One call of a layer on symbolic tensors. */
export type LayerCall = tf.layers.Layer['inboundNodes'][number];

/** A layer that has others inside: a model, a wrapper such as TimeDistributed and Bidirectional, an RNN or its stacked cells. */
interface Container {
  layers?: tf.layers.Layer[];
  layer?: tf.layers.Layer;
  forwardLayer?: tf.layers.Layer;
  backwardLayer?: tf.layers.Layer;
  cell?: tf.layers.Layer;
  cells?: tf.layers.Layer[];
}

/** The layers of `model` that have none inside, each once, in the order of the model: also those of nested models and wrappers. */
export function innermostLayers(model: tf.LayersModel | tf.layers.Layer): tf.layers.Layer[] {
  const inner = layersInside(model as Container);
  return inner.length === 0 ? [model as tf.layers.Layer] : [...new Set(inner.flatMap(innermostLayers))];
}

function layersInside({ layers, layer, forwardLayer, backwardLayer, cell, cells }: Container): tf.layers.Layer[] {
  if (layers !== undefined) return layers;
  if (forwardLayer !== undefined && backwardLayer !== undefined) return [forwardLayer, backwardLayer];
  if (cells !== undefined) return cells;
  const one = layer ?? cell;
  return one === undefined ? [] : [one];
}

/**
 * The calls that lead from the inputs of `model` to its outputs, each after those that it depends on. A layer that is shared has
 * several; calls in other models that its layers belong to are left out, and so are those inside of nested models.
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
