import 'lookbehind/compile';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { OptionError } from 'lookbehind/errors';
import { Random } from 'lookbehind/extend';
import * as models from 'lookbehind/models';
import { type StoredTensor, storedFloats, storeFloats } from '../../lib/dist/files/safetensors';

/** Height, width and channels of the image that is flattened. */
const [H, W, C] = [2, 3, 4];
const EPSILON = 1e-3;

/** Vectors in PyTorch's order. */
type Vector = number[];
type Weights = (name: string) => number[];

/**
 * What stands between Flatten and Dense: here as layers, there as plain arithmetic on vectors in PyTorch's
 * order.
 */
interface Case {
  here: () => tf.layers.Layer[];
  there: (v: Vector, weights: Weights) => Vector;
}

const relu = (v: Vector): Vector => v.map((x) => Math.max(x, 0));
const batchNorm = (v: Vector, weights: Weights, name: string): Vector => {
  const [gamma, beta, mean, variance] = ['weight', 'bias', 'running_mean', 'running_var'].map((w) =>
    weights(`${name}.${w}`),
  );
  return v.map((x, i) => ((x - mean[i]) / Math.sqrt(variance[i] + EPSILON)) * gamma[i] + beta[i]);
};
const layerNorm = (v: Vector, weights: Weights, name: string): Vector => {
  const mean = v.reduce((sum, x) => sum + x, 0) / v.length;
  const variance = v.reduce((sum, x) => sum + (x - mean) ** 2, 0) / v.length;
  const [gamma, beta] = [weights(`${name}.weight`), weights(`${name}.bias`)];
  return v.map((x, i) => ((x - mean) / Math.sqrt(variance + EPSILON)) * gamma[i] + beta[i]);
};

const CASES: Record<string, Case> = {
  nothing: { here: () => [], there: (v) => v },
  ReLU: { here: () => [tf.layers.reLU()], there: relu },
  LeakyReLU: {
    here: () => [tf.layers.leakyReLU({ alpha: 0.2 })],
    there: (v) => v.map((x) => (x < 0 ? 0.2 * x : x)),
  },
  ELU: { here: () => [tf.layers.elu()], there: (v) => v.map((x) => (x < 0 ? Math.exp(x) - 1 : x)) },
  ThresholdedReLU: {
    here: () => [tf.layers.thresholdedReLU({ theta: 0.5 })],
    there: (v) => v.map((x) => (x > 0.5 ? x : 0)),
  },
  'noise, dropout, activation': {
    here: () => [
      tf.layers.gaussianNoise({ stddev: 1 }),
      tf.layers.gaussianDropout({ rate: 0.5 }),
      tf.layers.alphaDropout({ rate: 0.5 }),
      tf.layers.dropout({ rate: 0.5 }),
      tf.layers.activation({ activation: 'tanh' }),
    ],
    there: (v) => v.map(Math.tanh),
  },
  BatchNormalization: {
    here: () => [tf.layers.batchNormalization({ epsilon: EPSILON, name: 'order/bn' })],
    there: (v, weights) => batchNorm(v, weights, 'bn'),
  },
  'BatchNormalization, ReLU, BatchNormalization': {
    here: () => [
      tf.layers.batchNormalization({ epsilon: EPSILON, name: 'order/bn1' }),
      tf.layers.reLU(),
      tf.layers.batchNormalization({ epsilon: EPSILON, name: 'order/bn2' }),
    ],
    there: (v, weights) => batchNorm(relu(batchNorm(v, weights, 'bn1')), weights, 'bn2'),
  },
  LayerNormalization: {
    here: () => [tf.layers.layerNormalization({ epsilon: EPSILON, name: 'order/ln' })],
    there: (v, weights) => layerNorm(v, weights, 'ln'),
  },
  'a reshape that changes nothing': {
    here: () => [tf.layers.reshape({ targetShape: [H * W * C] })],
    there: (v) => v,
  },
  'two dense layers': {
    here: () => [
      tf.layers.dense({ units: 5, name: 'order/first' }),
      tf.layers.batchNormalization({ name: 'order/bn' }),
    ],
    there: (v, weights) => batchNorm(linear(v, weights, 'first'), weights, 'bn'),
  },
};

/** What a torch.nn.Linear gives: weight is [out, in]. */
function linear(v: Vector, weights: Weights, name: string): Vector {
  const weight = weights(`${name}.weight`);
  return weights(`${name}.bias`).map((b, unit) =>
    v.reduce((sum, x, i) => sum + x * weight[unit * v.length + i], b),
  );
}

/** `layers` one after the other behind a flattened image, then a Dense. */
function chain(layers: tf.layers.Layer[], flatten: tf.layers.Layer = tf.layers.flatten()): tf.LayersModel {
  const input = tf.input({ shape: [H, W, C] });
  let x = flatten.apply(input) as tf.SymbolicTensor;
  for (const layer of layers) x = layer.apply(x) as tf.SymbolicTensor;
  const output = tf.layers.dense({ units: 2, name: 'order/logits' }).apply(x) as tf.SymbolicTensor;
  return tf.model({ inputs: input, outputs: output, name: 'order' });
}

