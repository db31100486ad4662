import 'lookbehind/compile';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { quadratic, rosenbrock, spirals, type ToyLoss, twoMinima, twoMoons } from 'lookbehind/data';
import { Random } from 'lookbehind/extend';

const losses: ToyLoss[] = [
  twoMinima(),
  rosenbrock(),
  rosenbrock({ a: 0.5, b: 3 }),
  quadratic({ curvatures: [1, 25, 0.5], minimum: [1, -2, 0] }),
];

test('the tensor form of each toy loss agrees with its plain form', () => {
  for (const toy of losses) {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -3, max: 3, noNaN: true }), {
          minLength: toy.dimensions,
          maxLength: toy.dimensions,
        }),
        (drawn) => {
          const point = drawn.map(Math.fround);
          const value = tf.tidy(() => toy.loss(tf.tensor1d(point)).dataSync()[0]);
          const expected = toy.valueAt(point);
          assert.ok(
            Math.abs(value - expected) <= 1e-5 * Math.max(1, Math.abs(expected)),
            `${toy.name} ${point}: ${value} ${expected}`,
          );
        },
      ),
      { numRuns: 25 },
    );
  }
});

test('the gradient vanishes at each minimum, and the loss is larger around it', () => {
  const before = tf.memory().numTensors;
  const random = new Random(0);
  for (const toy of losses) {
    for (const { name, point } of toy.minima) {
      const gradient = tf.tidy(() => tf.grad(toy.loss)(tf.tensor1d(point)).dataSync());
      for (const component of gradient)
        assert.ok(Math.abs(component) < 1e-4, `${toy.name} ${name}: ${gradient}`);
      for (let draw = 0; draw < 20; draw++) {
        const near = point.map((x) => x + random.normal(0, 0.01));
        assert.ok(toy.valueAt(near) > toy.valueAt(point) - 1e-9);
      }
    }
  }
  assert.equal(tf.memory().numTensors, before);
});

test('the two minima differ in sharpness, not in depth', () => {
  const { minima, valueAt } = twoMinima();
  const [sharp, flat] = minima.map(({ point }) => point);
  assert.ok(Math.abs(valueAt(sharp) - valueAt(flat)) < 1e-6);
  const curvature = ([x, y]: number[]): number =>
    (valueAt([x, y + 1e-3]) - 2 * valueAt([x, y]) + valueAt([x, y - 1e-3])) / 1e-6;
  assert.ok(curvature(sharp) > 20 * curvature(flat));
});

test('two moons and spirals: seeded, balanced, separable without noise', () => {
  for (const make of [twoMoons, spirals] as const) {
    const data = make({ samples: 101, seed: 5 });
    assert.deepEqual(data.classCounts, [51, 50]);
    assert.deepEqual(data.inputs, make({ samples: 101, seed: 5 }).inputs);
    assert.notDeepEqual(data.inputs, make({ samples: 101, seed: 6 }).inputs);
    assert.notDeepEqual([...data.labels], [...data.labels].sort(), 'in random order');
  }
  // Without noise the nearest other point is of the same class.
  for (const data of [twoMoons({ noise: 0 }), spirals({ noise: 0, classes: 3, samples: 600 })]) {
    const { inputs, labels, size } = data;
    for (let i = 0; i < size; i++) {
      let nearest = -1;
      let least = Number.POSITIVE_INFINITY;
      for (let j = 0; j < size; j++) {
        const distance = (inputs[2 * i] - inputs[2 * j]) ** 2 + (inputs[2 * i + 1] - inputs[2 * j + 1]) ** 2;
        if (j !== i && distance < least) [least, nearest] = [distance, j];
      }
      assert.equal(labels[nearest], labels[i]);
    }
  }
  assert.throws(() => twoMoons({ noise: -1 }), /noise/);
  assert.throws(() => spirals({ turns: 0 }), /turns/);
});
