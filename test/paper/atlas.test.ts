/** The atlas: complete, what its study describes, and refused where it is damaged. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { DataError, OptionError } from 'lookbehind/errors';
import {
  type AtlasRow,
  type AtlasTrial,
  atlasDuels,
  atlasDuelsAtAnyBudget,
  atlasMap,
  atlasPlaces,
  atlasTrials,
  readAtlas,
  retrain,
  STUDY,
  type StudyPart,
  studyMethods,
} from 'lookbehind/paper';
import { gradientsPerBatch, resolveConfig } from 'lookbehind/runs';
import { drawSettings } from 'lookbehind/statistics';
import { atlasFile, writeAtlas } from '../../lib/dist/paper/atlas';
import { type StudySearch, searchesOf } from '../../lib/dist/paper/study';
import { ROOT, temporaryStore } from '../runs/support';

const rows = readAtlas();

const byError = (a: AtlasTrial, b: AtlasTrial): number => a.error - b.error || a.draw - b.draw;

/** Rows in groups of equal `key`. */
function groups(members: readonly AtlasRow[], key: (row: AtlasRow) => string): Map<string, AtlasRow[]> {
  const found = new Map<string, AtlasRow[]>();
  for (const row of members) found.set(key(row), [...(found.get(key(row)) ?? []), row]);
  return found;
}

test('rows are those of their part: its draws, seeds, budgets and measures', () => {
  assert.ok(rows.length > 100);
  for (const row of rows) {
    const part: StudyPart = STUDY[row.part as keyof typeof STUDY];
    const { ranges, optimizer } = studyMethods(part)[row.method];
    const drawn = drawSettings(ranges, { draws: part.draws });
    assert.deepEqual(row.setting, drawn[row.draw]);
    const config = resolveConfig(row.config);
    assert.deepEqual(
      config.optimizer,
      resolveConfig({ ...row.config, optimizer: optimizer(row.setting) }).optimizer,
    );
    assert.deepEqual(row.seeds, row.stage === 'report' ? part.reportSeeds : part.selectionSeeds);
    assert.equal(config.data.labelNoise, row.labelNoise);
    const there = ({ gradients, labelNoise }: StudySearch) =>
      gradients === row.budget && labelNoise === row.labelNoise;
    assert.ok(searchesOf(part).some(there));
    const cost = config.epochs * gradientsPerBatch(config.optimizer);
    assert.ok(
      cost <= row.budget && cost > row.budget - gradientsPerBatch(config.optimizer),
      'whole epochs within the budget',
    );
    // A run that diverged ends earlier.
    assert.ok(row.gradients <= cost + 1e-6);
    for (const values of Object.values(row.values)) assert.equal(values.length, row.seeds.length);
    const finite = row.values.testError!.every(Number.isFinite);
    if (finite) assert.ok(Math.abs(row.gradients - cost) < 1e-3 * cost);
    if (row.stage === 'report' && finite) {
      assert.deepEqual(Object.keys(row.values).slice(0, 6), [
        'testError',
        'testLoss',
        'trainLoss',
        'sharpness@0.1',
        'sharpness@0.5',
        'sharpness@1',
      ]);
    }
  }
});

test('methods are searched elsewhere, and over another base, where that is asked for', () => {
  const methods = studyMethods({ step: [0.1, 1], radius: [0.02, 0.5], base: { momentum: 0.5 } });
  for (const [name, { ranges, optimizer }] of Object.entries(methods)) {
    assert.deepEqual(ranges.step, { log: [0.1, 1] }, name);
    const scale = name.toLowerCase().includes('asam') ? 5 : 1;
    if (ranges.radius) assert.deepEqual(ranges.radius, { log: [scale * 0.02, scale * 0.5] }, name);
    const made = optimizer({ step: 0.4, radius: 0.3, k: 2, alpha: 0.5 });
    const base = 'base' in made ? made.base : made;
    assert.deepEqual([(base as { momentum?: number }).momentum, 'weightDecay' in base!], [0.5, false], name);
  }
});

test('every search is whole, the same for all methods, and its best draw is reported', () => {
  for (const search of groups(rows, (row) => `${row.part} ${row.budget} ${row.labelNoise}`).values()) {
    const part: StudyPart = STUDY[search[0]!.part as keyof typeof STUDY];
    const methods = groups(search, ({ method }) => method);
    assert.deepEqual([...methods.keys()].sort(), [...part.methods].sort());
    for (const members of methods.values()) {
      const [report, ...others] = members.filter(({ stage }) => stage === 'report');
      assert.equal(others.length, 0);
      const tried = atlasTrials(rows, report!);
      const { finalistsOf } = part.budgets.find(({ gradients }) => gradients === report!.budget)!;
      const before = finalistsOf && atlasTrials(rows, { ...report!, budget: finalistsOf });
      const expected = before
        ? before.sort(byError).slice(0, Math.ceil(before.length / 3))
        : Array.from({ length: part.draws }, (_, draw) => ({ draw }));
      assert.deepEqual(
        tried.map(({ draw }) => draw),
        expected.map(({ draw }) => draw).sort((a, b) => a - b),
      );
      const chosen = tried.find(({ draw }) => draw === report!.draw)!;
      // Of equal ones rounding decides.
      assert.ok(chosen.error - Math.min(...tried.map(({ error }) => error)) < 1e-3);
    }
  }
});

/** Methods that take no side. */
const CONTROLS = ['repeatedSAM', 'straightSAM'];

/** The error on the selection set of the draw that a report has. */
function chosen(report: AtlasRow): number {
  return atlasTrials(rows, report).find(({ draw }) => draw === report.draw)!.error;
}

