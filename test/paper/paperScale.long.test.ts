/**
 * Everything that a run at paper scale goes through, on 512 images in CIFAR's format: a ResNet-20 trains, is
 * killed, goes on, is swept here and on Ray, gets its noise curve and its loss landscape. All by the commands
 * and settings of the paper; only sizes are others.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type * as figures from 'lookbehind/figures';
import { flatWeights, lossSurface, Plane, randomDirection, surfaceGrid } from 'lookbehind/landscape';
import { PAPER, type PaperSizes, paperGrids, paperRuns } from 'lookbehind/paper';
import { configHash, openRun, ProcessEngine, RunStore, sweep } from 'lookbehind/runs';
import { evaluate } from 'lookbehind/train';
import { ROOT, traceOf } from '../runs/support';
import { startReproduce, writeCifar10 } from './support';

const scratch = mkdtempSync(join(tmpdir(), 'lookbehind-paper-'));
after(() => rmSync(scratch, { recursive: true, force: true, maxRetries: 5 }));

const IMAGES = 512;
const SIZES: PaperSizes = {
  data: 'cifar10',
  folder: join(scratch, 'images'),
  samples: IMAGES,
  models: { kind: 'resNet', depth: 20, width: 4 },
  methods: ['sam', 'lookbehindSAM'],
  k: 2,
  alpha: 0.5,
  epochs: 4,
  seeds: 1,
  draws: 3,
};
const RUNS = paperRuns('noise', SIZES);
const FILE = join(scratch, 'sizes.json');
const reproduce = (table: string, store: RunStore, ...more: string[]) =>
  startReproduce('--table', table, '--sizes', FILE, '--store', store.folder, ...more);

/** What a finished run must have in common with another execution of it. */
function outcomeOf(store: RunStore, run: (typeof RUNS)[number]): object {
  const result = store.readResult(configHash(run));
  assert.ok(result !== undefined, `${run.label} is done`);
  const { status, gradientEvaluations, parameters, measures } = result;
  return { ...traceOf(store, run), status, gradientEvaluations, parameters, measures };
}

