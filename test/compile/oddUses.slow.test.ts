/** Odd but legal uses of accelerated models: each gives the numbers of stock models. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import { Worker } from 'node:worker_threads';
import * as tf from '@tensorflow/tfjs';
import { lookahead, lookbehindSAM, sgd } from 'lookbehind';
import { accelerate, compile } from 'lookbehind/compile';
import { historyOf, warningsOf } from './accelerateSupport';
import { assertClose, normal, numbersOf } from './support';

const [x, y] = [normal([22, 4], 1), normal([22, 1], 2)];
const QUIET = { batchSize: 8, epochs: 3, shuffle: false, verbose: 0 } as const;

const dense = (units: number, seed: number, rest: object = {}) =>
  tf.layers.dense({ units, kernelInitializer: tf.initializers.glorotUniform({ seed }), ...rest });

const perceptron = (rest: object = {}): tf.Sequential =>
  tf.sequential({ layers: [dense(3, 1, { inputShape: [4], ...rest }), dense(1, 2)] });

function compiled<M extends tf.LayersModel>(model: M, optimizer: tf.Optimizer, loss = 'meanSquaredError'): M {
  model.compile({ optimizer, loss });
  return model;
}

const fit = async (model: tf.LayersModel, more: tf.ModelFitArgs = {}) =>
  historyOf(await model.fit(x, y, { ...QUIET, ...more }));

/** What is done with models, each of which `use` may accelerate. */
type Work = (use: <M extends tf.LayersModel>(model: M) => M) => Promise<number[]>;

function same(what: string, work: Work): void {
  it(what, async () => {
    const expected = await work((model) => model);
    let actual: number[] = [];
    assert.deepEqual(await warningsOf(async () => (actual = await work(accelerate))), []);
    assert.ok(expected.length > 0 && expected.every(Number.isFinite));
    assertClose(actual, expected, 2e-5);
  });
}

same('fitDataset of a generator, with inputs by name and a smaller last batch', async (use) => {
  const [a, b] = [tf.input({ shape: [4], name: 'a' }), tf.input({ shape: [3], name: 'b' })];
  const both = tf.layers.concatenate().apply([a, b]) as tf.SymbolicTensor;
  const hidden = dense(5, 1, { activation: 'tanh' }).apply(both) as tf.SymbolicTensor;
  const outputs = dense(1, 2).apply(hidden) as tf.SymbolicTensor;
  const model = compiled(use(tf.model({ inputs: [a, b], outputs })), tf.train.adam(0.01));
  const batches = tf.data.generator(function* () {
    for (let i = 1; i <= 5; i++) {
      const size = i === 5 ? 3 : 6;
      const xs = { b: normal([size, 3], i), a: normal([size, 4], i + 10) };
      yield { xs, ys: normal([size, 1], i + 20) };
    }
  } as never);
  const run = await model.fitDataset(batches as never, { epochs: 3, verbose: 0 });
  return [...historyOf(run), ...numbersOf(model.getWeights())];
});

class Averaging extends tf.layers.Layer {
  static className = 'Averaging';
  #mean: tf.LayerVariable | undefined;

  override build([, size]: number[]): void {
    this.#mean = this.addWeight('mean', [size], 'float32', tf.initializers.zeros(), undefined, false);
    this.built = true;
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const [input] = [inputs].flat();
      const mean = this.#mean as tf.LayerVariable;
      mean.write(tf.add(tf.mul(mean.read(), 0.9), tf.mul(tf.mean(input, 0), 0.1)));
      return tf.sub(input, mean.read());
    });
  }
}

same('a layer whose state is a variable', async (use) => {
  const layers = [dense(3, 1, { inputShape: [4] }), new Averaging({}), dense(1, 2)];
  const model = compiled(use(tf.sequential({ layers })), lookbehindSAM({ k: 2, learningRate: 0.05 }));
  return [...(await fit(model)), ...numbersOf(model.getWeights())];
});

same('two models that share layers, trained in turn: a generator and its judge', async (use) => {
  const generator = use(tf.sequential({ layers: [dense(3, 1, { inputShape: [2], activation: 'tanh' })] }));
  const layers = [dense(4, 2, { inputShape: [3] }), dense(1, 3, { activation: 'sigmoid' })];
  const judge = compiled(use(tf.sequential({ layers })), tf.train.adam(0.01), 'binaryCrossentropy');
  judge.trainable = false;
  const noise = tf.input({ shape: [2] });
  const outputs = judge.apply(generator.apply(noise) as tf.SymbolicTensor) as tf.SymbolicTensor;
  const both = compiled(use(tf.model({ inputs: noise, outputs })), tf.train.adam(0.01), 'binaryCrossentropy');
  const losses: number[] = [];
  for (let i = 1; i <= 6; i++) {
    const made = generator.predict(normal([8, 2], i)) as tf.Tensor;
    const samples = tf.concat([normal([8, 3], i + 50), made]);
    judge.trainable = true;
    losses.push(
      (await judge.trainOnBatch(samples, tf.concat([tf.ones([8, 1]), tf.zeros([8, 1])]))) as number,
    );
    judge.trainable = false;
    losses.push((await both.trainOnBatch(normal([8, 2], i + 100), tf.ones([8, 1]))) as number);
  }
  return [...losses, ...numbersOf([...generator.getWeights(), ...judge.getWeights()])];
});

