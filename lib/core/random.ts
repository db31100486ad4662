/**
 * Seeded random numbers whose state can be saved: the same seed gives the same numbers in every process and
 * on every machine.
 *
 * The generator is xoroshiro128+ of the package pure-rand; each stream is named, so that data order, initial
 * weights and noise of one seed are independent of each other.
 */

import { sha256 } from '@noble/hashes/sha2';
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';
import { checkNumber } from './errors';

/** The largest number below 1 in float32: what is nearer to 1 would be rounded to it. */
const BELOW_ONE = 1 - 2 ** -24;

/** A stream of seeded random numbers. */
export class Random {
  #generator: ReturnType<typeof xoroshiro128plusFromState>;
  #spareNormal: number | undefined;

  /**
   * @param seed Any whole number.
   * @param stream Name of the stream: streams of the same seed are independent.
   */
  constructor(seed: number, stream = '') {
    checkNumber('seed', seed, { integer: true });
    // The whole state of 128 bits comes from the hash: streams do not collide.
    const digest = new DataView(sha256(`${seed}/${stream}`).buffer);
    this.#generator = xoroshiro128plusFromState([0, 4, 8, 12].map((offset) => digest.getInt32(offset, true)));
  }

  /** A number in [0, 1). */
  uniform(): number {
    return uniformFloat64(this.#generator);
  }

  /** A whole number in [0, n). */
  int(n: number): number {
    return uniformInt(this.#generator, 0, n - 1);
  }

  /** A draw from the normal distribution (Box and Muller, both halves used). */
  normal(mean = 0, standardDeviation = 1): number {
    let z = this.#spareNormal;
    this.#spareNormal = undefined;
    if (z === undefined) {
      const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
      const angle = 2 * Math.PI * this.uniform();
      z = radius * Math.cos(angle);
      this.#spareNormal = radius * Math.sin(angle);
    }
    return mean + standardDeviation * z;
  }

  /** `n` draws from the normal distribution. */
  normals(n: number, mean = 0, standardDeviation = 1): Float32Array {
    const draws = new Float32Array(n);
    for (let i = 0; i < n; i++) draws[i] = this.normal(mean, standardDeviation);
    return draws;
  }

  /** `n` draws from the uniform distribution on [low, high). */
  uniforms(n: number, low = 0, high = 1): Float32Array {
    const draws = new Float32Array(n);
    for (let i = 0; i < n; i++) draws[i] = low + (high - low) * Math.min(this.uniform(), BELOW_ONE);
    return draws;
  }

  /** Shuffles in place (Fisher and Yates) and returns the array. */
  shuffle<T extends { length: number; [index: number]: unknown }>(array: T): T {
    for (let i = array.length - 1; i > 0; i--) {
      const j = this.int(i + 1);
      const held = array[i];
      array[i] = array[j];
      array[j] = held;
    }
    return array;
  }

  /** The numbers 0 to n - 1 in random order. */
  permutation(n: number): Int32Array {
    return this.shuffle(Int32Array.from({ length: n }, (_, i) => i));
  }

  /** A whole number to seed something else with, such as a native random op. */
  seed(): number {
    return uniformInt(this.#generator, 0, 0x7fffffff);
  }

  /** The state, as plain JSON: `restore` it to go on at the same place. */
  save(): RandomState {
    return { generator: [...this.#generator.getState()], spareNormal: this.#spareNormal ?? null };
  }

  /** Goes on where `state` was saved. */
  restore(state: RandomState): void {
    this.#generator = xoroshiro128plusFromState(state.generator);
    this.#spareNormal = state.spareNormal ?? undefined;
  }
}

/** Saved state of a `Random`. */
export interface RandomState {
  /** The generator's own state. */
  generator: number[];
  /** The second half of the last pair of normal draws; null where it was used. */
  spareNormal: number | null;
}
