/** What compile() refuses, and that a refused call leaves no trace. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { CompileError, compile } from 'lookbehind/compile';
import { OptionError } from 'lookbehind/errors';
import { assertNoLeak, normal, numbersOf } from './support';

const weight = tf.variable(normal([3], 1));
const x = normal([3], 2);

/**
 * Asserts that compiling `fn` is refused, and that variables, tensors, random ops and the backend are as
 * before.
 */
function assertRefused(fn: (x: tf.Tensor) => unknown, message: RegExp): void {
  const before = numbersOf(weight);
  const names = Object.keys(tf.engine().registeredVariables);
  const ownProperties = Object.getOwnPropertyNames(tf.backend());
  const { randomNormal } = tf;
  const { random } = Math;
  const compiled = compile(fn);
  for (let i = 0; i < 2; i++) {
    assertNoLeak(() =>
      assert.throws(
        () => compiled(x),
        (error: Error) => error instanceof CompileError && message.test(error.message),
      ),
    );
  }
  assert.deepEqual(numbersOf(weight), before);
  assert.deepEqual(Object.keys(tf.engine().registeredVariables), names);
  assert.deepEqual(Object.getOwnPropertyNames(tf.backend()), ownProperties);
  assert.equal(tf.randomNormal, randomNormal);
  assert.equal(Math.random, random);
}

test('what is no function is refused at once', () => {
  assert.throws(() => compile(3 as never), /^OptionError: fn must be a function of tensors, got 3\.$/);
});

test('reading values is refused, by the name and the place of the call', () => {
  const assignFirst = () => weight.assign(tf.mul(weight, 2));
  const place = 'guards\\.test\\.ts:\\d+:\\d+';
  assertRefused(
    () => {
      assignFirst();
      return tf.scalar(tf.sum(weight).dataSync()[0]);
    },
    new RegExp(`tensor\\.dataSync\\(\\) at .*${place}`),
  );
  assertRefused(
    (a) => tf.add(a, tf.mul(a, 2).arraySync() as number[]),
    new RegExp(`tensor\\.arraySync\\(\\) at .*${place}`),
  );
  assertRefused(
    (a) => {
      tf.mul(a, 2).print();
      return a;
    },
    new RegExp(`tensor\\.print\\(\\) at .*${place}`),
  );
  assertRefused((a) => tf.scalar(Number(tf.sum(a).bufferSync().get())), /tensor\.bufferSync\(\)/);
  assertRefused((a) => (tf.greater(tf.sum(a), 0).dataSync()[0] ? tf.add(a, 1) : a), /dataSync/);
});

test('reading values is refused where the function catches the error', () => {
  assertRefused((a) => {
    try {
      a.dataSync();
    } catch {
      return tf.zerosLike(a);
    }
    return a;
  }, /dataSync/);
});

test('asynchronous reading is refused', () => {
  assertRefused((a) => {
    void tf.add(a, 1).data();
    return a;
  }, /tensor\.data\(\)/);
  assertRefused(
    async (a) => tf.add(a, (await tf.add(a, 1).array()) as number[]),
    /tensor\.array\(\)|promise/,
  );
});

test('values that are the same in every run may be read', () => {
  const constant = tf.tensor1d([1, 2, 3]);
  const compiled = compile((a: tf.Tensor) => tf.add(a, constant.dataSync()[1] + tf.scalar(4).dataSync()[0]));
  assert.deepEqual(numbersOf(compiled(tf.scalar(0))), [6]);
});

test('numbers drawn in JavaScript are refused', () => {
  assertRefused((a) => tf.mul(a, Math.random()), /Math\.random\(\)/);
  assertRefused((a) => tf.mul(a, tf.randomGamma([3], 1)), /tf\.randomGamma/);
  assertRefused(
    (a) =>
      tf.mul(
        a,
        tf.rand([3], () => 1),
      ),
    /tf\.rand /,
  );
});

