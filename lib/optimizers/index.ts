export { AdamW, type AdamWOptions, adamw } from './adamw';
export { type AsamAscentOptions, type AscentRule, isRescaled } from './ascent';
export { DescentOptimizer, type DescentOptions } from './descent';
export { Hyperparameter } from './hyperparameter';
export { Lookahead, type LookaheadOptions, lookahead } from './lookahead';
export { Lookbehind, type LookbehindASAMOptions, type LookbehindSAMOptions, lookbehindASAM, lookbehindSAM } from './lookbehind';
export { type MultistepASAMOptions, MultistepSAM, type MultistepSAMOptions, multistepASAM, multistepSAM } from './multistep';
export { FamilyOptimizer } from './optimizer';
export {
  type Advance,
  type BatchNormPolicy,
  type LossFunction,
  type LossPass,
  Passes,
  type PassOptions,
  placesOf,
  type Step,
  type Visit,
} from './passes';
export { asam, SAM, sam } from './sam';
export { type AdaptiveSharpnessOptions, SharpnessOptimizer, type SharpnessOptions } from './scheme';
export { SGD, type SGDOptions, sgd } from './sgd';
export { type Slot, Slots } from './slots';
export type { OptimizerManifest, OptimizerPartManifest, OptimizerState, SavedNames } from './state';
export type { NamedTensor } from './weights';
