/**
 * Worst-case sharpness by APGD: projected gradient ascent that picks its step size by itself.
 *
 *     maximize L(w + T u)  subject to  ||u|| <= rho                       (T = 1, or |w| + eta: see scale.ts)
 *
 *     z       = P(u_i + s * a_i)                     a_i = T g / ||T g||  (l2)   or   sign(T g)  (linf)
 *     u_{i+1} = P(u_i + 0.75 (z - u_i) + 0.25 (u_i - u_{i-1}))
 *
 * P is the projection onto the ball. s starts at 2 rho; at fixed checkpoints it is halved, and the ascent
 * goes on from the best point so far with no memory of the step before, where fewer than 75 % of the steps
 * since the last checkpoint raised the loss, or where neither s nor the best loss has changed since then. The
 * first step from the center ends at the one-step point of SAM (ASAM), so the result is never below one-step
 * sharpness, and never negative.
 *
 * Croce & Hein, "Reliable evaluation of adversarial robustness with an ensemble of diverse parameter-free
 * attacks", ICML 2020, arXiv:2003.01690, algorithm 1; on weights: Andriushchenko et al., "A Modern Look at
 * the Relationship between Sharpness and Generalization", ICML 2023, arXiv:2302.07011.
 */
import { type Compiled, compile } from '../compile/compile';
import { disposing } from '../core/disposing';
import { checkNumber, throwIfAborted } from '../core/errors';
import { takeNumbers } from '../core/numbers';
import { checkOptions, needed, type OptionsOf, oneOf, type SettingsOf, signal, whole } from '../core/options';
import { Random } from '../core/random';
import * as tf from '../core/tf';
import { nextTurn } from '../core/turn';
import type { FlatLoss } from '../training/flatLoss';
import { measureCurve, RADII, type SharpnessCurve } from './curve';
import { METRIC, type MetricOptions, metricScale, norm, unit } from './scale';

const OWN = {
  /** The norm of the ball. Default `'l2'`. */
  norm: oneOf(['l2', 'linf'], 'l2'),
  /** Gradient evaluations of one ascent, >= 1. Default 20. */
  steps: whole({ min: 1 }, 20),
  /**
   * Ascents: the first starts at the center, each other one at a random point of the ball; >= 1. Default 1.
   */
  restarts: whole({ min: 1 }, 1),
  /** Seed of the random starts, a whole number. Default 0. */
  seed: whole({}, 0),
  /** Stops after the present ascent, with an AbortedError. */
  signal: signal(),
};

/** How the largest loss is searched. */
export type ApgdOptions = OptionsOf<typeof OWN> & MetricOptions;

const APGD = { ...METRIC, ...OWN };

const OF_CURVES = {
  /** Radii, each >= 0. */
  radii: needed(RADII),
};

/** Options of `worstCaseSharpness`. */
export type WorstCaseOptions = OptionsOf<typeof OF_CURVES> & ApgdOptions;

/** Weight of the new step against the step before. */
const MOMENTUM = 0.75;
/** Share of rising steps below which the step size is halved. */
const RISING_SHARE = 0.75;
/** Keeps the projection of the center from being 0 / 0. */
const SMALLEST_NORM = 1e-30;

/**
 * The largest loss that APGD finds within each radius, for each batch by itself: m-sharpness in the worst
 * case.
 *
 * A larger ball contains the smaller one, so what was found in that counts too: S(rho) never falls.
 *
 * @throws OptionError, AbortedError
 */
export async function worstCaseSharpness(loss: FlatLoss, options: WorstCaseOptions): Promise<SharpnessCurve> {
  const { radii, ...settings } = checkOptions('worstCaseSharpness', { ...OF_CURVES, ...APGD }, options);
  const rising = radii.map((_, i) => i).sort((a, b) => radii[a] - radii[b]);
  const { adaptive, norm: ball, signal } = settings;
  const what = 'The search for the largest loss';
  const header = { kind: 'worst-case', norm: ball, adaptive, radii } as const;
  return disposing(new ApgdSearch(loss, settings), (search) =>
    measureCurve(header, loss.batchSizes, { what, signal }, async (batch) => {
      const losses = new Float64Array(1 + radii.length);
      let largest = Number.NEGATIVE_INFINITY;
      for (const i of rising) {
        const found = await search.within(radii[i], batch);
        losses[0] = found.losses[0];
        largest = Math.max(largest, found.loss);
        losses[1 + i] = largest;
      }
      return losses;
    }),
  );
}

/** What one search found. */
export interface ApgdResult {
  /** The largest loss. */
  loss: number;
  /** The losses in the order in which they were seen: of each ascent at its start, then after each step. */
  losses: number[];
}

/** What is searched: a `FlatLoss`, or what does as one. */
export type SearchedLoss = Pick<FlatLoss, 'weights' | 'gradient' | 'parameters' | 'size'>;

/**
 * The largest loss on batch `batch` within `radius` of the present weights.
 *
 * @throws OptionError, AbortedError
 */
