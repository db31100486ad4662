/**
 * Which saved variable is which present one. The names of tf.js are neither stable nor unique: a model that
 * is loaded in the process that made it gets `kernel_1` for `kernel`. Its variables keep their order and
 * shapes, by which stock optimizers go too.
 */
import { StateMismatchError } from '../core/errors';
import * as tf from '../core/tf';
import type { Slots } from './slots';

/** A variable as a saved state knows it. */
interface SavedVariable {
  /** Its name when the state was saved; undefined where nothing is remembered of it. */
  name?: string;
  /** Its shape, where something is remembered that tells. */
  shape?: number[];
}

/** A variable of a step. */
type Trained = Pick<tf.Variable, 'name' | 'shape'>;

/** What an optimizer remembers: its slots, and which kinds of them have the shape of their variable. */
interface Memory {
  slots: Slots;
  slotKinds: readonly string[];
}

/**
 * The variables of an optimizer's steps, in their order, and what was loaded for them before their names were
 * known.
 */
export class TrainedOrder {
  #names: ReadonlyArray<string | undefined> = [];
  /** The places for which something was loaded that no variable has got yet. */
  readonly #unclaimed = new Set<number>();

  /** Names of the variables; undefined where a loaded state does not tell. */
  get names(): ReadonlyArray<string | undefined> {
    return this.#names;
  }

  /** Whether something that was loaded waits for its variable. */
  get waits(): boolean {
    return this.#unclaimed.size > 0;
  }

  /** A state was restored for these variables. */
  restore(names: readonly string[]): void {
    this.#unclaimed.clear();
    this.#names = names;
  }

  /**
   * Something was loaded for variables of these former names: it waits for the variables of the next steps.
   */
  load(names: ReadonlyArray<string | undefined>): void {
    this.restore([]);
    this.#names = names;
    for (const place of names.keys()) this.#unclaimed.add(place);
  }

  /** Learns which variables a step trains, and gives them what was loaded for them. */
  meet(variables: readonly Trained[], memories: readonly Memory[]): void {
    if (this.waits) this.#claim(variables, memories);
    if (this.waits) return;
    const before = this.#names.filter((name) => name !== undefined);
    const names = variables.map(({ name }) => name);
    const [known, present] = [new Set(before), new Set(names)];
    // A longer list takes the place of the one before, a list of others is put behind it.
    this.#names = before.every((name) => present.has(name))
      ? names
      : [...before, ...names.filter((name) => !known.has(name))];
  }

  #claim(variables: readonly Trained[], memories: readonly Memory[]): void {
    const claimed = new Set(this.#names.filter((_, place) => !this.#unclaimed.has(place)));
    const present = variables.filter(({ name }) => !claimed.has(name));
    if (present.length === 0) return;
    const shapes = new Map<string, number[]>();
    for (const { slots, slotKinds } of memories) {
      for (const { kind, variableName, variable } of slots.list()) {
        if (slotKinds.includes(kind)) shapes.set(variableName, variable.shape);
      }
    }
    const places = [...this.#unclaimed];
    const saved = places
      .map((place) => this.#names[place])
      .map((name) => ({ name, shape: shapes.get(name ?? '') }));
    const found = matchVariables(saved, present);

    const taken = new Set(present.map(({ name }) => name));
    const renamed = new Map<string, string>();
    const order = [...this.#names];
    places.forEach((place, i) => {
      const { name } = saved[i];
      if (found[i] !== undefined || name === undefined) order[place] = found[i];
      // It waits for a later step, and must not be mixed up with a present variable of its old name.
      else order[place] = taken.has(name) ? `${name} (loaded)` : name;
      if (name !== undefined) renamed.set(name, order[place] ?? name);
      if (found[i] !== undefined) this.#unclaimed.delete(place);
    });
    for (const { slots } of memories) slots.rename(renamed);
    this.#names = order;
    if ([...this.#unclaimed].every((place) => order[place] === undefined)) this.#unclaimed.clear();
  }
}

/**
 * The present name of each saved variable; undefined where it is none of `variables`. The same names are the
 * same variables, in any order. Else position and shape decide: the variables stand in the saved order,
 * without a gap, at the one place where they fit.
 *
 * @param saved All saved variables, in order.
 * @param variables Those of the step.
 * @throws StateMismatchError where a shape does not fit, or where neither names nor positions tell.
 */
function matchVariables(
  saved: readonly SavedVariable[],
  variables: readonly Trained[],
): Array<string | undefined> {
  const shapes = new Map(variables.map(({ name, shape }) => [name, shape]));
  const known = new Set(saved.map(({ name }) => name));
  const fits = ({ shape }: SavedVariable, present: number[] | undefined): boolean =>
    shape === undefined || present === undefined || tf.util.arraysEqual(shape, present);

  const contained =
    saved.length !== variables.length && saved.every(({ name }) => name === undefined || shapes.has(name));
  if (contained || variables.every(({ name }) => known.has(name))) {
    const wrong = saved.find((one) => one.name !== undefined && !fits(one, shapes.get(one.name)));
    if (wrong !== undefined) throw mismatch(saved, wrong, variables);
    return saved.map(({ name }) => name);
  }
  const places = Array.from(
    { length: Math.max(0, saved.length - variables.length + 1) },
    (_, place) => place,
  ).filter((place) => variables.every(({ shape }, i) => fits(saved[place + i], shape)));
  if (places.length !== 1)
    throw mismatch(saved, saved.find(({ name }) => name !== undefined) ?? {}, variables);
  return saved.map((_, i) => variables[i - places[0]]?.name);
}

function mismatch(
  saved: readonly SavedVariable[],
  { name, shape }: SavedVariable,
  variables: readonly Trained[],
): StateMismatchError {
  const some = variables.slice(0, 8).map((one) => `${one.name} [${one.shape}]`);
  return new StateMismatchError(
    `The state holds tensors for ${saved.length} variables, one of them ` +
      `"${name}"${shape === undefined ? '' : ` of shape [${shape}]`}, but the variables of this step are ` +
      `${some.join(', ')}${variables.length > 8 ? ', ...' : ''}. Train the same variables, or use a new ` +
      'optimizer. Where a step trains some of them, call prepare once ' +
      'with all, in the order in which they were trained.',
  );
}