/** Random numbers, all positive: some are variances. */
function randomWeights(model: tf.LayersModel, seed: number): void {
  const random = new Random(seed, 'weights');
  tf.tidy(() =>
    model.setWeights(
      model.getWeights().map(({ shape, size }) => tf.tensor(random.uniforms(size, 0.2, 1), shape)),
    ),
  );
}

/** One image: as here, and as the vector of PyTorch, by three loops. */
function image(): { here: tf.Tensor4D; there: Vector } {
  const here = new Random(3, 'image').normals(H * W * C);
  const there: Vector = [];
  for (let c = 0; c < C; c++)
    for (let y = 0; y < H; y++) for (let x = 0; x < W; x++) there.push(here[(y * W + x) * C + c]);
  return { here: tf.tensor4d(here, [1, H, W, C]), there };
}

/**
 * Checks that the model is the network `there` by the weights of its dictionary, and after loading those of
 * another one.
 */
function checkBothWays(model: tf.LayersModel, there: (v: Vector, weights: Weights) => Vector): void {
  const { here, there: vector } = image();
  const agree = (dict: models.StateDict): void => {
    const expected = there(vector, (name) => [...storedFloats(dict.get(name)!)]);
    const got = tf.tidy(() => (model.predict(here) as tf.Tensor).dataSync());
    assert.equal(got.length, expected.length);
    expected.forEach((value, i) => {
      assert.ok(
        Math.abs(value - got[i]) < 1e-4 * Math.max(1, Math.abs(value)),
        `${got[i]} in place of ${value}`,
      );
    });
  };
  randomWeights(model, 1);
  const exported = models.stateDict(model);
  agree(exported);
  const random = new Random(2, 'dictionary');
  const dict = new Map<string, StoredTensor>();
  for (const [name, tensor] of exported) {
    const { shape } = tensor;
    const size = shape.reduce((product, n) => product * n, 1);
    dict.set(
      name,
      name.endsWith('tracked')
        ? tensor
        : storeFloats(Float32Array.from(random.uniforms(size, 0.2, 1)), shape),
    );
  }
  models.loadStateDict(model, dict);
  agree(dict);
  assert.deepEqual(models.stateDict(model), dict);
  here.dispose();
}

for (const [name, { here, there }] of Object.entries(CASES)) {
  test(`behind Flatten: ${name}`, () => {
    const model = chain(here());
    checkBothWays(model, (v, weights) => linear(there(v, weights), weights, 'logits'));
    model.dispose();
  });
}

test('a Reshape to a vector is a Flatten', () => {
  const model = chain([tf.layers.reLU()], tf.layers.reshape({ targetShape: [H * W * C] }));
  checkBothWays(model, (v, weights) => linear(relu(v), weights, 'logits'));
  model.dispose();
});

test('branches that are added, and branches that are concatenated', () => {
  const build = (merge: tf.layers.Layer): tf.LayersModel => {
    const input = tf.input({ shape: [H, W, C] });
    const flat = tf.layers.flatten().apply(input) as tf.SymbolicTensor;
    const other = tf.layers.flatten().apply(tf.layers.reLU().apply(input)) as tf.SymbolicTensor;
    const hidden = tf.layers
      .dense({ units: H * W * C, name: 'order/hidden' })
      .apply(flat) as tf.SymbolicTensor;
    const concatenates = merge.getClassName() === 'Concatenate';
    const merged = merge.apply(concatenates ? [other, hidden, flat] : [other, flat]) as tf.SymbolicTensor;
    const outputs = tf.layers.dense({ units: 2, name: 'order/logits' }).apply(merged) as tf.SymbolicTensor;
    return tf.model({ inputs: input, outputs, name: 'order' });
  };
  const sum = build(tf.layers.add());
  checkBothWays(sum, (v, weights) =>
    linear(
      relu(v).map((x, i) => x + v[i]),
      weights,
      'logits',
    ),
  );
  const joined = build(tf.layers.concatenate());
  checkBothWays(joined, (v, weights) =>
    linear([...relu(v), ...linear(v, weights, 'hidden'), ...v], weights, 'logits'),
  );
  for (const model of [sum, joined]) model.dispose();
});

test('a LayerNormalization over height, width and channels is one over channels, height and width', () => {
  const input = tf.input({ shape: [H, W, C] });
  const norm = tf.layers.layerNormalization({ axis: [1, 2, 3], epsilon: EPSILON, name: 'order/ln' });
  const flat = tf.layers.flatten().apply(norm.apply(input)) as tf.SymbolicTensor;
  const outputs = tf.layers.dense({ units: 2, name: 'order/logits' }).apply(flat) as tf.SymbolicTensor;
  const model = tf.model({ inputs: input, outputs, name: 'order' });
  checkBothWays(model, (v, weights) => linear(layerNorm(v, weights, 'ln'), weights, 'logits'));
  assert.deepEqual(models.stateDict(model).get('ln.weight')!.shape, [C, H, W]);
  model.dispose();
});

