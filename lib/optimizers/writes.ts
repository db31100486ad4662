/**
 * Which variables a piece of work writes: told by `tf.Variable.assign`, which does otherwise what it always
 * did.
 */
import * as tf from '../core/tf';

/** Called before a variable is written. */
type Watcher = (variable: tf.Variable) => void;

const watchers: Watcher[] = [];

/** Calls `fn`, and `onWrite` before each variable that is assigned in it. */
export function watchingWrites<T>(onWrite: Watcher, fn: () => T): T {
  watchers.push(onWrite);
  try {
    return fn();
  } finally {
    watchers.pop();
  }
}

/** Calls `fn`. If it throws, each variable that it wrote gets back the value from before. */
export function undoingWrites<T>(fn: () => T): T {
  return holding(fn, (takeBack, call) => {
    try {
      return call();
    } catch (error) {
      takeBack();
      throw error;
    }
  });
}

/** Calls `fn`. Each variable that it wrote gets back the value from before. */
export function takingBackWrites<T>(fn: () => T): T {
  return holding(fn, (takeBack, call) => {
    try {
      return call();
    } finally {
      takeBack();
    }
  });
}

/** Hands `use` a call of `fn` that holds the first values of what it writes, and a way to take them back. */
function holding<T>(fn: () => T, use: (takeBack: () => void, call: () => T) => T): T {
  const before = new Map<tf.Variable, tf.Tensor>();
  const hold = (variable: tf.Variable): void => {
    if (!before.has(variable)) before.set(variable, tf.keep(variable.clone()));
  };
  const takeBack = (): void => {
    for (const [variable, value] of before) if (!variable.isDisposed) variable.assign(value);
  };
  try {
    return use(takeBack, () => watchingWrites(hold, fn));
  } finally {
    tf.dispose([...before.values()]);
  }
}

const { assign } = tf.Variable.prototype;
tf.Variable.prototype.assign = function (this: tf.Variable, value: tf.Tensor): void {
  for (const onWrite of watchers) onWrite(this);
  assign.call(this, value);
};
