/**
 * Every analysis over every form of model that tf.layers has, against a plain loop of setWeights and predict.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { Random } from 'lookbehind/extend';
import { flatWeights, lossSurface, Plane, randomDirection } from 'lookbehind/landscape';
import { evaluateUnderNoise, type WeightNoise } from 'lookbehind/robustness';
import { hessianOperator, oneStepSharpness } from 'lookbehind/sharpness';
import { evaluateMany, ModelLoss, withModelLoss, withWeights } from 'lookbehind/train';

type Symbolic = tf.SymbolicTensor;

const { layers } = tf;
const CLASSES = 3;
const SAMPLES = 7;

/**
 * A classifier of inputs of `shape`: `body`, pooled or flattened where it is not a vector, and a dense layer.
 */
function classifier(shape: number[], body: (input: Symbolic) => Symbolic): tf.LayersModel {
  const input = tf.input({ shape });
  let x = body(input);
  if (x.rank > 2) x = layers.flatten().apply(x) as Symbolic;
  return tf.model({ inputs: input, outputs: layers.dense({ units: CLASSES }).apply(x) as Symbolic });
}

/** `list` one after the other. */
const chain =
  (...list: tf.layers.Layer[]) =>
  (x: Symbolic): Symbolic =>
    list.reduce((before, layer) => layer.apply(before) as Symbolic, x);

const tanh = { activation: 'tanh' } as const;

