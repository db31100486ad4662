/**
 * Options that are wrong: of another type, not finite, unknown. Everything that takes options refuses each
 * with an OptionError that names it, before any work is done; NaN passes nowhere.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { lookahead, sam, sgd } from 'lookbehind';
import { compile } from 'lookbehind/compile';
import {
  cifar10,
  cifar100,
  cropAndFlip,
  Dataset,
  digits,
  fashionMnist,
  fullMnist,
  kmnist,
  quadratic,
  rosenbrock,
  spirals,
  tinyImageNet,
  twoMinima,
  twoMoons,
} from 'lookbehind/data';
import { OptionError } from 'lookbehind/errors';
import * as figures from 'lookbehind/figures';
import {
  connectByBezier,
  flatWeights,
  linePath,
  lossAlongPath,
  lossSurface,
  normalizeDirection,
  Plane,
  randomDirection,
  recordTrajectory,
  trajectoryOnPlane,
  trajectoryPlane,
} from 'lookbehind/landscape';
import { LifelongLearner, permutedTasks, rotatedTasks, splitTasks, taskSharpness } from 'lookbehind/lifelong';
import * as models from 'lookbehind/models';
import {
  figureToHtml,
  figureToPng,
  liveFigure,
  playground,
  progress,
  saveFigure,
  show,
} from 'lookbehind/notebook';
import { retrain } from 'lookbehind/paper';
import {
  additiveNoise,
  evaluateUnderNoise,
  NOISES,
  noiseSensitivity,
  quantize,
  recomputeBatchNorm,
  TrainingNoise,
} from 'lookbehind/robustness';
import {
  executeRun,
  ProcessEngine,
  paperMethods,
  RayEngine,
  type RunRow,
  RunStore,
  resolveConfig,
  submitToSlurm,
  sweep,
} from 'lookbehind/runs';
import {
  ascentQuality,
  averageSharpness,
  hessianOperator,
  hutchPlusPlus,
  measureCurvature,
  oneStepSharpness,
  smoothDensity,
  spectralDensity,
  stepNoise,
  topEigenvalues,
  worstCaseSharpness,
} from 'lookbehind/sharpness';
import {
  bestOfTrials,
  bestSettings,
  describeIntervals,
  drawSettings,
  type FlatRow,
  fairSearch,
  goodRange,
  holm,
  meanInterval,
  measureRuns,
  pairedDifferences,
  rankCorrelation,
  ranks,
  type SweepResults,
  summarize,
} from 'lookbehind/statistics';
import {
  evaluate,
  evaluateMany,
  functionLoss,
  ModelLoss,
  measureSteps,
  Trainer,
  walk,
} from 'lookbehind/train';
import type { Description, Kind, Kinds } from '../../lib/dist/core/options';
import { BASES, SCHEMES } from '../../lib/dist/optimizers';
import { secondsPerGradient } from '../../lib/dist/runs/stepTime';
import { apgd } from '../../lib/dist/sharpness/apgd';
import type { SymmetricOperator } from '../../lib/dist/sharpness/vectors';
import { evaluateSync } from '../../lib/dist/training/evaluate';
import { publicNames } from '../publicNames';

const LIB = join(__dirname, '../../lib');

const nothing = (): void => undefined;

/** Values that no option of a kind may have. */
const BAD: Readonly<Record<Kind, readonly unknown[]>> = {
  number: [Number.NaN, Infinity, -Infinity, '1', '', null, {}, [], [1], true, nothing],
  whole: [Number.NaN, Infinity, 1.5, '1', null, {}, [2], false, nothing],
  flag: [Number.NaN, 0, 1, 'true', '', null, {}, [], nothing],
  function: [Number.NaN, 0, 'loss', null, {}, [], true],
  choice: [Number.NaN, 0, 'nonsense', '', 'constructor', '__proto__', null, {}, [], true, nothing],
  text: [Number.NaN, 3, null, {}, [], true],
  texts: [Number.NaN, 3, 'abc', null, {}, true, [Number.NaN], [1], [null], [{}], nothing],
  numbers: [Number.NaN, 3, 'abc', null, {}, true, [Number.NaN], ['1'], [null], [{}], [Infinity], nothing],
  signal: [Number.NaN, {}, true, 'stop', null, []],
  object: [Number.NaN, 3, 'text', null, true, []],
  list: [Number.NaN, 3, 'abc', null, {}, true, [Number.NaN], [null], nothing],
  other: [Number.NaN, null, true],
};

