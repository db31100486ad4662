/** Tables and figures from runs whose numbers are known. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { OptionError } from 'lookbehind/errors';
import { type PaperTable, paperReport, paperRuns, writeReport } from 'lookbehind/paper';
import { configHash, type FullRunConfig, type MeasuredValues, type RunRow } from 'lookbehind/runs';
import { pairedDifferences, renderTable } from 'lookbehind/statistics';
import { describeResults } from '../../lib/dist/cli/commandLine';

const SIZES = {
  data: 'cifar10',
  models: { kind: 'resNet', depth: 20 },
  k: [2, 5],
  alpha: [0.5, 'adaptive'],
  seeds: 3,
} as const;

/** Test errors in per cent by label; seeds differ from them by 0, .1 and .3. */
const ERRORS: Record<string, number> = {
  SGD: 6,
  SAM: 5,
  'Multistep-SAM, k = 2': 5.5,
  'Multistep-SAM, k = 5': 4.5,
  'Lookbehind-SAM, k = 2, α = 0.5': 4.7,
  'Lookbehind-SAM, k = 2, α adaptive': 4.2,
  'Lookbehind-SAM, k = 5, α = 0.5': 4.1,
  'Lookbehind-SAM, k = 5, α adaptive': 7,
};
const METHODS = { methods: ['sgd', 'sam', 'multistepSAM', 'lookbehindSAM'] } as const;
const BY_SEED = [0, 0.1, 0.3];

/** A finished run with these numbers. */
function rowOf(config: FullRunConfig, error: number, measures: MeasuredValues): RunRow {
  const last = { testAccuracy: 1 - error / 100, testLoss: 1, trainLoss: 0.01 * error, epoch: 200 };
  return {
    hash: configHash(config),
    config,
    status: 'finished',
    result: {
      last,
      best: last,
      gradientEvaluations: 100,
      seconds: 10,
      measures,
    } as unknown as RunRow['result'],
    error: null,
    reused: false,
  };
}

function rowsOf(
  table: PaperTable,
  measures: (config: FullRunConfig, error: number) => MeasuredValues = () => ({}),
): RunRow[] {
  return paperRuns(table, { ...SIZES, ...METHODS }).map((config) => {
    const error = ERRORS[config.label!.replace(', replay', '')] + BY_SEED[config.seed];
    return rowOf(config, error, measures(config, error));
  });
}

const near = (a: number, b: number): boolean => Math.abs(a - b) < 1e-9;

test('generalization: every setting is in the table, each method at its best in the figure', () => {
  const rows = rowsOf('generalization', (_, error) => ({ 'sharpness@0.1': error / 10 }));
  const { tables, figures } = paperReport('generalization', rows);
  assert.equal(tables.length, 1);
  assert.deepEqual([tables[0].data, tables[0].model], ['CIFAR-10', 'ResNet-20']);
  assert.deepEqual(
    tables[0].rows.map((row) => [row.method, row['gradients per batch']]),
    Object.keys(ERRORS).map((label, i) => [label, [1, 2, 3, 6, 3, 3, 6, 6][i]]),
  );
  for (const row of tables[0].rows) {
    const errors = row['test error (%)'] as number[];
    assert.ok(errors.every((error, seed) => near(error, ERRORS[row.method as string] + BY_SEED[seed])));
    assert.ok(
      (row['sharpness (ρ = 0.1)'] as number[]).every((value, seed) => near(value, errors[seed] / 10)),
    );
  }
  const figure = figures['generalization-cifar-10-resnet-20'];
  assert.deepEqual(figure.layout.yaxis!.ticktext, [
    'SGD',
    'Multistep-SAM, k = 5',
    'Lookbehind-SAM, k = 5, α = 0.5',
    'Lookbehind-SAM, k = 2, α adaptive',
  ]);
  const dots = figure.data.at(-1)!.x as number[];
  assert.ok([1, -0.5, -0.9, -0.8].every((difference, i) => near(dots[i], difference)));
});

