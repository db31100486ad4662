/** Robustness to noise on the weights: noise models, evaluation under noise, noise-aware training. */

import { ADDITIVE, additiveNoise } from './additive';
import { BIT_ERRORS, bitErrors } from './bitErrors';
import { GAUSSIAN, gaussianNoise } from './gaussian';
import { PCM, pcm } from './pcm';
import { QUANTIZATION, quantization } from './quantization';
import { RERAM, reram } from './reram';

export { accuracyArea, meanHeight } from './accuracyArea';
export { type AdditiveNoiseOptions, additiveNoise } from './additive';
export { BatchNormEstimator, type BatchNormOptions, recomputeBatchNorm } from './batchNormStatistics';
export { type BitErrorOptions, bitErrors } from './bitErrors';
export { composeNoise, onlyOn } from './compose';
export { NoiseDraw } from './draws';
export {
  type CleanEvaluation,
  evaluateUnderNoise,
  type LayerSensitivity,
  type NoiseEffect,
  type NoiseEvaluation,
  type NoiseEvaluationOptions,
  NoiseEvaluator,
  type NoiseEvaluatorOptions,
  type NoiseLayersOptions,
  type NoiseLevel,
  type NoiseLevelsOptions,
  type NoiseProgress,
  type NoiseRunOptions,
  type NoiseSensitivity,
  type NoiseSensitivityOptions,
  noiseSensitivity,
} from './evaluate';
export { type GaussianNoiseOptions, gaussianNoise } from './gaussian';
export {
  type BitCount,
  type DifferentiableNoise,
  isDifferentiable,
  type NoiseFamily,
  type NoiseSite,
  type NoisyWeights,
  type TensorNoiseSite,
  type TensorSelector,
  type WeightNoise,
  type WeightRole,
  type WeightTensor,
} from './noise';
export { type PCMOptions, pcm } from './pcm';
export {
  dequantize,
  type QuantizationOptions,
  type QuantizedWeights,
  quantization,
  quantize,
} from './quantization';
export { RERAM_TIMES, type ReRAMOptions, reram } from './reram';
export type { DrawSummary } from './summary';
export { allWeights, describeVariables, kernelsAndEmbeddings, type ModelTensor, weightRole, weightTensors } from './tensors';
export { TrainingNoise, type TrainingNoiseOptions } from './trainingNoise';

/** The noise models by the names that configurations call them: factory, options, and the option that levels stand for. */
export const NOISES = {
  gaussian: { make: gaussianNoise, options: GAUSSIAN, level: 'sigma' },
  additive: { make: additiveNoise, options: ADDITIVE, level: 'sigma' },
  quantization: { make: quantization, options: QUANTIZATION, level: 'bits' },
  bitErrors: { make: bitErrors, options: BIT_ERRORS, level: 'rate' },
  pcm: { make: pcm, options: PCM, level: 'seconds' },
  reram: { make: reram, options: RERAM, level: 'seconds' },
} as const;
