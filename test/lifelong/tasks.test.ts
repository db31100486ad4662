import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Dataset, digits, mnist1d } from 'lookbehind/data';
import { DataError, OptionError } from 'lookbehind/errors';
import { permutedTasks, rotatedTasks, splitTasks, TaskSequence } from 'lookbehind/lifelong';
import { rotated } from '../../lib/dist/lifelong/rotatedTasks';

/** The samples of a data set as comparable texts. */
function samples(data: Dataset): string[] {
  return Array.from(data.labels, (label, i) => `${label}: ${data.values([i]).join(' ')}`);
}

test('a split is disjoint and complete, for both scenarios', () => {
  const data = digits();
  for (const scenario of ['task-incremental', 'class-incremental'] as const) {
    const sequence = splitTasks(data, { tasks: 5, scenario, classOrder: 'random', seed: 4 });
    assert.equal(sequence.scenario, scenario);
    assert.deepEqual([sequence.length, sequence.outputs, sequence.inputShape], [5, 10, [8, 8, 1]]);
    assert.deepEqual(
      sequence.tasks.flatMap(({ classes }) => classes).sort((a, b) => a - b),
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    );
    for (const part of ['train', 'test'] as const) {
      for (const task of sequence.tasks) {
        assert.deepEqual(
          [...new Set(task[part].labels)].sort((a, b) => a - b),
          task.classes,
        );
      }
      const all = sequence.tasks.flatMap((task) => samples(task[part]));
      assert.deepEqual(all.sort(), samples(data[part]).sort());
    }
  }
});

test('the class order: given, random by the seed, or a list; and it is recorded', () => {
  const data = digits();
  const given = splitTasks(data, { tasks: 5 });
  assert.deepEqual(
    given.tasks.map(({ name }) => name),
    ['0, 1', '2, 3', '4, 5', '6, 7', '8, 9'],
  );
  const orderOf = (seed: number): unknown =>
    splitTasks(data, { tasks: 2, classOrder: 'random', seed }).recipe.classOrder;
  assert.deepEqual(orderOf(1), orderOf(1));
  assert.notDeepEqual(orderOf(1), orderOf(2));
  const listed = splitTasks(data, { tasks: 3, classOrder: [9, 0, 8, 1, 7, 2] });
  assert.deepEqual(
    listed.tasks.map(({ classes }) => classes),
    [
      [0, 9],
      [1, 8],
      [2, 7],
    ],
  );
  assert.deepEqual(listed.recipe.classOrder, [9, 0, 8, 1, 7, 2]);
});

test('permuted tasks hold the same numbers at other places, the first one at its own', () => {
  const data = mnist1d();
  const small = { train: data.train.subset(30), test: data.test.subset(10) };
  const { tasks, scenario } = permutedTasks(small, { tasks: 3, seed: 5 });
  assert.equal(scenario, 'domain-incremental');
  assert.deepEqual(tasks[0].train.inputs, small.train.inputs);
  // One permutation per task, the same for training and test: found from the values of one sample.
  const [first] = [small.train.values([0])];
  for (const { train, test } of tasks.slice(1)) {
    const order = Array.from(train.values([0]), (value) => first.indexOf(value));
    assert.equal(new Set(order).size, 40);
    assert.notDeepEqual(order, [...order.keys()]);
    for (const [moved, original] of [
      [train, small.train],
      [test, small.test],
    ]) {
      const expected = order.map((place) => original.values([7])[place]);
      assert.deepEqual(Array.from(moved.values([7])), expected);
      assert.deepEqual(moved.labels, original.labels);
    }
  }
  assert.notDeepEqual(tasks[1].train.inputs, tasks[2].train.inputs);
  const again = permutedTasks(small, { tasks: 3, seed: 5 });
  assert.deepEqual(again.tasks[2].train.inputs, tasks[2].train.inputs);
  assert.notDeepEqual(
    permutedTasks(small, { tasks: 3, seed: 6 }).tasks[2].train.inputs,
    tasks[2].train.inputs,
  );
});

test('the channels of a pixel stay together, and standardization goes with them', () => {
  const inputs = Uint8Array.from({ length: 2 * 4 * 3 }, (_, i) => i);
  const image = new Dataset({
    name: 'rgb',
    split: 'all',
    inputs,
    labels: [0, 1],
    inputShape: [2, 2, 3],
    classes: ['a', 'b'],
  });
  const data = image.standardized();
  const { tasks } = permutedTasks({ train: data, test: data }, { tasks: 2, seed: 1 });
  const values = tasks[1].train.values([0]);
  const pixels = [0, 1, 2, 3].map((i) => Array.from(data.values([0]).subarray(3 * i, 3 * i + 3)).join());
  const moved = [0, 1, 2, 3].map((i) => Array.from(values.subarray(3 * i, 3 * i + 3)).join());
  assert.deepEqual([...moved].sort(), [...pixels].sort());
  assert.notDeepEqual(moved, pixels);
});

