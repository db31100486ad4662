/**
 * What can be measured at the end of a run, at the weights meant for evaluation: one entry of `KINDS` per
 * measure.
 */
import { OptionError } from '../../core/errors';
import {
  type Check,
  checkKind,
  flag,
  listOf,
  needed,
  number,
  type OptionsOf,
  oneOf,
  option,
  whole,
} from '../../core/options';
import { oneStepSharpness } from '../../sharpness';
import { withModelLoss } from '../../training';
import type { RunData } from './dataConfig';
import type { Measure, MeasuredValues, MeasureSubject } from './measure';
import {
  type LayerSensitivityConfig,
  layerSensitivity,
  type NoisyAccuracyConfig,
  noisyAccuracy,
  type RobustnessConfig,
  robustness,
} from './noiseMeasures';

/** Describes the options of one-step m-sharpness. */
const SHARPNESS = {
  /** Radii of the ascent step. At least 0. */
  radii: needed(listOf(number({ min: 0 }))),
  /** Samples per batch: the m of m-sharpness. At least 1. Default 128. */
  m: whole({ min: 1 }, 128),
  /** Takes steps by ASAM's rule. Default false. */
  adaptive: flag(false),
  /** The set to measure on. Default `train`. */
  on: oneOf(['train', 'test'], 'train'),
};

/**
 * One-step m-sharpness: loss after one ascent step of SAM at each radius, a batch at a time, and its rise
 * over the loss at the weights.
 */
export type SharpnessConfig = { kind: 'sharpness' } & OptionsOf<typeof SHARPNESS>;

/** A measure at the end of a run. */
export type MeasureConfig = NoisyAccuracyConfig | RobustnessConfig | LayerSensitivityConfig | SharpnessConfig;

const sharpness: Measure<SharpnessConfig> = {
  options: SHARPNESS,
  names: () => ['sharpness', 'perturbedLoss'],
  async run({ radii, m = 128, adaptive, on = 'train' }, { model, data, loss: given, signal }) {
    return withModelLoss(model, data[on], { batchSize: m, loss: given }, async (loss) => {
      const { values, perturbedLosses } = await oneStepSharpness(loss, { radii, adaptive, signal });
      return Object.fromEntries(
        radii.flatMap((radius, i) => [
          [`sharpness@${radius}`, values[i]],
          [`perturbedLoss@${radius}`, perturbedLosses[i]],
        ]),
      );
    });
  },
};

const KINDS: { readonly [K in MeasureConfig['kind']]: Measure<Extract<MeasureConfig, { kind: K }>> } = {
  noisyAccuracy,
  robustness,
  layerSensitivity,
  sharpness,
};

const DESCRIPTIONS = Object.fromEntries(Object.entries(KINDS).map(([kind, { options }]) => [kind, options]));

const measure = option<MeasureConfig>('object', 'a measure', (path, value, form) => {
  const config = checkKind(path, value, DESCRIPTIONS, form) as unknown as MeasureConfig;
  kindOf(config).verify?.(path, config);
  return config;
});

/**
 * Checks the measures of a run: a list in which each kind occurs at most once, `robustness` once per name.
 */
export const checkMeasures: Check<readonly MeasureConfig[]> = (path, value, form) => {
  const measures = listOf(measure).check(path, value, form);
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
    for (const config of measures)
      Object.assign(values, await kindOf(config).run(config, { ...subject, shared }));
    return values;
  } finally {
    for (const one of held.values()) one.dispose();
  }
}

function kindOf({ kind }: MeasureConfig): Measure<MeasureConfig> {
  return KINDS[kind] as Measure<MeasureConfig>;
}

/** Throws an OptionError where a measure asks for the accuracy of labels that are numbers. */
export function checkMeasurable(measures: readonly MeasureConfig[], { train }: RunData): void {
  const wrong = measures.find(({ kind }) => kind === 'noisyAccuracy' || kind === 'layerSensitivity');
  if (train.classes.length > 0 || wrong === undefined) return;
  const advice = `The labels of ${train.name} are numbers, which have no accuracy; robustness gives losses.`;
  throw new OptionError('measures', wrong.kind, 'sharpness or robustness', advice);
}