test('with one seed there are no intervals: the figure has the values', () => {
  const rows = rowsOf('generalization').filter(({ config }) => config.seed === 0);
  const figure = paperReport('generalization', rows).figures['generalization-cifar-10-resnet-20'];
  assert.equal(figure.data[0].type, 'bar');
  assert.ok([6, 5, 4.5, 4.1, 4.2].every((error, i) => near((figure.data[0].x as number[])[i], error)));
});

test('a diverged or failed run leaves its setting out of the figure, and is told in the table', () => {
  const rows = rowsOf('generalization').map((row): RunRow => {
    if (row.config.label === 'Lookbehind-SAM, k = 5, α = 0.5' && row.config.seed === 1)
      return { ...row, status: 'diverged' };
    if (row.config.label === 'SGD') return { ...row, status: 'failed', result: null, error: 'no memory' };
    return row;
  });
  const { tables, figures } = paperReport('generalization', rows);
  const errors = tables[0].rows.map((row) => row['test error (%)'] as number[]);
  assert.deepEqual(errors[6].map(Number.isFinite), [true, false, true]);
  assert.deepEqual(errors[0], ['failed', 'failed', 'failed']);
  const text = renderTable(tables[0].rows, tables[0].options).text.split('\n');
  assert.match(text.find((line) => line.startsWith('SGD'))!, / failed {2,}failed {2,}failed$/);
  assert.match(text.find((line) => line.includes('k = 5, α = 0.5'))!, /4\.25 ± 0\.21 \(1 diverged\)/);
  assert.deepEqual(figures['generalization-cifar-10-resnet-20'].layout.yaxis!.ticktext, [
    'Multistep-SAM, k = 5',
    'Lookbehind-SAM, k = 2, α = 0.5',
    'Lookbehind-SAM, k = 2, α adaptive',
  ]);
});

test('the map of k and alpha says which settings failed and which diverged', () => {
  const rows = rowsOf('ablation').map((row): RunRow => {
    if (row.config.label === 'Lookbehind-SAM, k = 2, α = 0.5')
      return { ...row, status: 'failed', result: null, error: 'no memory' };
    if (row.config.label === 'Lookbehind-SAM, k = 5, α = 0.5') return { ...row, status: 'diverged' };
    return row;
  });
  const { layout } = paperReport('ablation', rows).figures['ablation-cifar-10-resnet-20-sam'];
  assert.deepEqual(
    layout
      .annotations!.filter(({ text }) => ['failed', 'diverged'].includes(text!))
      .map(({ text, x, y }) => [text, x, y]),
    [
      ['failed', 0, 0],
      ['diverged', 0, 1],
    ],
  );
});

