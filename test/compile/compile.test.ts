/** compile(): same numbers as the original function, state, signatures, random numbers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { compile, crossEntropy } from 'lookbehind/compile';
import { assertClose, assertNoLeak, normal, numbersOf } from './support';

/** One SGD-momentum step on a small network, with all state in variables. */
function momentumStep() {
  const weights = [normal([4, 8], 1), normal([8, 3], 2)].map((value) => tf.variable(value));
  const momenta = weights.map((weight) => tf.variable(tf.zerosLike(weight)));
  const step = (xs: tf.Tensor, ys: tf.Tensor) => {
    const loss = () => crossEntropy(ys, tf.matMul(tf.tanh(tf.matMul(xs, weights[0])), weights[1]));
    const { value, grads } = tf.variableGrads(loss, weights);
    weights.forEach((weight, i) => {
      momenta[i].assign(tf.add(tf.mul(momenta[i], 0.9), grads[weight.name]));
      weight.assign(tf.sub(weight, tf.mul(momenta[i], 0.1)));
    });
    return { loss: value, norm: tf.norm(grads[weights[0].name]) };
  };
  return { weights, momenta, step };
}

const xs = normal([6, 4], 3);
const ys = tf.tensor1d([0, 1, 2, 2, 1, 0], 'int32');

test('a compiled training step gives the numbers of the original one', () => {
  const original = momentumStep();
  const other = momentumStep();
  const compiled = compile(other.step);
  for (let i = 0; i < 5; i++) {
    const [expected, actual] = [tf.tidy(() => original.step(xs, ys)), compiled(xs, ys)];
    assertClose(
      numbersOf([actual.loss, actual.norm]),
      numbersOf([expected.loss, expected.norm]),
      1e-6,
      `step ${i}`,
    );
  }
  assertClose(numbersOf(other.weights), numbersOf(original.weights), 1e-6, 'weights');
  assertClose(numbersOf(other.momenta), numbersOf(original.momenta), 1e-6, 'momenta');
  assert.deepEqual(
    [...(compiled.graph?.assigns ?? [])].sort(),
    [...other.weights, ...other.momenta].map(({ name }) => name).sort(),
  );
  compiled.dispose();
});

test('the caller owns the results, and nothing else is left', () => {
  const { step } = momentumStep();
  const compiled = compile(step);
  const first = assertNoLeak(() => {
    const result = compiled(xs, ys);
    assert.equal(result.loss.isDisposed, false);
    tf.dispose(result);
    return result;
  });
  assert.equal(first.loss.isDisposed, true);
  assertNoLeak(() => {
    for (let i = 0; i < 1000; i++) tf.dispose(compiled(xs, ys));
  });
  compiled.dispose();
});

test('results keep their structure', () => {
  const compiled = compile((x: tf.Tensor) => ({
    pair: [tf.add(x, 1), tf.mul(x, 2)],
    none: undefined,
    deep: { sum: tf.sum(x) },
  }));
  for (let i = 0; i < 3; i++) {
    const { pair, none, deep } = compiled(tf.tensor1d([1, 2]));
    assert.deepEqual(
      [pair.map((tensor) => [...tensor.dataSync()]), none, deep.sum.dataSync()[0]],
      [
        [
          [2, 3],
          [2, 4],
        ],
        undefined,
        3,
      ],
    );
  }
});

test('arguments, variables and captured tensors that are returned are copies', () => {
  const captured = tf.tensor1d([5, 6]);
  const variable = tf.variable(tf.tensor1d([7, 8]));
  const compiled = compile((x: tf.Tensor) => [x, captured, variable, x]);
  const eager = compile((x: tf.Tensor) => [x, captured, variable, x], { eager: true });
  const x = tf.tensor1d([1, 2]);
  for (const call of [compiled, compiled, eager]) {
    const results = call(x);
    assert.deepEqual(numbersOf(results), [1, 2, 5, 6, 7, 8, 1, 2]);
    tf.dispose(results);
    assert.equal(x.isDisposed || captured.isDisposed || variable.isDisposed, false);
  }
});

test('variables that shared their data before the trace stay apart', () => {
  const a = tf.variable(tf.tensor1d([1, 2]));
  const b = tf.variable(a);
  const frozen = a.clone();
  const compiled = compile((x: tf.Tensor) => [tf.add(a, tf.mul(b, 10)), tf.add(frozen, tf.mul(x, 0))]);
  tf.dispose(compiled(a));
  a.assign(tf.tensor1d([3, 4]));
  b.assign(tf.tensor1d([5, 6]));
  assert.deepEqual(numbersOf(compiled(a)), [53, 64, 1, 2]);
});

