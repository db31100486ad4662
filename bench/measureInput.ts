/**
 * Times the input pipeline for CIFAR and a training step of ResNet-20.
 */

import * as tf from '@tensorflow/tfjs';
import { sgd } from 'lookbehind';
import { compile, crossEntropy } from 'lookbehind/compile';
import { CIFAR10_STATISTICS, cropAndFlip, Dataset } from 'lookbehind/data';
import { Random } from 'lookbehind/extend';
import * as models from 'lookbehind/models';
import { median, round } from './measure';

/** What was measured: medians of processor time of all threads, ms. */
export interface InputTiming {
  batch: number;
  /** Crop, flip, standardize, and make tensors. */
  inputMs: number;
  /** One compiled SGD step of ResNet-20. */
  stepMs: number;
  /** inputMs / stepMs. */
  share: number;
}

const IMAGES = 5000;
const SIZE = 32 * 32 * 3;

/** Times `rounds` batches and a tenth as many steps. */
export function measureInput(batch: number, rounds: number): InputTiming {
  const random = new Random(0, 'benchmark');
  const data = new Dataset({
    name: 'cifar10',
    split: 'train',
    inputs: Uint8Array.from({ length: IMAGES * SIZE }, () => random.int(256)),
    labels: Int32Array.from({ length: IMAGES }, () => random.int(10)),
    inputShape: [32, 32, 3],
    classes: Array.from({ length: 10 }, (_, i) => String(i)),
    scale: 1 / 255,
  }).standardized(CIFAR10_STATISTICS);
  const augment = cropAndFlip();

  const inputs = Array.from({ length: rounds }, (_, i) => {
    const indices = random.permutation(IMAGES).subarray(0, batch);
    return processorTime(() => {
      const { xs, ys } = augment(data, indices, new Random(0, `augment/${i}`));
      tf.dispose([xs, ys]);
    });
  });

  const model = models.resNet({ depth: 20, classes: 10 });
  const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
  const optimizer = sgd({ learningRate: 0.1, momentum: 0.9, weightDecay: 5e-4 });
  const step = compile((xs: tf.Tensor, ys: tf.Tensor) => {
    const loss = () => crossEntropy(ys, model.apply(xs, { training: true }) as tf.Tensor);
    return optimizer.step(loss, variables).loss;
  });
  const { xs, ys } = augment(data, random.permutation(IMAGES).subarray(0, batch), new Random(0, 'augment'));
  const take = (): number => processorTime(() => step(xs, ys).dispose());
  // State is made, the step is recorded, and its graph is optimized.
  for (let warm = 0; warm < 3; warm++) take();
  const steps = Array.from({ length: Math.max(3, Math.round(rounds / 10)) }, take);
  const [inputMs, stepMs] = [median(inputs), median(steps)];
  return {
    batch,
    inputMs: round(inputMs),
    stepMs: round(stepMs),
    share: Math.round((inputMs / stepMs) * 1e4) / 1e4,
  };
}

/** Of all threads, ms. */
function processorTime(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
