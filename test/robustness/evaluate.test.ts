import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { setBatchNormConvention } from 'lookbehind/compile';
import { AbortedError, OptionError } from 'lookbehind/errors';
import { Random } from 'lookbehind/extend';
import * as models from 'lookbehind/models';
import {
  accuracyArea,
  allWeights,
  bitErrors,
  evaluateUnderNoise,
  gaussianNoise,
  meanHeight,
  NoiseDraw,
  type NoiseEvaluation,
  NoiseEvaluator,
  type NoiseLevel,
  noiseSensitivity,
  recomputeBatchNorm,
  type WeightNoise,
} from 'lookbehind/robustness';
import { type TensorSamples, trainableVariables } from 'lookbehind/train';
import { activate, batchNorm, conv2d, dense } from '../../lib/dist/models/layers';
import { summarize } from '../../lib/dist/robustness/summary';
import { weightTensors } from '../../lib/dist/robustness/tensors';
import { evaluateSync } from '../../lib/dist/training/evaluate';
import { assertAllClose, assertClose } from './support';

/** `count` random samples of the given shape and 3 classes. The caller disposes them. */
function samples(count: number, ...shape: number[]): TensorSamples {
  const random = new Random(7, 'samples');
  const size = shape.reduce((product, n) => product * n, count);
  return {
    xs: tf.tensor(random.normals(size), [count, ...shape]),
    ys: tf.tensor1d(
      Int32Array.from({ length: count }, () => random.int(3)),
      'int32',
    ),
  };
}

function perceptron(seed = 0, name = 'mlp'): tf.LayersModel {
  return models.mlp({ inputs: 5, hidden: [7, 6], classes: 3, batchNorm: true, seed, name });
}

function convNet(): tf.LayersModel {
  return models.convNet({ inputs: [6, 6, 1], filters: [3, 4], classes: 3, batchNorm: true });
}

/** The bytes of all weights, moving statistics included. */
function bytesOf(model: tf.LayersModel): string {
  return model
    .getWeights()
    .map((tensor) => Buffer.from(new Uint8Array(tensor.dataSync().buffer)).toString('hex'))
    .join();
}

const noise = (sigma: number): WeightNoise => gaussianNoise({ sigma });

