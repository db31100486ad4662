/** The trainer: what it records, how it stops and that it goes on bit for bit. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { lookahead, lookbehindSAM, sam, sgd } from 'lookbehind';
import { type Augmentation, Dataset } from 'lookbehind/data';
import { AbortedError, DivergenceError, OptionError, StateMismatchError } from 'lookbehind/errors';
import { type FamilyOptimizer, Random } from 'lookbehind/extend';
import * as models from 'lookbehind/models';
import { Trainer, type TrainerOptions, type TrainerState } from 'lookbehind/train';
import { trainingForward } from '../../lib/dist/training/forward';
import { scheduleFunction, stretchSchedule } from '../../lib/dist/training/schedule';

/** 80 points around four corners, one class each. */
const corners = (() => {
  const random = new Random(1, 'corners');
  const labels = Array.from({ length: 80 }, (_, i) => i % 4);
  const inputs = Float32Array.from(
    labels.flatMap((c) => [random.normal(c % 2, 0.2), random.normal(c >> 1, 0.2)]),
  );
  return new Dataset({
    name: 'corners',
    split: 'train',
    inputs,
    labels,
    inputShape: [2],
    classes: ['a', 'b', 'c', 'd'],
  });
})();

interface Made {
  trainer: Trainer;
  dispose(): void;
}

function make(
  options: Partial<TrainerOptions> = {},
  optimizer: FamilyOptimizer = lookbehindSAM({ k: 3, momentum: 0.9 }),
  batchNorm = false,
): Made {
  const model = models.mlp({ inputs: 2, hidden: [8], classes: 4, batchNorm, seed: 3 });
  const trainer = new Trainer(model, optimizer, corners, {
    epochs: 4,
    batchSize: 16,
    test: corners,
    ...options,
  });
  return {
    trainer,
    dispose() {
      for (const one of [trainer, optimizer, model]) one.dispose();
    },
  };
}

const throughJson = ({ manifest, weights, optimizer }: TrainerState): TrainerState => ({
  manifest: JSON.parse(JSON.stringify(manifest)),
  weights: Uint8Array.from(weights),
  optimizer: Uint8Array.from(optimizer),
});

