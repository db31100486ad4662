/**
 * Which saved variable is which present one. The names of tf.js are neither stable nor unique: a model that is loaded in the process
 * that made it gets `kernel_1` for `kernel`. Its variables keep their order and shapes, by which stock optimizers go too.
 */
import { StateMismatchError } from '../core/errors';
import * as tf from '../core/tf';

/** A variable as a saved state knows it. */
export interface SavedVariable {
  /** Its name when the state was saved; undefined where nothing is remembered of it. */
  name?: string;
  /** Its shape, where something is remembered that tells. */
  shape?: number[];
}

/** The names after a step on `variables`, given those before: a longer list takes their place, a list of others is put behind them. */
export function trainedOrder(before: readonly string[], variables: readonly string[]): readonly string[] {
  const present = new Set(variables);
  if (before.every((name) => present.has(name))) return variables;
  const known = new Set(before);
  return [...before, ...variables.filter((name) => !known.has(name))];
}

/**
 * The present name of each saved variable; undefined where it is none of `variables`. The same names are the same variables, in any
 * order. Else position and shape decide: the variables stand in the saved order, without a gap, at the one place where they fit.
 *
 * @param saved All saved variables, in order.
 * @param variables Those of the step.
 * @throws StateMismatchError where a shape does not fit, or where neither names nor positions tell.
 */
export function matchVariables(
  saved: readonly SavedVariable[],
  variables: ReadonlyArray<{ name: string; shape: number[] }>,
): Array<string | undefined> {
  const shapes = new Map(variables.map(({ name, shape }) => [name, shape]));
  const known = new Set(saved.map(({ name }) => name));
  const fits = ({ shape }: SavedVariable, present: number[] | undefined): boolean =>
    shape === undefined || present === undefined || tf.util.arraysEqual(shape, present);

  const contained = saved.length !== variables.length && saved.every(({ name }) => name === undefined || shapes.has(name));
  if (contained || variables.every(({ name }) => known.has(name))) {
    const wrong = saved.find((one) => one.name !== undefined && !fits(one, shapes.get(one.name)));
    if (wrong !== undefined) throw mismatch(saved, wrong, variables);
    return saved.map(({ name }) => name);
  }
  const places = Array.from({ length: Math.max(0, saved.length - variables.length + 1) }, (_, place) => place).filter((place) =>
    variables.every(({ shape }, i) => fits(saved[place + i], shape)),
  );
  if (places.length !== 1) throw mismatch(saved, saved.find(({ name }) => name !== undefined) ?? {}, variables);
  return saved.map((_, i) => variables[i - places[0]]?.name);
}

function mismatch(
  saved: readonly SavedVariable[],
  { name, shape }: SavedVariable,
  variables: ReadonlyArray<{ name: string; shape: number[] }>,
): StateMismatchError {
  const some = variables.slice(0, 8).map((one) => `${one.name} [${one.shape}]`);
  return new StateMismatchError(
    `The state holds tensors for ${saved.length} variables, one of them "${name}"${shape === undefined ? '' : ` of shape [${shape}]`}, ` +
      `but the variables of this step are ${some.join(', ')}${variables.length > 8 ? ', ...' : ''}. Train the same variables, or use a ` +
      'new optimizer. Where a step trains some of them, call prepare once with all, in the order in which they were trained.',
  );
}