test('a variable may be assigned several times, swapped, and set to another one', () => {
  const a = tf.variable(tf.scalar(1));
  const b = tf.variable(tf.scalar(2));
  const c = tf.variable(tf.scalar(0));
  const compiled = compile(() => {
    const old = a.clone();
    a.assign(tf.add(a, 1));
    a.assign(tf.mul(a, 3));
    c.assign(a);
    a.assign(b);
    b.assign(old);
    return old;
  });
  const seen = Array.from({ length: 4 }, () => [...numbersOf(compiled()), ...numbersOf([a, b, c])]);
  assert.deepEqual(seen, [
    [1, 2, 1, 6],
    [2, 1, 2, 9],
    [1, 2, 1, 6],
    [2, 1, 2, 9],
  ]);
});

test('variables made in the first call become state', () => {
  let slow: tf.Variable | undefined;
  const weight = tf.variable(tf.scalar(1));
  const compiled = compile(() => {
    slow ??= tf.variable(weight);
    weight.assign(tf.add(weight, 1));
    slow.assign(tf.add(tf.mul(slow, 0.5), tf.mul(weight, 0.5)));
    return tf.add(slow, 0);
  });
  const expected: number[] = [];
  for (let i = 0, w = 1, s = 1; i < 6; i++) {
    w += 1;
    s = 0.5 * s + 0.5 * w;
    expected.push(s);
  }
  assert.deepEqual(
    Array.from({ length: 6 }, () => compiled().dataSync()[0]),
    expected,
  );
  assert.equal(compiled.graph?.assigns.length, 2);
});

test('a function that makes a variable at each call is refused', () => {
  const compiled = compile(() => tf.variable(tf.scalar(1)).add(1), { name: 'maker' });
  compiled().dispose();
  const before = Object.keys(tf.engine().registeredVariables).length;
  assert.throws(() => compiled(), /maker makes a tf.Variable at every call/);
  assert.equal(Object.keys(tf.engine().registeredVariables).length, before);
});

test('a function is traced again when a variable of its graph is gone', () => {
  let weight = tf.variable(tf.scalar(2));
  const compiled = compile((x: tf.Tensor) => tf.mul(x, weight));
  const x = tf.scalar(3);
  assert.deepEqual([...numbersOf(compiled(x)), ...numbersOf(compiled(x))], [6, 6]);
  weight.dispose();
  weight = tf.variable(tf.scalar(5));
  assert.deepEqual([...numbersOf(compiled(x)), ...numbersOf(compiled(x))], [15, 15]);
});

test('each signature has its own graph, and more than maxSignatures run as they are', async () => {
  let calls = 0;
  const compiled = compile(
    (x: tf.Tensor) => {
      calls++;
      return tf.sum(x);
    },
    { maxSignatures: 2, name: 'sum' },
  );
  const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
  const call = (length: number) => compiled(tf.ones([length])).dataSync()[0];
  assert.deepEqual([3, 4, 3, 4, 5, 5, 3].map(call), [3, 4, 3, 4, 5, 5, 3]);
  assert.equal(calls, 4);
  assert.equal(compiled.graphs.length, 2);
  assert.equal(compiled.graph?.signature, 'float32 [3]');
  assert.match(
    (await warned).message,
    /sum was compiled for 2 signatures, and now gets another one \(float32 \[5\]\)/,
  );
  assert.equal(compiled(tf.ones([3], 'int32')).dtype, 'int32');
});

test('arguments may be arrays and records of tensors, and what is missing in them is part of the signature', () => {
  let calls = 0;
  interface Batch {
    xs: tf.Tensor;
    ys?: tf.Tensor | null;
  }
  const compiled = compile(
    (weights: readonly tf.Tensor[], { xs, ys }: Batch) => {
      calls++;
      return {
        product: tf.mul(weights[0], tf.mul(weights[1], xs)),
        ...(ys == null ? {} : { ys: tf.neg(ys) }),
      };
    },
    { name: 'tree' },
  );
  const [two, three, five] = [2, 3, 5].map((value) => tf.scalar(value));
  const product = (weights: tf.Tensor[], batch: Batch): number[] =>
    Object.values(compiled(weights, batch)).flatMap(numbersOf);
  for (let i = 0; i < 2; i++) {
    assertNoLeak(() => tf.tidy(() => assert.deepEqual(product([two, three], { xs: five }), [30])));
    // The same tensor at two places, in a graph that was recorded for two tensors.
    assert.deepEqual(product([two, two], { xs: five, ys: null }), [20]);
    assert.deepEqual(product([three, two], { xs: three, ys: five }), [18, -5]);
  }
  assert.equal(calls, 3);
  assert.deepEqual(
    compiled.graphs.map(({ signature }) => signature),
    ['', ', ys: none', ', ys: float32 []'].map((ys) => `[float32 [], float32 []], { xs: float32 []${ys} }`),
  );
  assert.throws(
    () => compiled([two, 3 as unknown as tf.Tensor], { xs: five }),
    /tree: argument 0 must be .*, but holds a number/,
  );
});

