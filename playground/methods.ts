/** The methods that the page compares: their optimizers, and how they are drawn. */
import type * as tf from '@tensorflow/tfjs';
import { lookahead, lookbehindSAM, multistepSAM, sam, sgd } from 'lookbehind';
import { methodStyle } from 'lookbehind/figures';

/** What the optimizers take. */
export interface MethodSettings {
  k: number;
  alpha: number | 'adaptive';
  rho: number;
  learningRate: number;
  momentum?: number;
}

const MAKERS = {
  sgd: ({ learningRate, momentum = 0 }) => sgd({ learningRate, momentum }),
  lookahead: ({ learningRate, momentum = 0, k, alpha }) =>
    lookahead(sgd({ learningRate, momentum }), { k, alpha: alpha === 'adaptive' ? 0.5 : alpha }),
  sam: ({ learningRate, momentum = 0, rho }) => sam({ learningRate, momentum, rho }),
  multistepSAM: ({ learningRate, momentum = 0, rho, k }) => multistepSAM({ learningRate, momentum, rho, k }),
  lookbehindSAM: ({ learningRate, momentum = 0, rho, k, alpha }) =>
    lookbehindSAM({ learningRate, momentum, rho, k, alpha }),
} as const satisfies Record<string, (settings: MethodSettings) => tf.Optimizer>;

/** The name of a method. */
export type MethodName = keyof typeof MAKERS;

/** All methods, in the order of legends. */
export const METHODS = Object.keys(MAKERS) as readonly MethodName[];

/** A new optimizer. */
export function optimizerOf<M extends MethodName>(
  method: M,
  settings: MethodSettings,
): ReturnType<(typeof MAKERS)[M]> {
  return MAKERS[method](settings) as ReturnType<(typeof MAKERS)[M]>;
}

/** Name and color of a method, as in the figures of the notebooks; lighter on dark ground. */
export function styleOf(method: MethodName): { label: string; color: string } {
  const { label, color } = methodStyle(method);
  return { label, color: `light-dark(${color}, color-mix(in srgb, ${color} 65%, white))` };
}
