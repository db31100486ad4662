import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { sgd } from 'lookbehind';
import { digits } from 'lookbehind/data';
import { LifelongLearner, splitTasks, taskSharpness } from 'lookbehind/lifelong';
import * as models from 'lookbehind/models';
import { oneStepSharpness } from 'lookbehind/sharpness';
import { ModelLoss } from 'lookbehind/train';

test('the sharpness of a task is that of a model with its head alone, and is kept in the record', async () => {
  const { train, test } = digits();
  const small = {
    train: train.subset(150, { stratified: true }),
    test: test.subset(50, { stratified: true }),
  };
  const sequence = splitTasks(small, { tasks: 5 });
  const model = models.mlp({ inputs: [8, 8, 1], hidden: [8], classes: 10, name: 'sharp' });
  const optimizer = sgd({ learningRate: 0.3 });
  const measure = taskSharpness({ radii: [0.1, 0.5], batchSize: 10 });
  const learner = new LifelongLearner(model, optimizer, sequence, { measure, epochs: 3 });
  const tensors: number[] = [];
  await learner.train({
    onTask: async ({ task, measures }) => {
      tensors.push(tf.memory().numTensors);
      if (task > 1) return;
      const alone = models.mlp({ inputs: [8, 8, 1], hidden: [8], classes: 2, name: 'alone' });
      const { train, classes } = sequence.tasks[task];
      tf.tidy(() => {
        const [kernel1, bias1, kernel2, bias2] = model.getWeights();
        alone.setWeights([
          kernel1,
          bias1,
          tf.gather(kernel2, [...classes], 1),
          tf.gather(bias2, [...classes]),
        ]);
      });
      const data = train.with({
        labels: train.labels.map((label) => classes.indexOf(label)),
        classes: ['first', 'second'],
      });
      const objective = new ModelLoss(alone, data, { batchSize: 10 });
      const { values } = await oneStepSharpness(objective, { radii: [0.1, 0.5] });
      assert.ok(values[1] > values[0] && values[0] > 0);
      assert.deepEqual(Object.keys(measures), ['sharpness@0.1', 'sharpness@0.5']);
      for (const [i, measured] of Object.values(measures).entries()) {
        assert.ok(Math.abs(measured - values[i]) < 1e-5 * Math.max(1, values[i]), `${measured} ${values[i]}`);
      }
      objective.dispose();
      alone.dispose();
    },
  });
  assert.equal(new Set(tensors).size, 1);
  for (const part of [learner, optimizer, model]) part.dispose();
});

test('wrong options are refused', () => {
  assert.throws(() => taskSharpness({ radii: [0.1], samples: 0 }), /samples must be/);
  assert.throws(() => taskSharpness({ radius: 0.1 } as never), /radius/);
});