test('shapes that depend on values are refused', () => {
  assertRefused((a) => tf.unique(a).values, /shape of what Unique/);
});

test('results that are no tensors are refused', () => {
  assertRefused(() => 3, /returned a number/);
  assertRefused((a) => ({ a, when: new Date() }), /returned an object of a class/);
  assertRefused(async (a) => a, /returned a promise/);
});

test('arguments that are no tensors, or disposed ones, are refused', () => {
  const compiled = compile((a: tf.Tensor) => tf.add(a, 1), { name: 'plus' });
  assert.throws(() => compiled(3 as unknown as tf.Tensor), /plus: argument 0 must be a tensor/);
  const gone = tf.scalar(1);
  gone.dispose();
  assert.throws(() => compiled(gone), /plus: argument 0 is a disposed tensor/);
});

test('variables that are disposed inside are refused', () => {
  const victim = tf.variable(tf.scalar(1));
  assert.throws(() => compile(() => victim.dispose())(), /disposes the variable/);
});

test('an error of the function itself comes through, and undoes what it did', () => {
  const before = numbersOf(weight);
  const failing = compile((a: tf.Tensor) => {
    const made = tf.variable(tf.zerosLike(a), true, 'made by a failing call');
    weight.assign(tf.add(weight, made));
    return tf.grad((one) => {
      tf.tanh(one);
      throw new RangeError('on purpose');
    })(a);
  });
  assertNoLeak(() => assert.throws(() => failing(x), { name: 'RangeError', message: 'on purpose' }));
  assert.deepEqual(numbersOf(weight), before);
  assert.equal(tf.engine().registeredVariables['made by a failing call'], undefined);
});

test('an error in a run leaves the variables at their old values', () => {
  const counter = tf.variable(tf.scalar(0));
  const table = tf.tensor1d([10, 20, 30]);
  const compiled = compile((index: tf.Tensor) => {
    counter.assign(tf.add(counter, 1));
    return tf.gather(table, index as tf.Tensor1D);
  });
  const at = (index: number) => compiled(tf.tensor1d([index], 'int32'));
  assert.deepEqual(
    [0, 2].flatMap((index) => numbersOf(at(index))),
    [10, 30],
  );
  const wrong = tf.tensor1d([7], 'int32');
  assertNoLeak(() => assert.throws(() => compiled(wrong), /not in \[0, 3\)|out of range|indices/));
  assert.deepEqual(numbersOf(counter), [2]);
  assert.deepEqual(numbersOf(at(1)), [20]);
});

test('a large captured tensor is reported', async () => {
  const large = normal([600, 500], 4);
  const compiled = compile((a: tf.Tensor) => tf.sum(tf.mul(large, tf.sum(a))), { name: 'large' });
  const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
  tf.dispose(compiled(x));
  assert.match(
    (await warned).message,
    /large: the compiled graph holds copies of large captured tensors \(float32 \[600,500\], 1\.1 MB\)/,
  );
  assert.deepEqual(compiled.graph?.largeConstants, ['float32 [600,500], 1.1 MB']);
  assert.match(compiled.explain(), /large: float32 \[600,500\]/);
  const uniform = compile((a: tf.Tensor) => tf.sum(tf.mul(tf.ones([600, 500]), tf.sum(a))));
  tf.dispose(uniform(x));
  assert.deepEqual(uniform.graph?.largeConstants, []);
});

test('a disposed function says so', () => {
  const compiled = compile((a: tf.Tensor) => tf.add(a, 1), { name: 'plus' });
  tf.dispose([compiled(x), compiled(x)]);
  compiled.dispose();
  compiled.dispose();
  assert.throws(() => compiled(x), /plus was disposed/);
});

test('options are checked', () => {
  const fn = (a: tf.Tensor) => a;
  assert.throws(() => compile(fn, { maxSignatures: 0 }), OptionError);
  assert.throws(() => compile(fn, { eagre: true } as object), /eagre/);
});
