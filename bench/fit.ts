/**
 * model.fit of stock tf.js, the same with accelerate(model), and the Trainer, in turn.
 *
 *     npm run -s bench:fit [-- --rounds 5 --model mlp,convnet,resnet20,lstm --optimizer sam --beside]
 *
 * Each round trains for some epochs with each of them, one after the other, on the same data and from the
 * same weights. Stock tf.js has a process of its own (fitPlain.cjs): in this one it has the library's
 * kernels. Two epochs before that are not counted; they are the ones in which graphs are recorded. Printed
 * are medians over rounds of milliseconds per step, of the clock and of all processors, and of quotients
 * within a round.
 *
 * --beside also trains the mlp and the convnet with Adam by Keras's `fit` and by an eager PyTorch loop
 * (fit.py), in turn with ours. Unless --python is given, a virtual environment with both is made in
 * bench/.venv at the first call.
 */
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs';
import { lookbehindSAM, sam, sgd } from 'lookbehind';
import { accelerate } from 'lookbehind/compile';
import { Dataset, twoMoons } from 'lookbehind/data';
import { FamilyOptimizer, Random } from 'lookbehind/extend';
import { resNet } from 'lookbehind/models';
import { Trainer } from 'lookbehind/train';
import { median, round } from './measure';
import { PlainProcess } from './plainProcess';
import { oneOf, positive, report } from './settings';
import { type Cost, pythonWith, StepServer } from './stepServer';

const USAGE = `Usage: npm run -s bench:fit -- [options]
  --model NAMES     some of mlp, convnet, resnet20 and lstm, with commas (default: mlp,convnet)
  --optimizer NAME  one of them (default: all)
  --rounds R        timed rounds (default 5)
  --beside          Keras and PyTorch, too (mlp and convnet, tf.train.adam)
  --python P        a Python with TensorFlow and PyTorch (default: bench/.venv, made on first use)`;

interface Task {
  model: () => tf.LayersModel;
  data: () => Dataset;
  batch: number;
  epochs: number;
}

const TASKS: Readonly<Record<string, Task>> = {
  mlp: {
    model: () =>
      tf.sequential({
        layers: [
          tf.layers.dense({ units: 64, activation: 'relu', inputShape: [2] }),
          tf.layers.dense({ units: 2, activation: 'softmax' }),
        ],
      }),
    data: () => twoMoons({ samples: 1000 }),
    batch: 64,
    epochs: 4,
  },
  convnet: {
    model: () =>
      tf.sequential({
        layers: [
          tf.layers.conv2d({
            filters: 16,
            kernelSize: 3,
            padding: 'same',
            activation: 'relu',
            inputShape: [28, 28, 1],
          }),
          tf.layers.maxPooling2d({ poolSize: 2 }),
          tf.layers.conv2d({ filters: 32, kernelSize: 3, padding: 'same', activation: 'relu' }),
          tf.layers.maxPooling2d({ poolSize: 2 }),
          tf.layers.flatten(),
          tf.layers.dense({ units: 10, activation: 'softmax' }),
        ],
      }),
    data: () => noise(1024, [28, 28, 1]),
    batch: 128,
    epochs: 1,
  },
  resnet20: {
    model: () =>
      tf.sequential({
        layers: [resNet({ depth: 20, inputs: [32, 32, 3], classes: 10 }), tf.layers.softmax()],
      }),
    data: () => noise(256, [32, 32, 3]),
    batch: 128,
    epochs: 1,
  },
  lstm: {
    model: () =>
      tf.sequential({
        layers: [
          tf.layers.lstm({ units: 32, inputShape: [40, 16] }),
          tf.layers.dense({ units: 10, activation: 'softmax' }),
        ],
      }),
    data: () => noise(512, [40, 16]),
    batch: 128,
    epochs: 1,
  },
};

/** Inputs and labels of ten classes that have nothing to do with each other. */
function noise(samples: number, inputShape: number[]): Dataset {
  const random = new Random(0, 'benchmark');
  return new Dataset({
    name: 'noise',
    split: 'train',
    inputs: Float32Array.from(random.normals(samples * inputShape.reduce((a, b) => a * b))),
    labels: Int32Array.from({ length: samples }, () => random.int(10)),
    inputShape,
    classes: Array.from({ length: 10 }, (_, i) => `${i}`),
  });
}

const ADAM = 'tf.train.adam';

/** What fit.py has. */
const PYTHON_MODELS: readonly string[] = ['mlp', 'convnet'];
const PYTHON_PROGRAMS = ['keras', 'pytorch'];

const OPTIMIZERS: Readonly<Record<string, () => tf.Optimizer>> = {
  'lookbehindSAM k = 5': () =>
    lookbehindSAM({ k: 5, alpha: 0.5, rho: 0.05, learningRate: 0.01, momentum: 0.9 }),
  sam: () => sam({ learningRate: 0.01, momentum: 0.9 }),
  'sgd, momentum': () => sgd({ learningRate: 0.01, momentum: 0.9 }),
  'tf.train.momentum': () => tf.train.momentum(0.01, 0.9),
  [ADAM]: () => tf.train.adam(0.001),
};

/** Trains for some epochs, and says what that took in all. */
type Train = (epochs: number) => Promise<Cost>;

