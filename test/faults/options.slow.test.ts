/**
 * Options that are wrong: of another type, not finite, unknown. Everything that takes options refuses each with an OptionError that names
 * it, before any work is done; NaN passes nowhere.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import {
  adam,
  adamw,
  asam,
  lookahead,
  lookbehindASAM,
  lookbehindSAM,
  multistepASAM,
  multistepSAM,
  OptionError,
  rmsprop,
  sam,
  sgd,
} from 'lookbehind';
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
import * as figures from 'lookbehind/figures';
import {
  connectByBezier,
  flatWeights,
  linePath,
  lossAlongPath,
  lossSurface,
  normaliseDirection,
  Plane,
  randomDirection,
  recordTrajectory,
  trajectoryOnPlane,
  trajectoryPlane,
} from 'lookbehind/landscape';
import { LifelongLearner, permutedTasks, rotatedTasks, splitTasks, taskSharpness } from 'lookbehind/lifelong';
import * as models from 'lookbehind/models';
import { figureToHtml, figureToPng, liveFigure, progress, saveFigure, show } from 'lookbehind/notebook';
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
  topEigenvalues,
  worstCaseSharpness,
} from 'lookbehind/sharpness';
import {
  bestSettings,
  describeIntervals,
  type FlatRow,
  goodRange,
  holm,
  meanInterval,
  measureRuns,
  pairedDifferences,
  rankCorrelation,
  ranks,
  type SweepResults,
  summarise,
} from 'lookbehind/statistics';
import { evaluate, evaluateMany, functionLoss, ModelLoss, measureSteps, Trainer, walk } from 'lookbehind/train';
import type { Kind as Described, Description } from '../../lib/dist/core/options';
import { LEARNER, LEARNING, REPLAY } from '../../lib/dist/lifelong/learner';
import { secondsPerGradient } from '../../lib/dist/runs/stepTime';
import { apgd } from '../../lib/dist/sharpness/apgd';
import type { SymmetricOperator } from '../../lib/dist/sharpness/vectors';
import { evaluateSync } from '../../lib/dist/training/evaluate';
import { LOOP, TRAIN } from '../../lib/dist/training/loop';
import { TRAINER } from '../../lib/dist/training/trainer';
import { publicNames } from '../publicNames';

/** What an option holds. `number` and `whole` are finite. */
type Kind = Described | 'texts';

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
  other: [Number.NaN, null, {}, true, 'nonsense', [null], nothing],
};

/** What the options of a description hold. */
function kindsOf(description: Description): Record<string, Kind> {
  return Object.fromEntries(Object.entries(description).map(([name, { kind }]) => [name, kind]));
}

/** What no set of options may be. */
const NO_OPTIONS: readonly unknown[] = [null, Number.NaN, 5, 'text', true, [], nothing];