describe('evaluateUnderNoise', () => {
  for (const [kind, make, shape] of [
    ['a dense network', perceptron, [5]],
    ['a ConvNet', convNet, [6, 6, 1]],
  ] as const) {
    it(`equals a plain loop over levels and draws, for ${kind}`, async () => {
      const model = make();
      const data = samples(40, ...shape);
      const levels = [0.2, 0.6];
      const result = await evaluateUnderNoise(model, data, { noise, levels, draws: 3, seed: 4 });
      const clean = evaluateSync(model, data);
      assertClose(result.clean.loss, clean.loss, 1e-5, 'clean loss');
      assert.equal(result.clean.accuracy, clean.accuracy);
      const tensors = weightTensors(model).filter(({ role }) => role === 'kernel');
      const originals = tensors.map(({ variable }) => variable.dataSync() as Float32Array);
      levels.forEach((level, l) => {
        for (let draw = 0; draw < 3; draw++) {
          let change = 0;
          let norm = 0;
          tensors.forEach(({ variable, ...tensor }, i) => {
            const { values } = noise(level).apply(originals[i], new NoiseDraw(4, draw).site(tensor));
            tf.tidy(() => variable.assign(tf.tensor(values, variable.shape)));
            originals[i].forEach((w, j) => {
              change += (values[j] - w) ** 2;
              norm += w ** 2;
            });
          });
          const expected = evaluateSync(model, data);
          const { loss, lossRise, accuracy, accuracyDrop, relativeError } = result.levels[l];
          assertClose(loss.values[draw], expected.loss, 1e-5, `loss at ${level}, draw ${draw}`);
          assertClose(lossRise.values[draw], expected.loss - clean.loss, 1e-5, 'loss rise');
          assertClose(accuracy.values[draw], expected.accuracy, 1e-12, 'accuracy');
          assertClose(accuracyDrop.values[draw], clean.accuracy - expected.accuracy, 1e-12, 'accuracy drop');
          assertClose(relativeError.values[draw], Math.sqrt(change / norm), 1e-6, 'relative error');
        }
      });
      tf.dispose([data.xs, data.ys]);
      model.dispose();
    });
  }

  it('gives models of one architecture the same draws', async () => {
    const data = samples(10, 5);
    const met: string[][] = [];
    for (const model of [perceptron(0, 'one'), perceptron(1, 'two')]) {
      const numbers: string[] = [];
      const recording = (level: number): WeightNoise => ({
        ...noise(level),
        apply(weights, site) {
          numbers.push(site.normals('gaussian').join());
          return noise(level).apply(weights, site);
        },
      });
      await evaluateUnderNoise(model, data, { noise: recording, levels: [0.1], draws: 2 });
      met.push(numbers);
      model.dispose();
    }
    assert.equal(met[0].length, 6);
    assert.deepEqual(met[0], met[1]);
    tf.dispose([data.xs, data.ys]);
  });

  it('gives the same result for the same seed, another for another, whatever the memory budget', async () => {
    const model = perceptron();
    const data = samples(30, 5);
    const run = (seed: number, memoryBudget: number): Promise<NoiseEvaluation> =>
      evaluateUnderNoise(model, data, { noise, levels: [0.1, 0.5], draws: 4, seed, memoryBudget });
    const losses = (result: NoiseEvaluation): number[] => result.levels.flatMap(({ loss }) => loss.values);
    const first = losses(await run(1, 2 ** 28));
    assert.deepEqual(losses(await run(1, 2 ** 28)), first);
    assertAllClose(losses(await run(1, 1)), first, 1e-5, 'one set at a time');
    assert.notDeepEqual(losses(await run(2, 2 ** 28)), first);
    model.dispose();
    tf.dispose([data.xs, data.ys]);
  });

  it('restores the model bit for bit and frees its tensors, also after an error and an abort', async () => {
    const data = samples(20, 6, 6, 1);
    const model = convNet();
    const before = bytesOf(model);
    const options = { levels: [0.3, 0.5], draws: 2, batchNorm: { data, batchSize: 10 } };
    let calls = 0;
    const failing = (level: number): WeightNoise => ({
      ...noise(level),
      apply(weights, site) {
        calls++;
        if (calls === 6) throw new Error('the noise failed');
        return noise(level).apply(weights, site);
      },
    });
    await evaluateUnderNoise(model, data, { ...options, noise });
    const tensors = tf.memory().numTensors;
    await evaluateUnderNoise(model, data, { ...options, noise });
    assert.equal(tf.memory().numTensors, tensors);
    await assert.rejects(evaluateUnderNoise(model, data, { ...options, noise: failing }), /the noise failed/);
    assert.equal(tf.memory().numTensors, tensors);
    const controller = new AbortController();
    const done: number[] = [];
    await assert.rejects(
      evaluateUnderNoise(model, data, {
        ...options,
        noise,
        signal: controller.signal,
        onProgress(progress) {
          assert.equal(progress.total, 5);
          done.push(progress.done);
          if (progress.done === 3) controller.abort();
        },
      }),
      AbortedError,
    );
    assert.deepEqual(done, [1, 2, 3]);
    assert.equal(tf.memory().numTensors, tensors);
    assert.equal(bytesOf(model), before);
    tf.dispose([data.xs, data.ys]);
    model.dispose();
  });

  it('refuses a noise that changes nothing, unless its settings say so', async () => {
    const model = perceptron();
    const data = samples(10, 5);
    const idle: WeightNoise = {
      name: 'idle',
      kind: 'idle',
      changesNothing: false,
      apply: (weights) => ({ values: weights.slice() }),
    };
    await assert.rejects(
      evaluateUnderNoise(model, data, { noise: () => idle, levels: [1], draws: 2 }),
      OptionError,
    );
    const { levels } = await evaluateUnderNoise(model, data, { noise, levels: [0], draws: 2 });
    assert.equal(levels[0].relativeError.max, 0);
    assertClose(levels[0].lossRise.max, 0, 1e-6, 'loss rise without noise');
    await assert.rejects(
      evaluateUnderNoise(model, data, { noise, levels: [0.1], select: () => false }),
      /mlp\/dense1\/kernel/,
    );
    await assert.rejects(evaluateUnderNoise(model, data, { noise, levels: [] }), OptionError);
    const short: WeightNoise = { ...idle, apply: (weights) => ({ values: weights.slice(1) }) };
    await assert.rejects(evaluateUnderNoise(model, data, { noise: () => short, levels: [1] }), OptionError);
    model.dispose();
    tf.dispose([data.xs, data.ys]);
  });

  it('reports flipped bits', async () => {
    const model = perceptron();
    const data = samples(10, 5);
    const { levels } = await evaluateUnderNoise(model, data, {
      noise: (rate) => bitErrors({ rate }),
      levels: [0, 0.02],
      draws: 2,
    });
    const tensors = weightTensors(model).filter(({ role }) => role === 'kernel');
    const flipped = [0, 1].map((draw) =>
      tensors.reduce((sum, { variable, ...tensor }) => {
        const site = new NoiseDraw(0, draw).site(tensor);
        return (
          sum +
          (bitErrors({ rate: 0.02 }).apply(variable.dataSync() as Float32Array, site).bits?.flipped ?? 0)
        );
      }, 0),
    );
    assert.deepEqual(levels[0].flippedBits?.values, [0, 0]);
    assert.deepEqual(levels[1].flippedBits?.values, flipped);
    assert.equal(levels[1].storedBits, 8 * (5 * 7 + 7 * 6 + 6 * 3));
    model.dispose();
    tf.dispose([data.xs, data.ys]);
  });
});

