/**
 * Uniform quantization of weights to integers of 2 to 8 bits:
 *
 *     q  = clamp(round(w / scale) + zeroPoint, lowest, highest)
 *     w' = (q - zeroPoint) * scale
 *
 * `symmetric`: signed codes of -(2^(bits-1) - 1) to 2^(bits-1) - 1, zeroPoint 0, scale = max|w| / (2^(bits-1)
 * - 1).
 * `asymmetric`: unsigned codes of 0 to 2^bits - 1 over [min(w, 0), max(w, 0)], so that zero stays exactly
 * zero.
 *
 * Within the range |w' - w| <= scale / 2 to 1/2000 of scale, and quantizing twice changes nothing more.
 * Halves round to even; asymmetric, zeroPoint rounds them down and w / scale + zeroPoint rounds them up, so
 * that both ends of the range are codes also where it is symmetric about zero, as after clipping. What is
 * within 1/2000 of a half counts as one: so rounding does not decide, and plain arrays and tensors have the
 * same codes. Weights that share a scale with one that is NaN, or infinite and not clipped, are all NaN,
 * since their range is not known.
 *
 * Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only
 * inference", CVPR 2018, arXiv:1712.05877. Clipping to gain robustness to bit errors: Stutz et al., "Bit
 * error robustness for energy-efficient DNN accelerators", MLSys 2021, arXiv:2006.13977.
 */
import { checkOptions, needed, number, type OptionsOf, oneOf, type SettingsOf, whole } from '../core/options';
import * as tf from '../core/tf';
import type { DifferentiableNoise, WeightTensor } from './noise';
import { straightThrough } from './straightThrough';

/** Describes the options of `quantization` and `quantize`. */
export const QUANTIZATION = {
  /** Bits per weight, 2 to 8. */
  bits: needed(whole({ min: 2, max: 8 })),
  /** How the range of weights is laid onto integers. Default `symmetric`. */
  scheme: oneOf(['symmetric', 'asymmetric'], 'symmetric'),
  /**
   * What shares one scale: the whole tensor, or each output channel (row of an embedding) by itself. Default
   * `tensor`.
   */
  per: oneOf(['tensor', 'channel'], 'tensor'),
  /**
   * Weights are clipped to [-clip, clip] first, and the range ends there. In units of the weights, > 0.
   * Default: no clipping.
   */
  clip: number({ min: 0, exclusiveMin: true }),
};

/** Options of `quantization` and `quantize`. */
export type QuantizationOptions = OptionsOf<typeof QUANTIZATION>;

/** `QuantizationOptions` with defaults filled in. */
export type QuantizationSettings = SettingsOf<typeof QUANTIZATION>;

type QuantizationScheme = QuantizationSettings['scheme'];
type QuantizationGroup = QuantizationSettings['per'];

/** A really quantized tensor: integers, and what turns them into weights again. */
export interface QuantizedWeights {
  /** One integer per weight. */
  codes: Int16Array;
  /** Bits per code. */
  bits: number;
  /** Whether codes are two's complement (symmetric) or unsigned (asymmetric). */
  signed: boolean;
  /** Step between neighboring codes, one per group. */
  scales: Float64Array;
  /** Code of the weight zero, one per group. */
  zeroPoints: Int16Array;
  /** Group of each weight: weight i is in group floor(i / inner) % scales.length. */
  inner: number;
}

/** How near a half counts as one: more than float32 rounding, less than matters. */
const HALF_TOLERANCE = 2 ** -11;

/** The settings in words, for names of noises. */
export function describeQuantization({ bits, scheme, per, clip }: QuantizationSettings): string {
  return `bits=${bits}, ${scheme}, per ${per}${clip === undefined ? '' : `, clip=${clip}`}`;
}

/**
 * Quantization as a noise. It draws no random numbers, so all draws are equal.
 *
 * Its gradient is the straight-through one: 1 for weights within the clipping range, 0 outside.
 */
