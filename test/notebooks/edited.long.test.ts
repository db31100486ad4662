/** Every notebook runs to its end after k, alpha, rho or seeds were edited in its configuration cell. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Edit, runEdited } from './edited';

/** Settings of the smoke profile are edited where a setting has one for each profile. */
const EDITS: Record<string, Edit[]> = {
  '00': [
    ['const k = 5', 'const k = 3'],
    ['const alpha = 0.5', 'const alpha = 0.8'],
    ['const rho = 0.05', 'const rho = 0.1'],
    ['const seeds = { smoke: 2', 'const seeds = { smoke: 3'],
  ],
  '02': [
    ["const k = PROFILE === 'smoke' ? 2 : 5", 'const k = 3'],
    ['const alpha = 0.5', 'const alpha = 0.8'],
    ["within(0.15, 0.75, 'mean')", "within(0.1, 0.5, 'mean')"],
    ['const seeds = { smoke: 2', 'const seeds = { smoke: 3'],
  ],
  '03': [
    ['const ks = { smoke: [1, 2]', 'const ks = { smoke: [1, 3]'],
    ['const alpha = 0.5', 'const alpha = 0.8'],
    ['const rho = 0.05', 'const rho = 0.1'],
    ['const seeds = { smoke: 2', 'const seeds = { smoke: 3'],
  ],
  '04': [
    ['const ks = { smoke: [2]', 'const ks = { smoke: [3]'],
    ['const alpha = 0.5', 'const alpha = 0.8'],
    ['smoke: [0.05, 0.1]', 'smoke: [0.1, 0.2]'],
    ['const pairedSeeds = { smoke: 2', 'const pairedSeeds = { smoke: 3'],
  ],
  '05': [
    ['const k = 5', 'const k = 3'],
    ['rates = { smoke: [0.1, 0.3]', 'rates = { smoke: [0.05, 0.2]'],
    ['const seeds = { smoke: 2', 'const seeds = { smoke: 3'],
  ],
  '06': [['const alpha = 0.5', 'const alpha = 0.8']],
  '07': [
    ['const k = 2', 'const k = 3'],
    ['const seeds = { smoke: 1', 'const seeds = { smoke: 2'],
  ],
  '08': [
    ['radius: [0.02, 0.5]', 'radius: [0.1, 0.2]'],
    ['const seeds = { smoke: 1', 'const seeds = { smoke: 2'],
  ],
  '09': [
    ["const k = PROFILE === 'smoke' ? 2 : 5", 'const k = 3'],
    ['const reach = 0.2', 'const reach = 0.1'],
  ],
};

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

  for (const [number, edits] of Object.entries(EDITS))
    test(`${number} runs to its end`, async () => void (await runEdited(number, edits)));
});
