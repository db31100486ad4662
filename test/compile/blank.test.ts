/**
 * Functions that are recorded without being executed: the shapes of the stand-ins, and that nothing else
 * differs.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { lookbehindSAM } from 'lookbehind';
import { CompileError, type CompileOptions, compile, crossEntropy } from 'lookbehind/compile';
import * as models from 'lookbehind/models';
import { outputForms, RULED_OPS } from '../../lib/dist/compile/graph/blank';
import { assertClose, assertNoLeak, normal, numbersOf } from './support';

interface Executed {
  op: string;
  expected: unknown;
  actual: unknown;
}

type Execute = (
  op: string,
  attributes: never[],
  inputs: tf.TensorInfo[],
  count?: number,
) => tf.Tensor | tf.Tensor[];

/** Runs `fn` op by op, and returns for each op with a rule what the rule says and what the op returned. */
function watch(fn: () => void): Executed[] {
  const executed: Executed[] = [];
  const backend = tf.backend() as unknown as Record<string, Execute>;
  const methods = ['executeSingleOutput', 'executeMultipleOutputs'];
  for (const method of methods) {
    const stock = backend[method];
    backend[method] = (op, attributes, inputs, count) => {
      const result = stock.call(backend, op, attributes, inputs, count);
      const valuesOf = ({ dataId }: tf.TensorInfo) => tf.backend().readSync(dataId) as Int32Array;
      const forms = outputForms(op, attributes, inputs, valuesOf);
      const actual = [result].flat().map(({ shape, dtype }) => ({ shape, dtype }));
      // How long TensorFlow's last output of a batch normalization is, is its own concern.
      const compared = op.startsWith('FusedBatchNorm') ? 3 : actual.length;
      if (forms !== undefined)
        executed.push({ op, expected: actual.slice(0, compared), actual: forms.slice(0, compared) });
      return result;
    };
  }
  try {
    tf.tidy(fn);
  } finally {
    for (const method of methods) Reflect.deleteProperty(backend, method);
  }
  return executed;
}

test('the stand-ins have the shapes and dtypes of what the ops return', () => {
  const image = normal([2, 7, 9, 3], 1) as tf.Tensor4D;
  const filter = normal([3, 3, 3, 4], 2) as tf.Tensor4D;
  const convolved = (strides: number, pad: 'same' | 'valid') => {
    const output = (x: tf.Tensor4D, w: tf.Tensor4D) => tf.sum(tf.square(tf.conv2d(x, w, strides, pad)));
    tf.grads((x, w) => output(x as tf.Tensor4D, w as tf.Tensor4D))([image, filter]);
  };
  const pooled = (size: number, strides: number, pad: 'same' | 'valid') => {
    tf.grad((x) => tf.sum(tf.maxPool(x as tf.Tensor4D, size, strides, pad)))(image);
    tf.avgPool(image, size, strides, pad);
  };
  const a = normal([4, 6], 3);
  const resnet = models.resNet({ depth: 20, width: 2, inputs: [8, 8, 3], classes: 3 });
  const executed = watch(() => {
    for (const strides of [1, 2, 3]) for (const pad of ['same', 'valid'] as const) convolved(strides, pad);
    for (const pad of ['same', 'valid'] as const) tf.conv2d(image, filter, 1, pad, 'NHWC', 2);
    for (const pad of ['same', 'valid'] as const) for (const size of [2, 3]) pooled(size, 2, pad);
    for (const elementwise of [tf.relu, tf.square, tf.neg, tf.tanh, tf.sigmoid, tf.exp])
      tf.grad((x) => elementwise(x))(a);
    for (const binary of [tf.add, tf.sub, tf.mul, tf.div]) {
      for (const shape of [[4, 6], [6], [4, 1], [], [3, 1, 6]]) binary(a, normal(shape, 4));
    }
    tf.mul(tf.cast(a, 'int32'), tf.scalar(2, 'int32'));
    for (const binary of [tf.floorDiv, tf.mod]) binary(tf.ones([4, 6], 'int32'), tf.ones([6], 'int32'));
    tf.addN([a, a, a]);
    for (const [x, y] of [
      [false, false],
      [true, true],
    ] as const)
      tf.matMul(a, normal(x ? [5, 4] : [6, 5], 5), x, y);
    const xs = normal([3, 8, 8, 3], 6);
    tf.variableGrads(
      () => tf.mean(tf.square(resnet.apply(xs, { training: true }) as tf.Tensor)) as tf.Scalar,
    );
  });
  assert.deepEqual([...new Set(executed.map(({ op }) => op))].sort(), [...RULED_OPS].sort());
  for (const { op, expected, actual } of executed) assert.deepEqual(actual, expected, op);
  resnet.dispose();
});

