/**
 * Weights of models as PyTorch's state dictionaries: loaded from there and saved for it.
 *
 *     here                            PyTorch
 *     dense kernel [in, out]          weight [out, in]
 *     convolution kernel [h, w, i, o] weight [o, i, h, w]        (signals: [k, i, o] and [o, i, k])
 *     gamma, beta                     weight, bias
 *     moving_mean, moving_variance    running_mean, running_var  (and the counter num_batches_tracked)
 *
 * A dense layer behind a flattened image takes its inputs in another order, as PyTorch flattens channels first.
 *
 * A layer `<model>/layer1/0/conv1` is the module `layer1.0.conv1`, so the models of this library have the names of the usual PyTorch
 * code: kuangliu/pytorch-cifar (ResNets), xternalz/WideResNet-pytorch, timm (ViT).
 */
import { OptionError, StateMismatchError } from '../runtime/errors';
import { type StoredTensor, storedFloats, storeFloats } from '../runtime/safetensors';
import * as tf from '../runtime/tf';

/** Tensors by their names in PyTorch, as `readSafetensors` gives them and `writeSafetensors` takes them. */
export type StateDict = ReadonlyMap<string, StoredTensor>;

/** Options of `loadStateDict`. */
export interface LoadStateDictOptions {
  /**
   * Gives the name in the model of a tensor of the dictionary, or undefined to leave the tensor out. Default: the same name.
   *
   * @example rename: (name) => name.replace(/^module\./, '').replace(/^fc\./, 'linear.').replace('.downsample.', '.shortcut.')
   */
  rename?: (name: string) => string | undefined;
  /**
   * Layers that keep the weights they have, by the beginning of their tensors' names: `['head.']` to fine-tune a ViT on other classes.
   * What the dictionary has for them is left out. Default: none.
   */
  keep?: readonly string[];
}

