/**
 * Builds a model, compiles one Lookbehind-SAM outer step and times it.
 */
import { compile, crossEntropy, lookbehindSAM, models, Random, tf } from 'lookbehind';

/** What is measured. */
export interface StepBenchmark {
  model: string;
  batch: number;
  k: number;
  rounds: number;
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
  /** The calls until the graph has run once: making the optimizer's state, tracing, TensorFlow's own optimisation. */
  firstStepMs: number;
  peakRssMB: number;
}

const CLASSES = 10;

const NETWORKS: Readonly<Record<string, { inputs: number[]; make(): tf.LayersModel }>> = {
  mlp: { inputs: [64], make: () => models.mlp({ inputs: 64, hidden: [128, 128], classes: CLASSES }) },
  convnet: { inputs: [28, 28, 1], make: () => models.convNet({ inputs: [28, 28, 1], filters: [16, 32], classes: CLASSES }) },
  resnet20: { inputs: [32, 32, 3], make: () => models.resNet({ depth: 20, classes: CLASSES }) },
  resnet34: { inputs: [32, 32, 3], make: () => models.resNet({ depth: 34, classes: CLASSES }) },
};

/** Times `rounds` steps after the graph is warm. */
export function measureStep(options: StepBenchmark): StepTiming {
  const { model: name, batch, k, rounds, alpha, eager, reuse } = options;
  const network = NETWORKS[name];
  if (network === undefined) throw new Error(`--model must be one of ${Object.keys(NETWORKS).join(', ')}, got ${name}.`);
  for (const [option, value] of Object.entries({ batch, k, rounds })) {
    if (!(Number.isInteger(value) && value > 0)) throw new Error(`--${option} must be a whole number above 0, got ${value}.`);
  }
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
  const size = network.inputs.reduce((product, side) => product * side, batch);
  const xs = tf.tensor(random.normals(size), [batch, ...network.inputs]);
  const ys = tf.tensor1d(
    Int32Array.from({ length: batch }, () => random.int(CLASSES)),
    'int32',
  );
  const run = (): number => {
    const start = performance.now();
    const loss = step(xs, ys);
    if (!Number.isFinite(loss.dataSync()[0])) throw new Error('The loss is not finite.');
    loss.dispose();
    return performance.now() - start;
  };

  // The first call makes the optimizer's state, the second is traced, the third lets TensorFlow optimise the graph.
  const warmUp = [run(), run(), run()];
  const times = Array.from({ length: rounds }, run).sort((a, b) => a - b);
  return {
    model: name,
    batch,
    k,
    medianMs: round(median(times)),
    minMs: round(times[0]),
    gradientEvaluations,
    firstStepMs: round(warmUp.reduce((sum, ms) => sum + ms, 0)),
    peakRssMB: Math.round(process.resourceUsage().maxRSS / 1024),
  };
}

function median(sorted: number[]): number {
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
