/**
 * The base class of the family. An optimizer is a tf.Optimizer whose `minimize(loss)` hands the `Passes` of
 * one step to `advance`, the algorithm, which chooses where to evaluate the loss and says where the step
 * leads; the variables take those weights. A step that throws leaves no trace. What an optimizer remembers
 * between steps lies in `slots`, by variable; numbers that may change lie in `hyperparameters`, optimizers
 * inside it in `parts`, and options that stay in `settings()`. From these four the class saves, restores,
 * compiles, forgets and frees an optimizer; its authors write nothing else.
 */
import { LookbehindError, OptionError } from '../core/errors';
import { currentRecording } from '../core/recording';
import * as tf from '../core/tf';
import { variablesOf } from './compiledModel';
import type { Hyperparameter } from './hyperparameter';
import { TrainedOrder } from './order';
import { type Advance, type LossFunction, Passes, type PassOptions, type Step } from './passes';
import { Slots } from './slots';
import { captureState, type OptimizerState, restoreState, type SavedNames } from './state';
import { type NamedTensor, namedSlots, setNamedSlots } from './weights';
import { undoingWrites } from './writes';

/**
 * Base class of the family, a drop-in for any tf.Optimizer: in `model.compile`, in `model.fit` and by hand.
 */
export abstract class FamilyOptimizer extends tf.Optimizer {
  /** tf.Optimizer takes anything that has its methods for an instance; here the class counts. */
  static override [Symbol.hasInstance](instance: unknown): boolean {
    // biome-ignore lint/complexity/noThisInStatic: `this` is the class asked for, which may be a subclass.
    return Function.prototype[Symbol.hasInstance].call(this, instance);
  }

  /** Learning rate of the base optimizer. Paper: eta. May be set at any time. */
  abstract learningRate: number;

  /** The numbers that may change between steps. */
  abstract readonly hyperparameters: readonly Hyperparameter[];

  /** The optimizers inside this one: what they remember is part of the state. */
  abstract readonly parts: readonly FamilyOptimizer[];

  /** What the optimizer remembers between steps. */
  readonly slots: Slots = new Slots();

  /** Kinds of slots that the optimizer itself makes, each a tensor of the variable's shape. */
  abstract readonly slotKinds: readonly string[];

  /** Kinds of slots that are one number per variable. */
  readonly numberKinds: readonly string[] = [];

  readonly #order = new TrainedOrder();
  #gradientEvaluations = 0;

  /**
   * The options as plain JSON, without the numbers that may change between steps and the optimizers inside.
   */
  abstract settings(): tf.serialization.ConfigDict;

  /**
   * The algorithm: where a step leads. It may set slots, and changes no JavaScript state that a repetition
   * would need, so that `compile` can turn it into one graph.
   */
  abstract advance(passes: Passes): Advance;

  /** How the passes of a step are made. */
  get passOptions(): PassOptions {
    return {};
  }

  /** Inner steps of one step, each of which may see a batch of its own. */
  get innerSteps(): number {
    return 1;
  }

  /** Makes the optimizer's own slots, as the first step would. */
  protected makeSlots(_variables: tf.Variable[]): void {}

  /**
   * The tensor work of one step and nothing else: `compile` can turn it into one graph. Follow each run by
   * `finishStep`. Call inside tf.tidy.
   */
  step(loss: LossFunction, variables: tf.Variable[]): Step {
    const passes = new Passes(loss, variables, this.passOptions);
    return passes.finish(this.advance(passes));
  }