interface Target {
  name: string;
  /** Options that must be there, with right values. */
  needed?: Record<string, unknown>;
  /** All options. */
  kinds: Record<string, Kind>;
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
const runConfig = resolveConfig({ data: 'digits', model: { kind: 'mlp', hidden: [2] }, optimizer: 'sgd', epochs: 1 });
const run: RunRow = { hash: 'a', config: runConfig, status: 'failed', result: null, error: 'none', reused: false };
const rows = [1, 2, 3].flatMap((seed) => ['a', 'b'].map((label) => ({ label, seed, testError: seed }) as FlatRow));

const DESCENT = {
  learningRate: 'number',
  weightDecay: 'number',
  decays: 'function',
  clipNorm: 'number',
  clipValue: 'number',
} as const;
const SGD = { ...DESCENT, momentum: 'number', dampening: 'number', nesterov: 'flag' } as const;
const SHARP = { ...SGD, rho: 'number', batchNormUpdates: 'choice', base: 'object' } as const;
const ADAPTIVE = { ...SHARP, eta: 'number', rescale: 'function' } as const;
const EVALUATION = { loss: 'function', batchSize: 'whole', memoryBudget: 'number', signal: 'signal' } as const;
const METRIC = { adaptive: 'flag', eta: 'number' } as const;
const DOWNLOAD = { download: 'flag', onProgress: 'function', signal: 'signal', timeout: 'number', folder: 'text' } as const;

/** Right options of networks. */
const MODELS: Readonly<Record<string, Record<string, unknown>>> = {
  mlp: { inputs: 3, hidden: [2], classes: 2 },
  convNet: { inputs: [8, 8, 1], filters: [2], classes: 2 },
  resNet: { depth: 20, width: 1, classes: 2, inputs: [8, 8, 1] },
  wideResNet: { depth: 10, widen: 1, width: 1, classes: 2, inputs: [8, 8, 1] },
  vit: { inputs: [8, 8, 1], patchSize: 4, width: 4, depth: 1, heads: 2, classes: 2 },
};

const DOWNLOADED = {
  fullMnist: fullMnist,
  fashionMnist: fashionMnist,
  kmnist: kmnist,
  cifar10: cifar10,
  cifar100: cifar100,
  tinyImageNet: tinyImageNet,
};

/** Options that only some downloads have. */
const FURTHER: Readonly<Record<string, Record<string, Kind>>> = {
  cifar100: { labels: 'choice' },
  tinyImageNet: { side: 'choice', onDecode: 'function' },
};

const TARGETS: readonly Target[] = [
  { name: 'sgd', kinds: SGD, call: sgd },
  { name: 'adam', kinds: { ...DESCENT, beta1: 'number', beta2: 'number', epsilon: 'number' }, call: adam },
  { name: 'adamw', kinds: { ...DESCENT, beta1: 'number', beta2: 'number', epsilon: 'number' }, call: adamw },
  {
    name: 'rmsprop',
    kinds: { ...DESCENT, smoothing: 'number', momentum: 'number', centered: 'flag', epsilon: 'number' },
    call: rmsprop,
  },
  { name: 'sam', kinds: { ...SHARP, reuseGradients: 'flag' }, call: sam },
  { name: 'asam', kinds: { ...ADAPTIVE, reuseGradients: 'flag' }, call: asam },
  { name: 'multistepSAM', kinds: { ...SHARP, k: 'whole' }, call: multistepSAM },
  { name: 'multistepASAM', kinds: { ...ADAPTIVE, k: 'whole' }, call: multistepASAM },
  {
    name: 'lookbehindSAM',
    kinds: { ...SHARP, k: 'whole', alpha: 'number', countPer: 'choice', reuseGradients: 'flag' },
    call: lookbehindSAM,
  },
  {
    name: 'lookbehindASAM',
    kinds: { ...ADAPTIVE, k: 'whole', alpha: 'number', countPer: 'choice', reuseGradients: 'flag' },
    call: lookbehindASAM,
  },
  {
    name: 'lookahead',
    kinds: { k: 'whole', alpha: 'number' },
    call: (options) => lookahead(sgd(), options),
  },
  {
    name: 'Trainer',
    needed: { epochs: 1 },
    kinds: kindsOf({ ...TRAINER, ...LOOP }),
    call: (options) => new Trainer(model, sgd(), flat, options),
  },
  {
    name: 'Trainer.train',
    kinds: kindsOf(TRAIN),
    call: (options) => new Trainer(model, sgd(), flat, { epochs: 1 }).train(options),
  },
  ...(['constant', 'cosine', 'multiStep'] as const).map(
    (kind): Target => ({
      name: `schedule ${kind}`,
      needed: { kind, ...(kind === 'multiStep' ? { milestones: [1] } : {}) },
      kinds: {
        kind: 'choice',
        warmUpEpochs: 'number',
        ...(kind === 'cosine' ? { final: 'number' } : {}),
        ...(kind === 'multiStep' ? { milestones: 'numbers', gamma: 'number' } : {}),
      },
      call: (schedule) => new Trainer(model, sgd(), flat, { epochs: 2, schedule }),
    }),
  ),
  {
    name: 'evaluate',
    kinds: { batchSize: 'whole', loss: 'function', batchNorm: 'choice', outputs: 'function', signal: 'signal' },
    call: (options) => evaluate(model, flat, options),
  },
  {
    name: 'evaluateSync',
    kinds: { batchSize: 'whole', loss: 'function', batchNorm: 'choice', outputs: 'function' },
    call: (options) => evaluateSync(model, flat, options),
  },
  {
    name: 'evaluateMany',
    kinds: { ...EVALUATION, batchNorm: 'choice', chunkSize: 'whole', way: 'choice', eager: 'flag', onChunk: 'function' },
    call: (options) => evaluateMany(model, flat, [], options),
  },
  {
    name: 'walk',
    needed: { loss: twoMinima().loss, start: [1, 1], optimizer: sgd(), steps: 1 },
    kinds: { loss: 'function', start: 'numbers', steps: 'whole', every: 'whole' },
    call: walk,
  },
  {
    name: 'compile',
    kinds: { name: 'text', eager: 'flag', maxSignatures: 'whole' },
    call: (options) => compile(nothing, options),
  },
  ...Object.values(NOISES).map(
    ({ make, options, level }): Target => ({
      name: make.name,
      needed: { [level]: { sigma: 0.1, bits: 8, rate: 0.1, seconds: 1 }[level] },
      kinds: kindsOf(options),
      call: make,
    }),
  ),
  {
    name: 'TrainingNoise',
    needed: { noise },
    kinds: { noise: 'object', select: 'function', strength: 'number', seed: 'whole' },
    call: (options) => new TrainingNoise(options),
  },
  {
    name: 'evaluateUnderNoise',
    needed: { noise: (sigma: number) => additiveNoise({ sigma }), levels: [0.1], draws: 1 },
    kinds: { ...EVALUATION, draws: 'whole', seed: 'whole', select: 'function', levels: 'numbers', onProgress: 'function' },
    call: (options) => evaluateUnderNoise(model, flat, options),
  },
  {
    name: 'noiseSensitivity',
    needed: { noise, draws: 1 },
    kinds: { ...EVALUATION, draws: 'whole', seed: 'whole', select: 'function', onProgress: 'function', noise: 'object' },
    call: (options) => noiseSensitivity(model, flat, options),
  },
  {
    name: 'recomputeBatchNorm',
    needed: { data: small },
    kinds: { data: 'object', batches: 'whole', batchSize: 'whole', seed: 'whole' },
    call: (options) => recomputeBatchNorm(image, options),
  },
  {
    name: 'apgd',
    needed: { steps: 1 },
    kinds: { ...METRIC, norm: 'choice', steps: 'whole', restarts: 'whole', seed: 'whole', signal: 'signal' },
    call: (options) => apgd(objective, 0, 0.1, options),
  },
  {
    name: 'worstCaseSharpness',
    needed: { radii: [0.1], steps: 1 },
    kinds: { ...METRIC, radii: 'numbers', norm: 'choice', steps: 'whole', restarts: 'whole', seed: 'whole', signal: 'signal' },
    call: (options) => worstCaseSharpness(objective, options),
  },
  {
    name: 'averageSharpness',
    needed: { radii: [0.1], draws: 1 },
    kinds: { ...METRIC, radii: 'numbers', draws: 'whole', seed: 'whole', signal: 'signal' },
    call: (options) => averageSharpness(objective, options),
  },
  {
    name: 'oneStepSharpness',
    needed: { radii: [0.1] },
    kinds: { ...METRIC, radii: 'numbers', signal: 'signal' },
    call: (options) => oneStepSharpness(objective, options),
  },
  {
    name: 'ascentQuality',
    needed: { k: 1, apgdSteps: 1 },
    kinds: {
      ...METRIC,
      k: 'whole',
      rho: 'number',
      apgdSteps: 'whole',
      apgdRandomStarts: 'whole',
      seed: 'whole',
      signal: 'signal',
    },
    call: (options) => ascentQuality(objective, options),
  },
  {
    name: 'hessianOperator',
    kinds: { method: 'choice', step: 'number', seed: 'whole', signal: 'signal' },
    call: (options) => hessianOperator(objective, options),
  },
  {
    name: 'topEigenvalues',
    kinds: {
      count: 'whole',
      which: 'choice',
      maxSteps: 'whole',
      tolerance: 'number',
      vectors: 'flag',
      seed: 'whole',
      signal: 'signal',
      onStep: 'function',
    },
    call: (options) => topEigenvalues(operator, options),
  },
  {
    name: 'spectralDensity',
    kinds: {
      probes: 'whole',
      steps: 'whole',
      sigma: 'number',
      points: 'whole',
      seed: 'whole',
      signal: 'signal',
      onProbe: 'function',
    },
    call: (options) => spectralDensity(operator, options),
  },
  {
    name: 'hutchPlusPlus',
    kinds: { products: 'whole', seed: 'whole', signal: 'signal' },
    call: (options) => hutchPlusPlus(operator, options),
  },
  {
    name: 'measureCurvature',
    needed: { density: false },
    kinds: {
      method: 'choice',
      step: 'number',
      seed: 'whole',
      signal: 'signal',
      count: 'whole',
      tolerance: 'number',
      maxSteps: 'whole',
      traceProducts: 'whole',
    },
    call: (options) => measureCurvature(objective, options),
  },
  {
    name: 'functionLoss',
    kinds: { adaptive: 'function', eager: 'flag' },
    call: (options) => functionLoss([scalar], () => tf.square(scalar), options),
  },
  {
    name: 'ModelLoss',
    kinds: { batchSize: 'whole', loss: 'function', batchNorm: 'choice', eager: 'flag' },
    call: (options) => new ModelLoss(model, flat, options),
  },
  {
    name: 'randomDirection',
    kinds: { normalisation: 'choice', include: 'choice', weights: 'object', seed: 'whole', label: 'text' },
    call: (options) => randomDirection(model, options),
  },
  {
    name: 'lossSurface',
    needed: { plane, x: { from: -1, to: 1, points: 2 } },
    kinds: {
      ...EVALUATION,
      plane: 'object',
      x: 'object',
      batchNorm: 'choice',
      chunkSize: 'whole',
      eager: 'flag',
      path: 'text',
      onProgress: 'function',
    },
    call: (options) => lossSurface(model, flat, options),
  },
  {
    name: 'axis of a surface',
    needed: { from: -1, to: 1, points: 2 },
    kinds: { from: 'number', to: 'number', points: 'whole' },
    call: (x) => lossSurface(model, flat, { plane, x }),
  },
  {
    name: 'trajectoryOnPlane',
    kinds: EVALUATION,
    call: (options) => trajectoryOnPlane(model, flat, plane, [point], options),
  },
  {
    name: 'recordTrajectory',
    kinds: { every: 'whole', signal: 'signal' },
    call: (options) => recordTrajectory(model, new Trainer(model, sgd(), flat, { epochs: 1 }), options),
  },
  {
    name: 'lossAlongPath',
    needed: { points: 3 },
    kinds: { ...EVALUATION, points: 'whole', recomputeBatchNorm: 'object' },
    call: (options) => lossAlongPath(model, flat, linePath(point, point), options),
  },
  {
    name: 'connectByBezier',
    needed: { steps: 1 },
    kinds: {
      steps: 'whole',
      batchSize: 'whole',
      learningRate: 'number',
      momentum: 'number',
      start: 'object',
      loss: 'function',
      seed: 'whole',
      signal: 'signal',
      onStep: 'function',
    },
    call: (options) => connectByBezier(model, flat, point, point, options),
  },
  {
    name: 'splitTasks',
    needed: { tasks: 5 },
    kinds: { tasks: 'whole', scenario: 'choice', classOrder: 'choice', seed: 'whole' },
    call: (options) => splitTasks({ train: flat, test: flat }, options),
  },
  {
    name: 'permutedTasks',
    kinds: { tasks: 'whole', trainSamples: 'whole', seed: 'whole' },
    call: (options) => permutedTasks({ train: flat, test: flat }, options),
  },
  {
    name: 'rotatedTasks',
    kinds: { angles: 'numbers', trainSamples: 'whole', seed: 'whole' },
    call: (options) => rotatedTasks({ train: small, test: small }, options),
  },
  {
    name: 'taskSharpness',
    needed: { radii: [0.1] },
    kinds: { radii: 'numbers', samples: 'whole', batchSize: 'whole', adaptive: 'flag' },
    call: taskSharpness,
  },
  {
    name: 'LifelongLearner',
    kinds: kindsOf({ ...LEARNER, ...LEARNING, ...LOOP }),
    call: (options) => new LifelongLearner(model, sgd(), sequence, options),
  },
  {
    name: 'replay',
    needed: { capacity: 20 },
    kinds: kindsOf(REPLAY),
    call: (replay) => new LifelongLearner(model, sgd(), sequence, { replay }),
  },
  {
    name: 'Dataset',
    needed: { name: 'a', split: 'b', inputs: new Float32Array(4), labels: [0, 1], inputShape: [2], classes: ['x', 'y'] },
    kinds: {
      name: 'text',
      split: 'text',
      inputs: 'object',
      labels: 'numbers',
      inputShape: 'numbers',
      classes: 'object',
      scale: 'number',
    },
    call: (fields) => new Dataset(fields),
  },
  {
    name: 'Dataset.batches',
    needed: { batchSize: 5 },
    kinds: { batchSize: 'whole', seed: 'whole', epoch: 'whole', shuffle: 'flag', dropLast: 'flag' },
    call: (options) => small.batches(options),
  },
  { name: 'Dataset.subset', kinds: { seed: 'whole', stratified: 'flag' }, call: (options) => small.subset(5, options) },
  {
    name: 'Dataset.partition',
    needed: { fractions: { a: 0.5, b: 0.5 } },
    kinds: { fractions: 'object', seed: 'whole', stratified: 'flag' },
    call: (options) => small.partition(options),
  },
  { name: 'cropAndFlip', kinds: { padding: 'whole', flip: 'flag' }, call: cropAndFlip },
  { name: 'rosenbrock', kinds: { a: 'number', b: 'number' }, call: rosenbrock },
  {
    name: 'quadratic',
    needed: { curvatures: [1, 2] },
    kinds: { curvatures: 'numbers', minimum: 'numbers', start: 'numbers' },
    call: quadratic,
  },
  { name: 'twoMoons', kinds: { samples: 'whole', noise: 'number', seed: 'whole' }, call: twoMoons },
  {
    name: 'spirals',
    kinds: { classes: 'whole', samples: 'whole', turns: 'number', noise: 'number', seed: 'whole' },
    call: spirals,
  },
  ...Object.entries(DOWNLOADED).map(
    ([name, call]): Target => ({
      name,
      needed: { download: false },
      kinds: { ...DOWNLOAD, ...FURTHER[name] },
      call,
    }),
  ),
  ...Object.values(models.MODELS).map(
    ({ build, options }): Target => ({
      name: build.name,
      needed: MODELS[build.name],
      kinds: kindsOf(options),
      call: build,
    }),
  ),
  {
    name: 'saveFigure',
    kinds: { linkCameras: 'flag' },
    call: (options) => saveFigure(join(folder, 'figure.html'), figure, options),
  },
  { name: 'show', kinds: {}, call: (options) => show(figure, options) },
  { name: 'liveFigure', kinds: { interval: 'number' }, call: (options) => liveFigure(figure, options) },
  { name: 'figureToPng', kinds: { scale: 'number' }, call: (options) => figureToPng(figure, options) },
  { name: 'figureToHtml', kinds: { linkCameras: 'flag' }, call: (options) => figureToHtml(figure, options) },
  {
    name: 'normaliseDirection',
    kinds: { normalisation: 'choice', include: 'choice' },
    call: (options) => normaliseDirection(model, plane.x, options),
  },
  { name: 'trajectoryPlane', kinds: { through: 'choice' }, call: (options) => trajectoryPlane(way, options) },
  {
    name: 'smoothDensity',
    kinds: { sigma: 'number', points: 'whole', range: 'numbers' },
    call: (options) => smoothDensity(quadratures, options),
  },
  {
    name: 'quantize',
    needed: { bits: 4 },
    kinds: kindsOf(NOISES.quantization.options),
    call: (options) => quantize(new Float32Array(6), { role: 'kernel', shape: [2, 3] }, options),
  },
  {
    name: 'measureSteps',
    kinds: { batches: 'whole', batchSize: 'whole', seed: 'whole', loss: 'function' },
    call: (options) => measureSteps(new Trainer(model, sam(), flat, { epochs: 1 }), options),
  },
  {
    name: 'run',
    needed: { data: 'digits', model: { kind: 'mlp', hidden: [2] }, optimizer: 'sgd', epochs: 1 },
    kinds: {
      data: 'choice',
      model: 'choice',
      optimizer: 'choice',
      lifelong: 'choice',
      epochs: 'whole',
      batchSize: 'whole',
      schedule: 'choice',
      augmentation: 'choice',
      switchBatches: 'flag',
      evaluateEvery: 'whole',
      seed: 'whole',
      measures: 'numbers',
      label: 'text',
      profile: 'choice',
    },
    call: resolveConfig,
  },
  {
    name: 'sweep',
    kinds: {
      store: 'text',
      workers: 'whole',
      engine: 'choice',
      signal: 'signal',
      onRow: 'function',
      onProgress: 'function',
      checkpointSeconds: 'number',
    },
    call: (options) => sweep({ data: 'digits', model: { kind: 'mlp', hidden: [2] }, optimizer: 'sgd', epochs: 1 }, options),
  },
  {
    name: 'executeRun',
    kinds: { signal: 'signal', onProgress: 'function', checkpointSeconds: 'number', loader: 'object' },
    call: (options) =>
      executeRun(
        { data: 'digits', model: { kind: 'mlp', hidden: [2] }, optimizer: 'sgd', epochs: 1 },
        new RunStore('/proc/none'),
        options,
      ),
  },
  {
    name: 'ProcessEngine',
    kinds: { workers: 'whole', threads: 'whole' },
    call: (options) => new ProcessEngine(options),
  },
  {
    name: 'RayEngine',
    kinds: { address: 'text', cpus: 'number', gpus: 'number', slots: 'whole', attempts: 'whole', python: 'text' },
    call: (options) => new RayEngine(options),
  },
  { name: 'meanInterval', kinds: { level: 'number' }, call: (options) => meanInterval([1, 2, 3], options) },
  { name: 'holm', kinds: { level: 'number' }, call: (options) => holm([], options) },
  {
    name: 'describeIntervals',
    kinds: { level: 'number' },
    call: (options) => describeIntervals([meanInterval([1, 2, 3])], options),
  },
  {
    name: 'rankCorrelation',
    kinds: { level: 'number', resamples: 'whole', seed: 'whole' },
    call: (options) => rankCorrelation([1, 2, 3], [1, 3, 2], options),
  },
  {
    name: 'secondsPerGradient',
    kinds: { signal: 'signal' },
    call: (options) => secondsPerGradient(runConfig, options),
  },
  {
    name: 'submitToSlurm',
    kinds: { cpus: 'whole', gpus: 'whole', workers: 'whole', sbatch: 'texts' },
    call: (options) => submitToSlurm([], new RunStore('/proc/none'), options),
  },
  {
    name: 'paperMethods',
    kinds: {
      learningRate: 'number',
      momentum: 'number',
      weightDecay: 'number',
      k: 'whole',
      alpha: 'number',
      adaptiveK: 'whole',
      rho: 'number',
      asamRho: 'number',
      radius: 'choice',
      lookahead: 'object',
    },
    call: paperMethods,
  },
  {
    name: 'bestSettings',
    needed: { value: 'seed' },
    kinds: { by: 'texts', value: 'text', best: 'choice' },
    call: (options) => bestSettings([run], options),
  },
  {
    name: 'goodRange',
    needed: { tolerance: 0.1 },
    kinds: { tolerance: 'number', best: 'choice' },
    call: (options) => goodRange({ x: [1, 2], y: [1, 2] }, options),
  },
  {
    name: 'measureRuns',
    needed: { store: folder },
    kinds: { seeds: 'whole', keep: 'object', signal: 'signal', onProgress: 'function' },
    call: (options) => measureRuns({ of: () => [] } as unknown as SweepResults, [], async () => 0, options),
  },
  { name: 'summarise', kinds: { by: 'texts', value: 'text' }, call: (options) => summarise(rows, options) },
  {
    name: 'pairedDifferences',
    needed: { baseline: 'a' },
    kinds: { by: 'texts', value: 'text', pairedBy: 'text', level: 'number' },
    call: (options) => pairedDifferences(rows, options),
  },
  {
    name: 'ranks',
    kinds: { by: 'texts', value: 'text', best: 'choice', pairedBy: 'text' },
    call: (options) => ranks(rows, options),
  },
  {
    name: 'progress',
    needed: { title: 'a', total: 3, silent: true },
    kinds: { title: 'text', total: 'number', unit: 'text', from: 'number', silent: 'flag' },
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

const CASES: readonly Case[] = TARGETS.flatMap((target) => {
  const wrong = (option: string, value: unknown): Case => ({ target, option, options: { ...target.needed, [option]: value } });
  return [
    ...NO_OPTIONS.map((options): Case => ({ target, option: undefined, options })),
    ...Object.entries(target.kinds).flatMap(([option, kind]) => BAD[kind].map((value) => wrong(option, value))),
    ...['nonsense', 'epoch_s', 'constructor'].map((option) => wrong(option, 1)),
  ];
});

/** What is wrong with how a wrong call was met; undefined where nothing is. */
async function complaint({ target, option, options }: Case): Promise<string | undefined> {
  const call = `${target.name}(${describe(options)})`;
  try {
    await (target.call as (options: unknown) => unknown)(options);
  } catch (error) {
    if (!(error instanceof OptionError)) return `${call}: ${error}`;
    if (option !== undefined && !error.message.includes(option)) return `${call} is not named: ${error.message}`;
    return undefined;
  }
  return `${call} passed`;
}

function describe(options: unknown): string {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) return String(options);
  const short = (value: unknown): string =>
    typeof value === 'object' && value !== null && !Array.isArray(value) ? '{..}' : (JSON.stringify(value) ?? String(value));
  return `{ ${Object.entries(options)
    .map(([name, value]) => `${name}: ${short(value)}`)
    .join(', ')} }`.slice(0, 300);
}

after(() => rmSync(folder, { recursive: true, force: true }));

test('every public function that checks its options is called', () => {
  const sources = readdirSync(LIB, { recursive: true, encoding: 'utf8' }).filter((name) => /^(?!dist).*\.ts$/.test(name));
  const checked = sources.flatMap((name) =>
    [...readFileSync(join(LIB, name), 'utf8').matchAll(/check(?:Known)?Options\(\s*'(\w+)'/g)].map(([, what]) => what),
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
    if (name in DOWNLOADED || name === 'sweep' || name === 'executeRun') continue;
    await assert.doesNotReject(async () => (call as (options: unknown) => unknown)({ ...needed }), name);
  }
});

test('wrong options are refused with an OptionError that names them', async (t) => {
  t.diagnostic(`${CASES.length} wrong calls of ${TARGETS.length} functions`);
  const complaints = (await Promise.all(CASES.map(complaint))).filter((one) => one !== undefined);
  assert.deepEqual(complaints, []);
});
