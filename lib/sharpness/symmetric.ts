/**
 * Eigenvalues and eigenvectors of a small symmetric matrix, in float64: Householder reflections make it
 * tridiagonal.
 *
 *     for each row k from the last, a its part before the diagonal:
 *       P = I - 2 v v' with P a = (0, ..., 0, +-||a||);   A = P A P
 *
 * Golub & Van Loan, "Matrix Computations", 4th edition, section 8.3.
 */
import { type TridiagonalEigen, tridiagonalEigen } from './tridiagonal';
import { addScaled, dot, length } from './vectors';

/** The eigen-decomposition of a symmetric matrix, given by its rows. */
export function symmetricEigen(matrix: readonly ArrayLike<number>[]): TridiagonalEigen {
  const n = matrix.length;
  const rows = matrix.map((row) => Float64Array.from(row));
  const reflections: Float64Array[] = [];
  for (let k = n - 1; k >= 2; k--) {
    const v = rows[k].slice(0, k);
    // A row that is tridiagonal already stays as it is.
    if (v.subarray(0, k - 1).every((value) => value === 0)) continue;
    v[k - 1] += (v[k - 1] < 0 ? -1 : 1) * length(v);
    const size = length(v);
    for (let i = 0; i < k; i++) v[i] /= size;
    reflect(rows, v, k);
    reflections.push(v);
  }
  const { values, vectors } = tridiagonalEigen(
    rows.map((row, i) => row[i]),
    rows.slice(1).map((row, i) => row[i]),
  );
  for (const vector of vectors) {
    for (const v of [...reflections].reverse()) {
      const head = vector.subarray(0, v.length);
      addScaled(head, v, -2 * dot(v, head));
    }
  }
  return { values, vectors };
}

/**
 * A = P A P, where P reflects the first `k` coordinates; rows beyond `k` are tridiagonal already, but for
 * their column `k` - 1.
 */
function reflect(rows: Float64Array[], v: Float64Array, k: number): void {
  const border = rows[k].subarray(0, k);
  addScaled(border, v, -2 * dot(v, border));
  const image = Float64Array.from({ length: k }, (_, i) => dot(v, rows[i]));
  const half = dot(v, image);
  for (let i = 0; i < k; i++) {
    for (let j = 0; j < k; j++)
      rows[i][j] += -2 * (v[i] * image[j] + image[i] * v[j]) + 4 * half * v[i] * v[j];
  }
}
