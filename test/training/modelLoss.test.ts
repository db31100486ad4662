/**
 * The default loss fits what the last layer of a model puts out, wherever a model is trained, evaluated or
 * analyzed.
 */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { sam, sgd } from 'lookbehind';
import { crossEntropy } from 'lookbehind/compile';
import { Dataset } from 'lookbehind/data';
import { OptionError } from 'lookbehind/errors';
import { Random } from 'lookbehind/extend';
import { evaluate, evaluateMany, ModelLoss, Trainer } from 'lookbehind/train';

const random = new Random(1, 'points');

/** Points around `classes` centers on a line. */
function pointsOf(classes: number): Dataset {
  const labels = Array.from({ length: 60 }, (_, i) => i % classes);
  const inputs = Float32Array.from(
    labels.flatMap((label) => [random.normal(label, 0.3), random.normal(0, 1)]),
  );
  const names = Array.from({ length: classes }, (_, i) => `class ${i}`);
  return new Dataset({ name: 'points', split: 'train', inputs, labels, inputShape: [2], classes: names });
}

const { dense, activation, softmax } = tf.layers;
const first = () =>
  dense({
    units: 5,
    activation: 'tanh',
    inputShape: [2],
    kernelInitializer: tf.initializers.glorotUniform({ seed: 1 }),
  });
const last = (units: number, name?: 'softmax' | 'sigmoid') =>
  dense({ units, activation: name, kernelInitializer: tf.initializers.glorotUniform({ seed: 2 }) });
const build = (...layers: tf.layers.Layer[]) => tf.sequential({ layers: [first(), ...layers] });

interface Form {
  classes: number;
  /**
   * Models that put out the same probabilities in different ways; the first one puts out two or more logits.
   */
  models: Record<string, () => tf.LayersModel>;
}

const forms: Record<string, Form> = {
  'three classes': {
    classes: 3,
    models: {
      logits: () => build(last(3)),
      'a softmax of Dense': () => build(last(3, 'softmax')),
      'an activation': () => build(last(3), activation({ activation: 'softmax' })),
      'a layer of its own': () => build(last(3), softmax()),
      'in a nested model': () => tf.sequential({ layers: [build(last(3, 'softmax'))] }),
    },
  },
  'two classes': {
    classes: 2,
    models: { 'one logit': () => build(last(1)), 'one sigmoid': () => build(last(1, 'sigmoid')) },
  },
};

