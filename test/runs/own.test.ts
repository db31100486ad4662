/** Data sets and models of one's own, toy data and numbers as labels in runs and sweeps. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DataError, OptionError } from 'lookbehind/errors';
import {
  buildLifelongRun,
  buildRun,
  configHash,
  executeRun,
  expandGrid,
  openRun,
  type RunConfig,
  resolveConfig,
  runNames,
  type SweepGrid,
  sweep,
} from 'lookbehind/runs';
import { flattenRow, SweepResults } from 'lookbehind/statistics';
import { folderOf, grid, MODULE } from './ownModule';
import { ROOT, temporaryStore } from './support';

test('worker processes and this one train a data set and model of a module, and get the same', async (t) => {
  const module = join(folderOf(t), 'mine.mjs');
  const stores = [temporaryStore(t), temporaryStore(t)];
  const rows = await sweep(grid(module), { store: stores[0], workers: 2 });
  const here = await sweep(grid(module), { store: stores[1], engine: 'inProcess' });
  assert.deepEqual(
    rows.map(({ error }) => error),
    [null, null],
  );
  for (const [i, { result }] of rows.entries()) {
    const { last, best, measures } = result!;
    assert.ok(last!.testLoss! < 0.01 && last!.testMetrics!.mae < 0.2, JSON.stringify(last));
    assert.equal(last!.testAccuracy, null);
    assert.ok(best!.testLoss! <= last!.testLoss!);
    assert.deepEqual(Object.keys(measures), [
      'sharpness@0.01',
      'perturbedLoss@0.01',
      'gaussianLoss@0.1',
      'gaussianLossStd@0.1',
    ]);
    assert.ok(measures['gaussianLoss@0.1'] > last!.testLoss!);
    assert.deepEqual(here[i].result!.last!.testMetrics, last!.testMetrics);
    assert.deepEqual(here[i].result!.measures, measures);
    const flat = flattenRow(rows[i]);
    assert.deepEqual(
      [flat['data.name'], flat['test.mae'], flat.testError],
      ['line', last!.testMetrics!.mae, null],
    );
  }
  const history = stores[0].readHistory(rows[0].hash);
  assert.deepEqual(history.at(-1)!.testMetrics, rows[0].result!.last!.testMetrics);
  const results = new SweepResults(rows);
  assert.equal(results.history(results.labels[0], 'test.mae')[0].length, 20);
  const again = await sweep(grid(module), { store: stores[0], engine: 'inProcess' });
  assert.ok(again.every(({ reused }) => reused));
  const opened = await openRun(stores[0].readConfig(rows[0].hash), stores[0]);
  const { loss } = await opened.trainer.evaluate(opened.data.test);
  assert.equal(loss, rows[0].result!.last!.testLoss);
  opened.dispose();
});

test('the content names a run: the file, what it imports, and its files; not where it lies', (t) => {
  const [one, other] = [folderOf(t), folderOf(t)];
  const hash = (folder: string): string => {
    // In a process of its own, as a module stays loaded.
    const call = `const { configHash, expandGrid } = require('lookbehind/runs');
      console.log(configHash(expandGrid(${JSON.stringify(grid(join(folder, 'mine.mjs')))})[0]));`;
    const { stdout, stderr } = spawnSync(process.execPath, ['-e', call], { cwd: ROOT, encoding: 'utf8' });
    assert.match(stdout, /^[0-9a-f]{16}\n$/, stderr);
    return stdout;
  };
  const before = hash(one);
  assert.equal(hash(other), before);
  const seen = [before];
  for (const [file, content] of [
    ['scale.mjs', 'export const scale = 3;\n'],
    ['values.csv', '1\n2\n'],
    ['mine.mjs', `${MODULE}\n// changed`],
  ]) {
    writeFileSync(join(other, file), content);
    const now = hash(other);
    assert.ok(!seen.includes(now), file);
    seen.push(now);
  }
});

test('a module that changes while a run waits, or while this process has it loaded, is refused', async (t) => {
  const folder = folderOf(t);
  const module = join(folder, 'mine.mjs');
  const config = resolveConfig({ ...grid(module), data: { kind: 'own', module, name: 'line' } });
  const { hash } = { hash: configHash(config) };
  writeFileSync(join(folder, 'scale.mjs'), 'export const scale = 4;\n');
  const store = temporaryStore(t);
  await assert.rejects(executeRun(config, store), /changed after this process loaded it/);
  const [row] = await sweep(config as RunConfig as SweepGrid, { store, workers: 1 });
  assert.match(row.error!, /was changed: the run is of the content/);
  assert.equal(configHash(config), hash, 'the run keeps its name');
});

test('options of own models and data are in names of runs as those of any other', (t) => {
  const module = join(folderOf(t), 'mine.mjs');
  const models = { kind: 'own' as const, module, name: 'dense', options: { units: [3, 8] } };
  const names = runNames(expandGrid({ ...grid(module), model: models }));
  assert.deepEqual(
    names,
    [0, 0.5].flatMap((noise) => [3, 8].map((units) => `sam noise=${noise} units=${units} seed 0`)),
  );
});

test('what a module lacks, or does wrong, is said by name', async (t) => {
  const folder = folderOf(t);
  const module = join(folder, 'mine.mjs');
  const of = (data: object, model: object = {}): RunConfig =>
    ({
      ...grid(module),
      data: { kind: 'own', module, name: 'line', ...data },
      model: { kind: 'own', module, name: 'dense', ...model },
    }) as RunConfig;
  assert.throws(() => resolveConfig(of({ name: 'lines' })), /data\.name must be .*line.*/);
  assert.throws(
    () => resolveConfig(of({}, { name: 'line' })),
    /model\.name must be one of "dense", "nothing"/,
  );
  assert.throws(
    () => resolveConfig(of({ module: join(folder, 'none.mjs') })),
    /data\.module must be the path of a module that can be loaded/,
  );
  for (const value of [undefined, 3, null, {}, { path: module, sha256: 'x' }]) {
    assert.throws(() => resolveConfig(of({ module: value })), OptionError);
  }
  writeFileSync(join(folder, 'throws.mjs'), "throw new Error('at once');");
  assert.throws(() => resolveConfig(of({ module: join(folder, 'throws.mjs') })), /at once/);
  await assert.rejects(buildRun(of({ name: 'broken' })), /data\.broken of .*mine\.mjs failed: on purpose/);
  await assert.rejects(buildRun(of({ name: 'nothing' })), DataError);
  await assert.rejects(
    buildRun(of({}, { name: 'nothing' })),
    /models\.nothing of .* must return a tf\.LayersModel/,
  );
  const noisy = { ...of({}), measures: [{ kind: 'noisyAccuracy', sigmas: [0.1] }] } as RunConfig;
  await assert.rejects(buildRun(noisy), /noisyAccuracy.*numbers, which have no accuracy/s);
  const accuracy = { ...of({}), metrics: ['accuracy'] } as RunConfig;
  await assert.rejects(buildRun(accuracy), /only classes have an accuracy/);
  const { metrics: _, measures: __, ...rest } = of({});
  const tasks = { ...rest, lifelong: { kind: 'permuted', tasks: 2 } } as RunConfig;
  await assert.rejects(buildLifelongRun(tasks), OptionError);
});

