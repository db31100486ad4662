/**
 * The Hessian of a loss as a symmetric operator: products with vectors, over all batches.
 *
 *     'exact'        differentiates twice
 *     'difference'   H v = ||v|| (g(w + h v/||v||) - g(w - h v/||v||)) / 2h
 *
 * Differentiating twice is exact only where every op has a right second derivative, which tf.js does not
 * promise: some ops throw, some are silently wrong. The difference is always there, but its step h has to
 * suit the loss: rounding of float32 grows as 1/h, what it cuts off as h^2, and with kinks (relu) it may have
 * no step at all: each kink that a step crosses adds a jump of the gradient divided by h. So an operator
 * tests itself when it is made, and keeps what it saw in `selfTest`.
 *
 * Exact products are taken only where differences confirm them. Where differences over all samples settle,
 * these do: two neighboring steps agree. Where kinks keep them from settling, probes do: one sample alone,
 * near the weights, crosses few kinks, and whether an op has a right second derivative can be seen there as
 * well.
 */
import { LookbehindError, throwIfAborted } from '../core/errors';
import { takeNumbers } from '../core/numbers';
import { checkOptions, number, type OptionsOf, oneOf, signal, whole } from '../core/options';
import { Random } from '../core/random';
import * as tf from '../core/tf';
import { nextTurn } from '../core/turn';
import type { FlatLoss } from '../training/flatLoss';
import { addScaled, divided, dot, length, randomUnit, type SymmetricOperator } from './vectors';

/** Describes `HessianOptions`. */
export const HESSIAN = {
  /**
   * How products are computed. `'auto'`: exact where differences confirm them, else by differences. Default
   * `'auto'`.
   */
  method: oneOf(['auto', 'exact', 'difference'], 'auto'),
  /**
   * Length h of the step of a difference, > 0. Default: the one of `STEPS` whose result changes least from
   * the next larger one.
   */
  step: number({ min: 0, exclusiveMin: true }),
  /** Seed of the vectors of the self-test, a whole number. Default 0. */
  seed: whole({}, 0),
  /** Stops the work after the present product, with an AbortedError. */
  signal: signal(),
};

/** Options of `hessianOperator`. */
export type HessianOptions = OptionsOf<typeof HESSIAN>;

/** What an operator found out about itself, on random unit vectors u and v. */
export interface HessianSelfTest {
  /** |u'Hv - v'Hu| / max(||Hu||, ||Hv||): 0 for an exact symmetric operator. */
  asymmetry: number;
  /** For each step h of the sweep: the relative change of Hv from the step before (larger) to this one. */
  sweep: { step: number; change: number }[];
  /**
   * ||H_exact v - H_difference v|| / ||H_difference v||; undefined where differentiating twice is impossible.
   */
  exactDifference: number | undefined;
  /** Why differentiating twice is impossible. */
  exactFailure: string | undefined;
  /**
   * What single samples near the weights say, where it was asked for: how many settled, and the
   * `exactDifference` of their products, put together.
   */
  probes: { settled: number; tried: number; exactDifference: number } | undefined;
  /** Why products are computed as they are, as a sentence. */
  reason: string;
}

/** Steps of the sweep. */
export const STEPS: readonly number[] = [1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4];

/** Above this relative difference two products are taken to contradict each other. */
const CONTRADICTION = 0.05;
/** Steps of probes: longer ones cross more kinks. */
const PROBE_STEPS = STEPS.slice(2);
/** A probe has settled where two steps agree so well that a contradiction is none of its own. */
const SETTLED = CONTRADICTION / 5;
/**
 * Probes that should settle, and must, of so many; the least length of a product, beside that over all
 * samples.
 */
const PROBES = { wanted: 5, needed: 3, tried: 30, shortest: 0.05 };
/** Distance of a probe from the weights: what stands at a kink is beside it then. */
const PROBE_DISTANCE = 0.1;

/**
 * The Hessian of the mean loss over all batches, at the weights that the model has when this is called.
 *
 * Dispose it after use.
 *
 * @throws OptionError, AbortedError; LookbehindError where `method` is `'exact'` and differentiating twice
 * fails.
 */
