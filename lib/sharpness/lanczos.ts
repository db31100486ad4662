/**
 * Extreme eigenvalues of a symmetric operator by Lanczos, in float64, with full re-orthogonalisation.
 *
 *     q_1 random, unit;   u = A q_j;   alpha_j = q_j' u;   u -= alpha_j q_j + beta_{j-1} q_{j-1};   beta_j = ||u||;   q_{j+1} = u / beta_j
 *
 * The eigenvalues of the tridiagonal matrix T of the alpha and beta approach those of A, the outer ones first. An eigenpair (theta, s) of T
 * has the residual ||A y - theta y|| = |beta_m s_m| with y = Q s: that says how far it has come, without the truth.
 *
 * Golub & Van Loan, "Matrix Computations", 4th edition, chapter 10; Saad, "Numerical Methods for Large Eigenvalue Problems", 2nd
 * edition, chapter 6.
 */
import { checkKnownOptions, checkNumber, checkOneOf, throwIfAborted } from '../runtime/errors';
import { Random } from '../runtime/random';
import { type TridiagonalEigen, tridiagonalEigen } from './tridiagonal';
import { addScaled, divided, dot, length, orthogonalise, randomUnit, type SymmetricOperator } from './vectors';

/** Options of `topEigenvalues`. */
export interface LanczosOptions {
  /** Eigenvalues wanted, >= 1. Default 1. */
  count?: number;
  /** The algebraically largest, the smallest, or the largest in magnitude. Default `'largest'`. */
  which?: 'largest' | 'smallest' | 'magnitude';
  /** Products with the operator at most, >= 1; never more than its size. Default 100. */
  maxSteps?: number;
  /** A pair has converged where its residual is below this share of the largest |eigenvalue|; > 0. Default 1e-4. */
  tolerance?: number;
  /** Returns the eigenvectors too. Default false. */
  vectors?: boolean;
  /** Seed of the start, a whole number. Default 0. */
  seed?: number;
  /** Stops after the present product, with an AbortedError. */
  signal?: AbortSignal;
  /** Called after each product with the present estimates. */
  onStep?: (step: LanczosStep) => void;
}

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
  /** Whether all residuals are below the tolerance. */
  converged: boolean;
  /** Products with the operator. */
  steps: number;
  /** Unit eigenvectors, where they were asked for. */
  vectors?: Float64Array[];
}

/**
 * The extreme eigenvalues of a symmetric operator.
 *
 * @throws OptionError, AbortedError
 */
export async function topEigenvalues(operator: SymmetricOperator, options: LanczosOptions = {}): Promise<TopEigenvalues> {
  checkKnownOptions('topEigenvalues', options, [
    'count',
    'which',
    'maxSteps',
    'tolerance',
    'vectors',
    'seed',
    'signal',
    'onStep',
  ]);
  const { count = 1, which = 'largest', maxSteps = 100, tolerance = 1e-4, vectors = false, seed = 0, signal, onStep } = options;
  checkNumber('count', count, { min: 1, max: operator.size, integer: true });
  checkOneOf('which', which, ['largest', 'smallest', 'magnitude']);
  checkNumber('maxSteps', maxSteps, { min: 1, integer: true });
  checkNumber('tolerance', tolerance, { min: 0, exclusiveMin: true });
  const lanczos = new Lanczos(operator, new Random(seed, 'lanczos'));
  const last = Math.max(Math.min(maxSteps, operator.size), count);
  for (;;) {
    throwIfAborted(signal, 'The search for eigenvalues');
    await lanczos.step();
    const { values, vectors: ritz } = lanczos.eigen();
    const wanted = order(values, which).slice(0, count);
    const residuals = wanted.map((j) => lanczos.residual(ritz[j]));
    onStep?.({ step: lanczos.steps, values: wanted.map((j) => values[j]), residuals });
    const scale = Math.max(Math.abs(values[0]), Math.abs(values[values.length - 1]));
    const converged = wanted.length === count && residuals.every((residual) => residual <= tolerance * scale);
    if (converged || lanczos.steps === last) {
      return {
        values: wanted.map((j) => values[j]),
        residuals,
        converged,
        steps: lanczos.steps,
        ...(vectors ? { vectors: wanted.map((j) => lanczos.vector(ritz[j])) } : {}),
      };
    }
  }
}

/** The Lanczos process itself. */
export class Lanczos {
  readonly #operator: SymmetricOperator;
  readonly #random: Random;
  readonly #basis: Float64Array[];
  readonly #alphas: number[] = [];
  readonly #betas: number[] = [];

  /** @param start A unit vector. Default: a random one. */
  constructor(operator: SymmetricOperator, random: Random, start: Float64Array = randomUnit(random, operator.size)) {
    this.#operator = operator;
    this.#random = random;
    this.#basis = [start];
  }

  /** Products so far. */
  get steps(): number {
    return this.#alphas.length;
  }

  /** Whether the space is exhausted: every eigenvalue is known, and no step is left. */
  get isComplete(): boolean {
    return this.steps === this.#operator.size;
  }

  /** One product with the operator. */
  async step(): Promise<void> {
    const q = this.#basis[this.steps];
    const u = await this.#operator.multiply(q);
    this.#alphas.push(dot(q, u));
    orthogonalise(u, this.#basis);
    const beta = length(u);
    if (this.isComplete) {
      this.#betas.push(0);
    } else if (beta > Number.EPSILON * this.#scale()) {
      this.#betas.push(beta);
      this.#basis.push(divided(u, beta));
    } else {
      // The space so far is invariant. A fresh direction finds what is outside of it, such as repeated eigenvalues.
      this.#betas.push(0);
      const fresh = randomUnit(this.#random, this.#operator.size);
      orthogonalise(fresh, this.#basis);
      this.#basis.push(divided(fresh, length(fresh)));
    }
  }

  /** Eigenvalues and eigenvectors of the tridiagonal matrix. */
  eigen(): TridiagonalEigen {
    return tridiagonalEigen(this.#alphas, this.#betas.slice(0, -1));
  }

  /** ||A y - theta y|| for an eigenvector of the tridiagonal matrix. */
  residual(vector: Float64Array): number {
    return Math.abs(this.#betas[this.steps - 1] * vector[vector.length - 1]);
  }

  /** y = Q s: the unit vector of the operator's space. */
  vector(s: Float64Array): Float64Array {
    const y = new Float64Array(this.#operator.size);
    s.forEach((weight, j) => {
      addScaled(y, this.#basis[j], weight);
    });
    return divided(y, length(y));
  }

  #scale(): number {
    return Math.max(Number.MIN_VALUE, ...this.#alphas.map(Math.abs), ...this.#betas) * Math.sqrt(this.#operator.size);
  }
}

/** Indices of rising `values`, the most wanted first. */
function order(values: Float64Array, which: 'largest' | 'smallest' | 'magnitude'): number[] {
  const indices = Array.from(values.keys());
  if (which === 'smallest') return indices;
  if (which === 'largest') return indices.reverse();
  return indices.sort((a, b) => Math.abs(values[b]) - Math.abs(values[a]));
}
