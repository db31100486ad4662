/**
 * What the matrix of backends computes: trainings, and evaluations of fixed weights. The same code runs in
 * Node and, bundled, in a page.
 */
import * as tf from '@tensorflow/tfjs';
import { adam, lookahead, lookbehindASAM, lookbehindSAM, sam, sgd } from 'lookbehind';
import { Dataset, twoMoons } from 'lookbehind/data';
import type { FamilyOptimizer } from 'lookbehind/extend';
import { lossSurface, Plane, randomDirection, readFlatWeights, setFlatWeights } from 'lookbehind/landscape';
import { convNet, mlp } from 'lookbehind/models';
import { evaluateUnderNoise, gaussianNoise } from 'lookbehind/robustness';
import {
  averageSharpness,
  hessianOperator,
  oneStepSharpness,
  worstCaseSharpness,
} from 'lookbehind/sharpness';
import { Trainer, withModelLoss } from 'lookbehind/train';

/** Lists of numbers, by what they are. */
export type Numbers = Record<string, number[]>;

/** A piece of work. */
export type Work = () => Promise<Numbers>;

const common = { learningRate: 0.1, momentum: 0.9, weightDecay: 1e-3 };

const METHODS = {
  sgd: () => sgd(common),
  adam: () => adam({ learningRate: 0.02, epsilon: 1e-3 }),
  sam: () => sam({ ...common, rho: 0.1 }),
  lookahead: () => lookahead(sgd(common), { k: 2, alpha: 0.5 }),
  ...Object.fromEntries(
    [2, 3, 4, 5].flatMap((k) =>
      ([0.5, 'adaptive'] as const).map((alpha) => [
        `lookbehindSAM k=${k} alpha=${alpha}`,
        () => lookbehindSAM({ ...common, learningRate: 0.05, rho: 0.1, k, alpha }),
      ]),
    ),
  ),
  'lookbehindASAM k=2': () => lookbehindASAM({ ...common, rho: 0.5, k: 2, alpha: 0.5 }),
};

const moons = (): Dataset => twoMoons({ samples: 60, seed: 1 });
const perceptron = (): tf.LayersModel =>
  mlp({ inputs: 2, hidden: [8, 8], classes: 2, activation: 'tanh', batchNorm: true, seed: 1 });

/** Bright halves of small images: a task that a ConvNet of few weights learns. */
function halves(): Dataset {
  const inputs = Float32Array.from({ length: 24 * 36 }, (_, i) => {
    const [sample, pixel] = [Math.floor(i / 36), i % 36];
    const isBright = sample % 2 === 0 ? pixel < 18 : pixel >= 18;
    return (isBright ? 1 : 0) + Math.sin(7 * i) / 4;
  });
  const labels = Int32Array.from({ length: 24 }, (_, i) => i % 2);
  return new Dataset({
    name: 'halves',
    split: 'all',
    inputs,
    labels,
    inputShape: [6, 6, 1],
    classes: ['upper', 'lower'],
  });
}
const network = (): tf.LayersModel =>
  convNet({ inputs: [6, 6, 1], filters: [3, 4], hidden: [], classes: 2, batchNorm: true, seed: 1 });

/** Trains on two batches of two epochs, and gives the loss of each step and the weights afterwards. */
async function trained(model: tf.LayersModel, optimizer: FamilyOptimizer, data: Dataset): Promise<Numbers> {
  const losses: number[] = [];
  const trainer = new Trainer(model, optimizer, data, {
    epochs: 2,
    batchSize: data.size / 2,
    test: data,
    seed: 1,
  });
  await trainer.train({ callbacks: { onBatchEnd: (_, logs) => void losses.push(logs!.loss) } });
  const weights = [...(await readFlatWeights(model))];
  const { testLoss, testAccuracy } = trainer.history[1];
  trainer.dispose();
  optimizer.dispose();
  model.dispose();
  return { losses, weights, test: [testLoss!], accuracy: [testAccuracy!] };
}

