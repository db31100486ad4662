/**
 * Extreme eigenvalues of a symmetric operator by Lanczos, in float64, with full re-orthogonalization and
 * thick restarts.
 *
 *     q_1 random, unit;   u = A q_j;   alpha_j = q_j' u;   u -= alpha_j q_j + beta_{j-1} q_{j-1}
 *     beta_j = ||u||;   q_{j+1} = u / beta_j
 *
 * The eigenvalues of the tridiagonal matrix T of the alpha and beta approach those of A, the outer ones
 * first. An eigenpair (theta, s) of T has the residual ||A y - theta y|| = |beta_m s_m| with y = Q s: that
 * says how far it has come, without the truth.
 *
 * Restart: where the basis has its full size m, the best y_i take its place, and q_{m+1} goes on from there;
 * T then has theta_i on its diagonal and beta_m s_im beside them. So memory and the work of a step are
 * bounded.
 *
 * From one q_1 only one vector of each eigenspace can be seen. So what has converged is locked, and the
 * process begins anew from a random vector outside of it, until it brings nothing more: its largest theta_1
 * has converged below the wanted ones, or it is so far below them that with all but the probability d nothing
 * is hidden (sigma: the spread of the eigenvalues of n; j: steps)
 *
 *     lambda_1 - theta_1 <= eps sigma,   eps = (ln(1.648 sqrt(n) / d) / (2 j - 1))^2
 *
 * Golub & Van Loan, "Matrix Computations", 4th edition, chapter 10; Saad, "Numerical Methods for Large
 * Eigenvalue Problems", 2nd edition, chapter 6; Wu & Simon, "Thick-restart Lanczos method for large symmetric
 * eigenvalue problems", SIAM J. Matrix Anal. Appl. 22 (2000); Kuczynski & Wozniakowski, "Estimating the
 * largest eigenvalue by the power and Lanczos algorithms with a random start", SIAM J. Matrix Anal. Appl. 13
 * (1992).
 */
import { checkNumber, throwIfAborted } from '../core/errors';
import { callback, checkOptions, flag, number, type OptionsOf, oneOf, signal, whole } from '../core/options';
import { Random } from '../core/random';
import { symmetricEigen } from './symmetric';
import type { TridiagonalEigen } from './tridiagonal';
import {
  addCombined,
  addScaled,
  divided,
  dot,
  length,
  orthogonalize,
  randomUnit,
  type SymmetricOperator,
} from './vectors';

const LANCZOS = {
  /** Eigenvalues wanted, >= 1. Default 1. */
  count: whole({ min: 1 }, 1),
  /** The algebraically largest, the smallest, or the largest in magnitude. Default `'largest'`. */
  which: oneOf(['largest', 'smallest', 'magnitude'], 'largest'),
  /** Products with the operator at most, >= 1; `count` at least. Default 300. */
  maxSteps: whole({ min: 1 }, 300),
  /**
   * A pair has converged where its residual is below this share of the largest |eigenvalue|; > 0. Default
   * 1e-4.
   */
  tolerance: number({ min: 0, exclusiveMin: true }, 1e-4),
  /** Returns the eigenvectors too. Default false. */
  vectors: flag(false),
  /** Seed of the start, a whole number. Default 0. */
  seed: whole({}, 0),
  /** Stops after the present product, with an AbortedError. */
  signal: signal(),
  /** Called after each product with the present estimates. */
  onStep: callback<(step: LanczosStep) => void>(),
};

/** Options of `topEigenvalues`. */
export type LanczosOptions = OptionsOf<typeof LANCZOS>;

/** The estimates after some steps. */
export interface LanczosStep {
  /** Products so far. */
  step: number;
  /** Estimates of the wanted eigenvalues, the most wanted first; fewer in the first steps. */
  values: number[];
  /** Residual ||A y - theta y|| of each. */
  residuals: number[];
}

/** Eigenvalues and how well they are known. */
export interface TopEigenvalues {
  /** The eigenvalues, the most wanted first. */
  values: number[];
  /** Residual ||A y - theta y|| of each: an eigenvalue of A lies within that distance. */
  residuals: number[];
  /**
   * Whether all residuals are below the tolerance, and a search outside of these vectors found nothing that
   * belongs among them.
   */
  converged: boolean;
  /** Products with the operator. */
  steps: number;
  /** Unit eigenvectors, where they were asked for. */
  vectors?: Float64Array[];
}

/** The probability that a search from a random start hides an eigenvalue. */
const HIDDEN = 1e-4;

/** An eigenpair that is locked, or an estimate of the present process. */
interface Pair {
  value: number;
  /** The residual but for what lies along locked vectors. */
  residual: number;
  /** The whole residual. */
  whole: number;
  /** The vector of a locked pair. */
  locked?: Float64Array;
  /** That of an estimate, in the basis of the process. */
  ritz?: Float64Array;
}

/**
 * The extreme eigenvalues of a symmetric operator, each as often as it occurs.
 *
 * @throws OptionError, AbortedError
 */
