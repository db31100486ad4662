import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { adamw, lookahead, lookbehindSAM, sgd } from 'lookbehind';
import { type Augmentation, digits } from 'lookbehind/data';
import { OptionError, StateMismatchError } from 'lookbehind/errors';
import { type FamilyOptimizer, Random } from 'lookbehind/extend';
import {
  LifelongLearner,
  type LifelongState,
  rotatedTasks,
  splitTasks,
  TaskSequence,
  taskModel,
} from 'lookbehind/lifelong';
import * as models from 'lookbehind/models';
import { evaluate, Trainer } from 'lookbehind/train';
import { parseNumbers, stringifyNumbers } from '../../lib/dist/files/checkedJson';
import type { LearnOptions, LifelongOptions } from '../../lib/dist/lifelong/learner';
import { Reservoir } from '../../lib/dist/lifelong/reservoir';
import type { SampleRef } from '../../lib/dist/lifelong/samples';

const { train, test: testSet } = digits();
const data = {
  train: train.subset(200, { stratified: true }),
  test: testSet.subset(100, { stratified: true }),
};
const split = splitTasks(data, { tasks: 5 });
const rotations = rotatedTasks(data, { angles: [0, 40, 80, 120], trainSamples: 40 });

function mlp(
  sequence: TaskSequence,
  options: { dropout?: number; batchNorm?: boolean; hidden?: number[] } = {},
): tf.LayersModel {
  const { hidden = [12], ...rest } = options;
  return models.mlp({
    inputs: sequence.inputShape,
    hidden,
    classes: sequence.outputs,
    name: 'lifelong',
    ...rest,
  });
}

function values(model: tf.LayersModel): number[][] {
  return model.getWeights().map((weight) => Array.from(weight.dataSync()));
}

/** Learns to the end, hands the learner to `look`, and frees everything. */
async function learn(
  sequence: TaskSequence,
  optimizer: FamilyOptimizer,
  options: LifelongOptions,
  look: (learner: LifelongLearner) => void | Promise<void>,
  model: tf.LayersModel = mlp(sequence),
): Promise<void> {
  const learner = new LifelongLearner(model, optimizer, sequence, options);
  await learner.train();
  await look(learner);
  learner.dispose();
  optimizer.dispose();
  model.dispose();
}

test('replay and one head per task, as a loop by hand with the optimizer and the loss of tf.js', async () => {
  const [batchSize, replaySize, capacity, learningRate, seed] = [8, 6, 20, 0.2, 3];
  const model = mlp(split);
  const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
  const memory = new Reservoir<SampleRef>(capacity, seed);
  const optimizer = tf.train.sgd(learningRate);
  for (const [task, { train }] of split.tasks.slice(0, 2).entries()) {
    for (let epoch = 0; epoch < 2; epoch++) {
      const order = Array.from(new Random(seed, `batches/${task}/${epoch}`).permutation(train.size));
      for (let step = 0; step < Math.floor(train.size / batchSize); step++) {
        const fresh = order
          .slice(step * batchSize, (step + 1) * batchSize)
          .map((index): SampleRef => ({ task, index }));
        const random = new Random(seed, `replay/${task}/${epoch}/${step}/0`);
        const refs =
          memory.items.length < replaySize ? fresh : [...fresh, ...memory.draw(replaySize, random)];
        tf.tidy(() => {
          const of = refs.map((ref) => ({ ...ref, ...split.tasks[ref.task] }));
          const xs = tf.concat(of.map(({ train, index }) => train.tensors([index]).xs));
          const heads = [0, 1].map((head) =>
            tf.oneHot(
              of.map(({ classes }) => classes[head]),
              10,
            ),
          );
          const labels = tf.oneHot(
            of.map(({ train, index, classes }) => classes.indexOf(train.labels[index])),
            2,
          );
          optimizer.minimize(
            () => {
              const logits = model.apply(xs) as tf.Tensor2D;
              const own = tf.stack(
                heads.map((head) => tf.sum(tf.mul(logits, head), 1)),
                1,
              );
              return tf.losses.softmaxCrossEntropy(labels, own) as tf.Scalar;
            },
            false,
            variables,
          );
        });
        if (epoch === 0) for (const ref of fresh) memory.add(ref);
      }
      if (epoch === 0) {
        for (const index of order.slice(Math.floor(train.size / batchSize) * batchSize))
          memory.add({ task, index });
      }
    }
  }
  const expected = values(model);
  optimizer.dispose();
  model.dispose();

  const first = new TaskSequence({ ...split, tasks: split.tasks.slice(0, 2) });
  const options = { epochs: 2, batchSize, replay: { capacity, batchSize: replaySize }, seed };
  await learn(first, sgd({ learningRate }), options, (learner) => {
    for (const [i, weight] of values(learner.model).entries()) {
      for (const [j, value] of weight.entries())
        assert.ok(Math.abs(value - expected[i][j]) < 1e-5, `${value} ${expected[i][j]}`);
    }
    assert.deepEqual(learner.memory?.save(), memory.save());
  });
});

