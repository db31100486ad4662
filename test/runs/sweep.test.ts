import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { AbortedError, OptionError } from 'lookbehind/errors';
import {
  configHash,
  type Engine,
  InProcessEngine,
  ProcessEngine,
  type RunRow,
  type RunStore,
  type SweepGrid,
  type SweepProgress,
  sweep,
  WorkerDiedError,
} from 'lookbehind/runs';
import { exportRows, flattenRows, toCsv, toFrame } from 'lookbehind/statistics';
import { inRunsLongEnough, ROOT, SMALL, type Trace, temporaryStore, traceOf, wasStopped } from './support';

const GRID: SweepGrid = {
  ...(SMALL as SweepGrid),
  optimizer: [
    { kind: 'sgd', learningRate: 0.1 },
    { kind: 'lookbehindSAM', k: [1, 2] },
  ],
  seeds: 2,
};

const summary = (rows: readonly RunRow[]) => rows.map(({ hash, status }) => `${hash} ${status}`);

describe('a sweep', () => {
  test('gives a row per configuration in order, reports each, and does not repeat what is done', async (t) => {
    const store = temporaryStore(t);
    const seen: RunRow[] = [];
    const progress: SweepProgress[] = [];
    const options = { store, engine: 'inProcess' as const };
    const rows = await sweep(GRID, {
      ...options,
      onRow: (row) => seen.push(row),
      onProgress: (one) => progress.push(one),
    });
    assert.deepEqual(
      rows.map(({ config, status, reused }) => [config.optimizer.kind, config.seed, status, reused]),
      [
        ['sgd', 0, 'finished', false],
        ['sgd', 1, 'finished', false],
        ...[1, 2].flatMap(() => [0, 1].map((seed) => ['lookbehindSAM', seed, 'finished', false])),
      ],
    );
    assert.deepEqual(summary(seen).sort(), summary(rows).sort());
    const last = progress.at(-1)!;
    assert.deepEqual([last.total, last.done, last.failed, last.running, last.share], [6, 6, 0, 0, 1]);
    assert.ok(progress.every(({ share }, i) => i === 0 || share >= progress[i - 1].share - 1e-9));
    assert.ok(progress.some(({ secondsLeft }) => secondsLeft !== undefined && secondsLeft > 0));

    const again = await sweep(
      [GRID, { ...(SMALL as SweepGrid), optimizer: 'sgd', label: 'twice' }, GRID],
      options,
    );
    assert.equal(again.length, 13);
    assert.ok(again.every(({ reused }) => reused));
    assert.equal(again[6].config.label, 'twice');
    assert.deepEqual(again[6].result, rows[0].result);
    assert.equal(store.hashes().length, 6);
  });

  test('in worker processes equals one in this process', async (t) => {
    const [processes, inProcess] = [temporaryStore(t), temporaryStore(t)];
    const grid = { ...GRID, seeds: 1 };
    const rows = await sweep(grid, { store: processes, workers: 2 });
    await sweep(grid, { store: inProcess, engine: 'inProcess' });
    const traces = (store: RunStore): Trace[] => rows.map(({ config }) => traceOf(store, config));
    assert.deepEqual(traces(processes), traces(inProcess));
  });

  test('started twice at once does each run once', async (t) => {
    const store = temporaryStore(t);
    const done: string[] = [];
    const onRow = ({ hash, reused }: RunRow): void => {
      if (!reused) done.push(hash);
    };
    const engine = () => new ProcessEngine({ workers: 1 });
    const engines = [engine(), engine()];
    const [a, b] = await Promise.all(engines.map((one) => sweep(GRID, { store, engine: one, onRow })));
    await Promise.all(engines.map((one) => one.close()));
    assert.deepEqual(summary(a), summary(b));
    assert.ok(a.every(({ status }) => status === 'finished'));
    assert.deepEqual(done.sort(), a.map(({ hash }) => hash).sort());
    for (const hash of store.hashes())
      assert.ok(!readdirSync(store.runFolder(hash)).some((name) => name.startsWith('lock-')));
  });

  test('survives the death of a worker, and gives a run up after the second', async (t) => {
    const store = temporaryStore(t);
    const engine = new ProcessEngine({ workers: 1 });
    t.after(() => engine.close());
    const long: SweepGrid = { ...(SMALL as SweepGrid), epochs: 1_000_000 };
    const killing = (times: number) => {
      const killed = new Set<number>();
      const onProgress = ({ secondsLeft }: SweepProgress): void => {
        const pid = engine.pids.at(-1);
        if (pid === undefined || secondsLeft === undefined || killed.size >= times || killed.has(pid)) return;
        killed.add(pid);
        process.kill(pid, 'SIGKILL');
      };
      return { options: { store, engine, onProgress }, killed };
    };
    await inRunsLongEnough(250, async (epochs) => {
      const { options, killed } = killing(1);
      const [row] = await sweep({ ...long, epochs }, options);
      assert.deepEqual([row.status, row.error], ['finished', null]);
      return killed.size === 1;
    });
    const [row] = await sweep(long, killing(2).options);
    assert.deepEqual([row.status, row.result], ['failed', null]);
    assert.match(row.error!, /The worker process ended with signal SIGKILL/);
  });

  test('goes on where a run fails, and tries it again the next time', async (t) => {
    const store = temporaryStore(t);
    const grids = [
      {
        ...(SMALL as SweepGrid),
        model: { kind: 'resNet' as const, depth: 20 as const },
        data: 'mnist1d' as const,
      },
      GRID,
    ];
    for (let i = 0; i < 2; i++) {
      const rows = await sweep(grids, { store, engine: 'inProcess' });
      assert.match(rows[0].error!, /^OptionError: inputs must be/);
      assert.deepEqual([rows[0].status, rows[0].reused, rows[1].reused], ['failed', false, i === 1]);
    }
  });

  test('stops on request and goes on from there', async (t) => {
    const store = temporaryStore(t);
    await inRunsLongEnough(300, async (epochs) => {
      const config = { ...SMALL, epochs };
      const controller = new AbortController();
      const onProgress = ({ secondsLeft }: SweepProgress): void => {
        if (secondsLeft !== undefined) controller.abort();
      };
      const options = { store, workers: 1, signal: controller.signal, onProgress, checkpointSeconds: 1000 };
      if (!(await wasStopped(sweep(config as SweepGrid, options)))) return false;
      const state = store.readCheckpoint(configHash(config));
      assert.ok(state !== undefined && state.manifest.position.epoch < epochs);
      assert.ok(!existsSync(join(store.runFolder(configHash(config)), 'result.json')));
      const [row] = await sweep(config as SweepGrid, { store, engine: 'inProcess' });
      assert.equal(row.status, 'finished');
      return true;
    });
    await assert.rejects(sweep(GRID, { store, signal: AbortSignal.abort() }), AbortedError);
  });

  test('refuses wrong options and configurations before anything runs', async (t) => {
    const store = temporaryStore(t);
    await assert.rejects(sweep([], { store }), OptionError);
    await assert.rejects(sweep(GRID, { store, workers: 0 }), OptionError);
    await assert.rejects(sweep(GRID, { store, worker: 1 } as object), OptionError);
    await assert.rejects(sweep(GRID, { store, engine: 'cluster' as 'inProcess' }), OptionError);
    await assert.rejects(sweep([GRID, { ...GRID, epochs: [1, -1] }], { store }), OptionError);
    assert.deepEqual(store.hashes(), []);
  });

  test('passes on what a callback throws, after all runs stopped', async (t) => {
    const store = temporaryStore(t);
    const onRow = (): void => {
      throw new Error('from the callback');
    };
    await assert.rejects(sweep(GRID, { store, engine: 'inProcess', onRow }), /from the callback/);
  });
});

