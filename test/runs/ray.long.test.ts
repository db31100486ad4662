/**
 * Sweeps on a Ray cluster of several nodes on this machine: what is killed, and what becomes of the sweep.
 * Ray is installed where it is missing; the tests are skipped only where that cannot be done.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, type TestContext, test } from 'node:test';
import { OptionError } from 'lookbehind/errors';
import {
  configHash,
  ProcessEngine,
  RayEngine,
  RayError,
  type RunRow,
  type RunStore,
  type SweepGrid,
  type SweepProgress,
  sweep,
} from 'lookbehind/runs';
import { folderOf, grid } from './ownModule';
import { inRunsLongEnough, ROOT, SMALL, temporaryStore, traceOf, wasStopped } from './support';

const PYTHON = join(ROOT, '.venv', 'bin', 'python');
const CLI = join(ROOT, 'lib', 'dist', 'cli', 'sweep.js');
// Nodes, and the drivers that join them, use the loopback address.
Object.assign(process.env, {
  RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER: '0',
  RAY_USAGE_STATS_ENABLED: '0',
  RAY_enable_metrics_collection: '0',
});

const GRID = SMALL as SweepGrid;
/** Epochs of runs in which there is time to kill something, on most machines: a second or more. */
const EPOCHS = 400;

const setup = spawnSync(process.execPath, ['scripts/setup.mjs', '--ray'], { cwd: ROOT, encoding: 'utf8' });
const output = `${setup.stdout}${setup.stderr}`;
if (setup.status !== 0 && !/could not install ray/.test(output)) throw new Error(output);
const skip =
  setup.status === 0
    ? false
    : `Ray cannot be installed: ${output.split('\n').find((line) => /What to do/.test(line))}`;

/**
 * The cluster that all tests share: node 1 does not live to see the second, node 0 says that it has a GPU.
 */
class TestCluster {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  address = '';

