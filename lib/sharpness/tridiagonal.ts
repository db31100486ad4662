/**
 * Eigenvalues and eigenvectors of a symmetric tridiagonal matrix, in float64, by the implicit QL method with
 * Wilkinson's shift.
 *
 * Rotations chase a bulge up the matrix until an off-diagonal entry vanishes; the eigenvectors are the
 * product of the rotations.
 *
 * Golub & Van Loan, "Matrix Computations", 4th edition, section 8.3; Parlett, "The Symmetric Eigenvalue
 * Problem", chapter 8.
 */
import { LookbehindError } from '../core/errors';

/** Eigenvalues in rising order; `vectors[j][i]` is component i of the unit eigenvector of value j. */
export interface TridiagonalEigen {
  /** The eigenvalues, in rising order. */
  values: Float64Array;
  /** The eigenvectors, in the same order, of length 1. */
  vectors: Float64Array[];
}

/** Sweeps for one eigenvalue; two or three are usual. */
const MAX_SWEEPS = 60;

/**
 * The eigen-decomposition of the matrix with `diagonal` (n numbers) and `offDiagonal` (n - 1 numbers) beside
 * it.
 *
 * @throws LookbehindError where the numbers are not finite.
 */
export function tridiagonalEigen(
  diagonal: ArrayLike<number>,
  offDiagonal: ArrayLike<number>,
): TridiagonalEigen {
  const n = diagonal.length;
  const d = Float64Array.from(diagonal);
  const e = new Float64Array(n);
  for (let i = 0; i < n - 1; i++) e[i] = offDiagonal[i];
  const rows = Array.from({ length: n }, (_, i) =>
    Float64Array.from({ length: n }, (_, j) => (i === j ? 1 : 0)),
  );

  // Beside a zero diagonal no entry is negligible; this share of the largest entry changes no digit of any
  // result.
  const tiny =
    Number.EPSILON ** 2 * d.reduce((largest, x, i) => Math.max(largest, Math.abs(x), Math.abs(e[i])), 0);
  for (let low = 0; low < n; low++) {
    for (let sweep = 0; ; sweep++) {
      const high = firstNegligible(d, e, low, tiny);
      if (high === low) break;
      if (sweep === MAX_SWEEPS)
        throw new LookbehindError('The eigenvalues of a tridiagonal matrix did not converge; it holds NaN?');
      qlSweep(d, e, low, high, rows);
    }
  }
  const order = Array.from(d.keys()).sort((a, b) => d[a] - d[b]);
  return {
    values: Float64Array.from(order, (j) => d[j]),
    vectors: order.map((j) => Float64Array.from(rows, (row) => row[j])),
  };
}

/**
 * The first row at or after `low` whose off-diagonal entry is negligible beside its diagonal neighbors, or
 * below `tiny`. NaN never is.
 */
function firstNegligible(d: Float64Array, e: Float64Array, low: number, tiny: number): number {
  let i = low;
  while (
    i < d.length - 1 &&
    !(Math.abs(e[i]) <= tiny + Number.EPSILON * (Math.abs(d[i]) + Math.abs(d[i + 1])))
  )
    i++;
  return i;
}

/** One QL sweep on rows `low` to `high`, applied to the columns of `rows` too. */
function qlSweep(d: Float64Array, e: Float64Array, low: number, high: number, rows: Float64Array[]): void {
  // Wilkinson's shift: the eigenvalue of the leading 2 x 2 block that is nearer to d[low].
  const half = (d[low + 1] - d[low]) / (2 * e[low]);
  const shift = d[low] - e[low] / (half + Math.sign(half || 1) * Math.hypot(half, 1));
  let g = d[high] - shift;
  let sine = 1;
  let cosine = 1;
  let p = 0;
  for (let i = high - 1; i >= low; i--) {
    const f = sine * e[i];
    const b = cosine * e[i];
    const r = Math.hypot(f, g);
    e[i + 1] = r;
    if (r === 0) {
      // The matrix falls apart here; the next sweep works on the smaller block.
      d[i + 1] -= p;
      e[high] = 0;
      return;
    }
    sine = f / r;
    cosine = g / r;
    g = d[i + 1] - p;
    const t = (d[i] - g) * sine + 2 * cosine * b;
    p = sine * t;
    d[i + 1] = g + p;
    g = cosine * t - b;
    for (const row of rows) {
      const held = row[i + 1];
      row[i + 1] = sine * row[i] + cosine * held;
      row[i] = cosine * row[i] - sine * held;
    }
  }
  d[low] -= p;
  e[low] = g;
  e[high] = 0;
}