/**
 * The samples of each batch that a learner makes, by their places in the training set; for a sequence of one
 * task.
 */
async function batchesOf(
  sequence: TaskSequence,
  optimizer: FamilyOptimizer,
  options: LifelongOptions,
): Promise<number[][]> {
  const batches: number[][] = [];
  const augment: Augmentation = (data, indices) => {
    batches.push(Array.from(indices));
    return data.tensors(indices);
  };
  await learn(
    sequence,
    optimizer,
    { ...options, augment, eager: true },
    () => undefined,
    mlp(sequence, { hidden: [] }),
  );
  return batches;
}

test('replay joins each inner step, and draws anew where batches or replay switch', async () => {
  const one = new TaskSequence({ ...rotations, tasks: rotations.tasks.slice(0, 1) });
  const optimizer = (): FamilyOptimizer => lookbehindSAM({ k: 3, learningRate: 0.05 });
  const shared = { batchSize: 5, replay: { capacity: 20, batchSize: 4 } };
  const same = await batchesOf(one, optimizer(), shared);
  assert.deepEqual(
    same.map((batch) => batch.length),
    [5, 9, 9, 9, 9, 9, 9, 9],
  );
  // The memory holds what was learned before, so what is replayed at a step is never new at that step.
  same.slice(1).forEach((batch, i) => {
    const earlier = new Set(same.slice(0, i + 1).flatMap((samples) => samples.slice(0, 5)));
    assert.ok(batch.slice(5).every((sample) => earlier.has(sample)));
  });

  const replaySwitches = await batchesOf(one, optimizer(), {
    ...shared,
    replay: { ...shared.replay, switchBatches: true },
  });
  assert.equal(replaySwitches.length, 1 + 7 * 3);
  const [a, b, c] = replaySwitches.slice(4, 7);
  assert.deepEqual([b.slice(0, 5), c.slice(0, 5)], [a.slice(0, 5), a.slice(0, 5)]);
  assert.equal(new Set([a, b, c].map((batch) => String(batch.slice(5)))).size, 3);

  const bothSwitch = await batchesOf(one, optimizer(), { ...shared, switchBatches: true });
  assert.equal(bothSwitch.length, 2 * 3);
  assert.equal(new Set(bothSwitch.flatMap((batch) => batch.slice(0, 5))).size, 30);
});

test('a smaller last batch is left out, unless asked for', async () => {
  const one = new TaskSequence({ ...rotations, tasks: rotations.tasks.slice(0, 1) });
  const sizes = async (options: LifelongOptions): Promise<number[]> =>
    (await batchesOf(one, sgd({ learningRate: 0.1 }), options)).map((batch) => batch.length);
  assert.deepEqual(await sizes({ batchSize: 15 }), [15, 15]);
  assert.deepEqual(await sizes({ batchSize: 15, dropLast: false }), [15, 15, 10]);
  assert.deepEqual(await sizes({ batchSize: 100 }), [40]);
});