test('a compiled function inside of another is part of its graph', () => {
  const weight = tf.variable(tf.scalar(1));
  const inner = compile((x: tf.Tensor) => {
    weight.assign(tf.add(weight, 1));
    return tf.mul(x, weight);
  });
  const outer = compile((x: tf.Tensor) => tf.add(inner(x), inner(x)));
  const x = tf.scalar(10);
  assert.deepEqual(
    [outer, outer, outer].map((call) => call(x).dataSync()[0]),
    [50, 90, 130],
  );
  assert.equal(inner.graph, undefined);
});

test('a compiled function can be differentiated', () => {
  const square = compile((x: tf.Tensor) => tf.square(x));
  tf.dispose([square(tf.scalar(1)), square(tf.scalar(1))]);
  assert.equal(
    tf
      .grad((x) => square(x))(tf.scalar(3))
      .dataSync()[0],
    6,
  );
  const derivative = compile((x: tf.Tensor) => tf.grad((one) => tf.mul(one, square(one)))(x));
  assert.deepEqual(
    [...numbersOf(derivative(tf.scalar(3))), ...numbersOf(derivative(tf.scalar(2)))],
    [27, 12],
  );
});

test('custom gradients are recorded', () => {
  const clipped = tf.customGrad((x, save) => {
    (save as (tensors: tf.Tensor[]) => void)([x as tf.Tensor]);
    return {
      value: tf.square(x as tf.Tensor),
      gradFunc: (dy, [saved]) => tf.mul(dy, tf.clipByValue(saved, -1, 1)),
    };
  });
  const derivative = compile((x: tf.Tensor) => tf.grad((one) => clipped(one))(x));
  assert.deepEqual(
    [0.5, 3, -3].map((value) => derivative(tf.scalar(value)).dataSync()[0]),
    [0.5, 1, -1],
  );
});

test('stock layers train compiled as they train op by op, batch normalization included', () => {
  const make = () => {
    const model = tf.sequential({
      layers: [
        tf.layers.conv2d({ inputShape: [6, 6, 2], filters: 4, kernelSize: 3, padding: 'same' }),
        tf.layers.batchNormalization(),
        tf.layers.reLU(),
        tf.layers.maxPooling2d({ poolSize: 2 }),
        tf.layers.flatten(),
        tf.layers.dense({ units: 3, activation: 'linear' }),
      ],
    });
    model.setWeights(
      model
        .getWeights()
        .map((weight, i) => (i === 5 ? tf.ones(weight.shape) : normal(weight.shape, i + 1, 0.5))),
    );
    const optimizer = tf.train.momentum(0.05, 0.9);
    const step = (images: tf.Tensor, labels: tf.Tensor) =>
      optimizer.minimize(
        () => crossEntropy(labels, model.apply(images, { training: true }) as tf.Tensor),
        true,
      ) as tf.Scalar;
    return { model, step };
  };
  const images = normal([5, 6, 6, 2], 9);
  const labels = tf.tensor1d([0, 1, 2, 0, 1], 'int32');
  const [original, other] = [make(), make()];
  const compiled = compile(other.step);
  for (let i = 0; i < 4; i++) {
    const expected = tf.tidy(() => numbersOf(original.step(images, labels)));
    assertClose(numbersOf(compiled(images, labels)), expected, 1e-5, `loss ${i}`);
  }
  assertClose(numbersOf(other.model.getWeights()), numbersOf(original.model.getWeights()), 1e-5, 'weights');
  compiled.dispose();
});

test('LB_EAGER=1 and eager: true call the original function each time', () => {
  let calls = 0;
  const fn = (x: tf.Tensor) => {
    calls++;
    return tf.add(x, 1);
  };
  process.env.LB_EAGER = '1';
  const byVariable = compile(fn);
  delete process.env.LB_EAGER;
  const byOption = compile(fn, { eager: true });
  for (const call of [byVariable, byVariable, byOption, byOption])
    assert.equal(call(tf.scalar(1)).dataSync()[0], 2);
  assert.equal(calls, 4);
  assert.match(byOption.explain(), /eager/);
});

