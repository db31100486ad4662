/**
 * What TensorFlow calls the outputs of its ops. Inside of a function of a graph an output has its name, not
 * its number. Named here are ops that hold no state, and so do the same in a function as outside of it, and
 * the same twice.
 */

/** Ops by the names of their outputs, in order. */
const OPS: Readonly<Record<string, string>> = {
  y:
    'Abs Acos Acosh Asin Asinh Atan Atanh Cast Ceil ComplexAbs Cos Cosh Erf Exp Expm1 Floor IsFinite ' +
    'IsInf IsNan Log Log1p LogicalNot Neg OnesLike Reciprocal Round Rsqrt Sigmoid Sign Sin Sinh Sqrt ' +
    'Square Tan Tanh Transpose ZerosLike',
  z:
    'Add Atan2 DivNoNan Equal FloorDiv FloorMod Greater GreaterEqual Less LessEqual LogicalAnd ' +
    'LogicalOr Maximum Minimum Mul NotEqual Pow RealDiv RsqrtGrad ' +
    'SigmoidGrad SquaredDifference Sub TanhGrad',
  sum: 'AddN',
  output:
    'All Any ArgMax ArgMin BatchMatMulV2 BiasAdd BiasAddGrad ClipByValue ConcatV2 ExpandDims Fill ' +
    'GatherNd GatherV2 Identity LinSpace Max Mean Min MirrorPad OneHot Pack PadV2 Prod Range Reshape ' +
    'ReverseV2 ScatterNd Select Slice StatelessMultinomial StatelessRandomNormal StatelessRandomUniform ' +
    'StatelessTruncatedNormal StridedSlice Sum TensorScatterUpdate Tile UnsortedSegmentSum',
  out: 'Cumprod Cumsum',
  activations: 'Elu LeakyRelu Relu Relu6 Selu Softplus',
  backprops: 'EluGrad LeakyReluGrad Relu6Grad ReluGrad SeluGrad SoftplusGrad',
  product: 'MatMul',
  softmax: 'Softmax',
  'loss backprop': 'SoftmaxCrossEntropyWithLogits SparseSoftmaxCrossEntropyWithLogits',
  'values indices': 'TopKV2',
  'y batch_mean batch_variance reserve_space_1 reserve_space_2 reserve_space_3': 'FusedBatchNormV3',
  'x_backprop scale_backprop offset_backprop reserve_space_4 reserve_space_5': 'FusedBatchNormGradV3',
};

const NAMES: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries(OPS).flatMap(([names, ops]) => ops.split(' ').map((op) => [op, names.split(' ')] as const)),
);

/** The names of an op's outputs; undefined for ops that are not listed. */
export function outputNamesOf(op: string): readonly string[] | undefined {
  return NAMES.get(op);
}