test('samples of all tasks are augmented, each by its own set', async () => {
  // Turning the sign of inputs, and of the first layer's kernel, changes nothing else.
  const negative: Augmentation = (data, indices) =>
    tf.tidy(() => {
      const { xs, ys } = data.tensors(indices);
      return { xs: tf.neg(xs), ys };
    });
  const options = { batchSize: 10, replay: { capacity: 30, batchSize: 8 } };
  const results: number[][][] = [];
  for (const augment of [undefined, negative]) {
    const model = mlp(split);
    if (augment)
      tf.tidy(() =>
        model.setWeights(model.getWeights().map((weight, i) => (i === 0 ? tf.neg(weight) : weight))),
      );
    await learn(
      split,
      sgd({ learningRate: 0.1 }),
      { ...options, augment },
      () => void results.push(values(model)),
      model,
    );
  }
  const [plain, turned] = results;
  turned[0] = turned[0].map((weight) => -weight);
  for (const [i, weight] of turned.entries()) {
    for (const [j, value] of weight.entries())
      assert.ok(Math.abs(value - plain[i][j]) < 1e-5, `${value} ${plain[i][j]}`);
  }
});

test("weights of other heads stay as they are, and accuracies are those of the task's head", async () => {
  const sequence = new TaskSequence({ ...split, tasks: split.tasks.slice(1, 3) });
  const model = mlp(sequence);
  const before = values(model);
  await learn(
    sequence,
    sgd({ learningRate: 0.1 }),
    { epochs: 2 },
    async ({ records, model }) => {
      const [kernel, bias] = values(model).slice(-2);
      const moved = [...bias.keys()].filter(
        (c) => bias[c] !== before[3][c] || kernel.some((value, i) => i % 10 === c && value !== before[2][i]),
      );
      assert.deepEqual(moved, [2, 3, 4, 5]);
      for (const [j, { test, classes }] of sequence.tasks.entries()) {
        const { xs } = test.tensors();
        const logits = (model.predict(xs) as tf.Tensor2D).arraySync();
        const right = logits.filter((row, i) => {
          const own = classes.map((c) => row[c]);
          return classes[own.indexOf(Math.max(...own))] === test.labels[i];
        });
        assert.equal(records[1].accuracies[j], right.length / test.size);
        const result = await evaluate(taskModel(model, sequence, j), test);
        assert.equal(result.accuracy, records[1].accuracies[j]);
        assert.ok(Math.abs(result.loss - records[1].losses[j]) < 1e-6);
        xs.dispose();
      }
    },
    model,
  );
});

test('the learning rate falls from task to task to its floor, and the optimizer forgets or not', async () => {
  const options = { batchSize: 20, learningRateDecay: 0.5, learningRateFloor: 0.04, eager: true };
  for (const optimizerState of ['renew', 'keep'] as const) {
    const optimizer = lookahead(sgd({ learningRate: 0.1, momentum: 0.9 }), { k: 3 });
    const model = mlp(rotations, { hidden: [] });
    const learner = new LifelongLearner(model, optimizer, rotations, { ...options, optimizerState });
    const iterations: number[] = [];
    await learner.train({ callbacks: { onBatchEnd: () => void iterations.push(optimizer.iterations) } });
    assert.deepEqual(
      learner.history.map(({ learningRate }) => learningRate),
      [0.1, 0.05, 0.04, 0.04],
    );
    assert.equal(optimizer.learningRate, 0.1, "the optimizer's own rate is its again");
    assert.deepEqual(
      iterations,
      optimizerState === 'keep' ? [1, 2, 3, 4, 5, 6, 7, 8] : [1, 2, 1, 2, 1, 2, 1, 2],
    );
    assert.equal(optimizer.gradientEvaluations, 8);
    learner.dispose();
    optimizer.dispose();
    model.dispose();
  }
});

