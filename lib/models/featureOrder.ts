/**
 * In which order PyTorch has the features that a layer takes.
 *
 *     here [n, height, width, channels]     there [n, channels, height, width]   flattened, they differ
 *
 * The order is followed from the inputs of a model through its layers. Where it cannot be told, a layer whose
 * weights depend on it is refused.
 */
import { OptionError } from '../core/errors';
import { callOf, callsOf } from '../core/modelGraph';
import type * as tf from '../core/tf';

/** How the numbers of one sample lie in PyTorch, compared with here. */
export type FeatureOrder =
  /** In the same order. */
  | { kind: 'same' }
  /** The last axis is the first one there, before those of height and width. */
  | { kind: 'channelsFirst' }
  /** A vector: feature `i` there is feature `from[i]` here. */
  | { kind: 'permuted'; from: number[] }
  /**
   * Not known, on account of the layer `cause`. `mixed`: what lies along the last axis is not known either.
   */
  | { kind: 'unknown'; cause: string; mixed: boolean };

const SAME: FeatureOrder = { kind: 'same' };
const CHANNELS_FIRST: FeatureOrder = { kind: 'channelsFirst' };

/** Layers that treat all numbers alike, each for itself or with its like in other inputs. */
const ELEMENTWISE: ReadonlySet<string> = new Set([
  ...['Activation', 'ReLU', 'LeakyReLU', 'PReLU', 'ELU', 'ThresholdedReLU', 'Softmax', 'Masking'],
  ...['Dropout', 'SpatialDropout1D', 'GaussianNoise', 'GaussianDropout', 'AlphaDropout'],
  ...['Add', 'Multiply', 'Average', 'Maximum', 'Minimum'],
]);

/** Layers that work on images, volumes or signals, which have their channels first there. */
const SPATIAL =
  /^(Conv[123]D|Conv[23]DTranspose|SeparableConv2D|DepthwiseConv2D|(Max|Average)Pooling[123]D|(Cropping|UpSampling|ZeroPadding)2D)$/;

/** Layers of transformers of this library: tokens have their features last, there too. */
const TOKENS = /^Lookbehind(SelfAttention|ClassToken|PositionEmbedding|FirstToken)$/;

/** The order of the features that each layer of `model` takes. */
export function featureOrders(model: tf.LayersModel): ReadonlyMap<tf.layers.Layer, FeatureOrder> {
  const orders = new Map<tf.SymbolicTensor, FeatureOrder>();
  const taken = new Map<tf.layers.Layer, FeatureOrder>();
  for (const call of callsOf(model)) {
    const layer = call.outboundLayer;
    const inputs = call.inputTensors.map((tensor) => orders.get(tensor) ?? orderOfInput(tensor));
    for (const output of call.outputTensors) {
      const isInput = model.inputs.includes(output);
      orders.set(
        output,
        isInput ? orderOfInput(output) : orderAfter(layer, inputs, call.inputTensors, output),
      );
    }
    const order = inputs.length === 0 ? SAME : common(inputs, layer);
    const before = taken.get(layer);
    taken.set(layer, before === undefined ? order : common([before, order], layer));
  }
  return taken;
}

/**
 * For vectors that `layer` takes: which feature here is feature `i` there, or undefined where all are in the
 * same place.
 *
 * @throws OptionError where that is not known.
 */
export function featurePermutation(layer: tf.layers.Layer, order: FeatureOrder): number[] | undefined {
  const { kind } = order;
  if (kind === 'unknown' && (order.mixed || inputRank(layer) === 2)) refuse(layer, order.cause);
  if (kind !== 'same' && normalizesOther(layer)) refuse(layer, layer.name);
  return kind === 'permuted' ? order.from : undefined;
}

function refuse({ name }: tf.layers.Layer, cause: string): never {
  throw new OptionError(
    'model',
    cause === name ? name : `${name} behind ${cause}`,
    'a network whose features have a known order in PyTorch',
    `${cause} may arrange or take them in another way there: flatten images by Flatten, give a shared ` +
      'layer inputs of one order, normalize over channels or over all axes.',
  );
}

/** Whether a normalization of images goes over other axes than that of the channels, or all. */
function normalizesOther(layer: tf.layers.Layer): boolean {
  const rank = inputRank(layer);
  const kind = layer.getClassName();
  const last = rank - 1;
  const axes = [layer.getConfig().axis ?? last].flat();
  if (kind === 'BatchNormalization') return axes[0] !== -1 && axes[0] !== last;
  return kind === 'LayerNormalization' && !(axes.length === 1 && axes[0] === last) && !coversAllAxes(layer);
}

function inputRank({ inboundNodes }: tf.layers.Layer): number {
  return (inboundNodes[0].inputShapes[0] as tf.Shape).length;
}

/** Whether a LayerNormalization has a weight for each number of a sample. */
export function coversAllAxes(layer: tf.layers.Layer): boolean {
  const { axis } = layer.getConfig();
  if (layer.getClassName() !== 'LayerNormalization' || !Array.isArray(axis)) return false;
  return axis.length === inputRank(layer) - 1 && axis.every((each, i) => each === i + 1);
}

function orderOfInput({ rank }: tf.SymbolicTensor): FeatureOrder {
  return rank > 2 ? CHANNELS_FIRST : SAME;
}

