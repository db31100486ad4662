/**
 * Lookbehind-SAM and its family, for any TensorFlow.js model on any backend. The rooms around it have doors
 * of their own: `lookbehind/train`, ...
 */
export {
  AbortedError,
  DataError,
  type Divergence,
  DivergenceError,
  LookbehindError,
  NativeRuntimeError,
  NeedsNodeError,
  OptionError,
  StateMismatchError,
  StorageError,
} from './core/errors';
export { type AdamOptions, adam } from './optimizers/adam';
export { type AdamWOptions, adamw } from './optimizers/adamw';
export { type ControlOptions, repeatedSAM, straightSAM } from './optimizers/controls';
export { isKernel } from './optimizers/descent';
export { type LookaheadOptions, lookahead } from './optimizers/lookahead';
export {
  type LookbehindASAMOptions,
  type LookbehindSAMOptions,
  lookbehindASAM,
  lookbehindSAM,
} from './optimizers/lookbehind';
export {
  type MultistepASAMOptions,
  type MultistepSAMOptions,
  multistepASAM,
  multistepSAM,
} from './optimizers/multistep';
export { type RMSPropOptions, rmsprop } from './optimizers/rmsprop';
export { asam, sam } from './optimizers/sam';
export type { AdaptiveSharpnessOptions, SharpnessOptions } from './optimizers/scheme';
export { type SGDOptions, sgd } from './optimizers/sgd';
export type { OptimizerState } from './optimizers/state';