/** The descriptions that options were checked by since the last call of `described`. */
const seen: Description[] = [];
const module: typeof import('../../lib/dist/core/options') = require('../../lib/dist/core/options');
const { checkOptions, checkFields, checkKind } = module;
Object.assign(module, {
  checkOptions(what: string, description: Description, given: unknown): unknown {
    seen.push(description);
    return checkOptions(what, description, given);
  },
  checkFields(path: string, value: unknown, description: Description, ...rest: ['full']): unknown {
    seen.push(description);
    return checkFields(path, value, description, ...rest);
  },
  checkKind(path: string, value: unknown, kinds: Kinds, form: 'full'): unknown {
    const { kind } = (value ?? {}) as { kind?: string };
    seen.push({ ...(kind === undefined ? {} : kinds[kind]), kind: module.oneOf(Object.keys(kinds)) });
    return checkKind(path, value, kinds, form);
  },
});

/**
 * What the options of a function hold: those that a call with an unknown one, and one with right ones, were
 * checked by.
 */
async function kindsOf({ name, needed = {}, call }: Target): Promise<Record<string, Kind>> {
  seen.length = 0;
  for (const options of [{ nonsense: 1 }, ...(SKIPPED.includes(name) ? [] : [{ ...needed }])]) {
    await Promise.resolve(options)
      .then(call as (options: unknown) => unknown)
      .catch(() => undefined);
  }
  return Object.fromEntries(
    [...seen].reverse().flatMap((one) => Object.entries(one).map(([option, { kind }]) => [option, kind])),
  );
}

/** What no set of options may be. */
const NO_OPTIONS: readonly unknown[] = [null, Number.NaN, 5, 'text', true, [], nothing];

interface Target {
  name: string;
  /** Options that must be there, with right values. */
  needed?: Record<string, unknown>;
  call(options: never): unknown;
}

const { train, test: testSet } = digits();
const small = train.subset(20);
const flat = small.flattened();
const model = models.mlp({ inputs: 64, hidden: [4], classes: 10 });
const image = models.convNet({ inputs: [8, 8, 1], filters: [2], classes: 10, batchNorm: true });
const point = flatWeights(model);
const objective = new ModelLoss(model, flat, { batchSize: 10 });
const operator: SymmetricOperator = { size: 3, multiply: async (v) => v.map((x, i) => x * (i + 1)) };
const scalar = tf.variable(tf.scalar(1));
const plane = new Plane(point, randomDirection(model, { seed: 1 }));
const noise = additiveNoise({ sigma: 0.1 });
const sequence = splitTasks({ train: flat, test: testSet.flattened() }, { tasks: 5 });
const figure = figures.curves({ series: [{ method: 'sam', x: [1], runs: [[1]] }] });
const quadratures = [{ nodes: [1, 2], weights: [0.5, 0.5] }];
const way = [1, 2, 3].map((i) => Float32Array.from({ length: 4 }, (_, j) => i ** j));
const folder = mkdtempSync(join(tmpdir(), 'lookbehind-options-'));
const runConfig = resolveConfig({
  data: 'digits',
  model: { kind: 'mlp', hidden: [2] },
  optimizer: 'sgd',
  epochs: 1,
});
const run: RunRow = {
  hash: 'a',
  config: runConfig,
  status: 'failed',
  result: null,
  error: 'none',
  reused: false,
};
const rows = [1, 2, 3].flatMap((seed) =>
  ['a', 'b'].map((label) => ({ label, seed, testError: seed }) as FlatRow),
);

