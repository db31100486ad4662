/**
 * The model of a run, as JSON, and how it is built.
 */

import { type Check, checkKind, type Description } from '../../core/options';
import type * as tf from '../../core/tf';
import type { Dataset } from '../../data';
import { MODELS } from '../../models';
import { buildOwnModel, checkExport, OWN, type OwnConfig } from './ownModule';

type Models = typeof MODELS;

/** What the data and the seed of the run say about a model. */
const GIVEN = ['inputs', 'classes', 'seed', 'name'] as const;

type Given = (typeof GIVEN)[number];

/** The model of a run: the name of its function and its options, but for those that data and seed give. */
export type ModelConfig =
  | { [K in keyof Models]: { kind: K } & Omit<Parameters<Models[K]['build']>[0], Given> }[keyof Models]
  | ({ kind: 'own' } & OwnConfig);

const LIBRARY = Object.fromEntries(
  Object.entries(MODELS).map(([kind, { options }]): [string, Description] => {
    const own = Object.entries(options).filter(([name]) => !GIVEN.includes(name as Given));
    return [kind, Object.fromEntries(own)];
  }),
);

/** Checks the model of a run. */
export const checkModel: Check<ModelConfig> = (path, value, form) => {
  const config = checkKind(path, value, { ...LIBRARY, own: OWN }, form) as unknown as ModelConfig;
  if (config.kind === 'own' && typeof (value as OwnConfig).module === 'string')
    checkExport(path, value as OwnConfig, 'models');
  return config;
};

/**
 * Builds the model of a run for `data`, with initial weights that depend on the model and `seed` only. The
 * caller disposes it.
 *
 * @throws OptionError where the model does not fit the data.
 */
export function buildModel(config: ModelConfig, data: Dataset, seed: number): tf.LayersModel {
  const given = { inputs: data.inputShape, classes: data.classes.length || data.labelSize, seed };
  // tf.js takes a seed of 0 for none, and draws at random.
  if (config.kind === 'own') return buildOwnModel(config, { ...given, seed: seed < 0 ? seed : seed + 1 });
  const { kind, ...options } = config;
  // The options are those of the kind: the configuration was checked.
  const build = MODELS[kind].build as (options: object) => tf.LayersModel;
  return build({ ...options, ...given });
}
