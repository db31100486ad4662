/**
 * One head per task, as a mask over one last layer: outputs for the classes of other tasks get -1e9 added, so
 * that their probability and the gradients of their weights are exactly 0. The same as a layer of its own for
 * each task, without a model that grows.
 */
import * as tf from '../core/tf';
import type { TaskSequence } from './sequence';

/** Far below any logit, and far from the limits of float32. */
const MASKED = -1e9;

/**
 * What is added to the outputs for samples of `task`: 0 for its classes, -1e9 for others. All 0 where the
 * tasks share one head.
 */
export function headMask({ scenario, tasks, outputs }: TaskSequence, task: number): Float32Array {
  const mask = new Float32Array(outputs);
  if (scenario !== 'task-incremental') return mask;
  mask.fill(MASKED);
  for (const c of tasks[task].classes) mask[c] = 0;
  return mask;
}

/** Masks outputs `[n, outputs]` of samples of several tasks, `tasks` int32 `[n]`. Call inside tf.tidy. */
export function maskByTask(sequence: TaskSequence, outputs: tf.Tensor, tasks: tf.Tensor): tf.Tensor {
  const rows = sequence.tasks.map((_, t) => Array.from(headMask(sequence, t)));
  return tf.add(outputs, tf.gather(tf.tensor2d(rows), tasks as tf.Tensor1D));
}

/**
 * The model as it is for one task: with the head of that task, where each has its own. For evaluation,
 * sharpness, landscapes, noise.
 *
 * It has the weights of `model`, which sees every change, and is not to be disposed. Where tasks share one
 * head it is `model` itself.
 *
 * @example await evaluate(taskModel(model, sequence, 2), sequence.tasks[2].test);
 */
export function taskModel(model: tf.LayersModel, sequence: TaskSequence, task: number): tf.LayersModel {
  if (sequence.scenario !== 'task-incremental') return model;
  const head = new HeadMask(headMask(sequence, task));
  return tf.model({ inputs: model.inputs, outputs: head.apply(model.outputs[0]) as tf.SymbolicTensor });
}

/** Adds a mask to its input. */
class HeadMask extends tf.layers.Layer {
  /** @nocollapse */
  static get className(): string {
    return 'LookbehindHeadMask';
  }

  constructor(private readonly mask: Float32Array) {
    super({});
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => tf.add(Array.isArray(inputs) ? inputs[0] : inputs, tf.tensor1d(this.mask)));
  }

  override computeOutputShape(inputShape: tf.Shape): tf.Shape {
    return inputShape;
  }
}
