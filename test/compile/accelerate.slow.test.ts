/** accelerate: what fit, evaluate and predict do with it, beside what they do without. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { lookahead, lookbehindSAM, sam, sgd } from 'lookbehind';
import { accelerate } from 'lookbehind/compile';
import { OptionError } from 'lookbehind/errors';
import { assertSame, historyOf, STOCK, TASKS, warningsOf } from './accelerateSupport';
import { assertClose, normal, numbersOf } from './support';

const dense = TASKS['dense layers with a regularizer']();
const pairs = TASKS['two inputs and two outputs']();
const images = TASKS['convolutions with BatchNorm']();

const QUIET = { batchSize: 8, shuffle: false, verbose: 0 } as const;

function compiled(
  task: typeof dense,
  optimizer: tf.Optimizer,
  metrics: unknown = task.metrics,
): tf.LayersModel {
  const model = task.model();
  model.compile({ optimizer, loss: task.loss, metrics: metrics as string[] });
  return model;
}

/** Sets numbers of the optimizer at the end of each epoch. */
function atEpochEnd(
  model: tf.LayersModel,
  set: (optimizer: Record<string, unknown>, epoch: number) => void,
): tf.CustomCallbackArgs {
  return { onEpochEnd: async (epoch) => set(model.optimizer as unknown as Record<string, unknown>, epoch) };
}

