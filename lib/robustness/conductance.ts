/**
 * Weights as differential pairs of conductances, the way analog in-memory hardware stores them:
 *
 *     w > 0:  G+ = |w| / max|w|,  G- = 0        w < 0:  G+ = 0,  G- = |w| / max|w|
 *     w' = (G+' - G-') * max|w|
 *
 * Conductances are relative to the largest one of the device (g_max). The device at zero is noisy too, so zero weights do not
 * stay zero.
 */

/** What a device makes of a target conductance. Both in units of g_max; `i` is the index of the weight. */
export type Device = (target: number, i: number) => number;

/** Weights in units of the largest absolute one, read from pairs of noisy devices, and that largest one. */
export interface PairReading {
  /** G+' - G-' per weight. */
  relative: Float64Array;
  /** max|w| of the clean weights. */
  largest: number;
}

/** Stores weights in pairs of devices and reads them. */
export function readPairs(weights: Float32Array, plus: Device, minus: Device): PairReading {
  const largest = weights.reduce((most, w) => Math.max(most, Math.abs(w)), 0);
  const relative = new Float64Array(weights.length);
  if (largest === 0) return { relative, largest };
  for (let i = 0; i < weights.length; i++) {
    const target = weights[i] / largest;
    relative[i] = plus(Math.max(target, 0), i) - minus(Math.max(-target, 0), i);
  }
  return { relative, largest };
}
