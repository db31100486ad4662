/** Every op of tf.js that the native backend has gives in a graph what it gives by itself. */
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { compile } from 'lookbehind/compile';
import { assertClose, normal, numbersOf } from './support';

const x = tf.tensor2d([
  [0.1, 0.5, 0.9],
  [0.3, -0.7, 0.2],
]);
const y = tf.tensor2d([
  [0.4, 0.2, -0.3],
  [1.5, 0.6, 0.8],
]);
const positive = tf.abs(x);
const integers = tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3], 'int32');
const flags = tf.tensor2d([1, 0, 1, 0, 1, 1], [2, 3], 'bool');
const image = normal([1, 6, 6, 3], 1) as tf.Tensor4D;
const volume = normal([1, 4, 4, 4, 2], 2) as tf.Tensor5D;
const int32 = (values: number[], shape: number[] = [values.length]) => tf.tensor(values, shape, 'int32');

type Ops = Record<string, () => tf.Tensor | tf.Tensor[]>;

/** Ops of one tensor, by name. */
function unary(names: readonly (keyof typeof tf)[], input: tf.Tensor): Ops {
  return Object.fromEntries(
    names.map((name) => [String(name), () => (tf[name] as (a: tf.Tensor) => tf.Tensor)(input)]),
  );
}

/** Ops of two tensors, by name. */
function binary(names: readonly (keyof typeof tf)[], a: tf.Tensor, b: tf.Tensor): Ops {
  return Object.fromEntries(
    names.map((name) => [String(name), () => (tf[name] as (a: tf.Tensor, b: tf.Tensor) => tf.Tensor)(a, b)]),
  );
}