describe('NoiseEvaluator', () => {
  it('evaluates the weights that the model has at each call', async () => {
    const data = samples(20, 6, 6, 1);
    const options = { draws: 2, seed: 3, batchNorm: { data, batchSize: 10 } };
    const [model, other] = [convNet(), convNet()];
    other.setWeights(tf.tidy(() => other.getWeights().map((tensor) => tf.add(tf.abs(tensor), 0.1))));
    const evaluator = new NoiseEvaluator(model, data, options);
    const run = { noise, levels: [0.2, 0.4] };
    await evaluator.evaluate(run);
    model.setWeights(other.getWeights());
    const again = await evaluator.evaluate(run);
    const expected = await evaluateUnderNoise(other, data, { ...options, ...run });
    again.levels.forEach(({ loss, relativeError }, i) => {
      assertAllClose(loss.values, expected.levels[i].loss.values, 1e-5, 'losses');
      assert.deepEqual(relativeError, expected.levels[i].relativeError);
    });
    evaluator.dispose();
    tf.dispose([data.xs, data.ys]);
    for (const one of [model, other]) one.dispose();
  });
});

describe('one NoiseEvaluator', () => {
  it('gives for other draws, seeds, tensors and BatchNorm policies what evaluators of their own give', async () => {
    const data = samples(20, 6, 6, 1);
    const model = convNet();
    const evaluator = new NoiseEvaluator(model, data, { draws: 2 });
    const run = { noise, levels: [0.2, 0.4] };
    const others = [
      {},
      { draws: 3 },
      { seed: 5 },
      { select: allWeights },
      { batchNorm: { data, batches: 2, batchSize: 5 } },
      { batchNorm: { data } },
      { batchNorm: 'keep' as const, seed: 5, draws: 1 },
    ];
    for (const options of [...others, ...others]) {
      const { levels } = await evaluator.evaluate({ ...run, ...options });
      const alone = await evaluateUnderNoise(model, data, { draws: 2, ...options, ...run });
      assert.deepEqual(levels, alone.levels, JSON.stringify(Object.keys(options)));
    }
    await assert.rejects(evaluator.evaluate({ ...run, draws: 0 }), OptionError);
    await assert.rejects(evaluator.evaluate({ ...run, select: () => false }), OptionError);
    evaluator.dispose();
    tf.dispose([data.xs, data.ys]);
    model.dispose();
  });

  it('makes random numbers once where the budget allows, and the same ones where it does not', async () => {
    const data = samples(10, 5);
    const model = perceptron();
    const losses = async (memoryBudget: number): Promise<number[]> => {
      const evaluator = new NoiseEvaluator(model, data, { draws: 3, memoryBudget });
      const met: Float32Array[] = [];
      const watched = (level: number): WeightNoise => ({
        ...noise(level),
        apply(weights, site) {
          met.push(site.normals('gaussian'));
          return noise(level).apply(weights, site);
        },
      });
      const runs = [];
      for (let run = 0; run < 2; run++)
        runs.push(await evaluator.evaluate({ noise: watched, levels: [0.3] }));
      evaluator.dispose();
      assert.deepEqual(runs[0].levels, runs[1].levels);
      const [first, second] = [met.slice(0, met.length / 2), met.slice(met.length / 2)];
      assert.equal(
        first.every((numbers, i) => numbers === second[i]),
        memoryBudget > 1000,
      );
      return runs[0].levels[0].loss.values;
    };
    assertAllClose(await losses(1), await losses(2 ** 28), 1e-5, 'losses');
    model.dispose();
    tf.dispose([data.xs, data.ys]);
  });
});