same('a layer that a callback freezes and thaws in mid-fit', async (use) => {
  const model = compiled(use(perceptron()), tf.train.momentum(0.05, 0.9));
  const callbacks = {
    onEpochEnd: async (epoch: number) => {
      model.layers[0].trainable = epoch % 2 === 1;
    },
  };
  return [...(await fit(model, { epochs: 6, callbacks })), ...numbersOf(model.getWeights())];
});

same('models that are disposed and made anew under the same names', async (use) => {
  const numbers: number[] = [];
  for (let i = 0; i < 3; i++) {
    const optimizer = tf.train.adam(0.02);
    const model = compiled(use(perceptron({ name: 'first' })), optimizer);
    numbers.push(...(await fit(model)), ...numbersOf(model.getWeights()));
    model.dispose();
    optimizer.dispose();
  }
  return numbers;
});

same('a fit that a callback breaks off, and one that it stops, each followed by another', async (use) => {
  const optimizer = lookahead(sgd({ learningRate: 0.05, momentum: 0.9 }), { k: 2 });
  const model = compiled(use(perceptron()), optimizer);
  const afterTwo = (act: () => void): tf.ModelFitArgs => ({
    callbacks: { onBatchEnd: async (batch) => (batch === 1 ? act() : undefined) },
  });
  const broken = afterTwo(() => {
    throw new Error('interrupted');
  });
  await assert.rejects(fit(model, broken), /interrupted/);
  // tf.js itself forgets to.
  Object.assign((model as unknown as { model: object }).model, { isTraining: false });
  const stopped = await fit(
    model,
    afterTwo(() => {
      model.stopTraining = true;
    }),
  );
  return [...stopped, ...(await fit(model)), ...numbersOf(model.getWeights()), optimizer.iterations];
});

same('two models that are trained at the same time', async (use) => {
  const models = [1, 2].map(() => compiled(use(perceptron()), tf.train.rmsprop(0.01)));
  const runs = await Promise.all(models.map((model) => fit(model, { yieldEvery: 'batch' })));
  return [...runs.flat(), ...numbersOf(models.flatMap((model) => model.getWeights()))];
});

same('an accelerated model as a layer of another one, and trained by itself again', async (use) => {
  const inner = compiled(use(perceptron()), tf.train.momentum(0.02, 0.9));
  const numbers = await fit(inner);
  const outer = compiled(use(tf.sequential({ layers: [inner, dense(1, 5)] })), tf.train.sgd(0.05));
  return [...numbers, ...(await fit(outer)), ...(await fit(inner)), ...numbersOf(outer.getWeights())];
});

same('evaluate and predict in callbacks, and weights that are set in mid-fit', async (use) => {
  const model = compiled(use(perceptron()), tf.train.adam(0.02));
  const numbers: number[] = [];
  let weights: tf.Tensor[] = [];
  const onEpochEnd = async (epoch: number) => {
    numbers.push(...numbersOf(model.evaluate(x, y, { batchSize: 5 }) as tf.Tensor));
    numbers.push(...numbersOf(model.predict(x, { batchSize: 7 }) as tf.Tensor));
    if (epoch === 1) weights = model.getWeights().map((weight) => weight.clone());
    if (epoch === 3) model.setWeights(weights);
  };
  const run = await fit(model, { epochs: 5, validationSplit: 0.2, callbacks: { onEpochEnd } });
  return [...run, ...numbers, ...numbersOf(model.getWeights())];
});

same('predict inside of a compiled function, and of a gradient', async (use) => {
  const model = use(perceptron({ activation: 'tanh' }));
  model.predict(x);
  const predict = compile((input: tf.Tensor) => model.predict(input) as tf.Tensor);
  const slope = tf.grad((input) => tf.sum(model.apply(input) as tf.Tensor));
  return numbersOf([predict(x), predict(x), slope(x)]);
});

same('layers that are taken away and added, and another loss with the same optimizer', async (use) => {
  const model = compiled(use(perceptron()), tf.train.adam(0.01));
  const numbers = await fit(model);
  model.pop();
  model.add(dense(1, 4));
  const optimizer = lookbehindSAM({ k: 3, learningRate: 0.01, momentum: 0.9 });
  for (const loss of ['meanSquaredError', 'meanAbsoluteError', 'meanSquaredError'])
    numbers.push(...(await fit(compiled(model, optimizer, loss))));
  return [...numbers, ...numbersOf(model.getWeights()), optimizer.iterations];
});

it('a worker thread trains, too', async () => {
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads');
    const tf = require('@tensorflow/tfjs');
    const { accelerate } = require('lookbehind/compile');
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [3] })] });
    accelerate(model).compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
    model.fit(tf.ones([10, 3]), tf.ones([10, 2]), { epochs: 5, verbose: 0 }).then(
      ({ history }) => parentPort.postMessage({ backend: tf.getBackend(), loss: history.loss }),
      (error) => parentPort.postMessage(error.message));`,
    {
      eval: true,
      execArgv: [],
      env: { ...process.env, NODE_PATH: join(__dirname, '..', '..', 'node_modules') },
    },
  );
  const said = await new Promise<{ backend: string; loss: number[] }>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  await worker.terminate();
  assert.equal(said.backend, 'tensorflow');
  assert.ok(said.loss[4] < said.loss[0]);
});