test('sequences behind a dense layer keep their order: features are last there, too', () => {
  const model = tf.sequential({
    name: 'order',
    layers: [
      tf.layers.dense({ units: 3, inputShape: [2, 4], name: 'order/each' }),
      tf.layers.flatten(),
      tf.layers.dense({ units: 2, name: 'order/logits' }),
    ],
  });
  randomWeights(model, 5);
  const dict = models.stateDict(model);
  const weights: Weights = (name) => [...storedFloats(dict.get(name)!)];
  const rows = [
    [1, -2, 3, 0.5],
    [0.25, 2, -1, 1],
  ];
  const expected = linear(
    rows.flatMap((row) => linear(row, weights, 'each')),
    weights,
    'logits',
  );
  const got = tf.tidy(() => (model.predict(tf.tensor3d([rows])) as tf.Tensor).dataSync());
  expected.forEach((value, i) => {
    assert.ok(Math.abs(value - got[i]) < 1e-5, `${got[i]} in place of ${value}`);
  });
  model.dispose();
});

/** A layer of a user, which the library cannot know. */
class Reversed extends tf.layers.Layer {
  static readonly className = 'FeatureOrderTestReversed';
  override computeOutputShape(shape: tf.Shape): tf.Shape {
    return shape;
  }
  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.reverse(Array.isArray(inputs) ? inputs[0] : inputs, -1);
  }
}

test('what has no known order there is refused by the name of the layer', () => {
  const vector = (...layers: tf.layers.Layer[]) => chain(layers);
  const refused: [RegExp, tf.LayersModel][] = [
    [/order\/logits behind order\/reversed/, vector(new Reversed({ name: 'order/reversed' }))],
    [
      /order\/conv behind order\/reshape/,
      vector(
        tf.layers.reshape({ targetShape: [W, H * C], name: 'order/reshape' }),
        tf.layers.conv1d({ filters: 2, kernelSize: 1, name: 'order/conv' }),
        tf.layers.flatten(),
      ),
    ],
    [
      /order\/logits behind order\/repeat/,
      vector(tf.layers.repeatVector({ n: 2, name: 'order/repeat' }), tf.layers.flatten()),
    ],
    [
      /order\/bn/,
      vector(
        tf.layers.reshape({ targetShape: [H, W, C] }),
        tf.layers.batchNormalization({ axis: 1, name: 'order/bn' }),
        tf.layers.flatten(),
      ),
    ],
  ];
  const input = tf.input({ shape: [H, W, C] });
  const flat = tf.layers.flatten().apply(input) as tf.SymbolicTensor;
  const shared = tf.layers.dense({ units: H * W * C, name: 'order/shared' });
  const twice = shared.apply(shared.apply(flat)) as tf.SymbolicTensor;
  refused.push([/order\/shared/, tf.model({ inputs: input, outputs: twice, name: 'order' })]);
  for (const [message, model] of refused) {
    const isRefusal = (error: Error): boolean => error instanceof OptionError && message.test(error.message);
    assert.throws(() => models.stateDict(model), isRefusal);
    assert.throws(() => models.loadStateDict(model, new Map()), isRefusal);
    model.dispose();
  }
});

test('images that a vector becomes again, and gates of channels, have a known order', () => {
  const again = chain([
    tf.layers.reshape({ targetShape: [H, W, C] }),
    tf.layers.conv2d({ filters: 2, kernelSize: 1, name: 'order/conv' }),
    tf.layers.flatten(),
  ]);
  checkBothWays(again, (v, weights) => {
    const [kernel, bias] = [weights('conv.weight'), weights('conv.bias')];
    const places = H * W;
    const channelsFirst = bias.flatMap((b, o) =>
      Array.from({ length: places }, (_, at) => {
        let sum = b;
        for (let c = 0; c < C; c++) sum += kernel[o * C + c] * v[c * places + at];
        return sum;
      }),
    );
    return linear(channelsFirst, weights, 'logits');
  });
  again.dispose();

  const input = tf.input({ shape: [H, W, C] });
  const gate = tf.layers
    .dense({ units: C, name: 'order/gate' })
    .apply(tf.layers.globalAveragePooling2d({}).apply(input));
  const gated = tf.layers
    .multiply()
    .apply([input, tf.layers.reshape({ targetShape: [1, 1, C] }).apply(gate) as tf.SymbolicTensor]);
  const outputs = tf.layers.dense({ units: 2, name: 'order/logits' }).apply(tf.layers.flatten().apply(gated));
  const model = tf.model({ inputs: input, outputs: outputs as tf.SymbolicTensor, name: 'order' });
  checkBothWays(model, (v, weights) => {
    const means = Array.from(
      { length: C },
      (_, c) => v.slice(c * H * W, (c + 1) * H * W).reduce((a, b) => a + b, 0) / (H * W),
    );
    const gates = linear(means, weights, 'gate');
    return linear(
      v.map((x, i) => x * gates[Math.floor(i / (H * W))]),
      weights,
      'logits',
    );
  });
  model.dispose();
});
