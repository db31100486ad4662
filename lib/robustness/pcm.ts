/**
 * Phase-change memory (PCM): programming noise, drift and read noise of each device of a differential pair.
 * With the target conductance x in units of g_max = 25 uS, independent standard normal z, and t seconds since
 * programming:
 *
 *     programmed  g  = max(x + (0.26348 + 1.9650 x - 1.1731 x^2) / 25 * z1, 0)
 *     drift       nu = |mu + s z2|,  mu = clip(-0.0155 ln x + 0.0244, 0.049, 0.1),
 *                                    s = clip(-0.0125 ln x - 0.0059, 0.008, 0.045)
 *                 d  = g * ((t + t0) / t0)^-nu,   t0 = 20 s
 *     read        q  = min(0.0088 / max(g^0.65, 0.001), 0.2)
 *                 r  = max(d + d * q * sqrt(ln((t + t0 + tr) / (2 tr))) * z3, 0),   tr = 250 ns
 *
 * Drift compensation multiplies each tensor by mean|w at programming| / mean|w now|, a single digital factor
 * per tensor.
 *
 * Within one draw a device keeps its programmed conductance and its nu at all times, so a curve over time
 * shows the drift of one chip. Its read noise uses the same standard normal number at all times: right for
 * each time alone, and paired.
 *
 * Constants: Nandakumar et al., "Phase-change memory models for deep learning training and inference", ICECS
 * 2019; Joshi et al., "Accurate deep neural network inference using computational phase-change memory",
 * Nature Communications 11, 2473 (2020); as in the PCM model of IBM's aihwkit.
 */
import { checkOptions, flag, needed, number, type OptionsOf } from '../core/options';
import * as tf from '../core/tf';
import { type Device, polynomial, readPairs, readTensorPairs, type TensorDevice } from './conductance';
import type { DifferentiableNoise, NoiseSite } from './noise';
import { straightThrough } from './straightThrough';

/** Conductance that the largest weight is mapped to, in uS. */
const G_MAX = 25;
/** Time between programming and first reading, to which drift is relative, in s. */
const T_0 = 20;
/** Width of a reading pulse, in s. */
const T_READ = 250e-9;
/** Coefficients of the deviation of programming, in uS. */
const PROGRAMMING = [0.26348, 1.965, -1.1731] as const;
/** Keeps ln x finite for a device at zero. */
const SMALLEST_TARGET = 1e-7;
const LOG_SMALLEST_TARGET = Math.log(SMALLEST_TARGET);
/** Smallest mean|w| / max|w| that compensation divides by. */
const SMALLEST_READING = 1e-4;

/** Describes the options of `pcm`. */
export const PCM = {
  /** Time since programming, in seconds. At least 0. */
  seconds: needed(number({ min: 0 })),
  /** Whether each tensor is rescaled by one factor that makes up for its mean drift. Default true. */
  driftCompensation: flag(true),
  /** Factor on the programming noise; 0 turns it off. At least 0, default 1. */
  programmingNoise: number({ min: 0 }, 1),
  /** Factor on the drift exponents; 0 turns drift off. At least 0, default 1. */
  drift: number({ min: 0 }, 1),
  /** Factor on the read noise; 0 turns it off. At least 0, default 1. */
  readNoise: number({ min: 0 }, 1),
};

/** Options of `pcm`. */
export type PCMOptions = OptionsOf<typeof PCM>;

