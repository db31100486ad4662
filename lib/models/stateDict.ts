/**
 * Weights of models as PyTorch's state dictionaries: loaded from there and saved for it.
 *
 *     here                            PyTorch
 *     dense kernel [in, out]          weight [out, in]
 *     convolution kernel [h, w, i, o] weight [o, i, h, w]        (signals: [k, i, o] and [o, i, k])
 *     gamma, beta                     weight, bias
 *     moving_mean, moving_variance    running_mean, running_var  (and the counter num_batches_tracked)
 *
 * What takes the features of a flattened image has its weights in another order, as PyTorch flattens channels
 * first (featureOrder.ts).
 *
 * A layer `<model>/layer1/0/conv1` is the module `layer1.0.conv1`, so the models of this library have the
 * names of the usual PyTorch code: kuangliu/pytorch-cifar (ResNets), xternalz/WideResNet-pytorch, timm (ViT).
 */
import { OptionError, StateMismatchError } from '../core/errors';
import * as tf from '../core/tf';
import { type StoredTensor, storedFloats, storeFloats } from '../files/safetensors';
import { coversAllAxes, type FeatureOrder, featureOrders, featurePermutation } from './featureOrder';

/** Tensors by their names in PyTorch, as `readSafetensors` gives them and `writeSafetensors` takes them. */
export type StateDict = ReadonlyMap<string, StoredTensor>;

/** Options of `loadStateDict`. */
export interface LoadStateDictOptions {
  /**
   * Gives the name in the model of a tensor of the dictionary, or undefined to leave the tensor out. Default:
   * the same name.
   *
   * @example
   * rename: (name) =>
   *   name.replace(/^module\./, '').replace(/^fc\./, 'linear.').replace('.downsample.', '.shortcut.')
   */
  rename?: (name: string) => string | undefined;
  /**
   * Layers that keep the weights they have, by the beginning of their tensors' names: `['head.']` to
   * fine-tune a ViT on other classes. What the dictionary has for them is left out. Default: none.
   */
  keep?: readonly string[];
}

/** What `loadStateDict` found besides weights. */
export interface LoadedState {
  /**
   * BatchNorm's counter of batches, which nothing here depends on; undefined where there is none. For
   * `stateDict`.
   */
  batchesTracked: number | undefined;
}

/** Options of `stateDict`. */
export interface StateDictOptions {
  /** BatchNorm's counter of batches. PyTorch only needs it with `momentum=None`. Default 0. */
  batchesTracked?: number;
}

/**
 * The weights of `model` as a state dictionary, moving statistics included. The numbers are copied.
 *
 * @example writeSafetensors('model.safetensors', stateDict(model), { format: 'pt' });
 * @throws OptionError where a layer has weights that PyTorch has no counterpart for, or takes features whose
 * order there is not known.
 */
export function stateDict(
  model: tf.LayersModel,
  { batchesTracked = 0 }: StateDictOptions = {},
): Map<string, StoredTensor> {
  const dict = new Map<string, StoredTensor>();
  for (const { name, weight, layout } of entriesOf(model)) {
    const { from, order, shape } = layout;
    const values = tf.tidy(
      () => tf.transpose(gathered(weight.read(), from), order).dataSync() as Float32Array,
    );
    dict.set(name, storeFloats(values, shape));
  }
  for (const name of countersOf(model)) {
    dict.set(name, {
      dtype: 'I64',
      shape: [],
      bytes: new Uint8Array(BigInt64Array.of(BigInt(batchesTracked)).buffer),
    });
  }
  return dict;
}

/**
 * Sets the weights of `model` to those of a state dictionary of the same network, whatever type of numbers it
 * has. Either all are set or, where an error is thrown, none.
 *
 * @example loadStateDict(model, (await readSafetensors('model.safetensors')).tensors);
 * @throws StateMismatchError that names the tensors which are missing, have no place in the model, or have
 * another shape.
 * @throws OptionError where a layer has weights that PyTorch has no counterpart for, or takes features whose
 * order there is not known.
 */
export function loadStateDict(
  model: tf.LayersModel,
  dict: StateDict,
  options: LoadStateDictOptions = {},
): LoadedState {
  const { rename = (name) => name, keep = [] } = options;
  const isKept = (name: string): boolean => keep.some((beginning) => name.startsWith(beginning));
  const given = new Map<string, StoredTensor>();
  for (const [original, tensor] of dict) {
    const name = rename(original);
    if (name === undefined || isKept(name)) continue;
    if (given.has(name))
      throw new StateMismatchError(
        `Two tensors of the state dictionary are for ${name}, one of them ${original}.`,
      );
    given.set(name, tensor);
  }
  const entries = entriesOf(model).filter(({ name }) => !isKept(name));
  const counters = countersOf(model);
  const placed = new Set([...entries.map(({ name }) => name), ...counters]);
  const problems = [
    ...entries.flatMap(({ name, layout: { shape } }) => {
      const tensor = given.get(name);
      if (tensor === undefined) return [`${name} is missing`];
      return tf.util.arraysEqual([...tensor.shape], shape)
        ? []
        : [`${name} is [${tensor.shape}], expected [${shape}]`];
    }),
    ...[...given.keys()]
      .filter((name) => !placed.has(name))
      .map((name) => `${name} has no place in the model`),
  ];
  if (problems.length > 0) {
    const shown = problems.slice(0, 5).join('; ');
    const rest = problems.length > 5 ? ` and ${problems.length - 5} more` : '';
    throw new StateMismatchError(
      `The state dictionary does not fit the model ${model.name}: ${shown}${rest}.`,
    );
  }
  for (const { name, weight, layout } of entries) {
    const { from, order, shape } = layout;
    tf.tidy(() => {
      const values = tf.tensor(storedFloats(given.get(name) as StoredTensor), shape);
      weight.write(gathered(tf.transpose(values, inverse(order)), from && inverse(from)));
    });
  }
  const counter = counters.map((name) => given.get(name)).find((tensor) => tensor !== undefined);
  return { batchesTracked: counter && storedFloats(counter)[0] };
}

