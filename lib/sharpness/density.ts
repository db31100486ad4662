/**
 * The spectral density of a symmetric operator by stochastic Lanczos quadrature.
 *
 * For a random unit vector v, m steps of Lanczos give a quadrature of the density that v sees: nodes theta_j, the eigenvalues of T, with weights
 * (s_j1)^2, the squared first components of its eigenvectors. Averaged over vectors and smoothed by a Gaussian of width sigma:
 *
 *     phi(t) = mean over v of  sum_j (s_j1)^2 N(t; theta_j, sigma^2)                      its integral is 1
 *
 * Ghorbani, Krishnan, Xiao, "An Investigation into Neural Net Optimization via Hessian Eigenvalue Density", ICML 2019,
 * arXiv:1901.10159; Ubaru, Chen, Saad, "Fast estimation of tr(f(A)) via stochastic Lanczos quadrature", SIMAX 2017.
 */
import { checkKnownOptions, checkNumber, checkNumbers, OptionError, throwIfAborted } from '../core/errors';
import { Random } from '../core/random';
import { standardDeviation } from './curve';
import { Lanczos } from './lanczos';
import type { SymmetricOperator } from './vectors';

/** Options of `spectralDensity`. */
export interface DensityOptions {
  /** Random vectors, >= 1. Default 10. */
  probes?: number;
  /** Lanczos steps for each, >= 1; never more than the operator's size. Default 80. */
  steps?: number;
  /** Width of the Gaussian, > 0. Default: the range of the nodes divided by the number of steps. */
  sigma?: number;
  /** Points at which the density is given, >= 2. Default 500. */
  points?: number;
  /** Seed, a whole number. Default 0. */
  seed?: number;
  /** Stops after the present product, with an AbortedError. */
  signal?: AbortSignal;
  /** Called after each probe. */
  onProbe?: (done: number, probes: number) => void;
}

/** A density with its error. */
export interface SpectralDensity {
  /** Where the density is given, in rising order. */
  grid: number[];
  /** The density: share of all eigenvalues per unit of eigenvalue. */
  density: number[];
  /** Its standard error over the probes, at each point; 0 for one probe. */
  standardError: number[];
  /** Width of the Gaussian. */
  sigma: number;
  /** The quadrature of each probe. */
  quadratures: { nodes: number[]; weights: number[] }[];
}

/**
 * The spectral density of a symmetric operator, with error bars.
 *
 * @throws OptionError, AbortedError
 */
export async function spectralDensity(operator: SymmetricOperator, options: DensityOptions = {}): Promise<SpectralDensity> {
  checkKnownOptions('spectralDensity', options, ['probes', 'steps', 'sigma', 'points', 'seed', 'signal', 'onProbe']);
  const { probes = 10, steps = 80, points = 500, seed = 0, signal, onProbe } = options;
  checkNumber('probes', probes, { min: 1, integer: true });
  checkNumber('steps', steps, { min: 1, integer: true });
  checkNumber('points', points, { min: 2, integer: true });
  if (options.sigma !== undefined) checkNumber('sigma', options.sigma, { min: 0, exclusiveMin: true });

  const quadratures: SpectralDensity['quadratures'] = [];
  for (let probe = 0; probe < probes; probe++) {
    const lanczos = new Lanczos(operator, new Random(seed, `density/${probe}`));
    while (lanczos.steps < Math.min(steps, operator.size)) {
      throwIfAborted(signal, 'The estimate of the spectral density');
      await lanczos.step();
    }
    const { values, vectors } = lanczos.eigen();
    quadratures.push({ nodes: [...values], weights: vectors.map((vector) => vector[0] ** 2) });
    onProbe?.(probe + 1, probes);
  }

  return smoothDensity(quadratures, { ...(options.sigma === undefined ? {} : { sigma: options.sigma }), points });
}

/** Options of `smoothDensity`. */
export interface SmoothOptions {
  /** Width of the Gaussian, > 0. Default: the range of the nodes divided by their number in a quadrature. */
  sigma?: number;
  /** Smallest and largest place at which the density is given. Default: beyond all nodes, by a tenth of their range or four widths. */
  range?: readonly [number, number];
  /** Points at which the density is given, >= 2. Default 500. */
  points?: number;
}

/**
 * The density of quadratures that were computed before, with another width or range: densities of several operators can be compared where both are
 * the same.
 *
 * @throws OptionError
 */
export function smoothDensity(quadratures: SpectralDensity['quadratures'], options: SmoothOptions = {}): SpectralDensity {
  checkKnownOptions('smoothDensity', options, ['sigma', 'range', 'points']);
  const { points = 500 } = options;
  checkNumber('points', points, { min: 2, integer: true });
  if (quadratures.length === 0) throw new OptionError('quadratures', 0, 'at least one quadrature');
  const nodes = quadratures.flatMap((quadrature) => quadrature.nodes);
  const low = Math.min(...nodes);
  const high = Math.max(...nodes);
  const extent = high - low || Math.abs(high) || 1;
  const sigma = options.sigma ?? extent / Math.max(...quadratures.map((quadrature) => quadrature.nodes.length));
  checkNumber('sigma', sigma, { min: 0, exclusiveMin: true });
  const beyond = Math.max(0.1 * extent, 4 * sigma);
  const [from, to] = checkNumbers('range', options.range ?? [low - beyond, high + beyond]);
  if (!(to > from)) throw new OptionError('range', [from, to], 'a smaller and a larger number');
  const grid = Array.from({ length: points }, (_, i) => from + ((to - from) * i) / (points - 1));
  const curves = quadratures.map((quadrature) => grid.map((t) => smoothed(quadrature, t, sigma)));
  const probes = quadratures.length;
  return {
    grid,
    density: grid.map((_, i) => curves.reduce((sum, curve) => sum + curve[i], 0) / probes),
    standardError: grid.map((_, i) => standardDeviation(curves.map((curve) => curve[i])) / Math.sqrt(probes)),
    sigma,
    quadratures,
  };
}

function smoothed({ nodes, weights }: { nodes: number[]; weights: number[] }, t: number, sigma: number): number {
  const peak = 1 / (sigma * Math.sqrt(2 * Math.PI));
  return nodes.reduce((sum, node, j) => sum + weights[j] * peak * Math.exp(-((t - node) ** 2) / (2 * sigma ** 2)), 0);
}
