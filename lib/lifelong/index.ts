export { taskModel } from './heads';
export {
  LifelongLearner,
  type LifelongState,
  type TaskContext,
  type TaskMeasure,
  type TaskRecord,
} from './learner';
export { type AccuracyMatrix, type LifelongMeasures, lifelongMeasures } from './measures';
export { permutedTasks } from './permutedTasks';
export { rotatedTasks } from './rotatedTasks';
export { type Task, TaskSequence } from './sequence';
export { splitTasks } from './splitTasks';
export { taskSharpness } from './taskSharpness';
