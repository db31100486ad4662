/**
 * The state of an optimizer as data: a JSON manifest and one block of bytes, both keyed by variable name.
 */
import { joinedBytes } from '../core/bytes';
import { describe, StateMismatchError } from '../core/errors';
import * as tf from '../core/tf';
import type { FamilyOptimizer } from './optimizer';

/**
 * The complete state of an optimizer. `manifest` is plain JSON, `data` holds the tensors' bytes in the order
 * of the manifest.
 */
export interface OptimizerState {
  /** What the bytes mean, and all that is no tensor. */
  manifest: OptimizerManifest;
  /** The tensors' bytes, in the order of the manifest. */
  data: Uint8Array;
}

/** What the bytes of an `OptimizerState` mean. */
export interface OptimizerManifest {
  /** Format and version of the state. */
  format: 'lookbehind-optimizer/2';
  /** Steps taken. */
  iterations: number;
  /** Gradients taken. */
  gradientEvaluations: number;
  /** Names of the variables of its steps, in their order; absent before the first step. */
  variables?: string[];
  /** The optimizer and those inside it, outermost first. */
  parts: OptimizerPartManifest[];
}

/** One optimizer of a manifest. */
export interface OptimizerPartManifest {
  /** The optimizer's class, as `getClassName` gives it. */
  className: string;
  /** Its own options: a state goes on only with the same. */
  settings: Record<string, unknown>;
  /** Numbers that may change between steps: learningRate, rho. */
  hyperparameters: Record<string, number>;
  /** Remembered tensors. `byteOffset` is where the tensor's 4-byte numbers start in `data`. */
  slots: Array<{ kind: string; variableName: string; shape: number[]; byteOffset: number }>;
}

const BYTES_PER_NUMBER = 4;

/**
 * Names under which variables are saved, by the names that tf.js knows them by. tf.js adds `_1`, `_2`, ... to
 * the variable names of a model that is built again in one process; names that do not change let its state be
 * restored all the same.
 */
export type SavedNames = ReadonlyMap<string, string>;

