/**
 * What RESULTS_VERSION stands for: small runs of each kind give the results that were recorded with it.
 *
 * Where this fails because the same configuration is meant to give another result now, raise RESULTS_VERSION
 * in lib/runs/config/version.ts, run this file with LB_UPDATE_RESULTS=1, and renew the committed notebooks
 * with `npm run notebooks`.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { executeRun, type MeasureConfig, type OptimizerConfig, type RunConfig } from 'lookbehind/runs';
import { RESULTS_VERSION } from '../../lib/dist/runs/config/version';
import { SMALL, temporaryStore } from './support';

const FILE = join(__dirname, 'results.json');

interface Recorded {
  version: string;
  results: Record<string, Record<string, number>>;
}

const base = { learningRate: 0.1, momentum: 0.9, weightDecay: 5e-4 };
const optimizers: Record<string, OptimizerConfig> = {
  sgd: { kind: 'sgd', nesterov: true, ...base },
  adamw: { kind: 'adamw' },
  asam: { kind: 'asam', ...base },
  multistepSAM: { kind: 'multistepSAM', ...base },
  'lookahead(sam)': { kind: 'lookahead', k: 2, base: { kind: 'sam', ...base } },
  lookbehindSAM: { kind: 'lookbehindSAM', k: 3, alpha: 'adaptive', ...base },
  lookbehindASAM: { kind: 'lookbehindASAM', ...base },
};
const measures: MeasureConfig[] = [
  { kind: 'sharpness', radii: [0.1] },
  { kind: 'noisyAccuracy', sigmas: [0.3], draws: 3 },
];
const runs: Record<string, RunConfig> = {
  ...Object.fromEntries(
    Object.entries(optimizers).map(([name, optimizer]) => [name, { ...SMALL, optimizer }]),
  ),
  'measured, scheduled, standardized': {
    ...SMALL,
    data: { kind: 'mnist1d', trainSize: 200, standardize: true },
    schedule: 'cosine',
    switchBatches: true,
    seed: 1,
    measures,
  },
  'a ConvNet': {
    ...SMALL,
    data: { kind: 'digits', trainSize: 100 },
    model: { kind: 'convNet', batchNorm: true },
    epochs: 1,
  },
  lifelong: {
    ...SMALL,
    lifelong: { kind: 'permuted', tasks: 2, replay: 60 },
    epochs: 1,
    optimizer: { kind: 'sam' },
  },
};

test('small runs give the results that were recorded with this RESULTS_VERSION', async (t) => {
  const store = temporaryStore(t);
  const results: Recorded['results'] = {};
  for (const [name, config] of Object.entries(runs)) {
    const outcome = await executeRun(config, store);
    assert.ok(outcome.kind === 'done', name);
    const { last, measures: measured } = outcome.result;
    results[name] = { trainLoss: last!.trainLoss, testLoss: last!.testLoss!, ...measured };
  }
  if (process.env.LB_UPDATE_RESULTS === '1') {
    const rounded = (value: number): number => Number(value.toPrecision(6));
    const entries = Object.entries(results).map(([name, values]) => [
      name,
      Object.fromEntries(Object.entries(values).map(([key, value]) => [key, rounded(value)])),
    ]);
    const recorded = { version: RESULTS_VERSION, results: Object.fromEntries(entries) };
    writeFileSync(FILE, `${JSON.stringify(recorded, undefined, 2)}\n`);
  }
  const recorded = JSON.parse(readFileSync(FILE, 'utf8')) as Recorded;
  assert.equal(recorded.version, RESULTS_VERSION);
  assert.deepEqual(Object.keys(results), Object.keys(recorded.results));
  for (const [name, values] of Object.entries(recorded.results)) {
    for (const [key, value] of Object.entries(values)) {
      // Other processors round otherwise, and a sample or two may fall on the other side.
      const tolerance =
        (/accuracy|forgetting|transfer/i.test(key) ? 0.03 : 2e-4) * Math.max(1, Math.abs(value));
      assert.ok(
        Math.abs(results[name]![key]! - value) <= tolerance,
        `${name}: ${key} is ${results[name]![key]}, was ${value}`,
      );
    }
  }
});
