/**
 * A sweep of 40 MNIST-1D runs in worker processes against the same runs one after another in one two-threaded
 * process, the share of time that runs cost beside training, and how fast a finished sweep of 1,000 runs
 * comes back: `npm run bench:sweep`.
 *
 *     npm run bench:sweep -- [--epochs 10] [--rounds 2] [--workers 2]    --rounds 0 leaves the comparison out
 *
 * The two ways take turns, so that other work on the machine meets both.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  buildRun,
  configHash,
  expandGrid,
  ProcessEngine,
  type RunResult,
  RunStore,
  type SweepGrid,
  sweep,
} from 'lookbehind/runs';
import { toFrame } from 'lookbehind/statistics';

/** Runs of each kind for the overhead, the first of which does not count. */
const OVERHEAD_ROUNDS = 8;

/** k x alpha on the MLP, two seeds: 5 x 4 x 2 runs. */
function gridOf(epochs: number): SweepGrid {
  return {
    data: 'mnist1d',
    model: { kind: 'mlp', hidden: [100, 100] },
    optimizer: {
      kind: 'lookbehindSAM',
      k: [1, 2, 3, 5, 10],
      alpha: [0.2, 0.5, 0.8, 1],
      rho: 0.05,
      learningRate: 0.05,
      momentum: 0.9,
      weightDecay: 5e-4,
    },
    epochs,
    schedule: 'cosine',
    seeds: 2,
  };
}

interface Timing {
  runs: number;
  seconds: number;
  /** Seconds in training steps and in all runs, start to end, of the executing processes. */
  training: number;
}

/** The sweep in worker processes, their start included. */
async function inWorkers(epochs: number, workers: number, folder: string): Promise<Timing> {
  const engine = new ProcessEngine({ workers, threads: 1 });
  const started = performance.now();
  const rows = await sweep(gridOf(epochs), { store: folder, engine });
  await engine.close();
  const training = rows.reduce((sum, { result }) => sum + result!.seconds, 0);
  return { runs: rows.length, seconds: (performance.now() - started) / 1000, training };
}

/**
 * The same runs by one process of two threads, as plain training without store: what a notebook's loop would
 * do.
 */
function oneAfterAnother(epochs: number): Timing {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--import', 'tsx', __filename, '--child', '--epochs', String(epochs)],
    { encoding: 'utf8', env: { ...process.env, TF_NUM_INTRAOP_THREADS: '2', TF_NUM_INTEROP_THREADS: '2' } },
  );
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as Timing;
}

async function trainAll(epochs: number): Promise<Timing> {
  const started = performance.now();
  const configs = expandGrid(gridOf(epochs));
  let training = 0;
  for (const config of configs) {
    const run = await buildRun(config);
    await run.trainer.train();
    training += run.trainer.position.seconds;
    run.dispose();
  }
  return { runs: configs.length, seconds: (performance.now() - started) / 1000, training };
}

/**
 * What files, hashing, locks and events add to a run: the same run with and without a store, in turns, in
 * this process. By CPU time, which other work on the machine changes least; the first round warms up.
 */
async function overhead(epochs: number, folder: string): Promise<number> {
  const [config] = expandGrid({
    ...gridOf(epochs),
    optimizer: { kind: 'lookbehindSAM', k: 5, momentum: 0.9 },
    seeds: [99],
  });
  const plain: number[] = [];
  const stored: number[] = [];
  for (let seed = 0; seed < OVERHEAD_ROUNDS; seed++) {
    plain.push(
      await cpuSeconds(async () => {
        const run = await buildRun({ ...config, seed });
        await run.trainer.train();
        run.dispose();
      }),
    );
    const options = { store: folder, engine: 'inProcess', onProgress: () => {} } as const;
    stored.push(await cpuSeconds(() => sweep({ ...config, seed } as SweepGrid, options)));
  }
  const median = (times: number[]): number =>
    times.slice(1).sort((x, y) => x - y)[(OVERHEAD_ROUNDS - 1) >> 1];
  return median(stored) / median(plain) - 1;
}

/** CPU seconds that this process spends in `work`, all threads. */
async function cpuSeconds(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

/** A store of finished runs, made of one result; then the time to come back. */
async function comeBack(count: number, folder: string): Promise<{ load: number; restart: number }> {
  const store = new RunStore(join(folder, 'finished'));
  const grid: SweepGrid = { ...gridOf(10), optimizer: { kind: 'sgd', learningRate: 0.1 }, seeds: count };
  const [template] = await sweep({ ...grid, epochs: 1, seeds: 1 }, { store, engine: 'inProcess' });
  for (const config of expandGrid(grid)) {
    const hash = configHash(config);
    store.writeConfig(hash, config);
    store.writeResult({ ...(template.result as RunResult), hash, seed: config.seed });
  }
  await toFrame([template]); // danfojs itself takes a second to load, once per process
  let started = performance.now();
  const rows = await sweep(grid, { store });
  const restart = (performance.now() - started) / 1000;
  started = performance.now();
  await toFrame(rows);
  return { restart, load: restart + (performance.now() - started) / 1000 };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      epochs: { type: 'string', default: '10' },
      rounds: { type: 'string', default: '2' },
      workers: { type: 'string', default: '2' },
      child: { type: 'boolean', default: false },
    },
  });
  const [epochs, rounds, workers] = [values.epochs, values.rounds, values.workers].map(Number);
  if (values.child) {
    console.log(JSON.stringify(await trainAll(epochs)));
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'lookbehind-bench-'));
  try {
    const report = (name: string, { runs, seconds, training }: Timing): void => {
      const load = loadavg()[0].toFixed(1);
      console.log(
        `${name}: ${runs} runs in ${seconds.toFixed(1)} s, ` +
          `${training.toFixed(1)} s of it in steps (load ${load})`,
      );
    };
    const ratios: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const serial = oneAfterAnother(epochs);
      report('one process, two threads', serial);
      const parallel = await inWorkers(epochs, workers, join(folder, `round${round}`));
      report(`${workers} processes, one thread each`, parallel);
      ratios.push(serial.seconds / parallel.seconds);
    }
    if (rounds > 0)
      console.log(`throughput: ${ratios.map((ratio) => ratio.toFixed(2)).join(', ')} times (wanted: 1.8)`);
    console.log(
      'overhead of a run: ' +
        `${(100 * (await overhead(3 * epochs, join(folder, 'overhead')))).toFixed(1)} ` +
        '% (wanted: below 3)',
    );
    const { load, restart } = await comeBack(1000, folder);
    console.log(
      `1,000 finished runs: restart ${restart.toFixed(2)} s (wanted: 2), with DataFrame ` +
        `${load.toFixed(2)} s (wanted: 1)`,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

main().catch((error: Error) => {
  console.error(error);
  process.exitCode = 1;
});
