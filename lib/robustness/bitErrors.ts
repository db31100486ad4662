/**
 * Random bit errors in really quantized weights: what low-voltage memory does to a network.
 *
 *     q  = quantize(w)                                  integers of `bits` bits
 *     q' = q with each exposed bit failed with probability rate, independently
 *     w' = dequantize(q')
 *
 * A failed bit is inverted (`flip`) or reads as 0 or 1 whatever is stored (`stuckAt0`, `stuckAt1`). Whether a bit fails is
 * decided by one uniform number per weight and bit: u < rate. So the failures at a low rate are among those at a higher one, as on
 * a chip whose voltage sinks, and all models meet the same chip.
 *
 * Stutz, Chandramoorthy, Hein, Schiele, "Bit error robustness for energy-efficient DNN accelerators", MLSys 2021,
 * arXiv:2006.13977, and "Random and adversarial bit error robustness", TPAMI 2022, arXiv:2104.08323.
 */
import { checkKnownOptions, checkNumber, checkNumbers, checkOneOf, OptionError } from '../core/errors';
import * as tf from '../core/tf';
import type { DifferentiableNoise } from './noise';
import {
  dequantize,
  describeQuantization,
  passOf,
  QUANTIZATION_OPTIONS,
  type QuantizationOptions,
  quantizationSettings,
  quantize,
  quantizeTensor,
} from './quantization';
import { straightThrough } from './straightThrough';

/** How a failed bit reads. */
export type BitFault = 'flip' | 'stuckAt0' | 'stuckAt1';

/** Options of `bitErrors`. Quantization is 8 bits and asymmetric (unsigned) by default, the robust choice of Stutz et al. */
export interface BitErrorOptions extends Partial<QuantizationOptions> {
  /** Probability that an exposed bit fails. 0 to 1. */
  rate: number;
  /** How a failed bit reads. Default `flip`. */
  fault?: BitFault;
  /** Bits that can fail, 0 = least significant. Default: all. Names stand for the one bit at that end. */
  positions?: 'all' | 'mostSignificant' | 'leastSignificant' | readonly number[];
  /** Most significant bits that are stored safely and never fail. 0 to `bits`. Default 0. */
  protectedBits?: number;
}

/** Random bit errors. Rate 0 leaves quantization alone. Its gradient is the straight-through one of `quantization`. */
export function bitErrors(options: BitErrorOptions): DifferentiableNoise {
  checkKnownOptions('bitErrors', options, [...QUANTIZATION_OPTIONS, 'rate', 'fault', 'positions', 'protectedBits']);
  const rate = checkNumber('rate', options.rate, { min: 0, max: 1 });
  const fault = checkOneOf<BitFault>('fault', options.fault ?? 'flip', ['flip', 'stuckAt0', 'stuckAt1']);
  const settings = quantizationSettings({ ...options, bits: options.bits ?? 8, scheme: options.scheme ?? 'asymmetric' });
  const { bits } = settings;
  const exposed = exposedBits(bits, options);
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
      return { values: dequantize({ ...quantized, codes: read }), bits: { flipped, stored: codes.length * bits } };
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
            const change = { flip: () => tf.sub(1, tf.mul(2, set)), stuckAt1: () => tf.sub(1, set), stuckAt0: () => tf.neg(set) }[
              fault
            ]();
            const failed = asNumber(tf.less(site.uniforms(`bit ${bit}`), rate));
            faulty = tf.add(faulty, tf.mul(value, tf.mul(failed, change)));
          }
          const read = isSigned ? tf.sub(faulty, tf.mul(wrap, asNumber(tf.greaterEqual(faulty, wrap / 2)))) : faulty;
          return weightsOf(read);
        },
        passOf(settings),
      ),
  };
}

/** The bits that can fail, least significant first. */
function exposedBits(bits: number, { positions = 'all', protectedBits = 0 }: BitErrorOptions): number[] {
  checkNumber('protectedBits', protectedBits, { min: 0, max: bits, integer: true });
  const named = { all: Array.from({ length: bits }, (_, bit) => bit), mostSignificant: [bits - 1], leastSignificant: [0] };
  const asked =
    typeof positions === 'string'
      ? named[checkOneOf('positions', positions, ['all', 'mostSignificant', 'leastSignificant'])]
      : checkNumbers('positions', positions, { min: 0, max: bits - 1, integer: true });
  const exposed = [...new Set(asked)].filter((bit) => bit < bits - protectedBits).sort((a, b) => a - b);
  if (exposed.length === 0) {
    throw new OptionError(
      'positions',
      positions,
      'at least one bit that is not protected',
      `protectedBits is ${protectedBits} of ${bits}.`,
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