describe('an accelerated model trains as a stock one', () => {
  const same = (what: string, make: () => tf.LayersModel, work: Parameters<typeof assertSame>[1]) =>
    it(what, async () => assert.deepEqual(await warningsOf(() => assertSame(make, work)), []));

  for (const [name, optimizer] of Object.entries({
    lookbehindSAM: () => lookbehindSAM({ k: 2, learningRate: 0.1, momentum: 0.9 }),
    lookahead: () => lookahead(sgd({ learningRate: 0.1 }), { k: 2 }),
    'tf.train.adam': STOCK['tf.train.adam'],
  })) {
    same(
      `${name}: last batch smaller, validation, metrics by name and as functions, a second fit`,
      () =>
        compiled(dense, optimizer(), [
          'accuracy',
          (y: tf.Tensor, p: tf.Tensor) => tf.mean(tf.abs(tf.sub(y, p))),
        ]),
      async (model) => {
        const options = { ...QUIET, validationData: [dense.x, dense.y] as [tf.Tensor, tf.Tensor] };
        const first = await model.fit(dense.x, dense.y, { ...options, epochs: 2 });
        const tensors = tf.memory().numTensors;
        const second = await model.fit(dense.x, dense.y, { ...options, epochs: 2 });
        assert.equal(tf.memory().numTensors, tensors, 'tensors');
        return [...historyOf(first), ...historyOf(second), model.optimizer.iterations];
      },
    );
  }

  const recurrent = TASKS['GRU in both directions']();
  same(
    'a recurrent network in both directions, and a mean of truth values as metric',
    () => compiled(recurrent, sgd({ learningRate: 0.1 })),
    async (model) => historyOf(await model.fit(recurrent.x, recurrent.y, { ...QUIET, epochs: 2 })),
  );

  same(
    'class weights, also of one output of two',
    () => compiled(pairs, sam({ learningRate: 0.1 })),
    async (model) => {
      const weighted = (classWeight: unknown) =>
        model.fit(pairs.x, pairs.y, { ...QUIET, classWeight: classWeight as never });
      const [first] = model.outputNames;
      return [
        ...historyOf(await weighted({ [first]: { 0: 1, 1: 3 } })),
        ...historyOf(await weighted({ [first]: { 0: 2, 1: 1 } })),
        ...historyOf(await model.fit(pairs.x, pairs.y, QUIET)),
      ];
    },
  );

  same(
    'fitDataset, evaluateDataset, trainOnBatch, predictOnBatch',
    () => compiled(dense, tf.train.momentum(0.05, 0.9)),
    async (model) => {
      const rows = (tensor: unknown) => tf.data.array((tensor as tf.Tensor2D).arraySync());
      const data = tf.data.zip({ xs: rows(dense.x), ys: rows(dense.y) }).batch(8) as tf.data.Dataset<never>;
      const history = await model.fitDataset(data, { epochs: 2, verbose: 0, validationData: data });
      const evaluated = (await model.evaluateDataset(data as never, {} as never)) as tf.Scalar[];
      const losses: number[] = [];
      for (let i = 0; i < 3; i++) losses.push(...((await model.trainOnBatch(dense.x, dense.y)) as number[]));
      const predicted = [
        model.predictOnBatch(dense.x),
        model.predict(dense.x, { batchSize: 5 }),
        model.predict(dense.x),
      ];
      return [...historyOf(history), ...losses, ...numbersOf([...evaluated, ...(predicted as tf.Tensor[])])];
    },
  );

  for (const [name, optimizer, set] of [
    [
      'the learning rate of tf.train.adam',
      STOCK['tf.train.adam'],
      (one, epoch) => {
        one.learningRate = 0.01 / (epoch + 1);
      },
    ],
    [
      'the learning rate of tf.train.momentum',
      STOCK['tf.train.momentum'],
      (one, epoch) => {
        (one as unknown as tf.SGDOptimizer).setLearningRate(0.05 / (epoch + 1));
      },
    ],
    [
      'learning rate and rho of lookbehindSAM',
      () => lookbehindSAM({ k: 2, learningRate: 0.1, rho: 0.1 }),
      (one, epoch) => {
        one.learningRate = 0.1 / (epoch + 1);
        one.rho = 0.1 * (epoch + 1);
      },
    ],
  ] as Array<[string, () => tf.Optimizer, (one: Record<string, unknown>, epoch: number) => void]>) {
    same(
      `callbacks change ${name}`,
      () => compiled(dense, optimizer()),
      async (model) =>
        historyOf(
          await model.fit(dense.x, dense.y, { ...QUIET, epochs: 6, callbacks: atEpochEnd(model, set) }),
        ),
    );
  }

  same(
    'layers are frozen and thawed, and the model compiled again with another optimizer',
    () => compiled(dense, tf.train.adam(0.01)),
    async (model) => {
      const numbers = historyOf(await model.fit(dense.x, dense.y, QUIET));
      const [body] = model.layers;
      for (const [trainable, optimizer] of [
        [false, tf.train.sgd(0.1)],
        [true, lookahead(sgd({ learningRate: 0.1, momentum: 0.9 }), { k: 2 })],
      ] as const) {
        const kernel = numbersOf(body.getWeights());
        body.trainable = trainable;
        model.compile({ optimizer, loss: dense.loss, metrics: ['mse'] });
        numbers.push(...historyOf(await model.fit(dense.x, dense.y, { ...QUIET, epochs: 2 })));
        assert.equal(
          numbersOf(body.getWeights()).some((value, i) => value !== kernel[i]),
          trainable,
        );
      }
      return numbers;
    },
  );

  for (const [name, optimizer] of Object.entries({
    sgd: () => sgd({ learningRate: 0.1, momentum: 0.9 }),
    'lookahead, between two of its interpolations': () =>
      lookahead(lookbehindSAM({ k: 2, learningRate: 0.1, momentum: 0.9 }), { k: 4 }),
    adam: STOCK['tf.train.adam'],
  })) {
    same(
      `${name}: the model and its optimizer are saved in mid-training, and put back`,
      () => compiled(dense, optimizer()),
      async (model) => {
        let saved: tf.io.ModelArtifacts | undefined;
        let state: Array<{ name: string; tensor: tf.Tensor }> = [];
        const callbacks = {
          onEpochEnd: async (epoch: number) => {
            if (epoch !== 1) return;
            await model.save(
              tf.io.withSaveHandler(async (artifacts) => {
                saved = artifacts;
                return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
              }),
            );
            state = (await model.optimizer.getWeights()).map((one) => ({
              name: one.name,
              tensor: one.tensor.clone(),
            }));
          },
        };
        const run = await model.fit(dense.x, dense.y, { ...QUIET, epochs: 4, callbacks });
        const loaded = await tf.loadLayersModel(tf.io.fromMemory(saved as tf.io.ModelArtifacts));
        model.setWeights(loaded.getWeights());
        await model.optimizer.setWeights(state);
        const again = await model.fit(dense.x, dense.y, { ...QUIET, epochs: 2 });
        // The second half once more.
        assertClose(again.history.loss as number[], (run.history.loss as number[]).slice(2), 1e-5);
        return [...historyOf(run), ...historyOf(again), model.optimizer.iterations];
      },
    );
  }

  same(
    'the best weights of a training are put back, as after early stopping, and trained on',
    () => compiled(dense, tf.train.adam(0.1)),
    async (model) => {
      let [least, best] = [Number.POSITIVE_INFINITY, [] as tf.Tensor[]];
      const callbacks = {
        onEpochEnd: async (epoch: number, logs?: tf.Logs) => {
          // From the third epoch on it gets worse.
          if (epoch === 2) (model.optimizer as tf.AdamOptimizer & { learningRate: number }).learningRate = 3;
          if (epoch > 2 || logs!.val_loss > least) return;
          least = logs!.val_loss;
          tf.dispose(best);
          best = model.getWeights().map((weight) => weight.clone());
        },
      };
      const validationData = [dense.x, dense.y] as [tf.Tensor, tf.Tensor];
      const run = await model.fit(dense.x, dense.y, { ...QUIET, epochs: 4, validationData, callbacks });
      model.setWeights(best);
      const [back] = numbersOf([model.evaluate(dense.x, dense.y, { batchSize: 8 })].flat());
      assertClose([back], [least], 1e-5);
      (model.optimizer as tf.AdamOptimizer & { learningRate: number }).learningRate = 0.01;
      const on = await model.fit(dense.x, dense.y, { ...QUIET, epochs: 2 });
      return [back, ...historyOf(run), ...historyOf(on)];
    },
  );

  same(
    'losses that are functions, also of one output of two',
    () => {
      const model = pairs.model();
      const huber = (y: tf.Tensor, p: tf.Tensor) => tf.losses.huberLoss(y, p) as tf.Scalar;
      model.compile({
        optimizer: lookbehindSAM({ k: 2, learningRate: 0.1 }),
        loss: ['categoricalCrossentropy', huber] as never,
      });
      return model;
    },
    async (model) => {
      const run = await model.fit(pairs.x, pairs.y, { ...QUIET, epochs: 3 });
      return [...historyOf(run), ...numbersOf(model.predict(pairs.x) as tf.Tensor[])];
    },
  );

  same(
    'fit stops early',
    () => compiled(images, tf.train.sgd(3)),
    async (model) => {
      const callbacks = tf.callbacks.earlyStopping({ monitor: 'loss', patience: 1 });
      const { epoch, history } = await model.fit(images.x, images.y, { ...QUIET, epochs: 15, callbacks });
      return [...epoch, ...historyOf({ history })];
    },
  );

  it('a loaded model, and one that is compiled and extended after it was accelerated', async () => {
    const stock = compiled(dense, tf.train.sgd(0.1));
    let saved: tf.io.ModelArtifacts | undefined;
    await stock.save(
      tf.io.withSaveHandler(async (artifacts) => {
        saved = artifacts;
        return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
      }),
    );
    const loaded = accelerate(await tf.loadLayersModel(tf.io.fromMemory(saved as tf.io.ModelArtifacts)));
    const grown = accelerate(tf.sequential());
    for (const layer of (dense.model() as tf.Sequential).layers) grown.add(layer);
    grown.setWeights(stock.getWeights());
    const expected = historyOf(await stock.fit(dense.x, dense.y, { ...QUIET, epochs: 3 }));
    for (const model of [loaded, grown]) {
      model.compile({ optimizer: tf.train.sgd(0.1), loss: dense.loss as string, metrics: dense.metrics });
      assertClose(historyOf(await model.fit(dense.x, dense.y, { ...QUIET, epochs: 3 })), expected, 1e-5);
    }
  });

  it('dropout and noise are drawn afresh at each step, and only in training', async () => {
    const model = accelerate(
      tf.sequential({
        layers: [
          tf.layers.dropout({ rate: 0.5, inputShape: [400] }),
          tf.layers.gaussianNoise({ stddev: 0.1 }),
          tf.layers.dense({ units: 1, kernelInitializer: 'ones' }),
        ],
      }),
    );
    model.compile({ optimizer: tf.train.sgd(0), loss: 'meanSquaredError' });
    const [x, y] = [tf.ones([1, 400]), tf.tensor2d([[400]])];
    const { history } = await model.fit(x, y, { epochs: 12, verbose: 0 });
    assert.equal(new Set(history.loss).size, 12);
    assert.deepEqual(numbersOf(model.predict(x) as tf.Tensor), [400]);
  });

  it('a custom loss follows a tf.Variable', async () => {
    const factor = tf.variable(tf.scalar(1), false);
    const model = accelerate(tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] }));
    model.compile({
      optimizer: tf.train.sgd(0),
      loss: (y: tf.Tensor, p: tf.Tensor) => tf.mul(factor, tf.mean(tf.square(tf.sub(y, p)))) as tf.Scalar,
    });
    const [x, y] = [normal([8, 2], 1), normal([8, 1], 2)];
    const loss = async () => (await model.fit(x, y, { epochs: 3, verbose: 0 })).history.loss[2] as number;
    const before = await loss();
    factor.assign(tf.scalar(3));
    assertClose([await loss()], [3 * before], 1e-5);
  });
});

