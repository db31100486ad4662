/**
 * The passes of one step: the loss and its gradient, evaluated at weights that the optimizer chooses, and
 * remembered.
 */
import { isMovingStatistic, withBatchNormUpdates } from '../core/batchNorm';
import { LookbehindError } from '../core/errors';
import * as tf from '../core/tf';
import { withoutMetrics } from './metrics';
import { watchingWrites } from './writes';

/**
 * What one evaluation of the loss is for. A loss that takes it can switch batches, fix dropout seeds or skip
 * statistics.
 */
export interface LossPass {
  /**
   * `ascent`: the gradient will climb. `descent`: the gradient will descend (and, if gradients are reused,
   * climb next).
   */
  phase: 'ascent' | 'descent';
  /** Inner step, 0 to k - 1. */
  inner: number;
  /**
   * How often BatchNorm layers apply the moving-average update of this pass. Stock layers are told by the
   * optimizer itself.
   */
  batchNormUpdates: 0 | 1 | 2;
}

/**
 * The loss to minimize: returns a scalar. A loss that reads nothing of its pass promises that every
 * evaluation of one step sees the same batch; one that reads it may, for example, switch batches with the
 * inner step.
 */
export type LossFunction = (pass: LossPass) => tf.Scalar;

/** Which passes of one step move BatchNorm's statistics. */
export type BatchNormPolicy = 'every' | 'first' | 'none';

/** How the passes of a step are made. */
export interface PassOptions {
  /** Which passes move BatchNorm's statistics. Default `every`. */
  batchNormUpdates?: BatchNormPolicy;
  /** Whether a gradient that descended may climb next. Default: if that is exact. */
  reuseGradients?: boolean;
}

/** A point that a step visited. Tensors are in the order of the step's variables. */
export interface Visit {
  /** What the pass was for. */
  phase: LossPass['phase'];
  /** Inner step, 0 to k - 1. */
  inner: number;
  /** The point. */
  weights: tf.Tensor[];
  /** Loss there. */
  loss: tf.Scalar;
  /** Gradient there. */
  gradients: tf.Tensor[];
}

/** What an algorithm decides: where its step leads. Tensors are in the order of the step's variables. */
export interface Advance {
  /** Weights after the step. */
  weights: tf.Tensor[];
  /** Fast weights after each base step, for algorithms that have them. */
  fast?: tf.Tensor[][];
  /** Interpolation factor of each variable, for algorithms that interpolate. */
  alphas?: tf.Scalar[];
}

/** What one step did. The tensors belong to the caller of `step`, and to its tf.tidy. */
export interface Step extends Advance {
  /** Loss at the weights before the step (the slow weights). */
  loss: tf.Scalar;
  /** Gradients that the step took. */
  gradientEvaluations: number;
  /** The points at which it took them, in order: first the weights before the step. */
  visits: readonly Visit[];
  /** The variables that took part. */
  variables: readonly tf.Variable[];
}

/** What tf.js makes of a loss: no gradient for a variable that it does not depend on. */
interface Evaluation {
  value: tf.Tensor;
  grads: Array<tf.Tensor | undefined>;
}

/**
 * The passes of one step. Which variables take part is known after them: one that only some passes use has a
 * zero gradient in the others, and its value before the step as weights. Those that none uses take no part,
 * as parameters without a gradient in PyTorch.
 */
export class Passes {
  /** The points visited so far, in order. */
  readonly visits: Visit[] = [];
  /** The variables with a gradient so far. Later passes may add some at the end. */
  readonly variables: tf.Variable[] = [];
  /** All variables that may take part. */
  readonly candidates: readonly tf.Variable[];

  readonly #loss: LossFunction;
  readonly #policy: BatchNormPolicy;
  readonly #reuse: boolean | undefined;
  /**
   * Whether another pass at the same weights may find another gradient, or change state that only it can
   * change.
   */
  #differs = false;
  /** Whether the last pass moved BatchNorm's statistics for the next one, too. */
  #countedTwice = false;

  constructor(loss: LossFunction, variables: readonly tf.Variable[], options: PassOptions = {}) {
    this.#loss = loss;
    this.candidates = [...new Set(variables)].filter(({ trainable }) => trainable);
    this.#policy = options.batchNormUpdates ?? 'every';
    this.#reuse = options.reuseGradients;
  }

