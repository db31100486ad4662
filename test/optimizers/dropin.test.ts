/** The optimizers in place of tf.js's own: model.compile, model.fit, minimize. */
import 'lookbehind/compile';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { adamw, lookahead, lookbehindASAM, lookbehindSAM, multistepSAM, sam, sgd } from 'lookbehind';
import { LookbehindError, OptionError } from 'lookbehind/errors';
import { DescentOptimizer, type FamilyOptimizer, type LossPass } from 'lookbehind/extend';
import { Lookahead } from '../../lib/dist/optimizers/lookahead';
import { assertClose } from '../compile/support';
import { FAMILY, Quadratic } from './support';

/** Two blobs of 2-D points, one per class. */
function blobs(n = 64): { xs: tf.Tensor2D; ys: tf.Tensor2D } {
  return tf.tidy(() => {
    const side = tf.tensor1d(
      Array.from({ length: n }, (_, i) => i % 2),
      'int32',
    );
    const centers = tf.sub(tf.mul(tf.oneHot(side, 2), 2), 1);
    return {
      xs: tf.add(tf.randomNormal([n, 2], 0, 0.5, 'float32', 3), centers) as tf.Tensor2D,
      ys: tf.oneHot(side, 2) as tf.Tensor2D,
    };
  });
}

function sequential({ batchNorm = false } = {}): tf.Sequential {
  const model = tf.sequential();
  model.add(
    tf.layers.dense({
      units: 8,
      activation: 'tanh',
      inputShape: [2],
      kernelInitializer: tf.initializers.glorotNormal({ seed: 1 }),
    }),
  );
  if (batchNorm) model.add(tf.layers.batchNormalization());
  model.add(
    tf.layers.dense({
      units: 2,
      activation: 'softmax',
      kernelInitializer: tf.initializers.glorotNormal({ seed: 2 }),
    }),
  );
  return model;
}

function functional(): tf.LayersModel {
  const input = tf.input({ shape: [2] });
  const left = tf.layers.dense({ units: 4, activation: 'relu' }).apply(input) as tf.SymbolicTensor;
  const right = tf.layers.dense({ units: 4, activation: 'tanh' }).apply(input) as tf.SymbolicTensor;
  const joined = tf.layers.concatenate().apply([left, right]);
  const output = tf.layers.dense({ units: 2, activation: 'softmax' }).apply(joined) as tf.SymbolicTensor;
  return tf.model({ inputs: input, outputs: output });
}

const silent = { verbose: 0 } as const;