/** Right options of networks. */
const MODELS: Readonly<Record<string, Record<string, unknown>>> = {
  mlp: { inputs: 3, hidden: [2], classes: 2 },
  convNet: { inputs: [8, 8, 1], filters: [2], classes: 2 },
  resNet: { depth: 20, width: 1, classes: 2, inputs: [8, 8, 1] },
  wideResNet: { depth: 10, widen: 1, width: 1, classes: 2, inputs: [8, 8, 1] },
  vit: { inputs: [8, 8, 1], patchSize: 4, width: 4, depth: 1, heads: 2, classes: 2 },
};

const DOWNLOADED = {
  fullMnist,
  fashionMnist,
  kmnist,
  cifar10,
  cifar100,
  tinyImageNet,
};

/** What would take long, or reach for the network, with right options. */
const SKIPPED: readonly string[] = [...Object.keys(DOWNLOADED), 'sweep', 'executeRun'];

const TARGETS: readonly Target[] = [
  ...Object.values({ ...BASES, ...SCHEMES }).map(({ make }): Target => ({ name: make.name, call: make })),
  {
    name: 'lookahead',
    call: (options) => lookahead(sgd(), options),
  },
  {
    name: 'Trainer',
    needed: { epochs: 1 },
    call: (options) => new Trainer(model, sgd(), flat, options),
  },
  {
    name: 'Trainer.train',
    call: (options) => new Trainer(model, sgd(), flat, { epochs: 1 }).train(options),
  },
  ...(['constant', 'cosine', 'multiStep'] as const).map(
    (kind): Target => ({
      name: `schedule ${kind}`,
      needed: { kind, ...(kind === 'multiStep' ? { milestones: [1] } : {}) },
      call: (schedule) => new Trainer(model, sgd(), flat, { epochs: 2, schedule }),
    }),
  ),
  {
    name: 'evaluate',
    call: (options) => evaluate(model, flat, options),
  },
  {
    name: 'evaluateSync',
    call: (options) => evaluateSync(model, flat, options),
  },
  {
    name: 'evaluateMany',
    call: (options) => evaluateMany(model, flat, [], options),
  },
  {
    name: 'walk',
    needed: { loss: twoMinima().loss, start: [1, 1], optimizer: sgd(), steps: 1 },
    call: walk,
  },
  {
    name: 'compile',
    call: (options) => compile(nothing, options),
  },
  ...Object.values(NOISES).map(
    ({ make, level }): Target => ({
      name: make.name,
      needed: { [level]: { sigma: 0.1, bits: 8, rate: 0.1, seconds: 1 }[level] },
      call: make,
    }),
  ),
  {
    name: 'TrainingNoise',
    needed: { noise },
    call: (options) => new TrainingNoise(options),
  },
  {
    name: 'evaluateUnderNoise',
    needed: { noise: (sigma: number) => additiveNoise({ sigma }), levels: [0.1], draws: 1 },
    call: (options) => evaluateUnderNoise(model, flat, options),
  },
  {
    name: 'noiseSensitivity',
    needed: { noise, draws: 1 },
    call: (options) => noiseSensitivity(model, flat, options),
  },
  {
    name: 'recomputeBatchNorm',
    needed: { data: small },
    call: (options) => recomputeBatchNorm(image, options),
  },
  {
    name: 'apgd',
    needed: { steps: 1 },
    call: (options) => apgd(objective, 0, 0.1, options),
  },
  {
    name: 'worstCaseSharpness',
    needed: { radii: [0.1], steps: 1 },
    call: (options) => worstCaseSharpness(objective, options),
  },
  {
    name: 'averageSharpness',
    needed: { radii: [0.1], draws: 1 },
    call: (options) => averageSharpness(objective, options),
  },
  {
    name: 'oneStepSharpness',
    needed: { radii: [0.1] },
    call: (options) => oneStepSharpness(objective, options),
  },
  {
    name: 'stepNoise',
    call: (options) => stepNoise(objective, options),
  },
  {
    name: 'ascentQuality',
    needed: { k: 1, apgdSteps: 1 },
    call: (options) => ascentQuality(objective, options),
  },
  {
    name: 'hessianOperator',
    call: (options) => hessianOperator(objective, options),
  },
  {
    name: 'topEigenvalues',
    call: (options) => topEigenvalues(operator, options),
  },
  {
    name: 'spectralDensity',
    call: (options) => spectralDensity(operator, options),
  },
  {
    name: 'hutchPlusPlus',
    call: (options) => hutchPlusPlus(operator, options),
  },
  {
    name: 'measureCurvature',
    needed: { density: false },
    call: (options) => measureCurvature(objective, options),
  },
  {
    name: 'functionLoss',
    call: (options) => functionLoss([scalar], () => tf.square(scalar), options),
  },
  {
    name: 'ModelLoss',
    call: (options) => new ModelLoss(model, flat, options),
  },
  {
    name: 'randomDirection',
    call: (options) => randomDirection(model, options),
  },
  {
    name: 'lossSurface',
    needed: { plane, x: { from: -1, to: 1, points: 2 } },
    call: (options) => lossSurface(model, flat, options),
  },
  {
    name: 'axis of a surface',
    needed: { from: -1, to: 1, points: 2 },
    call: (x) => lossSurface(model, flat, { plane, x }),
  },
  {
    name: 'trajectoryOnPlane',
    call: (options) => trajectoryOnPlane(model, flat, plane, [point], options),
  },
  {
    name: 'recordTrajectory',
    call: (options) => recordTrajectory(model, new Trainer(model, sgd(), flat, { epochs: 1 }), options),
  },
  {
    name: 'lossAlongPath',
    needed: { points: 3 },
    call: (options) => lossAlongPath(model, flat, linePath(point, point), options),
  },
  {
    name: 'connectByBezier',
    needed: { steps: 1 },
    call: (options) => connectByBezier(model, flat, point, point, options),
  },
  {
    name: 'splitTasks',
    needed: { tasks: 5 },
    call: (options) => splitTasks({ train: flat, test: flat }, options),
  },
  {
    name: 'permutedTasks',
    call: (options) => permutedTasks({ train: flat, test: flat }, options),
  },
  {
    name: 'rotatedTasks',
    call: (options) => rotatedTasks({ train: small, test: small }, options),
  },
  {
    name: 'taskSharpness',
    needed: { radii: [0.1] },
    call: taskSharpness,
  },
  {
    name: 'LifelongLearner',
    call: (options) => new LifelongLearner(model, sgd(), sequence, options),
  },
  {
    name: 'replay',
    needed: { capacity: 20 },
    call: (replay) => new LifelongLearner(model, sgd(), sequence, { replay }),
  },
  {
    name: 'Dataset',
    needed: {
      name: 'a',
      split: 'b',
      inputs: new Float32Array(4),
      labels: [0, 1],
      inputShape: [2],
      classes: ['x', 'y'],
    },
    call: (fields) => new Dataset(fields),
  },
  {
    name: 'Dataset.batches',
    needed: { batchSize: 5 },
    call: (options) => small.batches(options),
  },
  { name: 'Dataset.subset', call: (options) => small.subset(5, options) },
  {
    name: 'Dataset.partition',
    needed: { fractions: { a: 0.5, b: 0.5 } },
    call: (options) => small.partition(options),
  },
  { name: 'cropAndFlip', call: cropAndFlip },
  { name: 'rosenbrock', call: rosenbrock },
  {
    name: 'quadratic',
    needed: { curvatures: [1, 2] },
    call: quadratic,
  },
  { name: 'twoMoons', call: twoMoons },
  {
    name: 'spirals',
    call: spirals,
  },
  ...Object.entries(DOWNLOADED).map(
    ([name, call]): Target => ({
      name,
      needed: { download: false },
      call,
    }),
  ),
  ...Object.values(models.MODELS).map(
    ({ build }): Target => ({
      name: build.name,
      needed: MODELS[build.name],
      call: build,
    }),
  ),
  {
    name: 'saveFigure',
    call: (options) => saveFigure(join(folder, 'figure.html'), figure, options),
  },
  { name: 'show', call: (options) => show(figure, options) },
  { name: 'playground', call: playground },
  { name: 'liveFigure', call: (options) => liveFigure(figure, options) },
  { name: 'figureToPng', call: (options) => figureToPng(figure, options) },
  { name: 'figureToHtml', call: (options) => figureToHtml(figure, options) },
  {
    name: 'normalizeDirection',
    call: (options) => normalizeDirection(model, plane.x, options),
  },
  { name: 'trajectoryPlane', call: (options) => trajectoryPlane(way, options) },
  {
    name: 'smoothDensity',
    call: (options) => smoothDensity(quadratures, options),
  },
  {
    name: 'quantize',
    needed: { bits: 4 },
    call: (options) => quantize(new Float32Array(6), { role: 'kernel', shape: [2, 3] }, options),
  },
  {
    name: 'measureSteps',
    call: (options) => measureSteps(new Trainer(model, sam(), flat, { epochs: 1 }), options),
  },
  {
    name: 'run',
    needed: { data: 'digits', model: { kind: 'mlp', hidden: [2] }, optimizer: 'sgd', epochs: 1 },
    call: resolveConfig,
  },
  {
    name: 'sweep',
    call: (options) =>
      sweep({ data: 'digits', model: { kind: 'mlp', hidden: [2] }, optimizer: 'sgd', epochs: 1 }, options),
  },
  {
    name: 'executeRun',
    call: (options) =>
      executeRun(
        { data: 'digits', model: { kind: 'mlp', hidden: [2] }, optimizer: 'sgd', epochs: 1 },
        new RunStore('/proc/none'),
        options,
      ),
  },
  {
    name: 'ProcessEngine',
    call: (options) => new ProcessEngine(options),
  },
  {
    name: 'RayEngine',
    call: (options) => new RayEngine(options),
  },
  { name: 'meanInterval', call: (options) => meanInterval([1, 2, 3], options) },
  { name: 'holm', call: (options) => holm([], options) },
  {
    name: 'describeIntervals',
    call: (options) => describeIntervals([meanInterval([1, 2, 3])], options),
  },
  {
    name: 'rankCorrelation',
    call: (options) => rankCorrelation([1, 2, 3], [1, 3, 2], options),
  },
  {
    name: 'secondsPerGradient',
    call: (options) => secondsPerGradient(runConfig, options),
  },
  {
    name: 'submitToSlurm',
    call: (options) => submitToSlurm([], new RunStore('/proc/none'), options),
  },
  {
    name: 'paperMethods',
    call: paperMethods,
  },
  {
    name: 'bestSettings',
    needed: { value: 'seed' },
    call: (options) => bestSettings([run], options),
  },
  {
    name: 'drawSettings',
    call: (options) => drawSettings({ rho: { log: [0.1, 1] } }, options),
  },
  {
    name: 'fairSearch',
    needed: {
      task: { data: { kind: 'digits' }, model: { kind: 'mlp', hidden: [4] } },
      ...{ methods: {}, gradients: 3, selectionSeeds: [1], reportSeeds: [0], train: async () => [] },
    },
    call: fairSearch,
  },
  {
    name: 'retrain',
    needed: { part: 'digits', method: 'sgd', budget: 15 },
    call: (options) => retrain(options, new RunStore(folder)),
  },
  {
    name: 'bestOfTrials',
    call: (options) => bestOfTrials([1, 2, 3], options),
  },
  {
    name: 'goodRange',
    needed: { tolerance: 0.1 },
    call: (options) => goodRange({ x: [1, 2], y: [1, 2] }, options),
  },
  {
    name: 'measureRuns',
    needed: { store: folder },
    call: (options) => measureRuns({ of: () => [] } as unknown as SweepResults, [], async () => 0, options),
  },
  { name: 'summarize', call: (options) => summarize(rows, options) },
  {
    name: 'pairedDifferences',
    needed: { baseline: 'a' },
    call: (options) => pairedDifferences(rows, options),
  },
  {
    name: 'ranks',
    call: (options) => ranks(rows, options),
  },
  {
    name: 'progress',
    needed: { title: 'a', total: 3, silent: true },
    call: progress,
  },
];