describe('noiseSensitivity', () => {
  it('equals noise on one layer after the other', async () => {
    const model = perceptron();
    const data = samples(25, 5);
    const { layers, clean } = await noiseSensitivity(model, data, {
      noise: noise(0.5),
      draws: 3,
      select: allWeights,
    });
    assert.deepEqual(
      layers.map(({ layer, weights }) => [layer, weights]),
      [
        ['mlp/dense1', 42],
        ['mlp/norm1', 14],
        ['mlp/dense2', 48],
        ['mlp/norm2', 12],
        ['mlp/logits', 21],
      ],
    );
    for (const { layer, loss, relativeError } of layers) {
      const select = ({ name }: { name: string }): boolean => name.startsWith(layer);
      const alone = await evaluateUnderNoise(model, data, { noise, levels: [0.5], draws: 3, select });
      assertAllClose(loss.values, alone.levels[0].loss.values, 1e-5, layer);
      assert.deepEqual(relativeError.values, alone.levels[0].relativeError.values);
      assert.equal(alone.clean.accuracy, clean.accuracy);
    }
    model.dispose();
    tf.dispose([data.xs, data.ys]);
  });
});

describe('BatchNorm statistics', () => {
  it('are those of one full pass, in one batch', async () => {
    const model = convNet();
    setBatchNormConvention(model, 'tensorflow');
    const data = samples(30, 6, 6, 1);
    await recomputeBatchNorm(model, { data, batchSize: 30 });
    const [convolution, norm] = ['convnet/conv1', 'convnet/norm1'].map((name) => model.getLayer(name));
    const trained = tf.tidy(() => {
      const { mean, variance } = tf.moments(convolution.apply(data.xs) as tf.Tensor, [0, 1, 2]);
      const [movingMean, movingVariance] = norm.weights.slice(-2).map((weight) => weight.read());
      assertAllClose(movingMean.dataSync(), mean.dataSync(), 1e-6, 'mean');
      assertAllClose(movingVariance.dataSync(), variance.dataSync(), 1e-6, 'variance');
      return (model.apply(data.xs, { training: true }) as tf.Tensor).dataSync();
    });
    await recomputeBatchNorm(model, { data, batchSize: 30 });
    tf.tidy(() => {
      assertAllClose((model.predict(data.xs) as tf.Tensor).dataSync(), trained, 1e-4, 'outputs');
    });
    tf.dispose([data.xs, data.ys]);
    model.dispose();
  });

  it('are the mean over batches, weighted by size', async () => {
    const model = perceptron();
    setBatchNormConvention(model, 'tensorflow');
    const data = samples(25, 5);
    await recomputeBatchNorm(model, { data, batchSize: 10, seed: 3 });
    const order = new Random(3, 'batchNorm').permutation(25);
    tf.tidy(() => {
      const flow = model.getLayer('mlp/dense1').apply(data.xs) as tf.Tensor;
      const parts = [order.subarray(0, 10), order.subarray(10, 20), order.subarray(20)].map((indices) =>
        tf.moments(tf.gather(flow, tf.tensor1d(indices, 'int32')), [0]),
      );
      const average = (pick: (part: (typeof parts)[number]) => tf.Tensor): tf.Tensor =>
        tf.div(tf.addN(parts.map((part, i) => tf.mul(pick(part), [10, 10, 5][i]))), 25);
      const [mean, variance] = model
        .getLayer('mlp/norm1')
        .weights.slice(-2)
        .map((weight) => weight.read());
      assertAllClose(mean.dataSync(), average((part) => part.mean).dataSync(), 1e-5, 'mean');
      assertAllClose(variance.dataSync(), average((part) => part.variance).dataSync(), 1e-5, 'variance');
    });
    await recomputeBatchNorm(model, { data, batches: 1, batchSize: 10, seed: 3 });
    tf.tidy(() => {
      const chosen = tf.gather(data.xs, tf.tensor1d(order.slice(0, 10), 'int32'));
      const { mean } = tf.moments(model.getLayer('mlp/dense1').apply(chosen) as tf.Tensor, [0]);
      assertAllClose(
        model.getLayer('mlp/norm1').weights[2].read().dataSync(),
        mean.dataSync(),
        1e-5,
        'mean of one batch',
      );
    });
    tf.dispose([data.xs, data.ys]);
    model.dispose();
  });

  it('change nothing for a model without BatchNorm', async () => {
    const model = models.mlp({ inputs: 5, hidden: [4], classes: 3 });
    const data = samples(20, 5);
    const [kept, recomputed] = await Promise.all(
      (['keep', { data }] as const).map((option) =>
        evaluateUnderNoise(model, data, { noise, levels: [0.4], batchNorm: option }),
      ),
    );
    assert.deepEqual(recomputed.levels, kept.levels);
    tf.dispose([data.xs, data.ys]);
    model.dispose();
  });
});

