/**
 * What a noise on weights is: a rule that turns the clean weights of one tensor into noisy ones.
 *
 * A noise holds no state and draws no numbers itself. It asks the site, the tensor that it works on, for
 * named streams of random numbers. So the same draw gives the same numbers to every model, every noise level
 * and every order of calls, and differences between models or levels are paired.
 */
import type * as tf from '../core/tf';

/** What a weight tensor is for. `other`: none of the rest, such as a custom layer's own variable. */
export type WeightRole = 'kernel' | 'embedding' | 'bias' | 'gamma' | 'beta' | 'other';

/** A weight tensor of a model, as noise models and selectors see it. */
export interface WeightTensor {
  /** Name of the variable, such as `conv1/kernel`. */
  readonly name: string;
  /** What it is for, by its name. */
  readonly role: WeightRole;
  /** Place among the tensors of the same role, from 0: the third kernel of a model has 2. */
  readonly ordinal: number;
  /** Shape, such as [height, width, in, out] of a convolution's kernel. */
  readonly shape: readonly number[];
}

/** A weight tensor together with the random numbers of one draw. */
export interface NoiseSite extends WeightTensor {
  /**
   * Standard normal numbers, one per weight. The same stream gives the same array, which must not be changed.
   */
  normals(stream: string): Float32Array;
  /**
   * Uniform numbers in [0, 1), one per weight. The same stream gives the same array, which must not be
   * changed.
   */
  uniforms(stream: string): Float32Array;
}

/** A weight tensor together with the random numbers of one draw, as tensors. */
export interface TensorNoiseSite extends WeightTensor {
  /** Standard normal numbers in the shape of the weights. */
  normals(stream: string): tf.Tensor;
  /** Uniform numbers in [0, 1) in the shape of the weights. */
  uniforms(stream: string): tf.Tensor;
}

/** What a noise made of the weights of one tensor. */
export interface NoisyWeights {
  /** The noisy weights, a new array. */
  values: Float32Array;
  /** Bits of stored integers, for noises that change bits. */
  bits?: BitCount;
}

/** Bits of stored integers. */
export interface BitCount {
  /** Bits that changed. */
  flipped: number;
  /** Bits that are stored. */
  stored: number;
}

/** A noise on weights. Implement it to bring a noise of your own. */
export interface WeightNoise {
  /** Name with settings, such as `gaussian(sigma=0.2)`. */
  readonly name: string;
  /**
   * Name without settings, such as `gaussian`. Equal kinds in one composition get different random numbers.
   */
  readonly kind: string;
  /**
   * Whether the settings say that every weight stays as it is, as with sigma = 0. It is then not applied in
   * evaluations.
   */
  readonly changesNothing: boolean;
  /**
   * The noisy weights of one tensor.
   *
   * @param weights The clean weights, row-major. They are not changed.
   * @param site The tensor and its random numbers.
   */
  apply(weights: Float32Array, site: NoiseSite): NoisyWeights;
}

/** A noise that also works on tensors, with a gradient: what noise-aware training needs. */
export interface DifferentiableNoise extends WeightNoise {
  /** The noisy weights as a differentiable function of the clean ones. Call inside tf.tidy. */
  perturb(weights: tf.Tensor, site: TensorNoiseSite): tf.Tensor;
}

/**
 * A noise whose strength depends on one number: sigma, a rate, bits, seconds since programming, a training
 * step.
 */
export type NoiseFamily = (level: number) => WeightNoise;

/** Chooses tensors. */
export type TensorSelector = (tensor: WeightTensor) => boolean;

/** Whether a noise can be used in training. */
export function isDifferentiable(noise: WeightNoise): noise is DifferentiableNoise {
  return typeof (noise as Partial<DifferentiableNoise>).perturb === 'function';
}
