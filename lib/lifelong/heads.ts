/**
 * One head per task, as a mask over one last layer: outputs for the classes of other tasks get -1e9 added, so that their probability
 * and the gradients of their weights are exactly 0. The same as a layer of its own for each task, without a model that grows.
 */
import { crossEntropy } from '../runtime/losses';
import * as tf from '../runtime/tf';
import type { BatchLoss } from '../training';
import type { TaskSequence } from './sequence';

/** Far below any logit, and far from the limits of float32. */
const MASKED = -1e9;

/** What is added to the outputs for samples of `task`: 0 for its classes, -1e9 for others. All 0 where the tasks share one head. */
export function headMask({ scenario, tasks, outputs }: TaskSequence, task: number): Float32Array {
  const mask = new Float32Array(outputs);
  if (scenario !== 'task-incremental') return mask;
  mask.fill(MASKED);
  for (const c of tasks[task].classes) mask[c] = 0;
  return mask;
}

/**
 * Masks what a model puts out for samples of one task: the option `outputs` of `evaluate`.
 *
 * @example await evaluate(model, sequence.tasks[2].test, { outputs: taskHead(sequence, 2) });
 */
export function taskHead(sequence: TaskSequence, task: number): (outputs: tf.Tensor) => tf.Tensor {
  if (sequence.scenario !== 'task-incremental') return (outputs) => outputs;
  const mask = headMask(sequence, task);
  return (outputs) => tf.tidy(() => tf.add(outputs, tf.tensor1d(mask)));
}

/** The loss of samples of one task, for sharpness and landscapes of that task. Default: mean softmax cross-entropy. */
export function taskLoss(sequence: TaskSequence, task: number, loss: BatchLoss = crossEntropy): BatchLoss {
  const head = taskHead(sequence, task);
  return (labels, outputs) => tf.tidy(() => loss(labels, head(outputs)));
}

/** Masks outputs `[n, outputs]` of samples of several tasks, `tasks` int32 `[n]`. Call inside tf.tidy. */
export function maskByTask(sequence: TaskSequence, outputs: tf.Tensor, tasks: tf.Tensor): tf.Tensor {
  const rows = sequence.tasks.map((_, t) => Array.from(headMask(sequence, t)));
  return tf.add(outputs, tf.gather(tf.tensor2d(rows), tasks as tf.Tensor1D));
}
