/** Lookbehind-SAM and its family, for any TensorFlow.js model on any backend. */

import { described } from '../core/options';
import { ADAM_OPTIONS, adam } from './adam';
import { ADAMW_OPTIONS, adamw } from './adamw';
import { CONTROL, repeatedSAM, straightSAM } from './controls';
import { LOOKBEHIND_ASAM, LOOKBEHIND_SAM, lookbehindASAM, lookbehindSAM } from './lookbehind';
import { MULTISTEP_ASAM, MULTISTEP_SAM, multistepASAM, multistepSAM } from './multistep';
import { RMSPROP_OPTIONS, rmsprop } from './rmsprop';
import { asam, sam } from './sam';
import { BY_ASAM, BY_SAM } from './scheme';
import { SGD_OPTIONS, sgd } from './sgd';

export { type AdamOptions, adam } from './adam';
export { type AdamWOptions, adamw } from './adamw';
export { type ControlOptions, repeatedSAM, straightSAM } from './controls';
export { isKernel } from './descent';
export { type LookaheadOptions, lookahead } from './lookahead';
export {
  type LookbehindASAMOptions,
  type LookbehindSAMOptions,
  lookbehindASAM,
  lookbehindSAM,
} from './lookbehind';
export {
  type MultistepASAMOptions,
  type MultistepSAMOptions,
  multistepASAM,
  multistepSAM,
} from './multistep';
export { type RMSPropOptions, rmsprop } from './rmsprop';
export { asam, sam } from './sam';
export type { AdaptiveSharpnessOptions, SharpnessOptions } from './scheme';
export { type SGDOptions, sgd } from './sgd';
export type { OptimizerState } from './state';

/** The optimizers that schemes can have inside, by the names that configurations call them. */
export const BASES = {
  sgd: described(sgd, SGD_OPTIONS),
  adam: described(adam, ADAM_OPTIONS),
  adamw: described(adamw, ADAMW_OPTIONS),
  rmsprop: described(rmsprop, RMSPROP_OPTIONS),
};

/** The sharpness-aware optimizers by the names that configurations call them. */
export const SCHEMES = {
  sam: described(sam, BY_SAM),
  asam: described(asam, BY_ASAM),
  multistepSAM: described(multistepSAM, MULTISTEP_SAM),
  multistepASAM: described(multistepASAM, MULTISTEP_ASAM),
  lookbehindSAM: described(lookbehindSAM, LOOKBEHIND_SAM),
  lookbehindASAM: described(lookbehindASAM, LOOKBEHIND_ASAM),
  repeatedSAM: described(repeatedSAM, CONTROL),
  straightSAM: described(straightSAM, CONTROL),
};