/** One image of one channel. */
function image(rows: number[][], bytes = false): Dataset {
  const inputs = bytes ? Uint8Array.from(rows.flat()) : Float32Array.from(rows.flat());
  return new Dataset({
    name: 'image',
    split: 'all',
    inputs,
    labels: [0],
    inputShape: [rows.length, rows[0].length, 1],
    classes: ['a'],
  });
}

test('quarter turns are exact and go counter-clockwise', () => {
  const upright = [
    [1, 2, 3],
    [4, 5, 6],
    [7, 8, 9],
  ];
  const left = [
    [3, 6, 9],
    [2, 5, 8],
    [1, 4, 7],
  ];
  assert.deepEqual(Array.from(rotated(image(upright, true), 90).inputs), left.flat());
  assert.deepEqual(Array.from(rotated(image(upright, true), -270).inputs), left.flat());
  assert.deepEqual(Array.from(rotated(image(upright, true), 180).inputs), upright.flat().reverse());
  assert.deepEqual(Array.from(rotated(image(upright, true), 360).inputs), upright.flat());
  const floats = rotated(image(upright), 90).inputs;
  assert.ok(left.flat().every((value, i) => Math.abs(floats[i] - value) < 1e-6));
});

test('each channel turns by itself, and outside of negative values is 0, not a negative zero', () => {
  const [height, width] = [7, 3];
  const pixels = (channel: number): number[][] =>
    Array.from({ length: height }, (_, y) =>
      Array.from({ length: width }, (_, x) => -1 - Math.sin(1 + channel + y * width + x)),
    );
  const channels = [0, 1, 2].map(pixels);
  const colored = image(channels[0]).with({
    inputs: Float32Array.from(
      { length: height * width * 3 },
      (_, i) => channels[i % 3].flat()[Math.floor(i / 3)],
    ),
    inputShape: [height, width, 3],
  });
  const turned = rotated(colored, 80).inputs;
  assert.ok(turned.includes(0) && !turned.some((value) => Object.is(value, -0)));
  channels.forEach((rows, c) => {
    assert.deepEqual(
      turned.filter((_, i) => i % 3 === c),
      rotated(image(rows), 80).inputs,
    );
  });
});

test('turning a linear ramp gives the turned ramp, and outside is a stored 0', () => {
  const size = 15;
  const center = (size - 1) / 2;
  const ramp = (y: number, x: number): number => 100 + 2 * (x - center) - 3 * (y - center);
  const rows = Array.from({ length: size }, (_, y) => Array.from({ length: size }, (_, x) => ramp(y, x)));
  const angle = 30;
  const turned = rotated(image(rows), angle).inputs;
  const [cos, sin] = [Math.cos(Math.PI / 6), Math.sin(Math.PI / 6)];
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const [dy, dx] = [y - center, x - center];
      if (Math.hypot(dx, dy) > center) continue;
      // What was at the angle phi is now at phi + 30 degrees; y points down.
      const expected = 100 + 2 * (cos * dx - sin * dy) - 3 * (sin * dx + cos * dy);
      assert.ok(Math.abs(turned[y * size + x] - expected) < 1e-3, `${turned[y * size + x]} ${expected}`);
    }
  }
  assert.equal(turned[0], 0);
});

test('rotated tasks share the test images and deal the training images out', () => {
  const data = digits();
  const { tasks, recipe } = rotatedTasks(data, { angles: [0, 90], trainSamples: 300, seed: 2 });
  assert.deepEqual(recipe.angles, [0, 90]);
  assert.deepEqual(tasks[0].test.inputs, data.test.inputs);
  assert.deepEqual(tasks[1].test.inputs, rotated(data.test, 90).inputs);
  const back = rotated(tasks[1].train, -90);
  const parts = [samples(tasks[0].train), samples(back)];
  assert.deepEqual(
    parts.map((part) => part.length),
    [300, 300],
  );
  const all = new Set(samples(data.train));
  const union = new Set(parts.flat());
  // A few digits occur twice in the data set itself.
  const twice = data.train.size - all.size;
  assert.ok(union.size >= 600 - twice && [...union].every((sample) => all.has(sample)));
  for (const { train } of tasks) assert.ok(train.classCounts.every((count) => count >= 25 && count <= 35));
});

