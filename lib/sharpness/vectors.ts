/**
 * Vectors in float64: the sums over many weights lose digits in float32.
 */
import type { Random } from '../runtime/random';

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

/** `a` divided by `divisor`, as a new vector. */
export function divided(a: Float64Array, divisor: number): Float64Array {
  return a.map((value) => value / divisor);
}

/** Takes out of `a`, in place, what lies along the orthonormal `basis`; twice, as once leaves rounding errors. */
export function orthogonalise(a: Float64Array, basis: readonly Float64Array[]): void {
  for (let pass = 0; pass < 2; pass++) {
    for (const q of basis) addScaled(a, q, -dot(q, a));
  }
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
