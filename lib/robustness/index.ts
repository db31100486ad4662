/** Robustness to noise on the weights: noise models, evaluation under noise, noise-aware training. */
export { accuracyArea, meanHeight } from './accuracyArea';
export { type AdditiveNoiseOptions, additiveNoise, type NoiseScale } from './additive';
export { BatchNormEstimator, type BatchNormOptions, recomputeBatchNorm } from './batchNormStatistics';
export { type BitErrorOptions, type BitFault, bitErrors } from './bitErrors';
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
  type QuantizationGroup,
  type QuantizationOptions,
  type QuantizationScheme,
  type QuantizedWeights,
  quantization,
  quantize,
} from './quantization';
export { RERAM_TIMES, type ReRAMOptions, reram } from './reram';
export type { DrawSummary } from './summary';
export { allWeights, describeVariables, kernelsAndEmbeddings, type ModelTensor, weightRole, weightTensors } from './tensors';
export { TrainingNoise, type TrainingNoiseOptions } from './trainingNoise';