test('a learning rate set between two tasks is taken, and a layer that is frozen there stays as it is', async () => {
  for (const eager of [true, false]) {
    const optimizer = sgd({ learningRate: 0.1 });
    const model = mlp(rotations, { hidden: [4] });
    const learner = new LifelongLearner(model, optimizer, rotations, {
      batchSize: 20,
      learningRateDecay: 0.5,
      eager,
    });
    const layer = model.layers.find(({ weights }) => weights.length > 0)!;
    const seen: number[][] = [];
    await learner.train({
      onTask({ task }) {
        seen.push([...layer.getWeights()[0].dataSync()]);
        if (task === 0) optimizer.learningRate = 0.8;
        if (task === 1) layer.trainable = false;
      },
    });
    assert.deepEqual(
      learner.history.map(({ learningRate }) => learningRate),
      [0.1, 0.4, 0.2, 0.1],
    );
    assert.notDeepEqual(seen[1], seen[0]);
    assert.deepEqual([seen[2], seen[3]], [seen[1], seen[1]]);
    learner.dispose();
    optimizer.dispose();
    model.dispose();
  }
});

test('a renewed optimizer goes on from the slow weights without momentum', async () => {
  const optimizer = lookahead(sgd({ learningRate: 0.1, momentum: 0.9 }), { k: 5 });
  const model = mlp(rotations, { hidden: [] });
  const start = values(model);
  // No synchronization within a task of two steps: the slow weights never move, so each task begins where the
  // first one did.
  const learner = new LifelongLearner(model, optimizer, rotations, {
    batchSize: 20,
    eager: true,
    learningRateDecay: 1e-9,
  });
  await learner.train();
  const slow = await optimizer.withSlowWeights(() => values(model));
  assert.deepEqual(slow, start);
  assert.deepEqual(learner.records[3].accuracies, learner.initialAccuracies);
  learner.dispose();
  optimizer.dispose();
  model.dispose();
});

test('a renewed optimizer is as a new one', async () => {
  const two = new TaskSequence({ ...rotations, tasks: rotations.tasks.slice(0, 2) });
  for (const make of [
    () => adamw({ learningRate: 0.01 }),
    () => lookahead(sgd({ momentum: 0.9, dampening: 0.1 }), { k: 2 }),
  ]) {
    const build = (): LifelongLearner =>
      new LifelongLearner(mlp(two, { hidden: [] }), make(), two, { batchSize: 10 });
    const renewed = build();
    const states: LifelongState[] = [];
    await renewed.train({ onTask: (_, learner) => void states.push(learner.save()) });
    const [state] = states;
    const replaced = build();
    const { manifest, data } = replaced.optimizer.saveState();
    replaced.restore({ ...state, manifest: { ...state.manifest, optimizer: manifest }, optimizer: data });
    await replaced.train();
    assert.deepEqual(values(replaced.model), values(renewed.model));
    for (const { optimizer, model } of [renewed, replaced])
      for (const part of [optimizer, model]) part.dispose();
    renewed.dispose();
    replaced.dispose();
  }
});

type Cut = (stop: () => void, learner: LifelongLearner) => LearnOptions;

/** In the middle of the last epoch of task 3. */
const inTask3: Cut = (stop, learner) => ({
  callbacks: {
    onBatchEnd: (batch) =>
      void (learner.position.epoch === (3 / 4) * learner.epochs - 1 && batch === 1 && stop()),
  },
});
const afterTask3: Cut = (stop) => ({ onTask: ({ task }) => void (task === 2 && stop()) });
/** After the last step of task 1, so that the evaluation that follows is interrupted. */
const inEvaluation: Cut = (stop, learner) => ({
  callbacks: { onBatchEnd: () => void (learner.share === 1 / 4 && stop()) },
});