for (const [name, { classes, models }] of Object.entries(forms)) {
  describe(`the default loss of ${name}`, () => {
    const points = pointsOf(classes);

    /** Loss and accuracy in float64, from the weights of the two layers. */
    function expected(model: tf.LayersModel): { loss: number; accuracy: number } {
      const [w, b, v, c] = model.getWeights().map((weight) => Array.from(weight.dataSync()));
      let [loss, correct] = [0, 0];
      const { xs, ys } = points.tensors(Array.from({ length: points.size }, (_, i) => i));
      const inputs = xs.arraySync() as number[][];
      Array.from(ys.dataSync()).forEach((label, i) => {
        const hidden = b.map((bias, j) =>
          Math.tanh(bias + inputs[i][0] * w[j] + inputs[i][1] * w[b.length + j]),
        );
        const outputs = c.map((bias, j) =>
          hidden.reduce((sum, value, h) => sum + value * v[h * c.length + j], bias),
        );
        const logits = c.length === 1 ? [0, outputs[0]] : outputs;
        loss += Math.log(logits.reduce((sum, z) => sum + Math.exp(z), 0)) - logits[label];
        correct += Number(logits.indexOf(Math.max(...logits)) === label);
      });
      tf.dispose([xs, ys]);
      return { loss: loss / points.size, accuracy: correct / points.size };
    }

    const trained: number[][] = [];
    for (const [form, make] of Object.entries(models)) {
      it(`${form}: evaluated, analyzed and trained alike`, async () => {
        const model = make();
        const { loss, accuracy } = expected(model);
        const near = (value: number, right: number, what: string) =>
          assert.ok(Math.abs(value - right) < 1e-5, `${what}: ${value} in place of ${right}`);
        const evaluated = await evaluate(model, points);
        near(evaluated.loss, loss, 'evaluate');
        near(evaluated.accuracy, accuracy, 'accuracy');
        for (const way of ['loop', undefined] as const) {
          const many = await evaluateMany(model, points, [model.getWeights(true)], { way });
          near(many.losses[0], loss, 'evaluateMany');
          near(many.accuracies[0], accuracy, 'accuracies');
        }
        const objective = new ModelLoss(model, points, { batchSize: 60 });
        const w = objective.weights();
        const lossThere = objective.loss(w, 0);
        near(lossThere.dataSync()[0], loss, 'objective');
        tf.dispose([w, lossThere]);
        objective.dispose();
        const optimizer = sam({ learningRate: 0.5, rho: 0.05 });
        const trainer = new Trainer(model, optimizer, points, { epochs: 20, batchSize: 60, test: points });
        await trainer.train();
        near(trainer.history[0].trainLoss, loss, 'training');
        near(trainer.history[19].testLoss as number, expected(model).loss, 'after training');
        assert.ok(expected(model).loss < loss);
        trained.push(model.getWeights().flatMap((weight) => Array.from(weight.dataSync())));
        for (const [i, value] of trained.at(-1)!.entries()) near(value, trained[0][i], 'weights');
        for (const one of [trainer, optimizer, model]) one.dispose();
      });
    }
  });
}

describe('what model.fit honors', () => {
  it('several outputs, with a loss of them', async () => {
    const points = pointsOf(2);
    const input = tf.input({ shape: [2] });
    const kernelInitializer = tf.initializers.glorotUniform({ seed: 1 });
    const outputs = [2, 2].map(
      (units) => dense({ units, kernelInitializer }).apply(input) as tf.SymbolicTensor,
    );
    const model = tf.model({ inputs: input, outputs });
    const loss = (labels: tf.Tensor, all: tf.Tensor) =>
      tf.tidy(
        () => tf.addN((all as unknown as tf.Tensor[]).map((one) => crossEntropy(labels, one))) as tf.Scalar,
      );
    const trainer = new Trainer(model, sam({ learningRate: 0.1 }), points, {
      epochs: 3,
      batchSize: 60,
      test: points,
      loss,
    });
    await trainer.train();
    const { xs, ys } = points.tensors();
    const right = tf.tidy(() => loss(ys, model.predict(xs) as tf.Tensor).dataSync()[0]);
    assert.ok(Math.abs((trainer.history[2].testLoss as number) - right) < 1e-5);
    assert.ok(trainer.history[2].trainLoss < trainer.history[0].trainLoss);
    tf.dispose([xs, ys]);
    for (const one of [trainer, trainer.optimizer, model]) one.dispose();
  });

  it('masks of a layer', async () => {
    const [count, steps] = [24, 5];
    // Sequences of two to four words; 0 is none.
    const inputs = Float32Array.from({ length: count * steps }, (_, i) => {
      const sequence = Math.floor(i / steps);
      return i % steps < 2 + (sequence % 3) ? 1 + ((7 * i) % 5) : 0;
    });
    const labels = Array.from({ length: count }, (_, i) => i % 3);
    const words = new Dataset({
      name: 'words',
      split: 'train',
      inputs,
      labels,
      inputShape: [steps],
      classes: ['a', 'b', 'c'],
    });
    const seeded = (seed: number) => tf.initializers.glorotUniform({ seed });
    const make = (maskZero: boolean) =>
      tf.sequential({
        layers: [
          tf.layers.embedding({
            inputDim: 6,
            outputDim: 4,
            maskZero,
            inputLength: steps,
            embeddingsInitializer: seeded(1),
          }),
          tf.layers.simpleRNN({ units: 4, kernelInitializer: seeded(2), recurrentInitializer: seeded(3) }),
          dense({ units: 3, kernelInitializer: seeded(4) }),
        ],
      });
    const weightsOf = (model: tf.LayersModel) =>
      model.getWeights().flatMap((weight) => Array.from(weight.dataSync()));
    const trained = async (maskZero: boolean) => {
      const model = make(maskZero);
      const trainer = new Trainer(model, sgd({ learningRate: 0.1 }), words, { epochs: 3, batchSize: count });
      await trainer.train();
      const weights = weightsOf(model);
      for (const one of [trainer, trainer.optimizer, model]) one.dispose();
      return weights;
    };
    const stock = make(true);
    stock.compile({ optimizer: tf.train.sgd(0.1), loss: (y, z) => tf.losses.softmaxCrossEntropy(y, z) });
    const { xs, ys } = words.tensors();
    const rows = tf.tidy(() => tf.cast(tf.oneHot(ys, 3), 'float32'));
    await stock.fit(xs, rows, { epochs: 3, batchSize: count, shuffle: false, verbose: 0 });
    const right = weightsOf(stock);
    const distance = (weights: number[]) =>
      Math.max(...weights.map((value, i) => Math.abs(value - right[i])));
    assert.ok(distance(await trained(true)) < 1e-5);
    assert.ok(distance(await trained(false)) > 1e-3);
    tf.dispose([xs, ys, rows]);
    stock.dispose();
  });
});

