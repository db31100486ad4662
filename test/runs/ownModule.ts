/** A module of one's own for tests: a data set, a model, a file that it imports and one that it reads. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { SweepGrid } from 'lookbehind/runs';
import { ROOT } from './support';

/** The text of the module. */
export const MODULE = `
import * as tf from '@tensorflow/tfjs';
import { readFileSync } from 'node:fs';
import { Dataset } from 'lookbehind/data';
import { scale } from './scale.mjs';

export const files = ['values.csv'];

const values = readFileSync(new URL('values.csv', import.meta.url), 'utf8').trim().split('\\n').map(Number);
const set = (split, from, noise) => new Dataset({
  name: 'line', split, inputShape: [1],
  inputs: Float32Array.from(values.slice(from, from + 30)),
  labels: values.slice(from, from + 30).map((x) => scale * x + noise),
});

export const data = {
  line: ({ noise = 0 }) => ({ train: set('train', 0, noise), test: set('test', 30, noise) }),
  broken: () => { throw new Error('on purpose'); },
  nothing: () => ({ train: 3 }),
};
export const models = {
  dense: ({ inputs, classes, seed, units = 4 }) => tf.sequential({ layers: [
    tf.layers.dense({ units, inputShape: inputs, kernelInitializer: tf.initializers.glorotNormal({ seed }) }),
    tf.layers.dense({ units: classes, kernelInitializer: tf.initializers.glorotNormal({ seed: seed + 1 }) }),
  ] }),
  nothing: () => undefined,
};
`;

/** A folder with the module, below the project: it finds the library as a user's would. */
export function folderOf(t: TestContext): string {
  mkdirSync(join(ROOT, 'results'), { recursive: true });
  const folder = mkdtempSync(join(ROOT, 'results', 'own-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'mine.mjs'), MODULE);
  writeFileSync(join(folder, 'scale.mjs'), 'export const scale = 2;\n');
  writeFileSync(
    join(folder, 'values.csv'),
    `${Array.from({ length: 60 }, (_, i) => Math.sin(i * i)).join('\n')}\n`,
  );
  return folder;
}

/** Two runs on it. */
export const grid = (module: string): SweepGrid => ({
  data: { kind: 'own', module, name: 'line', options: { noise: [0, 0.5] } },
  model: { kind: 'own', module, name: 'dense', options: { units: 3 } },
  optimizer: { kind: 'sam', learningRate: 0.05, momentum: 0.9, rho: 0.001 },
  loss: 'huberLoss',
  metrics: ['mae'],
  measures: [
    { kind: 'sharpness', radii: [0.01], m: 30 },
    { kind: 'robustness', noise: 'gaussian', levels: [0.1], draws: 3 },
  ],
  epochs: 20,
  batchSize: 10,
});
