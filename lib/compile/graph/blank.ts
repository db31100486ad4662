/**
 * Stand-ins for costly ops while a function is recorded whose results nobody will read: tensors of the right
 * shape and dtype, all zeros. Recording a step of a deep network then takes the time of its JavaScript alone.
 *
 * What such an op would have returned is a clone of one blank tensor per shape, so it costs neither time nor
 * memory. Ops without a rule here run as ever.
 */

import * as tf from '../../core/tf';
import { attr, type NodeBackend, type OpAttribute } from '../backend';

/** Shape and dtype of one output. */
export interface OutputForm {
  shape: number[];
  dtype: tf.DataType;
}

/** The outputs of an op, from its attributes and inputs. Undefined where the rule does not cover the case. */
type Rule = (inputs: tf.TensorInfo[], attributes: Attributes, valuesOf: ValuesOf) => OutputForm[] | undefined;

type Attributes = Readonly<Record<string, unknown>>;

/** Reads a tensor that is a constant; undefined for those that are computed. */
export type ValuesOf = (tensor: tf.TensorInfo) => ArrayLike<number> | undefined;

const likeFirst: Rule = ([first]) => [formOf(first, first.shape)];

const broadcast: Rule = ([a, b]) => [formOf(a, tf.backend_util.assertAndGetBroadcastShape(a.shape, b.shape))];

/** The shape is the value of the first input. */
const shapeFromFirst: Rule = ([sizes, , last], _attributes, valuesOf) => shapeFrom(sizes, last, valuesOf);

/** The shape is the value of the second input. */
const shapeFromSecond: Rule = ([first, sizes], _attributes, valuesOf) => shapeFrom(sizes, first, valuesOf);

const conv2d: Rule = ([x, filter], { data_format, padding, strides, dilations = [1, 1, 1, 1] }) => {
  const [batch, height, width] = x.shape;
  const [filterHeight, filterWidth, , outputs] = filter.shape;
  const size = outputSize(data_format, padding);
  if (size === undefined) return undefined;
  const [, strideY, strideX] = strides as number[];
  const [, dilationY, dilationX] = dilations as number[];
  const spread = (extent: number, dilation: number): number => (extent - 1) * dilation + 1;
  return [
    formOf(x, [
      batch,
      size(height, spread(filterHeight, dilationY), strideY),
      size(width, spread(filterWidth, dilationX), strideX),
      outputs,
    ]),
  ];
};

const pool: Rule = ([x], { data_format, padding, strides, ksize }) => {
  const size = outputSize(data_format, padding);
  if (size === undefined || x.shape.length !== 4) return undefined;
  const [batch, height, width, channels] = x.shape;
  const [, windowY, windowX] = ksize as number[];
  const [, strideY, strideX] = strides as number[];
  return [formOf(x, [batch, size(height, windowY, strideY), size(width, windowX, strideX), channels])];
};

const matMul: Rule = ([a, b], { transpose_a, transpose_b }) => [
  formOf(a, [a.shape[transpose_a ? 1 : 0], b.shape[transpose_b ? 0 : 1]]),
];

const batchNorm: Rule = ([x, scale]) => {
  const channels = formOf(scale, scale.shape);
  // The last output is of TensorFlow's own concern: the gradient alone takes it.
  return [formOf(x, x.shape), channels, channels, channels, channels, channels];
};

const batchNormGradient: Rule = ([dy, , scale]) => {
  const channels = formOf(scale, scale.shape);
  const none = formOf(scale, [0]);
  return [formOf(dy, dy.shape), channels, channels, none, none];
};

const RULES: Readonly<Record<string, Rule>> = {
  Relu: likeFirst,
  ReluGrad: likeFirst,
  BiasAdd: likeFirst,
  AddN: likeFirst,
  Square: likeFirst,
  Neg: likeFirst,
  Tanh: likeFirst,
  Sigmoid: likeFirst,
  Exp: likeFirst,
  MaxPoolGrad: likeFirst,
  Add: broadcast,
  Sub: broadcast,
  Mul: broadcast,
  RealDiv: broadcast,
  // Divided by blanks, whole numbers would be an error.
  FloorDiv: broadcast,
  FloorMod: broadcast,
  MatMul: matMul,
  Conv2D: conv2d,
  Conv2DBackpropInput: shapeFromFirst,
  Conv2DBackpropFilter: shapeFromSecond,
  MaxPool: pool,
  AvgPool: pool,
  FusedBatchNormV3: batchNorm,
  FusedBatchNormGradV3: batchNormGradient,
};

/** Ops that have a rule. */
export const RULED_OPS: readonly string[] = Object.keys(RULES);

/** What `op` would return. Undefined where no rule says so. */
export function outputForms(
  op: string,
  attributes: OpAttribute[],
  inputs: tf.TensorInfo[],
  valuesOf: ValuesOf,
): OutputForm[] | undefined {
  const rule = RULES[op];
  return rule?.(inputs, Object.fromEntries(attributes.map(({ name, value }) => [name, value])), valuesOf);
}

/** Makes blank tensors. */
export class Blanks {
  readonly #originals = new Map<string, tf.Tensor>();

  /** @param execute Executes an op without recording it. */
  constructor(private readonly execute: NodeBackend['executeSingleOutput']) {}

  /** Zeros, as a tensor with data of its own. The caller owns it (or the enclosing tf.tidy). */
  make({ shape, dtype }: OutputForm): tf.Tensor {
    const key = `${dtype} ${shape}`;
    let original = this.#originals.get(key);
    if (original === undefined) {
      original = tf.zeros(shape, dtype as 'float32');
      tf.keep(original);
      this.#originals.set(key, original);
    }
    return this.execute('Identity', [attr.type('T', dtype)], [original]);
  }

  /** Frees the memory. What was made stays valid. */
  dispose(): void {
    tf.dispose([...this.#originals.values()]);
    this.#originals.clear();
  }
}

function formOf({ dtype }: tf.TensorInfo, shape: number[]): OutputForm {
  return { shape: [...shape], dtype };
}

function shapeFrom(sizes: tf.TensorInfo, like: tf.TensorInfo, valuesOf: ValuesOf): OutputForm[] | undefined {
  const values = valuesOf(sizes);
  return values === undefined ? undefined : [formOf(like, Array.from(values))];
}

/**
 * The size of one axis after a window of `extent` passed over it; undefined for paddings and layouts that are
 * not covered.
 */
function outputSize(
  format: unknown,
  padding: unknown,
): ((size: number, extent: number, stride: number) => number) | undefined {
  if (format !== 'NHWC') return undefined;
  if (padding === 'SAME') return (size, _extent, stride) => Math.ceil(size / stride);
  if (padding === 'VALID') return (size, extent, stride) => Math.ceil((size - extent + 1) / stride);
  return undefined;
}
