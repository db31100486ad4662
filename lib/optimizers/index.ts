export { AdamW, type AdamWOptions, adamw } from './adamw';
export { Lookahead, type LookaheadOptions, lookahead } from './lookahead';
export { Lookbehind, type LookbehindASAMOptions, type LookbehindSAMOptions, lookbehindASAM, lookbehindSAM } from './lookbehind';
export { type MultistepASAMOptions, MultistepSAM, type MultistepSAMOptions, multistepASAM, multistepSAM } from './multistep';
export type { LossFunction, LossPass } from './passes';
export { asam, SAM, sam } from './sam';
export type { AdaptiveSharpnessOptions, SharpnessOptions } from './scheme';
export { SGD, type SGDOptions, sgd } from './sgd';
export type { OptimizerState } from './state';
