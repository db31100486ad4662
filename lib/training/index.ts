export { loadCheckpoint, readCheckpoint, saveCheckpoint } from './checkpoint';
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
  type EpochRecord,
  type LoopOptions,
  type StepBatches,
  type TrainerPosition,
  TrainingLoop,
  type TrainingProgress,
  type TrainingStatus,
  type TrainOptions,
} from './loop';
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
export { type MeasuredSteps, type MeasureStepsOptions, measureSteps } from './measureSteps';
export type { ModelState, SavedWeight } from './modelState';
export type { SampleSource, Samples, TensorSamples } from './samples';
export type { Schedule } from './schedule';
export type { StepPath } from './stepPath';
export type { PassNoise } from './stepRunner';
export { Trainer, type TrainerOptions } from './trainer';
export type { TrainerManifest, TrainerSettings, TrainerState } from './trainerState';
export { dissectStep, type PointLoss, type WalkOptions, walk } from './walk';
export { allVariables, trainableVariables, withWeights } from './weights';
