/**
 * Vectors in float64: the sums over many weights lose digits in float32.
 */
import type { Random } from '../core/random';

/** A symmetric matrix, known by its products. */
export interface SymmetricOperator {
  /** Rows and columns. */
  readonly size: number;
  /** The matrix times `v`, as a new vector. */
  multiply(v: Float64Array): Promise<Float64Array>;
}

/** Scalar product. */
export function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** Euclidean length. */
export function length(a: Float64Array): number {
  return Math.sqrt(dot(a, a));
}

/** `a += factor * b`, in place. */
export function addScaled(a: Float64Array, b: Float64Array, factor: number): void {
  for (let i = 0; i < a.length; i++) a[i] += factor * b[i];
}

/**
 * Adds the sum of the vectors by their factors to `a`, in place; four at a time, so that `a` is read and
 * written less often.
 */
export function addCombined(
  a: Float64Array,
  vectors: readonly Float64Array[],
  factors: ArrayLike<number>,
): void {
  const whole = vectors.length - (vectors.length % 4);
  for (let from = 0; from < whole; from += 4) {
    const [p, q, r, s] = vectors.slice(from, from + 4);
    const [x, y, z, w] = [factors[from], factors[from + 1], factors[from + 2], factors[from + 3]];
    for (let i = 0; i < a.length; i++) a[i] += x * p[i] + y * q[i] + z * r[i] + w * s[i];
  }
  for (let j = whole; j < vectors.length; j++) addScaled(a, vectors[j], factors[j]);
}

/** `a` divided by `divisor`, as a new vector. */
export function divided(a: Float64Array, divisor: number): Float64Array {
  return a.map((value) => value / divisor);
}

/**
 * Below this share of its length before, what is left of a vector consists of rounding errors to a good part.
 */
const CANCELLED = 0.7;

/**
 * Takes out of `a`, in place, what lies along the orthonormal `basis`; a second time where much was taken, as
 * that leaves rounding errors ("twice is enough": Parlett, "The Symmetric Eigenvalue Problem", section 6.9).
 */
export function orthogonalize(a: Float64Array, basis: readonly Float64Array[]): void {
  const before = length(a);
  takeOut(a, basis);
  if (!(length(a) > CANCELLED * before)) takeOut(a, basis);
}

/** Four vectors at a time: `a` is read and written less often. */
function takeOut(a: Float64Array, basis: readonly Float64Array[]): void {
  const n = a.length;
  const whole = basis.length - (basis.length % 4);
  for (let from = 0; from < whole; from += 4) {
    const [p, q, r, s] = basis.slice(from, from + 4);
    let [alongP, alongQ, alongR, alongS] = [0, 0, 0, 0];
    for (let i = 0; i < n; i++) {
      const value = a[i];
      alongP += p[i] * value;
      alongQ += q[i] * value;
      alongR += r[i] * value;
      alongS += s[i] * value;
    }
    addCombined(a, [p, q, r, s], [-alongP, -alongQ, -alongR, -alongS]);
  }
  for (const q of basis.slice(whole)) addScaled(a, q, -dot(q, a));
}

/** Entries +1 and -1 at random. */
export function randomSigns(random: Random, size: number): Float64Array {
  return Float64Array.from({ length: size }, () => (random.int(2) === 0 ? -1 : 1));
}

/** A random direction, uniform on the unit sphere. */
export function randomUnit(random: Random, size: number): Float64Array {
  const normals = Float64Array.from({ length: size }, () => random.normal());
  return divided(normals, length(normals));
}