describe('golden noise entries', () => {
  interface Golden {
    model: { inputShape: number[] };
    parameters: { name: string; shape: number[]; values: number[] }[];
    buffers: { shape: number[]; values: number[] }[];
    data: { inputs: number[]; labels: number[] };
    noise: {
      noise: Record<string, number[]>;
      loss: number;
      accuracy: number;
      batchStatistics?: { loss: number; accuracy: number };
    }[];
  }

  function goldenConvNet(): tf.LayersModel {
    const input = tf.input({ shape: [6, 6, 2] });
    let x = conv2d(input, { filters: 2, kernelSize: 3, useBias: false, name: 'conv1' });
    x = activate(batchNorm(x, 'bn1'), 'relu', 'relu1');
    x = activate(conv2d(x, { filters: 3, kernelSize: 3, stride: 2, name: 'conv2' }), 'relu', 'relu2');
    x = tf.layers.globalAveragePooling2d({}).apply(x) as tf.SymbolicTensor;
    return tf.model({ inputs: input, outputs: dense(x, 3, 'fc') });
  }
  const goldenMlp = (): tf.LayersModel =>
    models.mlp({ inputs: 4, hidden: [5, 4], classes: 3, activation: ['tanh', 'relu'], name: 'golden' });
  const goldenSoftmax = (): tf.LayersModel =>
    models.mlp({ inputs: [8, 8, 1], hidden: [], classes: 3, name: 'softmax' });

  for (const [file, make] of [
    ['analysis-mlp-sgd', goldenMlp],
    ['analysis-mlp-lookbehind-sam-k5-a0p8', goldenMlp],
    ['analysis-softmax-lookbehind-sam-k2-adaptive', goldenSoftmax],
    ['analysis-convnet-sgd', goldenConvNet],
    ['analysis-convnet-lookbehind-asam-k5-adaptive', goldenConvNet],
  ] as const) {
    it(file, async () => {
      const golden = JSON.parse(
        readFileSync(join(__dirname, '..', 'golden', `${file}.json`), 'utf8'),
      ) as Golden;
      const model = make();
      // The golden numbers normalize by the biased variance.
      setBatchNormConvention(model, 'tensorflow');
      tf.tidy(() =>
        model.setWeights(
          [...golden.parameters, ...golden.buffers].map(({ values, shape }) => tf.tensor(values, shape)),
        ),
      );
      const count = golden.data.labels.length;
      const data = {
        xs: tf.tensor(golden.data.inputs, [count, ...golden.model.inputShape]),
        ys: tf.tensor1d(golden.data.labels, 'int32'),
      };
      const nameOf = new Map(
        trainableVariables(model).map((variable, i) => [variable.name, golden.parameters[i].name]),
      );
      const given = (entry: number): WeightNoise => ({
        name: `golden entry ${entry}`,
        kind: 'golden',
        changesNothing: false,
        apply(weights, site) {
          const n = golden.noise[entry].noise[nameOf.get(site.name)!];
          return {
            values: gaussianNoise({ sigma: 1 }).apply(weights, {
              ...site,
              normals: () => Float32Array.from(n),
            }).values,
          };
        },
      });
      const levels = golden.noise.map((_, entry) => entry);
      const options = { noise: given, levels, draws: 1, select: allWeights };
      const results = [await evaluateUnderNoise(model, data, options)];
      const hasBatchNorm = golden.buffers.length > 0;
      if (hasBatchNorm)
        results.push(
          await evaluateUnderNoise(model, data, { ...options, batchNorm: { data, batchSize: count } }),
        );
      results.forEach((result, r) => {
        golden.noise.forEach((entry, i) => {
          const expected = r === 0 ? entry : entry.batchStatistics!;
          const tolerance = 2e-5 * Math.max(1, Math.abs(expected.loss));
          assertClose(result.levels[i].loss.mean, expected.loss, tolerance, `loss of entry ${i}`);
          assertClose(result.levels[i].accuracy.mean, expected.accuracy, 1e-9, `accuracy of entry ${i}`);
        });
      });
      assert.equal(hasBatchNorm, file.includes('convnet'));
      tf.dispose([data.xs, data.ys]);
      model.dispose();
    });
  }
});

