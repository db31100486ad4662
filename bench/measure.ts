/**
 * Builds a model, compiles one Lookbehind-SAM outer step and times it.
 */

import * as tf from '@tensorflow/tfjs';
import { lookbehindSAM } from 'lookbehind';
import { compile, crossEntropy } from 'lookbehind/compile';
import { Random } from 'lookbehind/extend';
import * as models from 'lookbehind/models';

/** What is measured. */
export interface StepSetting {
  model: string;
  batch: number;
  k: number;
  alpha: number | 'adaptive';
  eager: boolean;
  reuse: boolean;
  /** Takes the first steps, which are slow, before anything else. Default true. */
  warm?: boolean;
}

/** What was measured. */
export interface StepTiming {
  model: string;
  batch: number;
  k: number;
  medianMs: number;
  minMs: number;
  gradientEvaluations: number;
  /**
   * The first step: it is recorded, and its graph runs for the first time, in which TensorFlow optimizes it.
   */
  firstStepMs: number;
  peakRssMB: number;
}

/** A step that is ready to be timed. */
export interface PreparedStep {
  /** Takes one step and returns its time and the loss before it. */
  step(): { ms: number; loss: number };
  gradientEvaluations: number;
  firstStepMs: number;
  /** Model, weights and batch, so that another program can take the same steps. */
  setUp(): {
    topology: object;
    weights: Float32Array[];
    shapes: number[][];
    inputs: Float32Array;
    inputShape: number[];
    labels: Int32Array;
  };
}

const CLASSES = 10;

const NETWORKS: Readonly<Record<string, { inputs: number[]; make(): tf.LayersModel }>> = {
  mlp: { inputs: [64], make: () => models.mlp({ inputs: 64, hidden: [128, 128], classes: CLASSES }) },
  convnet: {
    inputs: [28, 28, 1],
    make: () => models.convNet({ inputs: [28, 28, 1], filters: [16, 32], classes: CLASSES }),
  },
  resnet20: { inputs: [32, 32, 3], make: () => models.resNet({ depth: 20, classes: CLASSES }) },
  resnet34: { inputs: [32, 32, 3], make: () => models.resNet({ depth: 34, classes: CLASSES }) },
};

/** Names of the models. */
export const MODEL_NAMES: readonly string[] = Object.keys(NETWORKS);

/** Times `rounds` steps after the graph is warm. */
export function measureStep(setting: StepSetting, rounds: number): StepTiming {
  const { step, gradientEvaluations, firstStepMs } = prepareStep(setting);
  const times = Array.from({ length: rounds }, () => step().ms);
  return {
    model: setting.model,
    batch: setting.batch,
    k: setting.k,
    medianMs: round(median(times)),
    minMs: round(Math.min(...times)),
    gradientEvaluations,
    firstStepMs: round(firstStepMs),
    peakRssMB: Math.round(process.resourceUsage().maxRSS / 1024),
  };
}

/** Builds the model, takes the first steps, and returns the rest ready to run. */
export function prepareStep({
  model: name,
  batch,
  k,
  alpha,
  eager,
  reuse,
  warm = true,
}: StepSetting): PreparedStep {
  const network = NETWORKS[name];
  const model = network.make();
  const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
  const optimizer = lookbehindSAM({
    k,
    alpha,
    rho: 0.05,
    learningRate: 0.01,
    momentum: 0.9,
    weightDecay: 5e-4,
    ...(reuse ? {} : { reuseGradients: false }),
  });
  optimizer.prepare(variables);
  let gradientEvaluations = 0;
  const step = compile(
    (xs: tf.Tensor, ys: tf.Tensor): tf.Scalar => {
      const loss = () => crossEntropy(ys, model.apply(xs, { training: true }) as tf.Tensor);
      const result = optimizer.step(loss, variables);
      gradientEvaluations = result.gradientEvaluations;
      return result.loss;
    },
    { name: 'lookbehind step', eager, makesNoVariables: true },
  );

  const random = new Random(0, 'benchmark');
  const inputs = Float32Array.from(
    random.normals(network.inputs.reduce((product, side) => product * side, batch)),
  );
  const labels = Int32Array.from({ length: batch }, () => random.int(CLASSES));
  const [xs, ys] = [tf.tensor(inputs, [batch, ...network.inputs]), tf.tensor1d(labels, 'int32')];
  const timed = (): { ms: number; loss: number } => {
    const start = performance.now();
    const result = step(xs, ys);
    const [loss] = result.dataSync();
    if (!Number.isFinite(loss)) throw new Error('The loss is not finite.');
    result.dispose();
    return { ms: performance.now() - start, loss };
  };

  const firstStepMs = warm ? timed().ms : Number.NaN;
  if (warm) timed();
  return {
    step: timed,
    gradientEvaluations,
    firstStepMs,
    setUp: () => ({
      topology: { modelTopology: JSON.parse(model.toJSON() as string) },
      weights: model.weights.map((weight) => weight.read().dataSync() as Float32Array),
      shapes: model.weights.map((weight) => weight.read().shape),
      inputs,
      inputShape: network.inputs,
      labels,
    }),
  };
}

/** The middle value. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Two decimals. */
export function round(value: number): number {
  return Math.round(value * 100) / 100;
}
