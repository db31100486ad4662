/**
 * The losses of the playground: their gradients in closed form against differences, and as tf.js hands them
 * to optimizers.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import 'lookbehind/compile';
import { LOSSES, lossAt, type PlaneLoss, type Point } from '../../playground/losses';

const POINTS: Point[] = [
  [-1.1, 0.25],
  [0.3, -0.7],
  [-0.7, 0.02],
  [0.9, 0.1],
  [-0.35, 0.15],
];

for (const [name, make] of Object.entries(LOSSES)) {
  describe(`the loss "${name}"`, () => {
    const loss: PlaneLoss = make(7);

    it('has the gradient of its values', () => {
      for (const [x, y] of POINTS) {
        const h = 1e-5;
        const slope = [
          (loss.value([x + h, y]) - loss.value([x - h, y])) / (2 * h),
          (loss.value([x, y + h]) - loss.value([x, y - h])) / (2 * h),
        ];
        for (const [axis, value] of loss.gradient([x, y]).entries())
          assert.ok(Math.abs(value - slope[axis]!) < 1e-5, `${x}, ${y}: ${value}, not ${slope[axis]}`);
      }
    });

    it('has minima where it says, the deepest places around', () => {
      for (const { point } of loss.minima) {
        const depth = loss.value(point);
        assert.ok(Math.hypot(...loss.gradient(point)) < 0.01);
        for (const [dx, dy] of [
          [0.1, 0],
          [-0.1, 0],
          [0, 0.1],
          [0, -0.1],
        ])
          assert.ok(loss.value([point[0] + dx!, point[1] + dy!]) > depth);
      }
    });

    it('gives an optimizer the same value and gradient', () => {
      const at = POINTS[1]!;
      const variable = tf.variable(tf.tensor1d([...at]));
      tf.tidy(() => {
        const { value, grads } = tf.variableGrads(lossAt(loss, variable), [variable]);
        assert.ok(Math.abs(value.dataSync()[0]! - loss.value(at)) < 1e-5);
        const gradient = Object.values(grads)[0]!.dataSync();
        for (const [axis, expected] of loss.gradient(at).entries())
          assert.ok(Math.abs(gradient[axis]! - expected) < 1e-5);
      });
      variable.dispose();
    });
  });
}
