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
    ['const [k, fewer] = [5, 2]', 'const [k, fewer] = [3, 4]'],
    ['const stretch: number = 1', 'const stretch: number = 2'],
    ['reaches = { smoke: [0.1, 0.2]', 'reaches = { smoke: [0.2, 0.4]'],
    ['{ lookbehind: 3, others: 2 }', '{ lookbehind: 1, others: 1 }'],
    ['const reach = 0.2', 'const reach = 0.15'],
    ["const rivals = ['SAM', 'Multistep-SAM']", "const rivals = ['SGD', 'Lookbehind-SAM, k = 2']"],
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
    ['const k = 2', 'const k = 3'],
    ['const seeds = { smoke: 1', 'const seeds = { smoke: 2'],
    ["collapsed = PROFILE === 'smoke' ? 40 : 90", 'collapsed = 100'],
    ['const rivals = [...baselines, oursAsam]', 'const rivals = [...baselines, ours]'],
    ['rho: [0.1, 0.2, 0.4]', 'rho: [0.1, 0.2]'],
  ],
  '08': [
    ['radius: [0.02, 0.5]', 'radius: [0.1, 0.2]'],
    ['const seeds = { smoke: 1', 'const seeds = { smoke: 2'],
    [
      "const drawn = ['SGD', 'SAM', 'Lookbehind-SAM', 'Stable SGD']",
      "const drawn = ['SGD', 'Lookbehind-SAM']",
    ],
    ["'SGD', 'SGD with replay', 'Lookbehind-SAM with replay'", "'SAM', 'SAM with replay'"],
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
