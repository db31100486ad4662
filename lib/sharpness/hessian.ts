/**
 * The Hessian of a loss as a symmetric operator: products with vectors, over all batches.
 *
 *     'exact'        differentiates twice
 *     'difference'   H v = ||v|| (g(w + h v/||v||) - g(w - h v/||v||)) / 2h
 *
 * Differentiating twice is exact only where every op has a right second derivative, which tf.js does not promise: some ops throw, some
 * are silently wrong. The difference is always there, but its step h has to suit the loss: rounding of float32 grows as 1/h, what it cuts off as
 * h^2, and with kinks (relu) it may have no step at all: each kink that a step crosses adds a jump of the gradient divided by h. So an operator
 * tests itself when it is made, and keeps what it saw in `selfTest`.
 */
import { checkKnownOptions, checkNumber, checkOneOf, LookbehindError, throwIfAborted } from '../core/errors';
import { Random } from '../core/random';
import * as tf from '../core/tf';
import type { Objective } from './objective';
import { addScaled, divided, dot, length, randomUnit, type SymmetricOperator } from './vectors';

/** Options of `hessianOperator`. */
export interface HessianOptions {
  /**
   * How products are computed. `'auto'`: exact where that agrees with differences, and where differences of no two steps agree with each other
   * while exact products are symmetric; else by differences. Default `'auto'`.
   */
  method?: 'auto' | 'exact' | 'difference';
  /** Length h of the step of a difference, > 0. Default: the one of `STEPS` whose result changes least to the next smaller one. */
  step?: number;
  /** Seed of the vectors of the self-test, a whole number. Default 0. */
  seed?: number;
  /** Stops the work after the present product, with an AbortedError. */
  signal?: AbortSignal;
}

/** What an operator found out about itself, on random unit vectors u and v. */
export interface HessianSelfTest {
  /** |u'Hv - v'Hu| / max(||Hu||, ||Hv||): 0 for an exact symmetric operator. */
  asymmetry: number;
  /** For each step h of the sweep: the relative change of Hv from the step before (larger) to this one. */
  sweep: { step: number; change: number }[];
  /** ||H_exact v - H_difference v|| / ||H_difference v||; undefined where differentiating twice is impossible. */
  exactDifference: number | undefined;
  /** Why differentiating twice is impossible. */
  exactFailure: string | undefined;
}

/** Steps of the sweep. */
export const STEPS: readonly number[] = [1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4];

/** Above this relative difference two products are taken to contradict each other. */
const CONTRADICTION = 0.05;
/** Below this asymmetry exact products are taken to be symmetric up to rounding. Wrong second derivatives of one op hardly ever are. */
const SYMMETRIC = 1e-3;

/**
 * The Hessian of the mean loss over all batches, at the weights that the model has when this is called.
 *
 * Dispose it after use.
 *
 * @throws OptionError, AbortedError; LookbehindError where `method` is `'exact'` and differentiating twice fails.
 */
export async function hessianOperator(objective: Objective, options: HessianOptions = {}): Promise<HessianOperator> {
  checkKnownOptions('hessianOperator', options, ['method', 'step', 'seed', 'signal']);
  const { method = 'auto', seed = 0, signal } = options;
  checkOneOf('method', method, ['auto', 'exact', 'difference']);
  if (options.step !== undefined) checkNumber('step', options.step, { min: 0, exclusiveMin: true });
  const products = new Products(objective, signal);
  try {
    const random = new Random(seed, 'hessian self-test');
    const u = randomUnit(random, objective.size);
    const v = randomUnit(random, objective.size);

    const { sweep, best, least } = await sweepSteps(products, v, options.step);
    let exact: Float64Array | undefined;
    let exactFailure: string | undefined;
    if (method !== 'difference') {
      try {
        exact = await products.exact(v);
      } catch (error) {
        if (method === 'exact' || signal?.aborted) throw error;
        exactFailure = (error as Error).message;
      }
    }
    const exactDifference = exact && relativeDifference(exact, best.product);
    const asymmetryOf = (hu: Float64Array, hv: Float64Array): number =>
      Math.abs(dot(u, hv) - dot(v, hu)) / Math.max(length(hu), length(hv), Number.MIN_VALUE);
    const isExact =
      exact !== undefined &&
      (method === 'exact' ||
        exactDifference! <= CONTRADICTION ||
        (!(least <= CONTRADICTION) && asymmetryOf(await products.exact(u), exact) <= SYMMETRIC));
    const multiply = (x: Float64Array): Promise<Float64Array> =>
      isExact ? products.exact(x) : products.difference(x, best.step);
    const asymmetry = asymmetryOf(await multiply(u), isExact ? exact! : best.product);
    const selfTest = { asymmetry, sweep, exactDifference, exactFailure };
    return new HessianOperator(objective.size, isExact ? 'exact' : 'difference', best.step, selfTest, multiply, () =>
      products.dispose(),
    );
  } catch (error) {
    products.dispose();
    throw error;
  }
}

