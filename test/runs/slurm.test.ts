import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { OptionError } from 'lookbehind/errors';
import { configHash, expandGrid, RunStore, type SweepGrid, submitToSlurm, sweep } from 'lookbehind/runs';
import { folderOf, grid } from './ownModule';
import { ROOT, SMALL, temporaryStore } from './support';

const CLI = join(ROOT, 'lib', 'dist', 'cli', 'sweep.js');

const HERE = spawnSync('sbatch', ['--version']).error === undefined;
const GRID: SweepGrid = { ...(SMALL as SweepGrid), epochs: 1, seeds: 3 };

test(
  'a job array has an element for each run that is not done, and its elements do them',
  { skip: HERE },
  async (t) => {
    const store = new RunStore(`${temporaryStore(t).folder}/it's a store`);
    const configs = expandGrid(GRID);
    await sweep(configs[1] as SweepGrid, { store, engine: 'inProcess' });
    const options = { cpus: 2, gpus: 1, workers: 4, sbatch: ['--partition=gpu'] };
    const { script, runs, job } = submitToSlurm(configs, store, options);
    assert.deepEqual([runs, job], [2, undefined]);
    const text = readFileSync(script, 'utf8');
    for (const option of [
      '--array=0-1%4',
      '--cpus-per-task=2',
      '--gpus-per-task=1',
      '--signal=B:INT@120',
      '--partition=gpu',
    ])
      assert.ok(text.includes(`\n#SBATCH ${option}\n`), option);
    assert.equal(spawnSync('bash', ['-n', script]).status, 0);

    // What SLURM would do with an element.
    const { status, stderr } = spawnSync('bash', [script], {
      env: { ...process.env, SLURM_ARRAY_TASK_ID: '1' },
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
    assert.deepEqual(
      configs.map((config) => store.readResult(configHash(config)) !== undefined),
      [false, true, true],
    );
    assert.equal(submitToSlurm(configs, store).runs, 1);
  },
);

test(
  "sbatch gets a job array of a module of one's own, and its elements train it at once",
  { skip: HERE },
  async (t) => {
    const store = temporaryStore(t);
    const folder = folderOf(t);
    const own = grid(join(folder, 'mine.mjs'));
    // An sbatch that does what SLURM does with an array on one machine: all elements, each with its log.
    const bin = join(folder, 'bin');
    mkdirSync(bin);
    writeFileSync(
      join(bin, 'sbatch'),
      `#!/bin/bash
[ "$1" = --parsable ] || exit 3
last=$(sed -n 's/^#SBATCH --array=0-\\([0-9]*\\).*/\\1/p' "$2")
for i in $(seq 0 "$last"); do SLURM_ARRAY_TASK_ID=$i bash "$2" >"$(dirname "$2")/$i.log" 2>&1 & done
wait
echo '17;cluster'
`,
      { mode: 0o755 },
    );
    const { data, model, ...rest } = own as {
      data: { module: string };
      model: { module: string };
    } & SweepGrid;
    const bare = ({ module: _, ...one }: { module: string }): object => one;
    writeFileSync(
      join(folder, 'grid.json'),
      JSON.stringify({ ...rest, data: bare(data), model: bare(model) }),
    );
    const files = ['--config', join(folder, 'grid.json'), '--module', join(folder, 'mine.mjs')];
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [CLI, ...files, '--store', store.folder, '--engine', 'slurm'],
      { encoding: 'utf8', env: { ...process.env, PATH: `${bin}:${process.env.PATH}` } },
    );
    assert.equal(status, 0, stderr);
    assert.match(stdout, /\b17\b/);
    const rows = await sweep(own, { store, engine: 'inProcess' });
    assert.deepEqual(
      rows.map(({ reused, status: ended }) => `${ended} ${reused}`),
      ['finished true', 'finished true'],
    );
  },
);

test('a job array writes its logs where they belong, whatever the folder is called', { skip: HERE }, (t) => {
  const store = new RunStore(`${temporaryStore(t).folder}/100%j $(touch x) 'store'`);
  const { script } = submitToSlurm(expandGrid(GRID), store);
  const [, word] = /^#SBATCH --output=(.*)$/m.exec(readFileSync(script, 'utf8'))!;
  const { stdout } = spawnSync('bash', ['-c', `printf %s ${word}`], { encoding: 'utf8' });
  // SLURM reads %% as %, and %a as the number of the element.
  assert.equal(
    stdout.replaceAll('%%', '%').replace(/%a\.log$/, '7.log'),
    script.replace(/array\.sh$/, '7.log'),
  );
});

test('nothing in a job array begins a line of its own', (t) => {
  const configs = expandGrid(GRID);
  const store = temporaryStore(t);
  assert.throws(() => submitToSlurm(configs, store, { sbatch: ['--partition=gpu\ntouch x'] }), OptionError);
  assert.throws(() => submitToSlurm(configs, new RunStore(`${store.folder}/a\ntouch x`)), OptionError);
  assert.throws(() => submitToSlurm(configs, new RunStore(`${store.folder}/a\\b`)), /without a backslash/);
});

test('a job array of wrong sizes is refused', (t) => {
  const store = temporaryStore(t);
  assert.throws(() => submitToSlurm(expandGrid(GRID), store, { gpus: 0.5 }), OptionError);
  assert.throws(
    () => submitToSlurm(expandGrid({ ...GRID, seeds: 1001 }), store),
    /at most 1000 runs in one job array/,
  );
  assert.deepEqual(store.hashes(), []);
});
