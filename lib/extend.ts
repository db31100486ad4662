/**
 * For authors of optimizers and of noise models: what the library's own are made of. CONTRIBUTING.md has the
 * recipes.
 */
export {
  checkOptions,
  either,
  flag,
  listOf,
  needed,
  number,
  type OptionsOf,
  oneOf,
  type SettingsOf,
  text,
  where,
  whole,
  withDefault,
} from './core/options';
export { Random, type RandomState } from './core/random';
export { type AsamAscentOptions, type AscentRule, isRescaled } from './optimizers/ascent';
export { DescentOptimizer } from './optimizers/descent';
export { Hyperparameter } from './optimizers/hyperparameter';
export { FamilyOptimizer } from './optimizers/optimizer';
export {
  type Advance,
  type BatchNormPolicy,
  type LossFunction,
  type LossPass,
  Passes,
  type PassOptions,
  type Step,
  type Visit,
} from './optimizers/passes';
export { SharpnessOptimizer } from './optimizers/scheme';
export { type Slot, Slots } from './optimizers/slots';
export type {
  BitCount,
  DifferentiableNoise,
  NoiseFamily,
  NoiseSite,
  NoisyWeights,
  TensorNoiseSite,
  TensorSelector,
  WeightNoise,
  WeightRole,
  WeightTensor,
} from './robustness/noise';
export { straightThrough } from './robustness/straightThrough';
