import { checkNumber } from '../core/errors';
import * as tf from '../core/tf';

/**
 * A number of an optimizer that may change between steps. It lives in a tf.Variable, so that a compiled step
 * reads it anew.
 */
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
