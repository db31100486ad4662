export { taskModel } from './heads';
export {
  type LearningRegime,
  type LearnOptions,
  LifelongLearner,
  type LifelongManifest,
  type LifelongOptions,
  type LifelongState,
  type ReplayOptions,
  type TaskContext,
  type TaskMeasure,
  type TaskRecord,
} from './learner';
export { type AccuracyMatrix, type Forgetting, forgettingPerTask, type LifelongMeasures, lifelongMeasures } from './measures';
export { type PermutedTasksOptions, permutedTasks } from './permutedTasks';
export { Reservoir, type ReservoirState } from './reservoir';
export { type RotatedTasksOptions, rotated, rotatedTasks } from './rotatedTasks';
export type { SampleRef } from './samples';
export { type Scenario, type Task, type TaskData, TaskSequence, type TaskSequenceFields } from './sequence';
export { type SplitTasksOptions, splitTasks } from './splitTasks';
export { type TaskSharpnessOptions, taskSharpness } from './taskSharpness';