/** Form by form, the shape of an input and how the model is built. */
const FORMS: Record<string, [shape: number[], build: () => tf.LayersModel]> = {
  sequential: [
    [4],
    () =>
      tf.sequential({
        layers: [layers.dense({ units: 5, ...tanh, inputShape: [4] }), layers.dense({ units: CLASSES })],
      }),
  ],
  'functional, normalized': [
    [4],
    () =>
      classifier(
        [4],
        chain(layers.dense({ units: 5 }), layers.batchNormalization(), layers.activation(tanh)),
      ),
  ],
  'several branches, merged': [
    [4],
    () =>
      classifier([4], (x) => {
        const [a, b] = [1, 2].map(() => layers.dense({ units: 4, ...tanh }).apply(x) as Symbolic);
        const sum = layers.add().apply([a, x]) as Symbolic;
        return layers.concatenate().apply([sum, layers.multiply().apply([a, b]) as Symbolic]) as Symbolic;
      }),
  ],
  'a layer that is shared': [
    [4],
    () => {
      const shared = layers.dense({ units: 4, ...tanh });
      return classifier(
        [4],
        (x) => layers.add().apply([shared.apply(shared.apply(x)) as Symbolic, x]) as Symbolic,
      );
    },
  ],
  'an activation at two shapes': [
    [4],
    () => {
      const activation = layers.activation(tanh);
      return classifier(
        [4],
        chain(layers.dense({ units: 6 }), activation, layers.dense({ units: 5 }), activation),
      );
    },
  ],
  'a nested model': [
    [6, 6, 2],
    () => {
      const inner = tf.sequential({
        layers: [
          layers.conv2d({ filters: 3, kernelSize: 3, inputShape: [6, 6, 2], ...tanh }),
          layers.batchNormalization(),
          layers.conv2dTranspose({ filters: 2, kernelSize: 2 }),
        ],
      });
      return classifier([6, 6, 2], chain(inner, layers.globalAveragePooling2d({})));
    },
  ],
  'a nested model at two shapes': [
    [6, 6, 2],
    () => {
      const inner = tf.sequential({
        layers: [
          layers.conv2d({
            filters: 2,
            kernelSize: 3,
            padding: 'same',
            inputShape: [null, null, 2] as never,
            ...tanh,
          }),
        ],
      });
      const small = layers.maxPooling2d({ poolSize: 2 });
      return classifier(
        [6, 6, 2],
        chain(inner as unknown as tf.layers.Layer, small, inner as unknown as tf.layers.Layer),
      );
    },
  ],
  'a model in a model in a sequential': [
    [4],
    () => {
      const innermost = tf.sequential({ layers: [layers.dense({ units: 5, ...tanh, inputShape: [4] })] });
      const inner = classifier([4], chain(innermost, layers.batchNormalization()));
      return tf.sequential({
        layers: [inner as unknown as tf.layers.Layer, layers.dense({ units: CLASSES })],
      });
    },
  ],
  TimeDistributed: [
    [3, 4],
    () =>
      classifier(
        [3, 4],
        chain(
          layers.timeDistributed({ layer: layers.dense({ units: 3, ...tanh }) }),
          layers.timeDistributed({ layer: layers.batchNormalization() }),
        ),
      ),
  ],
  'TimeDistributed model': [
    [3, 4],
    () => {
      const inner = tf.sequential({
        layers: [
          layers.dense({ units: 3, inputShape: [4] }),
          layers.batchNormalization(),
          layers.activation(tanh),
        ],
      });
      return classifier([3, 4], chain(layers.timeDistributed({ layer: inner })));
    },
  ],
  Bidirectional: [
    [3, 2],
    () =>
      classifier(
        [3, 2],
        chain(
          layers.bidirectional({
            layer: layers.gru({ units: 2, returnSequences: true }) as tf.RNN,
            mergeMode: 'concat',
          }),
        ),
      ),
  ],
  SimpleRNN: [[3, 2], () => classifier([3, 2], chain(layers.simpleRNN({ units: 3 })))],
  LSTM: [[3, 2], () => classifier([3, 2], chain(layers.lstm({ units: 3 })))],
  'stacked cells': [
    [3, 2],
    () =>
      classifier(
        [3, 2],
        chain(layers.rnn({ cell: [layers.lstmCell({ units: 2 }), layers.gruCell({ units: 2 })] as never })),
      ),
  ],
  Conv1D: [[8, 2], () => classifier([8, 2], chain(layers.conv1d({ filters: 3, kernelSize: 3, ...tanh })))],
  'Conv2D, normalized': [
    [6, 6, 2],
    () =>
      classifier(
        [6, 6, 2],
        chain(
          layers.conv2d({ filters: 3, kernelSize: 3 }),
          layers.batchNormalization(),
          layers.averagePooling2d({}),
        ),
      ),
  ],
  Conv3D: [
    [4, 4, 4, 1],
    () => classifier([4, 4, 4, 1], chain(layers.conv3d({ filters: 2, kernelSize: 2, ...tanh }))),
  ],
  Conv2DTranspose: [
    [3, 3, 2],
    () => classifier([3, 3, 2], chain(layers.conv2dTranspose({ filters: 3, kernelSize: 2, ...tanh }))),
  ],
  SeparableConv2D: [
    [5, 5, 2],
    () => classifier([5, 5, 2], chain(layers.separableConv2d({ filters: 3, kernelSize: 3, ...tanh }))),
  ],
  DepthwiseConv2D: [
    [5, 5, 2],
    () =>
      classifier([5, 5, 2], chain(layers.depthwiseConv2d({ kernelSize: 3, depthMultiplier: 2, ...tanh }))),
  ],
  ConvLSTM2D: [
    [2, 4, 4, 1],
    () =>
      classifier(
        [2, 4, 4, 1],
        chain(layers.convLstm2d({ filters: 2, kernelSize: 2 }) as unknown as tf.layers.Layer),
      ),
  ],
  Embedding: [[4], () => classifier([4], chain(layers.embedding({ inputDim: 6, outputDim: 3 })))],
  LayerNormalization: [
    [4],
    () => classifier([4], chain(layers.dense({ units: 5, ...tanh }), layers.layerNormalization())),
  ],
  'a PReLU, and Dense over time': [
    [3, 2],
    () =>
      classifier(
        [3, 2],
        chain(
          layers.dense({ units: 3 }),
          layers.prelu({ sharedAxes: [1] }),
          layers.globalAveragePooling1d({}),
        ),
      ),
  ],
};

interface Data {
  xs: tf.Tensor;
  ys: tf.Tensor;
  labels: Int32Array;
}

function dataFor(name: string, shape: number[]): Data {
  const random = new Random(1, name);
  const size = shape.reduce((product, n) => product * n, SAMPLES);
  const labels = Int32Array.from({ length: SAMPLES }, () => random.int(CLASSES));
  const values =
    name === 'Embedding' ? Float32Array.from({ length: size }, () => random.int(6)) : random.normals(size);
  return { xs: tf.tensor(values, [SAMPLES, ...shape]), ys: tf.tensor1d(labels, 'int32'), labels };
}

/** Positive weights, as some are variances; seeded. */
function randomize(model: tf.LayersModel): void {
  const random = new Random(2, 'weights');
  tf.tidy(() =>
    model.setWeights(
      model.getWeights().map(({ shape, size }, i) => {
        const isVariance = model.weights[i].name.includes('moving_variance');
        return tf.tensor(
          random.normals(size, 0, 0.4).map((x) => (isVariance ? 0.5 + Math.abs(x) : x)),
          shape,
        );
      }),
    ),
  );
}

