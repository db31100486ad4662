/**
 * Every notebook runs to its end after its settings were edited, and after the edits that its text suggests.
 * Three edits are made at once; where that fails, each alone, to say which. As a reader's, the runs of a
 * notebook are kept, so that an edit trains only what is new.
 */

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { ROOT } from '../runs/support';
import { type Edit, runEdited } from './edited';

/** Settings of the smoke profile are edited where a setting has one for each profile. */
const EDITS: Record<string, Edit[]> = {
  '00': [
    ['const budget = 270', 'const budget = 15'],
    ['const k: number = 5', 'const k: number = 2'],
    ['const alpha = 0.5', "const alpha = 'adaptive'"],
    ['const rho = 0.05', 'const rho = 0.1'],
    ['const learningRate = 0.1', 'const learningRate = 0.05'],
    ['[radius, sigma] = [0.5, 0.3]', '[radius, sigma] = [1, 0.4]'],
    ['const seeds = { smoke: 2', 'const seeds = { smoke: 3'],
  ],
  '01': [['const toySteps = { smoke: 400', 'const toySteps = { smoke: 500']],
  '02': [
    ['{ labelNoise: 0, budget: 90 }', '{ labelNoise: 0.4, budget: 270 }'],
    ["const k = PROFILE === 'smoke' ? 2 : 5", 'const k = 3'],
    ['const alpha = 0.5', 'const alpha = 0.8'],
    ["within(0.15, 0.75, 'mean')", "within(0.1, 0.5, 'mean')"],
    ['const seeds = { smoke: 2', 'const seeds = { smoke: 3'],
    ['labelNoise: 0 });', 'labelNoise: 0, draw: 3, seed: 101 });'],
  ],
  '03': [
    ['...{ smoke: [2]', '...{ smoke: [3]'],
    ['const steps = { smoke: [0.1]', 'const steps = { smoke: [0.1, 0.3]'],
    ['const alpha = 0.5', 'const alpha = 0.8'],
    ['const rho = 0.05', 'const rho = 0.1'],
    ['const reach = 0.15', 'const reach = 0.3'],
    ['samRhos = { smoke: [0.1]', 'samRhos = { smoke: [0.1, 0.2]'],
    ['const seeds = { smoke: 2', 'const seeds = { smoke: 3'],
    ['const radius = 0.5', 'const radius = 1'],
    ["PROFILE === 'quick' ? ([22, 50] as const) : undefined", '[20, 95] as const'],
    ['{ momentum: 0.9, weightDecay: 5e-4 }', '{ momentum: 0, weightDecay: 0 }'],
    ["PROFILE === 'quick' ? 'processes' : 'inProcess'", "'processes'"],
  ],
  '04': [
    ['const ks = { smoke: [2]', 'const ks = { smoke: [10]'],
    ['const alpha = 0.5', 'const alpha = 0.8'],
    ['const step = 0.25', 'const step = 0.1'],
    ['factors = { smoke: [1]', 'factors = { smoke: [0.5, 1, 2]'],
    ["PROFILE === 'paper' ? 0.1 : undefined", '0.1'],
    ['smoke: [0.05, 0.1]', 'smoke: [0.1, 0.2]'],
    ["PROFILE === 'quick' ? [0.3, 0.5, 0.6, 1] : []", '[0.3]'],
    ['[nearest, farthest] = [0.05, 1]', '[nearest, farthest] = [0.02, 2]'],
    ['const pairedSeeds = { smoke: 2', 'const pairedSeeds = { smoke: 3'],
  ],
  '05': [
    ['const k = 5', 'const k = 3'],
    ['reaches = { smoke: [0.1, 0.2]', 'reaches = { smoke: [0.2, 0.4]'],
    ['const radius = 0.5', 'const radius = 0.25'],
    ['const reach = 0.2', 'const reach = 0.1'], // not with other `reaches`: it is one of them
    ['climbs = [0.05, 0.2]', 'climbs = [0.1]'],
    ['rates = { smoke: [0.1, 0.3]', 'rates = { smoke: [0.05, 0.2]'],
    ["const small = PROFILE === 'paper' ? 0.02 : 0.1", 'const small = 0.3'],
    ['const seeds = { smoke: 2', 'const seeds = { smoke: 3'],
  ],
  '06': [
    ['const alpha = 0.5', 'const alpha = 0.8'],
    ['lookbehind(5, 0.05))', 'lookbehind(5, 0.05), lookbehind(10, 0.03))'],
    ['const points = { smoke: 5', 'const points = { smoke: 33'],
    ['[number, number] = [1, 2]', '[number, number] = [3, 4]'],
    ["'none' = 'filter'", "'none' = 'layer'"],
    ['square = { from: -1, to: 1 }', 'square = { from: -0.5, to: 0.5 }'],
    ['const pathPoints = 41', 'const pathPoints = 11'],
    ['const seeds = [0, 1]', 'const seeds = [3, 5]'],
    ['const radius = 0.5', 'const radius = 1'],
    ['const stepBatch = 128', 'const stepBatch = 32'],
  ],
  '07': [
    ['[k, alpha] = [2, 0.5]', '[k, alpha] = [3, 0.8]'],
    ['const seeds = { smoke: 1', 'const seeds = { smoke: 2'],
    ["baselines = ['SGD', 'SAM', 'ASAM']", "baselines = ['SGD', 'Multistep-SAM']"],
    ["collapsed = PROFILE === 'smoke' ? 40 : 90", 'collapsed = 100'],
    ["noiseAware: ['Lookbehind-ASAM']", "noiseAware: ['Lookbehind-SAM']"],
    ['distances = { SAM: [0.1, 0.2, 0.4]', 'distances = { SAM: [0.02, 0.2]'],
    ['others: [0.05, 0.1, 0.2]', 'others: [0.1]'],
    ['hidden: [64, 64], filters: [8, 16], batchSize: 64', 'hidden: [32], filters: [4, 8], batchSize: 32'],
    ['rival = { k: 5, alphas: [0.2, 0.5, 0.8] }', 'rival = { k: 2, alphas: [0.5] }'],
    ['0.1, 0.2, 0.3, 0.4, 0.5, 0.6]', '0.2, 0.4]'],
    ['[0.3, 0.5, 0.4];', '[0.2, 0.4, 0.3];'],
    [
      '{ sigma: 0.2, bits: 4, errorRate: 0.01, seconds: 365 * 86400 }',
      '{ sigma: 0.5, bits: 2, errorRate: 0.07, seconds: 60 }',
    ],
    ['bits: [2, 3, 4, 5, 6, 8]', 'bits: [3, 4]'],
    ['30 * 86400, 365 * 86400]', '30 * 86400]'],
    ['tested: 100 }', 'tested: 50 }'],
    ['rho: 2 }', 'rho: 1 }'],
    ['{ batches: 4, batchSize: 100 }', '{ batches: 1, batchSize: 64 }'],
    ['const radius = 0.5', 'const radius = 1'],
    ['{ smoke: [2], quick: [5, 10]', '{ smoke: [3, 4], quick: [5, 10]'],
  ],
  '08': [
    ['radius: [0.02, 0.5]', 'radius: [0.1, 0.2]'],
    ['const seeds = { smoke: 1', 'const seeds = { smoke: 2'],
    [
      "const drawn = ['SGD', 'SAM', 'Lookbehind-SAM', 'Stable SGD']",
      "const drawn = ['SGD', 'Lookbehind-SAM']",
    ],
    ["'SGD', 'SGD with replay', 'Lookbehind-SAM with replay'", "'SAM', 'SAM with replay'"],
    ["['SGD', 'SAM', lookbehinds[0]]", "['SGD', 'SAM', 'Lookbehind-SAM', 'Stable SGD']"],
    ['{ decays: [0.7, 0.85], dropout: 0.25 }', '{ decays: [0.5], dropout: 0.1 }'],
    ["['Rotated', 'Split']", "['Permuted', 'Split', 'Rotated']"],
    [
      '{ tasks: 5, hidden: [100, 100], batchSize: 20, epochs: 1 }',
      '{ tasks: 2, hidden: [50], batchSize: 10, epochs: 2 }',
    ],
    ["{ kind: 'digits' }", "{ kind: 'mnist', pool: 4 }"],
    ['const epochs = { smoke: 1', 'const epochs = { smoke: 2'],
    ['memory = { smoke: 20', 'memory = { smoke: 40'],
    ['otherPasses = { smoke: []', 'otherPasses = { smoke: [1, 3]'],
    ["memoryFactors = PROFILE === 'smoke' ? [1]", "memoryFactors = PROFILE === 'smoke' ? [1, 3]"],
    ["ks = PROFILE === 'smoke' ? [2]", "ks = PROFILE === 'smoke' ? [1, 3]"],
    ["alphas = PROFILE === 'smoke' ? [0.5]", "alphas = PROFILE === 'smoke' ? [0.25, 1]"],
  ],
  '09': [
    ["const k = PROFILE === 'smoke' ? 2 : 5", 'const k = 3'],
    ['const reach = 0.2', 'const reach = 0.1'],
    ['smoke: [1, 2], quick: [1, 10, 30]', 'smoke: [2], quick: [1, 10, 30]'],
  ],
  '10': [['const [rho, k] = [0.01, 2]', 'const [rho, k] = [0.02, 5]']],
};