/** Draws by every random op that a compiled function may call. */
function draws(x: tf.Tensor): Record<string, tf.Tensor> {
  return {
    normal: tf.randomNormal([50]),
    standard: tf.randomStandardNormal([50]),
    integers: tf.randomNormal([50], 5, 3, 'int32'),
    uniform: tf.randomUniform([50], -1, 3),
    uniformInt: tf.randomUniformInt([50], 2, 7),
    truncated: tf.truncatedNormal([50]),
    dropped: tf.dropout(x, 0.4),
    layer: tf.layers.dropout({ rate: 0.5 }).apply(x, { training: true }) as tf.Tensor,
    noise: tf.layers.gaussianNoise({ stddev: 1 }).apply(x, { training: true }) as tf.Tensor,
    samples: tf.multinomial(tf.tensor2d([[0, 1, 2]]), 50),
    repeated: tf.randomNormal([50], 0, 1, 'float32', 7),
  };
}

test('random numbers are fresh in every run, of the right distribution, and repeatable by seed', () => {
  const x = tf.ones([400]);
  const compiled = compile(draws, { seed: 3 });
  const runs = Array.from({ length: 4 }, () => compiled(x));
  for (const [name, first] of Object.entries(runs[0])) {
    for (let i = 1; i < runs.length; i++) {
      const same = numbersOf(first).every((value, j) => value === numbersOf(runs[i][name])[j]);
      assert.equal(same, name === 'repeated', `${name} in run ${i}`);
    }
  }
  const sample = (name: string) => runs.slice(1).flatMap((run) => numbersOf(run[name]));
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  assertClose([mean(sample('normal')), mean(sample('truncated')), mean(sample('dropped'))], [0, 0, 1], 0.35);
  assertClose(
    [mean(sample('uniform')), mean(sample('integers')), mean(sample('samples'))],
    [1, 5, 1.575],
    0.3,
  );
  assert.deepEqual([...new Set(sample('dropped'))].map((value) => value.toFixed(4)).sort(), [
    '0.0000',
    '1.6667',
  ]);
  assert.deepEqual([...new Set(sample('uniformInt'))].sort(), [2, 3, 4, 5, 6]);
  assert.ok(sample('uniform').every((value) => value >= -1 && value < 3));
  assert.ok(sample('truncated').every((value) => Math.abs(value) <= 2));

  const eager = compile(draws, { seed: 3, eager: true });
  for (const run of runs)
    assertClose(numbersOf(Object.values(eager(x))), numbersOf(Object.values(run)), 1e-6, 'eager run');
});

test('a function that makes no variables gives the same bits whenever it is compiled, and its first call happens once', () => {
  const run = (anew: boolean): Float32Array[] => {
    const { weights, momenta, step } = momentumStep();
    const count = tf.variable(tf.scalar(0));
    const noisy = (inputs: tf.Tensor, labels: tf.Tensor) => {
      count.assign(tf.add(count, 1));
      // A scale that TensorFlow can move through the product, which changes the last bits.
      return step(tf.mul(tf.mul(tf.add(inputs, tf.randomNormal([6, 4])), 0.3), 1.7), labels).loss;
    };
    const tensors = tf.memory().numTensors;
    let calls = 0;
    const make = () => compile(noisy, { makesNoVariables: true, seed: () => calls });
    let compiled = make();
    const losses: Float32Array[] = [];
    for (; calls < 4; calls++) {
      const loss = compiled(xs, ys);
      losses.push(loss.dataSync() as Float32Array);
      loss.dispose();
      if (!anew) continue;
      compiled.dispose();
      compiled = make();
    }
    assert.deepEqual(numbersOf([count]), [4]);
    const bits = [...losses, ...weights.map((weight) => weight.dataSync() as Float32Array)];
    compiled.dispose();
    assert.equal(tf.memory().numTensors, tensors);
    tf.dispose([...weights, ...momenta, count]);
    return bits;
  };
  assert.deepEqual(run(true), run(false));
});

test('explain and graph say what was compiled', () => {
  const { step, weights } = momentumStep();
  const compiled = compile(step, { name: 'training step' });
  assert.match(compiled.explain(), /training step: not called yet/);
  tf.dispose(compiled(xs, ys));
  const graph = compiled.graph;
  assert.ok(graph !== undefined && graph.nodeCount > 20 && graph.ops.MatMul >= 4 && !graph.random);
  assert.ok(weights.every(({ name }) => graph.reads.includes(name)));
  assert.match(compiled.explain(), /training step\(float32 \[6,4\], int32 \[6\]\)\n {2}\d+ nodes/);
  compiled.dispose();
});