const GROUPS: Record<string, Ops> = {
  functions: {
    ...unary(
      [
        'abs',
        'acos',
        'asin',
        'asinh',
        'atan',
        'atanh',
        'ceil',
        'cos',
        'cosh',
        'erf',
        'exp',
        'expm1',
        'floor',
        'neg',
        'round',
      ],
      x,
    ),
    ...unary(
      [
        'reciprocal',
        'sigmoid',
        'sign',
        'sin',
        'sinh',
        'softplus',
        'square',
        'tan',
        'tanh',
        'step',
        'isNaN',
        'isFinite',
        'isInf',
      ],
      x,
    ),
    ...unary(
      [
        'relu',
        'relu6',
        'elu',
        'selu',
        'leakyRelu',
        'logSigmoid',
        'softmax',
        'logSoftmax',
        'onesLike',
        'zerosLike',
      ],
      x,
    ),
    ...unary(['log', 'log1p', 'sqrt', 'rsqrt'], positive),
    acosh: () => tf.acosh(tf.add(positive, 1)),
    prelu: () => tf.prelu(x, 0.2),
    clip: () => tf.clipByValue(x, -0.1, 0.4),
    cast: () => [tf.cast(x, 'int32'), tf.cast(x, 'bool'), tf.cast(integers, 'float32')],
  },
  arithmetic: {
    ...binary(
      [
        'add',
        'sub',
        'mul',
        'div',
        'maximum',
        'minimum',
        'mod',
        'squaredDifference',
        'atan2',
        'divNoNan',
        'floorDiv',
      ],
      x,
      y,
    ),
    ...binary(['equal', 'notEqual', 'greater', 'greaterEqual', 'less', 'lessEqual'], x, y),
    pow: () => tf.pow(positive, y),
    addN: () => tf.addN([x, y]),
    integers: () => [
      tf.add(integers, 1),
      tf.mul(integers, integers),
      tf.floorDiv(integers, int32([2])),
      tf.mod(integers, int32([2])),
    ],
    logical: () => [
      tf.logicalAnd(flags, flags),
      tf.logicalOr(flags, flags),
      tf.logicalNot(flags),
      tf.logicalXor(flags, flags),
    ],
    where: () => tf.where(flags, x, y),
  },
  reductions: {
    ...unary(
      ['sum', 'mean', 'max', 'min', 'prod', 'argMax', 'argMin', 'logSumExp', 'norm', 'cumsum', 'cumprod'],
      x,
    ),
    ...Object.fromEntries(
      Object.entries(unary(['sum', 'max', 'prod', 'argMax', 'cumsum'], integers)).map(([name, op]) => [
        `int ${name}`,
        op,
      ]),
    ),
    flags: () => [tf.any(flags), tf.all(flags)],
    moments: () => Object.values(tf.moments(x, 0)),
    topk: () => Object.values(tf.topk(x, 2)),
    cumsumBackwards: () => tf.cumsum(x, 1, true, true),
    segmentSum: () => tf.unsortedSegmentSum(x, int32([0, 1]) as tf.Tensor1D, 2),
    bincount: () => tf.bincount(int32([0, 1, 1]) as tf.Tensor1D, tf.tensor1d([1, 1, 1]), 3),
  },
  shapes: {
    concat: () => tf.concat([x, y], 1),
    stack: () => tf.stack([x, y]),
    unstack: () => tf.unstack(x),
    split: () => [...tf.split(x, 3, 1), ...tf.split(x, [1, 2], 1)],
    tile: () => tf.tile(x, [2, 1]),
    pad: () =>
      tf.pad(x, [
        [1, 0],
        [0, 1],
      ]),
    mirrorPad: () =>
      tf.mirrorPad(
        x,
        [
          [1, 0],
          [0, 1],
        ],
        'reflect',
      ),
    reverse: () => tf.reverse(x, 1),
    transpose: () => tf.transpose(x),
    slice: () => tf.slice(x, [0, 1], [2, 1]),
    stridedSlice: () => tf.stridedSlice(x, [0, 0], [2, 3], [1, 2]),
    expandAndSqueeze: () => tf.squeeze(tf.expandDims(x, 1), [1]),
    reshape: () => tf.reshape(x, [3, 2]),
    broadcastTo: () => tf.broadcastTo(x, [2, 2, 3]),
    made: () => [
      tf.eye(3),
      tf.fill([2], 3),
      tf.linspace(0, 1, 5),
      tf.range(0, 5),
      tf.ones([2]),
      tf.zeros([2]),
    ],
    oneHot: () => tf.oneHot(int32([0, 2]), 3),
    gather: () => [tf.gather(x, int32([1, 0]) as tf.Tensor1D), tf.gatherND(x, int32([0, 1], [1, 2]))],
    scatter: () => [
      tf.scatterND(int32([1], [1, 1]), tf.tensor1d([5]), [3]),
      tf.tensorScatterUpdate(x, int32([0], [1, 1]), tf.ones([1, 3])),
    ],
    sparseToDense: () => tf.sparseToDense(int32([1]), tf.tensor1d([3]), [4]),
    diag: () => tf.diag(tf.tensor1d([1, 2])),
    meshgrid: () => tf.meshgrid(tf.tensor1d([1, 2]), tf.tensor1d([3, 4])),
    spaceToBatch: () =>
      tf.spaceToBatchND(
        tf.ones([1, 4, 4, 1]),
        [2, 2],
        [
          [0, 0],
          [0, 0],
        ],
      ),
    depthToSpace: () => tf.depthToSpace(tf.ones([1, 2, 2, 4]) as tf.Tensor4D, 2),
  },
  'linear algebra': {
    matMul: () => [
      tf.matMul(x, y, false, true),
      tf.matMul(x, y, true),
      tf.matMul(tf.stack([x, x]), tf.stack([y, y]), false, true),
    ],
    dot: () => tf.dot(tf.tensor1d([1, 2, 3]), tf.tensor1d([4, 5, 6])),
    outerProduct: () => tf.outerProduct(tf.tensor1d([1, 2]), tf.tensor1d([3, 4])),
    einsum: () => tf.einsum('ij,kj->ik', x, y),
    orthogonal: () => [
      tf.linalg.gramSchmidt(
        tf.tensor2d([
          [2, 1],
          [1, 3],
        ]),
      ) as tf.Tensor,
      tf.linalg.qr(
        tf.tensor2d([
          [2, 1],
          [1, 3],
        ]),
      )[0],
    ],
    bandPart: () => tf.linalg.bandPart(tf.ones([3, 3]), 0, 1),
    fourier: () => [
      tf.real(tf.spectral.fft(tf.complex(x, y))),
      tf.imag(tf.spectral.rfft(x)),
      tf.real(tf.spectral.ifft(tf.complex(x, y))),
    ],
  },
  convolutions: {
    conv2d: () => [
      tf.conv2d(image, tf.ones([3, 3, 3, 2]), 1, 'same'),
      tf.conv2d(image, tf.ones([3, 3, 3, 2]), 1, 'same', 'NHWC', 2),
    ],
    depthwise: () => tf.depthwiseConv2d(image, tf.ones([3, 3, 3, 2]), 1, 'same'),
    separable: () => tf.separableConv2d(image, tf.ones([3, 3, 3, 1]), tf.ones([1, 1, 3, 2]), 1, 'same'),
    transposed: () => tf.conv2dTranspose(image, tf.ones([3, 3, 2, 3]), [1, 12, 12, 2], 2, 'same'),
    conv1d: () => tf.conv1d(tf.ones([1, 6, 3]) as tf.Tensor3D, tf.ones([3, 3, 2]), 1, 'same'),
    conv3d: () => tf.conv3d(volume, tf.ones([2, 2, 2, 2, 1]), 1, 'same'),
    pools: () => [
      tf.maxPool(image, 2, 2, 'valid'),
      tf.avgPool(image, 2, 2, 'same'),
      tf.pool(image, 2, 'max', 'valid', 1, 2) as tf.Tensor,
    ],
    pools3d: () => [tf.maxPool3d(volume, 2, 2, 'same'), tf.avgPool3d(volume, 2, 2, 'same')],
    normalizations: () => [
      tf.batchNorm(image, tf.zeros([3]), tf.ones([3]) as tf.Tensor1D),
      tf.localResponseNormalization(image),
    ],
    resized: () => [
      tf.image.resizeBilinear(image, [3, 3]),
      tf.image.resizeNearestNeighbor(image, [3, 3]),
      tf.image.flipLeftRight(image),
    ],
    cropped: () =>
      tf.image.cropAndResize(image, tf.tensor2d([[0, 0, 1, 1]]), int32([0]) as tf.Tensor1D, [3, 3]),
    dilation2d: () => tf.dilation2d(image, tf.ones([2, 2, 3]) as tf.Tensor3D, 1, 'same'),
  },
  losses: {
    huber: () => tf.losses.huberLoss(x, y),
    sigmoidCrossEntropy: () => tf.losses.sigmoidCrossEntropy(positive, y),
    cosineDistance: () => tf.losses.cosineDistance(x, y, 1),
    hinge: () => tf.losses.hingeLoss(x, y),
    meanSquaredError: () => tf.losses.meanSquaredError(x, y),
    softmaxCrossEntropy: () => tf.losses.softmaxCrossEntropy(positive, y),
  },
};

for (const [group, ops] of Object.entries(GROUPS)) {
  test(`${group} in a graph`, () => {
    // One graph for the group: starting a session takes longer than any of the ops.
    const all = () => Object.fromEntries(Object.entries(ops).map(([name, op]) => [name, [op()].flat()]));
    const compiled = compile(all);
    tf.dispose(compiled());
    const [actual, expected] = [compiled(), all()];
    for (const name of Object.keys(ops)) {
      assertClose(numbersOf(actual[name]), numbersOf(expected[name]), 1e-5, name);
    }
    compiled.dispose();
  });
}