  /**
   * From where to climb: `weights`, or else where the last pass was, whose gradient serves again if it may.
   * Call inside tf.tidy.
   */
  ascent(inner: number, weights?: tf.Tensor[]): Visit {
    const last = this.visits.at(-1);
    if (weights === undefined && last !== undefined && this.#mayReuse) return last;
    return this.#visit('ascent', inner, weights ?? last?.weights);
  }

  /**
   * The gradient to descend along: at `weights`, or else where the step begins. `climbsNext`: an ascent from
   * there follows.
   */
  descent(inner: number, weights?: tf.Tensor[], climbsNext = false): Visit {
    return this.#visit('descent', inner, weights, climbsNext && this.#mayReuse);
  }

  /** Ends the step: the variables take the weights that the algorithm decided on. */
  finish(advance: Advance): Step {
    const { visits, variables, candidates } = this;
    if (variables.length === 0) {
      const names = candidates.map(({ name }) => name);
      throw new LookbehindError(
        'The loss depends on none of the variables to train, which are ' +
          `${names.slice(0, 8).join(', ')}${names.length > 8 ? ', ...' : ''}. Compute it from them inside ` +
          'of the function given, or pass the variables that it uses.',
      );
    }
    assignAll(variables, advance.weights);
    return { ...advance, loss: visits[0].loss, gradientEvaluations: visits.length, visits, variables };
  }

  get #mayReuse(): boolean {
    return this.#reuse ?? !this.#differs;
  }

  #visit(phase: LossPass['phase'], inner: number, given: tf.Tensor[] = [], twice = false): Visit {
    const first = this.visits.length === 0;
    const pass = { phase, inner, batchNormUpdates: this.#updates(phase, first, twice) };
    this.#countedTwice = twice;
    const weights = [...given];
    assignAll(this.variables, weights);
    const { value, grads } = first ? this.#noticingChanges(pass) : withoutMetrics(() => this.#evaluate(pass));
    if (value.rank !== 0) {
      throw new LookbehindError(
        `The loss must be a scalar, but it has shape [${value.shape}]. Take its mean, with tf.mean.`,
      );
    }
    const found = new Map(this.candidates.map((variable, i) => [variable, grads[i]]));
    const gradients = this.variables.map((variable) => found.get(variable) ?? tf.zerosLike(variable));
    const known = new Set(this.variables);
    for (const variable of this.candidates) {
      const gradient = found.get(variable);
      if (gradient === undefined || known.has(variable)) continue;
      this.#join(variable);
      weights.push(variable.clone());
      gradients.push(gradient);
    }
    const visit = { phase, inner, weights, loss: value as tf.Scalar, gradients };
    this.visits.push(visit);
    return visit;
  }

  /** Takes in a variable with a first gradient: no pass has moved it yet. */
  #join(variable: tf.Variable): void {
    this.variables.push(variable);
    for (const { weights, gradients } of this.visits) {
      weights.push(variable.clone());
      gradients.push(tf.zerosLike(variable));
    }
  }

  #updates(phase: LossPass['phase'], first: boolean, twice: boolean): 0 | 1 | 2 {
    // An ascent whose gradient was to be reused, until the loss read its pass, is counted already.
    if (this.#policy === 'every') return phase === 'ascent' && this.#countedTwice ? 0 : twice ? 2 : 1;
    return this.#policy === 'first' && first ? 1 : 0;
  }

  #evaluate(pass: LossPass): Evaluation {
    const watched = this.#watched(pass);
    return withBatchNormUpdates(pass.batchNormUpdates, () =>
      tf.engine().gradients(() => this.#loss(watched), [...this.candidates], undefined, true),
    );
  }

  /**
   * Evaluates, and notices whether the loss writes variables beside those to train and BatchNorm's
   * statistics.
   */
  #noticingChanges(pass: LossPass): Evaluation {
    const before = new Map<tf.Variable, object>();
    const note = (variable: tf.Variable): void => {
      if (!before.has(variable)) before.set(variable, variable.dataId);
    };
    const result = watchingWrites(note, () => this.#evaluate(pass));
    for (const variable of this.candidates) before.delete(variable);
    this.#differs ||= [...before].some(
      ([variable, dataId]) =>
        variable.dataId !== dataId && !variable.isDisposed && !isMovingStatistic(variable),
    );
    return result;
  }

  /**
   * `pass`, which takes note of being read, in whatever way a loss writes its parameters: another pass may
   * then be another batch.
   */
  #watched(pass: LossPass): LossPass {
    const read = <T>(value: T): T => {
      this.#differs = true;
      return value;
    };
    return new Proxy(pass, {
      get: (target, key) => read(Reflect.get(target, key)),
      has: (target, key) => read(Reflect.has(target, key)),
      ownKeys: (target) => read(Reflect.ownKeys(target)),
    });
  }
}

/** One visit for each place where the step was: a later one at the same weights is left out. */
export function placesOf(visits: readonly Visit[]): Visit[] {
  return visits.filter(({ weights }, i) => i === 0 || weights[0] !== visits[i - 1].weights[0]);
}

/** Assigns `values[i]` to `variables[i]`. */
export function assignAll(variables: readonly tf.Variable[], values: readonly tf.Tensor[]): void {
  values.forEach((value, i) => {
    variables[i].assign(value);
  });
}
