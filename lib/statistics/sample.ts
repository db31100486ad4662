/**
 * One number per run of a setting, where some runs lack it: they diverged, they failed, or they have no such
 * number.
 */
import { type Spread, spread } from '../core/spread';

/**
 * One value per seed. Not a finite number where the run diverged, `failed` where an error ended it, null
 * where it has no such number.
 */
export type Sample = readonly SampleValue[];

/** The value of one seed. */
export type SampleValue = number | 'failed' | null;

/** Mean and spread of a sample, and what it lacks. */
export interface SampleSummary extends Spread {
  /** Runs that an error ended. */
  failed: number;
  /** Other runs without the number. */
  absent: number;
}

/** Counts what a sample has and lacks. */
export function summarizeSample(sample: Sample): SampleSummary {
  const numbers = sample.filter((value) => typeof value === 'number');
  const failed = sample.filter((value) => value === 'failed').length;
  return { ...spread(numbers), failed, absent: sample.length - numbers.length - failed };
}
