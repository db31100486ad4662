/** The runs of the paper's tables: their settings, their numbers, their cost. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OptionError } from 'lookbehind/errors';
import {
  PAPER_TABLES,
  type PaperSizes,
  type PaperTable,
  paperRuns,
  paperSequence,
  paperSettings,
  paperTask,
} from 'lookbehind/paper';
import { configHash, type FullRunConfig, forecast, gradientsPerBatch, resolveConfig } from 'lookbehind/runs';

/** All runs of each table, at the paper's sizes. */
const RUNS = Object.fromEntries(PAPER_TABLES.map((table) => [table, paperRuns(table)])) as Record<
  PaperTable,
  FullRunConfig[]
>;

/** The run of a label, on the last data set, with the last network and the first seed. */
const runOf = (table: PaperTable, label: string): FullRunConfig =>
  RUNS[table].filter((run) => run.label === label && run.seed === 0).at(-1)!;

test('a network of one task is trained as by the published code', () => {
  const cifar100 = {
    data: { kind: 'cifar100', standardize: true },
    model: { kind: 'resNet', depth: 50 },
    epochs: 200,
    batchSize: 128,
    schedule: { kind: 'multiStep', milestones: [50, 100, 150], gamma: 0.1 },
    augmentation: 'cropAndFlip',
    measures: [
      {
        kind: 'noisyAccuracy',
        sigmas: [0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3],
        draws: 10,
        batchNorm: ['keep', 'estimate'],
      },
      { kind: 'sharpness', radii: [0.05, 0.1, 0.2, 0.5], m: 128 },
    ],
  };
  const sgd = { learningRate: 0.1, momentum: 0.9, weightDecay: 5e-4 };
  const sam = { kind: 'sam', rho: 0.05, ...sgd };
  const asam = { rho: 0.5, eta: 0.01, ...sgd };
  const optimizers = {
    SGD: { kind: 'sgd', ...sgd },
    SAM: sam,
    'Lookahead + SAM, k = 10, α = 0.8': { kind: 'lookahead', k: 10, alpha: 0.8, base: sam },
    'Multistep-SAM, k = 5': { kind: 'multistepSAM', k: 5, rho: 0.05, ...sgd },
    'Lookbehind-SAM, k = 2, α = 0.2': { kind: 'lookbehindSAM', k: 2, alpha: 0.2, rho: 0.05, ...sgd },
    ASAM: { kind: 'asam', ...asam },
    'Lookbehind-ASAM, k = 5, α adaptive': { kind: 'lookbehindASAM', k: 5, alpha: 'adaptive', ...asam },
  };
  for (const [label, optimizer] of Object.entries(optimizers)) {
    const { label: _, profile, ...config } = runOf('generalization', label);
    assert.equal(profile, 'paper');
    assert.deepEqual(config, resolveConfig({ ...cifar100, optimizer }), label);
  }
});

test('tasks are learned one after the other, without and with a memory', () => {
  const tinyImageNet = {
    data: { kind: 'tinyImageNet', standardize: true },
    model: { kind: 'resNet', depth: 18, width: 20 },
    optimizer: { kind: 'lookbehindSAM', k: 5, alpha: 0.5, rho: 0.05, learningRate: 0.01 },
    epochs: 10,
    batchSize: 10,
  };
  const split = { kind: 'split', tasks: 20, classOrder: 'random' };
  for (const [suffix, lifelong] of [
    ['', split],
    [', replay', { ...split, replay: 400 }],
  ] as const) {
    const { label: _, profile: __, ...config } = runOf('lifelong', `Lookbehind-SAM, k = 5, α = 0.5${suffix}`);
    assert.deepEqual(config, resolveConfig({ ...tinyImageNet, lifelong }));
  }
});

test('the tables have the runs of all settings, networks, data sets and seeds, and share them', () => {
  const settings = 1 + 2 * (1 + 3 * 3 + 3 + 3 * 4);
  assert.equal(paperSettings().length, settings);
  assert.deepEqual(
    PAPER_TABLES.map((table) => [table, RUNS[table].length]),
    [
      ['generalization', settings * 2 * 2 * 3],
      ['noise', settings * 2 * 2 * 3],
      ['lifelong', (1 + 1 + 3 + 12) * 2 * 2 * 3],
      ['ablation', (settings - 1 - 2 * 9) * 2 * 2 * 3],
    ],
  );
  // One data set, network and seed stand for all: names of runs take a while.
  const names = (table: PaperTable): Set<string> =>
    new Set(
      paperRuns(table, { data: 'cifar10', models: { kind: 'resNet', depth: 34 }, seeds: 1 }).map(configHash),
    );
  const all = names('generalization');
  assert.equal(all.size, settings);
  assert.deepEqual(names('noise'), all);
  assert.deepEqual(new Set([...all, ...names('ablation')]), all);
  assert.equal(names('lifelong').size, 34);
});