test('an engine of ones own is used, and its deaths are retried', async (t) => {
  const store = temporaryStore(t);
  const inner = new InProcessEngine();
  let calls = 0;
  const engine: Engine = {
    slots: 2,
    async run(task, options) {
      if (calls++ === 0) throw new WorkerDiedError('The node went away.');
      return inner.run(task, options);
    },
    close: () => inner.close(),
  };
  const rows = await sweep({ ...GRID, seeds: 1 }, { store, engine });
  assert.equal(calls, 4);
  assert.ok(rows.every(({ status }) => status === 'finished'));
});

test('rows become a DataFrame, CSV and JSON', async (t) => {
  const store = temporaryStore(t);
  const rows = await sweep(
    [GRID, { ...(SMALL as SweepGrid), optimizer: { kind: 'sgd', learningRate: 1e30 }, label: 'too, fast' }],
    { store, engine: 'inProcess' },
  );
  const flat = flattenRows(rows);
  const frame = await toFrame(rows);
  assert.deepEqual(frame.shape, [7, Object.keys(flat[0]).length]);
  const kinds = frame.column('optimizer').values;
  assert.deepEqual(kinds, ['sgd', 'sgd', ...Array(4).fill('lookbehindSAM'), 'sgd']);
  assert.equal(flat[0].testError, 100 * (1 - rows[0].result!.last!.testAccuracy!));
  assert.equal(flat[0]['optimizer.k'], null);
  assert.ok(Number.isNaN(flat[6].testError));

  const [head, ...lines] = toCsv(flat).trimEnd().split('\n');
  assert.equal(lines.length, 7);
  assert.ok(head.startsWith('label,hash,status,seed,data,'));
  assert.ok(lines[6].startsWith('"too, fast",'));
  const file = join(store.folder, 'rows.json');
  exportRows(file, rows);
  assert.deepEqual(JSON.parse(readFileSync(file, 'utf8'))[2], flat[2]);
  assert.throws(() => exportRows(join(store.folder, 'rows.txt'), rows), OptionError);
});