/** Copies the state of `optimizer`. */
export function captureState(optimizer: FamilyOptimizer, names: SavedNames = new Map()): OptimizerState {
  const blocks: Uint8Array[] = [];
  let byteOffset = 0;
  const parts = optimizer.family().map((part) => ({
    className: part.getClassName(),
    settings: part.settings(),
    hyperparameters: Object.fromEntries(part.hyperparameters.map(({ name, value }) => [name, value])),
    slots: part.slots.list().map(({ kind, variableName, variable }) => {
      const values = variable.dataSync() as Float32Array;
      blocks.push(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
      const slot = {
        kind,
        variableName: names.get(variableName) ?? variableName,
        shape: variable.shape,
        byteOffset,
      };
      byteOffset += values.byteLength;
      return slot;
    }),
  }));
  const { iterations, gradientEvaluations, trainedNames } = optimizer;
  const variables = trainedNames.filter((name) => name !== undefined).map((name) => names.get(name) ?? name);
  const manifest: OptimizerManifest = {
    format: 'lookbehind-optimizer/2',
    iterations,
    gradientEvaluations,
    ...(variables.length === 0 || variables.length < trainedNames.length ? {} : { variables }),
    parts,
  };
  return { manifest, data: joinedBytes(blocks) };
}

/** Sets `optimizer` to `state`, after everything was checked against `variables`. */
export function restoreState(
  optimizer: FamilyOptimizer,
  { manifest, data }: OptimizerState,
  variables: tf.Variable[],
  names: SavedNames = new Map(),
): void {
  const family = optimizer.family();
  if (typeof manifest !== 'object' || manifest === null)
    throw new StateMismatchError('This is not the state of an optimizer.');
  if (manifest.format !== 'lookbehind-optimizer/2' || !Array.isArray(manifest.parts)) {
    throw new StateMismatchError(
      `This is not the state of an optimizer: its format is ${JSON.stringify(manifest.format)}.`,
    );
  }
  for (const part of [...manifest.parts, manifest]) checkNumbersOf(part);
  const order: unknown = manifest.variables ?? [];
  if (!Array.isArray(order) || !order.every((name) => typeof name === 'string')) {
    throw new StateMismatchError('The state of the optimizer is damaged: use an older checkpoint.');
  }
  const saved = manifest.parts.map(({ className }) => className).join(' over ');
  const present = family.map((part) => part.getClassName()).join(' over ');
  if (saved !== present) {
    throw new StateMismatchError(
      `The state was saved by ${saved}, but this is ${present}. Make the optimizer with the same factory.`,
    );
  }
  family.forEach((part, i) => {
    checkSettings(part, manifest.parts[i].settings);
  });
  const savedName = (name: string): string => names.get(name) ?? name;
  const shapes = new Map(variables.map(({ name, shape }) => [savedName(name), shape]));
  const presentNames = new Map(variables.map(({ name }) => [savedName(name), name]));
  const all = manifest.variables;
  if (all !== undefined && all.length === variables.length && all.some((name) => !presentNames.has(name))) {
    // Other names, as many variables: their order decides.
    const present = variables.map(({ name }) => name);
    presentNames.clear();
    shapes.clear();
    all.forEach((name, i) => {
      presentNames.set(name, present[i]);
      shapes.set(name, variables[i].shape);
    });
  }
  manifest.parts.forEach(({ slots }, i) => {
    for (const slot of slots) checkSlot(slot, family[i], shapes, data.byteLength);
  });

  family.forEach((part, i) => {
    const { hyperparameters, slots } = manifest.parts[i];
    for (const number of part.hyperparameters) number.value = hyperparameters[number.name] ?? number.value;
    const saved = slots.map((slot) => ({
      ...slot,
      name: presentNames.get(slot.variableName) ?? slot.variableName,
    }));
    // In place where it can be: compiled steps that use the slots stay valid.
    const kept = part.slots
      .list()
      .filter(({ kind, variableName, variable }) =>
        saved.some(
          (one) =>
            one.kind === kind && one.name === variableName && tf.util.arraysEqual(one.shape, variable.shape),
        ),
      );
    part.slots.retain(new Set(kept.map(({ variable }) => variable)));
    for (const { kind, name, shape, byteOffset } of saved) {
      const bytes = data.slice(byteOffset, byteOffset + byteLength(shape));
      tf.tidy(() => part.slots.set(kind, name, tf.tensor(new Float32Array(bytes.buffer), shape)));
    }
  });
  optimizer.setCounters(manifest.iterations, manifest.gradientEvaluations);
}

/** Throws a StateMismatchError where a part of a manifest, or its counters, are not of their kind. */
function checkNumbersOf(part: OptimizerPartManifest | OptimizerManifest | null): void {
  const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
  const good =
    part !== null &&
    ('parts' in part
      ? isCount(part.iterations) && isCount(part.gradientEvaluations)
      : typeof part.className === 'string' &&
        typeof part.settings === 'object' &&
        part.settings !== null &&
        Object.values(part.hyperparameters ?? { none: undefined }).every(
          (value) => Number.isFinite(value) && value >= 0,
        ) &&
        Array.isArray(part.slots) &&
        part.slots.every(
          ({ kind, variableName, shape, byteOffset }) =>
            [typeof kind, typeof variableName].every((type) => type === 'string') &&
            Array.isArray(shape) &&
            [...shape, byteOffset].every(isCount),
        ));
  if (!good) throw new StateMismatchError('The state of the optimizer is damaged: use an older checkpoint.');
}

/** Throws a StateMismatchError where `part` was made with other options than the saved ones. */
function checkSettings(part: FamilyOptimizer, saved: Record<string, unknown>): void {
  const present: Record<string, unknown> = part.settings();
  for (const name of new Set([...Object.keys(present), ...Object.keys(saved)])) {
    const [before, now] = [saved, present].map((settings) =>
      Object.hasOwn(settings, name) ? describe(settings[name]) : 'left at its default',
    );
    if (before === now) continue;
    throw new StateMismatchError(
      `The state was saved with ${describe(name)} ${before}, but it is ${now} in this ` +
        `${part.getClassName()}. Make the optimizer with the same ` +
        'options; only learningRate and rho may differ.',
    );
  }
}

function checkSlot(
  { kind, variableName, shape, byteOffset }: OptimizerPartManifest['slots'][number],
  owner: FamilyOptimizer,
  shapes: ReadonlyMap<string, number[]>,
  available: number,
): void {
  const present = shapes.get(variableName);
  if (!owner.remembers(kind)) {
    throw new StateMismatchError(
      `The state holds "${kind}", which ${owner.getClassName()} does not remember. Use another state.`,
    );
  }
  if (present === undefined) {
    const names = [...shapes.keys()];
    throw new StateMismatchError(
      `The state holds ${kind} for a variable "${variableName}", but the trained variables are ` +
        `${names.slice(0, 8).join(', ')}${names.length > 8 ? ', ...' : ''}. Build the model with the same ` +
        'layer names, or pass its variables.',
    );
  }
  if (!tf.util.arraysEqual(owner.numberKinds.includes(kind) ? [] : present, shape)) {
    throw new StateMismatchError(
      `The state holds ${kind} of shape [${shape}] for "${variableName}", which has shape ` +
        `[${present}]. Build the same model.`,
    );
  }
  if (byteOffset + byteLength(shape) > available) {
    throw new StateMismatchError(
      `The state is cut off: ${kind} of "${variableName}" ends after ` +
        `its ${available} bytes. Use an older checkpoint.`,
    );
  }
}

function byteLength(shape: number[]): number {
  return tf.util.sizeFromShape(shape) * BYTES_PER_NUMBER;
}