test('files of a report count what failed and what diverged, and write no NaN', async () => {
  const rows = rowsOf('generalization').map(
    (row): RunRow =>
      row.config.label === 'SGD' ? { ...row, status: 'failed', result: null, error: 'no memory' } : row,
  );
  const folder = mkdtempSync(join(tmpdir(), 'report-'));
  try {
    await writeReport(folder, { ...paperReport('generalization', rows), figures: {} }, rows);
    const [head, sgd] = readFileSync(join(folder, 'generalization.csv'), 'utf8').split('\n');
    assert.match(
      head,
      /test error \(%\), mean","test error \(%\), std","test error \(%\), runs","test error \(%\), diverged","test error \(%\), failed"/,
    );
    assert.match(sgd, /^CIFAR-10,ResNet-20,SGD,1,,,0,0,3,/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('the summary of a sweep has no number where there is none', () => {
  const [finished, other, third] = rowsOf('generalization').filter(({ config }) => config.label === 'SAM');
  const failed: RunRow = { ...other, status: 'failed', result: null, error: 'no network' };
  const diverged: RunRow = { ...third, status: 'diverged' };
  const told = (...rows: RunRow[]): string => describeResults(rows).split('\n').at(-1)!;
  assert.match(told(failed, diverged), /^SAM +2 +1 diverged, 1 failed$/);
  assert.match(told(finished, failed), /^SAM +2 +5\.00 \(1 failed\)$/);
  assert.match(told(finished, other), /^SAM +2 +5\.05 ± 0\.07$/);
});

test('noise: accuracies of both ways with BatchNorm, in per cent', () => {
  const sigmas = [0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3];
  const accuracy = (error: number, sigma: number, lost: number): number => 1 - error / 100 - lost * sigma;
  const rows = rowsOf('noise', (_, error) =>
    Object.fromEntries(
      sigmas.flatMap((sigma) => [
        [`noisyAccuracy@${sigma}`, accuracy(error, sigma, 2)],
        [`noisyAccuracy.estimate@${sigma}`, accuracy(error, sigma, 1)],
      ]),
    ),
  );
  const { tables, figures } = paperReport('noise', rows);
  assert.equal(tables.length, 2);
  tables.forEach(({ rows: settings }, way) => {
    for (const row of settings) {
      const error = ERRORS[row.method as string] + BY_SEED[2];
      for (const sigma of sigmas) {
        assert.ok(near((row[`σ = ${sigma}`] as number[])[2], 100 * accuracy(error, sigma, [2, 1][way])));
      }
    }
  });
  const lines = figures['noise-cifar-10-resnet-20'].data.filter(
    ({ name, mode }) => name === 'SAM' && mode !== undefined,
  );
  const means = lines.map(({ y }) => (y as number[]).at(-1)!).filter((value) => Number.isFinite(value));
  assert.ok([60, 30].every((lost) => means.some((mean) => near(mean, 100 - 5 - 0.4 / 3 - lost))));
});

test('lifelong: without and with replay apart, against SGD', () => {
  const rows = rowsOf('lifelong', ({ lifelong }, error) => ({
    averageAccuracy: (lifelong!.replay ? 0.9 : 0.6) - error / 100,
    learningAccuracy: 0.95,
    'forgetting.firstMinusLast': 0.1,
  }));
  const { tables, figures } = paperReport('lifelong', rows);
  assert.deepEqual(
    tables.map(({ options }) => options.caption),
    ['CIFAR-10, ResNet-20, 3 seeds, without replay', 'CIFAR-10, ResNet-20, 3 seeds, with replay'],
  );
  const best = tables.map(({ rows: settings }) =>
    Math.max(...settings.map((row) => (row['average accuracy (%)'] as number[])[0])),
  );
  assert.ok(near(best[0], 55.9) && near(best[1], 85.9));
  for (const name of ['lifelong-cifar-10-resnet-20', 'lifelong-cifar-10-resnet-20-replay']) {
    const dots = figures[name].data.at(-1)!.x as number[];
    assert.ok(
      [1, 1.5, 1.9, 1.8].every((difference, i) => near(dots[i], difference)),
      name,
    );
  }
});

test('ablation: test error over k and alpha, beside that of SAM', () => {
  const { tables, figures } = paperReport(
    'ablation',
    rowsOf('ablation').filter(({ config }) => config.label !== 'SGD'),
  );
  assert.equal(tables[0].rows.length, 7);
  const figure = figures['ablation-cifar-10-resnet-20-sam'];
  const means = figure.data[0].z as number[][];
  const mean = 0.4 / 3;
  assert.ok(
    [
      [4.7, 4.2],
      [4.1, 7],
    ].every((row, i) => row.every((value, j) => near(means[i][j], value + mean))),
  );
  assert.match(figure.layout.title!.text, /SAM: 5\.13 ± 0\.15 %/);
  assert.deepEqual(Object.keys(figures), ['ablation-cifar-10-resnet-20-sam']);
});

test('differences are those of the library’s statistics, and a report needs runs', () => {
  const rows = rowsOf('generalization');
  const flat = rows.map(({ config, result }) => ({
    label: config.label!,
    seed: config.seed,
    testError: 100 * (1 - result!.last!.testAccuracy!),
  }));
  const expected = pairedDifferences(flat, { baseline: 'SAM' }).find(({ group }) => group.label === 'SGD')!;
  const [{ x }] = paperReport('generalization', rows).figures['generalization-cifar-10-resnet-20'].data;
  assert.ok([expected.low, expected.high].every((end, i) => near((x as number[])[i], end)));
  assert.throws(() => paperReport('noise', []), OptionError);
});