/** A Lookbehind step on `model`, compiled with `options`. */
function stepOn(model: tf.LayersModel, options: CompileOptions) {
  const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
  const optimizer = lookbehindSAM({ k: 3, rho: 0.1, learningRate: 0.1, momentum: 0.9 });
  optimizer.prepare(variables);
  const step = compile(
    (xs: tf.Tensor, ys: tf.Tensor) =>
      optimizer.step(() => crossEntropy(ys, model.apply(xs, { training: true }) as tf.Tensor), variables)
        .loss,
    options,
  );
  const dispose = () => {
    step.dispose();
    optimizer.dispose();
    model.dispose();
  };
  return { step, dispose, weights: () => numbersOf(model.weights.map((weight) => weight.read())) };
}

test('a step that is only recorded gives the numbers of one that runs op by op, from the first call on', () => {
  const convNet = () =>
    models.convNet({ inputs: [8, 8, 1], filters: [3, 4], classes: 3, batchNorm: true, seed: 1 });
  const [recorded, eager] = [{ makesNoVariables: true }, { eager: true }].map((options) =>
    stepOn(convNet(), options),
  );
  const ys = tf.tensor1d([0, 1, 2, 0, 1], 'int32');
  for (let i = 0; i < 3; i++) {
    const xs = normal([5, 8, 8, 1], 7 + i);
    const losses = [recorded, eager].map(({ step }) =>
      assertNoLeak(() => {
        const loss = step(xs, ys);
        const [value] = loss.dataSync();
        loss.dispose();
        return value;
      }),
    );
    assertClose([losses[0]], [losses[1]], 1e-5, `loss of step ${i}`);
    assertClose(recorded.weights(), eager.weights(), 1e-4, `weights after step ${i}`);
    xs.dispose();
  }
  for (const side of [recorded, eager]) side.dispose();
  ys.dispose();
});

test('the record of a deep network is that of a call that was executed', () => {
  const resNet = () => models.resNet({ depth: 20, width: 2, inputs: [8, 8, 1], classes: 3, seed: 1 });
  const [recorded, executed] = [{ makesNoVariables: true }, {}].map((options) => stepOn(resNet(), options));
  const [xs, ys] = [normal([4, 8, 8, 1], 7), tf.tensor1d([0, 1, 2, 0], 'int32')];
  for (const { step } of [recorded, executed]) step(xs, ys).dispose();
  assert.deepEqual(
    { ...recorded.step.graph, reads: [], assigns: [] },
    { ...executed.step.graph, reads: [], assigns: [] },
  );
  assert.ok((recorded.step.graph?.nodeCount ?? 0) > 1000);
  for (const side of [recorded, executed]) side.dispose();
  tf.dispose([xs, ys]);
});

test('a function that breaks the promise to make no variables is refused, and leaves nothing behind', () => {
  const x = normal([3], 8);
  const step = compile((a: tf.Tensor) => tf.add(a, tf.variable(tf.zerosLike(a))), { makesNoVariables: true });
  const variables = Object.keys(tf.engine().registeredVariables);
  assertNoLeak(() =>
    assert.throws(
      () => step(x),
      (error: Error) => error instanceof CompileError && /makesNoVariables/.test(error.message),
    ),
  );
  assert.deepEqual(Object.keys(tf.engine().registeredVariables), variables);
});

test('random numbers of a recorded call are those of its seed', () => {
  const draws = (options: object) => {
    const draw = compile((x: tf.Tensor) => tf.add(x, tf.randomNormal([3])), { seed: 5, ...options });
    const x = tf.zeros([3]);
    const numbers = [0, 1, 2].flatMap(() => numbersOf(draw(x)));
    draw.dispose();
    return numbers;
  };
  assertClose(draws({ makesNoVariables: true }), draws({ eager: true }), 1e-6);
});

test('whole numbers are divided by computed ones', () => {
  const fn = (x: tf.Tensor) => {
    const divisor = tf.mul(x, tf.scalar(2, 'int32'));
    const seven = tf.scalar(7, 'int32');
    return [tf.div(seven, divisor), tf.floorDiv(seven, divisor), tf.mod(seven, divisor)];
  };
  const step = compile(fn, { makesNoVariables: true });
  for (const value of [1, 2]) {
    const x = tf.scalar(value, 'int32');
    assert.deepEqual(numbersOf(step(x)), numbersOf(fn(x)));
  }
});