export async function apgd(
  loss: FlatLoss,
  batch: number,
  radius: number,
  options: ApgdOptions = {},
): Promise<ApgdResult> {
  return disposing(new ApgdSearch(loss, options), (search) => search.within(radius, batch));
}

/**
 * Searches on one loss with the same options: what a step computes is compiled once for all. Dispose it after
 * use.
 *
 * @internal
 */
export class ApgdSearch {
  readonly #loss: SearchedLoss;
  readonly #settings: Settings;
  readonly #step: CompiledStep;

  /** @throws OptionError */
  constructor(loss: SearchedLoss, options: ApgdOptions) {
    const settings = checkOptions('apgd', APGD, options);
    const { norm: ball } = settings;
    this.#loss = loss;
    this.#settings = settings;
    this.#step = compile((gradient, from) => tf.tidy(() => stepAlong(ball, gradient, from)), {
      name: 'apgd',
      makesNoVariables: true,
    });
  }

  /**
   * As `apgd`.
   *
   * @param onGradient Gets the gradient at the largest loss of each ascent, and that loss. The tensor is
   *   valid during the call only.
   */
  async within(
    radius: number,
    batch: number,
    onGradient?: (gradient: tf.Tensor1D, loss: number) => void,
  ): Promise<ApgdResult> {
    const { steps, restarts, seed, signal } = this.#settings;
    checkNumber('radius', radius, { min: 0 });
    const random = new Random(seed, `apgd/${batch}`);
    const losses: number[] = [];
    for (let restart = 0; restart < restarts; restart++) {
      throwIfAborted(signal, 'The search for the largest loss');
      const ascent = new Ascent({
        loss: this.#loss,
        batch,
        radius,
        settings: this.#settings,
        random,
        step: this.#step,
      });
      try {
        await ascent.start(restart > 0);
        losses.push(...ascent.losses);
        for (let step = 0; step < steps; step++) {
          losses.push(await ascent.step());
          await nextTurn();
        }
        onGradient?.(ascent.best.gradient, ascent.best.loss);
      } finally {
        ascent.dispose();
      }
    }
    return { loss: losses.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY), losses };
  }

  /** Frees the compiled function. The loss stays. */
  dispose(): void {
    this.#step.dispose();
  }
}

type Settings = SettingsOf<typeof APGD>;

/** Where a step leads. */
type Place = {
  u: tf.Tensor1D;
  /** The weights there: w + T u. */
  weights: tf.Tensor1D;
};

/** What a step computes. */
type Step = Place & {
  /** Length of the gradient in u that the step followed. */
  slope: tf.Scalar;
};

/** Where a step begins. */
type From = {
  w: tf.Tensor1D;
  scale: tf.Tensor1D;
  u: tf.Tensor1D;
  stepSize: tf.Scalar;
  radius: tf.Scalar;
  /** The point before `u`, where there is one that counts. */
  before: tf.Tensor1D | undefined;
};

type CompiledStep = Compiled<[gradient: tf.Tensor1D, from: From], Step>;

/** The step along the gradient. */
function stepAlong(ball: 'l2' | 'linf', gradient: tf.Tensor1D, from: From): Step {
  const scaled = tf.mul(gradient, from.scale) as tf.Tensor1D;
  return { ...stepTowards(ball, ball === 'l2' ? unit(scaled) : tf.sign(scaled), from), slope: norm(scaled) };
}

/** The step in `direction`, a vector in u. */
function stepTowards(ball: 'l2' | 'linf', direction: tf.Tensor, from: From): Place {
  const { w, scale, u, stepSize, radius, before } = from;
  const project = (v: tf.Tensor): tf.Tensor1D => {
    if (ball === 'linf') return tf.minimum(tf.maximum(v, tf.neg(radius)), radius);
    return tf.mul(v, tf.minimum(1, tf.div(radius, tf.maximum(norm(v as tf.Tensor1D), SMALLEST_NORM))));
  };
  const ahead = project(tf.add(u, tf.mul(direction, stepSize)));
  const next =
    before === undefined
      ? ahead
      : project(
          tf.addN([tf.mul(ahead, MOMENTUM), tf.mul(u, 2 * (1 - MOMENTUM)), tf.mul(before, MOMENTUM - 1)]),
        );
  return { u: next, weights: tf.add(w, tf.mul(scale, next)) };
}

/** A point of an ascent: u, the loss there, and its gradient in w. */
type Point = {
  u: tf.Tensor1D;
  loss: number;
  gradient: tf.Tensor1D;
};

/** Where an ascent takes place. */
interface Ball {
  loss: SearchedLoss;
  batch: number;
  radius: number;
  settings: Settings;
  random: Random;
  step: CompiledStep;
}

/** One ascent. */
class Ascent {
  readonly losses: number[] = [];
  readonly #ball: Ball;
  readonly #checkpoints: Set<number>;
  readonly #w: tf.Tensor1D;
  readonly #scale: tf.Tensor1D;
  #here!: Point;
  #before: tf.Tensor1D | undefined;
  #best!: Point;
  #stepSize: number;
  #done = 0;
  #sinceCheckpoint = { steps: 0, rising: 0, stepSize: 0, best: 0 };

