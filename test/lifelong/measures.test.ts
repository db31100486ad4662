import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { OptionError } from '../../lib/dist/core/errors';
import { type AccuracyMatrix, forgettingPerTask, lifelongMeasures } from '../../lib/dist/lifelong/measures';

const near = (actual: number, expected: number): void =>
  assert.ok(Math.abs(actual - expected) < 1e-12, `${actual} in place of ${expected}`);

test('a matrix worked out by hand', () => {
  // Task 1 is at its best after task 2, task 2 after task 3; task 3 gets better to the end.
  const accuracy = [
    [80, 12, 8, 10],
    [90, 70, 20, 10],
    [60, 75, 50, 25],
    [65, 40, 55, 85],
  ];
  const measures = lifelongMeasures(accuracy, [10, 11, 12, 13]);
  near(measures.averageAccuracy, (65 + 40 + 55 + 85) / 4);
  near(measures.learningAccuracy, (80 + 70 + 50 + 85) / 4);
  near(measures.backwardTransfer, (-15 - 30 + 5) / 3);
  near(measures.forwardTransfer, (12 - 11 + (20 - 12) + (25 - 13)) / 3);
  near(measures.forgetting.firstMinusLast, (15 + 30 - 5) / 3);
  near(measures.forgetting.maximumMinusLast, (25 + 35 + 0) / 3);
  near(measures.forgetting.maximumEarlierMinusNow, (25 + 35 - 5) / 3);
  assert.deepEqual(forgettingPerTask(accuracy), [
    { firstMinusLast: 15, maximumMinusLast: 25, maximumEarlierMinusNow: 25 },
    { firstMinusLast: 30, maximumMinusLast: 35, maximumEarlierMinusNow: 35 },
    { firstMinusLast: -5, maximumMinusLast: 0, maximumEarlierMinusNow: -5 },
  ]);
});

test('the definitions part where a task was better before it was learned, and those rows do not count', () => {
  const accuracy = [
    [50, 99],
    [50, 40],
  ];
  assert.deepEqual(lifelongMeasures(accuracy).forgetting, {
    firstMinusLast: 0,
    maximumMinusLast: 0,
    maximumEarlierMinusNow: 0,
  });
  assert.equal(lifelongMeasures(accuracy, [7, 9]).forwardTransfer, 90);
});

test('a matrix that fills: tasks that are not learned yet do not count', () => {
  const { averageAccuracy, learningAccuracy, forgetting } = lifelongMeasures([
    [0.8, 0.1, 0.1],
    [0.5, 0.9, 0.2],
  ]);
  near(averageAccuracy, 0.7);
  near(learningAccuracy, 0.85);
  near(forgetting.maximumEarlierMinusNow, 0.3);
});

test('what is not defined is NaN', () => {
  const first = lifelongMeasures([[0.8, 0.1]], [0.1, 0.1]);
  assert.deepEqual([first.averageAccuracy, first.learningAccuracy], [0.8, 0.8]);
  assert.deepEqual(
    [first.backwardTransfer, first.forwardTransfer, ...Object.values(first.forgetting)],
    new Array(5).fill(Number.NaN),
  );
  const joint = lifelongMeasures([
    [Number.NaN, Number.NaN],
    [0.7, 0.9],
  ]);
  near(joint.averageAccuracy, 0.8);
  assert.deepEqual(
    [
      joint.learningAccuracy,
      joint.backwardTransfer,
      joint.forwardTransfer,
      ...Object.values(joint.forgetting),
    ],
    new Array(6).fill(Number.NaN),
  );
});

test('laws: order of the definitions, relation to transfer, no change by what comes before learning', () => {
  const matrix = fc.integer({ min: 2, max: 6 }).chain((n) =>
    fc.array(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: n, maxLength: n }), {
      minLength: n,
      maxLength: n,
    }),
  );
  fc.assert(
    fc.property(matrix, (accuracy: AccuracyMatrix) => {
      const { backwardTransfer, forgetting, averageAccuracy, learningAccuracy } = lifelongMeasures(accuracy);
      const { firstMinusLast, maximumMinusLast, maximumEarlierMinusNow } = forgetting;
      near(firstMinusLast, -backwardTransfer);
      assert.ok(
        firstMinusLast <= maximumEarlierMinusNow + 1e-12 &&
          maximumEarlierMinusNow <= maximumMinusLast + 1e-12,
      );
      assert.ok(maximumMinusLast >= 0);
      const tasks = accuracy.length;
      near(averageAccuracy - learningAccuracy, (backwardTransfer * (tasks - 1)) / tasks);
      const hidden = accuracy.map((row, i) => row.map((value, j) => (j > i ? 0.123 : value)));
      assert.deepEqual(lifelongMeasures(hidden).forgetting, forgetting);
    }),
  );
});

test('matrices of a wrong form are refused', () => {
  for (const wrong of [[], [[1, 2], [3]], [[1], [2]]])
    assert.throws(() => lifelongMeasures(wrong), OptionError);
});