/** What `loadStateDict` found besides weights. */
export interface LoadedState {
  /** BatchNorm's counter of batches, which nothing here depends on; undefined where there is none. For `stateDict`. */
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
 * @throws OptionError where a layer has weights that PyTorch has no counterpart for.
 */
export function stateDict(model: tf.LayersModel, { batchesTracked = 0 }: StateDictOptions = {}): Map<string, StoredTensor> {
  const dict = new Map<string, StoredTensor>();
  for (const { name, weight, layout } of entriesOf(model)) {
    const { view, order, shape } = layout;
    const values = tf.tidy(() => tf.transpose(tf.reshape(weight.read(), view), order).dataSync() as Float32Array);
    dict.set(name, storeFloats(values, shape));
  }
  for (const name of countersOf(model)) {
    dict.set(name, { dtype: 'I64', shape: [], bytes: new Uint8Array(BigInt64Array.of(BigInt(batchesTracked)).buffer) });
  }
  return dict;
}

/**
 * Sets the weights of `model` to those of a state dictionary of the same network, whatever type of numbers it has. Either all are set
 * or, where an error is thrown, none.
 *
 * @example loadStateDict(model, (await readSafetensors('model.safetensors')).tensors);
 * @throws StateMismatchError that names the tensors which are missing, have no place in the model, or have another shape.
 * @throws OptionError where a layer has weights that PyTorch has no counterpart for.
 */
export function loadStateDict(model: tf.LayersModel, dict: StateDict, options: LoadStateDictOptions = {}): LoadedState {
  const { rename = (name) => name, keep = [] } = options;
  const isKept = (name: string): boolean => keep.some((beginning) => name.startsWith(beginning));
  const given = new Map<string, StoredTensor>();
  for (const [original, tensor] of dict) {
    const name = rename(original);
    if (name === undefined || isKept(name)) continue;
    if (given.has(name))
      throw new StateMismatchError(`Two tensors of the state dictionary are for ${name}, one of them ${original}.`);
    given.set(name, tensor);
  }
  const entries = entriesOf(model).filter(({ name }) => !isKept(name));
  const counters = countersOf(model);
  const placed = new Set([...entries.map(({ name }) => name), ...counters]);
  const problems = [
    ...entries.flatMap(({ name, layout: { shape } }) => {
      const tensor = given.get(name);
      if (tensor === undefined) return [`${name} is missing`];
      return tf.util.arraysEqual([...tensor.shape], shape) ? [] : [`${name} is [${tensor.shape}], expected [${shape}]`];
    }),
    ...[...given.keys()].filter((name) => !placed.has(name)).map((name) => `${name} has no place in the model`),
  ];
  if (problems.length > 0) {
    const shown = problems.slice(0, 5).join('; ');
    const rest = problems.length > 5 ? ` and ${problems.length - 5} more` : '';
    throw new StateMismatchError(`The state dictionary does not fit the model ${model.name}: ${shown}${rest}.`);
  }
  for (const { name, weight, layout } of entries) {
    const { view, order } = layout;
    tf.tidy(() => {
      const values = tf.tensor(
        storedFloats(given.get(name) as StoredTensor),
        order.map((axis) => view[axis]),
      );
      weight.write(tf.reshape(tf.transpose(values, inverse(order)), weight.shape as number[]));
    });
  }
  const counter = counters.map((name) => given.get(name)).find((tensor) => tensor !== undefined);
  return { batchesTracked: counter && storedFloats(counter)[0] };
}

/** How a weight here becomes a tensor there: `reshape(transpose(reshape(weight, view), order), shape)`. */
interface Layout {
  view: number[];
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
const KERNEL_ORDERS: Readonly<Record<string, number[]>> = { Dense: [1, 0], Conv1D: [2, 1, 0], Conv2D: [3, 2, 0, 1] };

const NORMALISATIONS: ReadonlySet<string> = new Set(['BatchNormalization', 'LayerNormalization']);

function entriesOf(model: tf.LayersModel): Entry[] {
  return model.layers.flatMap((layer) => layer.weights.map((weight) => entryOf(model, layer, weight)));
}

function entryOf(model: tf.LayersModel, layer: tf.layers.Layer, weight: tf.LayerVariable): Entry {
  const kind = layer.getClassName();
  const module = moduleName(model, layer);
  const view = weight.shape as number[];
  const asItIs = { view, order: view.map((_, axis) => axis), shape: view };
  if (BARE_PARAMETERS.has(kind)) return { name: module, weight, layout: asItIs };
  const own = weight.originalName.slice(weight.originalName.lastIndexOf('/') + 1);
  const order = KERNEL_ORDERS[kind];
  if (order === undefined && !NORMALISATIONS.has(kind)) {
    throw new OptionError(
      'model',
      `${layer.name}, a ${kind}`,
      'of dense, convolution and normalisation layers, or a model of this library',
    );
  }
  const layout = own === 'kernel' ? kernelLayout(layer, view, order) : asItIs;
  return { name: `${module}.${WEIGHT_NAMES[own]}`, weight, layout };
}

function kernelLayout(layer: tf.layers.Layer, view: number[], order: number[]): Layout {
  const image = flattenedImage(layer);
  if (image === undefined) return { view, order, shape: order.map((axis) => view[axis]) };
  const [inputs, units] = view;
  const channels = image.length - 1;
  const sides = Array.from({ length: channels }, (_, axis) => axis);
  return { view: [...image, units], order: [image.length, channels, ...sides], shape: [units, inputs] };
}

/** The shape, channels last, of what was flattened to be the input of `layer`; undefined where nothing was. */
function flattenedImage(layer: tf.layers.Layer): number[] | undefined {
  let before = layer.inboundNodes[0]?.inboundLayers[0];
  while (before !== undefined && ['Dropout', 'Activation'].includes(before.getClassName())) {
    before = before.inboundNodes[0]?.inboundLayers[0];
  }
  if (before?.getClassName() !== 'Flatten') return undefined;
  const [, ...shape] = before.inboundNodes[0].inputShapes[0] as number[];
  return shape.length > 1 ? shape : undefined;
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
function inverse(order: number[]): number[] {
  return order.map((_, axis) => order.indexOf(axis));
}
