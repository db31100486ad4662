/**
 * Labels that are numbers, from the data set to evaluation, curvature, landscapes and noise: against tf.js
 * and closed forms.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { sam, sgd } from 'lookbehind';
import { Dataset } from 'lookbehind/data';
import { OptionError } from 'lookbehind/errors';
import { flatWeights, lossSurface, Plane, randomDirection } from 'lookbehind/landscape';
import { evaluateUnderNoise, gaussianNoise } from 'lookbehind/robustness';
import { oneStepSharpness } from 'lookbehind/sharpness';
import { evaluate, measureSteps, Trainer, withModelLoss } from 'lookbehind/train';

const WEIGHTS = [
  [2, -1, 0.5],
  [0.25, 1, -2],
];

/** Numbers that are linear in the inputs, with `outputs` of them, or one without an axis of its own. */
function plane(outputs: number | undefined, samples = 60): Dataset {
  const inputs = Float32Array.from({ length: 3 * samples }, (_, i) => Math.sin(1 + i * i));
  const rows = WEIGHTS.slice(0, outputs ?? 1);
  const labels = Array.from({ length: samples }, (_, n) =>
    rows.map((w) => 0.5 + w.reduce((sum, value, i) => sum + value * inputs[3 * n + i], 0)),
  ).flat();
  const shape = outputs === undefined ? {} : { labelShape: [outputs] };
  return new Dataset({ name: 'plane', split: 'train', inputs, labels, inputShape: [3], ...shape });
}

const linear = (units: number): tf.LayersModel =>
  tf.sequential({
    layers: [
      tf.layers.dense({
        units,
        inputShape: [3],
        kernelInitializer: tf.initializers.glorotNormal({ seed: 1 }),
      }),
    ],
  });

test('labels are kept as float32 through subsets, parts and tensors', () => {
  const data = plane(2);
  assert.deepEqual(
    [data.size, data.labelShape, data.labelSize, data.classes, data.classCounts],
    [60, [2], 2, [], []],
  );
  const { xs, ys } = data.tensors([4, 1]);
  assert.deepEqual([ys.dtype, ys.shape], ['float32', [2, 2]]);
  assert.deepEqual(
    [...ys.dataSync()],
    [4, 1].flatMap((i) => [...data.labels.subarray(2 * i, 2 * i + 2)]),
  );
  assert.deepEqual([...data.subset([4, 1]).labels], [...ys.dataSync()]);
  assert.deepEqual(
    data
      .subset([0, 1, 2])
      .map((values) => values)
      .standardized().labelShape,
    [2],
  );
  const { a, b } = data.partition({ fractions: { a: 0.5, b: 0.5 } });
  assert.deepEqual([a.size, b.size], [30, 30]);
  assert.throws(
    () => data.subset(10, { stratified: true }),
    /stratified must be false.*numbers, not classes/,
  );
  assert.throws(() => data.with({ classes: ['a'] }), OptionError);
  assert.throws(() => data.with({ labels: [1, 2, 3] }), /labels must be a multiple of labelShape/);
  assert.deepEqual(plane(undefined).tensors([0]).ys.shape, [1]);
  tf.dispose([xs, ys]);
});

for (const outputs of [undefined, 1, 2]) {
  test(`evaluation as of tf.js: ${outputs ?? 'no axis of'} outputs`, async () => {
    const data = plane(outputs);
    const model = linear(outputs ?? 1);
    const { xs, ys } = data.tensors();
    for (const [name, loss] of [
      ['meanSquaredError', 'meanSquaredError'],
      ['meanAbsoluteError', 'meanAbsoluteError'],
      ['huberLoss', tf.losses.huberLoss],
    ] as const) {
      model.compile({
        optimizer: 'sgd',
        loss: loss as 'meanSquaredError',
        metrics: ['mse', 'mae', 'mape', 'cosine'].map((m) => m),
      });
      const stock = (
        model.evaluate(xs, outputs === undefined ? ys.expandDims(1) : ys, { batchSize: 60 }) as tf.Scalar[]
      ).map((t) => t.dataSync()[0]);
      for (const batchSize of [7, 60]) {
        const before = tf.memory().numTensors;
        const result = await evaluate(model, data, {
          batchSize,
          loss: name,
          metrics: ['mse', 'mae', 'mape', 'cosine'],
        });
        assert.equal(tf.memory().numTensors, before);
        const { mse, mae, mape, cosine } = result.metrics!;
        for (const [i, value] of [result.loss, mse, mae, mape, cosine].entries())
          assert.ok(Math.abs(value - stock[i]) <= 2e-6 * Math.abs(stock[i]), `${i}: ${value} ${stock[i]}`);
        assert.ok(Number.isNaN(result.accuracy));
      }
    }
    assert.equal(
      (await evaluate(model, data)).loss,
      (await evaluate(model, data, { loss: 'meanSquaredError' })).loss,
      'by default',
    );
    await assert.rejects(
      evaluate(model, data, { metrics: ['accuracy'] }),
      /metrics must be mse, mae, mape and cosine/,
    );
    tf.dispose([xs, ys]);
    model.dispose();
  });
}