test('what does not fit is refused by name', () => {
  const data = digits();
  assert.throws(
    () => splitTasks(data, { tasks: 3 }),
    /tasks must be a divisor of the number of classes, 10, got 3/,
  );
  assert.throws(() => splitTasks(data, { tasks: 2, classOrder: [1, 1] }), OptionError);
  assert.throws(() => splitTasks(data, { tasks: 2, clasOrder: 'given' } as never), /clasOrder/);
  assert.throws(() => rotatedTasks(mnist1d(), { angles: [0] }).tasks, /must be images/);
  assert.throws(
    () => rotatedTasks(data, { trainSamples: 200 }),
    /trainSamples must be a whole number from 1 to 128/,
  );
  const [task] = splitTasks(data, { tasks: 5 }).tasks;
  const make = (fields: Partial<typeof task>): TaskSequence =>
    new TaskSequence({ name: 'own', scenario: 'task-incremental', tasks: [task, { ...task, ...fields }] });
  assert.throws(() => make({ classes: [0] }), DataError);
  assert.throws(() => make({ test: task.test.subset([]) }), DataError);
  assert.throws(() => make({ train: task.train.flattened() }), OptionError);
  assert.throws(
    () => new TaskSequence({ name: 'none', scenario: 'class-incremental', tasks: [] }),
    OptionError,
  );
});

test('thousands of classes make a task each', () => {
  const classes = Array.from({ length: 4000 }, (_, c) => `class ${c}`);
  const labels = Int32Array.from({ length: 4 * classes.length }, (_, i) => (i * 7) % classes.length);
  const inputs = Float32Array.from(labels.keys());
  const data = new Dataset({ name: 'many', split: 'train', inputs, labels, inputShape: [1], classes });
  const { tasks } = splitTasks({ train: data, test: data }, { tasks: classes.length });
  assert.deepEqual(Array.from(tasks[7].train.inputs), [1, 4001, 8001, 12001]);
  for (const { train, test } of tasks.slice(0, 3))
    assert.ok(train.classes === data.classes && test.classes === data.classes);
});

test('tasks share their samples: memory stays bounded, whatever their number, and the numbers stay the same', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const set = (split: string, size: number) => {
    const inputs = new Uint8Array(size * 784);
    for (let i = 0; i < inputs.length; i++) inputs[i] = (i * 7919) % 251;
    const labels = new Int32Array(size);
    return new Dataset({ name: 'large', split, inputs, labels, inputShape: [28, 28, 1], classes: ['one'] });
  };
  const data = { train: set('train', 3000), test: set('test', 10_000) };
  const angles = Array.from({ length: 20 }, (_, t) => 9 * t);
  const last: Dataset[] = [];
  for (const make of [() => rotatedTasks(data, { angles }), () => permutedTasks(data, { tasks: 20 })]) {
    collect();
    const before = process.memoryUsage().arrayBuffers;
    const { tasks } = make();
    collect();
    const megabytes = (process.memoryUsage().arrayBuffers - before) / 2 ** 20;
    last.push(tasks[19].test);
    assert.ok(megabytes < 80, `${megabytes} MB for 20 tasks, of which each shows 10`);
    // The first task that is changed is stored so, the last one is changed as it is read.
    for (const { train, test } of [tasks[1], tasks[19]])
      for (const part of [train, test])
        assert.deepEqual(part.subset([7, 3, 4]).inputs, part.with({ inputs: part.inputs }).stored([7, 3, 4]));
  }
  assert.deepEqual(last[0].stored([99, 5]), rotated(data.test.subset([99, 5]), angles[19]).inputs);
});

test('turned bytes are the turned numbers, rounded, halves up', () => {
  const rows = Array.from({ length: 9 }, (_, y) => Array.from({ length: 9 }, (_, x) => (x * y) % 3));
  for (const angle of [30, 45, 60, 180]) {
    const numbers = rotated(image(rows), angle).inputs;
    const bytes = rotated(image(rows, true), angle).inputs;
    // Numbers are float32 here: a half in them may have been just below one.
    bytes.forEach((byte, i) => {
      const { [i]: number } = numbers;
      assert.ok(byte === Math.round(number) || Math.abs(number - byte) === 0.5, `${byte} for ${number}`);
    });
  }
});