describe('Trainer', () => {
  it('learns and records each epoch', async () => {
    const { trainer, dispose } = make({ epochs: 12 });
    assert.equal(await trainer.train(), 'finished');
    assert.equal(trainer.history.length, 12);
    const [first, last] = [trainer.history[0], trainer.history[11]];
    assert.ok(last.trainLoss < first.trainLoss);
    assert.ok(last.testAccuracy! > 0.9, `accuracy ${last.testAccuracy}`);
    assert.equal(last.gradientEvaluations, 12 * 5 * 4, '12 epochs of 5 steps of k + 1 gradients');
    const { loss, accuracy } = await trainer.evaluate(corners);
    assert.deepEqual([last.testLoss, last.testAccuracy], [loss, accuracy]);
    dispose();
  });

  it('is the same compiled and op by op', async () => {
    const runs: number[][] = [];
    for (const eager of [true, false]) {
      const { trainer, dispose } = make(
        { eager },
        lookbehindSAM({ k: 3, momentum: 0.9, alpha: 'adaptive' }),
        true,
      );
      await trainer.train();
      runs.push(trainer.history.map(({ trainLoss }) => trainLoss));
      dispose();
    }
    runs[0].forEach((loss, i) => {
      assert.ok(
        Math.abs(loss - runs[1][i]) < 1e-4 * Math.max(1, loss),
        `epoch ${i}: ${loss} and ${runs[1][i]}`,
      );
    });
  });

  const optimizers: Record<string, () => FamilyOptimizer> = {
    lookbehind: () => lookbehindSAM({ k: 3, momentum: 0.9 }),
    'lookahead between two synchronizations': () => lookahead(sam({ momentum: 0.9 }), { k: 4 }),
  };
  for (const [name, optimizer] of Object.entries(optimizers)) {
    it(`goes on bit for bit from the middle of an epoch, in a new model: ${name}`, async () => {
      const noisy: Augmentation = (data, indices, random) => {
        const { xs, ys } = data.tensors(indices);
        const moved = tf.tidy(() => tf.add(xs, random.uniform() * 0.1));
        xs.dispose();
        return { xs: moved, ys };
      };
      const options: Partial<TrainerOptions> = { schedule: { kind: 'cosine' }, augment: noisy };
      const whole = make(options, optimizer(), true);
      await whole.trainer.train();

      const part = make(options, optimizer(), true);
      const stop = new AbortController();
      let steps = 0;
      const status = await part.trainer.train({
        signal: stop.signal,
        callbacks: { onBatchEnd: () => void (++steps === 7 && stop.abort()) },
      });
      assert.equal(status, 'aborted');
      assert.deepEqual([part.trainer.position.epoch, part.trainer.position.step], [1, 2]);
      const state = throughJson(part.trainer.save());
      part.dispose();

      const rest = make(options, optimizer(), true);
      rest.trainer.restore(state);
      assert.equal(await rest.trainer.train(), 'finished');
      const losses = ({ trainer }: Made) =>
        trainer.history.map(({ trainLoss, testLoss, gradientEvaluations }) => [
          trainLoss,
          testLoss,
          gradientEvaluations,
        ]);
      assert.deepEqual(losses(rest), losses(whole));
      const final = ({ trainer }: Made) => trainer.save();
      assert.deepEqual(final(rest).weights, final(whole).weights);
      assert.deepEqual(final(rest).optimizer, final(whole).optimizer);
      whole.dispose();
      rest.dispose();
    });
  }

  it('an aborted training can be called again', async () => {
    const whole = make();
    await whole.trainer.train();
    const { trainer, dispose } = make();
    for (let calls = 0; trainer.status !== 'finished'; calls++) {
      const stop = new AbortController();
      await trainer.train({ signal: stop.signal, callbacks: { onBatchEnd: () => stop.abort() } });
      assert.ok(calls <= 20);
    }
    assert.deepEqual(trainer.save().weights, whole.trainer.save().weights);
    dispose();
    whole.dispose();
  });

  it('stops a training that diverges, or says so and stops', async () => {
    const wild = () => sgd({ learningRate: 1e30 });
    const throwing = make({}, wild());
    await assert.rejects(
      throwing.trainer.train(),
      (error: Error) => error instanceof DivergenceError && /at step \d+ of epoch \d+/.test(error.message),
    );
    throwing.dispose();
    const stopping = make({ onDivergence: 'stop' }, wild());
    assert.equal(await stopping.trainer.train(), 'diverged');
    assert.equal(await stopping.trainer.train(), 'diverged');
    stopping.dispose();
  });

  it('refuses what is no model, optimizer or data, and what does not fit', async () => {
    const model = models.mlp({ inputs: 2, hidden: [8], classes: 4, seed: 3 });
    const optimizer = sgd({ learningRate: 0.1 });
    const trainer = (parts: Partial<Record<'model' | 'optimizer' | 'data' | 'test', unknown>>) => {
      const all = { model, optimizer, data: corners, test: corners, ...parts };
      const options = { epochs: 1, test: all.test as Dataset };
      return new Trainer(
        all.model as tf.LayersModel,
        all.optimizer as typeof optimizer,
        all.data as Dataset,
        options,
      );
    };
    const few = models.mlp({ inputs: 2, hidden: [8], classes: 3, seed: 3 });
    const two = corners.with({ labels: corners.labels.map((label) => label % 2), classes: ['a', 'b'] });
    for (const [parts, message] of [
      [{ model: undefined }, /^model must be given: a tf\.LayersModel or a tf\.Sequential/],
      [
        { model: { makeTrainFunction() {} } },
        /^model must be .*, got "a model of another copy of tf\.js".*npm ls/,
      ],
      [{ model: few }, /^model must be .*4 numbers for each sample.*, got "a model with 3 numbers.*4 units/],
      [{ optimizer: 'adam' }, /^optimizer must be an optimizer of this library.*, got "adam"/],
      [{ optimizer: tf.train.adam(1) }, /^optimizer .*got an object of class AdamOptimizer.*sam\({ base/],
      [{ data: tf.zeros([4, 2]) }, /^trainingSet must be a Dataset, got a tensor of shape \[4,2\]/],
      [{ test: two }, /^test must be a set with 4 classes, as corners.*, got "a set with 2 classes"/],
    ] as const)
      assert.throws(
        () => trainer(parts),
        (error: Error) => error instanceof OptionError && message.test(error.message),
      );
    const right = trainer({});
    for (const state of [undefined, {}, { manifest: null }])
      assert.throws(
        () => right.restore(state as never),
        /is no state of a training: give what save\(\) returned/,
      );
    for (const one of [right, few, model, optimizer]) one.dispose();
  });

  it('draws a batch for each inner step on request', async () => {
    const { trainer, dispose } = make({ switchBatches: true, epochs: 1 });
    assert.equal(trainer.stepsPerEpoch, 2, '80 samples in steps of 3 batches of 16');
    await trainer.train();
    assert.equal(trainer.optimizer.gradientEvaluations, 12, '2k gradients where batches differ');
    dispose();
    const around = make({ switchBatches: true, epochs: 1 }, lookahead(lookbehindSAM({ k: 3 }), { k: 2 }));
    assert.equal(around.trainer.stepsPerEpoch, 2, 'the inner steps of the base');
    await around.trainer.train();
    assert.equal(around.trainer.optimizer.gradientEvaluations, 12);
    around.dispose();
  });

  it('wraps the loss', async () => {
    const plain = make({ epochs: 1 }, sgd({ learningRate: 0.1 }));
    await plain.trainer.train();
    const doubled = make(
      { epochs: 1, wrapLoss: (loss) => (pass) => tf.mul(loss(pass), 2) as tf.Scalar },
      sgd({ learningRate: 0.05 }),
    );
    await doubled.trainer.train();
    assert.ok(Math.abs(doubled.trainer.history[0].trainLoss - 2 * plain.trainer.history[0].trainLoss) < 1e-4);
    plain.dispose();
    doubled.dispose();
  });

  it('evaluates Lookahead at its slow weights', async () => {
    const optimizer = lookahead(sgd({ learningRate: 0.1 }), { k: 1000 });
    const { trainer, dispose } = make({}, optimizer);
    const before = await trainer.evaluate(corners);
    await trainer.train();
    assert.deepEqual(await trainer.evaluate(corners), before);
    dispose();
  });

  it('evaluates every n-th epoch and the last', async () => {
    const { trainer, dispose } = make({ evaluateEvery: 3 });
    await trainer.train();
    assert.deepEqual(
      trainer.history.map(({ testLoss }) => testLoss !== null),
      [false, false, true, true],
    );
    dispose();
  });

  it('leaks no tensor', async () => {
    const before = tf.memory().numTensors;
    const { trainer, dispose } = make({ epochs: 3 });
    await trainer.train({ untilEpoch: 1 });
    const warm = tf.memory().numTensors;
    await trainer.train();
    assert.equal(tf.memory().numTensors, warm);
    dispose();
    assert.equal(tf.memory().numTensors, before);
  });

  it('refuses a state of another model or optimizer', async () => {
    const { trainer, dispose } = make();
    const state = trainer.save();
    const wider = models.mlp({ inputs: 2, hidden: [9], classes: 4 });
    const other = new Trainer(wider, lookbehindSAM(), corners, { epochs: 1 });
    assert.throws(
      () => other.restore(state),
      (error: Error) =>
        error instanceof StateMismatchError && /weight 0 was mlp\/dense1\/kernel \[2,8\]/.test(error.message),
    );
    const { trainer: plain, dispose: disposePlain } = make({}, sgd());
    assert.throws(() => plain.restore(state), StateMismatchError);
    assert.throws(() => trainer.restore({ ...state, weights: state.weights.slice(4) }), StateMismatchError);
    for (const one of [other, other.optimizer, wider]) one.dispose();
    disposePlain();
    dispose();
  });

  it('stops an evaluation on request', async () => {
    const { trainer, dispose } = make();
    await assert.rejects(trainer.evaluate(corners, AbortSignal.abort()), AbortedError);
    dispose();
  });

  it('refuses a second call of train() while one is under way, and trains each epoch once', async () => {
    const { trainer, dispose } = make({ epochs: 3 });
    const first = trainer.train();
    await assert.rejects(
      trainer.train(),
      (error: Error) => error instanceof StateMismatchError && /await/.test(error.message),
    );
    assert.equal(await first, 'finished');
    assert.deepEqual(
      trainer.history.map(({ epoch }) => epoch),
      [1, 2, 3],
    );
    trainer.restore(trainer.save());
    dispose();
  });

  for (const eager of [true, false]) {
    it(`freezes a layer between two epochs, and trains it again, ${eager ? 'op by op' : 'compiled'}`, async () => {
      const { trainer, dispose } = make({ epochs: 6, eager }, sam({ learningRate: 0.1, momentum: 0.9 }));
      const layer = trainer.model.layers.find(({ weights }) => weights.length > 0)!;
      const seen: number[][] = [];
      await trainer.train({
        callbacks: {
          onEpochEnd(epoch) {
            seen.push([...layer.getWeights()[0].dataSync()]);
            if (epoch === 1) layer.trainable = false;
            if (epoch === 3) layer.trainable = true;
          },
        },
      });
      assert.notDeepEqual(seen[1], seen[0]);
      assert.deepEqual([seen[2], seen[3]], [seen[1], seen[1]]);
      assert.notDeepEqual(seen[4], seen[3]);
      dispose();
    });
  }

  const { dense } = tf.layers;
  const kernel = (seed: number) => ({ kernelInitializer: tf.initializers.glorotUniform({ seed }) });
  const tower = (seed: number): tf.Sequential =>
    tf.sequential({
      layers: [dense({ units: 2, activation: 'tanh', inputShape: [2], name: 'd', ...kernel(seed) })],
    });
  const rebuilt: Record<string, () => tf.LayersModel> = {
    'nested models with layers of equal names': () =>
      tf.sequential({
        layers: [dense({ units: 2, inputShape: [2], name: 'in', ...kernel(1) }), tower(2), tower(3)],
      }),
    'layers that get other names each time': () =>
      tf.sequential({
        layers: [
          dense({ units: 4, activation: 'tanh', inputShape: [2], ...kernel(1) }),
          dense({ units: 4, ...kernel(2) }),
        ],
      }),
  };
  for (const [name, build] of Object.entries(rebuilt)) {
    it(`goes on bit for bit in a model built again: ${name}, one of them frozen`, async () => {
      const finalOf = async (parts: boolean): Promise<Uint8Array> => {
        const made = () => {
          const model = tf.sequential({ layers: [build(), dense({ units: 4, ...kernel(9) })] });
          const optimizer = sgd({ learningRate: 0.1, momentum: 0.9 });
          const trainer = new Trainer(model, optimizer, corners, { epochs: 4, batchSize: 16 });
          const freeze = () =>
            (((model.layers[0] as tf.LayersModel).layers[0] as tf.layers.Layer).trainable = false);
          const dispose = () => [trainer, optimizer, model].forEach((one) => void one.dispose());
          return { trainer, freeze, dispose };
        };
        let one = made();
        await one.trainer.train({ untilEpoch: 1 });
        one.freeze();
        await one.trainer.train({ untilEpoch: 2 });
        if (parts) {
          const state = throughJson(one.trainer.save());
          one.dispose();
          one = made();
          one.freeze();
          one.trainer.restore(state);
        }
        await one.trainer.train({ untilEpoch: 3 });
        const { weights } = one.trainer.save();
        one.dispose();
        return weights;
      };
      assert.deepEqual(await finalOf(true), await finalOf(false));
    });
  }

  it('finds weights of equal shapes by their names where only the order of the layers is another', () => {
    const build = (names: string[]) => {
      const input = tf.input({ shape: [2] });
      const branches = names.map((name) => dense({ units: 2, name }).apply(input) as tf.SymbolicTensor);
      const sum = tf.layers.concatenate().apply(branches) as tf.SymbolicTensor;
      const model = tf.model({
        inputs: input,
        outputs: dense({ units: 4, name: 'out' }).apply(sum) as tf.SymbolicTensor,
      });
      return new Trainer(model, sgd(), corners, { epochs: 1 });
    };
    const [one, other] = [build(['left', 'right']), build(['right', 'left'])];
    other.restore(one.save());
    const weightsOf = ({ model }: Trainer, name: string) => [
      ...model.getLayer(name).getWeights()[0].dataSync(),
    ];
    for (const name of ['left', 'right', 'out'])
      assert.deepEqual(weightsOf(other, name), weightsOf(one, name));
    for (const trainer of [one, other])
      for (const thing of [trainer, trainer.optimizer, trainer.model]) thing.dispose();
  });

  it('adds the losses of layers, those of nested models and wrappers included, each once, in each pass', async () => {
    const regularized = { kernelRegularizer: tf.regularizers.l2({ l2: 0.5 }) };
    for (const eager of [true, false]) {
      const input = tf.input({ shape: [2] });
      const block = tf.sequential({
        layers: [dense({ units: 2, inputShape: [2], useBias: false, ...regularized, ...kernel(1) })],
      });
      const rows = tf.layers.reshape({ targetShape: [2, 1] });
      const wrapped = tf.layers.timeDistributed({
        layer: dense({ units: 2, useBias: false, ...regularized, ...kernel(2) }),
      });
      const twice = block.apply(block.apply(input)) as tf.SymbolicTensor;
      const flat = tf.layers.flatten().apply(wrapped.apply(rows.apply(twice))) as tf.SymbolicTensor;
      const model = tf.model({ inputs: input, outputs: flat });
      // The loss of the batch is 0, so the weights shrink by the regularizers' gradient alone: d (0.5 w^2) /
      // dw = w.
      const zero = (_labels: tf.Tensor, outputs: tf.Tensor) =>
        tf.tidy(() => tf.sum(tf.mul(outputs, 0)) as tf.Scalar);
      const trainer = new Trainer(model, sgd({ learningRate: 0.1 }), corners, {
        epochs: 1,
        batchSize: 80,
        loss: zero,
        eager,
      });
      const valuesOf = () => model.getWeights().flatMap((weight) => [...weight.dataSync()]);
      const before = valuesOf();
      await trainer.train();
      valuesOf().forEach((value, i) => {
        assert.ok(Math.abs(value - 0.9 * before[i]) < 1e-6, `${value}, ${before[i]}`);
      });
      const penalty = before.reduce((sum, value) => sum + 0.5 * value * value, 0);
      assert.ok(Math.abs(trainer.history[0].trainLoss - penalty) < 1e-5);
      for (const one of [trainer, trainer.optimizer, model]) one.dispose();
    }
  });

  const batchNorms: Record<
    string,
    (layer: tf.layers.Layer) => { block: tf.layers.Layer; freeze: tf.layers.Layer }
  > = {
    'by itself': (layer) => ({ block: layer, freeze: layer }),
    'with the nested model around it': (layer) => {
      const block = tf.sequential({ layers: [tf.sequential({ layers: [layer] })] });
      return { block, freeze: block };
    },
    'in a wrapper': (layer) => ({ block: tf.layers.timeDistributed({ layer }), freeze: layer }),
  };
  for (const [name, wrap] of Object.entries(batchNorms)) {
    for (const scale of [true, false]) {
      it(`leaves the statistics of a BatchNorm layer that is frozen between two epochs, ${name}${scale ? '' : ', without weights'}`, async () => {
        const inTime = name === 'in a wrapper';
        const layer = tf.layers.batchNormalization({ inputShape: [3], scale, center: scale, momentum: 0.5 });
        const { block, freeze } = wrap(layer);
        const model = tf.sequential({
          layers: [
            dense({ units: 6, inputShape: [2], ...kernel(1) }),
            tf.layers.reshape({ targetShape: inTime ? [2, 3] : [6] }),
            ...(inTime ? [] : [dense({ units: 3, ...kernel(4) })]),
            block,
            ...(inTime ? [tf.layers.flatten()] : []),
            dense({ units: 4, ...kernel(2) }),
          ],
        });
        const trainer = new Trainer(model, sgd({ learningRate: 0.1 }), corners, { epochs: 4, batchSize: 20 });
        const statistics = () => layer.getWeights().flatMap((weight) => Array.from(weight.dataSync()));
        const seen: number[][] = [];
        await trainer.train({
          callbacks: {
            onEpochEnd(epoch) {
              seen.push(statistics());
              if (epoch === 0) freeze.trainable = false;
              if (epoch === 2) freeze.trainable = true;
            },
          },
        });
        // Scale and offset are frozen, too.
        assert.deepEqual([seen[1], seen[2]], [seen[0], seen[0]]);
        assert.notDeepEqual(seen[3], seen[2]);
        freeze.trainable = false;
        const { xs, ys } = corners.tensors([0, 1, 2, 3, 4]);
        const trained = trainingForward(model, xs);
        const expected = model.predict(xs) as tf.Tensor;
        trained.dataSync().forEach((value, i) => {
          assert.ok(Math.abs(value - expected.dataSync()[i]) < 1e-5, 'normalized by the moving averages');
        });
        tf.dispose([xs, ys, trained, expected]);
        for (const one of [trainer, trainer.optimizer, model]) one.dispose();
      });
    }
  }

  it('saves and restores weights that are whole numbers', () => {
    class Counter extends tf.layers.Layer {
      static className = 'TestCounter';
      count!: tf.LayerVariable;
      override build(): void {
        this.count = this.addWeight('count', [3], 'int32', tf.initializers.zeros(), undefined, false);
        this.built = true;
      }
      override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
        return Array.isArray(inputs) ? inputs[0] : inputs;
      }
      override computeOutputShape(shape: tf.Shape): tf.Shape {
        return shape;
      }
    }
    const layer = new Counter({ inputShape: [2] });
    const model = tf.sequential({ layers: [layer, dense({ units: 4 })] });
    const trainer = new Trainer(model, sgd(), corners, { epochs: 1 });
    const set = (values: number[]) => tf.tidy(() => void layer.count.write(tf.tensor1d(values, 'int32')));
    set([1, -2, 16777217]);
    const state = throughJson(trainer.save());
    set([0, 0, 0]);
    trainer.restore(state);
    const restored = layer.count.read();
    assert.deepEqual([restored.dtype, ...restored.dataSync()], ['int32', 1, -2, 16777217]);
    for (const one of [trainer, trainer.optimizer, model]) one.dispose();
  });

  it('refuses a state whose position counts other batches', () => {
    const { trainer, dispose } = make();
    const state = trainer.save();
    const others: Array<[Partial<TrainerOptions>, RegExp]> = [
      [{ batchSize: 20 }, /batchSize is 16, but here it is 20/],
      [{ switchBatches: true }, /batchesPerStep is 1, but here it is 3/],
      [{ seed: 1 }, /seed is 0, but here it is 1/],
    ];
    for (const [options, message] of others) {
      const other = make(options);
      assert.throws(
        () => other.trainer.restore(state),
        (error: Error) => error instanceof StateMismatchError && message.test(error.message),
      );
      other.dispose();
    }
    dispose();
  });

  it("multiplies the optimizer's own learning rate, which stays the optimizer's, and takes rho as it is", async () => {
    const optimizer = sam({ learningRate: 0.1, rho: 0.05 });
    const { trainer, dispose } = make(
      { epochs: 4, schedule: { kind: 'multiStep', milestones: [1, 3], gamma: 0.5 } },
      optimizer,
    );
    const layer = trainer.model.layers.find(({ weights }) => weights.length > 0)!;
    const seen: number[][] = [];
    await trainer.train({
      callbacks: {
        onBatchEnd: () =>
          assert.equal(
            optimizer.learningRate,
            trainer.position.epoch < 2 ? 0.1 : trainer.position.epoch < 3 ? 0.4 : 0,
          ),
        onEpochEnd(epoch) {
          seen.push([...layer.getWeights()[0].dataSync()]);
          if (epoch === 1) [optimizer.learningRate, optimizer.rho] = [0.4, 0.2];
          if (epoch === 2) optimizer.learningRate = 0;
        },
      },
    });
    assert.deepEqual(
      trainer.history.map(({ learningRate }) => learningRate),
      [0.1, 0.05, 0.2, 0],
    );
    assert.deepEqual(seen[3], seen[2], 'no step at rate 0');
    assert.equal(optimizer.rho, 0.2);
    const { trainer: other, dispose: disposeOther } = make({}, sam({ learningRate: 0.3 }));
    other.optimizer.learningRate = 0.7;
    other.restore(other.save());
    assert.equal(other.optimizer.learningRate, 0.7);
    disposeOther();
    dispose();
  });

  it('names wrong options', () => {
    const cases: Array<[Partial<TrainerOptions>, RegExp]> = [
      [{ epochs: 0 }, /^epochs must be/],
      [{ batchSize: 0.5 }, /^batchSize must be/],
      [{ seed: 0.5 }, /^seed must be/],
      [
        { schedule: { kind: 'step' } as never },
        /^schedule.kind must be one of "constant", "multiStep", "cosine"/,
      ],
      [{ evaluateEvery: 0 }, /^evaluateEvery must be/],
      [{ batchsize: 3 } as never, /^Trainer has no option "batchsize"\. Did you mean batchSize\?$/],
    ];
    for (const [options, message] of cases) {
      assert.throws(
        () => make(options),
        (error: unknown) => error instanceof OptionError && message.test(error.message),
      );
    }
  });
});

describe('schedules', () => {
  it('stretched to another length fall at the same shares, never at the start, and once where milestones meet', () => {
    const milestones = (epochs: number) => {
      const stretched = stretchSchedule({ kind: 'multiStep', milestones: [50, 100, 150] }, epochs / 200);
      assert.ok(stretched.kind === 'multiStep');
      return stretched.milestones;
    };
    assert.deepEqual([400, 200, 30, 6, 2, 1].map(milestones), [
      [100, 200, 300],
      [50, 100, 150],
      [8, 15, 23],
      [2, 3, 5],
      [1, 2],
      [1],
    ]);
  });

  it("multiStep is the paper's", () => {
    const factor = scheduleFunction({ kind: 'multiStep', milestones: [50, 100, 150] }, 200, 10);
    assert.deepEqual(
      [0, 49, 50, 99, 100, 150, 199].map((epoch) => Math.round(factor(epoch, 3) * 1e6) / 1e6),
      [1, 1, 0.1, 0.1, 0.01, 0.001, 0.001],
    );
  });
  it('cosine starts at 1, is half way down in the middle and ends near its final value', () => {
    const factor = scheduleFunction({ kind: 'cosine', final: 0.2 }, 10, 100);
    assert.equal(factor(0, 0), 1);
    assert.ok(Math.abs(factor(5, 0) - 0.6) < 1e-12);
    assert.ok(Math.abs(factor(9, 99) - 0.2) < 1e-4);
  });
  it('warm-up rises linearly and ends at the schedule', () => {
    const factor = scheduleFunction({ kind: 'constant', warmUpEpochs: 2 }, 10, 5);
    assert.deepEqual([factor(0, 0), factor(0, 4), factor(1, 4), factor(5, 0)], [0.1, 0.5, 1, 1]);
  });
});