describe('a ResNet-20 at paper scale, but for its sizes', () => {
  const [undisturbed, killed, onRay] = ['undisturbed', 'killed', 'ray'].map(
    (name) => new RunStore(join(scratch, name)),
  );
  const out = join(scratch, 'out');

  before(async () => {
    writeCifar10(SIZES.folder!, { train: IMAGES, test: 100 });
    writeFileSync(FILE, JSON.stringify(SIZES));
    const engine = new ProcessEngine({ workers: 2, threads: 1 });
    const rows = await sweep(paperGrids('noise', SIZES), { store: undisturbed, engine });
    await engine.close();
    assert.deepEqual(
      rows.map(({ status, config }) => [config.label, status]),
      [
        ['SAM', 'finished'],
        ['Lookbehind-SAM, k = 2, α = 0.5', 'finished'],
      ],
    );
    const [first, last] = [undisturbed.readHistory(rows[0].hash)[0], rows[0].result!.last!];
    assert.ok(
      last.trainLoss < first.trainLoss,
      `the network learns: ${first.trainLoss} to ${last.trainLoss}`,
    );
  });

  test('is announced with its cost', async () => {
    const { code, text } = await reproduce('noise', killed, '--dry-run').ended;
    assert.equal(code, 0, text);
    assert.match(text, /Measuring a step: ResNet-20, width 4 on CIFAR-10, 512 images, batches of 128/);
    assert.match(text, /SAM +1 +2 +32 /); // 4 epochs of 4 batches
    assert.match(text, /Lookbehind-SAM +1 +3 +48 /);
    assert.match(text, /2 runs\. All take 80 gradients of one batch, [\d.]+ (s|min \d+ s) on this machine/);
    assert.deepEqual(killed.hashes(), []);
  });

  test('is killed in the middle, goes on, and ends as if nothing had happened', async () => {
    const { child, ended } = reproduce('noise', killed, '--out', out);
    const saved = (): number[] =>
      killed.hashes().map((hash) => killed.readCheckpoint(hash)?.manifest.position.epoch ?? 0);
    while (!saved().some((epoch) => epoch > 0) && child.exitCode === null)
      await new Promise((wait) => setTimeout(wait, 20));
    process.kill(-child.pid!, 'SIGKILL');
    const { text } = await ended;
    const left = RUNS.filter((run) => killed.readResult(configHash(run)) === undefined);
    assert.ok(left.length > 0, text);
    assert.ok(saved().some((epoch) => epoch > 0 && epoch < SIZES.epochs!));

    const again = await reproduce('noise', killed, '--out', out).ended;
    assert.equal(again.code, 0, again.text);
    for (const run of RUNS) assert.deepEqual(outcomeOf(killed, run), outcomeOf(undisturbed, run));
  });

  test('has its noise curve in a table and a figure', () => {
    const name = 'noise-cifar-10-512-images-resnet-20-width-4';
    for (const ending of ['png', 'html', 'json'])
      assert.ok(existsSync(join(out, `${name}.${ending}`)), ending);
    const { data } = JSON.parse(readFileSync(join(out, `${name}.json`), 'utf8')) as figures.Figure;
    const lines = data.filter((trace) => trace.name === 'SAM' && String(trace.mode).startsWith('lines'));
    const [sam] = RUNS;
    const { measures, last } = undisturbed.readResult(configHash(sam))!;
    for (const [line, measure] of [
      [lines[0], 'noisyAccuracy'],
      [lines[1], 'noisyAccuracy.estimate'],
    ] as const) {
      const expected = PAPER.noise.sigmas.map((sigma) => 100 * measures[`${measure}@${sigma}`]);
      assert.deepEqual(line.x, [...PAPER.noise.sigmas]);
      (line.y as number[]).forEach((accuracy, i) => {
        assert.ok(Math.abs(accuracy - expected[i]) < 1e-4, `${measure} at ${PAPER.noise.sigmas[i]}`);
      });
    }
    assert.ok(Math.abs(measures['noisyAccuracy@0'] - last!.testAccuracy!) < 1e-6);
    const csv = readFileSync(join(out, 'noise.csv'), 'utf8').split('\n');
    assert.equal(csv.filter((line) => /SAM/.test(line)).length, 4);
    assert.match(readFileSync(join(out, 'noise.md'), 'utf8'), /\| Lookbehind-SAM, k = 2, α = 0\.5 \|/);
  });

  test('shares its runs with another table', async () => {
    const { code, text } = await reproduce('generalization', killed, '--out', join(scratch, 'out2')).ended;
    assert.equal(code, 0, text);
    assert.match(text, /2 runs, 2 of them from before\. All are done\./);
    assert.ok(existsSync(join(scratch, 'out2', 'generalization-cifar-10-512-images-resnet-20-width-4.png')));
  });

  test('ends on Ray as it does here', async () => {
    const setup = spawnSync(process.execPath, ['scripts/setup.mjs', '--ray'], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    assert.equal(setup.status, 0, `${setup.stdout}${setup.stderr}`);
    const { code, text } = await reproduce('noise', onRay, '--engine', 'ray', '--out', join(scratch, 'out3'))
      .ended;
    assert.equal(code, 0, text);
    assert.match(text, /Ray: 1 machine, \d+ processors/);
    for (const run of RUNS) assert.deepEqual(outcomeOf(onRay, run), outcomeOf(undisturbed, run));
    assert.equal(
      readFileSync(join(scratch, 'out3', 'noise.csv'), 'utf8'),
      readFileSync(join(out, 'noise.csv'), 'utf8'),
    );
  });

  test('has a loss landscape around it', async () => {
    const run = await openRun(RUNS[1], killed);
    const { model, data } = run;
    try {
      const [x, y] = [1, 2].map((seed) => randomDirection(model, { seed }));
      const axis = { from: -0.5, to: 0.5, points: 9 };
      const surface = await lossSurface(model, data.train, {
        plane: new Plane(flatWeights(model), x, y),
        x: axis,
        y: axis,
      });
      const { z } = surfaceGrid(surface);
      assert.deepEqual([z.length, z[0].length], [9, 9]);
      assert.ok(z.flat().every(Number.isFinite));
      const { loss } = await evaluate(model, data.train);
      assert.ok(
        Math.abs(z[4][4] - loss) < 1e-4 * loss,
        `${z[4][4]} in the middle, where the loss is ${loss}`,
      );
      assert.ok(Math.min(...z.flat()) >= 0.9 * loss && Math.max(...z.flat()) > loss);
    } finally {
      run.dispose();
    }
  });
});