/** Loss and accuracy at the present weights, from what `model.predict` gives, in float64. */
function plain(model: tf.LayersModel, { xs, labels }: Data): { loss: number; accuracy: number } {
  const logits = tf.tidy(() => (model.predict(xs) as tf.Tensor2D).arraySync());
  let loss = 0;
  let correct = 0;
  for (const [i, row] of logits.entries()) {
    const top = Math.max(...row);
    loss += top + Math.log(row.reduce((sum, z) => sum + Math.exp(z - top), 0)) - row[labels[i]];
    if (row.indexOf(top) === labels[i]) correct++;
  }
  return { loss: loss / logits.length, accuracy: correct / logits.length };
}

/** `plain` with other weights: all of them, in the order of `getWeights()`. */
function plainAt(
  model: tf.LayersModel,
  data: Data,
  weights: tf.Tensor[],
): { loss: number; accuracy: number } {
  const held = model.getWeights().map((weight) => weight.clone());
  model.setWeights(weights);
  const result = plain(model, data);
  model.setWeights(held);
  tf.dispose(held);
  return result;
}

/** All weights, with the trainable ones, which come first, from a flat vector. */
function withFlat(model: tf.LayersModel, flat: ArrayLike<number>): tf.Tensor[] {
  let offset = 0;
  const trainable = model.trainableWeights.length;
  return model.getWeights().map((weight, i) => {
    if (i >= trainable) return weight.clone();
    offset += weight.size;
    return tf.tensor(Array.from(flat).slice(offset - weight.size, offset), weight.shape);
  });
}

/** The gradient of the mean cross-entropy, flat, op by op. */
function gradientAt(model: tf.LayersModel, { xs, labels }: Data, flat: ArrayLike<number>): Float64Array {
  const parts: number[] = [];
  tf.tidy(() => {
    const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
    const values = withFlat(model, flat).slice(0, variables.length);
    const { grads } = withWeights(variables, values, () =>
      tf.variableGrads(() => {
        const logits = model.apply(xs, { training: false }) as tf.Tensor;
        const logProbabilities = tf.logSoftmax(logits);
        return tf.neg(
          tf.div(tf.sum(tf.mul(logProbabilities, tf.oneHot([...labels], CLASSES))), SAMPLES),
        ) as tf.Scalar;
      }, variables),
    );
    for (const { name } of variables) parts.push(...grads[name].dataSync());
  });
  return Float64Array.from(parts);
}

function assertNear(actual: number, expected: number, tolerance: number, what: string): void {
  assert.ok(
    Math.abs(actual - expected) <= tolerance * Math.max(1, Math.abs(expected)),
    `${what}: ${actual} in place of ${expected}`,
  );
}

function assertSame(
  actual: { loss: number; accuracy: number },
  expected: { loss: number; accuracy: number },
  what: string,
): void {
  assertNear(actual.loss, expected.loss, 1e-5, `${what}, loss`);
  assertNear(actual.accuracy, expected.accuracy, 1e-6, `${what}, accuracy`);
}

/**
 * A noise that a plain loop can repeat: kernels and embeddings, all that has two axes or more, grow by a
 * share.
 */
const growth = (share: number): WeightNoise => ({
  name: `growth(${share})`,
  kind: 'growth',
  changesNothing: false,
  apply: (weights) => ({ values: weights.map((w) => w * (1 + share)) }),
});