test('the map pits the two sides that were chosen on the selection set, paired by seed, corrected for all', () => {
  const duels = atlasDuels(rows);
  assert.deepEqual(
    duels.map(({ place }) => place),
    atlasPlaces(rows),
  );
  for (const { place, ours, other, difference } of duels) {
    const rivals = rows.filter(
      (row) =>
        row.stage === 'report' &&
        !CONTROLS.includes(row.method) &&
        [row.part, row.labelNoise, row.budget].join() === [place.part, place.labelNoise, place.budget].join(),
    );
    for (const row of rivals) {
      const best = row.method.startsWith('lookbehind') ? ours : other;
      assert.ok(chosen(best) <= chosen(row) + 1e-3, `${best.method} was chosen, not ${row.method}`);
    }
    assert.ok(rivals.includes(ours) && rivals.includes(other));
    assert.ok(ours.method.startsWith('lookbehind') && !other.method.startsWith('lookbehind'));
    const gaps = ours.seeds.map((seed, i) => {
      assert.equal(other.seeds[i], seed);
      return ours.values.testError![i]! - other.values.testError![i]!;
    });
    assert.ok(Math.abs(difference.estimate - gaps.reduce((a, b) => a + b) / gaps.length) < 1e-9);
    assert.equal(difference.comparisons, duels.length);
  }
  const [{ z }] = atlasMap(duels).data as unknown as [{ z: (number | null)[][] }];
  const decided = duels.filter(({ difference: { low, high } }) => low > 0 || high < 0);
  assert.deepEqual(
    z.flat().filter((value) => value !== null),
    decided.map(({ difference }) => difference.estimate),
  );
});

test('each side is at the budget that it chose, where it may', () => {
  const duels = atlasDuelsAtAnyBudget(rows);
  const data = new Set(rows.map(({ part, labelNoise }) => `${part} ${labelNoise}`));
  assert.equal(duels.length, data.size);
  for (const { place, ours, other, difference } of duels) {
    assert.equal(difference.comparisons, duels.length);
    for (const row of rows) {
      const isThere = row.part === place.part && row.labelNoise === place.labelNoise;
      if (!isThere || row.stage !== 'report' || CONTROLS.includes(row.method)) continue;
      const side = row.method.startsWith('lookbehind') ? ours : other;
      assert.ok(chosen(side) <= chosen(row) + 1e-3, `${side.budget} gradients, not ${row.budget}`);
    }
  }
});

test('its README has each search, with its runs and minutes, and their sums', () => {
  const readme = readFileSync(join(ROOT, 'data', 'atlas', 'README.md'), 'utf8');
  const total = (some: readonly AtlasRow[], of: (row: AtlasRow) => number) =>
    some.reduce((sum, row) => sum + row.seeds.length * of(row), 0);
  for (const part of new Set(rows.map((row) => row.part))) {
    const section = readme.split(/^(?=`)/m).find((one) => one.startsWith(`\`${part}\``))!;
    const written = [...section.matchAll(/^\| (\d+) \| (\d+) % \| (\d+) \| (\d+) min \|/gm)].map((match) =>
      match.slice(1).map(Number),
    );
    const searches = groups(
      rows.filter((row) => row.part === part),
      ({ budget, labelNoise }) => `${budget} ${labelNoise}`,
    );
    const made = [...searches.values()].map((some) => [
      some[0]!.budget,
      100 * some[0]!.labelNoise,
      total(some, () => 1),
      Math.round(total(some, ({ seconds }) => seconds / 60)),
    ]);
    assert.deepEqual(new Set(written.map(String)), new Set(made.map(String)), part);
  }
  const hours = (total(rows, ({ seconds }) => seconds) / 3600).toFixed(1);
  const runs = total(rows, () => 1).toLocaleString('en');
  assert.ok(
    readme.includes(`In all ${runs} runs, ${hours} hours of training.`),
    `${runs} runs, ${hours} hours`,
  );
});

test('a point is trained again by one line, and one that is not there is refused', async (t) => {
  const point = { part: 'digits', method: 'sgd', budget: 15, labelNoise: 0.4, seed: 3 };
  const { seed, now, inAtlas } = await retrain(point, temporaryStore(t));
  const row = rows.find(
    ({ part, method, budget, labelNoise, stage }) =>
      stage === 'report' && `${part} ${method} ${budget} ${labelNoise}` === 'digits sgd 15 0.4',
  )!;
  assert.equal(seed, 3);
  assert.equal(inAtlas, row.values.testError![3]);
  assert.ok(Math.abs(now - inAtlas) < 10, `${now} and ${inAtlas}`);
  for (const wrong of [
    { method: 'lookbehind' },
    { budget: 16 },
    { draw: 999 },
    { seed: 999 },
    { part: 'none' },
  ])
    await assert.rejects(retrain({ ...point, ...wrong }, temporaryStore(t)), OptionError);
});

test('is read as it is written, whatever the order, and refused where it is damaged or missing', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lookbehind-atlas-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'atlas.jsonl');
  const diverged = { ...rows[0]!, values: { testError: [Number.NaN, 1] } };
  writeAtlas([...rows].reverse().slice(0, -1).concat(diverged), path);
  assert.deepEqual(readAtlas(path).slice(1), rows.slice(1));
  assert.deepEqual(readAtlas(path)[0], diverged);
  writeAtlas(rows, path);
  assert.deepEqual(readFileSync(path), readFileSync(atlasFile()));
  const whole = readFileSync(path, 'utf8');
  for (const damaged of [
    '',
    '{}',
    whole.slice(0, -40),
    whole.replace('"testError":[', '"testError":[1'),
    whole.slice(5),
  ]) {
    writeFileSync(path, damaged);
    assert.throws(() => readAtlas(path), DataError);
  }
  assert.throws(() => readAtlas(join(folder, 'none')), /git checkout/);
});