const interrupted: Array<{
  name: string;
  make: () => FamilyOptimizer;
  cuts: Cut[];
  layers?: object;
  options?: LifelongOptions;
}> = [
  {
    name: 'sgd with momentum, dropout, batch normalization',
    make: () => sgd({ learningRate: 0.1, momentum: 0.9 }),
    cuts: [inTask3, afterTask3],
    layers: { dropout: 0.3, batchNorm: true },
  },
  {
    name: 'lookahead, kept',
    make: () => lookahead(sgd({ learningRate: 0.1, momentum: 0.9 }), { k: 3 }),
    cuts: [inEvaluation, inTask3],
    options: { epochs: 1, optimizerState: 'keep' },
  },
  {
    name: 'lookbehindSAM, replay switched',
    make: () => lookbehindSAM({ k: 2, learningRate: 0.1, momentum: 0.9, alpha: 'adaptive' }),
    cuts: [inTask3],
    options: { replay: { capacity: 25, batchSize: 5, switchBatches: true } },
  },
];

for (const { name, make, cuts, layers, options } of interrupted) {
  test(`interrupted and resumed, ends bit for bit the same: ${name}`, async () => {
    const build = (): LifelongLearner =>
      new LifelongLearner(mlp(rotations, layers), make(), rotations, {
        batchSize: 9,
        epochs: 2,
        replay: { capacity: 25, batchSize: 5 },
        seed: 7,
        measure: async ({ task }) => ({ squared: task ** 2 }),
        ...options,
      });
    const free = (learner: LifelongLearner): void => {
      for (const part of [learner, learner.optimizer, learner.model]) part.dispose();
    };
    const whole = build();
    assert.equal(await whole.train(), 'finished');

    let learner = build();
    for (const cut of cuts) {
      const controller = new AbortController();
      assert.equal(
        await learner.train({ signal: controller.signal, ...cut(() => controller.abort(), learner) }),
        'aborted',
      );
      const { manifest, ...bytes } = learner.save();
      free(learner);
      learner = build();
      learner.restore({ ...bytes, manifest: parseNumbers(stringifyNumbers(manifest)) as typeof manifest });
    }
    assert.equal(await learner.train(), 'finished');
    assert.deepEqual(values(learner.model), values(whole.model));
    const timeless = ({ history }: LifelongLearner): unknown =>
      history.map((record) => ({ ...record, seconds: 0 }));
    assert.deepEqual(timeless(learner), timeless(whole));
    assert.deepEqual(learner.records, whole.records);
    assert.deepEqual(learner.accuracy, whole.accuracy);
    assert.deepEqual(learner.measures, whole.measures);
    assert.deepEqual(learner.memory?.save(), whole.memory?.save());
    assert.deepEqual(
      learner.records.map(({ measures }) => measures.squared),
      [0, 1, 4, 9],
    );
    free(learner);
    free(whole);
  });
}

test('joint learning ends at least as good as one class after the other; replay lies between', async () => {
  const classes = splitTasks(data, { tasks: 5, scenario: 'class-incremental' });
  const results: Record<string, number> = {};
  const settings: Record<string, LifelongOptions> = {
    sequential: {},
    replay: { replay: { capacity: 60 } },
    joint: { regime: 'joint' },
  };
  for (const [name, options] of Object.entries(settings)) {
    await learn(
      classes,
      sgd({ learningRate: 0.1 }),
      { epochs: 8, batchSize: 5, ...options },
      ({ measures, accuracy }) => {
        results[name] = measures?.averageAccuracy ?? Number.NaN;
        // Tasks beyond the next are not tested.
        assert.equal(accuracy.flat().filter(Number.isNaN).length, name === 'joint' ? 20 : 3 + 2 + 1);
      },
    );
  }
  assert.ok(
    results.joint > results.replay && results.replay > results.sequential + 0.1,
    JSON.stringify(results),
  );
});