for (const [name, [shape, build]] of Object.entries(FORMS)) {
  test(`${name}: evaluations and a surface`, async () => {
    const model = build();
    randomize(model);
    const data = dataFor(name, shape);
    const before = model.getWeights().map((weight) => weight.dataSync().slice());
    const tensors = tf.memory().numTensors;

    const evaluator = new ModelLoss(model, data, { batchSize: 4 });
    assertSame(evaluator.atSync(), plain(model, data), 'ModelLoss');
    evaluator.dispose();

    const random = new Random(3, 'sets');
    const sets = [0, 1].map(() =>
      model
        .getWeights()
        .map((weight) =>
          tf.tidy(() => tf.mul(weight, tf.tensor(random.uniforms(weight.size, 0.5, 1.5), weight.shape))),
        ),
    );
    const many = await evaluateMany(model, data, sets, { batchSize: 4 });
    for (const [i, set] of sets.entries()) {
      const got = { loss: many.losses[i], accuracy: many.accuracies[i] };
      assertSame(got, plainAt(model, data, set), `weight set ${i}`);
    }
    tf.dispose(sets);

    const plane = new Plane(flatWeights(model), randomDirection(model, { seed: 1 }));
    const surface = await lossSurface(model, data, { plane, x: { from: -1, to: 1, points: 3 } });
    surface.x.forEach((a, i) => {
      const weights = withFlat(model, plane.at(a));
      assertSame(
        { loss: surface.loss[i][0], accuracy: surface.accuracy[i][0] },
        plainAt(model, data, weights),
        `surface at ${a}`,
      );
      tf.dispose(weights);
    });

    const { clean, levels } = await evaluateUnderNoise(model, data, {
      noise: growth,
      levels: [0.3],
      draws: 1,
    });
    assertSame(clean, plain(model, data), 'without noise');
    // The slopes of a PReLU are no kernel, whatever axes they have.
    const grows = model.weights.map(
      ({ shape, originalName }) => shape.length > 1 && !originalName.endsWith('alpha'),
    );
    const grown = model.getWeights().map((weight, i) => tf.mul(weight, grows[i] ? 1.3 : 1));
    const expected = plainAt(model, data, grown);
    tf.dispose(grown);
    assertSame({ loss: levels[0].loss.mean, accuracy: levels[0].accuracy.mean }, expected, 'noise');

    assert.deepEqual(
      model.getWeights().map((weight) => weight.dataSync()),
      before,
    );
    assert.equal(tf.memory().numTensors, tensors);
    tf.dispose([data.xs, data.ys]);
    model.dispose();
  });

  test(`${name}: one-step sharpness and a product with the Hessian`, async () => {
    const model = build();
    randomize(model);
    const data = dataFor(name, shape);
    const w = flatWeights(model);
    const gradient = gradientAt(model, data, w);
    const length = Math.hypot(...gradient);
    await withModelLoss(model, data, {}, async (objective) => {
      const radius = 0.1;
      const curve = await oneStepSharpness(objective, { radii: [radius] });
      const weights = withFlat(
        model,
        gradient.map((g, i) => w[i] + (radius * g) / length),
      );
      const rise = plainAt(model, data, weights).loss - plain(model, data).loss;
      tf.dispose(weights);
      assertNear(curve.values[0], rise, 1e-4, 'one-step sharpness');

      const hessian = await hessianOperator(objective);
      const v = Float64Array.from(new Random(4, 'vector').normals(w.length));
      const scale = Math.hypot(...v);
      const product = await hessian.multiply(v);
      const [ahead, behind] = [1, -1].map((sign) =>
        gradientAt(
          model,
          data,
          v.map((x, i) => w[i] + (sign * 1e-2 * x) / scale),
        ),
      );
      const difference = ahead.map((g, i) => ((g - behind[i]) * scale) / 2e-2);
      const error = Math.hypot(...difference.map((x, i) => x - product[i]));
      assert.ok(
        error < 0.02 * Math.hypot(...difference),
        `H v is off by ${error} of ${Math.hypot(...difference)}`,
      );
      hessian.dispose();
    });
    tf.dispose([data.xs, data.ys]);
    model.dispose();
  });
}

test('each filter of a transposed convolution gets the length of its own, also in nested models and wrappers', () => {
  const transposed = (): tf.layers.Layer =>
    layers.conv2dTranspose({ filters: 3, kernelSize: 2, useBias: false, inputShape: [3, 3, 2] });
  const inner = tf.sequential({ layers: [transposed()] }) as unknown as tf.layers.Layer;
  const wrapped = tf.sequential({ layers: [transposed()] });
  const forms: [number[], tf.layers.Layer][] = [
    [[3, 3, 2], inner],
    [[2, 3, 3, 2], layers.timeDistributed({ layer: transposed() })],
    [[2, 3, 3, 2], layers.timeDistributed({ layer: wrapped })],
  ];
  for (const [shape, layer] of forms) {
    const input = tf.input({ shape });
    const model = tf.model({ inputs: input, outputs: layer.apply(input) as Symbolic });
    randomize(model);
    const w = flatWeights(model);
    const { values } = randomDirection(model, { seed: 5 });
    // The kernel is [height, width, filters, inputs].
    const norms = (flat: Float32Array): number[] =>
      [0, 1, 2].map((filter) => Math.hypot(...flat.filter((_, i) => Math.floor(i / 2) % 3 === filter)));
    norms(values).forEach((norm, filter) => {
      assertNear(norm, norms(w)[filter], 1e-5, `filter ${filter}`);
    });
    model.dispose();
  }
});
