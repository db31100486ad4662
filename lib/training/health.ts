/**
 * Whether a training is in order: why a loss is not finite, whether weights are, and what in the data makes
 * numbers that mislead.
 */

import { DataError, type Divergence, DivergenceError, OptionError } from '../core/errors';
import { innermostLayers } from '../core/modelGraph';
import { takeNumbers } from '../core/numbers';
import { sumOf } from '../core/sum';
import * as tf from '../core/tf';
import { Dataset } from '../data';

/** Losses of the last steps that a report of a divergence names. */
const REMEMBERED = 3;

/** Watches the losses of a training under way. */
export class LossWatch {
  readonly #losses: number[] = [];
  #badInputs = false;

  /**
   * Notes the loss before a step; `inputs`, the step's batches, are looked at only where the loss is not
   * finite.
   */
  async see(loss: number, inputs: readonly tf.Tensor[]): Promise<void> {
    if (Number.isFinite(loss)) {
      this.#losses.push(loss);
      if (this.#losses.length > REMEMBERED) this.#losses.shift();
    } else {
      this.#badInputs = !(await fingerprintOf(inputs)).finite;
    }
  }

  /** Why a loss is not finite, as far as can be told afterwards. */
  cause(): string {
    if (this.#badInputs) return 'the batch has inputs that are not finite';
    if (this.#losses.length === 0) return 'the loss is not finite at the weights that training began with';
    const before = this.#losses.map((loss) => Number(loss.toPrecision(4))).join(', ');
    return `the losses of the steps before were ${before}: a step or its gradient was too large`;
  }

  /** Begins anew, after a state was restored. */
  reset(): void {
    this.#losses.length = 0;
    this.#badInputs = false;
  }
}

/** The error of a training that diverged at `where`, the place in words. */
export function divergenceError(
  where: string,
  divergence: Divergence,
  learningRate: number,
): DivergenceError {
  const { loss, cause, lastSaved } = divergence;
  const value = Number.isFinite(loss)
    ? `was ${loss}, but the step from there gave weights that are not finite,`
    : `became ${loss}`;
  const saved =
    lastSaved === null
      ? 'No state was saved.'
      : 'The last good state was saved after epoch ' +
        `${lastSaved.epoch}${lastSaved.step > 0 ? `, step ${lastSaved.step} of the next` : ''}.`;
  return new DivergenceError(
    `The training loss ${value} at ${where}, at learning rate ${learningRate}. Cause: ${cause}. ` +
      `Lower the learning rate, rho or k * alpha, or set onDivergence: "stop". ${saved}`,
    divergence,
  );
}

/** What tells whether weights are finite, and whether they changed. */
export interface WeightFingerprint {
  finite: boolean;
  /** Mean square of the weights, in single precision. */
  size: number;
}

/** One small computation for each tensor. Integers count as finite. */
export async function fingerprintOf(tensors: readonly tf.Tensor[]): Promise<WeightFingerprint> {
  const floats = tensors.filter(({ dtype, size }) => dtype === 'float32' && size > 0);
  if (floats.length === 0) return { finite: true, size: 0 };
  const numbers = tf.tidy(() =>
    tf.stack([
      // 0 times NaN or infinity is NaN.
      sumOf(floats.map((tensor) => tf.sum(tf.mul(tensor, 0)))),
      sumOf(floats.map((tensor) => tf.mean(tf.square(tensor)))),
    ]),
  );
  const [zero, size] = await takeNumbers(numbers);
  return { finite: zero === 0, size };
}

/** Throws an OptionError where the option is no data set, a DataError where it has no samples. */
export function checkNotEmpty(option: string, data: Dataset): void {
  if (!(data instanceof Dataset)) throw new OptionError(option, data, 'a Dataset');
  const { name, split, size } = data;
  if (size === 0) throw new DataError(`${option} (${name}, ${split}) has no samples. Give it at least one.`);
}

/** What in the data makes the numbers of a training mean less than they seem to, in words. */
export function dataWarnings(model: tf.LayersModel, data: Dataset, batchSize: number): string[] {
  const warnings: string[] = [];
  const present = data.classCounts.filter((count) => count > 0).length;
  if (present === 1 && data.classes.length > 1) {
    warnings.push(
      `All training samples are of one class ("${data.classes[data.labels[0]]}"): ` +
        'any model learns to name it always.',
    );
  }
  if (data.classes.length === 0 && data.size > 1 && allEqual(data.labels, data.labelSize)) {
    warnings.push('All training samples have the same label: any model learns to say it always.');
  }
  if (data.size > 1 && allEqual(data.inputs, data.inputSize)) {
    warnings.push('All training samples have the same inputs: nothing tells them apart.');
  }
  const last = data.size % batchSize;
  if (
    (last === 1 || batchSize === 1) &&
    innermostLayers(model).some((layer) => layer.getClassName() === 'BatchNormalization')
  ) {
    warnings.push(
      `Batches of one sample (${data.size} samples in batches of ${batchSize}): BatchNorm then sees a ` +
        'variance of 0 in dense layers.',
    );
  }
  return warnings;
}

/** Looks no further than to the first difference. */
function allEqual(values: ArrayLike<number>, size: number): boolean {
  for (let i = size; i < values.length; i++) if (values[i] !== values[i - size]) return false;
  return true;
}
