/**
 * Builds a model, compiles one Lookbehind-SAM outer step and times it.
 */
import { compile, crossEntropy, lookbehindSAM, models, Random, tf } from 'lookbehind';

/** What is measured. */
export interface StepSetting {
  model: string;
  batch: number;
  k: number;
  alpha: number | 'adaptive';
  eager: boolean;
  reuse: boolean;
}

/** What was measured. */
export interface StepTiming {
  model: string;
  batch: number;
  k: number;
  medianMs: number;
  minMs: number;
  gradientEvaluations: number;
  /** The first compiled step: the call that is recorded, and the first run of its graph, in which TensorFlow optimises it. */
  firstStepMs: number;
  peakRssMB: number;
}

/** A step that is ready to be timed. */
export interface PreparedStep {
  /** Takes one step and returns its time in ms. */
  run(): number;
  gradientEvaluations: number;
  firstStepMs: number;
}

const CLASSES = 10;

const NETWORKS: Readonly<Record<string, { inputs: number[]; make(): tf.LayersModel }>> = {
  mlp: { inputs: [64], make: () => models.mlp({ inputs: 64, hidden: [128, 128], classes: CLASSES }) },
  convnet: { inputs: [28, 28, 1], make: () => models.convNet({ inputs: [28, 28, 1], filters: [16, 32], classes: CLASSES }) },
  resnet20: { inputs: [32, 32, 3], make: () => models.resNet({ depth: 20, classes: CLASSES }) },
  resnet34: { inputs: [32, 32, 3], make: () => models.resNet({ depth: 34, classes: CLASSES }) },
};

/** Names of the models. */
export const MODEL_NAMES: readonly string[] = Object.keys(NETWORKS);

/** Times `rounds` steps after the graph is warm. */
export function measureStep(setting: StepSetting, rounds: number): StepTiming {
  const { run, gradientEvaluations, firstStepMs } = prepareStep(setting);
  const times = Array.from({ length: rounds }, run);
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
export function prepareStep({ model: name, batch, k, alpha, eager, reuse }: StepSetting): PreparedStep {
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
  let gradientEvaluations = 0;
  const step = compile(
    (xs: tf.Tensor, ys: tf.Tensor): tf.Scalar => {
      const loss = () => crossEntropy(ys, model.apply(xs, { training: true }) as tf.Tensor);
      const result = optimizer.step(loss, variables);
      gradientEvaluations = result.gradientEvaluations;
      return result.loss;
    },
    { name: 'lookbehind step', eager },
  );

  const random = new Random(0, 'benchmark');
  const samples = (count: number): [tf.Tensor, tf.Tensor] => {
    const size = network.inputs.reduce((product, side) => product * side, count);
    const labels = Int32Array.from({ length: count }, () => random.int(CLASSES));
    return [tf.tensor(random.normals(size), [count, ...network.inputs]), tf.tensor1d(labels, 'int32')];
  };
  const timed = (xs: tf.Tensor, ys: tf.Tensor): number => {
    const start = performance.now();
    const loss = step(xs, ys);
    if (!Number.isFinite(loss.dataSync()[0])) throw new Error('The loss is not finite.');
    loss.dispose();
    return performance.now() - start;
  };

  // On two samples: the call that makes the optimizer's state, which belongs to no particular batch.
  timed(...samples(2));
  const [xs, ys] = samples(batch);
  const firstStepMs = timed(xs, ys) + timed(xs, ys);
  return { run: () => timed(xs, ys), gradientEvaluations, firstStepMs };
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