describe('models that the default loss does not know', () => {
  it('are refused by name, where they are trained, evaluated and analyzed', async () => {
    const points = pointsOf(2);
    const input = tf.input({ shape: [2] });
    const two = [dense({ units: 2 }).apply(input), dense({ units: 2 }).apply(input)] as tf.SymbolicTensor[];
    const cases: Array<[tf.LayersModel, RegExp]> = [
      [tf.model({ inputs: input, outputs: two }), /2 outputs/],
      [build(last(2, 'sigmoid')), /2 sigmoids/],
    ];
    for (const [model, message] of cases) {
      const isRight = (error: Error) => error instanceof OptionError && message.test(error.message);
      assert.throws(() => new Trainer(model, sam(), points, { epochs: 1 }), isRight);
      await assert.rejects(evaluate(model, points), isRight);
      assert.throws(() => new ModelLoss(model, points), isRight);
    }
  });

  it('are refused where they have two inputs, whatever the loss', async () => {
    const points = pointsOf(2);
    const inputs = [tf.input({ shape: [2] }), tf.input({ shape: [2] })];
    const sum = tf.layers.add().apply(inputs) as tf.SymbolicTensor;
    const model = tf.model({ inputs, outputs: dense({ units: 2 }).apply(sum) as tf.SymbolicTensor });
    const isRight = (error: Error) => error instanceof OptionError && /2 inputs/.test(error.message);
    const loss = (_: tf.Tensor, outputs: tf.Tensor) => tf.mean(outputs) as tf.Scalar;
    assert.throws(() => new Trainer(model, sam(), points, { epochs: 1, loss }), isRight);
    await assert.rejects(evaluate(model, points, { loss }), isRight);
    await assert.rejects(evaluateMany(model, points, [model.getWeights(true)], { loss }), isRight);
    assert.throws(() => new ModelLoss(model, points, { loss }), isRight);
    model.dispose();
  });

  it('take labels of 0 and 1 of one per sample', async () => {
    const model = build(last(1));
    const wrong = { xs: tf.ones([3, 2]), ys: tf.ones([3, 2]) };
    await assert.rejects(
      evaluate(model, wrong),
      (error: Error) => error instanceof OptionError && /one label/.test(error.message),
    );
    tf.dispose([wrong.xs, wrong.ys]);
    model.dispose();
  });
});