describe('model.fit', () => {
  for (const [name, make] of Object.entries(FAMILY)) {
    it(`learns with ${name}`, async () => {
      const model = sequential();
      const { xs, ys } = blobs(32);
      const optimizer = make({ learningRate: 0.2, momentum: 0.5 });
      model.compile({ optimizer, loss: 'categoricalCrossentropy', metrics: ['accuracy'] });
      const { history } = await model.fit(xs, ys, { ...silent, epochs: 8, batchSize: 16 });
      assert.ok((history.acc.at(-1) as number) > 0.9, `accuracy ${history.acc}`);
      assert.ok((history.loss.at(-1) as number) < (history.loss[0] as number));
      optimizer.dispose();
      model.dispose();
      tf.dispose([xs, ys]);
    });
  }

  it('works with functional models, BatchNorm, class weights, validation and callbacks', async () => {
    for (const model of [functional(), sequential({ batchNorm: true })]) {
      const { xs, ys } = blobs();
      const optimizer = lookbehindSAM({ learningRate: 0.1, k: 3 });
      model.compile({ optimizer, loss: 'categoricalCrossentropy', metrics: ['accuracy'] });
      const epochs: number[] = [];
      const { history } = await model.fit(xs, ys, {
        ...silent,
        epochs: 4,
        batchSize: 16,
        classWeight: { 0: 1, 1: 2 },
        validationData: [xs, ys],
        callbacks: { onEpochEnd: async (epoch) => void epochs.push(epoch) },
      });
      assert.deepEqual(epochs, [0, 1, 2, 3]);
      assert.ok((history.val_acc.at(-1) as number) > 0.9);
      assert.equal(optimizer.iterations, 16);
      optimizer.dispose();
      model.dispose();
      tf.dispose([xs, ys]);
    }
  });

  it('reports metrics at the slow weights and leaks none of the k others', async () => {
    const { xs, ys } = blobs(16);
    const reported = async (optimizer: FamilyOptimizer): Promise<number[]> => {
      const model = sequential();
      model.compile({ optimizer, loss: 'categoricalCrossentropy', metrics: ['accuracy', 'mse'] });
      const before = model.evaluate(xs, ys, silent) as tf.Scalar[];
      const expected = before.map((value) => value.dataSync()[0]);
      tf.dispose(before);
      await model.fit(xs, ys, { ...silent, epochs: 1, batchSize: 16 });
      const warm = tf.memory().numTensors;
      const { history } = await model.fit(xs, ys, { ...silent, epochs: 5, batchSize: 16 });
      assert.equal(tf.memory().numTensors, warm);
      optimizer.dispose();
      model.dispose();
      return [...expected, history.loss.length];
    };
    await reported(sgd());
    await reported(lookbehindASAM({ k: 4, learningRate: 0.05 }));
    await reported(multistepSAM({ k: 3, learningRate: 0.05 }));
    tf.dispose([xs, ys]);
  });

  for (const [name, make] of Object.entries(FAMILY)) {
    it(`${name} trains two outputs, and a step leaks nothing`, async () => {
      const input = tf.input({ shape: [2] });
      const outputs = ['left', 'right'].map((output) =>
        tf.layers.dense({ units: 1, name: `${output}${name.replace(/\W/g, '')}` }).apply(input),
      );
      const model = tf.model({ inputs: input, outputs: outputs as tf.SymbolicTensor[] });
      const optimizer = make({ learningRate: 0.01 });
      const xs = tf.tensor2d([1, 2, -1, 0.5], [2, 2]);
      const ys = [tf.ones([2, 1]), tf.zeros([2, 1])];
      // model.evaluate weighs two outputs in its own way: compare with what stock training reports of the
      // first step.
      const start = model.getWeights().map((weight) => weight.clone());
      model.compile({ optimizer: tf.train.sgd(0.01), loss: 'meanSquaredError', metrics: ['mae'] });
      const stock = await model.fit(xs, ys, { ...silent, epochs: 1 });
      model.setWeights(start);
      model.compile({ optimizer, loss: 'meanSquaredError', metrics: ['mae'] });
      const { history } = await model.fit(xs, ys, { ...silent, epochs: 1 });
      assert.equal(Object.keys(history).length, 5);
      assert.deepEqual(history, stock.history);
      const warm = tf.memory().numTensors;
      await model.fit(xs, ys, { ...silent, epochs: 3 });
      assert.equal(tf.memory().numTensors, warm);
      tf.dispose([xs, ys, start]);
      optimizer.dispose();
      model.dispose();
    });

    it(`${name}: trainOnBatch returns loss and metrics at the weights before the step`, async () => {
      const { xs, ys } = blobs(16);
      const model = sequential();
      const optimizer = make({ learningRate: 0.05 });
      model.compile({ optimizer, loss: 'categoricalCrossentropy', metrics: ['accuracy', 'mse'] });
      const before = model.evaluate(xs, ys, silent) as tf.Scalar[];
      const expected = before.map((value) => value.dataSync()[0]);
      const reported = (await model.trainOnBatch(xs, ys)) as number[];
      assert.equal(reported.length, 3);
      reported.forEach((value, i) => {
        assert.ok(Math.abs(value - expected[i]) < 1e-6);
      });
      const warm = tf.memory().numTensors;
      await model.trainOnBatch(xs, ys);
      assert.equal(tf.memory().numTensors, warm);
      tf.dispose([before, xs, ys]);
      optimizer.dispose();
      model.dispose();
    });

    it(`${name} leaves what the loss keeps: states of layers, maps and constants`, async () => {
      const optimizer = make({ learningRate: 0.01 });
      const model = tf.sequential();
      model.add(tf.layers.simpleRNN({ units: 2, batchInputShape: [2, 3, 1], stateful: true, dropout: 0.5 }));
      model.add(tf.layers.dense({ units: 1 }));
      model.compile({ optimizer, loss: 'meanSquaredError' });
      const xs = tf.ones([2, 3, 1]);
      const ys = tf.ones([2, 1]);
      await model.fit(xs, ys, { ...silent, epochs: 3, batchSize: 2, shuffle: false });
      const w = tf.variable(tf.scalar(1));
      const maps: tf.Tensor[] = [];
      let constant: tf.Tensor | undefined;
      let evaluations = 0;
      for (let step = 0; step < 2; step++) {
        optimizer.minimize(
          () => {
            if (evaluations++ > 0) constant ??= tf.keep(tf.scalar(2));
            maps.push(tf.keep(tf.mul(w, 3)));
            return tf.square(tf.mul(w, constant ?? 2)) as tf.Scalar;
          },
          false,
          [w],
        );
      }
      for (const map of [constant!, ...maps]) assert.ok(Number.isFinite(map.dataSync()[0]));
      tf.dispose([xs, ys, w, constant!, maps]);
      optimizer.dispose();
      model.dispose();
    });
  }

  it('first-epoch loss of one batch is the loss at the weights before the step', async () => {
    const { xs, ys } = blobs(16);
    const model = sequential();
    const optimizer = lookbehindSAM({ k: 4, rho: 0.5, learningRate: 0.5 });
    model.compile({ optimizer, loss: 'categoricalCrossentropy', metrics: ['accuracy'] });
    const [loss, accuracy] = model.evaluate(xs, ys, { ...silent, batchSize: 16 }) as tf.Scalar[];
    const { history } = await model.fit(xs, ys, { ...silent, epochs: 1, batchSize: 16 });
    assert.ok(Math.abs((history.loss[0] as number) - loss.dataSync()[0]) < 1e-6);
    assert.ok(Math.abs((history.acc[0] as number) - accuracy.dataSync()[0]) < 1e-6);
    optimizer.dispose();
    model.dispose();
    tf.dispose([xs, ys, loss, accuracy]);
  });

  it('BatchNorm statistics with k + 1 gradients are those of the official 2k passes', async () => {
    const { xs, ys } = blobs();
    const statistics = async (reuseGradients?: boolean): Promise<Float32Array[]> => {
      const model = sequential({ batchNorm: true });
      const optimizer = lookbehindSAM({ k: 4, learningRate: 0.1, rho: 0.2, reuseGradients });
      model.compile({ optimizer, loss: 'categoricalCrossentropy' });
      await model.fit(xs, ys, { ...silent, epochs: 3, batchSize: 16, shuffle: false });
      assert.equal(optimizer.gradientEvaluations, 12 * (reuseGradients === false ? 8 : 5));
      const values = model.getWeights().map((weight) => weight.dataSync() as Float32Array);
      optimizer.dispose();
      model.dispose();
      return values;
    };
    const [official, reused] = [await statistics(false), await statistics()];
    official.forEach((values, i) => {
      values.forEach((value, j) => {
        assert.ok(
          Math.abs(value - reused[i][j]) < 2e-5 * Math.max(1, Math.abs(value)),
          `weight ${i}: ${value} ${reused[i][j]}`,
        );
      });
    });
    tf.dispose([xs, ys]);
  });

  it('the statistics move as often as the policy says', () => {
    const { xs, ys } = blobs(16);
    const decay = (batchNormUpdates: 'every' | 'first' | 'none'): number => {
      const model = tf.sequential();
      model.add(tf.layers.batchNormalization({ inputShape: [2], momentum: 0.5, betaInitializer: 'zeros' }));
      const optimizer = lookbehindSAM({ k: 3, rho: 0.05, learningRate: 0, batchNormUpdates });
      const loss = (): tf.Scalar =>
        tf.losses.meanSquaredError(ys, model.apply(xs, { training: true }) as tf.Tensor);
      optimizer.minimize(
        loss,
        false,
        model.trainableWeights.map((weight) => weight.read() as tf.Variable),
      );
      const [mean] = model
        .getWeights()
        .slice(2)
        .map((weight) => weight.dataSync()[0]);
      const batchMean = tf.tidy(() => tf.mean(xs, 0).dataSync()[0]);
      optimizer.dispose();
      model.dispose();
      // After n updates with momentum 1/2 the distance to the batch mean is 2^-n of what it was.
      return Math.abs(Math.round(Math.log2((batchMean - mean) / batchMean)));
    };
    assert.equal(decay('every'), 6);
    assert.equal(decay('first'), 1);
    assert.equal(decay('none'), 0);
    tf.dispose([xs, ys]);
  });

  it('a learning rate changed in a callback reaches the base optimizer', async () => {
    const { xs, ys } = blobs(16);
    for (const optimizer of [
      lookbehindSAM({ learningRate: 0.1 }),
      lookahead(sam({ learningRate: 0.1 }), { k: 2 }),
    ]) {
      const model = sequential();
      model.compile({ optimizer, loss: 'categoricalCrossentropy' });
      const snapshots: Float32Array[] = [];
      await model.fit(xs, ys, {
        ...silent,
        epochs: 3,
        batchSize: 16,
        callbacks: {
          onEpochBegin: async (epoch) => {
            if (epoch === 1) (model.optimizer as FamilyOptimizer).setLearningRate(0);
          },
          onEpochEnd: async () => void snapshots.push(model.getWeights()[0].dataSync() as Float32Array),
        },
      });
      assert.equal(optimizer.learningRate, 0);
      assert.deepEqual(snapshots[2], snapshots[1].slice(), 'no step at learning rate 0');
      optimizer.dispose();
      model.dispose();
    }
    tf.dispose([xs, ys]);
  });

  const saved: Record<string, () => FamilyOptimizer> = {
    Lookbehind: () => lookbehindSAM({ k: 3, alpha: 'adaptive', momentum: 0.9 }),
    MultistepSAM: () => multistepSAM({ k: 3, base: adamw() }),
    LookbehindFamilyLookahead: () => lookahead(sam({ rho: 0.1 }), { k: 4 }),
    LookbehindFamilySGD: () => sgd({ momentum: 0.9 }),
  };
  for (const [className, make] of Object.entries(saved)) {
    it(`${className} can be saved with the model and loaded again`, async () => {
      const { xs, ys } = blobs(16);
      const model = sequential();
      model.compile({ optimizer: make(), loss: 'categoricalCrossentropy' });
      await model.fit(xs, ys, { ...silent, epochs: 2 });
      let artifacts: tf.io.ModelArtifacts | undefined;
      const handler = tf.io.withSaveHandler(async (given) => {
        artifacts = given;
        return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } };
      });
      await model.save(handler, { includeOptimizer: true });
      const loaded = await tf.loadLayersModel(tf.io.fromMemory(artifacts!));
      const optimizer = loaded.optimizer as FamilyOptimizer;
      assert.equal(optimizer.getClassName(), className);
      assert.deepEqual(optimizer.getConfig(), (model.optimizer as FamilyOptimizer).getConfig());
      assert.equal(optimizer.iterations, 2);
      optimizer.dispose();
      model.optimizer.dispose();
      tf.dispose([xs, ys]);
      model.dispose();
      loaded.dispose();
    });
  }
});

