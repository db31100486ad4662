/**
 * Notebooks run to their end in the profile `paper`, their assertions included, with only sizes changed: a
 * few images in the formats of CIFAR and TinyImageNet, a small network with BatchNorm, an epoch, two seeds.
 * It goes the way of `npm run notebooks -- NAME --sizes FILE`.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { writeCifar10, writeCifar100, writeTinyImageNet } from '../paper/support';
import { ROOT } from '../runs/support';

const scratch = mkdtempSync(join(tmpdir(), 'lookbehind-rehearsal-'));
after(() => rmSync(scratch, { recursive: true, force: true, maxRetries: 5 }));

const IMAGES = join(scratch, 'images');
const CONV_NET = {
  folder: IMAGES,
  samples: 128,
  models: { kind: 'convNet', filters: [2, 4], batchNorm: true },
};
/**
 * With shortcuts and BatchNorm, as the paper's: where layers are told apart, or weights of several networks
 * are mixed.
 */
const RES_NET = { ...CONV_NET, models: { kind: 'resNet', depth: 20, width: 2 } };

/** What stands in for the sizes of each notebook that has tasks of the paper; 09 has none. */
const SIZES: Record<string, object> = {
  '00': {
    ...CONV_NET,
    seeds: 2,
    fewSeeds: 2,
    epochs: 2,
    trainSize: 128,
    toy: { learningRate: 0.01, samRho: 0.1, rho: 0.04, steps: 200 },
    noise: { sigmas: [0, 0.1, 0.2, 0.3, 0.4], shown: 0.3, draws: 2 },
    ablation: { ks: [1, 2], alphas: [0.5] },
  },
  '02': {
    ...{ ...CONV_NET, seeds: 2, epochs: 1, otherEpochs: 1, draws: 2, rates: [0.1], engine: 'inProcess' },
    names: ['SGD', 'SAM', 'Lookbehind-SAM', 'ASAM', 'Lookbehind-ASAM'],
  },
  '03': {
    ...RES_NET,
    seeds: 2,
    fewSeeds: 1,
    epochs: 2,
    trainSize: 128,
    ks: [1, 2],
    main: 2,
    steps: [0.1],
  },
  '04': { ...CONV_NET, seeds: [100], pairedSeeds: 2, epochs: 1, ks: [2], rhos: [0.05, 0.1] },
  '05': {
    ...{
      ...CONV_NET,
      seeds: 2,
      fewSeeds: { rates: 1, shown: 1 },
      epochs: 1,
      rates: [0.1, 0.3],
      small: 0.1,
      reaches: [0.1, 0.2],
      probed: 32,
      curvatureBatch: 32,
    },
    density: { probes: 2, steps: 10 },
  },
  '06': {
    ...RES_NET,
    epochs: 2,
    points: 5,
    movie: { surfaces: 20, points: 5 },
    lines: { count: 2, seed: 100, points: 9 },
    bend: { steps: 4, learningRate: 0.1 },
    noise: { sigmas: [0, 0.1, 0.2, 0.3, 0.4], draws: 2 },
    every: 1,
  },
  '07': { ...CONV_NET, seeds: 2, epochs: 1, draws: 2, steps: [5] },
  '08': {
    ...{
      ...CONV_NET,
      seeds: 1,
      draws: 1,
      fewSeeds: 1,
      otherPasses: [],
      tuningSeeds: [100],
      samples: 40,
      epochs: 1,
      tasks: 4,
      batchSize: 20,
      memory: 80,
    },
    titles: ['SGD', 'SAM', 'Lookbehind-SAM'],
  },
};

interface Notebook {
  cells: { cell_type: string; source: string | string[]; outputs?: { data?: Record<string, unknown> }[] }[];
}

const linesOf = (source: string | string[]): string => [source].flat().join('');

/** Executes a notebook; its processes have one thread, so that two run beside each other. */
async function rehearse(number: string): Promise<void> {
  const name = readdirSync(join(ROOT, 'notebooks')).find(
    (file) => file.startsWith(`${number}-`) && file.endsWith('.ipynb'),
  )!;
  const target = join(scratch, name);
  const child = spawn(
    join(ROOT, '.venv', 'bin', 'python'),
    [
      ...[
        '-W',
        'ignore',
        join(ROOT, 'scripts', 'notebooks', 'execute.py'),
        join(ROOT, 'notebooks', name),
        target,
        '--quiet',
      ],
      ...['--sizes', JSON.stringify(SIZES[number])],
    ],
    {
      env: {
        ...process.env,
        ...{ LB_PROFILE: 'paper', LB_RUNS: join(scratch, 'runs', number) },
        ...{ TF_NUM_INTRAOP_THREADS: '1', TF_NUM_INTEROP_THREADS: '1' },
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (more: string) => {
    complaints += more;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  assert.equal(code, 0, complaints);
  const { cells } = JSON.parse(readFileSync(target, 'utf8')) as Notebook;
  assert.ok(cells.some(({ source }) => linesOf(source).startsWith('// Sizes of a rehearsal')));
  const outputs = cells.flatMap((cell) => cell.outputs ?? []);
  assert.ok(outputs.filter(({ data }) => data?.['image/png']).length >= 3, 'figures, also as pictures');
  assert.ok(JSON.stringify(outputs).includes('CIFAR-'), 'on the paper’s data');
}

describe('notebooks in the profile paper, with small sizes', { concurrency: 2 }, () => {
  before(async () => {
    writeCifar10(IMAGES, { train: 160, test: 20 }); // a tenth of the 160 is for selection
    writeCifar100(IMAGES, { train: 400, test: 200 });
    await writeTinyImageNet(IMAGES, { classes: 8, train: 10, test: 4 });
  });

  for (const number of Object.keys(SIZES)) test(`${number} runs to its end`, () => rehearse(number));
});
