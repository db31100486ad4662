/**
 * Random bit errors in really quantized weights: what low-voltage memory does to a network.
 *
 *     q  = quantize(w)                                  integers of `bits` bits
 *     q' = q with each exposed bit failed with probability rate, independently
 *     w' = dequantize(q')
 *
 * A failed bit is inverted (`flip`) or reads as 0 or 1 whatever is stored (`stuckAt0`, `stuckAt1`). Whether a
 * bit fails is decided by one uniform number per weight and bit: u < rate. So the failures at a low rate are
 * among those at a higher one, as on a chip whose voltage sinks, and all models meet the same chip.
 *
 * Stutz, Chandramoorthy, Hein, Schiele, "Bit error robustness for energy-efficient DNN accelerators", MLSys
 * 2021, arXiv:2006.13977, and "Random and adversarial bit error robustness", TPAMI 2022, arXiv:2104.08323.
 */
import { checkNumber, checkNumbers, OptionError } from '../core/errors';
import {
  checkOptions,
  either,
  listOf,
  needed,
  number,
  type OptionsOf,
  oneOf,
  whole,
  withDefault,
} from '../core/options';
import * as tf from '../core/tf';
import type { DifferentiableNoise } from './noise';
import {
  dequantize,
  describeQuantization,
  passOf,
  QUANTIZATION,
  quantize,
  quantizeTensor,
} from './quantization';
import { straightThrough } from './straightThrough';

const OWN = {
  /** Probability that an exposed bit fails. 0 to 1. */
  rate: needed(number({ min: 0, max: 1 })),
  /** How a failed bit reads. Default `flip`. */
  fault: oneOf(['flip', 'stuckAt0', 'stuckAt1'], 'flip'),
  /** Bits that can fail, 0 = least significant. Default `all`. Names stand for the one bit at that end. */
  positions: withDefault(
    either(oneOf(['all', 'mostSignificant', 'leastSignificant']), listOf(whole({ min: 0, max: 7 }))),
    'all',
  ),
  /** Most significant bits that are stored safely and never fail. 0 to `bits`. Default 0. */
  protectedBits: whole({ min: 0, max: 8 }, 0),
  /** Bits per weight, 2 to 8. Default 8. */
  bits: withDefault(QUANTIZATION.bits, 8),
  /** How the range of weights is laid onto integers. Default `asymmetric`: unsigned. */
  scheme: withDefault(QUANTIZATION.scheme, 'asymmetric'),
};

/**
 * Describes the options of `bitErrors`. Quantization is 8 bits and asymmetric by default, the robust choice
 * of Stutz et al.
 */
export const BIT_ERRORS: typeof OWN & Omit<typeof QUANTIZATION, keyof typeof OWN> = {
  ...QUANTIZATION,
  ...OWN,
};

/** Options of `bitErrors`. */
export type BitErrorOptions = OptionsOf<typeof BIT_ERRORS>;

/**
 * Random bit errors. Rate 0 leaves quantization alone. Its gradient is the straight-through one of
 * `quantization`.
 */
export function bitErrors(options: BitErrorOptions): DifferentiableNoise {
  const { rate, fault, positions, protectedBits, ...settings } = checkOptions(
    'bitErrors',
    BIT_ERRORS,
    options,
  );
  const { bits } = settings;
  const exposed = exposedBits(bits, positions, protectedBits);
  const mask = 2 ** bits - 1;
  return {
    name: `bitErrors(rate=${rate}, ${fault}, bits ${exposed.join(' ')}, ${describeQuantization(settings)})`,
    kind: 'bitErrors',
    changesNothing: false,
    apply(weights, site) {
      const quantized = quantize(weights, site, settings);
      const { codes, signed } = quantized;
      const stored = Int16Array.from(codes, (code) => code & mask);
      const faulty = stored.slice();
      for (const bit of exposed) {
        const u = site.uniforms(`bit ${bit}`);
        const value = 1 << bit;
        for (let i = 0; i < faulty.length; i++) {
          if (u[i] >= rate) continue;
          if (fault === 'flip') faulty[i] ^= value;
          else if (fault === 'stuckAt1') faulty[i] |= value;
          else faulty[i] &= ~value;
        }
      }
      let flipped = 0;
      for (let i = 0; i < faulty.length; i++) flipped += onesIn(faulty[i] ^ stored[i]);
      const signBit = signed ? 2 ** (bits - 1) : Number.POSITIVE_INFINITY;
      const read = faulty.map((pattern) => (pattern >= signBit ? pattern - 2 ** bits : pattern));
      return {
        values: dequantize({ ...quantized, codes: read }),
        bits: { flipped, stored: codes.length * bits },
      };
    },
    perturb: (weights, site) =>
      straightThrough(
        weights,
        (w) => {
          const { codes, weightsOf } = quantizeTensor(w, site, settings);
          const wrap = 2 ** bits;
          const isSigned = settings.scheme === 'symmetric';
          const stored = isSigned ? tf.add(codes, tf.mul(wrap, asNumber(tf.less(codes, 0)))) : codes;
          let faulty = stored;
          for (const bit of exposed) {
            const value = 2 ** bit;
            const set = tf.mod(tf.floor(tf.div(stored, value)), 2);
            const change = {
              flip: () => tf.sub(1, tf.mul(2, set)),
              stuckAt1: () => tf.sub(1, set),
              stuckAt0: () => tf.neg(set),
            }[fault]();
            const failed = asNumber(tf.less(site.uniforms(`bit ${bit}`), rate));
            faulty = tf.add(faulty, tf.mul(value, tf.mul(failed, change)));
          }
          const read = isSigned
            ? tf.sub(faulty, tf.mul(wrap, asNumber(tf.greaterEqual(faulty, wrap / 2))))
            : faulty;
          return weightsOf(read);
        },
        passOf(settings),
      ),
  };
}

/** The bits that can fail, least significant first. */
function exposedBits(
  bits: number,
  positions: 'all' | 'mostSignificant' | 'leastSignificant' | readonly number[],
  safe: number,
): number[] {
  checkNumber('protectedBits', safe, { min: 0, max: bits });
  const named = {
    all: Array.from({ length: bits }, (_, bit) => bit),
    mostSignificant: [bits - 1],
    leastSignificant: [0],
  };
  const asked =
    typeof positions === 'string'
      ? named[positions]
      : checkNumbers('positions', positions, { max: bits - 1 });
  const exposed = [...new Set(asked)].filter((bit) => bit < bits - safe).sort((a, b) => a - b);
  if (exposed.length === 0) {
    throw new OptionError(
      'positions',
      positions,
      'at least one bit that is not protected',
      `Of ${bits} bits, the upper ${safe} are protected.`,
    );
  }
  return exposed;
}

/** 1 for true and 0 for false. */
function asNumber(condition: tf.Tensor): tf.Tensor {
  return tf.cast(condition, 'float32');
}

function onesIn(pattern: number): number {
  let ones = 0;
  for (let rest = pattern; rest !== 0; rest &= rest - 1) ones++;
  return ones;
}
