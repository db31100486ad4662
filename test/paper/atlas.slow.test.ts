/** Some runs of the atlas, trained anew: other ones each time. About twenty seconds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readAtlas } from 'lookbehind/paper';
import { ProcessEngine, type RunConfig, sweep } from 'lookbehind/runs';
import { flattenRow, meanInterval } from 'lookbehind/statistics';
import { Random } from '../../lib/dist/core/random';
import { temporaryStore } from '../runs/support';

/** Seconds of training that a row may have taken, and rows that are trained. */
const CHEAP = 1.5;
const COUNT = 10;

test('rows of the atlas are made again by their configurations', async (t) => {
  const seed = Number(process.env.LB_TEST_SEED ?? Date.now() % 100_000);
  t.diagnostic(`LB_TEST_SEED=${seed} chooses the same rows`);
  const cheap = readAtlas().filter(({ seconds, part }) => seconds < CHEAP && part.startsWith('mnist1d'));
  const random = new Random(seed);
  const chosen = random.shuffle(cheap).slice(0, COUNT);
  const engine = new ProcessEngine({ workers: 2, threads: 1 });
  t.after(() => engine.close());
  const places = chosen.map(({ seeds }) => random.int(seeds.length));
  const grids = chosen.map(({ config, seeds }, i): RunConfig => ({ ...config, seed: seeds[places[i]!] }));
  const found = await sweep(grids as Parameters<typeof sweep>[0], { store: temporaryStore(t), engine });
  const pairs = found.map((row, i) => {
    const { values } = chosen[i]!;
    const before = values.testError![places[i]!]!;
    const now = flattenRow(row).testError as number;
    const { error, count } = meanInterval(values.testError!.filter(Number.isFinite));
    const spread = Number.isFinite(error) ? error * Math.sqrt(count) : 0;
    return {
      what: `${row.hash}, seed ${row.config.seed}: ${now} % wrong, in the atlas ${before} %`,
      before,
      now,
      spread,
    };
  });
  // On a machine of the same kind the numbers are the same, so that one that is not tells of changed code.
  // The processor's name does not say which kind it is. Elsewhere rounding differs, and training amplifies
  // it.
  const equal = pairs.filter(
    ({ before, now }) => Object.is(now, before) || Math.abs(now - before) < 1e-3,
  ).length;
  t.diagnostic(`${equal} of ${pairs.length} are equal`);
  const isSameKind = equal > pairs.length / 2;
  for (const { what, before, now, spread } of pairs) {
    if (Number.isNaN(before) || Number.isNaN(now)) assert.ok(!isSameKind || Object.is(now, before), what);
    else assert.ok(Math.abs(now - before) < (isSameKind ? 0.3 : 3 + 6 * spread), what);
  }
});
