/**
 * The trace of a symmetric operator by Hutch++: one third of the products finds the space where most of it
 * is, one third sums it exactly there, and one third samples the rest.
 *
 *     Q = orth(A S),  S random signs;  tr A = tr(Q' A Q) + E_g[ g' (I - QQ') A (I - QQ') g ],  g random signs
 *
 * With spectra that decay, as those of neural networks, the error falls as 1/m, where plain sampling
 * (Hutchinson) has 1/sqrt(m).
 *
 * Meyer, Musco, Musco, Woodruff, "Hutch++: Optimal Stochastic Trace Estimation", SOSA 2021, arXiv:2010.09649,
 * algorithm 1.
 */
import { throwIfAborted } from '../core/errors';
import { checkOptions, type OptionsOf, signal, whole } from '../core/options';
import { Random } from '../core/random';
import { deviation, mean } from '../core/spread';
import { divided, dot, length, orthogonalize, randomSigns, type SymmetricOperator } from './vectors';

const OPTIONS = {
  /**
   * Products with the operator, >= 6; a third each for finding the space, summing it, and sampling the rest.
   * Default 99.
   */
  products: whole({ min: 6 }, 99),
  /** Seed, a whole number. Default 0. */
  seed: whole({}, 0),
  /** Stops after the present product, with an AbortedError. */
  signal: signal(),
};

/** Options of `hutchPlusPlus`. */
export type TraceOptions = OptionsOf<typeof OPTIONS>;

/** An estimate of the trace. */
export interface TraceEstimate {
  /** The trace: `exactPart` and the sampled part together. */
  trace: number;
  /** Standard error of the sampled part: the part that was summed exactly has none. */
  standardError: number;
  /** The part that was summed exactly. */
  exactPart: number;
  /** Products with the operator. */
  products: number;
}

/**
 * The trace of a symmetric operator, with its standard error.
 *
 * @throws OptionError, AbortedError
 */
export async function hutchPlusPlus(
  operator: SymmetricOperator,
  options: TraceOptions = {},
): Promise<TraceEstimate> {
  const { products, seed, signal } = checkOptions('hutchPlusPlus', OPTIONS, options);
  const random = new Random(seed, 'hutch++');
  const third = Math.floor(products / 3);
  let done = 0;
  const multiply = (v: Float64Array): Promise<Float64Array> => {
    throwIfAborted(signal, 'The estimate of the trace');
    done++;
    return operator.multiply(v);
  };

  const basis: Float64Array[] = [];
  for (let i = 0; i < third && basis.length < operator.size; i++) {
    const image = await multiply(randomSigns(random, operator.size));
    const before = length(image);
    orthogonalize(image, basis);
    const rest = length(image);
    // What is left of an image that lies in the space already is rounding.
    if (rest > 1e-10 * before) basis.push(divided(image, rest));
  }
  let exactPart = 0;
  for (const q of basis) exactPart += dot(q, await multiply(q));

  const samples: number[] = [];
  // Where the basis spans the whole space, nothing is left to sample.
  if (basis.length < operator.size) {
    for (let i = 0; i < third; i++) {
      const g = randomSigns(random, operator.size);
      orthogonalize(g, basis);
      samples.push(dot(g, await multiply(g)));
    }
  }
  const rest = samples.length === 0 ? 0 : mean(samples);
  return {
    trace: exactPart + rest,
    standardError: deviation(samples) / Math.sqrt(Math.max(1, samples.length)),
    exactPart,
    products: done,
  };
}