  /**
   * One step on `loss`.
   *
   * @param loss Returns the scalar loss at the present values of the variables. It is called once per
   *   gradient: once by SGD and AdamW, twice by SAM, k + 1 or 2k times by the others. If it reads its
   *   argument it may switch batches, see `LossPass`.
   * @param returnCost Whether to return the loss at the weights before the step (the slow weights). Default
   * false.
   * @param varList Variables to train. Default: all trainable variables.
   * @returns The loss (the caller disposes it) or null.
   * @throws Whatever `loss` throws. Weights, moving statistics and the optimizer's state are then as before
   * the step.
   */
  override minimize(loss: LossFunction, returnCost = false, varList?: tf.Variable[]): tf.Scalar | null {
    const variables = trainable(varList);
    this.meet(variables);
    const result = this.#withoutTrace(() =>
      tf.tidy(() => {
        const { loss: value, gradientEvaluations } = this.step(loss, variables);
        return { loss: value, gradientEvaluations };
      }),
    );
    this.finishStep(result.gradientEvaluations);
    if (returnCost) return result.loss;
    result.loss.dispose();
    return null;
  }

  /** One gradient is not enough for most of the family, so they refuse; SGD and AdamW take it. */
  override applyGradients(_gradients: tf.NamedTensorMap | NamedTensor[]): void {
    throw new LookbehindError(
      `${this.getClassName()} evaluates the loss at several points, so it cannot apply one given ` +
        'gradient. Call minimize(loss) instead.',
    );
  }

  /** Sets the learning rate from the next step on. */
  setLearningRate(learningRate: number): void {
    this.learningRate = learningRate;
  }

  /**
   * Makes all that the optimizer remembers of `variables`, in place of its first step: a step that is
   * compiled then finds it there. What exists already stays as it is.
   */
  prepare(variables: tf.Variable[]): void {
    this.meet(variables);
    for (const one of this.family()) one.makeSlots(variables);
  }

  /** Names the kind of the next step if steps differ: a graph of a step is valid for one kind only. */
  get stepKind(): string {
    return this.stepKindAfter(0);
  }

  /** The kind of the step that follows `steps` further ones. */
  stepKindAfter(_steps: number): string {
    return 'step';
  }

  /** Gradients taken since the optimizer was made (or since the state it was restored from began). */
  get gradientEvaluations(): number {
    return this.#gradientEvaluations;
  }

  /**
   * Counts a step that took `gradientEvaluations` gradients. `minimize` does it; only who calls `step` must.
   * In a compiled function each run counts.
   */
  finishStep(gradientEvaluations: number): void {
    const counters = [this.iterations, this.gradientEvaluations] as const;
    const count = (): void => {
      this.iterations_ = this.iterations + 1;
      this.#gradientEvaluations += gradientEvaluations;
    };
    count();
    currentRecording()?.repeat({
      owner: this,
      redo: count,
      undo: () => {
        this.iterations_ = counters[0];
        this.#gradientEvaluations = counters[1];
      },
    });
  }

  /** Sets the counters, as `restoreState` does. */
  setCounters(iterations: number, gradientEvaluations: number): void {
    this.iterations_ = iterations;
    this.#gradientEvaluations = gradientEvaluations;
  }

  /**
   * Runs `fn` with the weights that are meant for evaluation in the variables, and puts the present ones
   * back, also after an error. Between two synchronizations Lookahead's variables hold fast weights; all
   * others are always at their slow weights.
   */
  async withSlowWeights<T>(fn: () => T | Promise<T>): Promise<T> {
    return fn();
  }

  /** This optimizer and all inside it, outermost first. */
  family(): FamilyOptimizer[] {
    return [this, ...this.parts.flatMap((part) => part.family())];
  }

  /** Whether `kind` is one of the optimizer's own slots. */
  remembers(kind: string): boolean {
    return this.slotKinds.includes(kind) || this.numberKinds.includes(kind);
  }

  /** All options, as plain JSON: model.save stores them, and `fromConfig` makes the optimizer anew. */
  override getConfig(): tf.serialization.ConfigDict {
    const numbers = Object.fromEntries(this.hyperparameters.map(({ name, value }) => [name, value]));
    const inside = this.parts.map((base) => [
      'base',
      { className: base.getClassName(), config: base.getConfig() },
    ]);
    return { ...this.settings(), ...numbers, ...Object.fromEntries(inside) };
  }

  /**
   * Names of the variables of the steps so far, in their order; undefined where a loaded state does not tell.
   */
  get trainedNames(): ReadonlyArray<string | undefined> {
    return this.#order.names;
  }

  /** Learns which variables a step trains, and gives them what was loaded for them. */
  protected meet(variables: tf.Variable[]): void {
    this.#order.meet(variables, this.family());
  }

  /**
   * Gives all that was loaded to its variables, in place of a first step: those of the model that was
   * compiled with this optimizer, or all trainable ones.
   */
  protected meetLoaded(): void {
    if (this.#order.waits) this.meet(trainable(variablesOf(this)));
  }

  /**
   * The complete state: numbers, counters and every remembered tensor by variable name. A run that goes on
   * from it equals one that never stopped, bit for bit.
   *
   * @param names Names to save variables under. Default: their own.
   */
  saveState(names?: SavedNames): OptimizerState {
    return captureState(this, names);
  }

  /**
   * Restores what `saveState` returned.
   *
   * @param variables The variables that will be trained. Default: all trainable variables.
   * @param names Names that variables were saved under. Default: their own.
   * @throws StateMismatchError if the algorithm, a name or a shape differs. Nothing is changed then.
   */
  restoreState(state: OptimizerState, variables?: tf.Variable[], names?: SavedNames): void {
    // A frozen variable that was trained before is among those given: what is remembered of it waits.
    const present = variables ?? trainable();
    restoreState(this, state, present, names);
    this.#order.restore(present.map(({ name }) => name));
  }

  /** For tf.js: step counter and slots. `saveState` is the complete form. */
  override async getWeights(): Promise<NamedTensor[]> {
    return [await this.saveIterations(), ...namedSlots(this)];
  }

  /**
   * For tf.js: the inverse of `getWeights`. The tensors find their variables at the next step, by order and
   * shape.
   */
  override async setWeights(weights: NamedTensor[]): Promise<void> {
    const names = setNamedSlots(this, await this.extractIterations(weights));
    // Also for the optimizers inside: an inner Lookahead counts its own steps.
    this.setCounters(this.iterations, this.gradientEvaluations);
    this.#order.load(names);
  }

  /**
   * Forgets momentum and the like and counts steps from 0, as a new optimizer of the same options; the
   * gradients taken stay counted. Lookahead then takes the present weights for slow ones. Compiled steps stay
   * valid.
   */
  forget(): void {
    for (const one of this.family()) one.forgetOwn();
    this.setCounters(0, this.gradientEvaluations);
  }

  /** Forgets what the optimizer itself remembers. */
  protected forgetOwn(): void {
    this.slots.reset();
  }

  /** Frees what the optimizer remembers. */
  override dispose(): void {
    super.dispose();
    for (const one of this.family()) {
      one.slots.dispose();
      for (const { variable } of one.hyperparameters) variable.dispose();
    }
  }

  /**
   * Calls `fn`. If it throws, all variables have their values from before, and slots that it made are gone.
   */
  #withoutTrace<T>(fn: () => T): T {
    const slots = this.family().map((one) => one.slots);
    const made = new Set(slots.flatMap((one) => one.list().map(({ variable }) => variable)));
    try {
      return undoingWrites(fn);
    } catch (error) {
      for (const one of slots) one.retain(made);
      throw error;
    }
  }
}

/** The variables to train: `varList`, or all trainable ones. Throws an OptionError if there is none. */
export function trainable(varList?: tf.Variable[]): tf.Variable[] {
  const variables = (varList ?? Object.values(tf.engine().registeredVariables)).filter(
    (variable) => variable.trainable,
  );
  if (variables.length === 0) {
    throw new OptionError(
      'varList',
      varList,
      'a list with at least one trainable tf.Variable',
      varList?.length
        ? 'Set trainable of those to train, or of their layers, to true.'
        : 'Make the variables before the first step.',
    );
  }
  return variables;
}

/** The optimizer that `getConfig` of an outer one described as `{className, config}`. */
export function optimizerFrom(description: unknown): tf.serialization.Serializable {
  const { className, config } = description as { className: string; config: tf.serialization.ConfigDict };
  const [Class, fromConfig] = tf.serialization.SerializationMap.getMap().classNameMap[className];
  return fromConfig(Class, config);
}