export function quantization(options: QuantizationOptions): DifferentiableNoise {
  const settings = checkOptions('quantization', QUANTIZATION, options);
  return {
    name: `quantization(${describeQuantization(settings)})`,
    kind: 'quantization',
    changesNothing: false,
    apply: (weights, site) => ({ values: dequantize(quantize(weights, site, settings)) }),
    perturb: (weights, site) =>
      straightThrough(
        weights,
        (w) => {
          const { codes, weightsOf } = quantizeTensor(w, site, settings);
          return weightsOf(codes);
        },
        passOf(settings),
      ),
  };
}

/**
 * Quantizes the weights of one tensor to integers.
 *
 * @throws OptionError
 */
export function quantize(
  weights: Float32Array,
  tensor: Pick<WeightTensor, 'role' | 'shape'>,
  options: QuantizationOptions,
): QuantizedWeights {
  const {
    bits,
    scheme,
    per,
    clip = Number.POSITIVE_INFINITY,
  } = checkOptions('quantize', QUANTIZATION, options);
  const { groups, inner } = groupsOf(tensor, per);
  const { lowest, highest } = codeRange(bits, scheme);
  const known = new Array<boolean>(groups).fill(true);
  const lows = new Float64Array(groups);
  const highs = new Float64Array(groups);
  const clipped = new Float32Array(weights.length);
  for (let i = 0; i < clipped.length; i++) {
    const w = Math.min(Math.max(weights[i], -clip), clip);
    const group = Math.floor(i / inner) % groups;
    clipped[i] = w;
    if (!Number.isFinite(w)) known[group] = false;
    lows[group] = Math.min(lows[group], w);
    highs[group] = Math.max(highs[group], w);
  }
  const scales = new Float64Array(groups);
  const zeroPoints = new Int16Array(groups);
  for (let group = 0; group < groups; group++) {
    const range = scheme === 'symmetric' ? Math.max(-lows[group], highs[group]) : highs[group] - lows[group];
    scales[group] = !known[group] ? Number.NaN : range > 0 ? range / highest : 1;
    zeroPoints[group] =
      scheme === 'symmetric' ? 0 : Math.ceil(-lows[group] / scales[group] - 0.5 - HALF_TOLERANCE);
  }
  const codes = new Int16Array(weights.length);
  for (let i = 0; i < codes.length; i++) {
    const group = Math.floor(i / inner) % groups;
    const steps = clipped[i] / scales[group];
    const code =
      scheme === 'symmetric'
        ? roundHalfToEven(steps)
        : Math.floor(steps + zeroPoints[group] + 0.5 + HALF_TOLERANCE);
    codes[i] = Math.min(Math.max(code, lowest), highest);
  }
  return { codes, bits, signed: scheme === 'symmetric', scales, zeroPoints, inner };
}

/** The weights that quantized ones stand for. */
export function dequantize({ codes, scales, zeroPoints, inner }: QuantizedWeights): Float32Array {
  const groups = scales.length;
  const weights = new Float32Array(codes.length);
  for (let i = 0; i < codes.length; i++) {
    const group = Math.floor(i / inner) % groups;
    weights[i] = (codes[i] - zeroPoints[group]) * scales[group];
  }
  return weights;
}

function codeRange(bits: number, scheme: QuantizationScheme): { lowest: number; highest: number } {
  if (scheme === 'asymmetric') return { lowest: 0, highest: 2 ** bits - 1 };
  const highest = 2 ** (bits - 1) - 1;
  return { lowest: -highest, highest };
}

/**
 * Output channels are on the last axis; on the last two of a depthwise kernel; rows of an embedding on the
 * first.
 */
function groupsOf(
  { role, shape }: Pick<WeightTensor, 'role' | 'shape'>,
  per: QuantizationGroup,
): { groups: number; inner: number } {
  const size = shape.reduce((product, n) => product * n, 1);
  if (per === 'tensor' || shape.length < 2) return { groups: 1, inner: size };
  if (role === 'embedding') return { groups: shape[0], inner: size / shape[0] };
  return { groups: shape[shape.length - 1], inner: 1 };
}

