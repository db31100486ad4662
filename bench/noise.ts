/**
 * Accuracy under weight noise: evaluateUnderNoise against a plain loop of stock TensorFlow.js over levels and draws.
 *
 *     npm run -s bench:noise [-- --rounds 5 --images 2000 --levels 8 --draws 10 --models convnet,mlp]
 *
 * Both run in turns in one process and both draw their own noise. The plain loop is what one writes by hand: multiply the kernels by
 * tf.randomNormal, setWeights, predict, loss and accuracy. Before timing, both evaluate the same noisy weights and must agree.
 */
import { parseArgs } from 'node:util';
import { evaluateUnderNoise, gaussianNoise, mnist, models, NoiseDraw, type TensorSamples, tf, weightTensors } from 'lookbehind';

const NETWORKS: Readonly<Record<string, () => tf.LayersModel>> = {
  convnet: () => models.convNet({ inputs: [28, 28, 1], filters: [16, 32], classes: 10, batchNorm: true, name: 'convnet' }),
  mlp: () => models.mlp({ inputs: [28, 28, 1], hidden: [64, 64], classes: 10, name: 'mlp' }),
};

const { values: args } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    images: { type: 'string', default: '2000' },
    levels: { type: 'string', default: '8' },
    draws: { type: 'string', default: '10' },
    models: { type: 'string', default: Object.keys(NETWORKS).join() },
  },
});
const draws = Number(args.draws);
const sigmas = Array.from({ length: Number(args.levels) }, (_, i) => 0.1 * (i + 1));

type Kernels = { index: number; values: tf.Tensor }[];

/** Loss and accuracy of the model at one set of kernels. */
function score(model: tf.LayersModel, { xs, ys }: TensorSamples, clean: tf.Tensor[], kernels: Kernels): [number, number] {
  return tf.tidy(() => {
    const weights = [...clean];
    for (const { index, values } of kernels) weights[index] = values;
    model.setWeights(weights);
    const logits = model.predict(xs, { batchSize: 250 }) as tf.Tensor2D;
    const loss = tf.losses.softmaxCrossEntropy(tf.oneHot(ys as tf.Tensor1D, 10), logits).dataSync()[0];
    return [loss, tf.metrics.binaryAccuracy === undefined ? 0 : logits.argMax(1).equal(ys).mean().dataSync()[0]];
  });
}

/** The plain loop. `noisyKernels` makes the noisy kernels of one draw at one level. */
function plainLoop(
  model: tf.LayersModel,
  data: TensorSamples,
  noisyKernels: (sigma: number, draw: number) => Kernels,
): [number, number][][] {
  const clean = model.getWeights().map((tensor) => tensor.clone());
  const results = sigmas.map((sigma) =>
    Array.from({ length: draws }, (_, draw) => tf.tidy(() => score(model, data, clean, noisyKernels(sigma, draw)))),
  );
  model.setWeights(clean);
  tf.dispose(clean);
  return results;
}

async function bench(name: string, data: TensorSamples): Promise<void> {
  const model = NETWORKS[name]();
  const tensors = weightTensors(model).filter(({ role }) => role === 'kernel');
  const all = model.weights.map((weight) => weight.read() as tf.Variable);
  const clean = tensors.map(({ variable }) => ({ index: all.indexOf(variable), values: variable.clone() as tf.Tensor }));
  const ours = () => evaluateUnderNoise(model, data, { noise: (sigma) => gaussianNoise({ sigma }), levels: sigmas, draws });
  const plain = () =>
    plainLoop(model, data, (sigma) =>
      clean.map(({ index, values }) => ({ index, values: values.mul(tf.randomNormal(values.shape, 1, sigma)) })),
    );

  const expected = plainLoop(model, data, (sigma, draw) =>
    tensors.map((tensor, i) => {
      const { values } = gaussianNoise({ sigma }).apply(
        clean[i].values.dataSync() as Float32Array,
        new NoiseDraw(0, draw).site(tensor),
      );
      return { index: clean[i].index, values: tf.tensor(values, tensor.variable.shape) };
    }),
  );
  const { levels } = await ours();
  let difference = 0;
  levels.forEach(({ loss }, i) => {
    loss.values.forEach((value, draw) => {
      difference = Math.max(difference, Math.abs(value - expected[i][draw][0]) / Math.max(1, Math.abs(value)));
    });
  });
  if (difference > 1e-4) throw new Error(`${name}: the two ways differ by ${difference}.`);

  const times: { plain: number; ours: number }[] = [];
  for (let round = 0; round < Number(args.rounds); round++) {
    const start = performance.now();
    plain();
    const between = performance.now();
    await ours();
    times.push({ plain: between - start, ours: performance.now() - between });
  }
  const median = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
  const ratios = times.map((time) => time.plain / time.ours);
  console.log(
    `${name.padEnd(8)} plain ${median(times.map((t) => t.plain))
      .toFixed(0)
      .padStart(6)} ms   evaluateUnderNoise ${median(times.map((t) => t.ours))
      .toFixed(0)
      .padStart(6)} ms   ` +
      `ratio ${median(ratios).toFixed(1)} (${Math.min(...ratios).toFixed(1)} to ${Math.max(...ratios).toFixed(1)})   losses agree to ${difference.toExponential(0)}`,
  );
  tf.dispose(clean.map(({ values }) => values));
  model.dispose();
}

async function main(): Promise<void> {
  const data = mnist().test.subset(Number(args.images)).tensors();
  console.log(`${sigmas.length} levels x ${draws} draws on ${args.images} MNIST images, median of ${args.rounds} paired rounds`);
  for (const name of (args.models as string).split(',')) await bench(name, data);
  tf.dispose([data.xs, data.ys]);
}

void main();
