/**
 * Kills a run at random moments, again and again, and compares what it ends with to an uninterrupted run: `npm run test:kill`.
 *
 * The moments are drawn by a seed, given as the first argument (default 0); the second is how many (default 50).
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Random, type RunConfig, RunStore } from 'lookbehind';
import { executeKilled, SMALL, traceOf } from './support';

/** The longest wait between a run's first step and its end by force, in milliseconds. */
const LONGEST_DELAY = 400;
const KILLS_PER_RUN = 5;

const CONFIGS: readonly RunConfig[] = [
  { ...SMALL, epochs: 300 },
  {
    ...SMALL,
    model: { kind: 'mlp', hidden: [12], batchNorm: true, dropout: 0.2 },
    optimizer: { kind: 'lookahead', k: 3, base: { kind: 'asam', momentum: 0.9 } },
    epochs: 300,
    schedule: 'cosine',
  },
];

async function main(): Promise<void> {
  const [seed = 0, wanted = 50] = process.argv.slice(2).map(Number);
  const random = new Random(seed, 'kill');
  const folder = mkdtempSync(join(tmpdir(), 'lookbehind-kill-'));
  try {
    let kills = 0;
    for (let run = 0; kills < wanted; run++) {
      const config = { ...CONFIGS[run % CONFIGS.length], seed: run };
      const [whole, parts] = ['whole', 'parts'].map((name) => new RunStore(join(folder, name)));
      await executeKilled(whole, config, []);
      const delays = Array.from({ length: Math.min(KILLS_PER_RUN, wanted - kills) }, () => random.uniform() * LONGEST_DELAY);
      kills += await executeKilled(parts, config, delays);
      assert.deepEqual(traceOf(parts, config), traceOf(whole, config));
      console.log(`run ${run}: ends as the uninterrupted one; ${kills} of ${wanted} kills`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

main().catch((error: Error) => {
  console.error(error);
  process.exitCode = 1;
});
