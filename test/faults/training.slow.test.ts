/**
 * Trainings that are killed at random moments end as undisturbed ones: runs of the store, lifelong ones, and
 * a trainer with its own checkpoints.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { configHash, type RunConfig, RunStore } from 'lookbehind/runs';
import { loadCheckpoint } from 'lookbehind/train';
import { assertSurvivesKills, scale, startScript, type Victim } from './support';

const DIGITS = { data: { kind: 'digits', trainSize: 200 }, batchSize: 50, epochs: 150 } as const;

const CONFIGS: readonly RunConfig[] = [
  {
    ...DIGITS,
    model: { kind: 'mlp', hidden: [12] },
    optimizer: { kind: 'lookbehindSAM', k: 2, alpha: 'adaptive', momentum: 0.9, learningRate: 0.1 },
  },
  {
    ...DIGITS,
    model: { kind: 'mlp', hidden: [12], batchNorm: true, dropout: 0.2 },
    optimizer: { kind: 'lookahead', k: 3, base: { kind: 'asam', momentum: 0.9 } },
    schedule: 'cosine',
  },
  {
    ...DIGITS,
    model: { kind: 'mlp', hidden: [12] },
    optimizer: { kind: 'multistepASAM', k: 3, base: { kind: 'adamw' } },
    switchBatches: true,
  },
  {
    ...DIGITS,
    epochs: 30,
    model: { kind: 'mlp', hidden: [12] },
    optimizer: { kind: 'sam', learningRate: 0.1 },
    lifelong: { kind: 'rotated', angles: [0, 45, 90], replay: 60 },
  },
];

/** A run of the store, with a checkpoint after each epoch. */
const inStore = (config: RunConfig): Victim => ({
  start: (folder) =>
    startScript(
      `const { executeRun, RunStore } = require('lookbehind/runs');
      const [folder, config] = process.argv.slice(1);
      executeRun(JSON.parse(config), new RunStore(folder), { checkpointSeconds: 0, onProgress: () => process.stdout.write('.') });`,
      [folder, JSON.stringify(config)],
    ),
  outcome(folder) {
    const store = new RunStore(folder);
    const hash = configHash(config);
    const { seconds: _, finishedAt: __, machine: ___, last, best, ...result } = store.readResult(hash)!;
    const history = store.readHistory(hash).map(({ seconds: _, ...record }) => record);
    return {
      result,
      last: last!.epoch,
      best: best?.epoch,
      history,
      ...bytesOf(join(store.runFolder(hash), 'checkpoint')),
    };
  },
});

/** A trainer whose user saves it after each third step or so, in the midst of epochs. */
const byHand: Victim = {
  start: (folder) =>
    startScript(
      `const { lookbehindASAM } = require('lookbehind');
      const { digits } = require('lookbehind/data');
      const models = require('lookbehind/models');
      const { loadCheckpoint, saveCheckpoint, Trainer } = require('lookbehind/train');
      const { mkdirSync, writeFileSync } = require('node:fs');
      const [folder] = process.argv.slice(1);
      mkdirSync(folder, { recursive: true });
      (async () => {
        const { train, test } = digits();
        const model = models.mlp({ inputs: train.inputShape, hidden: [10], classes: 10, seed: 3 });
        const optimizer = lookbehindASAM({ k: 2, learningRate: 0.05, momentum: 0.9 });
        const trainer = new Trainer(model, optimizer, train, { epochs: 12, batchSize: 64, test });
        const state = loadCheckpoint(folder + '/checkpoint');
        if (state) trainer.restore(state);
        for (;;) {
          const stop = new AbortController();
          let steps = 0;
          const status = await trainer.train({ signal: stop.signal, callbacks: { onBatchEnd: () => void (++steps === 3 && stop.abort()) } });
          saveCheckpoint(folder + '/checkpoint', trainer.save());
          process.stdout.write('.');
          if (status === 'finished') break;
        }
        writeFileSync(folder + '/history.json', JSON.stringify(trainer.history.map(({ seconds, ...record }) => record)));
      })();`,
      [folder],
    ),
  outcome: (folder) => ({
    history: JSON.parse(readFileSync(join(folder, 'history.json'), 'utf8')),
    ...bytesOf(join(folder, 'checkpoint')),
  }),
};

function bytesOf(folder: string): object {
  const { weights, optimizer } = loadCheckpoint(folder)!;
  return {
    weights: Buffer.from(weights).toString('base64'),
    optimizer: Buffer.from(optimizer).toString('base64'),
  };
}

test('trainings', (t) => assertSurvivesKills(t, [byHand, ...CONFIGS.map(inStore)], scale(4)));
