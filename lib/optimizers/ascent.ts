/**
 * Ascent rules: the step to a worse neighbor, within rho, that a sharpness-aware optimizer takes before it
 * descends.
 *
 *     SAM:   eps = rho * g / ||g||
 *     ASAM:  eps = rho * T^2 g / ||T g||,   T = |w| + eta for weights, T = 1 for biases and beta
 *
 * Norms run over all variables together. A zero gradient gives a zero step.
 *
 * SAM: Foret, Kleiner, Mobahi, Neyshabur, "Sharpness-Aware Minimization for Efficiently Improving
 * Generalization", ICLR 2021, arXiv:2010.01412. ASAM: Kwon, Kim, Park, Choi, "ASAM: Adaptive Sharpness-Aware
 * Minimization for Scale-Invariant Learning of Deep Neural Networks", ICML 2021, arXiv:2102.11600.
 */
import { callback, number, type OptionsOf } from '../core/options';
import { sumOf } from '../core/sum';
import * as tf from '../core/tf';

/**
 * Says of a weight whether it is chosen. By this name, declarations of users need not name a package of
 * tf.js.
 */
export type WeightChoice = (variable: tf.Variable) => boolean;

/** Keeps 0 / 0 away; the value of the official code. */
const NORM_EPSILON = 1e-16;

/** Where an ascent rule rescales: SAM nowhere, ASAM by |w| + eta. */
export interface AscentRule {
  /** Whose rule it is. */
  readonly name: 'sam' | 'asam';
  /** T at `weights`, one tensor per variable; undefined stands for 1. Call inside tf.tidy. */
  scales(weights: readonly tf.Tensor[], variables: readonly tf.Variable[]): Array<tf.Tensor | undefined>;
  /** ASAM's option `eta`. */
  readonly eta?: number;
  /** ASAM's option `rescale`, if it was given. */
  readonly rescale?: WeightChoice;
}

/** eps = rho * T^2 g / ||T g||: what to add to the weights. Call inside tf.tidy. */
export function ascentStep(
  gradients: readonly tf.Tensor[],
  scales: ReadonlyArray<tf.Tensor | undefined>,
  rho: tf.Scalar | number,
): tf.Tensor[] {
  const scaled = gradients.map((g, i) => times(g, scales[i]));
  const factor = tf.div(rho, tf.add(globalNorm(scaled), NORM_EPSILON));
  return scaled.map((g, i) => tf.mul(times(g, scales[i]), factor));
}

/** The ascent rule of SAM. */
export const samAscent: AscentRule = { name: 'sam', scales: (weights) => weights.map(() => undefined) };

/** Describes the options of ASAM's ascent rule. */
export const ASAM_OPTIONS = {
  /** Added to |w|, so that zero weights can move too. Paper: eta. Default 0.01. At least 0. */
  eta: number({ min: 0 }, 0.01),
  /**
   * Which variables are rescaled by |w| + eta. Default `isRescaled`: all but biases and BatchNorm's beta. A
   * function cannot be saved: `model.save` with the optimizer refuses it; `saveState` works, and wants an
   * optimizer with `rescale` again.
   */
  rescale: callback<WeightChoice>(),
};

/** Options of ASAM's ascent rule. */
export type AsamAscentOptions = OptionsOf<typeof ASAM_OPTIONS>;

/** The ascent rule of ASAM. */
export function asamAscent({ eta, rescale }: { eta: number; rescale?: WeightChoice }): AscentRule {
  const rescales = rescale ?? isRescaled;
  return {
    name: 'asam',
    eta,
    rescale,
    scales: (weights, variables) =>
      weights.map((w, i) => (rescales(variables[i]) ? tf.add(tf.abs(w), eta) : undefined)),
  };
}

/**
 * Whether ASAM rescales a variable by default: kernels, embeddings and the gamma of a normalization, which
 * PyTorch calls `weight`, but not biases, beta, and the class token and positions of a ViT, which are
 * parameters without that name.
 */
export function isRescaled(variable: { name: string }): boolean {
  return !/(^|\/)(bias|beta|token|positions)(_\d+)?$/.test(variable.name);
}

/** The Euclidean norm over all tensors together. */
export function globalNorm(tensors: readonly tf.Tensor[]): tf.Scalar {
  if (tensors.length === 0) return tf.scalar(0);
  return tf.sqrt(sumOf(tensors.map((t) => tf.sum(tf.square(t))))) as tf.Scalar;
}

/** ||a - b|| over all tensors together. */
export function globalDistance(a: readonly tf.Tensor[], b: readonly tf.Tensor[]): tf.Scalar {
  return globalNorm(a.map((t, i) => tf.sub(t, b[i])));
}

function times(tensor: tf.Tensor, scale: tf.Tensor | undefined): tf.Tensor {
  return scale === undefined ? tensor : tf.mul(tensor, scale);
}
