/** What the tests of accelerate share: models, and one training with and without it. */
import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs';
import { accelerate } from 'lookbehind/compile';
import { assertClose, normal, numbersOf } from './support';

const seeded = (seed: number) => ({ kernelInitializer: tf.initializers.glorotUniform({ seed }) });
const recurrent = (seed: number) => ({
  ...seeded(seed),
  recurrentInitializer: tf.initializers.glorotUniform({ seed: seed + 10 }),
});

/** A model with data that it can be trained on; 22 samples, so that the last of batches of 8 is smaller. */
export interface Task {
  model: () => tf.LayersModel;
  x: tf.Tensor | tf.Tensor[];
  y: tf.Tensor | tf.Tensor[];
  loss: string | string[];
  metrics: string[];
}

const SAMPLES = 22;
const classes = (count: number, seed: number): tf.Tensor =>
  tf.oneHot(tf.randomUniform([SAMPLES], 0, count, 'int32', seed) as tf.Tensor1D, count).toFloat();

const softmax = (units: number) => tf.layers.dense({ units, activation: 'softmax', ...seeded(3) });

export const TASKS: Record<string, () => Task> = {
  'dense layers with a regularizer': () => ({
    model: () =>
      tf.sequential({
        layers: [
          tf.layers.dense({
            units: 8,
            activation: 'tanh',
            inputShape: [4],
            kernelRegularizer: tf.regularizers.l2({ l2: 0.01 }),
            ...seeded(1),
          }),
          softmax(3),
        ],
      }),
    x: normal([SAMPLES, 4], 1),
    y: classes(3, 2),
    loss: 'categoricalCrossentropy',
    metrics: ['accuracy'],
  }),
  'convolutions with BatchNorm': () => ({
    model: () =>
      tf.sequential({
        layers: [
          // A bias before BatchNorm has no gradient but rounding, which Adam would blow up.
          tf.layers.conv2d({
            filters: 4,
            kernelSize: 3,
            useBias: false,
            inputShape: [8, 8, 1],
            ...seeded(1),
          }),
          tf.layers.batchNormalization(),
          tf.layers.activation({ activation: 'tanh' }),
          tf.layers.averagePooling2d({ poolSize: 2 }),
          tf.layers.flatten(),
          softmax(3),
        ],
      }),
    x: normal([SAMPLES, 8, 8, 1], 3),
    y: classes(3, 4),
    loss: 'categoricalCrossentropy',
    metrics: ['accuracy', 'categoricalCrossentropy'],
  }),
  'Embedding with a mask, LSTM and sparse labels': () => ({
    model: () =>
      tf.sequential({
        layers: [
          tf.layers.embedding({
            inputDim: 12,
            outputDim: 4,
            inputLength: 3,
            maskZero: true,
            embeddingsInitializer: tf.initializers.randomUniform({ minval: -0.5, maxval: 0.5, seed: 1 }),
          }),
          tf.layers.lstm({ units: 4, ...recurrent(2) }),
          softmax(3),
        ],
      }),
    x: tf.randomUniform([SAMPLES, 3], 0, 12, 'int32', 5),
    y: tf.randomUniform([SAMPLES, 1], 0, 3, 'int32', 6).toFloat(),
    loss: 'sparseCategoricalCrossentropy',
    metrics: ['accuracy'],
  }),
  'GRU in both directions': () => ({
    model: () =>
      tf.sequential({
        layers: [
          tf.layers.bidirectional({
            layer: tf.layers.gru({ units: 3, ...recurrent(2) }) as unknown as never,
            mergeMode: 'concat',
            inputShape: [3, 2],
          }),
          tf.layers.dense({ units: 1, activation: 'sigmoid', ...seeded(3) }),
        ],
      }),
    x: normal([SAMPLES, 3, 2], 7),
    y: tf.randomUniform([SAMPLES, 1], 0, 2, 'int32', 8).toFloat(),
    loss: 'binaryCrossentropy',
    metrics: ['accuracy'],
  }),
  'two inputs and two outputs': () => ({
    model: () => {
      const [a, b] = [tf.input({ shape: [4] }), tf.input({ shape: [3] })];
      const both = tf.layers.concatenate().apply([a, b]) as tf.SymbolicTensor;
      const body = tf.layers
        .dense({ units: 6, activation: 'tanh', ...seeded(1) })
        .apply(both) as tf.SymbolicTensor;
      const outputs = [
        tf.layers.dense({ units: 2, activation: 'softmax', ...seeded(2) }).apply(body) as tf.SymbolicTensor,
        tf.layers.dense({ units: 1, ...seeded(3) }).apply(body) as tf.SymbolicTensor,
      ];
      return tf.model({ inputs: [a, b], outputs });
    },
    x: [normal([SAMPLES, 4], 9), normal([SAMPLES, 3], 10)],
    y: [classes(2, 11), normal([SAMPLES, 1], 12)],
    loss: ['categoricalCrossentropy', 'meanSquaredError'],
    metrics: ['mse'],
  }),
};

/** Every optimizer of tf.train. */
export const STOCK: Record<string, () => tf.Optimizer> = {
  'tf.train.sgd': () => tf.train.sgd(0.1),
  'tf.train.momentum': () => tf.train.momentum(0.05, 0.9, true),
  'tf.train.adagrad': () => tf.train.adagrad(0.05),
  'tf.train.adadelta': () => tf.train.adadelta(0.5),
  'tf.train.adam': () => tf.train.adam(0.01),
  'tf.train.adamax': () => tf.train.adamax(0.01),
  // Not centered: stock subtracts epsilon there, and takes the root of negative numbers.
  'tf.train.rmsprop': () => tf.train.rmsprop(0.005, 0.9, 0.5),
};

/** Counts the calls of a model's last layer. A graph makes none. */
export interface Calls {
  (): number;
  /** Whether the model is accelerated. */
  fast: boolean;
}

function countCalls(model: tf.LayersModel, fast: boolean): Calls {
  // Not layer.call: accelerate takes a layer whose call is replaced for one with code of the user's.
  const layer = model.layers.at(-1) as unknown as { invokeCallHook(): void };
  let calls = 0;
  layer.invokeCallHook = () => {
    calls++;
  };
  return Object.assign(() => calls, { fast });
}

/**
 * Does `work` on a stock model and on an accelerated one of the same weights: the numbers that it returns and
 * the weights after it are the same.
 */
export async function assertSame(
  make: () => tf.LayersModel,
  work: (model: tf.LayersModel, calls: Calls) => Promise<number[]>,
  tolerance = 1e-5,
): Promise<void> {
  const [plain, fast] = [make(), make()];
  fast.setWeights(plain.getWeights());
  accelerate(fast);
  const expected = await work(plain, countCalls(plain, false));
  const actual = await work(fast, countCalls(fast, true));
  assert.ok(expected.length > 0 && expected.every(Number.isFinite), 'finite numbers to compare with');
  assertClose(actual, expected, tolerance, 'numbers');
  assertClose(numbersOf(fast.getWeights()), numbersOf(plain.getWeights()), tolerance, 'weights');
}

/** The numbers of a history, series by series. */
export function historyOf({ history }: { history: Record<string, unknown> }): number[] {
  return Object.keys(history)
    .sort()
    .flatMap((name) => history[name] as number[]);
}

/** Runs `fn` and returns what it warned of. */
export async function warningsOf(fn: () => unknown): Promise<string[]> {
  const { warn } = console;
  const warnings: string[] = [];
  console.warn = (message: string) => warnings.push(message);
  try {
    await fn();
  } finally {
    console.warn = warn;
  }
  return warnings;
}
