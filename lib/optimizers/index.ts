import { ADAM_OPTIONS, adam } from './adam';
import { ADAMW_OPTIONS, adamw } from './adamw';
import { CONTROL, repeatedSAM, straightSAM } from './controls';
import { LOOKBEHIND_ASAM, LOOKBEHIND_SAM, lookbehindASAM, lookbehindSAM } from './lookbehind';
import { MULTISTEP_ASAM, MULTISTEP_SAM, multistepASAM, multistepSAM } from './multistep';
import { RMSPROP_OPTIONS, rmsprop } from './rmsprop';
import { asam, sam } from './sam';
import { BY_ASAM, BY_SAM } from './scheme';
import { SGD_OPTIONS, sgd } from './sgd';

export { Adam, type AdamOptions, adam } from './adam';
export { AdamW, type AdamWOptions, adamw } from './adamw';
export { type ControlOptions, RepeatedSAM, repeatedSAM, StraightSAM, straightSAM } from './controls';
export { isKernel } from './descent';
export { Lookahead, type LookaheadOptions, lookahead } from './lookahead';
export {
  Lookbehind,
  type LookbehindASAMOptions,
  type LookbehindSAMOptions,
  lookbehindASAM,
  lookbehindSAM,
} from './lookbehind';
export {
  type MultistepASAMOptions,
  MultistepSAM,
  type MultistepSAMOptions,
  multistepASAM,
  multistepSAM,
} from './multistep';
export type { LossFunction, LossPass } from './passes';
export { RMSProp, type RMSPropOptions, rmsprop } from './rmsprop';
export { asam, SAM, sam } from './sam';
export type { AdaptiveSharpnessOptions, SharpnessOptions } from './scheme';
export { SGD, type SGDOptions, sgd } from './sgd';
export type { OptimizerState } from './state';

/** The optimizers that schemes can have inside, by the names that configurations call them. */
export const BASES = {
  sgd: { make: sgd, options: SGD_OPTIONS },
  adam: { make: adam, options: ADAM_OPTIONS },
  adamw: { make: adamw, options: ADAMW_OPTIONS },
  rmsprop: { make: rmsprop, options: RMSPROP_OPTIONS },
} as const;

/** The sharpness-aware optimizers by the names that configurations call them. */
export const SCHEMES = {
  sam: { make: sam, options: BY_SAM },
  asam: { make: asam, options: BY_ASAM },
  multistepSAM: { make: multistepSAM, options: MULTISTEP_SAM },
  multistepASAM: { make: multistepASAM, options: MULTISTEP_ASAM },
  lookbehindSAM: { make: lookbehindSAM, options: LOOKBEHIND_SAM },
  lookbehindASAM: { make: lookbehindASAM, options: LOOKBEHIND_ASAM },
  repeatedSAM: { make: repeatedSAM, options: CONTROL },
  straightSAM: { make: straightSAM, options: CONTROL },
} as const;
