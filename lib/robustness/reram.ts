/**
 * Resistive memory (ReRAM): conductance relaxation of each device of a differential pair after programming.
 * With the target conductance x in units of g_max = 40 uS and z ~ N(0, 1):
 *
 *     g = max(x + s_t(x) / 40 * z, 0),   s_t(x) = c0 + c1 x + c2 x^2 + c3 x^3 + c4 x^4   (uS)
 *
 * with coefficients fitted to measurements 1 second, 1 day and 2 days after programming, and at no other
 * time.
 *
 * Data: Wan et al., "A compute-in-memory chip based on resistive random-access memory", Nature 608, 504-512
 * (2022); the fit is that of IBM's aihwkit. Short-term read noise of about 1 % is not in it: compose with
 * `additiveNoise({ sigma: 0.01 })`.
 */
import { checkOptions, needed, number, type OptionsOf, oneOf } from '../core/options';
import * as tf from '../core/tf';
import { type Device, polynomial, readPairs, readTensorPairs } from './conductance';
import type { DifferentiableNoise } from './noise';
import { straightThrough } from './straightThrough';

/** Conductance that the largest weight is mapped to, in uS. */
const G_MAX = 40;

const DAY = 86_400;

/** Times after programming at which devices were measured, in seconds: 1 s, 1 day, 2 days. */
export const RERAM_TIMES = [1, DAY, 2 * DAY] as const;

/** c0 to c4, in uS. */
const COEFFICIENTS: Record<number, readonly number[]> = {
  1: [0.348, 16.03, -43.853, 45.393, -16.815],
  [DAY]: [0.701, 22.086, -50.773, 47.095, -16.458],
  [2 * DAY]: [0.782, 20.274, -43.507, 37.062, -11.934],
};

/** Describes the options of `reram`. */
export const RERAM = {
  /** Time since programming, in seconds: 1, 86400 or 172800 (`RERAM_TIMES`). */
  seconds: needed(oneOf<number>(RERAM_TIMES)),
  /** Factor on the noise. At least 0, default 1. */
  strength: number({ min: 0 }, 1),
};

/** Options of `reram`. */
export type ReRAMOptions = OptionsOf<typeof RERAM>;

/**
 * Resistive memory, read 1 second, 1 day or 2 days after it was programmed. Its gradient is that of the
 * identity.
 */
export function reram(options: ReRAMOptions): DifferentiableNoise {
  const { seconds, strength } = checkOptions('reram', RERAM, options);
  const coefficients = COEFFICIENTS[seconds];
  return {
    name: `reram(seconds=${seconds}, strength=${strength})`,
    kind: 'reram',
    changesNothing: strength === 0,
    apply(weights, site) {
      const side =
        (z: Float32Array): Device =>
        (x, i) =>
          Math.max(x + strength * deviation(x, coefficients) * z[i], 0);
      const { relative, largest } = readPairs(
        weights,
        side(site.normals('reram +')),
        side(site.normals('reram -')),
      );
      return { values: Float32Array.from(relative, (g) => g * largest) };
    },
    perturb: (weights, site) =>
      straightThrough(weights, (w) => {
        const { relative, largest } = readTensorPairs(w, (x, side) => {
          const spread = tf.mul(strength / G_MAX, polynomial(x, coefficients));
          return tf.relu(tf.add(x, tf.mul(spread, site.normals(`reram ${side}`))));
        });
        return tf.mul(relative, largest);
      }),
  };
}

/** Standard deviation in units of g_max at the target x. */
function deviation(x: number, coefficients: readonly number[]): number {
  return coefficients.reduceRight((sum, c) => sum * x + c, 0) / G_MAX;
}