/** Phase-change memory, read some time after it was programmed. Its gradient is that of the identity. */
export function pcm(options: PCMOptions): DifferentiableNoise {
  const { seconds, driftCompensation, programmingNoise, drift, readNoise } = checkOptions(
    'pcm',
    PCM,
    options,
  );

  const logElapsed = Math.log((seconds + T_0) / T_0);
  const readSpread = readNoise * Math.sqrt(Math.log((seconds + T_0 + T_READ) / (2 * T_READ)));

  /** The devices of one side of the pairs: right after programming, and now. */
  function devices(site: NoiseSite, side: '+' | '-'): { programmed: Device; now: Device } {
    const z1 = site.normals(`pcm/programming ${side}`);
    const z2 = site.normals(`pcm/drift ${side}`);
    const z3 = site.normals(`pcm/read ${side}`);
    const programmed: Device = (x, i) => Math.max(x + programmingNoise * programmingDeviation(x) * z1[i], 0);
    const now: Device = (x, i) => {
      const g = programmed(x, i);
      if (g === 0) return 0;
      const drifted = g * Math.exp(-drift * driftExponent(x, z2[i]) * logElapsed);
      return Math.max(drifted + drifted * readDeviation(g) * readSpread * z3[i], 0);
    };
    return { programmed, now };
  }

  return {
    name:
      `pcm(seconds=${seconds}, ${driftCompensation ? 'compensated' : 'not compensated'}, ` +
      `programmingNoise=${programmingNoise}, drift=${drift}, readNoise=${readNoise})`,
    kind: 'pcm',
    changesNothing: programmingNoise === 0 && readNoise === 0 && (drift === 0 || seconds === 0),
    apply(weights, site) {
      const plus = devices(site, '+');
      const minus = devices(site, '-');
      const { relative, largest } = readPairs(weights, plus.now, minus.now);
      let factor = largest;
      if (driftCompensation) {
        const reference = meanAbsolute(readPairs(weights, plus.programmed, minus.programmed).relative);
        factor *= Math.max(reference, SMALLEST_READING) / Math.max(meanAbsolute(relative), SMALLEST_READING);
      }
      return { values: Float32Array.from(relative, (g) => g * factor) };
    },
    perturb: (weights, site) =>
      straightThrough(weights, (w) => {
        const programmed: TensorDevice = (x, side) => {
          const deviation = tf.mul(programmingNoise / G_MAX, polynomial(x, PROGRAMMING));
          return tf.relu(tf.add(x, tf.mul(deviation, site.normals(`pcm/programming ${side}`))));
        };
        const now: TensorDevice = (x, side) => {
          const g = programmed(x, side);
          const log = tf.log(tf.maximum(x, SMALLEST_TARGET));
          const mean = tf.clipByValue(tf.add(tf.mul(-0.0155, log), 0.0244), 0.049, 0.1);
          const spread = tf.clipByValue(tf.sub(tf.mul(-0.0125, log), 0.0059), 0.008, 0.045);
          const nu = tf.abs(tf.add(mean, tf.mul(spread, site.normals(`pcm/drift ${side}`))));
          const drifted = tf.mul(g, tf.exp(tf.mul(-drift * logElapsed, nu)));
          const q = tf.minimum(tf.div(0.0088, tf.maximum(tf.pow(g, 0.65), 1e-3)), 0.2);
          const read = tf.mul(tf.mul(drifted, q), tf.mul(readSpread, site.normals(`pcm/read ${side}`)));
          return tf.relu(tf.add(drifted, read));
        };
        const { relative, largest } = readTensorPairs(w, now);
        if (!driftCompensation) return tf.mul(relative, largest);
        const strengthOf = (pairs: tf.Tensor): tf.Tensor =>
          tf.maximum(tf.mean(tf.abs(pairs)), SMALLEST_READING);
        const reference = strengthOf(readTensorPairs(w, programmed).relative);
        return tf.mul(relative, tf.mul(largest, tf.div(reference, strengthOf(relative))));
      }),
  };
}

/** Standard deviation of programming, in units of g_max, at the target x. */
function programmingDeviation(x: number): number {
  const [c0, c1, c2] = PROGRAMMING;
  return (c0 + c1 * x + c2 * x * x) / G_MAX;
}

/** The drift exponent nu of a device with the target x. */
function driftExponent(x: number, z: number): number {
  const log = x > SMALLEST_TARGET ? Math.log(x) : LOG_SMALLEST_TARGET;
  const mean = clip(-0.0155 * log + 0.0244, 0.049, 0.1);
  const deviation = clip(-0.0125 * log - 0.0059, 0.008, 0.045);
  return Math.abs(mean + deviation * z);
}

/** Strength of read noise of a device programmed to g, relative to its conductance. */
function readDeviation(g: number): number {
  return Math.min(0.0088 / Math.max(g ** 0.65, 1e-3), 0.2);
}

function clip(x: number, low: number, high: number): number {
  return Math.min(Math.max(x, low), high);
}

function meanAbsolute(values: Float64Array): number {
  return values.reduce((sum, value) => sum + Math.abs(value), 0) / values.length;
}
