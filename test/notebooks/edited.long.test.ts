/**
 * Every notebook runs to its end after its settings were edited, and after the edits that its text suggests.
 * Six edits are made at once; where that fails, each alone, to say which. As a reader's, the runs of a
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
    ['learningRate: 0.1', 'learningRate: 0.05'],
    ['shown: 0.5', 'shown: 1'],
    ['shown: 0.3', 'shown: 0.4'],
    ['const seeds = { smoke: 2', 'const seeds = { smoke: 3'],
    ['other = { k: 2, rho: samRho }', 'other = { k: 3, rho: 0.2 }'],
    ["'lookbehindSAM', 'lookbehindSAMAdaptive']", "'asam', 'lookbehindASAM']"],
    ["['lookbehindSAM', 'lookbehindASAM', 'sgd']", "['lookahead']"],
    ['curvatures: [1, 5], start: [-1.1, 0.25]', 'curvatures: [8, 2], start: [0.5, -0.5]'],
    ['hidden: [100, 100]', 'hidden: [20]'],
    ['const batchSize = 128', 'const batchSize = 64'],
    ['{ ks: [1, 2], alphas: [0.5] }', '{ ks: [3], alphas: [0.2, 0.5] }'],
  ],
  '01': [
    ['const toySteps = { smoke: 400', 'const toySteps = { smoke: 500'],
    ['const alpha = 0.5', 'const alpha = 0.8'],
    ['bowlStart = [-1.1, 0.25]', 'bowlStart = [-0.6, 0.5]'],
    ['drawnKs = [1, 3, 5]', 'drawnKs = [2, 10]'],
    ['const pageK = 3', 'const pageK = 5'],
    ['Math.max(k, 10)', 'Math.max(k, 6)'],
    ['{ momentum: 0.9, weightDecay: 5e-4 }', '{ momentum: 0.5, weightDecay: 1e-3 }'],
    [
      'alphas: [1, 0.5, 0.2], steps: 20, momentum: 0.9, weightDecay: 0.1',
      'alphas: [0.8, 0.4], steps: 10, momentum: 0.5, weightDecay: 0.2',
    ],
    ['ways = { steps: 10, start: [0.2, 0.1] }', 'ways = { steps: 5, start: [1.5, 0.3] }'],
    ['toyStart = [-0.4, -0.4]', 'toyStart = [-0.3, -0.5]'],
    ['curvatures = [1, 5, 10, 25]', 'curvatures = [2, 8]'],
    ['valley: [-1.1, 0.02], wall: [2.6, 0.4]', 'valley: [-0.8, 0.1], wall: [2.4, 0.6]'],
    ['radii = { to: 0.5', 'radii = { to: 1'],
  ],
  '02': [
    ["'mnist1d-mlp', labelNoise: 0, budget: 90", "'digits', labelNoise: 0.4, budget: 270"],
    ["drawn: StudyMethod[] = ['sgd', 'lookahead', ", "drawn: StudyMethod[] = ['asam', "],
    ['trialCounts = [1, 3, 6, 12]', 'trialCounts = [2, 8]'],
    ["const k = PROFILE === 'smoke' ? 2 : 5", 'const k = 3'],
    ['options = { alpha: 0.5, adaptiveK: 2', 'options = { alpha: 0.8, adaptiveK: 3'],
    ['lookahead: { k: 5, alpha: 0.8 }', 'lookahead: { k: 3, alpha: 0.5 }'],
    ['momentum: 0.9, weightDecay: 5e-4 }', 'momentum: 0.5, weightDecay: 0 }'],
    ["within(0.15, 0.75, 'mean')", "within(0.1, 0.5, 'mean')"],
    ['const seeds = { smoke: 2', 'const seeds = { smoke: 3'],
    ['labelNoise: 0, budget: 15 };', 'labelNoise: 0, budget: 15, draw: 3, seed: 101 };'],
    ['lookbehindShare = 1 / 4', 'lookbehindShare = 1 / 2'],
    [
      "[128, 40].map((batchSize) => ({ batchSize, schedule: 'cosine'",
      "[64, 20].map((batchSize) => ({ batchSize, schedule: 'constant'",
    ],
    ['hidden: [100, 100], signals: { filters: [16]', 'hidden: [30], signals: { filters: [4, 8]'],
    ['measured = { radius: 0.5, sigma: 0.3', 'measured = { radius: 0.2, sigma: 0.1'],
    ["'smoke' ? [256, 100]", "'smoke' ? [200, 80]"],
  ],
  '03': [
    ['...{ smoke: [2]', '...{ smoke: [3]'],
    ['const steps = { smoke: [0.1]', 'const steps = { smoke: [0.1, 0.3]'],
    ['const alpha = 0.5', 'const alpha = 0.8'],
    ['[eta, rho] = [0.1, 0.05]', '[eta, rho] = [0.05, 0.1]'],
    ['const reach = 0.15', 'const reach = 0.3'],
    ['samSteps = steps.slice(-3)', 'samSteps = [0.2]'],
    ['freshShare = 1 / 2', 'freshShare = 1 / 3'],
    ["{ batchSize: 128, schedule: 'cosine' }", "{ batchSize: 64, schedule: 'constant' }"],
    ['hidden = [100, 100]', 'hidden = [30]'],
    ['followed = { seed: 0, batches: 5 }', 'followed = { seed: 3, batches: 2 }'],
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
    ['tolerance: number = 1', 'tolerance: number = 2'],
    ['aside = [1 / 2, 2]', 'aside = [1 / 4, 3, 4]'],
    ['const wayBatches = 5', 'const wayBatches = 2'],
    ['hidden = [100, 100]', 'hidden = [30]'],
    ["{ batchSize: 128, schedule: 'cosine' }", "{ batchSize: 64, schedule: 'constant' }"],
    ['const pairedSeeds = { smoke: 2', 'const pairedSeeds = { smoke: 3'],
  ],
  '05': [
    ['const [k, fewer] = [5, 2]', 'const [k, fewer] = [3, 4]'],
    ['const stretch: number = 1', 'const stretch: number = 2'],
    ['reaches = { smoke: [0.1, 0.2]', 'reaches = { smoke: [0.2, 0.4]'],
    ['{ lookbehind: 3, others: 2 }', '{ lookbehind: 1, others: 1 }'],
    ['const reach = 0.2', 'const reach = 0.15'],
    ['const radius = 0.5', 'const radius = 0.25'],
    ['const farther = 10', 'const farther = 5'],
    ['climbs = [0.05, 0.2]', 'climbs = [0.1]'],
    ['rates = { smoke: [0.1, 0.3]', 'rates = { smoke: [0.05, 0.2]'],
    ["const small = PROFILE === 'paper' ? 0.02 : 0.1", 'const small = 0.3'],
    ['const seeds = { smoke: 2', 'const seeds = { smoke: 3'],
    ['smoke: { rates: 1, shown: 1 }', 'smoke: { rates: 2, shown: 2 }'],
    ['momentum: 0.9, weightDecay: 5e-4', 'momentum: 0, weightDecay: 0'],
    ["{ hidden: [100, 100], trainSize: PROFILE === 'smoke' ? 256 : 4000", '{ hidden: [30], trainSize: 512'],
    ['const batchSize = 128', 'const batchSize = 32'],
    ["const rivals = ['SAM', 'Multistep-SAM']", "const rivals = ['SGD', 'Lookbehind-SAM, k = 2']"],
  ],
  '06': [
    ['const alpha = 0.5', 'const alpha = 0.8'],
    ['5: 0.05 }', '5: 0.05, 10: 0.03 }'],
    ['const points = { smoke: 5', 'const points = { smoke: 33'],
    ['seeds: [1, 2]', 'seeds: [3, 4]'],
    ["normalization: 'filter'", "normalization: 'layer'"],
    ['square = { from: -1, to: 1 }', 'square = { from: -0.5, to: 0.5 }'],
    ['const pathPoints = 41', 'const pathPoints = 11'],
    ['const seeds = [0, 1]', 'const seeds = [3, 5]'],
    ['shown: 0.5', 'shown: 1'],
    ['{ rho: 0.2, samples: 128 }', '{ rho: 0.1, samples: 32 }'],
    ['rhos = { 2: samRho, 5: 0.05 }', 'rhos = { 3: 0.1 }'],
    ['hidden: [100, 100]', 'hidden: [20]'],
    ['const batchSize = 128', 'const batchSize = 64'],
    ['learningRate: 0.1, momentum: 0.9', 'learningRate: 0.05, momentum: 0'],
    ['surfaces: { smoke: 2', 'surfaces: { smoke: 3'],
    ['{ drawn: 4000, handed: 1000 }', '{ drawn: 200, handed: 100 }'],
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
    ['const step = 0.25', 'const step = 0.1'],
    ['const copyFactor = 2', 'const copyFactor = 1.5'],
    ['const copySeed = 0', 'const copySeed = 3'],
    ['momentum: 0.9, weightDecay: 5e-4', 'momentum: 0, weightDecay: 0'],
    ['const radius = 0.5', 'const radius = 1'],
    ['const seeds = { smoke: 2', 'const seeds = { smoke: 3'],
    ["{ hidden: [100, 100], trainSize: PROFILE === 'smoke' ? 512 : 4000", '{ hidden: [30], trainSize: 256'],
    ['const batchSize = 128', 'const batchSize = 32'],
    ['const apgdSteps = 10', 'const apgdSteps = 3'],
    ['const margin = 10', 'const margin = 30'],
    ['budget: 30, labelNoise: 0', 'budget: 90, labelNoise: 0.4'],
  ],
  '10': [
    ['const [rho, k] = [0.01, 2]', 'const [rho, k] = [0.02, 5]'],
    ['const houseCount = 200', 'const houseCount = 100'],
    ['const testShare = 0.2', 'const testShare = 0.5'],
    ['const units = 16', 'const units = 4'],
    ['const radius = 0.05', 'const radius = 0.1'],
    ['levels = [0.05, 0.1, 0.2]', 'levels = [0.3]'],
    ['const draws = 10', 'const draws = 3'],
  ],
};

const AT_ONCE = 6;

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
