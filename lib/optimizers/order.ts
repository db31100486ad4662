/**
 * Which saved variable is which present one. The names of tf.js are neither stable nor unique: a model that is loaded in the process
 * that made it gets `kernel_1` for `kernel`. Its variables keep their order and shapes, by which stock optimizers go too.
 */
import { StateMismatchError } from '../runtime/errors';
import * as tf from '../runtime/tf';

/** A variable that something is remembered of. */
export interface RememberedVariable {
  /** Its name when the state was saved. */
  name: string;
  /** Its shape; undefined for a number, which tells nothing of the shape. */
  shape: number[] | undefined;
}

/** The names after a step on `variables`, given those before: a longer list takes their place, a list of others is put behind them. */
export function trainedOrder(before: readonly string[], variables: readonly string[]): readonly string[] {
  const present = new Set(variables);
  if (before.every((name) => present.has(name))) return variables;
  const known = new Set(before);
  return [...before, ...variables.filter((name) => !known.has(name))];
}

/**
 * The present name of each saved one. The same names are the same variables, in any order; a list of the same length is matched by
 * position and shape; else names decide.
 *
 * @param saved All saved names, in order; those of which nothing is remembered may be undefined.
 * @param remembered What the state remembers something of.
 * @param variables The variables of the step.
 * @throws StateMismatchError where a shape does not fit, or where neither names nor positions tell.
 */
export function matchVariables(
  saved: ReadonlyArray<string | undefined>,
  remembered: readonly RememberedVariable[],
  variables: ReadonlyArray<{ name: string; shape: number[] }>,
): Map<string, string> {
  const shapes = new Map(variables.map(({ name, shape }) => [name, shape]));
  const savedNames = new Set(saved);
  const same = saved.length === variables.length && variables.every(({ name }) => savedNames.has(name));
  const byOrder = !same && saved.length === variables.length;
  const names = new Map<string, string>();
  saved.forEach((name, i) => {
    if (name !== undefined) names.set(name, byOrder ? variables[i].name : name);
  });
  const overlap = remembered.every(({ name }) => shapes.has(name)) || variables.every(({ name }) => savedNames.has(name));
  for (const { name, shape } of remembered) {
    const present = shapes.get(names.get(name) ?? name);
    const fits = byOrder || overlap ? present === undefined || tf.util.arraysEqual(present, shape ?? present) : false;
    if (!fits) {
      const some = variables.slice(0, 8).map((one) => `${one.name} [${one.shape}]`);
      throw new StateMismatchError(
        `The state holds tensors for ${saved.length} variables, one of them "${name}"${shape === undefined ? '' : ` of shape [${shape}]`}, but the trained variables ` +
          `are ${some.join(', ')}${variables.length > 8 ? ', ...' : ''}. Train the same variables, or use a new optimizer.`,
      );
    }
  }
  return names;
}
