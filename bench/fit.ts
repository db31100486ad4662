/**
 * model.fit of stock tf.js, the same with accelerate(model), and the Trainer, in turn.
 *
 *     npm run -s bench:fit [-- --rounds 5 --model mlp,convnet]
 *
 * Each round trains for some epochs with each of them, one after the other, on the same data. Two epochs
 * before that are not counted; they are the ones in which graphs are recorded. Printed are medians over
 * rounds of milliseconds per step, and of quotients within a round.
 */
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs';
import { lookbehindSAM, sam, sgd } from 'lookbehind';
import { accelerate } from 'lookbehind/compile';
import { Dataset, twoMoons } from 'lookbehind/data';
import { FamilyOptimizer, Random } from 'lookbehind/extend';
import { Trainer } from 'lookbehind/train';
import { median, round } from './measure';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, model: { type: 'string', default: 'mlp,convnet' } },
});

interface Task {
  layers: () => tf.layers.Layer[];
  data: () => Dataset;
  batch: number;
  epochs: number;
}

const TASKS: Readonly<Record<string, Task>> = {
  mlp: {
    layers: () => [
      tf.layers.dense({ units: 64, activation: 'relu', inputShape: [2] }),
      tf.layers.dense({ units: 2, activation: 'softmax' }),
    ],
    data: () => twoMoons({ samples: 1000 }),
    batch: 64,
    epochs: 4,
  },
  convnet: {
    layers: () => [
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
    data: () => {
      const random = new Random(0, 'benchmark');
      return new Dataset({
        name: 'noise',
        split: 'train',
        inputs: Float32Array.from(random.normals(1024 * 28 * 28)),
        labels: Int32Array.from({ length: 1024 }, () => random.int(10)),
        inputShape: [28, 28, 1],
        classes: Array.from({ length: 10 }, (_, i) => `${i}`),
      });
    },
    batch: 128,
    epochs: 1,
  },
};

const OPTIMIZERS: Readonly<Record<string, () => tf.Optimizer>> = {
  'lookbehindSAM k = 5': () =>
    lookbehindSAM({ k: 5, alpha: 0.5, rho: 0.05, learningRate: 0.01, momentum: 0.9 }),
  sam: () => sam({ learningRate: 0.01, momentum: 0.9 }),
  'sgd, momentum': () => sgd({ learningRate: 0.01, momentum: 0.9 }),
  'tf.train.momentum': () => tf.train.momentum(0.01, 0.9),
  'tf.train.adam': () => tf.train.adam(0.001),
};

type Train = (epochs: number) => Promise<void>;

function contestants(task: Task, optimizer: () => tf.Optimizer): Record<string, Train> {
  const data = task.data();
  const { xs: x, ys } = data.tensors();
  const y = tf.oneHot(ys, data.classes.length);
  const fitted = (change: (model: tf.LayersModel) => tf.LayersModel): Train => {
    const model = tf.sequential({ layers: task.layers() });
    model.compile({ optimizer: optimizer(), loss: 'categoricalCrossentropy', metrics: ['accuracy'] });
    change(model);
    return async (epochs) => {
      const { history } = await model.fit(x, y, { batchSize: task.batch, epochs, verbose: 0 });
      if (!Number.isFinite(history.loss.at(-1))) throw new Error('The loss is not finite.');
    };
  };
  const all: Record<string, Train> = { stock: fitted((model) => model), accelerated: fitted(accelerate) };
  const own = optimizer();
  if (own instanceof FamilyOptimizer) {
    const model = tf.sequential({ layers: task.layers() });
    const trainer = new Trainer(model, own, data, { epochs: 1000, batchSize: task.batch, seed: 1 });
    let done = 0;
    all.trainer = async (epochs) => {
      done += epochs;
      await trainer.train({ untilEpoch: done });
    };
  }
  return all;
}

async function main(): Promise<void> {
  for (const name of values.model.split(',')) {
    const task = TASKS[name];
    for (const [optimizer, make] of Object.entries(OPTIMIZERS)) {
      const all = contestants(task, make);
      const steps = Math.ceil(task.data().size / task.batch) * task.epochs;
      for (const train of Object.values(all)) await train(2);
      const times: Record<string, number[]> = {};
      for (let i = 0; i < Number(values.rounds); i++) {
        for (const [who, train] of Object.entries(all)) {
          const start = performance.now();
          await train(task.epochs);
          times[who] = [...(times[who] ?? []), (performance.now() - start) / steps];
        }
      }
      const ms = Object.fromEntries(Object.entries(times).map(([who, list]) => [who, round(median(list))]));
      const faster = round(median(times.stock.map((one, i) => one / times.accelerated[i])));
      console.log(JSON.stringify({ model: name, optimizer, ms, faster }));
    }
  }
}

main();
