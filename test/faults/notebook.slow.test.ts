/**
 * Notebooks whose execution is killed at random moments, the kernel or the program that runs it, show in the
 * end what undisturbed ones show; and no kernel goes on alone.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from 'lookbehind/extend';
import { assertSurvivesKills, childrenOf, ROOT, scale, temporaryFolder, type Victim } from './support';

const CELLS = [
  "import { digits } from 'lookbehind/data';",
  "import { flatWeights, lossSurface, Plane, randomDirection } from 'lookbehind/landscape';",
  "import * as models from 'lookbehind/models';",
  "import { runSweep } from 'lookbehind/notebook';",
  `const results = await runSweep({
    data: { kind: 'digits', trainSize: 200 }, model: { kind: 'mlp', hidden: [12] }, batchSize: 50, epochs: 200, seeds: 2,
    optimizer: [{ kind: 'sgd', momentum: 0.9 }, { kind: 'lookbehindSAM', k: 2 }],
  }, { engine: 'inProcess', checkpointSeconds: 0 });
  console.log(JSON.stringify(results.labels.map((label) => results.values(label, 'testLoss'))));`,
  `const { train } = digits();
  const model = models.mlp({ inputs: train.inputShape, hidden: [12], classes: 10, seed: 1 });
  const plane = new Plane(flatWeights(model), randomDirection(model, { seed: 1 }), randomDirection(model, { seed: 2 }));
  const { loss } = await lossSurface(model, train.subset(100), { plane, chunkSize: 8, path: process.env.LB_RUNS + '/surface.jsonl' });
  console.log(JSON.stringify(loss));`,
];

const NOTEBOOK = {
  nbformat: 4,
  nbformat_minor: 5,
  metadata: { kernelspec: { name: 'tslab', display_name: 'TypeScript', language: 'typescript' } },
  cells: CELLS.map((source, i) => ({
    cell_type: 'code',
    id: `cell-${i}`,
    source,
    metadata: {},
    outputs: [],
    execution_count: null,
  })),
};

function start(folder: string): ChildProcess {
  mkdirSync(join(folder, 'runs'), { recursive: true });
  const packages = join(dirname(folder), 'node_modules');
  if (!existsSync(packages)) symlinkSync(join(ROOT, 'node_modules'), packages);
  writeFileSync(join(folder, 'source.ipynb'), JSON.stringify(NOTEBOOK));
  const script = join(ROOT, 'scripts', 'notebooks', 'execute.py');
  return spawn(
    join(ROOT, '.venv', 'bin', 'python'),
    ['-W', 'ignore', '-u', script, join(folder, 'source.ipynb'), join(folder, 'target.ipynb')],
    { env: { ...process.env, LB_RUNS: join(folder, 'runs') }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
}

const victim: Victim = {
  start,
  outcome(folder) {
    const { cells } = JSON.parse(readFileSync(join(folder, 'target.ipynb'), 'utf8')) as typeof NOTEBOOK;
    const streams = cells.flatMap(({ outputs }) => outputs as { name?: string; text?: string | string[] }[]);
    return streams.filter(({ name }) => name === 'stdout').map(({ text }) => [text].flat().join(''));
  },
  target(child: ChildProcess, random: Random) {
    const all = [child.pid!, ...childrenOf(child.pid!)];
    return all[random.int(all.length)];
  },
};

test('notebooks', (t) => assertSurvivesKills(t, [victim], scale(1)));

test('a kernel whose program was killed saves and ends', async (t: TestContext) => {
  const child = start(join(temporaryFolder(t), 'work'));
  let output = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  while (!output.includes('cell 2')) {
    assert.equal(child.exitCode, null, output);
    await sleep(100);
  }
  const [kernel] = childrenOf(child.pid!);
  assert.ok(kernel > 0);
  child.kill('SIGKILL');
  const isAlive = (): boolean => {
    try {
      process.kill(kernel, 0);
      return !/^State:\s+Z/m.test(readFileSync(`/proc/${kernel}/status`, 'utf8'));
    } catch {
      return false;
    }
  };
  for (let seconds = 0; isAlive(); seconds++) {
    assert.ok(seconds < 60, `the kernel ${kernel} goes on`);
    await sleep(1000);
  }
});
