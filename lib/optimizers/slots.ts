/**
 * What an optimizer remembers between steps: tensors of its own, each belonging to a trained variable by
 * NAME, so that they can be saved, restored in another process and never mixed up. Numbers, too, belong to
 * one variable each, as in PyTorch: one that takes part in its first step begins at the beginning, however
 * many steps others took.
 */
import { StateMismatchError } from '../core/errors';
import * as tf from '../core/tf';

/** One remembered tensor. */
export interface Slot {
  /** What it is: `momentum`, `slow`, ... */
  kind: string;
  /** Name of the trained variable that it belongs to. */
  variableName: string;
  /** The value. */
  variable: tf.Variable;
}

/** The slots of one optimizer. They are made on first use and live until `dispose`. */
export class Slots {
  readonly #slots = new Map<string, Slot>();
  /** How each slot that was used gets its first value. */
  readonly #initials = new Map<string, () => tf.Tensor>();

  /** The slot `kind` of `variable`; made by `initial` (default: zeros) where it does not exist yet. */
  get(
    kind: string,
    variable: tf.Variable,
    initial: () => tf.Tensor = () => tf.zerosLike(variable),
  ): tf.Variable {
    const slot = this.#use(kind, variable.name, initial);
    if (!tf.util.arraysEqual(slot.shape, variable.shape)) {
      throw new StateMismatchError(
        `The optimizer remembers ${kind} of shape [${slot.shape}] for the variable "${variable.name}", ` +
          `which has shape [${variable.shape}]. Use a new optimizer for a new model.`,
      );
    }
    return slot;
  }

  /** The number `kind` of `variable`; `initial` where it does not exist yet. */
  number(kind: string, variable: tf.Variable, initial: number): tf.Variable {
    return this.#use(kind, variable.name, () => tf.scalar(initial));
  }

  /** Whether the slot exists. */
  has(kind: string, variable: tf.Variable): boolean {
    return this.#slots.has(key(kind, variable.name));
  }

  /** All slots, in the order in which they were made. */
  list(): Slot[] {
    return [...this.#slots.values()];
  }

  /** Sets a slot to `value`, made where it does not exist. The slot owns a copy. */
  set(kind: string, variableName: string, value: tf.Tensor): void {
    this.#getOrCreate(kind, variableName, () => value.clone()).assign(value);
  }

  /** Gives the slots of each variable to the one that `names` maps its name to. */
  rename(names: ReadonlyMap<string, string>): void {
    const slots = this.list();
    this.#slots.clear();
    this.#initials.clear();
    for (const slot of slots) {
      const variableName = names.get(slot.variableName) ?? slot.variableName;
      this.#slots.set(key(slot.kind, variableName), { ...slot, variableName });
    }
  }

  /** Gives all slots their first values, in place: a compiled step that uses them stays valid. */
  reset(): void {
    for (const [id, { variable }] of this.#slots) {
      const initial = this.#initials.get(id);
      if (initial === undefined) {
        // Restored, and not used by any step yet.
        variable.dispose();
        this.#slots.delete(id);
      } else {
        tf.tidy(() => variable.assign(initial()));
      }
    }
  }

  /** Forgets everything and frees the memory. */
  dispose(): void {
    for (const { variable } of this.#slots.values()) variable.dispose();
    this.#slots.clear();
    this.#initials.clear();
  }

  /** Forgets the slots that are not in `kept`. */
  retain(kept: ReadonlySet<tf.Variable>): void {
    for (const [id, { variable }] of this.#slots) {
      if (kept.has(variable)) continue;
      variable.dispose();
      this.#slots.delete(id);
    }
  }

  #use(kind: string, variableName: string, initial: () => tf.Tensor): tf.Variable {
    this.#initials.set(key(kind, variableName), initial);
    return this.#getOrCreate(kind, variableName, initial);
  }

  #getOrCreate(kind: string, variableName: string, initial: () => tf.Tensor): tf.Variable {
    const id = key(kind, variableName);
    let slot = this.#slots.get(id);
    if (slot === undefined) {
      slot = { kind, variableName, variable: tf.tidy(() => tf.variable(initial(), false)) };
      this.#slots.set(id, slot);
    }
    return slot.variable;
  }
}

function key(kind: string, variableName: string): string {
  return `${kind}:${variableName}`;
}
