/**
 * What all optimizers of the family share: one call that owns all passes of a step, numbers that can change in mid-run, state by
 * variable name, and steps that fail without a trace.
 */
import { checkNumber, LookbehindError, OptionError } from '../core/errors';
import { currentRecording } from '../core/recording';
import * as tf from '../core/tf';
import { variablesOf } from './compiledModel';
import { assignAll, type Evaluation, type LossFunction } from './loss';
import { matchVariables, trainedOrder } from './order';
import { Slots } from './slots';
import { captureState, type OptimizerState, restoreState, type SavedNames } from './state';

/** A tensor with its name, as tf.js passes gradients and optimizer weights. */
export interface NamedTensor {
  /** Name of the variable or the weight that it belongs to. */
  name: string;
  /** Its values. */
  tensor: tf.Tensor;
}

/** What one step reports. All tensors belong to the caller of `step`. */
export interface StepResult {
  /** Loss at the weights before the step (the slow weights), a scalar. */
  loss: tf.Scalar;
  /** Gradients that the step took. */
  gradientEvaluations: number;
  /** Measured on request. */
  measures?: StepMeasures;
}

/** Measures of one step, as tensors. Algorithms without an ascent have vectors of length 0 for what they lack. */
export interface StepMeasures {
  /** Loss at the live weights before each ascent and at the last perturbed weights, [ascents + 1]. */
  losses: tf.Tensor1D;
  /** Norm of the gradient at each of these points, [ascents + 1]. */
  gradientNorms: tf.Tensor1D;
  /** Distance of each perturbed point from the weights before the step, [ascents]. */
  distances: tf.Tensor1D;
  /** Interpolation factor of each variable, [number of variables]; empty for algorithms without slow weights. */
  alphas: tf.Tensor1D;
}

/** One inner step, as a probe sees it. The tensors are valid only during the call. */
export interface InnerStep {
  /** Inner step, 0 to k - 1. */
  inner: number;
  /** Loss at the live weights, before the ascent. */
  loss: tf.Scalar;
  /** Gradient at the live weights, one tensor per variable. */
  gradients: tf.Tensor[];
  /** Norm of what the ascent rule divides by: ||g|| (SAM) or ||T g|| (ASAM). */
  scaledNorm?: tf.Scalar;
  /** Live weights after the ascent. */
  perturbed?: tf.Tensor[];
  /** Loss at the perturbed weights. Multistep-SAM descends once, after all inner steps: see `StepProbe.descent`. */
  lossPerturbed?: tf.Scalar;
  /** Gradient at the perturbed weights; as `lossPerturbed`. */
  descentGradients?: tf.Tensor[];
  /** Fast weights after the base step, before any interpolation. */
  fast?: tf.Tensor[];
}

/** Looks into a step while it runs. */
export interface StepProbe {
  /** Called after each inner step. */
  inner?(step: InnerStep, variables: tf.Variable[]): void;
  /** Called by Multistep-SAM with loss and gradients at the last perturbed weights. */
  descent?(evaluation: Evaluation, variables: tf.Variable[]): void;
  /** Called with the interpolation factors of an outer step, one scalar per variable. */
  alphas?(alphas: tf.Scalar[], variables: tf.Variable[]): void;
}

/** Options of `step`. */
export interface StepOptions {
  /** Adds `measures` to the result. Default false. */
  measure?: boolean;
  /** Looks into the step. */
  probe?: StepProbe;
}

/** A number of an optimizer that may change between steps. It lives in a tf.Variable, so that a compiled step reads it anew. */
export class Hyperparameter {
  /** Where compiled steps read it: a scalar that is not trained. */
  readonly variable: tf.Variable;
  #value: number;

  /** @throws OptionError where the value is no finite number of at least 0. */
  constructor(
    /** Its name among the optimizer's options. */
    readonly name: string,
    value: number,
  ) {
    this.#value = checkNumber(name, value, { min: 0 });
    this.variable = tf.tidy(() => tf.variable(tf.scalar(value), false));
  }

  /** The number. */
  get value(): number {
    return this.#value;
  }