describe('summarize', () => {
  it('has the right order statistics where a value is not finite', () => {
    const { min, median, max } = summarize([1, Number.POSITIVE_INFINITY, 2]);
    assert.deepEqual([min, median, max], [1, 2, Number.POSITIVE_INFINITY]);
    const unknown = summarize([5, Number.NaN, 1, 2]);
    for (const number of [unknown.min, unknown.median, unknown.q75, unknown.max])
      assert.equal(number, Number.NaN);
  });

  it('equals NumPy on a sample', () => {
    const { mean, std, min, q05, q25, median, q75, q95, max, values } = summarize([3, 1, 4, 1, 5, 9]);
    assert.deepEqual(values, [3, 1, 4, 1, 5, 9]);
    assertAllClose(
      [mean, std, median],
      [23 / 6, Math.sqrt((133 - 529 / 6) / 5), 3.5],
      1e-12,
      'moments and median',
    );
    assertAllClose([min, q05, q25, q75, q95, max], [1, 1, 1.5, 4.75, 8, 9], 1e-12, 'quantiles');
    assert.equal(summarize([2]).std, 0);
  });
});

describe('accuracyArea', () => {
  it('is the mean height of the curve', () => {
    const level = (at: number, accuracy: number): NoiseLevel =>
      ({ level: at, accuracy: summarize([accuracy]) }) as NoiseLevel;
    assertClose(
      accuracyArea([level(0, 1), level(0.1, 0.9), level(0.4, 0.5)]),
      (0.1 * 0.95 + 0.3 * 0.7) / 0.4,
      1e-12,
      'area',
    );
    assert.throws(() => accuracyArea([level(0, 1)]), OptionError);
    assert.throws(() => accuracyArea([level(0.2, 1), level(0.1, 1)]), OptionError);
    assertClose(meanHeight([0, 2], [1, 0]), 0.5, 1e-12, 'a triangle');
    assert.throws(() => meanHeight([0, 1], [1]), OptionError);
  });
});