/** One wrong call. */
interface Case {
  target: Target;
  /** The wrong option; undefined where the options as a whole are wrong. */
  option: string | undefined;
  options: unknown;
}

async function casesOf(target: Target): Promise<Case[]> {
  const wrong = (option: string, value: unknown): Case => ({
    target,
    option,
    options: { ...target.needed, [option]: value },
  });
  return [
    ...NO_OPTIONS.map((options): Case => ({ target, option: undefined, options })),
    ...Object.entries(await kindsOf(target)).flatMap(([option, kind]) =>
      BAD[kind].map((value) => wrong(option, value)),
    ),
    ...['nonsense', 'epoch_s', 'constructor'].map((option) => wrong(option, 1)),
  ];
}

/** What is wrong with how a wrong call was met; undefined where nothing is. */
async function complaint({ target, option, options }: Case): Promise<string | undefined> {
  const call = `${target.name}(${describe(options)})`;
  try {
    await (target.call as (options: unknown) => unknown)(options);
  } catch (error) {
    if (!(error instanceof OptionError)) return `${call}: ${error}`;
    if (option !== undefined && !error.message.includes(option))
      return `${call} is not named: ${error.message}`;
    return undefined;
  }
  return `${call} passed`;
}

function describe(options: unknown): string {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) return String(options);
  const short = (value: unknown): string =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? '{..}'
      : (JSON.stringify(value) ?? String(value));
  return `{ ${Object.entries(options)
    .map(([name, value]) => `${name}: ${short(value)}`)
    .join(', ')} }`.slice(0, 300);
}