describe('minimize', () => {
  it('trains only the given variables and returns the cost at the start', () => {
    const problem = new Quadratic();
    const before = problem.values;
    const optimizer = lookbehindSAM({ learningRate: 0.1, k: 3 });
    const expected = tf.tidy(() => problem.loss().dataSync()[0]);
    const cost = optimizer.minimize(problem.loss, true, [problem.variables[0]])!;
    assert.equal(cost.dataSync()[0], expected);
    assert.equal(problem.values[2], before[2]);
    assert.notEqual(problem.values[0], before[0]);
    cost.dispose();
    optimizer.dispose();
    problem.dispose();
  });

  it('shows the loss what each pass is for, so that it can switch batches', () => {
    const problem = new Quadratic();
    const optimizer = lookbehindSAM({ k: 3 });
    const passes: LossPass[] = [];
    optimizer.minimize(
      (pass) => {
        passes.push({ ...pass });
        return problem.loss();
      },
      false,
      problem.variables,
    );
    assert.deepEqual(
      passes.map(({ phase, inner }) => `${phase} ${inner}`),
      ['ascent 0', 'descent 0', 'ascent 1', 'descent 1', 'ascent 2', 'descent 2'],
    );
    optimizer.dispose();
    problem.dispose();
  });

  for (const [name, make] of Object.entries(FAMILY)) {
    it(`${name}: a loss that throws leaves weights, state and tensors as they were`, () => {
      const problem = new Quadratic();
      const optimizer = make({ learningRate: 0.05, momentum: 0.9 });
      const reference = new Quadratic();
      const untouched = make({ learningRate: 0.05, momentum: 0.9 });
      for (let step = 0; step < 2; step++) {
        optimizer.minimize(problem.loss, false, problem.variables);
        untouched.minimize(reference.loss, false, reference.variables);
      }
      const tensors = tf.memory().numTensors;
      for (let failAt = 1; failAt <= 2; failAt++) {
        let calls = 0;
        const failing = (): tf.Scalar => {
          if (++calls === failAt) throw new Error('the loss failed');
          return problem.loss();
        };
        if (optimizer.gradientEvaluations === 2 && failAt === 2) break;
        assert.throws(() => optimizer.minimize(failing, false, problem.variables), /the loss failed/);
      }
      assert.equal(tf.memory().numTensors, tensors);
      assert.deepEqual(problem.values, reference.values);
      for (let step = 0; step < 2; step++) {
        optimizer.minimize(problem.loss, false, problem.variables);
        untouched.minimize(reference.loss, false, reference.variables);
      }
      assert.deepEqual(
        problem.values,
        reference.values,
        'the next steps are those of an optimizer that never failed',
      );
      for (const one of [problem, reference, optimizer, untouched]) one.dispose();
    });
  }

  it('a loss that writes variables of its own and throws leaves them as they were', () => {
    const problem = new Quadratic();
    const calls = tf.tidy(() => tf.variable(tf.scalar(0), false));
    const optimizer = lookbehindSAM({ k: 2, momentum: 0.9 });
    const failing = (): tf.Scalar => {
      if (calls.dataSync()[0] === 2) throw new Error('the loss failed');
      calls.assign(tf.add(calls, 1));
      return problem.loss();
    };
    const tensors = tf.memory().numTensors;
    assert.throws(() => optimizer.minimize(failing, false, problem.variables), /the loss failed/);
    assert.equal(calls.dataSync()[0], 0);
    assert.equal(tf.memory().numTensors, tensors);
    tf.dispose(calls);
    for (const one of [problem, optimizer]) one.dispose();
  });

  it('a step copies what it writes, and no other variable of the process', () => {
    const held = (others: number): number => {
      const problem = new Quadratic();
      const variables = tf.tidy(() => Array.from({ length: others }, () => tf.variable(tf.zeros([3]))));
      const optimizer = sam();
      const before = tf.memory().numTensors;
      let most = 0;
      const loss = (): tf.Scalar => {
        most = Math.max(most, tf.memory().numTensors - before);
        return problem.loss();
      };
      optimizer.minimize(loss, false, problem.variables);
      tf.dispose(variables);
      for (const one of [problem, optimizer]) one.dispose();
      return most;
    };
    assert.equal(held(500), held(0));
  });
});