/** A Hessian. Make it with `hessianOperator`. */
export class HessianOperator implements SymmetricOperator {
  /** @internal */
  constructor(
    /** Number of weights. */
    readonly size: number,
    /** How products are computed. */
    readonly method: 'exact' | 'difference',
    /** Length of the step of a difference. */
    readonly step: number,
    /** What the operator found out about itself. */
    readonly selfTest: HessianSelfTest,
    private readonly product: (v: Float64Array) => Promise<Float64Array>,
    private readonly free: () => void,
  ) {}

  /** H v. The sum over batches is taken in float64. */
  multiply(v: Float64Array): Promise<Float64Array> {
    return this.product(v);
  }

  /** Frees the weights it holds; the objective stays. */
  dispose(): void {
    this.free();
  }
}

/** Products at fixed weights, by both methods. */
class Products {
  readonly #objective: Objective;
  readonly #signal: AbortSignal | undefined;
  readonly #w: tf.Tensor1D;

  constructor(objective: Objective, signal: AbortSignal | undefined) {
    this.#objective = objective;
    this.#signal = signal;
    this.#w = objective.weights();
  }

  exact(v: Float64Array): Promise<Float64Array> {
    const scale = length(v);
    if (scale === 0) return Promise.resolve(new Float64Array(v.length));
    const unit = new Float32Array(divided(v, scale));
    return this.#sum((batch) => {
      const direction = tf.tensor1d(unit);
      return [{ vector: this.#objective.hessianVectorProduct(this.#w, direction, batch), factor: scale }];
    });
  }

  difference(v: Float64Array, step: number): Promise<Float64Array> {
    const scale = length(v);
    if (scale === 0) return Promise.resolve(new Float64Array(v.length));
    const away = new Float32Array(v.map((x) => (x / scale) * step));
    return this.#sum((batch) => {
      const shift = tf.tensor1d(away);
      const ahead = this.#objective.gradient(tf.add(this.#w, shift), batch).gradient;
      const behind = this.#objective.gradient(tf.sub(this.#w, shift), batch).gradient;
      return [
        { vector: ahead, factor: scale / (2 * step) },
        { vector: behind, factor: -scale / (2 * step) },
      ];
    });
  }

  dispose(): void {
    this.#w.dispose();
  }

  /** The mean over batches, weighted by their sizes, of sums of vectors. */
  async #sum(of: (batch: number) => { vector: tf.Tensor1D; factor: number }[]): Promise<Float64Array> {
    const { batchSizes } = this.#objective;
    const total = batchSizes.reduce((sum, size) => sum + size, 0);
    const mean = new Float64Array(this.#objective.size);
    for (let batch = 0; batch < batchSizes.length; batch++) {
      throwIfAborted(this.#signal, 'The product with the Hessian');
      tf.tidy(() => {
        for (const { vector, factor } of of(batch)) {
          addScaled(mean, new Float64Array(vector.dataSync()), (factor * batchSizes[batch]) / total);
        }
      });
      await new Promise((resolve) => setImmediate(resolve));
    }
    return mean;
  }
}

/** Hv by differences of several steps; the best is the one that differs least from its larger neighbour (`least`), or the one asked for. */
async function sweepSteps(
  products: Products,
  v: Float64Array,
  asked: number | undefined,
): Promise<{ sweep: HessianSelfTest['sweep']; best: { step: number; product: Float64Array }; least: number }> {
  const sweep: HessianSelfTest['sweep'] = [];
  let previous: Float64Array | undefined;
  let best: { step: number; product: Float64Array } | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const step of STEPS) {
    const product = await products.difference(v, step);
    const change = previous === undefined ? Number.NaN : relativeDifference(product, previous);
    sweep.push({ step, change });
    if (change < least) {
      least = change;
      best = { step, product };
    }
    previous = product;
  }
  if (asked !== undefined) return { sweep, best: { step: asked, product: await products.difference(v, asked) }, least };
  if (best === undefined)
    throw new LookbehindError('The gradient is not finite at these weights, so the loss has no Hessian here.');
  return { sweep, best, least };
}

function relativeDifference(a: Float64Array, b: Float64Array): number {
  const difference = a.map((value, i) => value - b[i]);
  const scale = Math.max(length(b), Number.MIN_VALUE);
  return length(difference) === 0 ? 0 : length(difference) / scale;
}