test('what no measure needs is tested on request only, and changes no measure', async () => {
  const matrices: number[][][] = [];
  const measured: unknown[] = [];
  for (const evaluate of ['needed', 'all'] as const) {
    await learn(
      rotations,
      sgd({ learningRate: 0.2 }),
      { evaluate, epochs: 2 },
      ({ accuracy, records, measures, history }) => {
        assert.deepEqual(
          accuracy,
          records.map(({ accuracies }) => accuracies),
        );
        assert.deepEqual(
          records.map(({ losses }) => losses.map(Number.isNaN)),
          accuracy.map((row) => row.map(Number.isNaN)),
        );
        matrices.push(accuracy);
        measured.push([measures, history.map(({ testLoss, testAccuracy }) => [testLoss, testAccuracy])]);
      },
    );
  }
  const [needed, all] = matrices;
  assert.ok(all.flat().every(Number.isFinite));
  assert.deepEqual(
    needed,
    all.map((row, i) => row.map((value, j) => (j > i + 1 ? Number.NaN : value))),
  );
  assert.deepEqual(measured[0], measured[1]);
});

test('independent learning begins each task at the first weights, also when resumed', async () => {
  const build = (): LifelongLearner =>
    new LifelongLearner(mlp(rotations), sgd({ learningRate: 0.2, momentum: 0.9 }), rotations, {
      regime: 'independent',
      batchSize: 40,
      epochs: 3,
      eager: true,
    });
  const fresh = mlp(rotations);
  const expected = [];
  for (const { train } of rotations.tasks) expected.push((await evaluate(fresh, train)).loss);
  fresh.dispose();

  let learner = build();
  const firstLosses: number[] = [];
  const onBatchEnd = (_batch: number, logs?: tf.Logs): void =>
    void (learner.position.epoch % 3 === 0 && firstLosses.push(logs!.loss as number));
  const callbacks = { onBatchEnd };
  const controller = new AbortController();
  await learner.train({
    callbacks,
    signal: controller.signal,
    onTask: ({ task }) => void (task === 1 && controller.abort()),
  });
  const state = learner.save();
  for (const part of [learner, learner.optimizer, learner.model]) part.dispose();
  learner = build();
  learner.model.setWeights(
    tf.tidy(() => learner.model.getWeights().map((weight) => tf.keep(tf.zerosLike(weight)))),
  );
  learner.restore(state);
  await learner.train({ callbacks });
  assert.equal(firstLosses.length, 4);
  for (const [i, loss] of firstLosses.entries())
    assert.ok(Math.abs(loss - expected[i]) < 1e-5, `${loss} ${expected[i]}`);
  for (const part of [learner, learner.optimizer, learner.model]) part.dispose();
});

test('an epoch that is interrupted in its evaluation has no warning; one that leaves all weights as they were has', async () => {
  for (const learningRate of [0.1, 1e-20]) {
    const [model, optimizer] = [mlp(rotations), sgd({ learningRate })];
    const learner = new LifelongLearner(model, optimizer, rotations, { epochs: 2 });
    for (let calls = 0; learner.status !== 'finished'; calls++) {
      assert.ok(calls <= 8);
      const stop = new AbortController();
      await learner.train({
        signal: stop.signal,
        callbacks: {
          onBatchEnd: () =>
            void (learner.position.step === learner.stepsIn(learner.position.epoch) && stop.abort()),
        },
      });
    }
    assert.equal(learner.history.length, 8);
    assert.deepEqual(
      learner.warnings.map((warning) => warning.slice(0, 29)),
      learningRate === 0.1 ? [] : ['No weight changed in epoch 2,'],
    );
    for (const part of [learner, optimizer, model]) part.dispose();
  }
});

