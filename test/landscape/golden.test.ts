import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { replayAnalysis } from '../replay/analysis';
import { readGolden } from '../replay/golden';

// `npm run replay` goes through all of them; here one network with everything, and a plain function.
const FILES = [
  'analysis-convnet-lookbehind-asam-k5-adaptive.json',
  'analysis-rosenbrock-lookbehind-sam-k5-a0p5.json',
];
const folder = join(__dirname, '..', 'golden');

for (const name of FILES) {
  test(`golden numbers: ${name}`, async () => {
    const deviations = await replayAnalysis(readGolden(join(folder, name)));
    assert.ok(deviations.passed, `${deviations}`);
  });
}
