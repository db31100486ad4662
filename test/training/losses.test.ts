/** Losses by name against PyTorch's numbers, in values and gradients, on all that a model may put out. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { crossEntropy } from 'lookbehind/compile';
import { OptionError } from 'lookbehind/errors';
import type { Loss } from 'lookbehind/train';
import { lossFor } from '../../lib/dist/training/defaultLoss';

interface Case {
  name: 'cross_entropy' | 'binary_cross_entropy_with_logits' | 'mse_loss' | 'l1_loss' | 'huber_loss';
  label_smoothing?: number;
  delta?: number;
  labels: number[] | number[][];
  outputs: number[][] | number[];
  loss: number;
  gradient: number[][] | number[];
}

const { cases } = JSON.parse(readFileSync(join(__dirname, '..', 'golden', 'losses.json'), 'utf8')) as {
  cases: Case[];
};

/** A network whose outputs are its inputs, or what `activation` makes of them. */
function identity(units: number, activation: 'linear' | 'softmax' | 'sigmoid'): tf.LayersModel {
  return tf.sequential({ layers: [tf.layers.activation({ activation, inputShape: [units] })] });
}

const lossOf = ({ name, label_smoothing: labelSmoothing, delta }: Case): Loss => {
  if (name === 'huber_loss') return { kind: 'huberLoss', delta };
  if (name === 'mse_loss') return 'meanSquaredError';
  return name === 'l1_loss' ? 'meanAbsoluteError' : { kind: 'crossEntropy', labelSmoothing };
};

for (const one of cases) {
  const { name, labels, outputs, loss, gradient } = one;
  const options = JSON.stringify([one.label_smoothing, one.delta].filter((value) => value !== undefined));
  const isSoft = name === 'cross_entropy' && Array.isArray(labels[0]);
  test(`${name} ${options}${isSoft ? ' of distributions' : ''}`, () => {
    const isOne = !Array.isArray(outputs[0]);
    const x = tf.tensor2d(isOne ? (outputs as number[]).map((z) => [z]) : (outputs as number[][]));
    const y =
      name === 'cross_entropy' && !isSoft ? tf.tensor1d(labels as number[], 'int32') : tf.tensor(labels);
    const activations = {
      cross_entropy: ['linear', 'softmax'] as const,
      binary_cross_entropy_with_logits: ['linear', 'sigmoid'] as const,
    }[name as 'cross_entropy'] ?? ['linear'];
    for (const activation of activations) {
      const model = identity(x.shape[1], activation);
      const f = lossFor(model, lossOf(one));
      const before = tf.memory().numTensors;
      const { value, grad } = tf.valueAndGrad((z: tf.Tensor) =>
        f(y, model.apply(z, { training: true }) as tf.Tensor),
      )(x);
      assert.ok(
        Math.abs(value.dataSync()[0] - loss) < 2e-6 * Math.max(1, Math.abs(loss)),
        `${value} ${loss}`,
      );
      const expected = (gradient as number[][]).flat();
      for (const [i, slope] of Array.from(grad.dataSync()).entries())
        assert.ok(Math.abs(slope - expected[i]) < 2e-6);
      tf.dispose([value, grad]);
      assert.equal(tf.memory().numTensors, before);
      model.dispose();
    }
    tf.dispose([x, y]);
  });
}

test('smoothing in closed form: for equal logits any smoothing gives log c; all of it forgets the labels', () => {
  const zeros = tf.zeros([3, 4]);
  const logits = tf.tensor2d([[1, 2, 3]]);
  const labels = tf.tensor1d([0, 1, 3], 'int32');
  for (const e of [0, 0.3, 1])
    assert.ok(Math.abs(crossEntropy(labels, zeros, e).dataSync()[0] - Math.log(4)) < 1e-6);
  const [zero, two] = [0, 2].map(
    (label) => crossEntropy(tf.tensor1d([label], 'int32'), logits, 1).dataSync()[0],
  );
  assert.equal(zero, two);
  for (const e of [-0.1, 1.1, Number.NaN]) assert.throws(() => crossEntropy(labels, zeros, e), OptionError);
});

test('labels that do not fit are named', () => {
  const loss = lossFor(identity(3, 'linear'), 'meanSquaredError');
  assert.throws(
    () => loss(tf.tensor1d([0, 1], 'int32'), tf.zeros([2, 3])),
    /labels must be one number for each output.*crossEntropy/,
  );
});
