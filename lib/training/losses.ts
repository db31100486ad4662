/**
 * Losses by name. Labels are y, what the model puts out is z; means are over the batch and over outputs.
 *
 *     crossEntropy         by what the model puts out, see defaultLoss.ts; with label smoothing
 *     meanSquaredError     (y - z)^2
 *     meanAbsoluteError    d = |y - z|
 *     huberLoss            d^2 / 2 up to delta, delta (d - delta / 2) beyond
 */
import { OptionError } from '../core/errors';
import { checkKind, type KindOf, number, option } from '../core/options';
import * as tf from '../core/tf';

/**
 * A loss: the mean over a batch, from labels (classes, int32 `[n]`; or one row or number per sample) and what
 * the model puts out.
 */
export type BatchLoss = (labels: tf.Tensor, outputs: tf.Tensor) => tf.Scalar;

/** Describes the losses that have a name. */
export const LOSSES = {
  crossEntropy: {
    /** Share of each label that is spread evenly over all classes, 0 to 1. Default 0. */
    labelSmoothing: number({ min: 0, max: 1 }, 0),
  },
  meanSquaredError: {},
  meanAbsoluteError: {},
  huberLoss: {
    /** Where the square becomes a line, above 0. Default 1. */
    delta: number({ min: 0, exclusiveMin: true }, 1),
  },
};

/** A loss by its name, with its options. */
export type LossConfig = KindOf<typeof LOSSES>;

/** A loss: its name, alone or as `kind` beside its options, or a function of labels and outputs. */
export type Loss = LossConfig['kind'] | LossConfig | BatchLoss;

/** The option `loss`. */
export const LOSS = option<Loss>(
  'other',
  'a function, or the name of a loss with its options',
  (path, value, form) =>
    typeof value === 'function' ? (value as BatchLoss) : checkKind(path, value, LOSSES, form),
);

/** The option `loss` as JSON. */
export const NAMED_LOSS = option<LossConfig>('object', 'a loss', (path, value, form) =>
  checkKind(path, value, LOSSES, form),
);

/** Those that learn numbers, from labels in the shape of the outputs. */
type Regression = Exclude<LossConfig, { kind: 'crossEntropy' }>;

/** A loss that learns numbers. */
export function regressionLoss(config: Regression): BatchLoss {
  return (labels, outputs) =>
    tf.tidy(() => {
      const difference = tf.sub(labelsLike(labels, outputs), outputs);
      if (config.kind === 'meanSquaredError') return tf.mean(tf.square(difference)) as tf.Scalar;
      const distance = tf.abs(difference);
      if (config.kind === 'meanAbsoluteError') return tf.mean(distance) as tf.Scalar;
      const { delta = 1 } = config;
      const near = tf.minimum(distance, delta);
      return tf.mean(tf.add(tf.div(tf.square(near), 2), tf.mul(delta, tf.sub(distance, near)))) as tf.Scalar;
    });
}

/**
 * Labels in the shape of `outputs`, float32: `[n]` and `[n, 1]` are one.
 *
 * @throws OptionError where there is not one number for each output.
 */
export function labelsLike(labels: tf.Tensor, outputs: tf.Tensor): tf.Tensor {
  if (labels.size === outputs.size) return tf.cast(tf.reshape(labels, outputs.shape), 'float32');
  throw new OptionError(
    'labels',
    `${labels.dtype} [${labels.shape}]`,
    `one number for each output of the model, which are [${outputs.shape}]`,
    'Classes are learned by crossEntropy.',
  );
}