after(() => rmSync(folder, { recursive: true, force: true }));

test('every public function that checks its options is called', () => {
  const sources = readdirSync(LIB, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /^(?!dist).*\.ts$/.test(name),
  );
  const checked = sources.flatMap((name) =>
    [...readFileSync(join(LIB, name), 'utf8').matchAll(/check(?:Known)?Options\(\s*'(\w+)'/g)].map(
      ([, what]) => what,
    ),
  );
  const names = TARGETS.map(({ name }) => name);
  const isPublic = new Set(publicNames().map(({ name }) => name));
  assert.deepEqual(
    checked.filter((what) => isPublic.has(what) && !names.includes(what)),
    [],
  );
  assert.ok(checked.length > 80);
});

test('right options pass', async () => {
  for (const { name, needed = {}, call } of TARGETS) {
    if (SKIPPED.includes(name)) continue;
    await assert.doesNotReject(async () => (call as (options: unknown) => unknown)({ ...needed }), name);
  }
});

test('wrong options are refused with an OptionError that names them', async (t) => {
  const cases: Case[] = [];
  for (const target of TARGETS) cases.push(...(await casesOf(target)));
  t.diagnostic(`${cases.length} wrong calls of ${TARGETS.length} functions`);
  assert.ok(cases.length > 5000);
  const complaints = (await Promise.all(cases.map(complaint))).filter((one) => one !== undefined);
  assert.deepEqual(complaints, []);
});
