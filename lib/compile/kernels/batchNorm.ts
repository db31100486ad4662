/**
 * BatchNorm in training mode on TensorFlow's fused kernels. tf.js composes it from a dozen elementwise ops,
 * whose gradient dominates the training of a deep net.
 */
import { type BatchNormLayer, useFusedBatchNorm } from '../../core/batchNorm';
import * as tf from '../../core/tf';
import { attr, isNative, runOpWithOutputs } from '../backend';
import { isRecorded, registerNativeGradient, registerNativeKernel } from './register';

const TRAINING = 'LookbehindBatchNorm';
const TRAINING_GRADIENT = 'LookbehindBatchNormGrad';

useFusedBatchNorm({
  applies: (layer, input) => isNative() && (layer.axis === -1 || layer.axis === input.rank - 1),
  call: (layer, input, { updateCount, unbiased }) => fusedCall(layer, input, updateCount, unbiased),
});

function fusedCall(
  layer: BatchNormLayer,
  input: tf.Tensor,
  updateCount: 0 | 1 | 2,
  unbiased: boolean,
): tf.Tensor {
  const channels = input.shape[input.rank - 1] as number;
  const count = input.size / channels;
  const moving = { mean: layer.movingMean.read(), variance: layer.movingVariance.read() };
  const kept = layer.momentum ** updateCount;
  const x = input.rank === 4 ? input : tf.reshape(input, [count, 1, 1, channels]);
  const gamma = layer.gamma?.read() ?? tf.ones([channels]);
  const beta = layer.beta?.read() ?? tf.zeros([channels]);
  const attributes = { epsilon: layer.epsilon, averageFactor: updateCount === 0 ? 1 : 1 - kept };
  const [y, mean, variance] = tf
    .engine()
    .runKernel(TRAINING, { x, gamma, beta, ...moving }, attributes) as unknown as tf.Tensor[];
  if (updateCount > 0) {
    layer.movingMean.write(mean);
    // The kernel averages with the unbiased variance: new = kept * old + (1 - kept) * unbiased.
    const biased = () => tf.add(tf.mul(variance, (count - 1) / count), tf.mul(moving.variance, kept / count));
    layer.movingVariance.write(unbiased || count === 1 ? variance : biased());
  }
  return tf.reshape(y, input.shape);
}

registerNativeKernel(TRAINING, ({ x, gamma, beta, mean, variance }, { epsilon, averageFactor }) =>
  runOpWithOutputs(
    'FusedBatchNormV3',
    [
      attr.type('T', 'float32'),
      attr.type('U', 'float32'),
      attr.float('epsilon', epsilon as number),
      attr.float('exponential_avg_factor', averageFactor as number),
      attr.string('data_format', 'NHWC'),
      attr.bool('is_training', true),
    ],
    [x, gamma, beta, mean, variance],
    6,
  ),
);

registerNativeGradient(TRAINING, {
  inputsToSave: ['x', 'gamma'],
  outputsToSave: [false, false, false, true, true, true],
  gradFunc: (dys, [x, gamma, r1, r2, r3], attributes) => {
    const [dy] = dys as tf.Tensor[];
    const [dx, dGamma, dBeta] = isRecorded()
      ? composedGradient(dy, x, gamma, attributes.epsilon as unknown as number)
      : (tf
          .engine()
          .runKernel(TRAINING_GRADIENT, { dy, x, gamma, r1, r2, r3 }, attributes) as unknown as tf.Tensor[]);
    const zero = () => tf.zerosLike(gamma);
    return { x: () => dx, gamma: () => dGamma, beta: () => dBeta, mean: zero, variance: zero };
  },
});

/** The gradient as ops that can be differentiated again, which the fused one cannot. */
function composedGradient(dy: tf.Tensor, x: tf.Tensor, gamma: tf.Tensor, epsilon: number): tf.Tensor[] {
  const axes = [0, 1, 2];
  const centered = tf.sub(x, tf.mean(x, axes));
  const inverseDeviation = tf.rsqrt(tf.add(tf.mean(tf.square(centered), axes), epsilon));
  const normalized = tf.mul(centered, inverseDeviation);
  const projected = tf.mul(normalized, tf.mean(tf.mul(dy, normalized), axes));
  const dx = tf.mul(tf.mul(gamma, inverseDeviation), tf.sub(tf.sub(dy, tf.mean(dy, axes)), projected));
  return [dx, tf.sum(tf.mul(dy, normalized), axes), tf.sum(dy, axes)];
}

registerNativeKernel(TRAINING_GRADIENT, ({ dy, x, gamma, r1, r2, r3 }, { epsilon }) => {
  const [dx, dGamma, dBeta, ...unused] = runOpWithOutputs(
    'FusedBatchNormGradV3',
    [
      attr.type('T', 'float32'),
      attr.type('U', 'float32'),
      attr.float('epsilon', epsilon as number),
      attr.string('data_format', 'NHWC'),
      attr.bool('is_training', true),
    ],
    [dy, x, gamma, r1, r2, r3],
    5,
  );
  tf.dispose(unused);
  return [dx, dGamma, dBeta];
});
