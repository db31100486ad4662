export {
  type BatchLoss,
  type BatchNormMode,
  type EvaluateOptions,
  type EvaluationResult,
  Evaluator,
  type EvaluatorOptions,
  evaluate,
  evaluateSync,
} from './evaluate';
export {
  type ChunkEvaluations,
  type EvaluateManyOptions,
  evaluateMany,
  type ManyEvaluations,
  ManyEvaluator,
  type ManyEvaluatorOptions,
  type ManyRunOptions,
  type WeightSets,
} from './many';
export type { SampleSource, Samples, TensorSamples } from './samples';
export { allVariables, trainableVariables, withWeights } from './weights';
