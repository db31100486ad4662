/** The optimizers by the names that configurations call them, with what describes their options. */
import { ADAM_OPTIONS, adam } from './adam';
import { ADAMW_OPTIONS, adamw } from './adamw';
import { CONTROL, repeatedSAM, straightSAM } from './controls';
import { LOOKBEHIND_ASAM, LOOKBEHIND_SAM, lookbehindASAM, lookbehindSAM } from './lookbehind';
import { MULTISTEP_ASAM, MULTISTEP_SAM, multistepASAM, multistepSAM } from './multistep';
import { RMSPROP_OPTIONS, rmsprop } from './rmsprop';
import { asam, sam } from './sam';
import { BY_ASAM, BY_SAM } from './scheme';
import { SGD_OPTIONS, sgd } from './sgd';

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