export async function topEigenvalues(
  operator: SymmetricOperator,
  options: LanczosOptions = {},
): Promise<TopEigenvalues> {
  const settings = checkOptions('topEigenvalues', LANCZOS, options);
  const { count, which, maxSteps, tolerance, vectors, seed, signal, onStep } = settings;
  checkNumber('count', count, { max: operator.size });
  const rank = RANKS[which];
  const random = new Random(seed, 'lanczos');
  const last = Math.max(maxSteps, count);
  const locked: Pair[] = [];
  let steps = 0;
  for (;;) {
    const outside = locked.map((pair) => pair.locked!);
    const lanczos = new Lanczos(operator, random, { outside });
    for (;;) {
      throwIfAborted(signal, 'The search for eigenvalues');
      if (lanczos.dimension === 2 * count + EXTRA)
        lanczos.restart(mostWanted(lanczos.pairs(), rank, count + EXTRA / 2));
      await lanczos.step();
      steps++;
      const pairs = lanczos.pairs();
      const all = [...locked, ...pairs];
      const limit = tolerance * Math.max(...all.map(({ value }) => Math.abs(value)));
      // What is locked already goes first among values that are equal to the tolerance: a copy that changes
      // nothing is not sought.
      const wanted = mostWanted(all, (pair) => rank(pair) - (pair.locked === undefined ? limit : 0), count);
      const found = wanted.filter((pair) => pair.locked === undefined);
      const shown = mostWanted(wanted, rank, count);
      onStep?.({
        step: steps,
        values: shown.map(({ value }) => value),
        residuals: shown.map(({ whole }) => whole),
      });
      // What is left of locked pairs adds to the residuals of the others: that much more exact each has to
      // be.
      const settled =
        wanted.length === count &&
        wanted.every(
          (pair) => pair.locked !== undefined || pair.residual <= limit / Math.sqrt(2 * count + 2),
        );
      const isWhole = locked.length + lanczos.dimension === operator.size;
      const isKnown = (): boolean =>
        lanczos.isInvariant || hidesNothing(lanczos, pairs, wanted, which, limit);
      const isOver = isWhole || (settled && found.length === 0 && isKnown());
      if (isOver || steps === last) {
        return {
          values: shown.map(({ value }) => value),
          residuals: shown.map(({ whole }) => whole),
          converged: isOver && wanted.length === count && wanted.every(({ whole }) => whole <= limit),
          steps,
          ...(vectors ? { vectors: shown.map((pair) => pair.locked ?? lanczos.vector(pair.ritz!)) } : {}),
        };
      }
      if (lanczos.isInvariant || (settled && found.length > 0)) {
        const fresh = found.map((pair) => ({ ...pair, locked: lanczos.vector(pair.ritz!) }));
        locked.push(...fresh);
        break;
      }
    }
  }
}

/** Vectors in the basis beside two for each wanted pair. */
const EXTRA = 40;

/** How wanted a pair is. */
type Rank = (pair: Pair) => number;

const RANKS: Record<NonNullable<LanczosOptions['which']>, Rank> = {
  largest: ({ value }) => value,
  smallest: ({ value }) => -value,
  magnitude: ({ value }) => Math.abs(value),
};

function mostWanted(pairs: readonly Pair[], rank: Rank, count: number): Pair[] {
  return [...pairs].sort((a, b) => rank(b) - rank(a)).slice(0, count);
}

/**
 * Whether the process has seen enough outside of the locked pairs to say that nothing there belongs among the
 * `wanted` ones.
 */
function hidesNothing(
  { steps, size }: { steps: number; size: number },
  estimates: readonly Pair[],
  wanted: readonly Pair[],
  which: NonNullable<LanczosOptions['which']>,
  limit: number,
): boolean {
  const rank = RANKS[which];
  const share = (Math.log((1.648 * Math.sqrt(size)) / HIDDEN) / (2 * steps - 1)) ** 2;
  if (share > 0.5) return false;
  const least = Math.min(...wanted.map(rank)) + limit;
  const values = [...estimates, ...wanted].map(({ value }) => value);
  const reach = share * (Math.max(...values) - Math.min(...values));
  // Estimates rise by value.
  const ends = { largest: [estimates.length - 1], smallest: [0], magnitude: [0, estimates.length - 1] }[
    which
  ];
  return ends.every((end) => estimates[end].residual <= limit || rank(estimates[end]) + reach < least);
}

/** Options of `Lanczos`. */
interface ProcessOptions {
  /** Orthonormal vectors that the process stays outside of. Default: none. */
  outside?: readonly Float64Array[];
}

/** The Lanczos process itself. */
export class Lanczos {
  /** The rows of the operator. */
  readonly size: number;
  readonly #operator: SymmetricOperator;
  readonly #random: Random;
  readonly #outside: readonly Float64Array[];
  /** The vectors that were multiplied, and the next one. */
  #basis: Float64Array[];
  /** Q' A Q: tridiagonal but for the row after those that a restart kept. */
  #matrix: Float64Array[] = [];
  /** The next vector's row of it, without the diagonal. */
  #border = new Float64Array(0);
  /** Scalar products of A q_j with the vectors outside, for each j. */
  #along: Float64Array[] = [];
  #steps = 0;
  #invariant = false;
  #eigen: TridiagonalEigen | undefined;