describe('what cannot be recorded runs as before, and says so once', () => {
  const fallsBack = (
    what: string,
    make: () => tf.LayersModel,
    work: Parameters<typeof assertSame>[1],
    message: RegExp,
    count = 1,
  ) =>
    it(what, async () => {
      const warnings = await warningsOf(() => assertSame(make, work));
      assert.equal(warnings.length, count, warnings.join('\n'));
      assert.match(warnings[0], message);
      assert.match(warnings[0], /^accelerate: the model "\w+" runs op by op/);
    });

  fallsBack(
    'a stateful recurrent layer',
    () => {
      const model = tf.sequential({
        layers: [
          tf.layers.simpleRNN({
            units: 2,
            stateful: true,
            name: 'memory',
            batchInputShape: [4, 3, 2],
            recurrentInitializer: tf.initializers.glorotUniform({ seed: 1 }),
          }),
        ],
      });
      model.compile({ optimizer: sgd({ learningRate: 0.1 }), loss: 'meanSquaredError' });
      return model;
    },
    async (model) => {
      const [x, y] = [normal([8, 3, 2], 1), normal([8, 2], 2)];
      const run = await model.fit(x, y, { batchSize: 4, epochs: 3, shuffle: false, verbose: 0 });
      model.resetStates();
      return [
        ...historyOf(run),
        ...numbersOf([
          model.predict(x, { batchSize: 4 }) as tf.Tensor,
          model.evaluate(x, y, { batchSize: 4 }) as tf.Tensor,
        ]),
      ];
    },
    /layer "memory" \(SimpleRNN\) is stateful/,
  );

  class Warming extends tf.SGDOptimizer {
    override applyGradients(gradients: tf.NamedTensorMap): void {
      this.setLearningRate(0.01 * (this.iterations + 1));
      super.applyGradients(gradients);
    }
  }

  fallsBack(
    'an optimizer of unknown kind',
    () => compiled(dense, new Warming(0)),
    async (model) => historyOf(await model.fit(dense.x, dense.y, { ...QUIET, epochs: 3 })),
    /optimizer Warming is none of tf\.train/,
  );

  fallsBack(
    'a metric that reads values',
    () => compiled(dense, tf.train.adam(0.01), [(_: tf.Tensor, p: tf.Tensor) => tf.scalar(p.dataSync()[0])]),
    async (model) => historyOf(await model.fit(dense.x, dense.y, { ...QUIET, epochs: 3 })),
    /reads values/,
  );

  it('another backend', async () => {
    await tf.setBackend('cpu');
    try {
      const warnings = await warningsOf(() =>
        assertSame(
          () => compiled(TASKS['dense layers with a regularizer'](), sgd({ learningRate: 0.1 })),
          async (model) => {
            const { x, y } = TASKS['dense layers with a regularizer']();
            const run = await model.fit(x, y, { ...QUIET, epochs: 2 });
            return [...historyOf(run), ...numbersOf(model.predict(x) as tf.Tensor)];
          },
        ),
      );
      const ours = warnings.filter((warning) => warning.startsWith('accelerate'));
      assert.equal(ours.length, 1);
      assert.match(ours[0], /"cpu" backend/);
    } finally {
      await tf.setBackend('tensorflow');
    }
  });
});