  constructor() {
    this.#child = spawn(PYTHON, ['-I', join(__dirname, 'ray_cluster.py'), '2'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#answers = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }

  async start(): Promise<void> {
    this.address = (await this.#answer<{ address: string }>()).address;
  }

  /** Ends a node as a power cut does. Returns the names of the processes that it had. */
  async kill(node: number): Promise<string[]> {
    this.#child.stdin?.write(`kill ${node}\n`);
    return (await this.#answer<{ killed: string[] }>()).killed;
  }

  async end(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.stdin?.end();
    await ended;
  }

  async #answer<T>(): Promise<T> {
    for (;;) {
      const { value, done } = await this.#answers.next();
      if (done) throw new Error('The cluster did not start, or ended.');
      if (value.startsWith('{')) return JSON.parse(value) as T;
    }
  }
}

/** Process ids of those that hold locks in `store`. */
function holders(store: RunStore): number[] {
  return store.hashes().flatMap((hash) =>
    readdirSync(store.runFolder(hash))
      .filter((name) => /^lock-.*\.json$/.test(name))
      .flatMap((name) => {
        try {
          const holder = readFileSync(join(store.runFolder(hash), name), 'utf8');
          return [(JSON.parse(holder) as { pid: number }).pid];
        } catch {
          return []; // released meanwhile
        }
      }),
  );
}

/** Checks that the runs of `rows` ended as in worker processes of this machine. */
async function assertEqualsLocal(
  t: TestContext,
  rows: readonly RunRow[],
  store: RunStore,
  grid: SweepGrid,
): Promise<void> {
  const local = temporaryStore(t);
  const engine = new ProcessEngine({ workers: 2, threads: 1 });
  const reference = await sweep(grid, { store: local, engine });
  await engine.close();
  assert.deepEqual(
    rows.map(({ hash, status }) => `${hash} ${status}`),
    reference.map(({ hash, status }) => `${hash} ${status}`),
  );
  for (const { config } of rows) assert.deepEqual(traceOf(store, config), traceOf(local, config));
  assert.deepEqual(holders(store), []);
}

describe('a sweep on a Ray cluster', { skip }, () => {
  let cluster: TestCluster;

  before(async () => {
    cluster = new TestCluster();
    await cluster.start();
  });

  after(() => cluster.end());

  test('survives the death of a worker and of a whole node, and equals the local one', async (t) => {
    const engine = new RayEngine({ address: cluster.address });
    t.after(() => engine.close());
    assert.deepEqual(await engine.connect(), { nodes: 3, cpus: 2, gpus: 1, fits: 2 });
    await inRunsLongEnough(EPOCHS, async (epochs) => {
      const store = temporaryStore(t);
      let worker: number | undefined;
      let node: Promise<string[]> | undefined;
      const onProgress = ({ share, running }: SweepProgress): void => {
        const pids = holders(store);
        if (share === 0 || running < 2 || pids.length < 2) return; // one run on each node
        if (worker === undefined) {
          worker = pids[0];
          process.kill(worker, 'SIGKILL');
        } else if (node === undefined && !pids.includes(worker)) {
          node = cluster.kill(1);
        }
      };
      const grid = { ...GRID, epochs, seeds: 3 };
      const rows = await sweep(grid, { store, engine, onProgress });
      if (node === undefined) return false;
      assert.ok((await node).includes('node'), 'a run was under way on the node');
      assert.ok(rows.every(({ reused }) => !reused));
      await assertEqualsLocal(t, rows, store, grid);
      return true;
    });
  });

  test('stops on request, and goes on where its driver was killed', async (t) => {
    const engine = new RayEngine({ address: cluster.address });
    t.after(() => engine.close());
    await inRunsLongEnough(EPOCHS, async (epochs) => {
      const store = temporaryStore(t);
      const grid = { ...GRID, epochs, seeds: 2 };
      const controller = new AbortController();
      const stop = ({ share }: SweepProgress): void => {
        if (share > 0.02) controller.abort();
      };
      const options = { store, engine, checkpointSeconds: 1000 };
      const ended = sweep(grid, { ...options, signal: controller.signal, onProgress: stop });
      if (!(await wasStopped(ended))) return false;
      assert.deepEqual(holders(store), []);
      const saved = store.hashes().map((hash) => store.readCheckpoint(hash)?.manifest.position.epoch ?? 0);
      assert.ok(
        saved.some((epoch) => epoch > 0),
        `epochs saved: ${saved}`,
      );

      const first = await engine.pid;
      let killed = false;
      const kill = ({ secondsLeft }: SweepProgress): void => {
        if (killed || secondsLeft === undefined) return;
        killed = true;
        process.kill(first!, 'SIGKILL');
      };
      const rows = await sweep(grid, { ...options, onProgress: kill });
      if (!killed || (await engine.pid) === first) return false;
      await assertEqualsLocal(t, rows, store, grid);
      return true;
    });
  });

  test('is taken up by the same command, also by two at once', async (t) => {
    const store = temporaryStore(t);
    const grid = { ...GRID, epochs: 200, seeds: 3 };
    const file = join(store.folder, '..', `ray-${process.pid}.json`);
    writeFileSync(file, JSON.stringify(grid));
    t.after(() => rmSync(file, { force: true }));
    const start = () => {
      const args = [
        CLI,
        '--config',
        file,
        '--store',
        store.folder,
        '--engine',
        'ray',
        '--address',
        cluster.address,
      ];
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
      let text = '';
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding('utf8').on('data', (more: string) => {
          text += more;
        });
      return { child, ended: once(child, 'close').then(([code]) => ({ code, text })) };
    };
    const killed = start();
    while (!store.hashes().some((hash) => existsSync(join(store.runFolder(hash), 'history.csv'))))
      await new Promise((resolve) => setTimeout(resolve, 50));
    killed.child.kill('SIGKILL');
    await killed.ended;
    const present = store.hashes().filter((hash) => store.readResult(hash) !== undefined);

    const ends = await Promise.all([start(), start()].map(({ ended }) => ended));
    for (const { code, text } of ends) {
      assert.equal(code, 0, text);
      assert.match(text, /3 runs, \d of them from before, 0 failed/);
    }
    const done = ends.flatMap(({ text }) => text.match(/^[0-9a-f]{16}(?= )/gm) ?? []);
    assert.equal(new Set(done).size, done.length, 'no run was done twice');
    assert.equal(new Set([...done, ...present]).size, 3);
    const rows = await sweep(grid, { store, engine: 'inProcess' });
    assert.ok(rows.every(({ reused }) => reused));
    await assertEqualsLocal(t, rows, store, grid);
  });

  test("trains data and models of a module of one's own, with --module", async (t) => {
    const store = temporaryStore(t);
    const folder = folderOf(t);
    const { module: _, ...data } = grid('').data as { module: string };
    const { module: __, ...model } = grid('').model as { module: string };
    const file = join(folder, 'grid.json');
    writeFileSync(file, JSON.stringify({ ...grid(''), data, model }));
    const args = ['--config', file, '--module', join(folder, 'mine.mjs'), '--store', store.folder];
    const command = [CLI, ...args, '--engine', 'ray', '--address', cluster.address];
    const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (more: string) => {
        text += more;
      });
    const [code] = await once(child, 'close');
    assert.equal(code, 0, text);
    assert.match(text, /2 runs, 0 of them from before, 0 failed/);
    const own = grid(join(folder, 'mine.mjs'));
    const rows = await sweep(own, { store, engine: 'inProcess' });
    assert.ok(rows.every(({ reused }) => reused));
    await assertEqualsLocal(t, rows, store, own);
  });

  test('shares a GPU among runs', async (t) => {
    const engine = new RayEngine({ address: cluster.address, cpus: 0.25, gpus: 0.4 });
    t.after(() => engine.close());
    const { gpus, fits } = await engine.connect();
    assert.deepEqual({ gpus, fits }, { gpus: 1, fits: 2 }); // no run has parts of two GPUs
    await inRunsLongEnough(EPOCHS / 2, async (epochs) => {
      const store = temporaryStore(t);
      let most = 0;
      const onProgress = (): void => {
        most = Math.max(most, holders(store).length);
      };
      const grid = { ...GRID, epochs, seeds: 3 };
      const rows = await sweep(grid, { store, engine, onProgress });
      assert.ok(most <= 2, `${most} runs at a time`);
      await assertEqualsLocal(t, rows, store, grid);
      return most === 2;
    });
  });

  test('is refused where there is no room or no cluster', async (t) => {
    const store = temporaryStore(t);
    const engine = new RayEngine({ address: cluster.address, gpus: 2 });
    await assert.rejects(engine.connect(), RayError);
    await assert.rejects(sweep(GRID, { store, engine }), /has room for a run of 1 processors and 2 GPUs/);
    await engine.close();
    assert.equal(existsSync(store.runFolder(configHash(SMALL))), false);
    const absent = new RayEngine({ python: join(ROOT, 'no', 'python') });
    await assert.rejects(absent.connect(), /npm run setup -- --ray/);
    // Ray gives out whole GPUs, or a part of one.
    assert.throws(() => new RayEngine({ gpus: 1.5 }), OptionError);
  });
});