describe('withSlowWeights', () => {
  it('shows the slow weights between two synchronizations and puts the fast ones back, also after an error', async () => {
    const problem = new Quadratic();
    const optimizer = lookahead(sgd({ learningRate: 0.05 }), { k: 3 });
    const start = problem.values;
    optimizer.minimize(problem.loss, false, problem.variables);
    const fast = problem.values;
    assert.deepEqual(await optimizer.withSlowWeights(() => problem.values), start);
    assert.deepEqual(problem.values, fast);
    await assert.rejects(
      optimizer.withSlowWeights(() => {
        throw new Error('evaluation failed');
      }),
      /evaluation failed/,
    );
    assert.deepEqual(problem.values, fast);
    optimizer.dispose();
    problem.dispose();
  });

  it('shows them to two evaluations at once, whichever ends first', async () => {
    for (const [first, second] of [
      [1, 3],
      [3, 1],
    ]) {
      const problem = new Quadratic();
      const optimizer = lookahead(sgd({ learningRate: 0.05 }), { k: 3 });
      const start = problem.values;
      optimizer.minimize(problem.loss, false, problem.variables);
      const fast = problem.values;
      const tensors = tf.memory().numTensors;
      const after = (turns: number) =>
        optimizer.withSlowWeights(async () => {
          for (let turn = 0; turn < turns; turn++) await Promise.resolve();
          return problem.values;
        });
      assert.deepEqual(await Promise.all([after(first), after(second)]), [start, start]);
      assert.deepEqual(problem.values, fast);
      assert.equal(tf.memory().numTensors, tensors);
      optimizer.dispose();
      problem.dispose();
    }
  });
});

