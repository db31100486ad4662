/** Some runs of each part of the atlas, trained anew: other ones each time. About half a minute. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { type AtlasRow, readAtlas } from 'lookbehind/paper';
import { ProcessEngine, type RunConfig, sweep } from 'lookbehind/runs';
import { flattenRow, meanInterval } from 'lookbehind/statistics';
import { Random } from '../../lib/dist/core/random';
import { temporaryStore } from '../runs/support';

/** Rows of a part that are trained, of its cheapest share. */
const COUNT = 3;
const CHEAP = 0.3;

const folderOf = ({ config }: AtlasRow): string | undefined => (config.data as { folder?: string }).folder;

test('rows of the atlas are made again by their configurations', async (t) => {
  const seed = Number(process.env.LB_TEST_SEED ?? Date.now() % 100_000);
  t.diagnostic(`LB_TEST_SEED=${seed} chooses the same rows`);
  const rows = readAtlas().sort((a, b) => a.seconds - b.seconds);
  const random = new Random(seed);
  const parts = [...new Set(rows.map(({ part }) => part))].sort();
  const chosen = parts.flatMap((part) => {
    // Data that do not ship may be missing here.
    const here = rows.filter((row) => row.part === part && (!folderOf(row) || existsSync(folderOf(row)!)));
    t.diagnostic(`${part}: ${here.length > 0 ? 'trained' : 'its data are not on this machine'}`);
    return random.shuffle(here.slice(0, CHEAP * here.length)).slice(0, COUNT);
  });
  const engine = new ProcessEngine({ workers: 2, threads: 1 });
  t.after(() => engine.close());
  const places = chosen.map(({ seeds }) => random.int(seeds.length));
  const grids = chosen.map(({ config, seeds }, i): RunConfig => ({ ...config, seed: seeds[places[i]!] }));
  const found = await sweep(grids as Parameters<typeof sweep>[0], { store: temporaryStore(t), engine });
  const pairs = found.map((row, i) => {
    const errors = chosen[i]!.values.testError!;
    const before = errors[places[i]!]!;
    const now = flattenRow(row).testError as number;
    const { error, count } = meanInterval(errors.filter(Number.isFinite));
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