const AT_ONCE = 3;

/** What went wrong in a notebook with these edits. */
async function complaintOf(
  number: string,
  edits: readonly Edit[],
  runs: string,
): Promise<string | undefined> {
  try {
    await runEdited(number, edits, runs);
    return undefined;
  } catch (error) {
    return String(error);
  }
}

describe('an edited notebook', { concurrency: 2 }, () => {
  test('01 with other k and learning rate', async () => {
    const printed = await runEdited('01', [
      ['const k = 5', 'const k = 3'],
      ['const learningRate = 0.05', 'const learningRate = 0.02'],
    ]);
    assert.match(printed, /k = 3, rho = 0.22, learning rate 0.02/);
  });

  test('01 with one step back, in which momentum changes nothing', async () => {
    assert.match(
      await runEdited('01', [['const k = 5', 'const k = 1']]),
      /Momentum turns the step.*: does not hold here/,
    );
  });

  for (const [number, edits] of Object.entries(EDITS)) {
    describe(`notebook ${number}`, { concurrency: 1 }, () => {
      mkdirSync(join(ROOT, 'results'), { recursive: true });
      const runs = mkdtempSync(join(ROOT, 'results', `edits-of-${number}-`));
      after(() => rmSync(runs, { recursive: true, force: true, maxRetries: 5 }));
      for (let i = 0; i < edits.length; i += AT_ONCE) {
        const some = edits.slice(i, i + AT_ONCE);
        const texts = some.map(([, becomes]) => `"${becomes}"`);
        test(`runs to its end with ${texts.join(' and ')}`, async () => {
          const together = await complaintOf(number, some, runs);
          if (together === undefined) return;
          for (const edit of some.length > 1 ? some : []) {
            const complaint = await complaintOf(number, [edit], runs);
            assert.equal(complaint, undefined, `with "${edit[1]}" alone: ${complaint}`);
          }
          assert.fail(together);
        });
      }
    });
  }
});
