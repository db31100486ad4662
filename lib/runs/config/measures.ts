/**
 * What can be measured at the end of a run, at the weights meant for evaluation: one entry of `KINDS` per measure.
 */
import { OptionError } from '../../core/errors';
import { modelObjective, oneStepSharpness } from '../../sharpness';
import type { Measure, MeasuredValues, MeasureSubject } from './measure';
import {
  type LayerSensitivityConfig,
  layerSensitivity,
  type NoisyAccuracyConfig,
  noisyAccuracy,
  type RobustnessConfig,
  robustness,
} from './noiseMeasures';
import { type Check, checkFields, checkKind, type Fields, flag, listOf, number, oneOf, required } from './schema';

/** One-step m-sharpness: loss after one ascent step of SAM at each radius, a batch at a time, and its rise over the loss at the weights. */
export interface SharpnessConfig {
  /** m-sharpness. */
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
export type MeasureConfig = NoisyAccuracyConfig | RobustnessConfig | LayerSensitivityConfig | SharpnessConfig;

const SHARPNESS: Fields<Omit<SharpnessConfig, 'kind'>> = {
  radii: required(listOf(number({ min: 0 }))),
  m: number({ min: 1, integer: true }, 128),
  adaptive: flag(false),
  on: oneOf(['train', 'test'], 'train'),
};

const sharpness: Measure<SharpnessConfig> = {
  check: (path, value, form) => checkFields(path, value, SHARPNESS, form),
  names: () => ['sharpness', 'perturbedLoss'],
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
  robustness,
  layerSensitivity,
  sharpness,
};

const CHECKS = Object.fromEntries(Object.entries(KINDS).map(([kind, { check }]) => [kind, check])) as {
  readonly [K in MeasureConfig['kind']]: Check<object>;
};

/** Checks the measures of a run: a list in which each kind occurs at most once, `robustness` once per name. */
export const checkMeasures: Check<MeasureConfig[]> = (path, value, form) => {
  const measures = listOf<MeasureConfig>({ check: (at, one) => checkKind(at, one, CHECKS, form) }).check(path, value, form);
  const names = measures.flatMap((config) => kindOf(config).names(config));
  if (new Set(names).size < names.length) {
    throw new OptionError(path, names, 'a list in which each kind occurs once, and robustness once per name');
  }
  return measures;
};

/** Takes all `measures`, one after the other. */
export async function takeMeasures(
  measures: readonly MeasureConfig[],
  subject: Omit<MeasureSubject, 'shared'>,
): Promise<MeasuredValues> {
  const values: MeasuredValues = {};
  const held = new Map<string, { dispose(): void }>();
  const shared = <T extends { dispose(): void }>(key: string, make: () => T): T => {
    const known = held.get(key) as T | undefined;
    if (known !== undefined) return known;
    const made = make();
    held.set(key, made);
    return made;
  };
  try {
    for (const config of measures) Object.assign(values, await kindOf(config).run(config, { ...subject, shared }));
    return values;
  } finally {
    for (const one of held.values()) one.dispose();
  }
}

function kindOf({ kind }: MeasureConfig): Measure<MeasureConfig> {
  return KINDS[kind] as Measure<MeasureConfig>;
}