test('the command takes a module, and lists, trains and reports', (t) => {
  const folder = folderOf(t);
  const { data: _, model: __, ...rest } = grid('');
  const config = {
    ...rest,
    data: { kind: 'own', name: 'line' },
    model: [{ kind: 'own', name: 'dense' }],
    epochs: 2,
  };
  writeFileSync(join(folder, 'grid.json'), JSON.stringify(config));
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [join(ROOT, 'lib/dist/cli/sweep.js'), '--config', 'grid.json', ...args], {
      cwd: folder,
      encoding: 'utf8',
    });
  assert.match(run('--list').stderr, /data\.module must be/);
  const [listed] = run('--module', 'mine.mjs', '--list').stdout.split('\n');
  assert.equal(JSON.parse(listed).data.module.path, join(folder, 'mine.mjs'));
  const { stdout, stderr, status } = run(
    '--module',
    'mine.mjs',
    '--store',
    'runs',
    '--engine',
    'inProcess',
    '--out',
    'rows.csv',
  );
  assert.equal(status, 0, stderr);
  assert.match(stdout, /test loss \d/);
  assert.match(readFileSync(join(folder, 'rows.csv'), 'utf8'), /test\.mae/);
});

test('toy data is swept; each set is a draw of its own, the same for all seeds', async (t) => {
  const toy: SweepGrid = {
    data: [
      { kind: 'twoMoons', noise: [0.05, 0.1], samples: 100 },
      { kind: 'spirals', classes: 3, samples: 90, evaluateOn: 'selection' },
    ],
    model: { kind: 'mlp', hidden: [16] },
    optimizer: { kind: 'adam', learningRate: 0.05 },
    loss: { kind: 'crossEntropy', labelSmoothing: [0, 0.1] },
    epochs: 20,
    batchSize: 25,
    seeds: 2,
  };
  const rows = await sweep(toy, { store: temporaryStore(t), engine: 'inProcess' });
  assert.equal(rows.length, 12);
  for (const { result, config, error } of rows) {
    assert.equal(error, null);
    if (config.data.kind === 'twoMoons') assert.ok(result!.last!.testAccuracy! > 0.9);
  }
  const [a, b] = await Promise.all([0, 1].map((seed) => buildRun({ ...rows[0].config, seed } as RunConfig)));
  assert.deepEqual(a.data.train.inputs, b.data.train.inputs);
  assert.notDeepEqual(a.data.train.inputs, a.data.test.inputs);
  for (const run of [a, b]) run.dispose();
  assert.throws(
    () => resolveConfig({ ...rows[0].config, data: { kind: 'twoMoons', samples: 50, trainSize: 60 } }),
    /trainSize/,
  );
});

test('a loss by default leaves the name of a run as it was', () => {
  const plain: RunConfig = {
    data: 'digits',
    model: { kind: 'mlp', hidden: [2] },
    optimizer: 'sgd',
    epochs: 1,
  };
  assert.notEqual(
    configHash({ ...plain, loss: { kind: 'crossEntropy', labelSmoothing: 0.1 } }),
    configHash(plain),
  );
});