/** How a weight here becomes a tensor there: `transpose(gather(weight, from), order)`. */
interface Layout {
  /** Where features have another order there: their places here. */
  from?: number[];
  order: number[];
  shape: number[];
}

/** A weight and its name in PyTorch. */
interface Entry {
  name: string;
  weight: tf.LayerVariable;
  layout: Layout;
}

/** Names of weights in PyTorch, by their names here. */
const WEIGHT_NAMES: Readonly<Record<string, string>> = {
  kernel: 'weight',
  gamma: 'weight',
  bias: 'bias',
  beta: 'bias',
  moving_mean: 'running_mean',
  moving_variance: 'running_var',
};

/** Layers whose weight is a parameter of its own in PyTorch, not one of a module. */
const BARE_PARAMETERS: ReadonlySet<string> = new Set(['LookbehindClassToken', 'LookbehindPositionEmbedding']);

/** Axes of a kernel in PyTorch's order, by the class of the layer. */
const KERNEL_ORDERS: Readonly<Record<string, number[]>> = {
  Dense: [1, 0],
  Conv1D: [2, 1, 0],
  Conv2D: [3, 2, 0, 1],
};

const NORMALIZATIONS: ReadonlySet<string> = new Set(['BatchNormalization', 'LayerNormalization']);

function entriesOf(model: tf.LayersModel): Entry[] {
  const orders = featureOrders(model);
  return model.layers.flatMap((layer) => {
    const features = orders.get(layer) ?? { kind: 'same' };
    return layer.weights.map((weight) => entryOf(model, layer, weight, features));
  });
}

function entryOf(
  model: tf.LayersModel,
  layer: tf.layers.Layer,
  weight: tf.LayerVariable,
  features: FeatureOrder,
): Entry {
  const kind = layer.getClassName();
  const module = moduleName(model, layer);
  const here = weight.shape as number[];
  const asItIs = here.map((_, axis) => axis);
  if (BARE_PARAMETERS.has(kind)) return { name: module, weight, layout: { order: asItIs, shape: here } };
  const own = weight.originalName.slice(weight.originalName.lastIndexOf('/') + 1);
  const kernelOrder = KERNEL_ORDERS[kind];
  if (kernelOrder === undefined && !NORMALIZATIONS.has(kind)) {
    throw new OptionError(
      'model',
      `${layer.name}, a ${kind}`,
      'of dense, convolution and normalization layers, or a model of this library',
    );
  }
  const permutation = featurePermutation(layer, features);
  let order = asItIs;
  if (own === 'kernel') order = kernelOrder;
  else if (features.kind === 'channelsFirst' && coversAllAxes(layer))
    order = [here.length - 1, ...asItIs.slice(0, -1)];
  // A bias belongs to what a layer puts out.
  const from = own === 'bias' ? undefined : permutation;
  return {
    name: `${module}.${WEIGHT_NAMES[own]}`,
    weight,
    layout: { from, order, shape: order.map((axis) => here[axis]) },
  };
}

/** The rows of `tensor` in the order `from`. */
function gathered(tensor: tf.Tensor, from: number[] | undefined): tf.Tensor {
  return from === undefined ? tensor : tf.gather(tensor, tf.tensor1d(from, 'int32'));
}

/** Names of BatchNorm's counters. */
function countersOf(model: tf.LayersModel): string[] {
  return model.layers
    .filter((layer) => layer.getClassName() === 'BatchNormalization')
    .map((layer) => `${moduleName(model, layer)}.num_batches_tracked`);
}

function moduleName(model: tf.LayersModel, { name }: tf.layers.Layer): string {
  const own = name.startsWith(`${model.name}/`) ? name.slice(model.name.length + 1) : name;
  // A projection shortcut is a nn.Sequential there, whose modules have numbers.
  return own
    .replaceAll('/', '.')
    .replace(/\bshortcut\.conv$/, 'shortcut.0')
    .replace(/\bshortcut\.bn$/, 'shortcut.1');
}

/** The permutation that undoes `order`. */
function inverse(order: readonly number[]): number[] {
  const undone = new Array<number>(order.length);
  order.forEach((to, i) => {
    undone[to] = i;
  });
  return undone;
}