test('a loss that is not finite stops or throws', async () => {
  const make = (onDivergence: 'stop' | 'throw'): LifelongLearner =>
    new LifelongLearner(mlp(rotations), sgd({ learningRate: 1e30 }), rotations, {
      onDivergence,
      eager: true,
    });
  const stopping = make('stop');
  assert.equal(await stopping.train(), 'diverged');
  assert.ok(stopping.accuracy.flat().every(Number.isNaN));
  assert.equal(stopping.measures, undefined);
  const throwing = make('throw');
  await assert.rejects(throwing.train(), /at step \d+ of epoch 1 of task 1/);
  for (const { model, optimizer } of [stopping, throwing])
    for (const part of [model, optimizer]) part.dispose();
  stopping.dispose();
  throwing.dispose();
});

test('what does not fit is refused, and leaves no tensors', async () => {
  const tensors = tf.memory().numTensors;
  const model = mlp(rotations, { hidden: [] });
  const optimizer = sgd();
  const make = (options: object, sequence = rotations): LifelongLearner =>
    new LifelongLearner(model, optimizer, sequence, options);
  for (const options of [
    { epochs: 0 },
    { regime: 'random' },
    { learningRateDecay: 0 },
    { optimizerState: 'reset' },
    { evaluate: 'some' },
    { replay: { capacity: 5 } },
    { replay: { capacity: 50, size: 5 } },
    { replay: { capacity: 50 }, regime: 'joint' },
    { rehearsal: true },
  ]) {
    assert.throws(() => make(options), OptionError, JSON.stringify(options));
  }
  const flat = { train: data.train.flattened(), test: data.test.flattened() };
  assert.throws(
    () => make({}, splitTasks(flat, { tasks: 5 })),
    /model must be a model from \[64\] to \[10\]/,
  );

  // Heads are masked as logits; probabilities are refused there, and taken for what they are where there are
  // no heads.
  const { dense, flatten } = tf.layers;
  const probabilities = tf.sequential({
    layers: [flatten({ inputShape: [...rotations.inputShape] }), dense({ units: 10, activation: 'softmax' })],
  });
  assert.equal(split.scenario, 'task-incremental');
  assert.throws(
    () => new LifelongLearner(probabilities, optimizer, split),
    /model must be a model that puts out logits/,
  );
  new LifelongLearner(probabilities, optimizer, rotations).dispose();
  probabilities.dispose();

  const learner = make({ replay: { capacity: 20 } });
  const state = learner.save();
  const others = [
    make({}),
    make({ regime: 'joint' }),
    make({ replay: { capacity: 20 } }, rotatedTasks(data, { angles: [0, 5] })),
    make({ replay: { capacity: 20 }, batchSize: 5 }),
    make({ replay: { capacity: 20 }, seed: 1 }),
    make({ replay: { capacity: 20 }, epochs: 2 }),
    make({ replay: { capacity: 15 } }),
  ];
  for (const other of others) assert.throws(() => other.restore(state), StateMismatchError);
  const trainer = new Trainer(model, optimizer, data.train, { epochs: 1, batchSize: 10 });
  assert.throws(() => trainer.restore(state), /samples is not known, but here it is 200/);
  assert.throws(
    () => learner.restore(trainer.save() as LifelongState),
    /tasks is not known, but here it is 0° \|/,
  );
  trainer.dispose();
  const cut = { ...state, weights: state.weights.slice(4) };
  assert.throws(() => learner.restore(cut), /The saved weights have/);
  for (const part of [learner, ...others, optimizer, model]) part.dispose();
  assert.equal(tf.memory().numTensors, tensors);
});

test('learning leaves no tensors behind', async () => {
  const counts: number[] = [];
  for (let i = 0; i < 2; i++) {
    await learn(
      split,
      lookahead(sgd({ momentum: 0.9 })),
      { batchSize: 20, replay: { capacity: 30 } },
      () => undefined,
    );
    counts.push(tf.memory().numTensors);
  }
  assert.deepEqual(counts, [counts[0], counts[0]]);
});