describe('wrong options', () => {
  const cases: Array<[string, () => unknown, RegExp]> = [
    ['k 0', () => lookbehindSAM({ k: 0 }), /^k must be a whole number >= 1, got 0\./],
    ['k 1.5', () => multistepSAM({ k: 1.5 }), /^k must be a whole number >= 1, got 1\.5\./],
    ['rho -1', () => sam({ rho: -1 }), /^rho must be a number >= 0, got -1\./],
    ['rho NaN', () => lookbehindSAM({ rho: Number.NaN }), /^rho must be/],
    [
      'alpha 1.2',
      () => lookbehindSAM({ alpha: 1.2 }),
      /^alpha must be a number >= 0 and <= 1, or "adaptive", got 1\.2\./,
    ],
    ['alpha NaN', () => lookbehindSAM({ alpha: Number.NaN }), /^alpha must be/],
    ['alpha auto', () => lookbehindSAM({ alpha: 'auto' as 'adaptive' }), /^alpha must be/],
    ['eta -1', () => lookbehindASAM({ eta: -1 }), /^eta must be a number >= 0/],
    ['eta of SAM', () => sam({ eta: 0.1 } as object), /^sam has no option "eta"/],
    [
      'unknown',
      () => lookbehindSAM({ lr: 0.1 } as object),
      /^lookbehindSAM has no option "lr"\. Did you mean learningRate\?$/,
    ],
    ['momentum 2', () => sgd({ momentum: 2 }), /^momentum must be/],
    ['nesterov', () => sgd({ nesterov: true }), /^nesterov must be false unless/],
    ['base', () => lookbehindSAM({ base: sam() }), /base must be a base optimizer/],
    [
      'base and rate',
      () => lookbehindSAM({ base: sgd(), learningRate: 0.1 }),
      /learningRate must be left out where base is given/,
    ],
    ['lookahead k', () => lookahead(sgd(), { k: 0 }), /^k must be/],
    ['lookahead base', () => lookahead({} as never), /base must be a base optimizer/],
    [
      'batchNormUpdates',
      () => sam({ batchNormUpdates: 'all' as 'every' }),
      /^batchNormUpdates must be one of/,
    ],
    [
      'learning rate later',
      () => {
        sgd().learningRate = -1;
      },
      /^learningRate must be/,
    ],
  ];
  for (const [name, make, message] of cases) {
    it(name, () => {
      assert.throws(make, (error: unknown) => error instanceof OptionError && message.test(error.message));
    });
  }

  it('one gradient is refused where the loss is needed', () => {
    const optimizer = sam();
    assert.throws(() => optimizer.applyGradients({}), /minimize\(loss\)/);
    optimizer.dispose();
  });
});