  constructor(ball: Ball) {
    this.#ball = ball;
    this.#checkpoints = checkpointsOf(ball.settings.steps);
    this.#stepSize = 2 * ball.radius;
    this.#w = ball.loss.weights();
    this.#scale = metricScale(ball.loss, this.#w, ball.settings);
  }

  /** The point with the largest loss so far. */
  get best(): Readonly<Point> {
    return this.#best;
  }

  /** Goes to the start: the center, or a random point of the ball. */
  async start(atRandom: boolean): Promise<void> {
    const u = atRandom ? this.#randomPoint() : tf.zerosLike(this.#w);
    const weights = tf.tidy(() => tf.add(this.#w, tf.mul(this.#scale, u)) as tf.Tensor1D);
    this.#here = await this.#at({ u, weights });
    this.#best = this.#here;
    this.losses.push(this.#here.loss);
    this.#sinceCheckpoint = { steps: 0, rising: 0, stepSize: Number.NaN, best: Number.NaN };
  }

  /** One step; returns the loss after it. */
  async step(): Promise<number> {
    const here = this.#here;
    const next = await this.#at(await this.#move(here));
    const { loss } = next;
    this.#before?.dispose();
    this.#before = here.u.clone();
    this.#here = next;
    // A loss that is no number is outside of what can be compared: it is no better, and the ascent turns back
    // at the checkpoint.
    if (loss > this.#best.loss) this.#replaceBest(next);
    if (here !== this.#best) disposePoint(here);
    this.losses.push(loss);
    this.#sinceCheckpoint.steps++;
    if (loss > here.loss) this.#sinceCheckpoint.rising++;
    this.#done++;
    if (this.#checkpoints.has(this.#done)) this.#check();
    return loss;
  }

  dispose(): void {
    const points = new Set([this.#here, this.#best].filter((point) => point !== undefined));
    for (const point of points) disposePoint(point);
    tf.dispose([this.#w, this.#scale]);
    this.#before?.dispose();
  }

  /** The point at `u`, which it takes over; frees `weights`. */
  async #at({ u, weights }: Place): Promise<Point> {
    const { loss, gradient } = this.#ball.loss.gradient(weights, this.#ball.batch);
    weights.dispose();
    return { u, loss: (await takeNumbers(loss))[0], gradient };
  }

  /** Where a step leads, owned by the caller. */
  async #move({ u, gradient }: Point): Promise<Place> {
    const { random, settings, radius, step: stepFrom } = this.#ball;
    const [stepSize, radiusTensor] = [tf.scalar(this.#stepSize), tf.scalar(radius)];
    const from = { w: this.#w, scale: this.#scale, u, stepSize, radius: radiusTensor, before: this.#before };
    try {
      const { slope, ...step } = stepFrom(gradient, from);
      if ((await takeNumbers(slope))[0] !== 0) return step;
      tf.dispose(Object.values(step));
      // At a stationary point every direction is as good: a random one gets away from a saddle or a minimum.
      return tf.tidy(() => stepTowards(settings.norm, unit(tf.tensor1d(random.normals(u.size))), from));
    } finally {
      tf.dispose([stepSize, radiusTensor]);
    }
  }

  #randomPoint(): tf.Tensor1D {
    const { radius, random, settings } = this.#ball;
    const n = this.#w.size;
    if (settings.norm === 'linf') return tf.tensor1d(random.uniforms(n, -radius, radius));
    const length = radius * random.uniform() ** (1 / n);
    return tf.tidy(() => tf.mul(unit(tf.tensor1d(random.normals(n))), length) as tf.Tensor1D);
  }

  #replaceBest(point: Point): void {
    disposePoint(this.#best);
    this.#best = point;
  }

  #check(): void {
    const { steps, rising, stepSize, best } = this.#sinceCheckpoint;
    const inForce = this.#stepSize;
    const stuck = stepSize === inForce && best === this.#best.loss;
    if (rising < RISING_SHARE * steps || stuck) {
      this.#stepSize /= 2;
      if (this.#here !== this.#best) disposePoint(this.#here);
      this.#here = this.#best;
      this.#before?.dispose();
      this.#before = undefined;
    }
    // The step size before a halving, so that after one the new size gets a window of its own.
    this.#sinceCheckpoint = { steps: 0, rising: 0, stepSize: inForce, best: this.#best.loss };
  }
}

function disposePoint({ u, gradient }: Point): void {
  tf.dispose([u, gradient]);
}

/**
 * After how many steps the step size is looked at: windows of 22 % of the steps, each 3 % shorter, 6 % at
 * least.
 */
function checkpointsOf(steps: number): Set<number> {
  const checkpoints = new Set<number>();
  let share = 0.22;
  let window = 0.22;
  while (share <= 1) {
    checkpoints.add(Math.ceil(share * steps));
    window = Math.max(window - 0.03, 0.06);
    share += window;
  }
  return checkpoints;
}