test('sizes take the place of the paper’s, and of nothing else', () => {
  const sizes: PaperSizes = {
    data: 'cifar10',
    models: { kind: 'resNet', depth: 20 },
    methods: ['sam', 'lookbehindSAM'],
    samples: 1000,
    epochs: 20,
    batchSize: 64,
    seeds: [4],
    k: 5,
    alpha: [0.5, 'adaptive'],
    draws: 3,
  };
  const runs = paperRuns('noise', sizes);
  assert.deepEqual(
    runs.map(({ label }) => label),
    ['SAM', 'Lookbehind-SAM, k = 5, α = 0.5', 'Lookbehind-SAM, k = 5, α adaptive'],
  );
  for (const { data, model, epochs, batchSize, seed, schedule, augmentation, measures, optimizer } of runs) {
    assert.deepEqual(data, { ...runs[0].data, kind: 'cifar10', standardize: true, trainSize: 1000 });
    assert.deepEqual([model.kind, epochs, batchSize, seed], ['resNet', 20, 64, 4]);
    assert.deepEqual(schedule, { kind: 'multiStep', milestones: [5, 10, 15], gamma: 0.1, warmUpEpochs: 0 });
    assert.equal(augmentation.kind, 'cropAndFlip');
    assert.equal((measures[0] as { draws: number }).draws, 3);
    assert.equal((optimizer as { rho: number }).rho, 0.05);
  }
  const [learned] = paperRuns('lifelong', {
    data: 'cifar100',
    tasks: 5,
    memory: 30,
    epochs: 1,
    methods: 'sgd',
    seeds: 1,
  }).slice(-1);
  assert.deepEqual(
    [learned.lifelong!.replay, (learned.lifelong as { tasks: number }).tasks, learned.epochs],
    [30, 5, 1],
  );
});

test('sizes of the environment go over all others', (context) => {
  context.after(() => delete process.env.LB_PAPER_SIZES);
  process.env.LB_PAPER_SIZES = JSON.stringify({
    models: { kind: 'resNet', depth: 20 },
    samples: 64,
    epochs: 4,
    seeds: [7],
    tasks: 2,
  });
  const task = paperTask('cifar10', { epochs: 100, models: { kind: 'resNet', depth: 34 }, batchSize: 32 });
  assert.deepEqual(task.model, { kind: 'resNet', depth: 20 });
  assert.deepEqual(
    [task.epochs, task.batchSize, task.data],
    [4, 32, { kind: 'cifar10', standardize: true, trainSize: 64 }],
  );
  assert.deepEqual(task.schedule, { kind: 'multiStep', milestones: [1, 2, 3], gamma: 0.1 });
  const sequence = paperSequence('cifar100');
  assert.deepEqual([(sequence.lifelong as { tasks: number }).tasks, sequence.epochs], [2, 4]);
  assert.deepEqual(new Set(paperRuns('ablation', { seeds: 2 }).map(({ seed }) => seed)), new Set([7]));
  for (const [text, message] of [
    ['{', /^LB_PAPER_SIZES must be a JSON object/],
    ['{"epoch":1}', /has no option "epoch"\. Did you mean epochs\?/],
  ] as const) {
    process.env.LB_PAPER_SIZES = text;
    assert.throws(
      () => paperTask('cifar10'),
      (error: Error) => error instanceof OptionError && message.test(error.message),
    );
  }
});

test('wrong sizes are refused by name', () => {
  const wrong: [object, RegExp][] = [
    [{ epoch: 3 }, /has no option "epoch"\. Did you mean epochs\?/],
    [{ epochs: 1.5 }, /^epochs must be/],
    [{ data: ['cifar10', 'mnist'] }, /^data must be one of "cifar10"/],
    [{ methods: 'adam' }, /^methods must be one of "sgd"/],
    [{ k: [] }, /^k must be a list of at least one value/],
    [{ alpha: 'adaptiv' }, /^alpha must be a number >= 0 and <= 1, or "adaptive", got "adaptiv"/],
    [{ seeds: 0 }, /^seeds must be/],
    [{ models: { kind: 'resNet', depth: 35 } }, /^model.depth must be/],
    [null as unknown as object, /must be an object/],
  ];
  for (const [sizes, message] of wrong) {
    assert.throws(
      () => paperRuns('generalization', sizes),
      (error: Error) => error instanceof OptionError && message.test(error.message),
      JSON.stringify(sizes),
    );
  }
  assert.throws(() => paperRuns('table 1' as PaperTable), OptionError);
});

test('the expected time is gradients times the time of one, measured once for each network and batch', async () => {
  const measured: string[] = [];
  const seconds = { 34: 0.5, 50: 2 };
  const { rows, runs, done, gradients, ...total } = await forecast(RUNS.generalization, {
    onMeasure: (what) => measured.push(what),
    measure: async ({ model }) => seconds[(model as { depth: 34 | 50 }).depth],
  });
  assert.deepEqual(measured, [
    'ResNet-34 on CIFAR-10, batches of 128',
    'ResNet-50 on CIFAR-10, batches of 128',
  ]);
  const epoch = 50_000 / 128;
  assert.deepEqual(
    rows.map((row) => [row.model, row.perBatch, row.runs, row.gradients, row.seconds]),
    [34, 50].flatMap((depth) =>
      [
        [1, 1], // SGD
        [2, 2 * (1 + 9)], // SAM, Lookahead
        [3, 2 * (1 + 4)], // Multistep and Lookbehind, k = 2
        [6, 2 * (1 + 4)],
        [11, 2 * (1 + 4)],
      ].map(([perBatch, settings]) => {
        const each = Math.round(200 * epoch * perBatch);
        return [`ResNet-${depth}`, perBatch, settings * 2 * 3, each, each * seconds[depth as 34 | 50]];
      }),
    ),
  );
  assert.equal(rows[0].data, 'CIFAR-10 and CIFAR-100');
  assert.equal(rows[2].methods, 'Multistep-SAM, Lookbehind-SAM, Multistep-ASAM, Lookbehind-ASAM');
  assert.deepEqual([runs, done], [612, 0]);
  assert.equal(
    gradients,
    rows.reduce((sum, row) => sum + row.runs * row.gradients, 0),
  );
  assert.equal(
    total.seconds,
    rows.reduce((sum, row) => sum + row.runs * row.seconds, 0),
  );
  const byRun = RUNS.generalization.reduce(
    (sum, run) => sum + 200 * epoch * gradientsPerBatch(run.optimizer),
    0,
  );
  assert.ok(Math.abs(gradients / byRun - 1) < 1e-5);
});
