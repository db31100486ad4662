export { AdamW, type AdamWOptions, adamw } from './adamw';
export { type AsamAscentOptions, type AscentRule, isRescaled, type Perturbation } from './ascent';
export { DescentOptimizer, type DescentOptions } from './descent';
export { Lookahead, type LookaheadOptions, lookahead } from './lookahead';
export { Lookbehind, type LookbehindASAMOptions, type LookbehindSAMOptions, lookbehindASAM, lookbehindSAM } from './lookbehind';
export type { Evaluation, LossFunction, LossPass } from './loss';
export { type MultistepASAMOptions, MultistepSAM, type MultistepSAMOptions, multistepASAM, multistepSAM } from './multistep';
export {
  FamilyOptimizer,
  Hyperparameter,
  type InnerStep,
  type NamedTensor,
  type StepMeasures,
  type StepOptions,
  type StepProbe,
  type StepResult,
} from './optimizer';
export { asam, SAM, sam } from './sam';
export { type AdaptiveSharpnessOptions, type BatchNormPolicy, SharpnessOptimizer, type SharpnessOptions } from './scheme';
export { SGD, type SGDOptions, sgd } from './sgd';
export { type Slot, Slots } from './slots';
export type { OptimizerManifest, OptimizerPartManifest, OptimizerState, SavedNames } from './state';
