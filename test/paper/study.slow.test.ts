/** The study that makes the atlas, on runs of a fraction of a second: fair, resumable, and strict. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { OptionError } from 'lookbehind/errors';
import { type AtlasRow, readAtlas, type StudyPart, studyMethods } from 'lookbehind/paper';
import { InProcessEngine, sweep } from 'lookbehind/runs';
import { edgeOf } from 'lookbehind/statistics';
import { atlasFile } from '../../lib/dist/paper/atlas';
import { makeStudy } from '../../lib/dist/paper/study';
import { ROOT, temporaryStore } from '../runs/support';

const PART: StudyPart = {
  title: 'Digits, MLP',
  data: { kind: 'digits', trainSize: 100 },
  reportOn: 'test',
  model: { kind: 'mlp', hidden: [8] },
  labelNoise: [0, 0.4],
  budgets: [{ gradients: 6 }, { gradients: 12, finalistsOf: 6 }],
  methods: ['sgd', 'sam', 'lookbehindSAM'],
  radius: [0.02, 0.5],
  draws: 4,
  selectionSeeds: [100, 101],
  reportSeeds: [0, 1],
  measures: [{ kind: 'sharpness', radii: [0.1] }],
  guessing: 90,
};
/** Runs of a search, and of one of its finalists, which are 2 of 4 draws. */
const [SEARCHED, FINALS] = [3 * (4 * 2 + 2), 3 * (2 * 2 + 2)];

/** Makes the part, with a store of its own unless one is given. */
async function make(t: TestContext, part = PART, store = temporaryStore(t)) {
  const path = join(store.folder, 'atlas.jsonl');
  const trained: number[] = [];
  const engine = new InProcessEngine();
  const rows = await makeStudy({
    name: 'small',
    part,
    path,
    async train(grids) {
      const found = await sweep(grids, { store, engine });
      trained.push(found.filter(({ reused }) => !reused).length);
      return found;
    },
  });
  return { rows, path, trained: trained.reduce((sum, count) => sum + count, 0) };
}

/** All of a row but for the time it took. */
const untimed = (rows: readonly AtlasRow[]) => rows.map(({ seconds: _, ...row }) => row);

test('all methods get the same draws, the reported one is on an edge where it says so, and rows are kept', async (t) => {
  const { rows, path, trained } = await make(t);
  assert.equal(trained, 2 * (SEARCHED + FINALS));
  const place = ({ part, budget, labelNoise, method, stage, draw }: AtlasRow) =>
    [part, budget, labelNoise, method, stage, draw].join();
  const inOrder = (all: readonly AtlasRow[]) => [...all].sort((a, b) => (place(a) < place(b) ? -1 : 1));
  assert.deepEqual(inOrder(readAtlas(path)), inOrder(rows));
  const methods = studyMethods(PART);
  for (const labelNoise of PART.labelNoise) {
    const tried = rows.filter(
      (row) => row.stage === 'selection' && row.labelNoise === labelNoise && row.budget === 6,
    );
    for (const draw of [0, 1, 2, 3]) {
      const alike = tried.filter((row) => row.draw === draw);
      assert.deepEqual(alike.map(({ method }) => method).sort(), [...PART.methods].sort());
      assert.equal(new Set(alike.map(({ setting }) => setting.step)).size, 1, 'the same steps');
      assert.equal(new Set(alike.flatMap(({ setting }) => setting.radius ?? [])).size, 1, 'the same radii');
      for (const { seeds } of alike) assert.deepEqual(seeds, PART.selectionSeeds);
    }
  }
  for (const { stage, method, budget, setting, edges, seeds, draw, labelNoise } of rows) {
    if (stage === 'selection') continue;
    assert.deepEqual(seeds, PART.reportSeeds);
    const found = Object.entries(setting).flatMap(([name, value]) => {
      const edge = edgeOf(methods[method].ranges[name]!, value);
      return edge === null ? [] : [[name, edge]];
    });
    assert.deepEqual(edges, Object.fromEntries(found));
    const errorsAt = (gradients: number): Map<number, number> =>
      new Map(
        rows
          .filter(
            (row) =>
              row.stage === 'selection' &&
              [row.budget, row.method, row.labelNoise].join() === [gradients, method, labelNoise].join(),
          )
          .map((row) => [row.draw, row.values.testError!.reduce((sum, error) => sum + error)]),
      );
    const [here, before] = [errorsAt(budget), errorsAt(6)];
    assert.ok(here.get(draw)! - Math.min(...here.values()) < 1e-3, 'the best of those that were tried');
    assert.equal(here.size, budget === 6 ? 4 : 2);
    const dropped = [...before.keys()].filter((number) => !here.has(number));
    for (const number of dropped)
      for (const finalist of here.keys()) assert.ok(before.get(number)! >= before.get(finalist)!);
  }
});