function timed(train: (epochs: number) => Promise<unknown>): Train {
  return async (epochs) => {
    const [start, usage] = [performance.now(), process.cpuUsage()];
    await train(epochs);
    const { user, system } = process.cpuUsage(usage);
    return { ms: performance.now() - start, processorMs: (user + system) / 1000 };
  };
}

/** `fit` of stock tf.js. */
async function stock(
  plain: PlainProcess,
  model: tf.LayersModel,
  optimizer: tf.Optimizer,
  data: Dataset,
  batch: number,
): Promise<Train> {
  await plain.ask({
    topology: { modelTopology: JSON.parse(model.toJSON() as string) },
    weights: model.weights.map((weight) => weight.read().dataSync()),
    shapes: model.weights.map(({ shape }) => shape),
    optimizer: { className: optimizer.getClassName(), config: optimizer.getConfig() },
    inputs: data.inputs,
    inputShape: data.inputShape,
    labels: data.labels,
    batch,
  });
  return async (epochs) => {
    const { loss, ...cost } = await plain.ask<Cost & { loss: number }>({ epochs });
    checkLoss(loss);
    return cost;
  };
}

async function contestants(
  task: Task,
  optimizer: () => tf.Optimizer,
  plain: PlainProcess,
): Promise<Record<string, Train>> {
  const data = task.data();
  const { xs: x, ys } = data.tensors();
  const y = tf.oneHot(ys, data.classes.length);
  const model = task.model();
  const all: Record<string, Train> = { stock: await stock(plain, model, optimizer(), data, task.batch) };
  model.compile({ optimizer: optimizer(), loss: 'categoricalCrossentropy', metrics: ['accuracy'] });
  accelerate(model);
  all.accelerated = timed(async (epochs) => {
    const { history } = await model.fit(x, y, { batchSize: task.batch, epochs, verbose: 0 });
    checkLoss(history.loss.at(-1) as number);
  });
  const own = optimizer();
  if (own instanceof FamilyOptimizer) {
    const trainer = new Trainer(task.model(), own, data, { epochs: 1000, batchSize: task.batch, seed: 1 });
    let done = 0;
    all.trainer = timed(async (epochs) => {
      done += epochs;
      await trainer.train({ untilEpoch: done });
    });
  }
  return all;
}

function checkLoss(loss: number): void {
  if (!Number.isFinite(loss)) throw new Error('The loss is not finite.');
}

/** What a step of each contestant takes in one round, in turn. */
async function takeRound(
  all: Record<string, Train>,
  task: Task,
  steps: number,
): Promise<Record<string, Cost>> {
  const costs: Record<string, Cost> = {};
  for (const [who, train] of Object.entries(all)) {
    const { ms, processorMs } = await train(task.epochs);
    costs[who] = { ms: ms / steps, processorMs: processorMs / steps };
  }
  return costs;
}

/**
 * Medians over rounds: of milliseconds per step, and how many times as long as accelerated `fit` each one
 * takes.
 */
function summary(rounds: Record<string, Cost>[]) {
  const over = (of: (one: Record<string, Cost>, who: string) => number) =>
    Object.fromEntries(
      Object.keys(rounds[0]).map((who) => [who, round(median(rounds.map((one) => of(one, who))))]),
    );
  const both = (what: keyof Cost) => ({
    steps: over((one, who) => one[who][what]),
    times: over((one, who) => one[who][what] / one.accelerated[what]),
  });
  return { ms: both('ms'), processorMs: both('processorMs') };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '5' },
      model: { type: 'string', default: 'mlp,convnet' },
      optimizer: { type: 'string' },
      beside: { type: 'boolean', default: false },
      python: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return;
  }
  const models = values.model.split(',').map((name) => oneOf('model', name, Object.keys(TASKS)));
  const rounds = positive('rounds', values.rounds);
  const names = Object.keys(OPTIMIZERS);
  const optimizers = values.optimizer === undefined ? names : [oneOf('optimizer', values.optimizer, names)];
  const python = values.beside ? (values.python ?? pythonWith('tensorflow', 'torch', 'numpy')) : undefined;
  for (const model of models) {
    const task = TASKS[model];
    const steps = Math.ceil(task.data().size / task.batch) * task.epochs;
    for (const optimizer of optimizers) {
      const plain = new PlainProcess('fitPlain.cjs');
      const servers =
        python !== undefined && optimizer === ADAM && PYTHON_MODELS.includes(model)
          ? PYTHON_PROGRAMS.map(
              (name) => new StepServer(python, 'fit.py', ['--model', model, '--program', name]),
            )
          : [];
      const taken: Record<string, Cost>[] = [];
      try {
        const all = await contestants(task, OPTIMIZERS[optimizer], plain);
        for (const train of Object.values(all)) await train(2);
        for (let i = 0; i < rounds; i++) {
          const costs = await takeRound(all, task, steps);
          for (const [j, server] of servers.entries()) costs[PYTHON_PROGRAMS[j]] = await server.run('train');
          taken.push(costs);
        }
      } finally {
        plain.stop();
        for (const server of servers) server.close();
      }
      console.log(JSON.stringify({ model, optimizer, ...summary(taken) }));
    }
  }
}

main().catch((error: unknown) => report(error, USAGE));