function orderAfter(
  layer: tf.layers.Layer,
  orders: FeatureOrder[],
  inputs: tf.SymbolicTensor[],
  output: tf.SymbolicTensor,
): FeatureOrder {
  const kind = layer.getClassName();
  const rank = inputs[0].rank;
  if (kind === 'Concatenate') return concatenated(layer, orders, inputs);
  const order = common(orders, layer);
  const isMixed = order.kind === 'unknown' && order.mixed;
  if (ELEMENTWISE.has(kind)) return order;
  if (kind === 'Dense' || TOKENS.test(kind)) return isMixed ? order : SAME;
  if (SPATIAL.test(kind)) return isMixed ? order : hasChannelsFirst(layer) ? SAME : CHANNELS_FIRST;
  if (/^Global(Max|Average)Pooling/.test(kind)) return isMixed ? order : SAME;
  if (kind === 'Flatten') return flattened(layer, order, inputs[0].shape);
  if (kind === 'Reshape') return reshaped(layer, order, inputs[0], output);
  // Normalizations of vectors go feature by feature, those of images by the axis that is the channels' in
  // both.
  if (kind === 'BatchNormalization' || kind === 'LayerNormalization') {
    if (rank === 2 || order.kind === 'unknown') return order;
    if (kind === 'BatchNormalization' ? order.kind === 'channelsFirst' : order.kind === 'same') return order;
    if (coversAllAxes(layer)) return order;
    return unknown(layer, false);
  }
  if (order.kind === 'same') return SAME;
  return order.kind === 'unknown' && order.mixed ? order : unknown(layer, !(rank > 2 && output.rank > 2));
}

/** The order that all of `orders` are; unknown where they differ. */
function common(orders: readonly FeatureOrder[], layer: tf.layers.Layer): FeatureOrder {
  const [first, ...rest] = orders;
  const differing = orders.find(({ kind }) => kind === 'unknown');
  if (differing !== undefined) return differing;
  if (rest.every((order) => isEqual(first, order))) return first;
  return unknown(
    layer,
    orders.some(({ kind }) => kind === 'permuted'),
  );
}

function isEqual(a: FeatureOrder, b: FeatureOrder): boolean {
  if (a.kind !== 'permuted' || b.kind !== 'permuted') return a.kind === b.kind;
  return a.from.length === b.from.length && a.from.every((index, i) => index === b.from[i]);
}

function unknown({ name }: tf.layers.Layer, mixed: boolean): FeatureOrder {
  return { kind: 'unknown', cause: name, mixed };
}

/** Whether the layer has channels first here too. */
function hasChannelsFirst(layer: tf.layers.Layer): boolean {
  return layer.getConfig().dataFormat === 'channelsFirst';
}

/** The order of an image `[...sides, channels]` that is flattened, channels first there. */
function ofImage(image: readonly number[]): FeatureOrder {
  const channels = image[image.length - 1];
  const places = image.reduce((product, side) => product * side, 1) / channels;
  if (channels === 1 || places === 1) return SAME;
  const from = Array.from(
    { length: channels * places },
    (_, i) => (i % places) * channels + Math.floor(i / places),
  );
  return { kind: 'permuted', from };
}

function flattened(layer: tf.layers.Layer, order: FeatureOrder, [, ...image]: tf.Shape): FeatureOrder {
  const sizes = image as number[];
  // Such a Flatten puts the channels last.
  if (hasChannelsFirst(layer))
    return order.kind === 'same' ? ofImage([...sizes.slice(1), sizes[0]]) : unknown(layer, true);
  if (order.kind === 'channelsFirst') return ofImage(sizes);
  return order.kind === 'unknown' ? { ...order, mixed: true } : order;
}

function reshaped(
  layer: tf.layers.Layer,
  order: FeatureOrder,
  input: tf.SymbolicTensor,
  output: tf.SymbolicTensor,
): FeatureOrder {
  const [from, to] = [input.shape.slice(1), output.shape.slice(1)] as number[][];
  if (`${from}` === `${to}`) return order;
  if (to.length === 1) return from.length === 1 ? order : flattened(layer, order, input.shape);
  if (order.kind === 'unknown')
    return { ...order, mixed: order.mixed || from[from.length - 1] !== to[to.length - 1] };
  if (from.length === 1) {
    // Data have the order that they are given in; what layers computed is there an image that has its
    // channels first.
    const isData = callOf(input).inboundLayers.length === 0;
    return isData || isEqual(order, ofImage(to)) ? CHANNELS_FIRST : unknown(layer, true);
  }
  if (order.kind === 'same') return SAME;
  return unknown(layer, from[from.length - 1] !== to[to.length - 1]);
}

function concatenated(
  layer: tf.layers.Layer,
  orders: readonly FeatureOrder[],
  inputs: readonly tf.SymbolicTensor[],
): FeatureOrder {
  if (inputs[0].rank > 2) return common(orders, layer);
  const differing = orders.find(({ kind }) => kind === 'unknown');
  if (differing !== undefined) return differing;
  if (orders.every(({ kind }) => kind === 'same')) return SAME;
  let offset = 0;
  const from = orders.flatMap((order, i) => {
    const size = inputs[i].shape[1] as number;
    const own = order.kind === 'permuted' ? order.from : Array.from({ length: size }, (_, at) => at);
    const placed = own.map((at) => at + offset);
    offset += size;
    return placed;
  });
  return { kind: 'permuted', from };
}
