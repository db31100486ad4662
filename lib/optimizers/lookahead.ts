/**
 * Lookahead: k steps forward, 1 step back, over any optimizer of the family.
 *
 *     fast = step of the base optimizer from fast             each call of minimize, usually on a fresh batch
 *     every k calls: slow = slow + alpha * (fast - slow); fast = slow
 *
 * Between two synchronizations the variables hold the fast weights; evaluate inside `withSlowWeights`. The
 * base optimizer's memory runs on unchanged.
 *
 * Zhang, Lucas, Hinton, Ba, "Lookahead Optimizer: k steps forward, 1 step back", NeurIPS 2019,
 * arXiv:1907.08610.
 */
import { checkOptions, number, type OptionsOf, whole } from '../core/options';
import { currentRecording } from '../core/recording';
import * as tf from '../core/tf';
import type { Hyperparameter } from './hyperparameter';
import { FamilyOptimizer, optimizerFrom } from './optimizer';
import type { Advance, Passes, PassOptions } from './passes';
import { asBase } from './stock';

/** Describes the options of `lookahead`. */
export const LOOKAHEAD = {
  /** Fast steps per synchronization. At least 1. Default 5. */
  k: whole({ min: 1 }, 5),
  /** Share of the fast weights in the new slow weights, 0 to 1. Default 0.5. */
  alpha: number({ min: 0, max: 1 }, 0.5),
};

/** Options of `lookahead`. */
export type LookaheadOptions = OptionsOf<typeof LOOKAHEAD>;

/** Lookahead over another optimizer. Make it with `lookahead`. */
export class Lookahead extends FamilyOptimizer {
  /** The name under which it is saved. @nocollapse */
  static get className(): string {
    return 'LookbehindFamilyLookahead';
  }
  readonly slotKinds: readonly string[] = ['slow'];
  readonly hyperparameters: readonly Hyperparameter[] = [];
  readonly parts: readonly FamilyOptimizer[];
  /** The optimizer of the fast weights. */
  readonly base: FamilyOptimizer;
  /** Fast steps per synchronization. */
  readonly k: number;
  /** Share of the fast weights in the new slow weights. */
  readonly alpha: number;

  /** Evaluations at the slow weights that are under way. */
  #evaluations = 0;

  /** The fast weights during such evaluations. */
  #fast: Array<{ variable: tf.Variable; value: tf.Tensor }> = [];

  constructor(base: FamilyOptimizer | tf.Optimizer, options: LookaheadOptions = {}) {
    super();
    this.base = base instanceof FamilyOptimizer ? base : asBase('lookahead: base', base);
    const { k, alpha } = checkOptions('lookahead', LOOKAHEAD, options);
    this.k = k;
    this.alpha = alpha;
    this.parts = [this.base];
  }

  get learningRate(): number {
    return this.base.learningRate;
  }

  set learningRate(learningRate: number) {
    this.base.learningRate = learningRate;
  }

  override get innerSteps(): number {
    return this.base.innerSteps;
  }

  /** `synchronize` where that step ends with an interpolation, else `fast`; with the base's kind. */
  override stepKindAfter(steps: number): string {
    return `${this.#synchronizes(steps) ? 'synchronize' : 'fast'}/${this.base.stepKindAfter(steps)}`;
  }

  override get passOptions(): PassOptions {
    return this.base.passOptions;
  }

  advance(passes: Passes): Advance {
    this.#recordKind();
    for (const variable of passes.candidates) this.#slow(variable);
    const ahead = this.base.advance(passes);
    const fast = ahead.weights;
    if (!this.#synchronizes()) return { ...ahead, fast: [fast] };
    const { variables, candidates } = passes;
    // The loss of an earlier fast step may have depended on more of them.
    for (const variable of candidates)
      if (!variables.includes(variable)) variable.assign(this.#synchronized(variable, variable));
    return {
      ...ahead,
      weights: variables.map((variable, i) => this.#synchronized(variable, fast[i])),
      fast: [fast],
    };
  }

  /** slow + alpha * (fast - slow): the new slow weights. */
  #synchronized(variable: tf.Variable, fast: tf.Tensor): tf.Tensor {
    const slow = this.#slow(variable);
    slow.assign(tf.add(slow, tf.mul(tf.sub(fast, slow), this.alpha)));
    return slow;
  }

  override finishStep(gradientEvaluations: number): void {
    super.finishStep(gradientEvaluations);
    this.base.finishStep(gradientEvaluations);
  }

  override setCounters(iterations: number, gradientEvaluations: number): void {
    super.setCounters(iterations, gradientEvaluations);
    this.base.setCounters(iterations, gradientEvaluations);
  }

  override async withSlowWeights<T>(fn: () => T | Promise<T>): Promise<T> {
    // Of evaluations that overlap, the first puts the fast weights away and the last puts them back.
    if (this.#evaluations === 0) this.#putAway();
    this.#evaluations++;
    try {
      return await fn();
    } finally {
      if (--this.#evaluations === 0) this.#putBack();
    }
  }

  #putAway(): void {
    this.meetLoaded();
    for (const { variableName, variable: slow } of this.slots.list()) {
      const variable = tf.engine().registeredVariables[variableName];
      // A model that was disposed has no weights to show.
      if (variable === undefined) continue;
      this.#fast.push({ variable, value: variable.clone() });
      variable.assign(slow);
    }
  }

  #putBack(): void {
    for (const { variable, value } of this.#fast) variable.assign(value);
    tf.dispose(this.#fast.map(({ value }) => value));
    this.#fast = [];
  }

  settings(): tf.serialization.ConfigDict {
    return { k: this.k, alpha: this.alpha };
  }

  /** Makes the optimizer that `getConfig` described. @nocollapse */
  static override fromConfig<T extends tf.serialization.Serializable>(
    cls: tf.serialization.SerializableConstructor<T>,
    config: tf.serialization.ConfigDict,
  ): T {
    const { base, customObjects: _, ...options } = config;
    return new (cls as unknown as new (base: unknown, options: unknown) => T)(optimizerFrom(base), options);
  }

  protected override makeSlots(variables: tf.Variable[]): void {
    for (const variable of variables) this.#slow(variable);
  }

  #slow(variable: tf.Variable): tf.Variable {
    return this.slots.get('slow', variable, () => variable.clone());
  }

  #synchronizes(steps = 0): boolean {
    return (this.iterations + steps + 1) % this.k === 0;
  }

  /**
   * A graph is valid where its steps are of the same kinds, counted from the step that each run begins with.
   */
  #recordKind(): void {
    const recording = currentRecording();
    if (recording === undefined) return;
    const steps = recording.countOf(this);
    recording.dependOn(() => this.stepKindAfter(steps), this.stepKind);
  }
}
tf.serialization.registerClass(Lookahead);

/**
 * Lookahead over any optimizer of the family, or any tf.Optimizer. As many gradients per step as its base.
 * With a tf.Optimizer as base it cannot be saved, and a compiled step is recorded anew when its learning rate
 * changes.
 */
export function lookahead(base: FamilyOptimizer | tf.Optimizer, options: LookaheadOptions = {}): Lookahead {
  return new Lookahead(base, options);
}
