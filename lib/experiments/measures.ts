/**
 * What can be measured at the end of a run, at the weights meant for evaluation: one entry of `KINDS` per measure.
 */

import { evaluateUnderNoise, gaussianNoise } from '../robustness';
import { OptionError } from '../runtime/errors';
import type * as tf from '../runtime/tf';
import { modelObjective, oneStepSharpness } from '../sharpness';
import type { RunData } from './dataConfig';
import { type Check, checkFields, checkKind, type Fields, flag, listOf, number, oneOf, required } from './schema';

/** Accuracy under multiplicative Gaussian noise on the weights: mean and standard deviation over draws, per sigma. */
export interface NoisyAccuracyConfig {
  kind: 'noisyAccuracy';
  /** Standard deviations of the noise, relative to each weight. At least 0. */
  sigmas: number[];
  /** Noise draws per sigma; all runs meet the same ones. A whole number, at least 1. Default 10. */
  draws?: number;
  /** Seed of the draws. Default 0. */
  seed?: number;
  /** The set to evaluate on. Default `test`. */
  on?: 'train' | 'test';
}

/** One-step m-sharpness: loss after one ascent step of SAM at each radius, a batch at a time, and its rise over the loss at the weights. */
export interface SharpnessConfig {
  kind: 'sharpness';
  /** Radii of the ascent step. At least 0. */
  radii: number[];
  /** Samples per batch: the m of m-sharpness. A whole number, at least 1. Default 128. */
  m?: number;
  /** Takes steps by ASAM's rule. Default false. */
  adaptive?: boolean;
  /** The set to measure on. Default `train`. */
  on?: 'train' | 'test';
}

/** A measure at the end of a run. */
export type MeasureConfig = NoisyAccuracyConfig | SharpnessConfig;

/** What a measure looks at. */
interface Subject {
  model: tf.LayersModel;
  data: RunData;
  signal?: AbortSignal;
}

/** Measured numbers by name, such as `noisyAccuracy@0.2`, `sharpness@0.5`, `perturbedLoss@0.5`. */
export type MeasuredValues = Record<string, number>;

interface Measure<T> {
  fields: Fields<Omit<T, 'kind'>>;
  run(config: T, subject: Subject): Promise<MeasuredValues>;
}

const noisyAccuracy: Measure<NoisyAccuracyConfig> = {
  fields: {
    sigmas: required(listOf(number({ min: 0 }))),
    draws: number({ min: 1, integer: true }, 10),
    seed: number({ integer: true }, 0),
    on: oneOf(['train', 'test'], 'test'),
  },
  async run({ sigmas, draws, seed, on = 'test' }, { model, data, signal }) {
    const noise = (sigma: number) => gaussianNoise({ sigma });
    const { levels } = await evaluateUnderNoise(model, data[on], { noise, levels: sigmas, draws, seed, signal });
    return Object.fromEntries(
      levels.flatMap(({ level, accuracy }) => [
        [`noisyAccuracy@${level}`, accuracy.mean],
        [`noisyAccuracyStd@${level}`, accuracy.std],
      ]),
    );
  },
};

const sharpness: Measure<SharpnessConfig> = {
  fields: {
    radii: required(listOf(number({ min: 0 }))),
    m: number({ min: 1, integer: true }, 128),
    adaptive: flag(false),
    on: oneOf(['train', 'test'], 'train'),
  },
  async run({ radii, m = 128, adaptive, on = 'train' }, { model, data, signal }) {
    const objective = modelObjective(model, data[on], { batchSize: m });
    try {
      const { values, perturbedLosses } = await oneStepSharpness(objective, { radii, adaptive, signal });
      return Object.fromEntries(
        radii.flatMap((radius, i) => [
          [`sharpness@${radius}`, values[i]],
          [`perturbedLoss@${radius}`, perturbedLosses[i]],
        ]),
      );
    } finally {
      objective.dispose();
    }
  },
};

const KINDS: { readonly [K in MeasureConfig['kind']]: Measure<Extract<MeasureConfig, { kind: K }>> } = {
  noisyAccuracy,
  sharpness,
};

const CHECKS = Object.fromEntries(
  Object.entries(KINDS).map(([kind, { fields }]): [string, Check<object>] => [
    kind,
    (path, value, form) => checkFields(path, value, fields as Fields<object>, form),
  ]),
) as { readonly [K in MeasureConfig['kind']]: Check<object> };

/** Checks the measures of a run: a list in which each kind occurs at most once. */
export const checkMeasures: Check<MeasureConfig[]> = (path, value, form) => {
  const measures = listOf<MeasureConfig>({ check: (at, one) => checkKind(at, one, CHECKS, form) }).check(path, value, form);
  const kinds = measures.map(({ kind }) => kind);
  if (new Set(kinds).size < kinds.length) throw new OptionError(path, kinds, 'a list in which each kind occurs once');
  return measures;
};

/** Takes all `measures`, one after the other. */
export async function takeMeasures(measures: readonly MeasureConfig[], subject: Subject): Promise<MeasuredValues> {
  const values: MeasuredValues = {};
  for (const config of measures) {
    const { run } = KINDS[config.kind] as Measure<MeasureConfig>;
    Object.assign(values, await run(config, subject));
  }
  return values;
}