/** A plane around the weights, noise on them, and sharpness. */
async function evaluated(model: tf.LayersModel, data: Dataset): Promise<Numbers> {
  setFlatWeights(
    model,
    (await readFlatWeights(model)).map((w, i) => w + Math.sin(i) / 10),
  );
  const origin = await readFlatWeights(model);
  const directions = [1, 2].map((seed) => randomDirection(model, { seed }));
  const surface = await lossSurface(model, data, {
    plane: new Plane(origin, directions[0], directions[1]),
    x: { from: -1, to: 1, points: 5 },
  });
  const noise = await evaluateUnderNoise(model, data, {
    noise: (sigma) => gaussianNoise({ sigma }),
    levels: [0.1, 0.3],
    draws: 3,
    batchNorm: { data, batchSize: data.size / 2 },
  });
  return {
    surface: surface.loss.flat(),
    surfaceAccuracy: surface.accuracy.flat(),
    center: [surface.center.loss],
    noise: noise.levels.map(({ loss }) => loss.mean),
    noiseAccuracy: noise.levels.map(({ accuracy }) => accuracy.mean),
  };
}

async function sharpness(model: tf.LayersModel, data: Dataset): Promise<Numbers> {
  return withModelLoss(model, data, { batchSize: data.size / 2 }, async (loss) => {
    const { values: oneStep } = await oneStepSharpness(loss, { radii: [0.05, 0.5] });
    const { values: adaptive } = await oneStepSharpness(loss, { radii: [0.5], adaptive: true });
    return { oneStep, adaptive };
  });
}

/** Points of a surface as the playground draws it. */
const SIDE = 33;

/** A whole surface around the weights of a network that is small enough for a GPU that software plays. */
async function surface(): Promise<Numbers> {
  const data = twoMoons({ samples: 24, seed: 1 });
  return using(
    () => mlp({ inputs: 2, hidden: [8], classes: 2, seed: 1 }),
    async (model) => {
      const plane = new Plane(
        await readFlatWeights(model),
        randomDirection(model, { seed: 1 }),
        randomDirection(model, { seed: 2 }),
      );
      const { loss, accuracy, complete } = await lossSurface(model, data, {
        plane,
        x: { from: -1, to: 1, points: SIDE },
      });
      if (!complete) throw new Error('The surface is not complete.');
      return { loss: loss.flat(), accuracy: accuracy.flat() };
    },
  );
}

/** What comes without a line of its own: worst case, average, Hessian. */
async function curvature(model: tf.LayersModel, data: Dataset): Promise<Numbers> {
  return withModelLoss(model, data, { batchSize: data.size }, async (loss) => {
    const { values: average } = await averageSharpness(loss, { radii: [0.2], draws: 2 });
    const { values: worst } = await worstCaseSharpness(loss, { radii: [0.3], steps: 4 });
    const hessian = await hessianOperator(loss, { method: 'exact' });
    const product = [
      ...(await hessian.multiply(Float64Array.from({ length: loss.size }, (_, i) => Math.cos(i)))),
    ];
    hessian.dispose();
    return { average, worst, product };
  });
}

/** Makes a model for one piece of work. */
async function using(
  make: () => tf.LayersModel,
  work: (model: tf.LayersModel) => Promise<Numbers>,
): Promise<Numbers> {
  const model = make();
  try {
    return await work(model);
  } finally {
    model.dispose();
  }
}

/** The rows of the matrix. */
export const WORKS: Readonly<Record<string, Work>> = {
  ...Object.fromEntries(
    Object.entries(METHODS).map(([name, make]) => [
      `train ${name}`,
      () => trained(perceptron(), make(), moons()),
    ]),
  ),
  'train a ConvNet': () =>
    trained(network(), lookbehindSAM({ ...common, k: 2, alpha: 'adaptive', rho: 0.1 }), halves()),
  'evaluate an MLP': () => using(perceptron, (model) => evaluated(model, moons())),
  'evaluate a ConvNet': () => using(network, (model) => evaluated(model, halves())),
  'evaluate a surface of 33 x 33 points': surface,
  'sharpness of an MLP': () => using(perceptron, (model) => sharpness(model, moons())),
  'sharpness of a ConvNet': () => using(network, (model) => sharpness(model, halves())),
  'curvature of an MLP': () => using(perceptron, (model) => curvature(model, moons())),
};

/** What a piece of work gave, or why it stopped, and how many tensors it left behind. */
export interface Outcome {
  numbers?: Numbers;
  error?: string;
  left: number;
  seconds: number;
}

/** Does a piece of work on the present backend. */
export async function outcomeOf(work: string): Promise<Outcome> {
  const before = tf.memory().numTensors;
  const began = performance.now();
  const result = await WORKS[work]().then(
    (numbers) => ({ numbers }),
    (error: Error) => ({ error: `${error.name}: ${error.message}` }),
  );
  return { ...result, left: tf.memory().numTensors - before, seconds: (performance.now() - began) / 1000 };
}
