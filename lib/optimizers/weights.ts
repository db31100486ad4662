/**
 * What an optimizer remembers as tf.js saves it: named tensors. A name is
 * `part.position.total/variable/kind`, where part counts the optimizers of the family, for what belongs to
 * the variable at `position` of `total`.
 */
import { OptionError } from '../core/errors';
import type * as tf from '../core/tf';
import type { FamilyOptimizer } from './optimizer';

/** A tensor with its name, as tf.js passes gradients and optimizer weights. */
export interface NamedTensor {
  /** Name of the variable or the weight that it belongs to. */
  name: string;
  /** Its values. */
  tensor: tf.Tensor;
}

/** The slots of `optimizer` and all inside it. The tensors stay the optimizer's. */
export function namedSlots(optimizer: FamilyOptimizer): NamedTensor[] {
  const { trainedNames } = optimizer;
  const positions = new Map(trainedNames.map((name, i) => [name, i]));
  return optimizer.family().flatMap(({ slots }, part) =>
    slots.list().map(({ kind, variableName, variable }) => ({
      name: `${part}.${positions.get(variableName) ?? 0}.${trainedNames.length}/${variableName}/${kind}`,
      tensor: variable,
    })),
  );
}

/**
 * Sets the slots of `optimizer` and all inside it to copies of `weights`.
 *
 * @returns The names of the variables that they were saved for, in their order; undefined where nothing was.
 * @throws OptionError if a name is none of a slot. Nothing is changed then.
 */
export function setNamedSlots(optimizer: FamilyOptimizer, weights: NamedTensor[]): Array<string | undefined> {
  const family = optimizer.family();
  const loaded = weights.map(({ name, tensor }) => {
    const [, part, position, total, variableName, kind] =
      /^(\d+)\.(\d+)\.(\d+)\/(.*)\/([^/]+)$/s.exec(name) ?? ([] as Array<string | undefined>);
    const owner = family[Number(part)];
    if (
      variableName === undefined ||
      kind === undefined ||
      !owner?.remembers(kind) ||
      (owner.numberKinds.includes(kind) && tensor.rank > 0)
    ) {
      throw new OptionError('weights', name, `a slot of ${optimizer.getClassName()}`);
    }
    return { owner, kind, variableName, position: Number(position), total: Number(total), tensor };
  });
  for (const { slots } of family) slots.dispose();
  const names: Array<string | undefined> = [];
  for (const { owner, kind, variableName, position, total, tensor } of loaded) {
    owner.slots.set(kind, variableName, tensor);
    names.length = total;
    names[position] = variableName;
  }
  return Array.from(names);
}
