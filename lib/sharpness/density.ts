/**
 * The spectral density of a symmetric operator by stochastic Lanczos quadrature.
 *
 * For a random unit vector v, m steps of Lanczos give a quadrature of the density that v sees: nodes theta_j,
 * the eigenvalues of T, with weights (s_j1)^2, the squared first components of its eigenvectors. Averaged
 * over vectors and smoothed by a Gaussian of width sigma:
 *
 *     phi(t) = mean over v of  sum_j (s_j1)^2 N(t; theta_j, sigma^2)                      its integral is 1
 *
 * Ghorbani, Krishnan, Xiao, "An Investigation into Neural Net Optimization via Hessian Eigenvalue Density",
 * ICML 2019, arXiv:1901.10159; Ubaru, Chen, Saad, "Fast estimation of tr(f(A)) via stochastic Lanczos
 * quadrature", SIMAX 2017.
 */
import { OptionError, throwIfAborted } from '../core/errors';
import { callback, checkOptions, number, numbers, type OptionsOf, signal, whole } from '../core/options';
import { Random } from '../core/random';
import { deviation } from '../core/spread';
import { Lanczos } from './lanczos';
import type { SymmetricOperator } from './vectors';

/** Describes `DensityOptions`. */
export const DENSITY = {
  /** Random vectors, >= 1. Default 10. */
  probes: whole({ min: 1 }, 10),
  /** Lanczos steps for each, >= 1; never more than the operator's size. Default 80. */
  steps: whole({ min: 1 }, 80),
  /** Width of the Gaussian, > 0. Default: the range of the nodes divided by the number of steps. */
  sigma: number({ min: 0, exclusiveMin: true }),
  /** Points at which the density is given, >= 2. Default 500. */
  points: whole({ min: 2 }, 500),
  /** Seed, a whole number. Default 0. */
  seed: whole({}, 0),
  /** Stops after the present product, with an AbortedError. */
  signal: signal(),
  /** Called after each probe. */
  onProbe: callback<(done: number, probes: number) => void>(),
};

/** Options of `spectralDensity`. */
export type DensityOptions = OptionsOf<typeof DENSITY>;

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
export async function spectralDensity(
  operator: SymmetricOperator,
  options: DensityOptions = {},
): Promise<SpectralDensity> {
  const { probes, steps, points, sigma, seed, signal, onProbe } = checkOptions(
    'spectralDensity',
    DENSITY,
    options,
  );

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

  return smoothDensity(quadratures, { sigma, points });
}

const SMOOTH = {
  /** Width of the Gaussian, > 0. Default: the range of the nodes divided by their number in a quadrature. */
  sigma: number({ min: 0, exclusiveMin: true }),
  /**
   * Smallest and largest place at which the density is given. Default: beyond all nodes, by a tenth of their
   * range or four widths.
   */
  range: numbers<readonly [number, number]>(),
  /** Points at which the density is given, >= 2. Default 500. */
  points: whole({ min: 2 }, 500),
};

/** Options of `smoothDensity`. */
export type SmoothOptions = OptionsOf<typeof SMOOTH>;

/**
 * The density of quadratures that were computed before, with another width or range: densities of several
 * operators can be compared where both are the same.
 *
 * @throws OptionError
 */
export function smoothDensity(
  quadratures: SpectralDensity['quadratures'],
  options: SmoothOptions = {},
): SpectralDensity {
  const { points, ...given } = checkOptions('smoothDensity', SMOOTH, options);
  if (quadratures.length === 0) throw new OptionError('quadratures', 0, 'at least one quadrature');
  const nodes = quadratures.flatMap((quadrature) => quadrature.nodes);
  const low = Math.min(...nodes);
  const high = Math.max(...nodes);
  const extent = high - low || Math.abs(high) || 1;
  const sigma = given.sigma ?? extent / Math.max(...quadratures.map((quadrature) => quadrature.nodes.length));
  const beyond = Math.max(0.1 * extent, 4 * sigma);
  const [from, to] = given.range ?? [low - beyond, high + beyond];
  if (!(to > from)) throw new OptionError('range', [from, to], 'a smaller and a larger number');
  const grid = Array.from({ length: points }, (_, i) => from + ((to - from) * i) / (points - 1));
  const curves = quadratures.map((quadrature) => grid.map((t) => smoothed(quadrature, t, sigma)));
  const probes = quadratures.length;
  return {
    grid,
    density: grid.map((_, i) => curves.reduce((sum, curve) => sum + curve[i], 0) / probes),
    standardError: grid.map((_, i) => deviation(curves.map((curve) => curve[i])) / Math.sqrt(probes)),
    sigma,
    quadratures,
  };
}

function smoothed(
  { nodes, weights }: { nodes: number[]; weights: number[] },
  t: number,
  sigma: number,
): number {
  const peak = 1 / (sigma * Math.sqrt(2 * Math.PI));
  return nodes.reduce(
    (sum, node, j) => sum + weights[j] * peak * Math.exp(-((t - node) ** 2) / (2 * sigma ** 2)),
    0,
  );
}