export async function hessianOperator(
  loss: FlatLoss,
  options: HessianOptions = {},
): Promise<HessianOperator> {
  const settings = checkOptions('hessianOperator', HESSIAN, options);
  const { method, seed, signal } = settings;
  const products = new Products(loss, signal);
  try {
    const random = new Random(seed, 'hessian self-test');
    const u = randomUnit(random, loss.size);
    const v = randomUnit(random, loss.size);
    const swept = await sweep(STEPS, (step) => products.difference(v, step));
    const { step = swept.best?.step } = settings;
    if (step === undefined) {
      throw new LookbehindError(
        'The gradient is not finite at these weights, so the loss has no Hessian here.',
      );
    }
    const differences = step === swept.best?.step ? swept.best.product : await products.difference(v, step);
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
    const exactDifference = exact && relativeDifference(exact, differences);
    const isOpen =
      method === 'auto' &&
      exact !== undefined &&
      !(swept.least <= CONTRADICTION || exactDifference! <= CONTRADICTION);
    const probes = isOpen ? await products.probe(random, length(exact!)) : undefined;
    const { isExact, reason } = decide(method, exactDifference, probes);
    const multiply = (x: Float64Array): Promise<Float64Array> =>
      isExact ? products.exact(x) : products.difference(x, step);
    const [hu, hv] = [await multiply(u), isExact ? exact! : differences];
    const asymmetry = Math.abs(dot(u, hv) - dot(v, hu)) / Math.max(length(hu), length(hv), Number.MIN_VALUE);
    const selfTest = { asymmetry, sweep: swept.changes, exactDifference, exactFailure, probes, reason };
    return new HessianOperator(loss.size, isExact ? 'exact' : 'difference', step, selfTest, multiply, () =>
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
    /** H v. The sum over batches is taken in float64. */
    readonly multiply: (v: Float64Array) => Promise<Float64Array>,
    /** Frees the weights it holds; the loss stays. */
    readonly dispose: () => void,
  ) {}
}

/** Whether exact products are taken, and why. */
function decide(
  method: NonNullable<HessianOptions['method']>,
  exactDifference: number | undefined,
  probes: HessianSelfTest['probes'],
): { isExact: boolean; reason: string } {
  const because = (isExact: boolean, reason: string) => ({ isExact, reason });
  if (method !== 'auto') return because(method === 'exact', 'It was asked for.');
  if (exactDifference === undefined) return because(false, 'The loss cannot be differentiated twice.');
  if (exactDifference <= CONTRADICTION)
    return because(true, `Differences agree with exact products, ${within(exactDifference)}.`);
  if (probes === undefined)
    return because(false, `Differences settle, and contradict exact products: ${off(exactDifference)}.`);
  const { settled, tried } = probes;
  const where = `at ${settled} of ${tried} single samples near the weights they do`;
  const kinks = 'Differences of no two steps agree over all samples';
  if (settled < PROBES.needed)
    return because(false, `${kinks}, and ${where}: too few to confirm exact products.`);
  return probes.exactDifference <= CONTRADICTION
    ? because(true, `${kinks}; ${where}, and agree with exact products, ${within(probes.exactDifference)}.`)
    : because(false, `${kinks}; ${where}, and contradict exact products: ${off(probes.exactDifference)}.`);
}

function within(difference: number): string {
  return `within ${difference.toPrecision(2)} of ${CONTRADICTION} that is allowed`;
}

function off(difference: number): string {
  return `by ${difference.toPrecision(2)}, above ${CONTRADICTION}`;
}

/** One sample at one place, where a product is computed. */
interface Place {
  w: tf.Tensor1D;
  batch: number;
  /** Default: all of the batch. */
  sample?: number;
}

/** Products at fixed weights, by both methods. */
class Products {
  readonly #loss: FlatLoss;
  readonly #signal: AbortSignal | undefined;
  readonly #w: tf.Tensor1D;

  constructor(loss: FlatLoss, signal: AbortSignal | undefined) {
    this.#loss = loss;
    this.#signal = signal;
    this.#w = loss.weights();
  }

  exact(v: Float64Array): Promise<Float64Array> {
    return this.#mean(v, (place, unit) => this.#exactAt(place, unit));
  }

  difference(v: Float64Array, step: number): Promise<Float64Array> {
    return this.#mean(v, (place, unit) => this.#differenceAt(place, unit, step));
  }

  /**
   * Compares both methods on single samples near the weights, where two steps of the differences agree there.
   * Not on samples whose product is short beside `usual`: of those that are learned it is mostly rounding.
   */
  async probe(random: Random, usual: number): Promise<NonNullable<HessianSelfTest['probes']>> {
    const { size, batchSizes } = this.#loss;
    const probes = { settled: 0, tried: 0, exactDifference: 0 };
    let [apart, whole] = [0, 0]; // squares of lengths
    while (probes.settled < PROBES.wanted && probes.tried < PROBES.tried) {
      probes.tried++;
      const [away, v] = [randomUnit(random, size), randomUnit(random, size)].map(
        (unit) => new Float32Array(unit),
      );
      const batch = random.int(batchSizes.length);
      const w = tf.tidy(() => tf.add(this.#w, tf.mul(tf.tensor1d(away), PROBE_DISTANCE)) as tf.Tensor1D);
      try {
        const place = { w, batch, sample: random.int(batchSizes[batch]) };
        const { best, least } = await sweep(PROBE_STEPS, (step) =>
          this.#now(() => this.#differenceAt(place, v, step)),
        );
        if (best === undefined || !(least <= SETTLED)) continue;
        if (!(length(best.product) > PROBES.shortest * usual)) continue; // none, where both are 0
        const exact = await this.#now(() => this.#exactAt(place, v));
        probes.settled++;
        apart += length(exact.map((value, i) => value - best.product[i])) ** 2;
        whole += length(best.product) ** 2;
        probes.exactDifference = Math.sqrt(apart / whole);
      } finally {
        w.dispose();
      }
    }
    return probes;
  }

  dispose(): void {
    this.#w.dispose();
  }

  async #exactAt({ w, batch, sample }: Place, unit: Float32Array): Promise<Float64Array> {
    return new Float64Array(
      await takeNumbers(tf.tidy(() => this.#loss.hvp(w, tf.tensor1d(unit), batch, sample))),
    );
  }

  async #differenceAt({ w, batch, sample }: Place, unit: Float32Array, step: number): Promise<Float64Array> {
    const gradients = tf.tidy(() => {
      const shift = tf.mul(tf.tensor1d(unit), step);
      return [tf.add(w, shift), tf.sub(w, shift)].map(
        (at) => this.#loss.gradient(at as tf.Tensor1D, batch, sample).gradient,
      );
    });
    const [ahead, behind] = await Promise.all(gradients.map(takeNumbers));
    return Float64Array.from(ahead, (value, i) => (value - behind[i]) / (2 * step));
  }

  /** The mean over batches, weighted by their sizes, for a vector of any length. */
  async #mean(
    v: Float64Array,
    of: (place: Place, unit: Float32Array) => Promise<Float64Array>,
  ): Promise<Float64Array> {
    const scale = length(v);
    const mean = new Float64Array(v.length);
    if (scale === 0) return mean;
    const unit = new Float32Array(divided(v, scale));
    const { batchSizes } = this.#loss;
    const total = batchSizes.reduce((sum, size) => sum + size, 0);
    for (const [batch, size] of batchSizes.entries()) {
      addScaled(mean, await this.#now(() => of({ w: this.#w, batch }, unit)), (scale * size) / total);
    }
    return mean;
  }

  /** Does a piece of work, unless it was stopped, and gives way to others. */
  async #now<T>(work: () => Promise<T>): Promise<T> {
    throwIfAborted(this.#signal, 'The product with the Hessian');
    const result = await work();
    await nextTurn();
    return result;
  }
}

/**
 * A product by differences of several steps, from the largest: how it changes, and the one that differs least
 * from the step before.
 */
async function sweep(
  steps: readonly number[],
  productOf: (step: number) => Promise<Float64Array>,
): Promise<{
  changes: HessianSelfTest['sweep'];
  best: { step: number; product: Float64Array } | undefined;
  least: number;
}> {
  const changes: HessianSelfTest['sweep'] = [];
  let previous: Float64Array | undefined;
  let best: { step: number; product: Float64Array } | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const step of steps) {
    const product = await productOf(step);
    const change = previous === undefined ? Number.NaN : relativeDifference(product, previous);
    changes.push({ step, change });
    if (change < least) {
      least = change;
      best = { step, product };
    }
    previous = product;
  }
  return { changes, best, least };
}

function relativeDifference(a: Float64Array, b: Float64Array): number {
  const difference = a.map((value, i) => value - b[i]);
  const scale = Math.max(length(b), Number.MIN_VALUE);
  return length(difference) === 0 ? 0 : length(difference) / scale;
}
