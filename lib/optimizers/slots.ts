/**
 * What an optimizer remembers between steps: tensors of its own, each belonging to a trained variable by NAME, so that they
 * can be saved, restored in another process and never mixed up.
 */
import { StateMismatchError } from '../runtime/errors';
import * as tf from '../runtime/tf';

/** One remembered tensor. */
export interface Slot {
  /** What it is: `momentum`, `slow`, ... */
  kind: string;
  /** Name of the trained variable that it belongs to; empty for a number of the optimizer as a whole. */
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
  get(kind: string, variable: tf.Variable, initial: () => tf.Tensor = () => tf.zerosLike(variable)): tf.Variable {
    this.#initials.set(key(kind, variable.name), initial);
    const slot = this.#getOrCreate(kind, variable.name, initial);
    if (!tf.util.arraysEqual(slot.shape, variable.shape)) {
      throw new StateMismatchError(
        `The optimizer remembers ${kind} of shape [${slot.shape}] for the variable "${variable.name}", which has shape ` +
          `[${variable.shape}]. Use a new optimizer for a new model.`,
      );
    }
    return slot;
  }

  /** A number that belongs to the optimizer as a whole. */
  scalar(kind: string, initial: number): tf.Variable {
    const first = (): tf.Tensor => tf.scalar(initial);
    this.#initials.set(key(kind, ''), first);
    return this.#getOrCreate(kind, '', first);
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
