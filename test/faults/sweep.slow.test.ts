/**
 * Sweeps whose processes are killed at random moments, the one that was started or a worker, end as
 * undisturbed ones.
 */
import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Random } from 'lookbehind/extend';
import { assertSurvivesKills, childrenOf, scale, startScript, type Victim } from './support';

const GRID = {
  data: { kind: 'digits', trainSize: 200 },
  model: { kind: 'mlp', hidden: [12] },
  optimizer: [
    { kind: 'sgd', momentum: 0.9 },
    { kind: 'lookbehindSAM', k: 2, rho: [0.05, 0.1] },
  ],
  epochs: 60,
  batchSize: 50,
  seeds: 2,
  measures: [{ kind: 'noisyAccuracy', sigmas: [0.2], draws: 3 }],
};

const victim: Victim = {
  start: (folder) =>
    startScript(
      `const { sweep } = require('lookbehind/runs');
      const { flattenRows, toCsv } = require('lookbehind/statistics');
      const { writeFileSync } = require('node:fs');
      const [folder, grid] = process.argv.slice(1);
      (async () => {
        const onProgress = ({ share }) => share > 0 && process.stdout.write('.');
        const rows = await sweep(JSON.parse(grid), { store: folder, workers: 2, checkpointSeconds: 0, onProgress });
        writeFileSync(folder + '/rows.json', JSON.stringify(flattenRows(rows)));
      })();`,
      [folder, JSON.stringify(GRID)],
    ),
  outcome: (folder) =>
    (JSON.parse(readFileSync(join(folder, 'rows.json'), 'utf8')) as Record<string, unknown>[]).map(
      ({ seconds: _, ...row }) => row,
    ),
  target(child: ChildProcess, random: Random) {
    const workers = childrenOf(child.pid!);
    const all = [child.pid!, ...workers];
    return all[random.int(all.length)];
  },
};

test('sweeps', (t) => assertSurvivesKills(t, [victim], scale(2)));