  set value(value: number) {
    checkNumber(this.name, value, { min: 0 });
    if (value === this.#value) return;
    this.#value = value;
    tf.tidy(() => this.variable.assign(tf.scalar(value)));
  }

  /** The number as a scalar tensor. */
  get tensor(): tf.Scalar {
    return this.variable as unknown as tf.Scalar;
  }
}

/**
 * Base class of the family. `minimize` makes it a drop-in for any tf.Optimizer: in `model.compile`, in `model.fit` and by hand.
 */
export abstract class FamilyOptimizer extends tf.Optimizer {
  /** tf.Optimizer takes anything that has its methods for an instance; here the class counts. */
  static override [Symbol.hasInstance](instance: unknown): boolean {
    // biome-ignore lint/complexity/noThisInStatic: `this` is the class that was asked for, which may be a subclass.
    return Function.prototype[Symbol.hasInstance].call(this, instance);
  }

  /** What the optimizer remembers between steps. */
  readonly slots: Slots = new Slots();

  #gradientEvaluations = 0;
  /** Names of the variables of the steps, in their order; undefined where a loaded state does not tell. */
  #order: ReadonlyArray<string | undefined> = [];
  /** The places in this order of which `setWeights` loaded something that no variable has got yet. */
  readonly #unclaimed = new Set<number>();

  /** Learning rate of the base optimizer. Paper: eta. May be set at any time. */
  abstract learningRate: number;

  /** The optimizers inside this one: what they remember is part of the state. */
  abstract readonly parts: readonly FamilyOptimizer[];

  /** The options as plain JSON, without the numbers that may change between steps and the optimizers inside. */
  abstract settings(): tf.serialization.ConfigDict;

  /** All options, as plain JSON: model.save stores them, and `fromConfig` makes the optimizer anew. */
  override getConfig(): tf.serialization.ConfigDict {
    const numbers = Object.fromEntries(this.hyperparameters.map(({ name, value }) => [name, value]));
    const inside = this.parts.map((base) => ['base', { className: base.getClassName(), config: base.getConfig() }]);
    return { ...this.settings(), ...numbers, ...Object.fromEntries(inside) };
  }

  /**
   * The tensor work of one step and nothing else: reads and assigns variables, changes no JavaScript state that a repetition
   * would need, so that `compile` can turn it into one graph. Follow each run by `finishStep`. Call inside tf.tidy.
   */
  abstract step(loss: LossFunction, variables: tf.Variable[], options?: StepOptions): StepResult;

  /**
   * Makes all that the optimizer remembers of `variables`, in place of its first step: a step that is compiled then finds it there.
   * What exists already stays as it is.
   */
  prepare(variables: tf.Variable[]): void {
    this.meet(variables);
    for (const one of this.family()) one.makeSlots(variables);
  }

