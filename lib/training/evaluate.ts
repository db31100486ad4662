/**
 * Loss and accuracy of a model in one call.
 */
import { disposing } from '../core/disposing';
import { checkOptions } from '../core/options';
import type * as tf from '../core/tf';
import {
  AT_MANY,
  type AtManyOptions,
  EVALUATE,
  EVALUATE_SYNC,
  type EvaluateOptions,
  type EvaluationResult,
  type ManyEvaluations,
  MODEL_LOSS,
  ModelLoss,
  type ModelLossOptions,
} from './modelLoss';
import type { Samples } from './samples';
import type { WeightSets } from './weightSets';

/**
 * Hands the loss of `model` on `samples` to `work`, and frees it afterwards, also where that fails.
 *
 * @example
 * const measure = (loss) => oneStepSharpness(loss, { radii: [0.5] });
 * const { values } = await withModelLoss(model, train, {}, measure);
 * @throws OptionError, DataError, and what `work` throws.
 */
export async function withModelLoss<T>(
  model: tf.LayersModel,
  samples: Samples,
  options: ModelLossOptions,
  work: (loss: ModelLoss) => Promise<T>,
): Promise<T> {
  return disposing(new ModelLoss(model, samples, options), work);
}

/**
 * Loss and accuracy of `model` on all samples: exact means, so a smaller last batch counts by its size.
 *
 * Runs op by op. Where the same model is evaluated again and again, use a `ModelLoss`, which compiles the
 * forward pass.
 *
 * @example const { loss, accuracy } = await evaluate(model, test);
 * @throws OptionError, DataError, AbortedError
 */
export async function evaluate(
  model: tf.LayersModel,
  samples: Samples,
  options: EvaluateOptions = {},
): Promise<EvaluationResult> {
  const { signal, ...rest } = checkOptions('evaluate', EVALUATE, options);
  return withModelLoss(model, samples, { ...rest, eager: true }, (loss) => loss.at(samples, signal));
}

/** Like `evaluate`, without giving way to other work in between. */
export function evaluateSync(
  model: tf.LayersModel,
  samples: Samples,
  options: Omit<EvaluateOptions, 'signal'> = {},
): EvaluationResult {
  const settings = checkOptions('evaluateSync', EVALUATE_SYNC, options);
  const loss = new ModelLoss(model, samples, { ...settings, eager: true });
  try {
    return loss.atSync();
  } finally {
    loss.dispose();
  }
}

/** Options of `evaluateMany`. */
export type EvaluateManyOptions = ModelLossOptions & Omit<AtManyOptions, 'chunkSize'>;

/**
 * Loss and accuracy of `model` on `samples` at many weight sets: those of `evaluate` at each of them, up to
 * rounding.
 *
 * @param weightSets Made chunk by chunk, so that memory stays within the budget; or an iterable of sets.
 * @example const { losses } = await evaluateMany(model, test, [noisy(1), noisy(2), noisy(3)]);
 * @throws OptionError, DataError, StateMismatchError, AbortedError
 */
export async function evaluateMany(
  model: tf.LayersModel,
  samples: Samples,
  weightSets: WeightSets | Iterable<tf.Tensor[]>,
  options: EvaluateManyOptions = {},
): Promise<ManyEvaluations> {
  const { signal, onChunk, ...rest } = checkOptions('evaluateMany', { ...AT_MANY, ...MODEL_LOSS }, options);
  return withModelLoss(model, samples, rest, (loss) => loss.atMany(weightSets, { signal, onChunk }));
}
