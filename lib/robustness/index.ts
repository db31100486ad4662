/** Robustness to noise on the weights: noise models, evaluation under noise, noise-aware training. */

import { described } from '../core/options';
import { ADDITIVE, additiveNoise } from './additive';
import { BIT_ERRORS, bitErrors } from './bitErrors';
import { GAUSSIAN, gaussianNoise } from './gaussian';
import { PCM, pcm } from './pcm';
import { QUANTIZATION, quantization } from './quantization';
import { RERAM, reram } from './reram';

export { accuracyArea, meanHeight } from './accuracyArea';
export { additiveNoise } from './additive';
export { recomputeBatchNorm } from './batchNormStatistics';
export { bitErrors } from './bitErrors';
export { composeNoise, onlyOn } from './compose';
export { NoiseDraw } from './draws';
export {
  evaluateUnderNoise,
  type NoiseEvaluation,
  NoiseEvaluator,
  type NoiseLevel,
  type NoiseProgress,
  type NoiseSensitivity,
  noiseSensitivity,
} from './evaluate';
export { gaussianNoise } from './gaussian';
export type { DifferentiableNoise, NoiseFamily, TensorSelector, WeightNoise } from './noise';
export { pcm } from './pcm';
export { dequantize, type QuantizedWeights, quantization, quantize } from './quantization';
export { RERAM_TIMES, reram } from './reram';
export { allWeights, kernelsAndEmbeddings } from './tensors';
export { TrainingNoise } from './trainingNoise';

/**
 * The noise models by the names that configurations call them: factory, options, and the option that levels
 * stand for.
 */
export const NOISES = {
  gaussian: { ...described(gaussianNoise, GAUSSIAN), level: 'sigma' },
  additive: { ...described(additiveNoise, ADDITIVE), level: 'sigma' },
  quantization: { ...described(quantization, QUANTIZATION), level: 'bits' },
  bitErrors: { ...described(bitErrors, BIT_ERRORS), level: 'rate' },
  pcm: { ...described(pcm, PCM), level: 'seconds' },
  reram: { ...described(reram, RERAM), level: 'seconds' },
} as const;