  constructor(operator: SymmetricOperator, random: Random, { outside = [] }: ProcessOptions = {}) {
    this.#operator = operator;
    this.#random = random;
    this.#outside = outside;
    this.size = operator.size;
    this.#basis = [];
    this.#basis.push(this.#fresh());
  }

  /** Products so far. */
  get steps(): number {
    return this.#steps;
  }

  /** Vectors that were multiplied and are still in the basis. */
  get dimension(): number {
    return this.#matrix.length;
  }

  /**
   * Whether the basis spans an invariant space: the process sees no more without a fresh vector. A step adds
   * one.
   */
  get isInvariant(): boolean {
    return this.#invariant;
  }

  /** One product with the operator. */
  async step(): Promise<void> {
    const j = this.dimension;
    const q = this.#basis[j];
    const u = await this.#operator.multiply(q);
    const alpha = dot(q, u);
    this.#eigen = undefined;
    this.#steps++;
    this.#matrix.push(Float64Array.of(...this.#border, alpha));
    this.#along.push(Float64Array.from(this.#outside, (x) => dot(x, u)));
    // First what is known to be there, so that one pass is enough for the rest.
    addScaled(u, q, -alpha);
    if (j > 0 && this.#border[j - 1] !== 0) addScaled(u, this.#basis[j - 1], -this.#border[j - 1]);
    orthogonalize(u, [...this.#outside, ...this.#basis]);
    const beta = length(u);
    this.#border = new Float64Array(j + 1);
    const isWhole = this.#outside.length + this.dimension === this.size;
    this.#invariant = isWhole || !(beta > Number.EPSILON * this.#scale());
    if (!this.#invariant) {
      this.#border[j] = beta;
      this.#basis.push(divided(u, beta));
    } else if (!isWhole) {
      this.#basis.push(this.#fresh());
    }
  }

  /** Eigenvalues and eigenvectors of Q' A Q. */
  eigen(): TridiagonalEigen {
    this.#eigen ??= symmetricEigen(
      this.#matrix.map((row, i) =>
        Float64Array.from({ length: this.dimension }, (_, j) => (j <= i ? row[j] : this.#matrix[j][i])),
      ),
    );
    return this.#eigen;
  }

  /** The estimates of eigenpairs, by rising value. */
  pairs(): Pair[] {
    const { values, vectors } = this.eigen();
    return vectors.map((ritz, i) => {
      const residual = Math.abs(dot(this.#border, ritz));
      const along = this.#outside.map((_, x) =>
        ritz.reduce((sum, weight, j) => sum + weight * this.#along[j][x], 0),
      );
      return { value: values[i], residual, whole: Math.hypot(residual, ...along), ritz };
    });
  }

  /** y = Q s: the unit vector of the operator's space. */
  vector(s: Float64Array): Float64Array {
    const y = new Float64Array(this.size);
    addCombined(y, this.#basis.slice(0, s.length), s);
    return divided(y, length(y));
  }

  /** Keeps the space of some estimates, and goes on from the next vector. */
  restart(kept: readonly Pair[]): void {
    const next = this.#basis[this.dimension];
    const weights = kept.map((pair) => pair.ritz!);
    const border = Float64Array.from(weights, (s) => dot(this.#border, s));
    this.#along = weights.map((s) =>
      Float64Array.from(this.#outside, (_, x) =>
        s.reduce((sum, weight, j) => sum + weight * this.#along[j][x], 0),
      ),
    );
    this.#basis = [...combined(this.#basis.slice(0, this.dimension), weights), next];
    this.#matrix = kept.map(({ value }, i) =>
      Float64Array.from({ length: i + 1 }, (_, j) => (j === i ? value : 0)),
    );
    this.#border = border;
    this.#eigen = undefined;
  }

  /** A random unit vector outside of all that is known. */
  #fresh(): Float64Array {
    const fresh = randomUnit(this.#random, this.#operator.size);
    orthogonalize(fresh, [...this.#outside, ...this.#basis]);
    return divided(fresh, length(fresh));
  }

  #scale(): number {
    const largest = this.#matrix.reduce(
      (most, row) => row.reduce((sofar, value) => Math.max(sofar, Math.abs(value)), most),
      0,
    );
    return Math.max(Number.MIN_VALUE, largest) * Math.sqrt(this.size);
  }
}

/** Rows that are combined at a time. */
const BLOCK = 1024;

/**
 * The sums of the basis vectors by each list of weights. They take the place of the first of the vectors, so
 * that memory does not grow.
 */
function combined(basis: Float64Array[], weights: readonly Float64Array[]): Float64Array[] {
  const size = basis[0].length;
  for (let from = 0; from < size; from += BLOCK) {
    const parts = basis.map((q) => q.subarray(from, Math.min(from + BLOCK, size)));
    const sums = weights.map((s) => {
      const sum = new Float64Array(parts[0].length);
      addCombined(sum, parts, s);
      return sum;
    });
    for (const [i, sum] of sums.entries()) parts[i].set(sum);
  }
  return basis.slice(0, weights.length);
}