test('a study that is killed goes on, and has the rows of one that was not', async (t) => {
  const whole = await make(t);
  const store = temporaryStore(t);
  const path = join(store.folder, 'atlas.jsonl');
  copyFileSync(atlasFile(), path);
  const others = readAtlas(path);
  // In a process that kills itself: within the first search, then within the second.
  const script = `
    const { InProcessEngine, RunStore, sweep } = require('lookbehind/runs');
    const { makeStudy } = require('./lib/dist/paper/study');
    const [folder, path, part, limit] = process.argv.slice(1);
    const [store, engine] = [new RunStore(folder), new InProcessEngine()];
    let left = Number(limit);
    const train = async (grids) => {
      const found = [];
      for (const grid of grids) {
        found.push(...await sweep([grid], { store, engine }));
        if (--left === 0) process.kill(process.pid, 'SIGKILL');
      }
      return found;
    };
    makeStudy({ name: 'small', part: JSON.parse(part), path, train });`;
  for (const [limit, rows] of [
    [5, 0],
    [3 * 4 + 3 + 4, 3 * 4 + 3],
  ] as const) {
    const child = spawn(
      process.execPath,
      ['-e', script, store.folder, path, JSON.stringify(PART), `${limit}`],
      {
        cwd: ROOT,
        stdio: ['ignore', 'inherit', 'inherit'],
      },
    );
    assert.deepEqual(await once(child, 'exit'), [null, 'SIGKILL']);
    assert.equal(readAtlas(path).length, others.length + rows, 'whole searches');
  }
  const { rows, trained } = await make(t, PART, store);
  assert.ok(trained > 0 && trained < 2 * (SEARCHED + FINALS) - 30, `${trained} runs were left`);
  assert.deepEqual(untimed(rows), untimed(whole.rows));
  assert.deepEqual(
    readAtlas(path).filter(({ part }) => part !== 'small'),
    others,
    'rows of other parts stay',
  );
});

test('a part that is described wrongly, or asked for by a wrong name, is refused before anything is trained', async (t) => {
  for (const wrong of [
    { budgets: [{ gradients: 12, finalistsOf: 6 }, { gradients: 6 }] },
    {
      budgets: [
        { gradients: 6, labelNoise: [0] },
        { gradients: 12, finalistsOf: 6 },
      ],
    },
    { reportSeeds: [101] },
    { draws: 0 },
    { radius: [0, 1] },
  ] as const)
    await assert.rejects(make(t, { ...PART, ...wrong }), OptionError);
  for (const [args, said] of [
    [['none'], /PART.*digits/s],
    [[], /PART/],
    [['digits', '--engine', 'slurm'], /slurm/],
  ] as const) {
    const ended = spawnSync(process.execPath, ['lib/dist/paper/studyCli.js', ...args], { cwd: ROOT });
    assert.notEqual(ended.status, 0);
    assert.match(String(ended.stderr), said);
  }
  const point = 'digits --again sgd --budget 15 --labelNoise 0.4 --draw 2'.split(' ');
  const again = spawnSync(
    process.execPath,
    ['lib/dist/paper/studyCli.js', ...point, '--store', temporaryStore(t).folder],
    { cwd: ROOT },
  );
  assert.match(String(again.stdout), /^seed 100: [\d.]+ % wrong answers here, [\d.]+ % in the atlas/);
  const atlas = join(temporaryStore(t).folder, 'none.jsonl');
  const planned = spawnSync(
    process.execPath,
    ['lib/dist/paper/studyCli.js', 'digits', '--dry-run', '--out', atlas],
    { cwd: ROOT },
  );
  assert.match(String(planned.stdout), /^digits: [\d,]+ runs/);
  assert.ok(!existsSync(atlas));
});