test('the command runs a file, keeps the results, and stops on Ctrl-C', async (t) => {
  const store = temporaryStore(t);
  const file = join(store.folder, '..', `sweep-${process.pid}.json`);
  t.after(() => rmSync(file, { force: true }));
  const run = async (grid: object, ...args: string[]) => {
    writeFileSync(file, JSON.stringify(grid));
    const command = [
      join(ROOT, 'lib/dist/cli/sweep.js'),
      '--config',
      file,
      '--store',
      store.folder,
      '--workers',
      '1',
      ...args,
    ];
    const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'pipe'] });
    let [output, errors] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text;
    });
    return { child, ended: once(child, 'close').then(([code]) => ({ code, output, errors })) };
  };

  const out = join(store.folder, 'rows.csv');
  const { code, output } = await (await run({ ...GRID, seeds: 1 }, '--out', out)).ended;
  assert.equal(code, 0);
  assert.match(output, /3 runs, 0 of them from before, 0 failed/);
  assert.equal(readFileSync(out, 'utf8').trimEnd().split('\n').length, 4);

  const long = { ...SMALL, epochs: 1_000_000 };
  const { child, ended } = await run(long);
  const checkpoint = join(store.runFolder(configHash(long)), 'checkpoint');
  while (!existsSync(join(store.runFolder(configHash(long)), 'history.csv')))
    await new Promise((resolve) => setTimeout(resolve, 20));
  child.kill('SIGINT');
  const stopped = await ended;
  assert.equal(stopped.code, 130, stopped.errors);
  assert.ok(readdirSync(checkpoint).length > 0);

  const wrong = await (await run({ ...SMALL, epochs: 0 })).ended;
  assert.equal(wrong.code, 1);
  assert.ok(wrong.errors.endsWith('epochs must be a whole number >= 1, got 0.\n'), wrong.errors);
});
