/**
 * Any tf.Optimizer as a base: those of `tf.train`, and your own.
 *
 *     w = what its applyGradients makes of w
 *
 * Each call counts as one of its steps, so that in Lookbehind its moments and counters run on through the k
 * inner steps. What it remembers stays its own: it is not saved, and a step that fails leaves it unchanged
 * only as far as it keeps it in tf.Variables. A compiled step is recorded anew when its learning rate
 * changes. `sgd`, `adam`, `adamw` and `rmsprop` are saved, and follow a schedule at no cost.
 */
import { checkNumber, LookbehindError, OptionError } from '../core/errors';
import { isStockOptimizer } from '../core/stockOptimizers';
import type * as tf from '../core/tf';
import { DescentOptimizer } from './descent';
import { FamilyOptimizer } from './optimizer';
import { takingBackWrites } from './writes';

/** What is used of tf.js's classes beside their public methods. */
type Internals = tf.Optimizer & {
  learningRate: number;
  iterations_: number;
  setLearningRate?(learningRate: number): void;
};

/** The base optimizer that `given` is or stands for. Throws an OptionError if it cannot be one. */
export function asBase(option: string, given: unknown): DescentOptimizer {
  if (given instanceof DescentOptimizer) return given;
  const { applyGradients, learningRate } = (given ?? {}) as Partial<Internals>;
  const isOptimizer = typeof applyGradients === 'function' && typeof learningRate === 'number';
  if (given instanceof FamilyOptimizer || !isOptimizer) {
    throw new OptionError(
      option,
      given,
      'a base optimizer, such as sgd(...) or adamw(...), or a tf.Optimizer with a learningRate',
    );
  }
  return new StockBase(given as Internals);
}

/** A tf.Optimizer, which stays its owner's. */
class StockBase extends DescentOptimizer {
  readonly slotKinds: readonly string[] = [];
  /** The variables so far: the optimizers of tf.js know theirs by position. */
  readonly #variables: tf.Variable[] = [];

  constructor(private readonly stock: Internals) {
    super({ learningRate: stock.learningRate });
  }

  override get learningRate(): number {
    return this.stock.learningRate;
  }

  override set learningRate(learningRate: number) {
    checkNumber('learningRate', learningRate, { min: 0 });
    if (this.stock.setLearningRate !== undefined) this.stock.setLearningRate(learningRate);
    else this.stock.learningRate = learningRate;
  }

  protected move(
    weights: readonly tf.Tensor[],
    gradients: readonly tf.Tensor[],
    variables: readonly tf.Variable[],
  ): tf.Tensor[] {
    variables.forEach((variable, i) => {
      if (weights[i] !== variable) variable.assign(weights[i]);
    });
    this.#apply(variables, gradients);
    return variables.map((variable) => variable.clone());
  }

  protected override makeSlots(variables: tf.Variable[]): void {
    // Those of tf.js make what they remember also where no variable has a gradient.
    if (!isStockOptimizer(this.stock)) return;
    const { iterations } = this.stock;
    takingBackWrites(() => this.#apply(variables, []));
    this.stock.iterations_ = iterations;
  }

  /** Refuses what only saving asks for. */
  override settings(): never {
    throw new LookbehindError(
      `What ${this.stock.constructor.name} remembers cannot be saved: take sgd, adam, adamw or ` +
        'rmsprop of this library as base.',
    );
  }

  protected override forgetOwn(): void {
    throw new LookbehindError(
      `${this.stock.constructor.name} cannot be made to forget: take sgd, adam, adamw or rmsprop of ` +
        'this library as base.',
    );
  }

  #apply(variables: readonly tf.Variable[], gradients: ReadonlyArray<tf.Tensor | undefined>): void {
    const given = new Map(variables.map((variable, i) => [variable, gradients[i]]));
    const known = new Set(this.#variables);
    this.#variables.push(...variables.filter((variable) => !known.has(variable)));
    const all = this.#variables.map((variable) => ({
      name: variable.name,
      tensor: given.get(variable) ?? null,
    }));
    this.stock.applyGradients(all as unknown as Parameters<tf.Optimizer['applyGradients']>[0]);
  }
}