  /** Learns which variables a step trains, and gives them what was loaded for them. */
  protected meet(variables: tf.Variable[]): void {
    if (this.#unclaimed.size > 0) this.#claim(variables);
    if (this.#unclaimed.size > 0) return;
    this.#order = trainedOrder(
      this.#order.filter((name) => name !== undefined),
      variables.map(({ name }) => name),
    );
  }

  /**
   * Gives all that was loaded to its variables, in place of a first step: those of the model that was compiled with this optimizer, or
   * all trainable ones.
   */
  protected meetLoaded(): void {
    if (this.#unclaimed.size > 0) this.meet(trainable(variablesOf(this)));
  }

  #claim(variables: tf.Variable[]): void {
    const claimed = new Set(this.#order.filter((_, place) => !this.#unclaimed.has(place)));
    const present = variables.filter(({ name }) => !claimed.has(name));
    if (present.length === 0) return;
    const shapes = new Map<string, number[]>();
    for (const { slots, slotKinds } of this.family()) {
      for (const { kind, variableName, variable } of slots.list()) {
        if (slotKinds.includes(kind)) shapes.set(variableName, variable.shape);
      }
    }
    const places = [...this.#unclaimed];
    const saved = places.map((place) => this.#order[place]).map((name) => ({ name, shape: shapes.get(name ?? '') }));
    const found = matchVariables(saved, present);

    const taken = new Set(present.map(({ name }) => name));
    const names = new Map<string, string>();
    const order = [...this.#order];
    places.forEach((place, i) => {
      const { name } = saved[i];
      if (found[i] !== undefined || name === undefined) order[place] = found[i];
      // It waits for a later step, and must not be mixed up with a present variable of its old name.
      else order[place] = taken.has(name) ? `${name} (loaded)` : name;
      if (name !== undefined) names.set(name, order[place] ?? name);
      if (found[i] !== undefined) this.#unclaimed.delete(place);
    });
    for (const { slots } of this.family()) slots.rename(names);
    this.#order = order;
    if ([...this.#unclaimed].every((place) => order[place] === undefined)) this.#unclaimed.clear();
  }

  /** Makes the optimizer's own slots, as the first step would. */
  protected makeSlots(_variables: tf.Variable[]): void {}

  /** Names the kind of the next step where steps differ: a graph of a step is valid for one kind only. */
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
   * Counts a step that took `gradientEvaluations` gradients. `minimize` does it; only who calls `step` must. In a compiled function each run
   * counts.
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

  /**
   * One step on `loss`.
   *
   * @param loss Returns the scalar loss at the present values of the variables. It is called once per gradient: once by SGD and
   *   AdamW, twice by SAM, k + 1 or 2k times by the others. Where it reads its argument it may switch batches, see `LossPass`.
   * @param returnCost Whether to return the loss at the weights before the step (the slow weights). Default false.
   * @param varList Variables to train. Default: all trainable variables.
   * @returns The loss (the caller disposes it) or null.
   * @throws Whatever `loss` throws. Weights, moving statistics and the optimizer's state are then as before the step.
   */
  override minimize(loss: LossFunction, returnCost = false, varList?: tf.Variable[]): tf.Scalar | null {
    const variables = trainable(varList);
    this.meet(variables);
    const result = this.#undoOnError(variables, () =>
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

  /** Sets the learning rate from the next step on. */
  setLearningRate(learningRate: number): void {
    this.learningRate = learningRate;
  }

  /**
   * Runs `fn` with the weights that are meant for evaluation in the variables, and puts the present ones back, also after an
   * error. Between two synchronisations Lookahead's variables hold fast weights; all others are always at their slow weights.
   */
  async withSlowWeights<T>(fn: () => T | Promise<T>): Promise<T> {
    return fn();
  }

  /** One gradient is not enough for most of the family, so they refuse; SGD and AdamW take it. */
  override applyGradients(_gradients: tf.NamedTensorMap | NamedTensor[]): void {
    throw new LookbehindError(
      `${this.getClassName()} evaluates the loss at several points, so it cannot apply one given gradient. Call minimize(loss) instead.`,
    );
  }

  /**
   * The complete state: numbers, counters and every remembered tensor by variable name. A run that goes on from it equals one
   * that never stopped, bit for bit.
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
   * @throws StateMismatchError where the algorithm, a name or a shape differs. Nothing is changed then.
   */
  restoreState(state: OptimizerState, variables?: tf.Variable[], names?: SavedNames): void {
    // A frozen variable that was trained before is among those given: what is remembered of it waits.
    const present = variables ?? trainable();
    restoreState(this, state, present, names);
    this.#unclaimed.clear();
    this.#order = present.map(({ name }) => name);
  }

  /**
   * Forgets momentum and the like and counts steps from 0, as a new optimizer of the same options; the gradients taken stay counted.
   * Lookahead then takes the present weights for slow ones. Compiled steps stay valid.
   */
  forget(): void {
    for (const { slots } of this.family()) slots.reset();
    this.setCounters(0, this.gradientEvaluations);
  }

  /** Sets the counters, as `restoreState` does. */
  setCounters(iterations: number, gradientEvaluations: number): void {
    this.iterations_ = iterations;
    this.#gradientEvaluations = gradientEvaluations;
  }

  /** This optimizer and all inside it, outermost first. */
  family(): FamilyOptimizer[] {
    return [this, ...this.parts.flatMap((part) => part.family())];
  }

  /** Names of the variables of the steps so far, in their order. */
  get trainedNames(): ReadonlyArray<string | undefined> {
    return this.#order;
  }

  /**
   * For tf.js: step counter and slots. `saveState` is the complete form. A name is `part.position.total/variable/kind`, where part
   * counts the optimizers of the family, for what belongs to the variable at `position` of `total`.
   */
  override async getWeights(): Promise<NamedTensor[]> {
    const positions = new Map(this.#order.map((name, i) => [name, i]));
    const place = (name: string): string => `${positions.get(name) ?? 0}.${this.#order.length}/${name}`;
    const slots = this.family().flatMap((one, part) =>
      one.slots.list().map(({ kind, variableName, variable }) => ({
        name: `${part}.${place(variableName)}/${kind}`,
        tensor: variable as tf.Tensor,
      })),
    );
    return [await this.saveIterations(), ...slots];
  }

  /** For tf.js: the inverse of `getWeights`. The tensors find their variables at the next step, by order and shape. */
  override async setWeights(weights: NamedTensor[]): Promise<void> {
    const rest = await this.extractIterations(weights);
    const family = this.family();
    const loaded = rest.map(({ name, tensor }) => {
      const [, part, position, total, variableName, kind] =
        /^(\d+)\.(\d+)\.(\d+)\/(.*)\/([^/]+)$/s.exec(name) ?? ([] as Array<string | undefined>);
      const owner = family[Number(part)];
      if (
        variableName === undefined ||
        kind === undefined ||
        !owner?.remembers(kind) ||
        (owner.numberKinds.includes(kind) && tensor.rank > 0)
      ) {
        throw new OptionError('weights', name, `a slot of ${this.getClassName()}`);
      }
      return { owner, kind, variableName, position: Number(position), total: Number(total), tensor };
    });
    for (const { slots } of family) slots.dispose();
    const order: Array<string | undefined> = [];
    for (const { owner, kind, variableName, position, total, tensor } of loaded) {
      owner.slots.set(kind, variableName, tensor);
      order.length = total;
      order[position] = variableName;
    }
    // Also for the optimizers inside: an inner Lookahead counts its own steps.
    this.setCounters(this.iterations, this.gradientEvaluations);
    this.#order = Array.from(order);
    this.#unclaimed.clear();
    for (const place of order.keys()) this.#unclaimed.add(place);
  }

  /** Kinds of slots that the optimizer itself makes, each a tensor of the variable's shape. */
  abstract readonly slotKinds: readonly string[];

  /** Kinds of slots that are one number per variable. */
  readonly numberKinds: readonly string[] = [];

  /** Whether `kind` is one of the optimizer's own slots. */
  remembers(kind: string): boolean {
    return this.slotKinds.includes(kind) || this.numberKinds.includes(kind);
  }

  /** The numbers that may change between steps, by name. */
  abstract readonly hyperparameters: readonly Hyperparameter[];

  /** Frees what the optimizer remembers. */
  override dispose(): void {
    super.dispose();
    for (const one of this.family()) {
      one.slots.dispose();
      for (const { variable } of one.hyperparameters) variable.dispose();
    }
  }

  #undoOnError<T>(variables: tf.Variable[], fn: () => T): T {
    const slots = this.family().map((one) => one.slots);
    const remembered = slots.flatMap((one) => one.list().map(({ variable }) => variable));
    const state = [...new Set([...Object.values(tf.engine().registeredVariables), ...variables, ...remembered])];
    const values = state.map((variable) => variable.clone());
    try {
      return fn();
    } catch (error) {
      for (const one of slots) one.retain(new Set(remembered));
      assignAll(state, values);
      throw error;
    } finally {
      tf.dispose(values);
    }
  }
}

/** The variables to train: `varList`, or all trainable ones. Throws an OptionError where there is none. */
export function trainable(varList?: tf.Variable[]): tf.Variable[] {
  const variables = (varList ?? Object.values(tf.engine().registeredVariables)).filter((variable) => variable.trainable);
  if (variables.length === 0) {
    throw new OptionError(
      'varList',
      varList,
      'a list with at least one trainable tf.Variable',
      'Make the variables before the first step.',
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