test('a linear model learns the plane; its history has the metrics', async () => {
  const data = plane(2);
  const model = linear(2);
  const optimizer = sam({ learningRate: 0.2, momentum: 0.9, rho: 1e-4 });
  const trainer = new Trainer(model, optimizer, data, {
    epochs: 60,
    batchSize: 20,
    test: plane(2, 30),
    metrics: ['mae'],
  });
  await trainer.train();
  const { trainLoss, testLoss, testAccuracy, testMetrics } = trainer.history.at(-1)!;
  assert.ok(
    trainLoss < 1e-6 && testLoss! < 1e-6 && testMetrics!.mae < 1e-3,
    JSON.stringify(trainer.history.at(-1)),
  );
  assert.equal(testAccuracy, null);
  for (const [i, row] of [...(model.getWeights()[0].arraySync() as number[][])].entries())
    for (const [j, w] of row.entries()) assert.ok(Math.abs(w - WEIGHTS[j][i]) < 1e-3);
  assert.ok(measureSteps(trainer, { batches: 1 }).losses[0] < 1e-6, 'measured on the loss of the trainer');
  assert.throws(() => new Trainer(model, sgd(), data, { epochs: 1, metrics: ['accuracy'] }), OptionError);
  const same = data.with({ labels: new Float32Array(120) });
  assert.match(new Trainer(model, sgd(), same, { epochs: 1 }).warnings[0], /the same label/);
  for (const part of [trainer, optimizer, model]) part.dispose();
});

test('sharpness, a landscape and noise are those of the squared error', async () => {
  const data = plane(undefined);
  const model = linear(1);
  const { loss } = await evaluate(model, data);
  const radius = 0.1;
  const { perturbedLosses } = await withModelLoss(model, data, { batchSize: 60 }, (of) =>
    oneStepSharpness(of, { radii: [radius] }),
  );
  const { xs, ys } = data.tensors();
  const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
  const mse = (): tf.Scalar => tf.mean(tf.square(tf.sub((model.apply(xs) as tf.Tensor).flatten(), ys)));
  const { grads } = tf.variableGrads(mse, variables);
  const norm = Math.sqrt(
    variables.reduce((sum, { name }) => sum + tf.sum(tf.square(grads[name])).dataSync()[0], 0),
  );
  const held = variables.map((variable) => variable.clone());
  for (const variable of variables)
    variable.assign(tf.add(variable, tf.mul(grads[variable.name], radius / norm)));
  assert.ok(Math.abs(perturbedLosses[0] - mse().dataSync()[0]) < 1e-5);
  for (const [i, variable] of variables.entries()) variable.assign(held[i] as tf.Tensor);

  const line = new Plane(flatWeights(model), randomDirection(model, { seed: 1 }));
  const surface = await lossSurface(model, data, { plane: line, x: { from: -1, to: 1, points: 3 } });
  assert.ok(Math.abs(surface.loss.flat()[1] - loss) < 1e-6 && surface.accuracy.flat().every(Number.isNaN));
  // The squared error of a linear model is a parabola on each line: f(-1) + f(1) - 2 f(0) is twice the mean
  // square of the change.
  const [ahead, middle] = [line.at(1), line.at(0)];
  const [a, b, c, bias] = Array.from(ahead, (w, i) => w - middle[i]);
  const moved = tf.add(tf.matMul(xs, tf.tensor2d([a, b, c], [3, 1])), bias);
  const [before, at, after] = surface.loss.flat();
  assert.ok(Math.abs(before + after - 2 * at - 2 * tf.mean(tf.square(moved)).dataSync()[0]) < 1e-4);

  const noisy = await evaluateUnderNoise(model, data, {
    noise: (sigma) => gaussianNoise({ sigma }),
    levels: [0, 0.3],
    draws: 4,
  });
  assert.ok(Math.abs(noisy.clean.loss - loss) < 1e-6 && noisy.levels[1].loss.mean !== loss);
  assert.ok(Number.isNaN(noisy.levels[1].accuracy.mean));
  model.dispose();
});