describe('what the loss reads and uses', () => {
  it('a loss may switch batches however it names its pass', () => {
    const walked = (lossOf: (w: tf.Variable) => (pass: LossPass) => tf.Scalar): number[] => {
      const w = tf.variable(tf.scalar(0));
      const optimizer = lookbehindSAM({ k: 3, rho: 1, learningRate: 0.1 });
      optimizer.minimize(lossOf(w), false, [w]);
      const result = [w.dataSync()[0], optimizer.gradientEvaluations];
      tf.dispose(w);
      optimizer.dispose();
      return result;
    };
    const at = (w: tf.Variable, inner: number) => tf.square(tf.sub(w, [1, -2, 3][inner])) as tf.Scalar;
    const expected = walked((w) => (pass) => at(w, pass.inner));
    assert.equal(expected[1], 6);
    const byDefault = (w: tf.Variable) => (pass?: LossPass) =>
      at(w, (({ inner } = { inner: 0 } as LossPass) => inner)(pass));
    assert.deepEqual(walked(byDefault), expected);
    const withDefault =
      (w: tf.Variable) =>
      ({ inner }: LossPass = { phase: 'ascent', inner: 0, batchNormUpdates: 1 }) =>
        at(w, inner);
    assert.deepEqual(walked(withDefault), expected);
    assert.deepEqual(
      walked(
        (w) =>
          (...args) =>
            at(w, args[0].inner),
      ),
      expected,
    );
    assert.equal(
      walked(
        (w) =>
          (...args) =>
            at(w, args.length),
      )[1],
      4,
      'one that reads nothing sees one batch',
    );
  });

  const passes: Record<string, (n: number) => boolean> = { first: (n) => n === 0, last: (n) => n > 0 };
  const takesOnePass = (make: () => FamilyOptimizer): boolean => {
    const optimizer = make();
    optimizer.dispose();
    return (optimizer instanceof Lookahead ? optimizer.base : optimizer) instanceof DescentOptimizer;
  };
  const makers: Record<string, () => FamilyOptimizer> = {
    ...Object.fromEntries(
      Object.entries(FAMILY).map(([name, make]) => [
        name,
        () => make({ learningRate: 0.1, momentum: 0.9, weightDecay: 0.01 }),
      ]),
    ),
    'lookbehindSAM over adamw': () =>
      lookbehindSAM({ base: adamw({ learningRate: 0.1 }), k: 3, alpha: 'adaptive' }),
    'lookbehindSAM with dampening': () =>
      lookbehindSAM({ learningRate: 0.1, momentum: 0.9, dampening: 0.5, k: 3 }),
  };
  for (const [name, make] of Object.entries(makers)) {
    for (const [which, uses] of Object.entries(passes)) {
      for (const reads of [false, true]) {
        it(`${name}: a variable of the ${which} passes only has a zero gradient in the others${reads ? ', two batches' : ''}`, () => {
          const run = (zero: boolean): { values: number[]; unused: number[] } => {
            const [a, b, unused] = [1, 1.5, 2].map((value) => tf.variable(tf.scalar(value)));
            const optimizer = make();
            for (let step = 0; step < 3; step++) {
              let n = 0;
              const lossOf = (pass: LossPass): tf.Scalar => {
                const used = uses(n++ - (reads ? pass.inner : 0));
                // A path of weight 0 has the gradient 0; it is what a missing path counts for.
                const other = used ? tf.square(b) : zero ? tf.mul(b, 0) : tf.scalar(0);
                return tf.add(tf.square(a), other) as tf.Scalar;
              };
              optimizer.minimize(lossOf, false, [a, b, unused]);
            }
            const values = [a, b].map((variable) => variable.dataSync()[0]);
            const slots = optimizer
              .family()
              .flatMap((one) => (one instanceof Lookahead ? [] : one.slots.list()));
            assert.ok(slots.every(({ variableName }) => variableName !== unused.name));
            const result = { values, unused: Array.from(unused.dataSync()) };
            tf.dispose([a, b, unused]);
            optimizer.dispose();
            return result;
          };
          const { values, unused } = run(false);
          assert.deepEqual(unused, [2], 'a variable of no pass takes no part');
          // With one pass a step it is the whole step that has no gradient, and nothing decays.
          if (takesOnePass(make) && which === 'last') assert.equal(values[1], 1.5);
          else assert.deepEqual(values, run(true).values);
        });
      }
    }
  }

  it('SAM descends along the gradient of a variable that only the second pass uses', () => {
    const [a, b] = [1, 1].map((value) => tf.variable(tf.scalar(value)));
    const optimizer = sam({ learningRate: 0.1, rho: 0.1 });
    let n = 0;
    optimizer.minimize(() => tf.add(tf.square(a), n++ > 0 ? tf.square(b) : 0) as tf.Scalar, false, [a, b]);
    assertClose(
      [a, b].map((variable) => variable.dataSync()[0]),
      [1 - 0.1 * 2 * 1.1, 0.8],
      1e-6,
    );
    tf.dispose([a, b]);
    optimizer.dispose();
  });

  for (const [name, make] of Object.entries(makers)) {
    it(`${name}: refuses a loss of none of its variables, and takes a pass without any`, () => {
      const [w, other] = [1, 1].map((value) => tf.variable(tf.scalar(value)));
      const optimizer = make();
      assert.throws(
        () => optimizer.minimize(() => tf.square(other) as tf.Scalar, false, [w]),
        (error: unknown) =>
          error instanceof LookbehindError && /depends on none of the variables/.test(error.message),
      );
      assert.deepEqual(
        [w, other].map((variable) => variable.dataSync()[0]),
        [1, 1],
      );
      let n = 0;
      optimizer.minimize(
        () => (n++ % 2 === (takesOnePass(make) ? 0 : 1) ? tf.square(w) : tf.square(other)) as tf.Scalar,
        false,
        [w],
      );
      assert.ok(w.dataSync()[0] < 1);
      tf.dispose([w, other]);
      optimizer.dispose();
    });
  }

  const late: Record<string, () => FamilyOptimizer> = {
    adamw: () => adamw({ learningRate: 0.01, weightDecay: 0 }),
    'sgd with dampening': () => sgd({ learningRate: 0.01, momentum: 0.9, dampening: 0.5 }),
    'sam over adamw': () => sam({ rho: 0, base: adamw({ learningRate: 0.01, weightDecay: 0 }) }),
    'lookbehindSAM over adamw': () => lookbehindSAM({ rho: 0, base: adamw({ learningRate: 0.01 }), k: 2 }),
  };
  for (const [name, make] of Object.entries(late)) {
    it(`${name}: a variable that joins later counts its own steps`, () => {
      const path = (stepsBefore: number): number[] => {
        const [a, b] = [1, 1].map((value) => tf.variable(tf.scalar(value)));
        const optimizer = make();
        for (let i = 0; i < stepsBefore; i++) optimizer.minimize(() => tf.square(a) as tf.Scalar, false, [a]);
        const values: number[] = [];
        for (let i = 0; i < 3; i++) {
          optimizer.minimize(() => tf.add(tf.square(a), tf.mul(b, 3)) as tf.Scalar, false, [a, b]);
          values.push(b.dataSync()[0]);
        }
        tf.dispose([a, b]);
        optimizer.dispose();
        return values;
      };
      const joined = path(10);
      assert.deepEqual(joined, path(0));
      // The first step of Adam has the length of the learning rate, that of SGD its whole gradient.
      if (name === 'adamw') assertClose(joined.slice(0, 1), [1 - 0.01], 1e-6);
      if (name.startsWith('sgd')) assertClose(joined.slice(0, 1), [1 - 0.01 * 3], 1e-6);
    });
  }
});
