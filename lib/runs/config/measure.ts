/**
 * What a measure of a run is.
 */
import type { Description } from '../../core/options';
import type * as tf from '../../core/tf';
import type { Loss } from '../../training/losses';
import type { RunData } from './dataConfig';

/** Measured numbers by name, such as `noisyAccuracy@0.2`, `sharpness@0.5`, `perturbedLoss@0.5`. */
export type MeasuredValues = Record<string, number>;

/** What a measure looks at. */
export interface MeasureSubject {
  /** The model with the weights meant for evaluation, which it has again afterwards. */
  model: tf.LayersModel;
  data: RunData;
  /** The loss of the run; undefined where it is the default. */
  loss?: Loss;
  signal?: AbortSignal;
  /**
   * What the measures of one run share, such as compiled functions: made once per key, disposed when all are
   * taken.
   */
  shared<T extends { dispose(): void }>(key: string, make: () => T): T;
}

/** One kind of measure. */
export interface Measure<T extends { kind: string }> {
  /** Its options, without the kind. */
  options: Description;
  /** Checks what its options cannot tell by themselves. Throws an OptionError. */
  verify?(path: string, config: T): void;
  /** What its values are called, up to their level: two measures of one run have no name in common. */
  names(config: T): string[];
  /** Takes the measure. */
  run(config: T, subject: MeasureSubject): Promise<MeasuredValues>;
}
