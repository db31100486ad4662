/** The three protocols of a comparison, on runs of a fraction of a second. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OptionError } from 'lookbehind/errors';
import { runSweep } from 'lookbehind/notebook';
import { type OptimizerConfig, paperMethods, type SweepGrid } from 'lookbehind/runs';
import { type ComparedTask, compareMethods, withEpochs } from 'lookbehind/statistics';
import { temporaryStore } from '../runs/support';

const task = {
  data: { kind: 'digits', trainSize: 100 },
  model: { kind: 'mlp', hidden: [8] },
  epochs: 3,
  batchSize: 50,
  measures: [{ kind: 'sharpness', radii: [0.1] }],
} satisfies ComparedTask;
const methods = (learningRate: number) => {
  const { SGD, SAM, ...others } = paperMethods({ learningRate, k: 2, rho: 0.1 });
  return { SGD, SAM, LB: others['Lookbehind-SAM'] };
};
const rates = (label: string): number[] => (label === 'LB' ? [0.05, 0.2] : [0.01, 0.1, 0.3]);
const rateIn = ({ optimizer }: { optimizer: OptimizerConfig }) =>
  (optimizer as { learningRate: number }).learningRate;

test('three protocols, tuned apart from what is compared', async (t) => {
  const store = temporaryStore(t);
  const train = (grids: SweepGrid[], title: string) => runSweep(grids, { title, store, engine: 'inProcess' });
  const common = { methods, sharedRate: 0.1, rates, seeds: 2, tuningSeeds: [7, 8], train };
  const found = await compareMethods({ ...common, task: { ...task, measures: [...task.measures] } });
  assert.deepEqual(found.labels, ['SGD', 'SAM', 'LB']);
  assert.deepEqual(Object.values(found.protocols), [found.shared, found.tuned, found.equalGradients]);
  assert.deepEqual(found.costs, { SGD: 1, SAM: 2, LB: 3 });

  for (const { label, x, runs } of found.tuning) {
    assert.deepEqual(x, rates(label!));
    const means = x.map((_, i) => (runs[0][i] + runs[1][i]) / 2);
    const best = means.indexOf(Math.min(...means));
    assert.equal(found.rates[label!], x[best], label);
  }
  const epochs = { SGD: 6, SAM: 3, LB: 2 };
  for (const label of found.labels as (keyof typeof epochs)[]) {
    const [shared] = found.shared.of(label);
    const [tuned] = found.tuned.of(label);
    const [equal] = found.equalGradients.of(label);
    assert.equal(rateIn(shared.config), 0.1);
    assert.deepEqual([rateIn(tuned.config), rateIn(equal.config)], [found.rates[label], found.rates[label]]);
    assert.deepEqual(
      [shared, tuned, equal].map(({ config }) => config.epochs),
      [3, 3, epochs[label]],
    );
    assert.ok(
      [shared, tuned, equal].every(
        ({ config }) => (config.data as { evaluateOn?: string }).evaluateOn !== 'selection',
      ),
    );
    assert.deepEqual(
      found.equalGradients.values(label, 'gradientEvaluations'),
      [12, 12],
      'two batches an epoch',
    );
    assert.ok(found.tuned.values(label, 'sharpness@0.1').every(Number.isFinite));
  }
  // SAM has spent its gradients after the epochs of the task: the same runs.
  assert.deepEqual(
    found.equalGradients.of('SAM').map(({ hash }) => hash),
    found.tuned.of('SAM').map(({ hash }) => hash),
  );
});

test('other labels at another rate are refused', async () => {
  const changing = (rate: number): Record<string, OptimizerConfig> => ({
    [`SGD ${rate}`]: { kind: 'sgd', learningRate: rate },
  });
  const options = {
    task,
    methods: changing,
    sharedRate: 0.1,
    rates: () => [0.2],
    seeds: 1,
    tuningSeeds: [7],
  };
  await assert.rejects(compareMethods({ ...options, task: { ...task, measures: [] } }), OptionError);
});

test('a task of other epochs keeps the shape of its schedule, and is evaluated at the end', () => {
  const long = {
    ...task,
    measures: [...task.measures],
    epochs: 200,
    schedule: { kind: 'multiStep' as const, milestones: [50, 100, 150], warmUpEpochs: 4 },
  };
  assert.equal(withEpochs(long, 200), long);
  assert.deepEqual(withEpochs(long, 67), {
    ...long,
    epochs: 67,
    evaluateEvery: 67,
    measures: [],
    schedule: { kind: 'multiStep', milestones: [17, 34, 51], warmUpEpochs: 4 * (67 / 200) },
  });
  const smooth = { ...long, schedule: 'cosine' as const };
  assert.equal(withEpochs(smooth, 10).schedule, 'cosine');
  for (const epochs of [0, 1.5]) assert.throws(() => withEpochs(long, epochs), OptionError);
});