/** A quantized tensor, and what turns codes into weights again. */
export interface QuantizedTensor {
  /** Whole numbers, float32, in the shape of the weights. */
  codes: tf.Tensor;
  /** The weights that codes stand for. */
  weightsOf(codes: tf.Tensor): tf.Tensor;
}

/** `quantize` with tensor operations, for use inside of a graph. Call inside tf.tidy. */
export function quantizeTensor(
  weights: tf.Tensor,
  tensor: Pick<WeightTensor, 'role' | 'shape'>,
  { bits, scheme, per, clip }: QuantizationSettings,
): QuantizedTensor {
  const { highest, lowest } = codeRange(bits, scheme);
  const axes = groupAxes(tensor, per);
  const clipped = clip !== undefined ? tf.clipByValue(weights, -clip, clip) : weights;
  const isKnown = tf.all(
    clip !== undefined ? tf.logicalNot(tf.isNaN(weights)) : tf.isFinite(weights),
    axes,
    true,
  );
  const scaleOf = (range: tf.Tensor): tf.Tensor =>
    tf.where(isKnown, positive(tf.div(range, highest)), Number.NaN);
  if (scheme === 'symmetric') {
    const scale = scaleOf(tf.max(tf.abs(clipped), axes, true));
    return { codes: roundTensor(tf.div(clipped, scale)), weightsOf: (codes) => tf.mul(codes, scale) };
  }
  const low = tf.minimum(tf.min(clipped, axes, true), 0);
  const high = tf.maximum(tf.max(clipped, axes, true), 0);
  const scale = scaleOf(tf.sub(high, low));
  const zeroPoint = tf.ceil(tf.sub(tf.div(tf.neg(low), scale), 0.5 + HALF_TOLERANCE));
  const steps = tf.add(tf.div(clipped, scale), zeroPoint);
  return {
    codes: tf.clipByValue(tf.floor(tf.add(steps, 0.5 + HALF_TOLERANCE)), lowest, highest),
    weightsOf: (codes) => tf.mul(tf.sub(codes, zeroPoint), scale),
  };
}

/** Where the gradient of quantized weights passes: within the clipping range. Undefined: everywhere. */
export function passOf({ clip }: QuantizationSettings): ((weights: tf.Tensor) => tf.Tensor) | undefined {
  return clip === undefined
    ? undefined
    : (weights) => tf.cast(tf.lessEqual(tf.abs(weights), clip), 'float32');
}

/** Axes that one scale runs over. */
function groupAxes({ role, shape }: Pick<WeightTensor, 'role' | 'shape'>, per: QuantizationGroup): number[] {
  const axes = shape.map((_, axis) => axis);
  if (per === 'tensor' || shape.length < 2) return axes;
  return role === 'embedding' ? axes.slice(1) : axes.slice(0, -1);
}

/** A scale that is not zero: an all-zero group keeps its zeros. */
function positive(scale: tf.Tensor): tf.Tensor {
  return tf.add(scale, tf.cast(tf.equal(scale, 0), 'float32'));
}

function roundHalfToEven(x: number): number {
  const below = Math.floor(x);
  return Math.abs(x - below - 0.5) <= HALF_TOLERANCE ? below + Math.abs(below % 2) : Math.round(x);
}

/** `roundHalfToEven` of each entry. */
function roundTensor(x: tf.Tensor): tf.Tensor {
  const below = tf.floor(x);
  const beyond = tf.sub(x, below);
  const isHalf = tf.lessEqual(tf.abs(tf.sub(beyond, 0.5)), HALF_TOLERANCE);
  return tf.where(
    isHalf,
    tf.add(below, tf.mod(below, 2)),
    tf.add(below, tf.cast(tf.greater(beyond, 0.5), 'float32')),
  );
}