describe('accelerate itself', () => {
  it('takes models only', () => {
    for (const wrong of [undefined, null, {}, tf.layers.dense({ units: 1 }), 'model']) {
      assert.throws(() => accelerate(wrong as never), OptionError);
      assert.throws(() => accelerate.undo(wrong as never), OptionError);
    }
  });

  it('leaves it to tf.js to refuse a model that was not compiled', async () => {
    const model = accelerate(dense.model());
    await assert.rejects(() => model.fit(dense.x, dense.y, QUIET), /compile/);
    assert.throws(() => model.evaluate(dense.x as tf.Tensor, dense.y as tf.Tensor), /compile/);
    assert.equal((model.predict(dense.x) as tf.Tensor).shape[0], 22);
  });

  it('passes on what tf.js refuses, and goes on', async () => {
    const model = accelerate(compiled(dense, sgd({ learningRate: 0.1 })));
    await assert.rejects(() => model.fit(tf.ones([4, 5]), tf.ones([4, 3]), QUIET), /shape/);
    assert.equal(historyOf(await model.fit(dense.x, dense.y, QUIET)).length, 2);
  });

  it('stays compiled after a batch that was disposed', async () => {
    const model = accelerate(compiled(dense, sgd({ learningRate: 0.1 })));
    const gone = tf.clone(dense.x as tf.Tensor);
    gone.dispose();
    const warnings = await warningsOf(async () => {
      try {
        model.predict(gone);
      } catch (error) {
        assert.match((error as Error).message, /disposed/);
      }
      model.predict(dense.x);
    });
    assert.deepEqual(warnings, []);
  });

  it('can be undone, done twice and disposed, and keeps no tensor', async () => {
    const make = () => compiled(dense, sgd({ learningRate: 0.1, momentum: 0.9 }));
    const work = async (model: tf.LayersModel) => {
      const run = await model.fit(dense.x, dense.y, { ...QUIET, epochs: 2 });
      tf.dispose([model.predict(dense.x), model.evaluate(dense.x as tf.Tensor, dense.y as tf.Tensor)]);
      return historyOf(run);
    };
    const plain = make();
    const model = make();
    model.setWeights(plain.getWeights());
    const own = Object.getOwnPropertyNames(model);
    assert.equal(accelerate(accelerate(model)), model);
    const expected = [await work(plain), await work(plain)];
    assertClose(await work(model), expected[0], 1e-5);
    assert.equal(accelerate.undo(accelerate.undo(model)), model);
    assert.deepEqual(Object.getOwnPropertyNames(model), own);
    assertClose(await work(model), expected[1], 1e-5);

    const before = tf.memory().numTensors;
    const short = accelerate(make());
    await work(short);
    short.optimizer.dispose();
    short.dispose();
    assert.equal(tf.memory().numTensors, before);
  });
});
